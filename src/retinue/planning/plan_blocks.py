"""What keeps a plan from being carried out as it is: ownership, protection, and edits nobody agreed to overwrite."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import Declared, Diagnostic
from retinue.model.live import Live
from retinue.model.steps import Block, GivenId, Step
from retinue.model.tag import file_record_keys, is_retired, may_be_of, named_stack
from retinue.model.values import Address


def plan_blocks(
    steps: Sequence[Step],
    unreadable: Iterable[Live],
    written: Mapping[Address, Declared],
    kinds: Kinds,
    *,
    stack: str,
    released: Collection[Address] = (),
    destroy: bool = False,
) -> Iterator[Block]:
    """Everything that forbids these steps. `written` is what the files declare, `released` what they let go by name."""
    for live in _may_be_ours(unreadable, steps, stack, destroy=destroy):
        yield Block("unreadable-tag", _unreadable(live))
    # What its lifecycle keeps or retires is lost to the stack all the same.
    last = [step for step in steps if step.action == "delete" or is_retired(step.tag) or step.action == "release"]
    going = sum(1 for step in last if step.address not in released)
    if going and not written and not destroy:
        yield Block(
            "nothing-declared",
            f"nothing is declared, and all that the stack owns ({going} {'object' if going == 1 else 'objects'}) would "
            "go; if that is meant, run 'retinue destroy'",
        )
    for step in steps:
        if step.protected and (step.action == "delete" or is_retired(step.tag)):
            yield _protected(step, written.get(step.address))
        elif step.action in ("create", "update") or (step.action == "adopt" and step.held is None):
            yield from _too_many_keys(step, kinds[step.address.kind].at(step.home))


def still_used(steps: Sequence[Step], owned: Iterable[Live], addresses: Mapping[str, Address]) -> Iterator[Block]:
    """Where only a part of the stack goes, nothing of it may be needed by what stays."""
    going = {step.id: step.address for step in steps if step.action == "delete" and step.id}
    for each in owned:
        if each.id in going:
            continue
        used = sorted({going[one] for one in (*each.refers_to, each.within or "") if one in going})
        if used:
            holder = addresses.get(each.id) or each.id
            names = ", ".join(map(str, used))
            message = (
                f"{holder} needs {names}, which would be deleted: target {holder}, too, or leave out what it needs"
            )
            yield Block("still-used", message, addresses.get(each.id))


def not_empty(steps: Sequence[Step], live: Iterable[Live], kinds: Kinds) -> Iterator[Block]:
    """With an object go those that stand in it: none of them may be somebody else's."""
    going = {step.id for step in steps if step.action == "delete"}
    inside: dict[str, list[Live]] = {}
    for each in live:
        if each.within is not None and each.id not in going:
            inside.setdefault(each.within, []).append(each)
    for step in steps:
        if step.action == "delete" and step.id in inside:
            titles = ", ".join(sorted(f"the {kinds[each.kind].title} {each.id}" for each in inside[step.id]))
            yield Block(
                "not-empty",
                f"{step.address} ({step.id}) would be deleted with what stands in it and is not of this stack: "
                f"{titles}; move or delete that first",
                step.address,
            )


def _too_many_keys(step: Step, kind: Kind) -> Iterator[Block]:
    """Our marks and what others wrote share the room with the declared pairs."""
    name, room = kind.store.marks.field, kind.store.room
    if room is None:
        return  # our marks stand in a place of their own
    spec = step.after or {}
    dropped = {key for field_name, key in step.forget_keys if field_name == name}
    others = set((step.before or {}).get(name, {})) - dropped - set(spec.get(name, {}))
    records = sum(file_record_keys(each.records(spec.get(each.name))) for each in kind.fields)
    total = len(spec.get(name, {})) + len(others) + records + 1
    if total > room:
        theirs = f", and {len(others)} written by others ({', '.join(sorted(others))})" if others else ""
        yield Block(
            "too-many-metadata",
            f"{step.address} would have {total} metadata pairs, but the API takes {room}: "
            f"{len(spec.get(name, {}))} declared, {records + 1} of retinue{theirs}; declare fewer or remove theirs",
            step.address,
        )


def _may_be_ours(unreadable: Iterable[Live], steps: Iterable[Step], stack: str, *, destroy: bool) -> list[Live]:
    """The objects whose tags cannot be read and that may be the stack's: the tag names it; or it may be what is left of
    one that did, and an object of the kind is about to be created, which may be this one."""
    created = {step.address.kind for step in steps if step.action == "create"}

    def may_be(each: Live) -> bool:
        text = each.damaged_tag or ""
        asked = each.kind in created or destroy
        return named_stack(text) is not None or (asked and may_be_of(text, stack))

    return [each for each in unreadable if may_be(each)]


def unreadable_warnings(
    steps: Iterable[Step], unreadable: Collection[Live], stack: str, *, destroy: bool
) -> Iterator[Diagnostic]:
    """Tags that cannot be read, where nothing has to stop for them."""
    ours = {each.id for each in _may_be_ours(unreadable, steps, stack, destroy=destroy)}
    for live in unreadable:
        if live.id not in ours:
            yield Diagnostic("warning", "unreadable-tag", _unreadable(live))


def _unreadable(live: Live) -> str:
    return (
        f"{live.id} carries an ownership tag that cannot be read: {live.tag_error}; "
        "repair or remove its 'retinue' metadata key, or use the version of retinue that wrote it"
    )


def _protected(step: Step, written: Declared | None) -> Block:
    """Lifting the protection is an apply of its own, so that no single edit can both lift it and delete."""
    what = "retired" if is_retired(step.tag) else "replaced" if step.replaces else "deleted"
    if written is None:
        way = "declare it with 'lifecycle: {protect: false}' and apply first"
    elif written.lifecycle.protect:
        way = f"set 'protect: false' in its lifecycle ({written.position(('lifecycle', 'protect'))}) and apply first"
    elif step.replaces:
        way = "its declaration lifts the protection: undo the other changes, apply, then make them again"
    else:
        way = "its declaration lifts the protection: run 'retinue apply' first"
    return Block("protected", f"{step.address} ({step.id}) is protected and would be {what}; {way}", step.address)


def unknown_ids(given: Iterable[GivenId], missing: Collection[tuple[str | None, str]], kinds: Kinds) -> Iterator[Block]:
    """Blocks for the ids that the account does not have."""
    for each in given:
        if (each.kind, each.id) in missing:
            title = kinds[each.kind].title if each.kind else "file"
            message = f"{each.place} names the {title} '{each.id}', which the account does not have: correct the id"
            yield Block("unknown-id", message, each.address)


def look_alikes(steps: Iterable[Step], unowned: Iterable[Live], kinds: Kinds) -> Iterator[Diagnostic]:
    """An object about to be created may exist already, made by hand; it stays untouched, but its owner should know."""
    titles: dict[tuple[str, Any], Live] = {}
    for live in unowned:
        titles.setdefault((live.kind, live.title), live)
    for step in steps:
        kind = kinds[step.address.kind]
        title = (step.after or {}).get(kind.identity)
        twin = titles.get((kind.name, title)) if step.action == "create" and title else None
        if twin is not None:
            yield Diagnostic(
                "warning",
                "look-alike",
                f"the account has another {kind.title} named '{title}' ({twin.id}) that nobody manages",
                step.position,
                f"it stays as it is; to make it this one, write 'adopt: [{{address: {step.address}, id: {twin.id}}}]'",
            )
