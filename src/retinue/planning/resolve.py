"""Declarations as written → what the account should hold: names, references, inlined parts, cycles, limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from retinue.kinds.kind import Kind, Kinds, Reference
from retinue.model.declared import (
    MOST_GUESSES,
    Declaration,
    Declared,
    Diagnostic,
    LeftOut,
    Lifecycle,
    Places,
    Position,
    Problem,
)
from retinue.model.paths import matches, replaced
from retinue.model.slips import near
from retinue.model.values import Address, Path, Ref
from retinue.planning.model_catalog import Use
from retinue.planning.redaction import hidden_texts, texts_in_hidden_places


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the declarations come to. With an error among the diagnostics, none of it is complete.

    `needed` are the kinds that the account has to serve, with the first that is declared of each and where; `models`
    says where each model is named. `hidden` are the texts that nothing we print may quote,
    `plain` those in places that the API never shows, also of declarations with mistakes. `left_out` is what is written
    and not declared.
    """

    declared: tuple[Declared, ...]
    diagnostics: tuple[Diagnostic, ...]
    needed: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, tuple[Use, ...]] = field(default_factory=dict)
    hidden: frozenset[str] = field(default=frozenset(), repr=False)
    plain: frozenset[str] = field(default=frozenset(), repr=False)
    left_out: Mapping[Address, LeftOut] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return any(each.severity == "error" for each in self.diagnostics)


def resolve(
    declarations: Sequence[Declaration],
    kinds: Kinds,
    *,
    complete: bool = True,
    home: str | None = None,
    seal: bytes = b"",
    secrets: Iterable[str] = (),
    left_out: Mapping[Address, LeftOut] = MappingProxyType({}),
) -> Resolved:
    """Resolve all declarations together. Every mistake is a diagnostic; none stops the search for others.

    Unless the declarations are `complete`, a name that is missing may be in a file that could not be read. `home` is
    for declarations of kinds with several homes that do not choose one, `seal` the key for digests of hidden values.
    `secrets` are texts that are hidden wherever they stand, and `left_out` is what is written and not declared.
    """
    known: dict[Address, Declaration] = {}
    diagnostics: list[Diagnostic] = []
    for each in declarations:
        first = known.setdefault(each.address, each)
        if first is not each:
            diagnostics.append(_declared_twice(first, each, kinds))
    used: set[Address] = set()
    links: dict[Address, list[tuple[Address, Position]]] = {}
    declared: list[Declared] = []
    names = _Names(known, left_out)
    for each in known.values():
        kind = kinds[each.address.kind]
        linked, problems = _link(each, kind, known, names)
        links[each.address] = linked.links
        used.update(address for address, _ in linked.links)
        if kind.stored and not (problems or linked.incomplete or each.broken):
            made, refused = _declare(each, kind, linked, home, seal)
            declared += [made] if made else []
            problems += refused
        elif not (kind.stored or problems or each.broken):
            problems += kind.check(linked.spec)
        diagnostics += [
            _place(problem, each.places) if isinstance(problem, Problem) else problem for problem in problems
        ]
    diagnostics += _cycles(links)
    if complete:
        # What a broken one names, beside what can still be read of it, is taken to be used.
        diagnostics += [] if any(each.broken for each in known.values()) else _unused(known, used, kinds)
    else:
        diagnostics = [each for each in diagnostics if each.code != "unknown-reference"]
    declared.sort(key=lambda each: each.address)
    models = used_models(declared, kinds)
    hidden = hidden_texts(declared, secrets)
    plain = frozenset(texts_in_hidden_places(declarations, kinds))
    return Resolved(tuple(declared), tuple(diagnostics), _needed(declared), models, hidden, plain, left_out)


def used_models(declared: Iterable[Declared], kinds: Kinds) -> dict[str, tuple[Use, ...]]:
    """Every model that declarations name → where, in the order of addresses."""
    found: dict[str, list[Use]] = {}
    for each in sorted(declared, key=lambda other: other.address):
        for one in kinds[each.address.kind].fields:
            value = each.spec.get(one.name)
            if one.model and isinstance(value, str):
                found.setdefault(value, []).append(Use(each.address, each.position((one.name,))))
    return {name: tuple(uses) for name, uses in sorted(found.items())}


def _needed(declared: Iterable[Declared]) -> dict[str, str]:
    found: dict[str, list[Declared]] = {}
    for each in declared:
        if each.home is None:
            found.setdefault(each.address.kind, []).append(each)
    return {
        kind: f"{first.address} ({first.position()})" + (f" and {len(others)} more" if others else "")
        for kind, (first, *others) in sorted(found.items())
    }


# ── references ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Linked:
    """A declaration whose references are resolved, before the kind's shorthands are written out."""

    spec: dict[str, Any]
    places: Places
    links: list[tuple[Address, Position]]
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class _Grafted:
    """The places of a declaration with parts of others inlined: what was written elsewhere is placed there."""

    places: Places
    grafts: Mapping[Path, Places]

    def at(self, path: Path, *, key: bool = False) -> Position:
        for cut in range(len(path) - 1, 0, -1):
            graft = self.grafts.get(path[:cut])
            if graft is not None:
                return graft.at(path[cut:], key=key)
        return self.places.at(path, key=key)


