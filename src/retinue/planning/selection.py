"""What was selected of a stack, as it was written → the addresses that a plan, or a look, is narrowed to.

What is targeted brings along what it needs; what is excluded must be needed by nothing that is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from retinue.errors import UsageError
from retinue.kinds.kind import Kinds
from retinue.model.declared import Declaration, Declared, LeftOut
from retinue.model.live import Live
from retinue.model.selector import Candidate, Selection, Selector, UnmatchedError, choose, named
from retinue.model.slips import near
from retinue.model.values import Address
from retinue.planning.planner import needed_by

_NAMED = 3
NOTHING: Mapping[Address, LeftOut] = MappingProxyType({})


def candidates(declared: Iterable[Declared | Declaration]) -> list[Candidate]:
    """What selectors are held against: what is declared, with its labels and where."""
    return [Candidate(each.address, each.labels, each.places.at((), key=True).file) for each in declared]


def with_live(declared: Iterable[Declared], live: Iterable[Live], stack: str) -> list[Candidate]:
    """The same, and the live objects of the stack that are declared no more, which only their addresses select."""
    known = {each.address: each for each in candidates(declared)}
    ours = {each.tag.address for each in live if each.tag and each.tag.stack == stack}
    return [*known.values(), *(Candidate(each) for each in sorted(ours - known.keys()))]


def with_kinds(
    selection: Selection, among: Collection[Candidate], left_out: Mapping[Address, LeftOut] = NOTHING
) -> Selection:
    """The same selection with the address in the place of each name alone. Raises UsageError for a name that none has,
    or several; what is `left_out` has one, too, where nothing else does."""

    def whole(selector: Selector) -> Selector:
        if selector.form != "name":
            return selector
        there = [each for each in among if selector.matches(each)]
        absent = [Candidate(each) for each in left_out if each.name == selector.text]
        try:
            return Selector.of(named(selector, there or absent or among))
        except UnmatchedError as error:
            raise UsageError(error.message, hint=error.hint) from error

    return Selection(tuple(map(whole, selection.target)), tuple(map(whole, selection.exclude)))


def pick(
    selection: Selection,
    among: Collection[Candidate],
    kinds: Kinds,
    *,
    parts: bool = False,
    left_out: Mapping[Address, LeftOut] = NOTHING,
) -> set[Address]:
    """The addresses that are selected, and not what they need. With `parts`, those are meant, too, that have no objects
    of their own. Raises UsageError for a selector that means none of them, and where nothing is left. `left_out` is
    what is written and not declared."""
    kinds = {} if parts else kinds
    selection = with_kinds(selection, among, left_out)
    check_left_out((*selection.target, *selection.exclude), left_out)
    chosen = _chosen(selection.target, among, kinds) if selection.target else {each.address for each in among}
    excluded = _chosen(selection.exclude, among, kinds)
    if excluded and not chosen - excluded:
        raise UsageError("all that is selected is excluded, too", hint="leave some --exclude out")
    return chosen - excluded


def check_left_out(selectors: Iterable[Selector], left_out: Mapping[Address, LeftOut]) -> None:
    """Raises UsageError for what is written, but not declared in this environment."""
    for each in selectors:
        why = left_out.get(each.address) if each.exact else None
        if why is not None:
            raise UsageError(f"{each} {why}", hint="name something else, or another environment")


def planned_targets(
    selection: Selection, declared: Sequence[Declared], kinds: Kinds, left_out: Mapping[Address, LeftOut] = NOTHING
) -> tuple[Address, ...]:
    """The addresses that a plan is narrowed to. Raises UsageError as `pick` does, and where something that is left
    needs what is excluded."""
    among = candidates(declared)
    check_left_out((*selection.target, *selection.exclude), left_out)
    check_targets(declared, [each.address for each in selection.target if each.exact], kinds)
    chosen = pick(selection, among, kinds)
    excluded = _chosen(selection.exclude, among, kinds)
    by_address = {each.address: each for each in declared}
    missing: list[tuple[Address, Address]] = []
    waiting, seen = sorted(chosen, reverse=True), set[Address]()
    while excluded and waiting:
        address = waiting.pop()
        if address not in seen and address in by_address:
            seen.add(address)
            needed = needed_by(by_address[address], kinds)
            missing += [(address, each) for each in needed if each in excluded]
            waiting += [each for each in reversed(needed) if each not in excluded]
    if missing:
        said = ", and ".join(f"{holder} needs {needed}" for holder, needed in missing[:_NAMED])
        more = f", and so on ({len(missing)} in all)" if len(missing) > _NAMED else ""
        verb = "which is" if len({needed for _, needed in missing}) == 1 and not more else "which are"
        raise UsageError(f"{said}{more}, {verb} excluded", hint="exclude what needs it as well, or leave it in")
    return tuple(sorted(chosen))


def check_targets(declared: Sequence[Declared], targets: Sequence[Address], kinds: Kinds) -> None:
    """Raises UsageError for an address that is not declared."""
    known = {str(each.address) for each in declared}
    for target in targets:
        if str(target) in known:
            continue
        hint = _inside(target.kind, kinds)
        if hint:
            raise UsageError(f"the target {target} has no object of its own", hint=hint)
        close = near(str(target), sorted(known))
        hint = f"did you mean {close[0]}?" if close else "'retinue show' and the declarations name what there is"
        raise UsageError(f"the target {target} is not declared", hint=hint)


def _chosen(selectors: Sequence[Selector], among: Collection[Candidate], kinds: Kinds) -> set[Address]:
    try:
        return choose(selectors, among)
    except UnmatchedError as error:
        of_kind = str(error.selector.parts[0]) if error.selector.form in ("address", "pattern") else ""
        raise UsageError(error.message, hint=_inside(of_kind, kinds) or error.hint) from error


def _inside(name: str, kinds: Kinds) -> str | None:
    """What to say of a kind whose declarations have no objects of their own."""
    kind = kinds.get(name)
    if kind is None or kind.stored:
        return None
    return f"a {kind.title} lives inside the objects that use it: name one of those"
