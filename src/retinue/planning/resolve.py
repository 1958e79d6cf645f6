"""Declarations as written → what the account should hold: names, references, inlined parts, cycles, limits."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retinue.kinds.fields import Field
from retinue.kinds.kind import Kind, Kinds, Reference
from retinue.kinds.stores import READ_ONLY
from retinue.model.declared import Declaration, Declared, Diagnostic, Lifecycle, Places, Position, Problem
from retinue.model.values import Address, Path, Ref
from retinue.planning.redaction import secrets_in_the_open


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the declarations come to. With an error among the diagnostics, `declared` is not complete."""

    declared: tuple[Declared, ...]
    diagnostics: tuple[Diagnostic, ...]

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
) -> Resolved:
    """Resolve all declarations together. Every mistake is a diagnostic; none stops the search for others.

    Unless the declarations are `complete`, a name that is missing may be in a file that could not be read. `home` is
    for declarations of kinds with several homes that do not choose one, `seal` the key for digests of hidden values.
    """
    known: dict[Address, Declaration] = {}
    diagnostics: list[Diagnostic] = []
    for each in declarations:
        first = known.setdefault(each.address, each)
        if first is not each:
            diagnostics.append(_declared_twice(first, each, kinds))
    used: set[Address] = set()
    for address, each in known.items():
        if exposed := list(secrets_in_the_open(kinds[each.kind], each.spec)):
            diagnostics += [_place(problem, each.places) for problem in exposed]
            # Whatever else is wrong with it, no message about it may quote the secret.
            known[address] = replace(each, spec={}, broken=True)
    links: dict[Address, list[tuple[Address, Position]]] = {}
    declared: list[Declared] = []
    for each in known.values():
        kind = kinds[each.kind]
        linked, problems = _link(each, kind, known)
        links[each.address] = linked.links
        # What a broken one names, beside what can still be read of it, is taken to be used.
        used.update(known if each.broken else (address for address, _ in linked.links))
        if kind.stored and not (problems or linked.incomplete or each.broken):
            made, problems = _declare(each.address, kind, linked, home, seal)
            declared += [made] if made else []
        diagnostics += [
            _place(problem, each.places) if isinstance(problem, Problem) else problem for problem in problems
        ]
    diagnostics += _cycles(links)
    if complete:
        diagnostics += _unused(known, used, kinds)
    else:
        diagnostics = [each for each in diagnostics if each.code != "unknown-reference"]
    return Resolved(tuple(sorted(declared, key=lambda each: each.address)), tuple(diagnostics))


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
    declaration: Declaration, kind: Kind, known: Mapping[Address, Declaration]
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
                problems.append(_unknown(reference, path, value, known))
                continue
            linked.links.append((address, declaration.places.at(path)))
            if not reference.inline:
                linked.spec = spec = replaced(spec, path, Ref(address))
                continue
            linked.incomplete |= target.broken
            grafts[path] = target.places
            linked.spec = spec = replaced(spec, path, {"name": target.name, **target.spec})
    return linked, problems


