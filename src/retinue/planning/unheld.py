"""What declarations name by a live id or a number and the account does not have: why a plan may not be carried out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial

from retinue.kinds.kind import Kind
from retinue.model.live import Live
from retinue.model.steps import Block, Step
from retinue.planning.matching import over_ids


def named_ids(step: Step, kind: Kind) -> Iterator[tuple[str | None, str]]:
    """The live ids that a step renders as they were declared, each with its kind, None for a file. What is stored
    instead is left to the account, which refuses ids of nothing by itself."""
    if step.home is None or step.after is None:
        return
    for each in kind.fields:
        value = step.after.get(each.name)
        if each.refs:
            held: list[str] = []
            over_ids(each, value, partial(_note, held))
            yield from ((each.refs, live_id) for live_id in held)
        if each.uploads:
            yield from ((None, file) for file in (value or {}).values() if isinstance(file, str))


def _note(held: list[str], value: object) -> None:
    if isinstance(value, str):  # what is declared is a reference, and will be there
        held.append(value)


def unknown_id(step: Step, title: str, live_id: str) -> Block:
    """The block for an id that the account does not have."""
    message = f"{_where(step)} names the {title} '{live_id}', which the account does not have: correct the id"
    return Block("unknown-id", message, step.address)


def wanted_version(step: Step, kind: Kind, live: Live | None) -> str | None:
    """The version that is to become the default one, where that is to change to one by number."""
    if kind.versions is None or step.after is None:
        return None
    wanted = step.after.get(kind.versions.default)
    return None if live and wanted == live.raw["default_version"] else wanted


def unknown_version(step: Step, kind: Kind, wanted: str, there: Collection[str]) -> Block | None:
    """The block for a version that is neither `there` nor the next one, which a change of the files makes."""
    files = kind.versions.files if kind.versions else None
    made = step.action == "create" or any(change.field == files for change in step.changes)
    following = max(map(int, there), default=0) + 1
    if wanted in there or (made and wanted == str(following)):
        return None
    listed = ", ".join(sorted(there, key=int)) or f"none yet, and the first is {following}"
    message = f"{_where(step)} wants version {wanted}, which the account does not have: there are {listed}"
    return Block("unknown-version", message, step.address)


def _where(step: Step) -> str:
    return f"{step.address} ({step.position})" if step.position else str(step.address)
