"""Handovers → whose each live object is to be: adopted, renamed, taken over, let go. Pure; the plan makes steps of it.

A live object that is handed over is planned as if it carried its new tag already; the step that writes the tag comes
first, so that whatever else is to change finds an object that is ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

from retinue.kinds.kind import Kind, Kinds
from retinue.model.canonical import canonical_json, same
from retinue.model.declared import MOST_GUESSES, Declaration, Declared, Diagnostic, Handover, Position, Verb
from retinue.model.live import Live
from retinue.model.sealed import reseal
from retinue.model.slips import near
from retinue.model.steps import Action, Block, Step
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


ALIKE = 0.75
"""How much of two specifications must be the same. Git takes half of a file for a rename, but here the model and the
tools of unrelated objects are often the same; at three quarters, the prompt or the files must be, too."""

_WORD = re.compile(r"\w+")


_CANDIDATES = 20
"""How many new objects one that goes is held against; of more, those that share its rarest words."""


def look_renamed(steps: Iterable[Step], kinds: Kinds) -> Iterator[Diagnostic]:
    """A warning for each object that would be deleted while one that is much like it would be created."""
    steps = list(steps)
    created = {step.address for step in steps if step.action != "delete"}
    made: dict[tuple[str, str | None], _Made] = {}
    for step in steps:
        if step.action == "create" and not step.replaces:
            made.setdefault((step.address.kind, step.home), _Made()).add(step, kinds[step.address.kind])
    pairs: list[tuple[float, Step, Step]] = []
    for old in steps:
        there = made.get((old.address.kind, old.home))
        if there and old.action == "delete" and not old.replaces and old.address not in created:
            words = _counted(_chosen(old.before or {}, kinds[old.address.kind]))
            pairs += [(-_likeness(words, other), old, new) for new, other in there.candidates(words)]
    told: set[str] = set()
    # What is declared in one line stands for many, of which all are renamed when a word of it is.
    renamed: dict[tuple[str, Position | None], list[_Renamed]] = {}
    for score, old, new in sorted(pairs, key=_most_alike):
        if -score < ALIKE or old.key in told or new.key in told:
            continue
        told |= {old.key, new.key}
        renamed.setdefault((new.address.kind, new.position), []).append(_Renamed(old, new, round(-score, 2)))
    warnings = [_look_renamed(each[0]) if len(each) == 1 else _all_look_renamed(each) for each in renamed.values()]
    yield from _in_one_list(warnings, [each for group in renamed.values() for each in group])


class _Renamed(NamedTuple):
    """An object that would go, the one that is much like it, and how much, from 0 to 1."""

    old: Step
    new: Step
    alike: float

    @property
    def details(self) -> dict[str, Any]:
        return {"from": str(self.old.address), "to": str(self.new.address), "alike": self.alike}


def _most_alike(pair: tuple[float, Step, Step]) -> tuple[Any, ...]:
    """What says most: how much two objects are alike, then how many parts of their names are the same."""
    score, old, new = pair
    parts = [Counter(re.split("[-_]", each.address.name)) for each in (old, new)]
    return round(score, 2), -(parts[0] & parts[1]).total(), old.address, new.address


def _moved(found: Iterable[_Renamed]) -> str:
    entries = ", ".join(f"{{from: {each.old.address}, to: {each.new.address}}}" for each in found)
    return f"moved: [{entries}]"


def _in_one_list(warnings: list[Diagnostic], found: Iterable[_Renamed]) -> Iterator[Diagnostic]:
    """The warnings, of which the first says what to write for all of them: a file has one `moved:`, and a value that
    several matrices share is renamed in all of them at once."""
    if len(warnings) < 2:
        yield from warnings
        return
    all_of_them = sorted(found, key=lambda each: each.old.address)
    entries = f"write '{_moved(all_of_them)}' into a file of declarations"
    yield replace(warnings[0], hint=f"to rename all {len(all_of_them):,} that look renamed in this plan, {entries}")
    for each in warnings[1:]:
        yield replace(each, hint=f"to rename instead, write what the warning of {warnings[0].position} says")


def _look_renamed(found: _Renamed) -> Diagnostic:
    old, new = found.old, found.new
    entry = _moved([found])
    return Diagnostic(
        "warning",
        "looks-renamed",
        f"{old.address} ({old.id}) would be deleted and {new.address}, which is much like it, created",
        new.position,
        f"to rename it instead, write '{entry}' into a file of declarations",
        details=found.details,
    )


def _all_look_renamed(found: Sequence[_Renamed]) -> Diagnostic:
    """One warning for all that are declared in one line, with all that has to be written."""
    found = sorted(found, key=lambda each: each.old.address)
    first = found[0]
    return Diagnostic(
        "warning",
        "looks-renamed",
        f"{len(found):,} objects would be deleted and {len(found):,}, which are much like them, created, such as "
        f"{first.new.address} for {first.old.address}",
        first.new.position,
        f"to rename them instead, write '{_moved(found)}' into a file of declarations",
        details={"moves": [each.details for each in found]},
    )


class _Made:
    """The objects of a kind that would be created, by their words."""

    def __init__(self) -> None:
        self._all: list[tuple[Step, Counter[str]]] = []
        self._with: dict[str, list[int]] = {}

    def add(self, step: Step, kind: Kind) -> None:
        words = _counted({name: value for name, value in (step.after or {}).items() if kind.has(name)})
        for each in words:
            self._with.setdefault(each, []).append(len(self._all))
        self._all.append((step, words))

    def candidates(self, words: Counter[str]) -> list[tuple[Step, Counter[str]]]:
        """Those that may be much like an object with these words: all of a few; of many, those that share with it what
        the fewest have."""
        if len(self._all) <= _CANDIDATES:
            return self._all
        found: dict[int, None] = {}
        for word in sorted(words, key=lambda each: (len(self._with.get(each, ())), each)):
            found.update(dict.fromkeys(self._with.get(word, ())[:_CANDIDATES]))
            if len(found) >= _CANDIDATES:
                break
        return [self._all[each] for each in list(found)[:_CANDIDATES]]


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    """From 0 to 1: the share of words that two specifications have in common, however they are ordered."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _counted(spec: Mapping[str, Any]) -> Counter[str]:
    return Counter(word for name in sorted(spec) for word in _words(name, spec[name]))


def _chosen(spec: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """What is not left at its default: that says nothing where another object does not speak of it."""
    return {name: value for name, value in spec.items() if kind.has(name) and not same(value, kind.field(name).default)}


def _words(name: str, value: Any) -> list[str]:
    return _WORD.findall(canonical_json({name: value})) if value is not None else []


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