def matches(value: Any, pattern: Sequence[str], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every part of `value` whose path fits the pattern."""
    if not pattern:
        yield path, value
    elif isinstance(value, Mapping):
        for key in value if pattern[0] == "*" else (pattern[0],):
            if key in value:
                yield from matches(value[key], pattern[1:], (*path, key))
    elif isinstance(value, list) and pattern[0] == "*":
        for index, each in enumerate(value):
            yield from matches(each, pattern[1:], (*path, index))


def replaced(value: Any, path: Path, new: Any) -> Any:
    """A copy of `value` with `new` at `path`; everything beside the path is shared."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def _unknown(reference: Reference, path: Path, name: str, known: Iterable[Address]) -> Problem:
    names = sorted(address.name for address in known if address.kind == reference.kind)
    close = difflib.get_close_matches(name, names, n=1)
    word = reference.kind.replace("_", " ")
    if close:
        hint = f"did you mean '{close[0]}'?"
    elif names:
        hint = f"declared: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
    else:
        hint = f"declare it under '{reference.kind}s:'"
    return Problem("unknown-reference", path, f"there is no {word} '{name}'", hint)


# ── specifications ────────────────────────────────────────────────────────────────────────────────────────────────────


def _declare(
    address: Address, kind: Kind, linked: _Linked, home: str | None, seal: bytes
) -> tuple[Declared | None, list[Diagnostic | Problem]]:
    written = dict(linked.spec)
    said = written.pop("lifecycle", {})
    lifecycle = Lifecycle(**{**said, "ignore": tuple(said.get("ignore", ()))})
    chosen = written.pop("api", None) if kind.homes else None
    kind = kind.at(chosen or home)
    further = [_diagnostic(each, linked.places.at(each.path, key=True)) for each in check_extras(kind, written)]
    if further:
        return None, [*further]
    expanded, origins = kind.expand(written)
    expanded = with_extras(kind, expanded)
    spec = {name: _canonical(kind, name, value, seal) for name, value in expanded.items() if kind.has(name)}
    declared = Declared(address, spec, linked.places, origins, lifecycle, kind.home if kind.store.rendered else None)
    problems = [
        *check_lifecycle(lifecycle, kind),
        *_elsewhere(kind, expanded),
        *_too_long(kind, spec),
        *kind.check(expanded),
    ]
    placed: list[Diagnostic | Problem] = [_diagnostic(each, declared.position(each.path)) for each in problems]
    return declared, placed


def _canonical(kind: Kind, name: str, value: Any, seal: bytes) -> Any:
    return kind.field(name).declare(value, seal)


def _elsewhere(kind: Kind, spec: Mapping[str, Any]) -> Iterable[Problem]:
    for name in spec:
        if not kind.has(name):
            others = [f"'api: {each}'" for each, other in kind.homes.items() if other.has(name)]
            yield Problem(
                "misplaced-field",
                (name,),
                f"the field '{name}' has no meaning with 'api: {kind.home}'",
                f"it belongs to {' or '.join(others)}" if others else None,
                key=True,
            )


def _too_long(kind: Kind, spec: Mapping[str, Any]) -> Iterable[Problem]:
    for name, value in spec.items():
        limit = kind.field(name).limit
        if limit is not None and isinstance(value, str) and len(value) > limit:
            yield Problem(
                "too-long",
                (name,),
                f"'{name}' has {len(value):,} characters, but the API takes {limit:,}",
                f"cut {len(value) - limit:,} or more of them, or move knowledge into files",
            )


# ── diagnostics ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _place(problem: Problem, places: Places) -> Diagnostic:
    return _diagnostic(problem, places.at(problem.path, key=problem.key))


def _diagnostic(problem: Problem, position: Position) -> Diagnostic:
    return Diagnostic(problem.severity, problem.code, problem.message, position, problem.hint)


def _declared_twice(first: Declaration, second: Declaration, kinds: Kinds) -> Diagnostic:
    return Diagnostic(
        "error",
        "duplicate-name",
        f"the {kinds[second.kind].title} '{second.name}' is declared twice",
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
            f"the {kinds[each.kind].title} '{each.name}' is declared but used nowhere",
            each.places.at((), key=True),
            "remove it, or name it where it is needed",
        )
        for address, each in known.items()
        if not kinds[each.kind].stored and address not in used
    ]


def check_lifecycle(lifecycle: Lifecycle, kind: Kind) -> Iterator[Problem]:
    """Every mistake in it; paths are those of the declaration."""
    impossible = list(kind.store.check_lifecycle(lifecycle, kind.title))
    yield from impossible
    if lifecycle.on_delete == "retire" and kind.retire is None and not impossible:
        yield Problem(
            "not-allowed-value",
            ("lifecycle", "on_delete"),
            f"nothing in the API lets this {kind.title} end by itself, so it cannot be retired",
            "use 'keep' to leave it in the account, or 'delete'",
        )
    for index, entry in enumerate(lifecycle.ignore if kind.store.may_ignore() else ()):
        path = ("lifecycle", "ignore", index)
        name, dot, key = entry.partition(".")
        if not kind.has(name):
            names = [each.name for each in kind.fields]
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(names)}"
            yield Problem("unknown-field", path, f"there is no field '{name}' to ignore", hint)
        elif dot and not (key and kind.field(name).by_key):
            hint = f"ignore '{name}', or a key of a map such as 'metadata.KEY'"
            yield Problem("invalid-value", path, f"'{entry}' cannot be ignored apart from the rest of '{name}'", hint)


def rest_of(kind: Kind) -> Field | None:
    """The field that holds the further parts of the body, where the kind takes any."""
    return next((each for each in kind.fields if each.rest), None)


def with_extras(kind: Kind, expanded: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of the API that `extra` adds to, such as tools of an unknown type, joined with what is declared."""
    rest = rest_of(kind)
    if rest is None or not isinstance(expanded.get(rest.name), Mapping):
        return dict(expanded)
    extra = dict(expanded[rest.name])
    joined = {name: value for name, value in extra.items() if _adds(kind, name, value)}
    spec = {**expanded, rest.name: {name: value for name, value in extra.items() if name not in joined}}
    for name, value in joined.items():
        spec[name] = [*(expanded.get(name) or []), *value]
    return spec


def _adds(kind: Kind, name: str, value: Any) -> bool:
    """Whether `value` is a list of further items for a list of the API."""
    return (
        kind.has(name)
        and kind.field(name).extendable
        and isinstance(value, list)
        and all(isinstance(each, Mapping) for each in value)
    )


def check_extras(kind: Kind, written: Mapping[str, Any]) -> Iterator[Problem]:
    """Every mistake in `extra`; paths are those of the declaration."""
    rest = rest_of(kind)
    extra = written.get(rest.name) if rest else None
    if rest is None or not isinstance(extra, Mapping):
        return
    known = {each.body_path[0] for each in kind.fields if not each.rest} | READ_ONLY
    known.add(kind.store.marks.field)
    for name, value in extra.items():
        if name in known and not _adds(kind, name, value):
            hint = "the API sets it" if name in READ_ONLY else "declare it by the fields of its own"
            message = f"'{name}' cannot be given as extra"
            yield Problem("misplaced-field", (rest.name, name), message, hint, key=True)
