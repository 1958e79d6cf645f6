"""One change of a field as lines: a value before and after, a text as hunks, something new or gone with its parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from retinue.report.hunk_text import text_lines
from retinue.report.ink import Line, Part, Role, indent, line
from retinue.report.values import fits, is_plain, nested_lines, show_path, show_place, show_value

Detail = Literal["summary", "hunks", "complete", "full"]
"""`complete` leaves out only what does not change: new texts and lists of files are whole, prompts are hunks."""

WHOLE = ("complete", "full")

_SHORT = 40
_MARKS: dict[str, tuple[str, Role]] = {"drift": ("!", "drift"), "conflict": ("!~", "drift"), "unset": ("-", "removed")}


def is_outside(change: Mapping[str, Any]) -> bool:
    """Whether somebody else's edit is involved, so that the change is set apart."""
    return change["cause"] in ("drift", "conflict")


def change_lines(change: Mapping[str, Any], *, detail: Detail, width: int, marks: bool) -> list[Line]:
    """A change of a field, first line with its place. `marks` writes the marks of changed words as signs.

    A change that is `done` leads to what is there, as in drift; any other leads away from it, as in a plan.
    """
    mark = _MARKS.get(change["cause"]) or _plain_mark(change)
    place = show_place(change["position"])
    label: Sequence[Part] = (mark, " ", show_path(change["path"]))
    if "before" in change and "after" in change and change["before"] is not None and change["after"] is not None:
        return _both(change, label, place, detail=detail, width=width, marks=marks)
    if "before" in change and "after" in change:
        return _from_or_to_nothing(change, label, place, detail=detail, width=width)
    value = change["after"] if "after" in change else change["before"]
    role: Role = "added" if "after" in change else "removed"
    return value_lines(label, value, place, note=_note(change), role=role, detail=detail, width=width)


def _plain_mark(change: Mapping[str, Any]) -> tuple[str, Role]:
    if "before" not in change:
        return "+", "added"
    return ("~", "changed") if "after" in change else ("-", "removed")


def _note(change: Mapping[str, Any]) -> str:
    """What the values alone do not say. A side that is null reads like one that is not there."""
    if change["cause"] == "unset":
        return "  (back to the default)" if "after" in change else "  (no longer declared)"
    there, wanted = ("after", "before") if change.get("done") else ("before", "after")
    if is_outside(change) and change.get(there) is None:
        return "  (was removed)"
    if is_outside(change) and change.get(wanted) is None:
        return "  (was added)"
    return ""


def value_lines(
    label: Iterable[Part],
    value: Any,
    place: str | None,
    *,
    note: str = "",
    role: Role,
    detail: Detail,
    width: int,
) -> list[Line]:
    """A value that is only there before or only after: on the line of its label, or below it."""
    head = list(label)
    used = line(*head).cells + 2
    if fits(value, width - used):
        return [line(*head, ": ", (show_value(value), role), note, place=place)]
    below = nested_lines(value, width=width - 4, everything=detail in WHOLE)
    return [line(*head, ":", note, place=place), *indent(_in_role(below, role), 4)]


def _in_role(lines: Iterable[Line], role: Role) -> Iterator[Line]:
    for each in lines:
        yield Line(tuple((text, role if given == "plain" else given) for text, given in each.parts), each.place)


def _from_or_to_nothing(
    change: Mapping[str, Any], label: Sequence[Part], place: str | None, *, detail: Detail, width: int
) -> list[Line]:
    """Null on one side: short values as before and after, long ones as something new or gone, texts always complete."""
    before, after = change["before"], change["after"]
    value = before if after is None else after
    if is_plain(value):
        return [_arrow(label, show_value(before), show_value(after), _note(change), place)]
    role: Role = "removed" if after is None else "added"
    if change["cause"] == "config":
        label = [("-" if after is None else "+", role), *label[1:]]
    shown: Detail = "complete" if isinstance(value, str) else detail
    return value_lines(label, value, place, note=_note(change), role=role, detail=shown, width=width)


def _arrow(label: Iterable[Part], before: str, after: str, note: str, place: str | None) -> Line:
    return line(*label, ": ", (before, "removed"), " -> ", (after, "added"), (note, "faint"), place=place)


def _both(
    change: Mapping[str, Any], label: Sequence[Part], place: str | None, *, detail: Detail, width: int, marks: bool
) -> list[Line]:
    before, after = change["before"], change["after"]
    if isinstance(before, str) and isinstance(after, str):
        short = _arrow(label, show_value(before), show_value(after), _note(change), place)
        room = width - (len(place) + 2 if place else 0)
        if "\n" not in before + after and (short.cells <= room or len(before + after) <= _SHORT):
            return [short]
        extent, lines = text_lines(before, after, everything=detail == "full", marks=marks)
        return [line(*label, ":", (f"{_note(change)}{extent}", "faint"), place=place), *indent(lines, 4)]
    if fits(before, width) and fits(after, width):
        return [_arrow(label, show_value(before), show_value(after), _note(change), place)]
    return [
        line(*label, ":", (_note(change), "faint"), place=place),
        *indent(
            value_lines([("-", "removed"), " before"], before, None, role="removed", detail=detail, width=width), 4
        ),
        *indent(value_lines([("+", "added"), " after"], after, None, role="added", detail=detail, width=width), 4),
    ]
