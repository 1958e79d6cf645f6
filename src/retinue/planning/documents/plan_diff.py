"""The plan that was approved and the one that would be carried out now → what differs between them, as a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retinue.model.differences import Difference, differences
from retinue.model.printable import masked_data
from retinue.model.steps import Plan, Step
from retinue.model.values import ABSENT, Sealed
from retinue.planning.documents.plan_digest import plan_digest, step_parts
from retinue.planning.documents.plan_document import encode

_WORDS = {
    "id": "the object itself",
    "files": "the attached files",
    "tag": "the ownership tag",
    "shared_files": "the files that outlive it",
    "removes": "what goes with it",
    "replaces": "whether it replaces the old object",
    "home": "where it lives",
}
"""What the parts of a step are called that are not shown value by value."""
_FOLLOWS = (_WORDS["tag"], _WORDS["files"])
"""What says nothing more where values differ."""
_SHOWN = ("after", "changes", "expects", "unset", "forget_keys")


def compare_plans(approved: Plan, fresh: Plan) -> dict[str, Any]:
    """Which steps are new, which are gone, and which differ and in what. Steps are the same when their keys are.

    `live` are the values that the account has now instead of those it had when the plan was approved, `wanted` those
    that would be written now instead of the approved ones: the former before, the latter after.
    """
    before = {step.key: step for step in approved.steps}
    after = {step.key: step for step in fresh.steps}
    return {
        "approved": plan_digest(approved),
        "fresh": plan_digest(fresh),
        "steps": [
            *(_mentioned("new", step) for key, step in after.items() if key not in before),
            *(_mentioned("gone", step) for key, step in before.items() if key not in after),
            *_changed((step, after[key]) for key, step in before.items() if key in after),
        ],
    }


def _mentioned(status: str, step: Step) -> dict[str, Any]:
    return {
        "status": status,
        "action": step.action,
        "address": str(step.address),
        "id": step.id,
        "live": [],
        "wanted": [],
        "others": [],
    }


def _changed(pairs: Iterable[tuple[Step, Step]]) -> Iterator[dict[str, Any]]:
    for approved, fresh in pairs:
        one, other = step_parts(approved), step_parts(fresh)
        parts = [name for name in {**one, **other} if one.get(name) != other.get(name)]
        if not parts:
            continue
        names = dict.fromkeys((*(approved.after or {}), *(fresh.after or {})))
        live = list(_differences(_touched(approved, fresh), approved.before, fresh.before))
        wanted = list(_differences(names, approved.after, fresh.after))
        others = [_WORDS.get(name, name) for name in parts if name not in _SHOWN]
        hidden = [f"the value of '{name}', which is never shown" for name in _hidden(approved, fresh)]
        if live or wanted or hidden:
            others = [*hidden, *(each for each in others if each not in _FOLLOWS)]
        if not (live or wanted or others):
            others = ["a live value that it depends on"]
        yield {**_mentioned("changed", fresh), "live": live, "wanted": wanted, "others": others}


def _hidden(approved: Step, fresh: Step) -> list[str]:
    """The fields that differ only in a value that nobody may see: their digests tell."""
    one, other = (step.tag.fields if step.tag else {} for step in (approved, fresh))
    sealed = [name for name, value in (fresh.after or {}).items() if isinstance(value, Sealed)]
    return [name for name in sealed if name in one and name in other and one[name] != other[name]]


def _touched(approved: Step, fresh: Step) -> list[str]:
    """The fields that the steps write over or take away, by name."""
    if fresh.action == "delete":
        return list(dict.fromkeys((*(approved.before or {}), *(fresh.before or {}))))
    names = [change.field for step in (approved, fresh) for change in step.changes]
    paths = {change.path for step in (approved, fresh) for change in step.files}
    held = [name for name, value in (fresh.before or {}).items() if isinstance(value, Mapping) and paths & value.keys()]
    return list(dict.fromkeys((*names, *held)))


def _differences(
    names: Iterable[str], one: Mapping[str, Any] | None, other: Mapping[str, Any] | None
) -> Iterator[dict[str, Any]]:
    for name in names:
        before, after = (masked_data((each or {}).get(name, ABSENT), name) for each in (one, other))
        if before is ABSENT or after is ABSENT:
            found: Iterable[Difference] = () if before is after else (((name,), before, after),)
        else:
            found = differences((name,), before, after)
        for path, old, new in found:
            document: dict[str, Any] = {"path": list(path), "cause": "config", "position": None}
            document |= {} if old is ABSENT else {"before": encode(old)}
            document |= {} if new is ABSENT else {"after": encode(new)}
            yield document
