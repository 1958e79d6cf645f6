"""The steps of a plan document in the order of what a reviewer must not miss, for pages and comments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retinue.report.plan_text import CONFLICTS, OURS, OUTSIDE
from retinue.report.step_text import causes, is_ours, is_touched_outside, takes_away

TAKEN_AWAY = "Deleted, replaced or let go"


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
    """What goes first, then what was changed outside, then the rest; groups without a step are left out.

    A step that sets back an edit and does more besides stands in two groups, with a part of it in each.
    """
    ours = [each for each in document["steps"] if is_ours(each)]
    outside = tuple(each for each in document["steps"] if is_touched_outside(each))
    both = any("conflict" in causes(each) for each in outside)
    groups = (
        Group(TAKEN_AWAY, tuple(filter(takes_away, ours)), grave=True),
        Group(OUTSIDE, outside, outside=True, grave=True, note=CONFLICTS if both else ""),
        Group(OURS, tuple(each for each in ours if not takes_away(each))),
    )
    return tuple(each for each in groups if each.steps)
