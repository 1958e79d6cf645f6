"""What a step of a plan document is about, and the headings under which its reports show it: what goes, what was
changed outside, the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retinue.report.text.change_text import is_outside
from retinue.report.text.ink import Role

Document = Mapping[str, Any]
Step = Mapping[str, Any]

OUTSIDE = "Changed outside of retinue since the last apply, and set back by this plan"
CONFLICTS = "!~ was changed both outside and in the declarations; the declarations win."
OURS = "Changed in the declarations"
TAKEN_AWAY = "Deleted, replaced or let go"

SIGNS: dict[str, tuple[str, Role]] = {
    "create": ("+", "added"),
    "update": ("~", "changed"),
    "delete": ("-", "removed"),
    "adopt": ("=", "changed"),
    "move": (">", "changed"),
    "release": ("<", "removed"),
}
OUTSIDE_SIGN: tuple[str, Role] = ("!", "drift")


def replaced_ids(document: Document) -> dict[str, str]:
    """The id of the object that goes, by the address of the one that takes its place."""
    steps = document["steps"]
    return {each["address"]: each["id"] for each in steps if each["action"] == "delete" and each["replaces"]}


def causes(step: Step) -> set[str]:
    """Why the step's differences exist, over fields and files."""
    return {each["cause"] for each in (*step["changes"], *step["files"])}


def is_touched_outside(step: Step) -> bool:
    """Whether the step sets back what somebody else did, which `outside_block` shows."""
    return step["action"] != "create" and bool(causes(step) & {"drift", "conflict"})


def is_ours(step: Step) -> bool:
    """Whether the step does anything besides, which `step_block` shows."""
    return not is_touched_outside(step) or bool(causes(step) - {"drift", "conflict"})


def takes_away(step: Step) -> bool:
    """Whether something goes with the step: a deletion, a release, the making of what replaces another object, or what
    goes from an object that stays."""
    return SIGNS[step["action"]][1] == "removed" or step["replaces"] or bool(losses(step))


def shown_changes(step: Step, *, outside: bool) -> list[Mapping[str, Any]]:
    """The changes of fields that one of the two blocks of a step shows."""
    theirs = step["action"] != "create"
    return [each for each in step["changes"] if (theirs and is_outside(each)) == outside]


def called(removal: Mapping[str, Any]) -> str:
    """A removal by its name, and its id where that says more."""
    live_id = f" ({removal['id']})" if removal["id"] and removal["id"] != removal["name"] else ""
    return f"{removal['what']} {removal['name']}{live_id}"


def losses(step: Step) -> list[str]:
    """What goes from the account with a step, by name."""
    whole = step["action"] == "delete"
    files = [each["path"] for each in step["files"] if each["action"] == "remove" and (each["before"] or whole)]
    return [*map(called, step.get("removes", ())), *(f"file {each}" for each in files)]


# ── headings ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Group:
    """Steps under one heading. With `outside`, what somebody else did in each; else what the declarations ask for.

    `grave` groups are what a reviewer must see whatever else is left out. `note` explains their signs.
    """

    title: str
    steps: tuple[Mapping[str, Any], ...]
    outside: bool = False
    grave: bool = False
    note: str = ""


def plan_groups(document: Mapping[str, Any]) -> tuple[Group, ...]:
    """What goes first, and of it deletions, then what was changed outside, then the rest; groups without a step are
    left out.

    A step that sets back an edit and does more besides stands in two groups, with a part of it in each.
    """
    ours = [each for each in document["steps"] if is_ours(each)]
    outside = tuple(each for each in document["steps"] if is_touched_outside(each))
    both = any("conflict" in causes(each) for each in outside)
    groups = (
        Group(TAKEN_AWAY, tuple(sorted(filter(takes_away, ours), key=_is_kept)), grave=True),
        Group(OUTSIDE, outside, outside=True, grave=True, note=CONFLICTS if both else ""),
        Group(OURS, tuple(each for each in ours if not takes_away(each))),
    )
    return tuple(each for each in groups if each.steps)


def _is_kept(step: Step) -> bool:
    return str(step["action"]) != "delete"
