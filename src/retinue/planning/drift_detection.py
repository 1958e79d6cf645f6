"""A plan → what of it is nobody's declaration: what somebody changed, deleted or took away since the last apply.

Without a state file there are four witnesses: the tag of an object knows what was applied to it; a reference names an
object that must have been there; a tag that another stack wrote, or none, stands on an object that is remembered as
ours; and this machine may remember the id of one that is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from retinue.model.declared import Position
from retinue.model.live import Live
from retinue.model.steps import FieldChange, Plan, Step
from retinue.model.values import Address, Cause, Gone, Path, Ref

OUTSIDE: frozenset[Cause] = frozenset({"drift", "conflict"})


@dataclass(frozen=True, slots=True)
class Missing:
    """An object that was ours and is not any more. `id` is the live id that it had, `position` what declares it."""

    address: Address
    id: str | None
    reason: str
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Dangling:
    """A live object that names another one by an id that the account no longer has. `home` is where it lives."""

    address: Address
    id: str | None
    path: Path
    dead: str
    position: Position | None = None
    home: str | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """What differs from what was applied. `changed` are steps of the plan without what the declarations ask for.

    `unreadable` say which tags somebody damaged. `pending` counts the objects that the declarations want otherwise,
    which is no drift. `owned` are the addresses that have a live object, `unowned` the live objects without an owner.
    """

    plan: Plan
    changed: tuple[Step, ...] = ()
    gone: tuple[Missing, ...] = ()
    dangling: tuple[Dangling, ...] = ()
    unreadable: tuple[str, ...] = ()
    pending: int = 0
    owned: tuple[Address, ...] = ()
    unowned: tuple[Live, ...] = ()

    @property
    def found(self) -> bool:
        return bool(self.changed or self.gone or self.dangling or self.unreadable)


def find_drift(plan: Plan, live: Iterable[Live], remembered: Mapping[Address, str]) -> Drift:
    """What a plan would undo, rather than do. `remembered` are ids that objects of the stack are known to have had."""
    there = {each.id: each for each in live}
    gone = {each.address: each for each in _gone(plan, there, remembered)}
    return Drift(
        plan,
        changed=tuple(_changed(plan)),
        gone=tuple(gone[address] for address in sorted(gone)),
        dangling=tuple(_dangling(plan)),
        unreadable=(
            *(each.message for each in plan.blocks if each.code == "unreadable-tag"),
            *(each.message for each in plan.warnings if each.code == "unreadable-tag"),
        ),
        pending=len({step.address for step in plan.steps if step.address not in gone and _is_ours(step)}),
        owned=tuple(sorted({each.tag.address for each in there.values() if each.tag and each.tag.stack == plan.stack})),
        unowned=tuple(sorted(filter(_is_free, there.values()), key=lambda each: (each.kind, each.id))),
    )


def narrowed(drift: Drift, addresses: Collection[Address]) -> Drift:
    """The part of it that is about some addresses."""
    steps = tuple(each for each in drift.plan.steps if each.address in addresses)
    owned = tuple(each for each in drift.owned if each in addresses)
    gone = tuple(each for each in drift.gone if each.address in addresses)
    touched, missing = {each.address for each in steps}, {each.address for each in gone}
    return replace(
        drift,
        plan=replace(drift.plan, steps=steps, in_sync=sum(each not in touched for each in owned)),
        changed=tuple(each for each in drift.changed if each.address in addresses),
        gone=gone,
        dangling=tuple(each for each in drift.dangling if each.address in addresses),
        pending=len({each.address for each in steps if each.address not in missing and _is_ours(each)}),
        owned=owned,
    )


def _is_free(live: Live) -> bool:
    return live.tag is None and live.tag_error is None


def _changed(plan: Plan) -> Iterator[Step]:
    for step in plan.steps:
        if step.causes & OUTSIDE:
            yield replace(
                step,
                changes=tuple(each for each in step.changes if each.cause in OUTSIDE),
                files=tuple(each for each in step.files if each.cause in OUTSIDE),
            )


def _is_ours(step: Step) -> bool:
    """Whether the declarations ask for the step, or for a part of it."""
    if step.action == "delete" and step.replaces:
        return False  # its other half says why
    if step.action == "update":
        fields = [each for each in step.changes if each.cause not in OUTSIDE and not _is_lost(each)]
        files = [each for each in step.files if each.cause not in OUTSIDE]
        return bool(fields or files) or not step.causes
    return not (step.causes and step.causes <= OUTSIDE)


def _is_lost(change: FieldChange) -> bool:
    return any(True for _ in _leaves(change.before, Gone))


def _leaves(value: Any, kind: type) -> Iterator[Any]:
    if isinstance(value, kind):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _leaves(each, kind)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, kind)


def _dangling(plan: Plan) -> Iterator[Dangling]:
    for step in plan.steps:
        for change in step.changes if step.action == "update" else ():
            for dead in _leaves(change.before, Gone):
                yield Dangling(step.address, step.id, change.path, dead.id, change.position, step.home)


def _gone(plan: Plan, there: Mapping[str, Live], remembered: Mapping[Address, str]) -> Iterator[Missing]:
    made = {step.address: step for step in plan.steps if step.action == "create"}
    named = _named_dead(plan)
    before = {step.address: there.get(step.id) for step in reversed(plan.steps) if step.id}
    for address, step in made.items():
        if step.replaces:
            old = before.get(address)
            if old is not None and old.spent:
                yield Missing(address, old.id, "the account let it expire", step.position)
        elif address in remembered:
            yield Missing(address, remembered[address], _fate(there.get(remembered[address])), step.position)
        elif address in named:
            yield Missing(address, named[address], "it was deleted", step.position)


def _named_dead(plan: Plan) -> dict[Address, str]:
    """Addresses that a live object refers to by an id that is gone: what it applied was a reference to them."""
    found: dict[Address, str] = {}
    for step in plan.steps:
        for change in step.changes if step.action == "update" else ():
            dead, wanted = list(_leaves(change.before, Gone)), list(_leaves(change.after, Ref))
            if len(dead) == len(wanted):
                found.update({ref.address: each.id for each, ref in zip(dead, wanted, strict=True)})
    return found


def _fate(live: Live | None) -> str:
    if live is None:
        return "it was deleted"
    if live.tag is None:
        return "its ownership tag was taken away; the object is still there"
    return f"it belongs to the stack {live.tag.stack} now"
