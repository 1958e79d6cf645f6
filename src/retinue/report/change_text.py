"""One change of a field as lines: a value before and after, a text as hunks, something new or gone with its parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from retinue.report.hunks import Hunk, HunkLine, diff_lines, split_lines
from retinue.report.ink import Line, Part, Role, indent, line
from retinue.report.values import (
    LONG_LINE,
    beginning,
    count,
    fits,
    is_plain,
    nested_lines,
    show_path,
    show_place,
    show_value,
)

Detail = Literal["summary", "hunks", "full"]

_MARKS: dict[str, tuple[str, Role]] = {"drift": ("!", "drift"), "conflict": ("!~", "drift"), "unset": ("-", "removed")}
_SIGNS: dict[str, Role] = {" ": "plain", "-": "removed", "+": "added"}
_AROUND = 60


def is_outside(change: Mapping[str, Any]) -> bool:
    """Whether somebody else's edit is involved, so that the change is set apart."""
    return change["cause"] in ("drift", "conflict")


def change_lines(change: Mapping[str, Any], *, detail: Detail, width: int, marks: bool) -> list[Line]:
    """A change of a field, first line with its place. `marks` writes the marks of changed words as signs."""
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
    if is_outside(change) and change.get("before") is None:
        return "  (was removed)"
    if is_outside(change) and change.get("after") is None:
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
    below = nested_lines(value, width=width - 4, everything=detail == "full")
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
    shown: Detail = "full" if isinstance(value, str) else detail
    return value_lines(label, value, place, note=_note(change), role=role, detail=shown, width=width)


def _arrow(label: Iterable[Part], before: str, after: str, note: str, place: str | None) -> Line:
    return line(*label, ": ", (before, "removed"), " -> ", (after, "added"), (note, "faint"), place=place)


def _both(
    change: Mapping[str, Any], label: Sequence[Part], place: str | None, *, detail: Detail, width: int, marks: bool
) -> list[Line]:
    before, after = change["before"], change["after"]
    if isinstance(before, str) and isinstance(after, str):
        short = _arrow(label, show_value(before), show_value(after), _note(change), place)
        if "\n" not in before + after and short.cells <= width:
            return [short]
        return _text_lines(before, after, [*label, ":", (_note(change), "faint")], place, detail=detail, marks=marks)
    if fits(before, width) and fits(after, width):
        return [_arrow(label, show_value(before), show_value(after), _note(change), place)]
    return [
        line(*label, ":", (_note(change), "faint"), place=place),
        *indent(
            value_lines([("-", "removed"), " before"], before, None, role="removed", detail=detail, width=width), 4
        ),
        *indent(value_lines([("+", "added"), " after"], after, None, role="added", detail=detail, width=width), 4),
    ]


# ── texts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _text_lines(
    before: str, after: str, head: Sequence[Part], place: str | None, *, detail: Detail, marks: bool
) -> list[Line]:
    (old, old_ends), (new, new_ends) = split_lines(before), split_lines(after)
    hunks = diff_lines(old, new, context=None if detail == "full" else 3)
    extent = f" {_extent(hunks, len(new))}" if max(len(old), len(new)) > 1 else ""
    lines = [line(*head, (extent, "faint"), place=place)]
    for hunk in hunks:
        if detail != "full" and max(len(old), len(new)) > 1:
            lines += indent([line((_hunk_head(hunk), "place"))], 4)
        lines += indent((_hunk_line(each, everything=detail == "full", marks=marks) for each in hunk.lines), 4)
    if old and new and old_ends != new_ends:
        ends = "a line break is added at the end" if new_ends else "the line break at the end is removed"
        lines += indent([line((f"\\ {ends}", "faint"))], 4)
    return lines


def _extent(hunks: Iterable[Hunk], size: int) -> str:
    signs = [each.sign for hunk in hunks for each in hunk.lines]
    return f"{count(size, 'line')}, +{signs.count('+'):,} -{signs.count('-'):,}"


def _hunk_head(hunk: Hunk) -> str:
    """The heading of unified diffs: first line and number of lines of each side; an empty one names the line above."""
    sides = []
    for start, end in (hunk.before, hunk.after):
        size = end - start
        first = start + 1 if size else start
        sides.append(f"{first}" if size == 1 else f"{first},{size}")
    return f"@@ -{sides[0]} +{sides[1]} @@"


def _hunk_line(each: HunkLine, *, everything: bool, marks: bool) -> Line:
    role = _SIGNS[each.sign]
    windowed = not everything and len(each.text) >= LONG_LINE
    if each.sign == " ":
        return line("  ", beginning(each.text) if windowed else each.text)
    parts: list[Part] = [(f"{each.sign} ", role)]
    for index, fragment in enumerate(each.fragments):
        if fragment.changed:
            parts.append(_marked(fragment.text, each.sign, marks=marks))
        elif windowed and len(each.fragments) > 1:
            parts += _window(fragment.text, role, first=index == 0, last=index == len(each.fragments) - 1)
        else:
            parts.append((fragment.text, role))
    return line(*parts)


def _marked(text: str, sign: str, *, marks: bool) -> tuple[str, Role]:
    if marks:
        return (f"[-{text}-]", "removed") if sign == "-" else (f"{{+{text}+}}", "added")
    return text, "removed-word" if sign == "-" else "added-word"


def _window(text: str, role: Role, *, first: bool, last: bool) -> Iterator[Part]:
    """The ends of an unchanged text that stand next to a change, and how much is left out; a change is never cut."""
    head = "" if first else text[:_AROUND]
    tail = "" if last else text[-_AROUND:]
    head = head[: head.rfind(" ") + 1] or head
    tail = tail[tail.find(" ") :] if " " in tail else tail
    left_out = len(text) - len(head) - len(tail)
    if left_out < _AROUND:
        yield text, role
        return
    yield head, role
    yield f"…({count(left_out, 'character')})…", "faint"
    yield tail, role
