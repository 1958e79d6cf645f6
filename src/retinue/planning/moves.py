"""Handovers → whose each live object is to be: adopted, renamed, taken over, let go. Pure; the plan makes steps of it.

A live object that is handed over is planned as if it carried its new tag already; the step that writes the tag comes
first, so that whatever else is to change finds an object that is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import get_args

from retinue.kinds.kind import Kinds
from retinue.model.declared import MOST_GUESSES, Declaration, Declared, Diagnostic, Handover, Position, Verb
from retinue.model.live import Live
from retinue.model.sealed import reseal
from retinue.model.slips import near
from retinue.model.steps import Action, Block
from retinue.model.tag import Tag
from retinue.model.values import Address


@dataclass(frozen=True, slots=True)
class Claim:
    """A live object that is to carry another tag: by which action, said where, and which tag it carries until then."""

    action: Action
    said: Handover
    held: Tag | None

    def reason(self, stack: str) -> str:
        """In words, for an object that is to belong to `stack`."""
        if self.held is None:
            return "it has no owner yet"
        if self.action == "move":
            return f"it was {self.held.address}"
        known = "" if self.held.address == self.said.address else f" ({self.held.address})"
        return f"from stack {self.held.stack}{known} to stack {stack}"


@dataclass(slots=True)
class Handed:
    """The live objects with the tags that they are to have; `claims` says by id which of them have another one yet.

    `released` are the addresses whose objects are let go, `former` the old address of each that was renamed.
    """

    live: list[Live]
    claims: dict[str, Claim] = field(default_factory=dict)
    released: dict[Address, Handover] = field(default_factory=dict)
    former: dict[Address, Address] = field(default_factory=dict)
    notes: list[Diagnostic] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


def concerning(handovers: Iterable[Handover]) -> Callable[[Live], bool]:
    """Tells of an object that is not ours whether it may become ours, so that it has to be read as completely as ours
    are."""
    adopted = {each.id for each in handovers if each.verb == "adopt"}
    taken = {(each.stack, each.address) for each in handovers if each.verb == "takeover"}
    return lambda live: live.id in adopted or (live.tag is not None and (live.tag.stack, live.tag.address) in taken)


def hand_over(
    live: Iterable[Live],
    handovers: Sequence[Handover],
    stack: str,
    declared: Mapping[Address, Declared] = MappingProxyType({}),
) -> Handed:
    """Decide for each handover which live object it is about, and what forbids it."""
    handed = Handed(list(live))
    found = _Found(handed, stack)
    said = {verb: [each for each in handovers if each.verb == verb] for verb in get_args(Verb)}
    taken = {(each.address, each.stack) for each in said["takeover"]}
    for each in said["adopt"]:
        found.adopt(each, taken)
    for each in said["takeover"]:
        found.take_over(each)
    found.move(said["moved"], {each.address: each for each in said["release"]})
    for each in said["release"]:
        found.release(each)
    handed.live = [
        replace(each, tag=_new_tag(handed.claims[each.id], stack, declared)) if each.id in handed.claims else each
        for each in handed.live
    ]
    return handed


def _new_tag(claim: Claim, stack: str, declared: Mapping[Address, Declared]) -> Tag:
    address = claim.said.address
    if claim.held is None:
        return Tag(stack, address)
    # What was applied last stays known, whoever applied it: an edit made since is still told from a new declaration.
    return reseal(claim.held, stack, address, declared[address].spec if address in declared else {})


class _Found:
    """The live objects by what handovers look for."""

    def __init__(self, handed: Handed, stack: str) -> None:
        self._handed = handed
        self._stack = stack
        self._by_id = {each.id: each for each in handed.live}
        self._by_owner: dict[tuple[str | None, Address], list[Live]] = {}
        self._ours: dict[Address, list[Live]] = {}
        for each in handed.live:
            if each.tag:
                self._by_owner.setdefault((each.tag.stack, each.tag.address), []).append(each)
                if each.tag.stack == stack:
                    self._ours.setdefault(each.tag.address, []).append(each)
        self._claimed: set[Address] = set()
        self._blocked: set[Address | None] = set()
        self._let_go_early: set[Handover] = set()

    # ── from elsewhere ────────────────────────────────────────────────────────────────────────────────────────────────

    def adopt(self, said: Handover, taken: Collection[tuple[Address, str | None]]) -> None:
        live = self._by_id.get(str(said.id))
        ours = self._ours.get(said.address, [])
        if live in ours or (live is None and ours):
            self._settled(said, f"{said.address} is adopted")
        elif live is None:
            self._block(said, f"the account has no {said.id} to adopt as {said.address}")
        elif live.kind != said.address.kind:
            self._block(said, f"{said.id} cannot become {said.address}: its kind is {live.kind.replace('_', ' ')}")
        elif ours:
            self._block(said, f"{said.address} is {ours[0].id} already, so that {said.id} cannot be adopted as it")
        elif live.tag_error is None:
            self._claim_if_free(said, live, taken)

    def _claim_if_free(self, said: Handover, live: Live, taken: Collection[tuple[Address, str | None]]) -> None:
        tag = live.tag
        if tag and tag.stack == self._stack:
            entry = f"moved: [{{from: {tag.address}, to: {said.address}}}]"
            self._block(said, f"{live.id} is {tag.address} already; to rename it, write '{entry}'")
        elif tag and (said.address, tag.stack) not in taken:
            entry = f"takeover: [{{address: {said.address}, from_stack: {tag.stack}}}]"
            self._block(
                said, f"{live.id} belongs to the stack '{tag.stack}' ({tag.address}); to take it, add '{entry}'"
            )
        else:
            self._claim("adopt", said, live)

    def take_over(self, said: Handover) -> None:
        if said.address in self._claimed:
            return  # adopted by its id
        found = self._by_owner.get((said.stack, said.address), [])
        if self._ours.get(said.address):
            self._settled(said, f"{said.address} belongs to this stack")
        elif len(found) == 1:
            self._claim("adopt", said, found[0])
        elif found:
            ids = ", ".join(each.id for each in found)
            self._block(said, f"the stack '{said.stack}' has several objects called {said.address}: {ids}")
        elif said.address not in self._blocked:  # else an entry that names it by its id has complained already
            self._block(said, f"the stack '{said.stack}' has no {said.address} to take over")

    # ── what is ours ──────────────────────────────────────────────────────────────────────────────────────────────────

    def release(self, said: Handover) -> None:
        if said.address in self._ours:
            self._handed.released[said.address] = said
        elif said not in self._let_go_early:
            self._settled(said, f"{said.address} is not this stack's any more")

    def move(self, moves: Sequence[Handover], released: Mapping[Address, Handover]) -> None:
        onward = {each.origin: each for each in moves}
        heads: dict[Address, list[Handover]] = {}
        for each in moves:
            if each.origin is None or each.origin not in self._ours:
                self._settled(each, f"no object has the address {each.origin} any more")
            else:
                heads.setdefault(_end(each, onward), []).append(each)
        for target, several in heads.items():
            if target in released:
                # What was renamed and then let go is let go under its old name by whoever missed the renaming.
                self._handed.released.update({each.origin: released[target] for each in several if each.origin})
                self._let_go_early.add(released[target])
                continue
            objects = [live for each in several if each.origin for live in self._ours[each.origin]]
            objects += self._ours.get(target, [])
            if len(objects) > 1:
                named = ", ".join(f"{each.id} ({each.tag.address})" for each in objects if each.tag)
                self._block(
                    several[0], f"{len(objects)} objects would become {target}: {named}; release or delete all but one"
                )
                continue
            said = replace(several[0], address=target)
            self._claim("move", said, objects[0])
            self._handed.former[target] = several[0].origin or target

    # ── results ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _claim(self, action: Action, said: Handover, live: Live) -> None:
        self._handed.claims[live.id] = Claim(action, said, live.tag)
        self._claimed.add(said.address)

    def _settled(self, said: Handover, why: str) -> None:
        message = f"{why}, so that this entry of '{said.verb}' has nothing left to do"
        hint = "remove it once it has been applied in every environment"
        self._handed.notes.append(Diagnostic("warning", "settled-entry", message, said.position, hint))

    def _block(self, said: Handover, why: str) -> None:
        self._handed.blocks.append(Block("handover", f"{why} ({said.position})", said.address))
        self._blocked.add(said.address)


def _end(said: Handover, onward: dict[Address | None, Handover]) -> Address:
    """The last address of a chain of renames. The declarations were checked: it ends."""
    seen = {said.origin}
    while said.address in onward and said.address not in seen:
        seen.add(said.address)
        said = onward[said.address]
    return said.address


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
            close = near(address.kind, kinds)
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
    guesses, names = MOST_GUESSES, [str(each) for each in declared]
    for each in handovers:
        gone = each.origin if each.verb == "moved" else each.address if each.verb == "release" else None
        if gone in declared and gone is not None:
            verb = "released" if each.verb == "release" else f"moved to {each.address}"
            related = (("declared here", declared[gone]),)
            yield _error(each, f"{gone} is {verb} and still declared", "remove its declaration or the entry", related)
        if each.verb == "release" or each.address in declared or each.address in passed or not complete:
            continue
        guesses -= 1
        close = near(str(each.address), names) if guesses >= 0 else []
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
    order = {origin: number for number, origin in enumerate(onward)}
    passed: set[Address] = set()
    for start in onward:
        trail: list[Address] = []
        at = start
        while at in onward and at not in passed:
            passed.add(at)
            trail.append(at)
            at = onward[at].address
        if trail and at in trail:
            circle = trail[trail.index(at) :]
            first = circle.index(min(circle, key=order.__getitem__))
            way = [*circle[first:], *circle[: first + 1]]
            message = f"the addresses are moved in a circle: {' → '.join(map(str, way))}"
            yield _error(onward[way[0]], message, "end it at what is declared")


def _error(each: Handover, message: str, hint: str, related: tuple[tuple[str, Position], ...] = ()) -> Diagnostic:
    return Diagnostic("error", "bad-handover", message, each.position, hint, related=related)
