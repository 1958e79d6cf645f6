"""What a declaration says about the life of its object, checked against what its kind can do."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from retinue.kinds.fields import Field
from retinue.kinds.kind import Kind, Kinds
from retinue.kinds.stores import READ_ONLY
from retinue.model.declared import Declaration, Diagnostic, Handover, Lifecycle, Position, Problem
from retinue.model.values import Address


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


def check_handovers(
    handovers: Sequence[Handover],
    declarations: Sequence[Declaration],
    kinds: Kinds,
    *,
    stack: str | None,
    complete: bool = True,
) -> Iterator[Diagnostic]:
    """Every mistake, each at its entry. Unless the declarations are `complete`, what is missing may be declared."""
    declared = {each.address: each.places.at((), key=True) for each in declarations}
    sound: list[Handover] = []
    for each in handovers:
        problem = _impossible(each, kinds, stack)
        if problem:
            yield _error(each, *problem)
        else:
            sound.append(each)
    yield from _against_declarations(sound, declared, complete=complete)
    yield from _twice(sound)
    yield from _circles(sound)


def _impossible(each: Handover, kinds: Kinds, stack: str | None) -> tuple[str, str] | None:
    """What is wrong with one entry by itself, and what to do."""
    for address in (each.address, each.origin):
        kind = kinds.get(address.kind) if address else None
        if address and kind is None:
            close = difflib.get_close_matches(address.kind, kinds, n=1)
            hint = f"did you mean '{close[0]}.{address.name}'?" if close else f"kinds: {', '.join(sorted(kinds))}"
            return f"'{address}' names no kind", hint
        if kind and kind.stored is False:
            return f"{address} has no object of its own in the account", "remove the entry: it needs none"
    if each.origin and each.origin.kind != each.address.kind:
        return f"{each.origin} cannot become {each.address}, which is of another kind", "only the name can change"
    if each.origin == each.address:
        return f"{each.address} is moved to itself", "remove the entry"
    if each.verb == "takeover" and each.stack == stack:
        return f"'{stack}' is this very stack", "name the stack that the object is taken from"
    return None


def _against_declarations(
    handovers: Sequence[Handover], declared: Mapping[Address, Position], *, complete: bool
) -> Iterator[Diagnostic]:
    passed = {each.origin for each in handovers} | {each.address for each in handovers if each.verb == "release"}
    for each in handovers:
        gone = each.origin if each.verb == "moved" else each.address if each.verb == "release" else None
        if gone in declared and gone is not None:
            verb = "released" if each.verb == "release" else f"moved to {each.address}"
            related = (("declared here", declared[gone]),)
            yield _error(each, f"{gone} is {verb} and still declared", "remove its declaration or the entry", related)
        if each.verb == "release" or each.address in declared or each.address in passed or not complete:
            continue
        close = difflib.get_close_matches(str(each.address), map(str, declared), n=1)
        hint = f"did you mean {close[0]}?" if close else "declare it, or remove the entry"
        yield _error(each, f"{each.address} is not declared", hint)


def _twice(handovers: Sequence[Handover]) -> Iterator[Diagnostic]:
    """One object for each address, and one address for each object."""
    for message, key in _KEYS:
        first: dict[object, Handover] = {}
        for each in handovers:
            value = key(each)
            other = first.setdefault(value, each)
            if value is not None and other is not each:
                related = (("said here before", other.position),)
                yield _error(each, message.format(value), "remove one of the two", related)


def _given_away(each: Handover) -> Address | None:
    return each.address if each.verb == "release" else each.origin


_KEYS: tuple[tuple[str, Callable[[Handover], object]], ...] = (
    ("{} is to go two ways", _given_away),
    ("two addresses are moved to {}", lambda each: each.address if each.verb == "moved" else None),
    ("{} is adopted twice", lambda each: each.id),
    ("two objects are adopted as {}", lambda each: each.address if each.verb == "adopt" else None),
    ("{} is taken over twice", lambda each: each.address if each.verb == "takeover" else None),
)


def _circles(handovers: Sequence[Handover]) -> Iterator[Diagnostic]:
    onward = {each.origin: each for each in handovers if each.origin}
    reported: set[Address | None] = set()
    for start in onward.values():
        trail = [start.origin]
        said: Handover | None = start
        while said is not None and said.address not in trail:
            trail.append(said.address)
            said = onward.get(said.address)
        if said is not None and said.address == start.origin and start.origin not in reported:
            reported.update(trail)
            way = " → ".join(str(each) for each in (*trail, start.origin))
            yield _error(start, f"the addresses are moved in a circle: {way}", "end it at what is declared")


def _error(each: Handover, message: str, hint: str, related: tuple[tuple[str, Position], ...] = ()) -> Diagnostic:
    return Diagnostic("error", "bad-handover", message, each.position, hint, related=related)
