"""The order of steps: what is referred to comes first, what is pointed at goes last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from retinue.core.changes import Step
from retinue.core.draft import Draft
from retinue.core.model import Address, Declared, Path, Ref
from retinue.core.names import referenced_ids


def references(value: Any, path: Path = ()) -> Iterator[tuple[Path, Ref]]:
    """Every reference inside a canonical value, with where it stands."""
    if isinstance(value, Ref):
        yield path, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from references(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from references(each, (*path, index))


def closure(targets: Iterable[Address], declared: Mapping[Address, Declared]) -> set[Address]:
    """The targets and everything they depend on."""
    found: set[Address] = set()
    waiting = list(targets)
    while waiting:
        address = waiting.pop()
        if address not in found:
            found.add(address)
            if address in declared:
                waiting += [reference.address for _, reference in references(declared[address].spec)]
    return found


def ordered(draft: Draft, only: frozenset[Address] | None) -> list[Step]:
    """Creations and updates after what they refer to, then deletions after whatever still pointed at them."""
    steps: list[Step] = []
    done: set[Address] = set()

    def visit(address: Address) -> None:
        if address in done:
            return
        done.add(address)
        wanted = draft.declared[address]
        targets = sorted({reference.address for _, reference in references(wanted.spec)})
        for target in targets:
            visit(target)
        claim = draft.claims.get(address)
        if claim is not None:
            steps.append(claim)
        step = draft.upserts.get(address)
        if step is not None:
            needs = tuple(draft.upserts[each].key for each in targets if each in draft.upserts)
            steps.append(replace(step, needs=((claim.key,) if claim else ()) + needs))

    for address in sorted(draft.declared):
        visit(address)
    if only is not None:
        return [step for step in steps if step.address in only]
    return steps + draft.releases + _ordered_deletes(draft)


def _ordered_deletes(draft: Draft) -> list[Step]:
    pointing = _pointing_at(draft)
    by_id = {step.id: step for step in draft.deletes if step.id}
    steps: list[Step] = []
    done: set[str] = set()

    def visit(step: Step) -> None:
        live_id = step.id or ""
        if live_id in done:
            return
        done.add(live_id)
        # What takes its place must be complete first: the new object of a replacement, the kept one of several.
        keeper = draft.upserts.get(step.address)
        claim = draft.claims.get(step.address)
        needs = [each.key for each in (claim, keeper) if each]
        for holder_id in sorted(pointing.get(live_id, ())):
            holder = by_id.get(holder_id)
            if holder is not None:
                visit(holder)
                needs.append(holder.key)
            else:
                address = draft.named.addresses.get(holder_id)
                if address in draft.upserts:
                    needs.append(draft.upserts[address].key)
        steps.append(replace(step, needs=tuple(dict.fromkeys(needs))))

    for step in sorted(draft.deletes, key=lambda each: (each.address, each.id or "")):
        visit(step)
    return steps


def _pointing_at(draft: Draft) -> dict[str, set[str]]:
    """Live id → ids of our live objects that hold it."""
    pointing: dict[str, set[str]] = {}
    ours = [*draft.named.owned.values(), *(each for several in draft.named.extra.values() for each in several)]
    for live in ours:
        for target in referenced_ids(live, draft.kinds[live.kind].at(live.home)):
            pointing.setdefault(target, set()).add(live.id)
    return pointing
