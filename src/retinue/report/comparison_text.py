"""How two plans differ, as text: what was approved, and what would be carried out now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinue.report.change_text import Detail, change_lines
from retinue.report.ink import BLANK, Line, Role, indent, line, paint

_STATUS: dict[str, tuple[str, Role, str]] = {
    "new": ("+", "added", "it was not approved"),
    "gone": ("-", "removed", "it was approved, and is not needed any more"),
    "changed": ("~", "changed", "it is not as it was approved"),
}
_GROUPS = (
    ("live", "in the account, when approved -> now:"),
    ("wanted", "to be written, as approved -> now:"),
)


def render_comparison(
    comparison: Mapping[str, Any], *, detail: Detail = "hunks", width: int = 80, color: bool = False
) -> str:
    """Every step that is new, gone or different, and both digests at the end."""
    lines: list[Line] = [line(("This is not the plan that was approved:", "strong")), BLANK]
    for step in comparison["steps"]:
        lines += [*indent(_step(step, detail=detail, width=width - 2, marks=not color), 2), BLANK]
    lines += [line("Approved: ", comparison["approved"]), line("Now:      ", comparison["fresh"])]
    return paint(lines, color=color)


def _step(step: Mapping[str, Any], *, detail: Detail, width: int, marks: bool) -> Iterable[Line]:
    sign, role, said = _STATUS[step["status"]]
    live_id = f" ({step['id']})" if step["id"] else ""
    yield line((sign, role), f" {step['action']} ", (step["address"], "strong"), f"{live_id}  {said}")
    for name, heading in _GROUPS:
        if step[name]:
            yield from indent([line((heading, "faint"))], 4)
        for change in step[name]:
            yield from indent(change_lines(change, detail=detail, width=width - 8, marks=marks), 6)
    for each in step["others"]:
        yield from indent([line(("~", "changed"), f" {each}")], 4)
