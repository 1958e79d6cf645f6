"""What declarations name by a live id and the account does not have: why a plan may not be carried out."""

from __future__ import annotations

from collections.abc import Iterator

from retinue.kinds.kind import Kind
from retinue.model.steps import Block, Step


def named_ids(step: Step, kind: Kind) -> Iterator[tuple[str | None, str]]:
    """The live ids that a step renders as they were declared, each with its kind, None for a file. What is stored
    instead is left to the account, which refuses ids of nothing by itself."""
    if step.home is not None and step.after is not None:
        for each in kind.fields:
            yield from each.given_ids(step.after.get(each.name))


def unknown_id(step: Step, title: str, live_id: str) -> Block:
    """The block for an id that the account does not have."""
    message = f"{step.place} names the {title} '{live_id}', which the account does not have: correct the id"
    return Block("unknown-id", message, step.address)