def _link(
    declaration: Declaration, kind: Kind, known: Mapping[Address, Declaration], names: _Names
) -> tuple[_Linked, list[Diagnostic | Problem]]:
    spec = dict(declaration.spec)
    grafts: dict[Path, Places] = {}
    linked = _Linked(spec, _Grafted(declaration.places, grafts), [])
    problems: list[Diagnostic | Problem] = []
    for reference in kind.references:
        for path, value in list(matches(spec, reference.pattern)):
            if not isinstance(value, str):
                if reference.allow_id and isinstance(value, Mapping) and "id" in value:
                    linked.spec = spec = replaced(spec, path, value["id"])
                continue
            address = Address(reference.kind, value)
            target = known.get(address)
            if target is None:
                problems.append(names.unknown(reference, path, value))
                continue
            linked.links.append((address, declaration.places.at(path)))
            if not reference.inline:
                linked.spec = spec = replaced(spec, path, Ref(address))
                continue
            linked.incomplete |= target.broken
            grafts[path] = target.places
            linked.spec = spec = replaced(spec, path, {"name": address.name, **target.spec})
    return linked, problems


@dataclass(slots=True)
class _Names:
    """The declared names by kind, for what is said of a name that is none. `guesses` is how often one more is looked
    for that was meant: with many of both, that would take longer than all else."""

    known: Iterable[Address]
    left_out: Mapping[Address, LeftOut]
    guesses: int = MOST_GUESSES
    _by_kind: dict[str, list[str]] = field(default_factory=dict)

    def unknown(self, reference: Reference, path: Path, name: str) -> Problem:
        word = reference.kind.replace("_", " ")
        left_out = self.left_out.get(Address(reference.kind, name))
        if left_out is not None:
            hint = "take this out as well, or leave that in"
            return Problem("unknown-reference", path, f"the {word} '{name}' {left_out}", hint)
        if not self._by_kind:
            for address in sorted(self.known):
                self._by_kind.setdefault(address.kind, []).append(address.name)
        names = self._by_kind.get(reference.kind, [])
        self.guesses -= 1
        close = near(name, names) if self.guesses >= 0 else []
        if close:
            hint = f"did you mean '{close[0]}'?"
        elif names:
            hint = f"declared: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
        else:
            hint = f"declare it under '{reference.kind}s:'"
        return Problem("unknown-reference", path, f"there is no {word} '{name}'", hint)


# ── specifications ────────────────────────────────────────────────────────────────────────────────────────────────────


def _declare(
    declaration: Declaration, kind: Kind, linked: _Linked, home: str | None, seal: bytes
) -> tuple[Declared | None, list[Diagnostic]]:
    written = dict(linked.spec)
    said = written.pop("lifecycle", {})
    lifecycle = Lifecycle(**{**said, "ignore": tuple(said.get("ignore", ()))})
    chosen = written.pop("api", None) if kind.homes else None
    kind = kind.at(chosen or home)
    written, handlers = _without_handlers(written, kind)
    misplaced = kind.misplaced_extras(written)
    if misplaced:
        return None, [_diagnostic(each, linked.places.at(each.path, key=True)) for each in misplaced]
    spec, origins, problems = kind.declare(written, seal)
    place = kind.home if kind.store.rendered else None
    address, labels = declaration.address, declaration.labels
    declared = Declared(address, spec, linked.places, origins, lifecycle, place, handlers, labels)
    problems = [*kind.lifecycle_problems(lifecycle), *problems]
    return declared, [_diagnostic(each, declared.position(each.path)) for each in problems]


def _without_handlers(written: dict[str, Any], kind: Kind) -> tuple[dict[str, Any], dict[str, str]]:
    """A declaration without what is for this machine alone, and that by the names of functions."""
    found: dict[str, str] = {}
    *above, last = kind.handlers or ("",)
    for path, function in list(matches(written, tuple(above))) if above else ():
        if isinstance(function, Mapping) and last in function:
            found[str(function.get("name"))] = str(function[last])
            written = replaced(written, path, {key: each for key, each in function.items() if key != last})
    return written, found


# ── diagnostics ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _place(problem: Problem, places: Places) -> Diagnostic:
    return _diagnostic(problem, places.at(problem.path, key=problem.key))


def _diagnostic(problem: Problem, position: Position) -> Diagnostic:
    return Diagnostic(problem.severity, problem.code, problem.message, position, problem.hint)


def _declared_twice(first: Declaration, second: Declaration, kinds: Kinds) -> Diagnostic:
    return Diagnostic(
        "error",
        "duplicate-name",
        f"the {kinds[second.address.kind].title} '{second.address.name}' is declared twice",
        second.places.at((), key=True),
        "rename or remove one of them",
        related=(("first declared here", first.places.at((), key=True)),),
    )


def _cycles(links: Mapping[Address, Sequence[tuple[Address, Position]]]) -> list[Diagnostic]:
    """One diagnostic for each cycle of references, at the link that closes it."""
    found: list[Diagnostic] = []
    done: set[Address] = set()

    def visit(address: Address, trail: tuple[Address, ...]) -> None:
        for target, position in links.get(address, ()):
            if target in trail:
                cycle = " → ".join(str(each) for each in (*trail[trail.index(target) :], target))
                found.append(
                    Diagnostic(
                        "error",
                        "reference-cycle",
                        f"references go round in a circle: {cycle}",
                        position,
                        "cut one of them",
                    )
                )
            elif target not in done:
                visit(target, (*trail, target))
        done.add(address)

    for start in links:
        if start not in done:
            visit(start, (start,))
    return found


def _unused(known: Mapping[Address, Declaration], used: set[Address], kinds: Kinds) -> list[Diagnostic]:
    return [
        Diagnostic(
            "warning",
            "unused-declaration",
            f"the {kinds[address.kind].title} '{address.name}' is declared but used nowhere",
            each.places.at((), key=True),
            "remove it, or name it where it is needed",
        )
        for address, each in known.items()
        if not kinds[address.kind].stored and address not in used
    ]
