"""A value, and a change of one, as lines: short ones on one line, long ones with their parts, texts as hunks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from retinue.report.text.hunks import (
    Edit,
    Fragment,
    Hunk,
    HunkLine,
    are_versions,
    compared_texts,
    edits,
    line_ends,
    split_lines,
)
from retinue.report.text.ink import BLANK, Line, Part, Role, count, indent, line
from retinue.report.text.lookalikes import escaped, shown_hunks, tell_apart, told_apart
from retinue.report.text.shared_hunks import SharedEdit

Detail = Literal["summary", "hunks", "complete", "full"]
"""`complete` leaves out only what does not change: new texts and lists of files are whole, prompts are hunks."""

WHOLE = ("complete", "full")
HIDDEN = "(not shown)"
"""What stands for a value that is never shown."""

_SHORT = 40
_MARKS: dict[str, tuple[str, Role]] = {"drift": ("!", "drift"), "conflict": ("!~", "drift"), "unset": ("-", "removed")}
_ROLES: dict[str, Role] = {" ": "plain", "-": "removed", "+": "added"}
_AROUND = 60
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_/-]*")
_FIRST_LINES = 8
_SPECIAL = frozenset(("retinue.ref", "retinue.gone", "retinue.file", "retinue.sealed"))
_LONG_LINE = 2_000
"""From so many characters on, the unchanged parts of a line are left out unless everything is asked for."""


# ── changes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


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
    label: Iterable[Part], value: Any, place: str | None, *, note: str = "", role: Role, detail: Detail, width: int
) -> list[Line]:
    """A value that is only there before or only after: on the line of its label, or below it."""
    head = list(label)
    used = line(*head).cells + 2
    if _fits(value, width - used):
        return [line(*head, ": ", (show_value(value), role), note, place=place)]
    below = _nested_lines(value, width=width - 4, everything=detail in WHOLE)
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
    if _is_plain(value):
        return [_arrow(label, show_value(before), show_value(after), _note(change), place)]
    role: Role = "removed" if after is None else "added"
    if change["cause"] == "config":
        label = [("-" if after is None else "+", role), *label[1:]]
    shown: Detail = "complete" if isinstance(value, str) else detail
    return value_lines(label, value, place, note=_note(change), role=role, detail=shown, width=width)


def _arrow(label: Iterable[Part], before: str, after: str, note: str, place: str | None) -> Line:
    before, after = tell_apart(before, after)
    return line(*label, ": ", (before, "removed"), " -> ", (after, "added"), (note, "faint"), place=place)


def _both(
    change: Mapping[str, Any], label: Sequence[Part], place: str | None, *, detail: Detail, width: int, marks: bool
) -> list[Line]:
    before, after = change["before"], change["after"]
    if is_file(before) and is_file(after):
        return [line(*label, ": ", file_change(before, after), (_note(change), "faint"), place=place)]
    if not (isinstance(before, str) and isinstance(after, str)):
        before, after = told_apart(before, after, show_value)
    if isinstance(before, str) and isinstance(after, str):
        short = _arrow(label, show_value(before), show_value(after), _note(change), place)
        room = width - (len(place) + 2 if place else 0)
        if "\n" not in before + after and (short.cells <= room or len(before + after) <= _SHORT):
            return [short]
        edit = change.get("edit")
        extent, lines = (
            _shared_change(edit, marks=marks)
            if edit
            else _text_change(before, after, everything=detail == "full", marks=marks)
        )
        return [line(*label, ":", (f"{_note(change)}{extent}", "faint"), place=place), *indent(lines, 4)]
    if _fits(before, width) and _fits(after, width):
        return [_arrow(label, show_value(before), show_value(after), _note(change), place)]
    return [
        line(*label, ":", (_note(change), "faint"), place=place),
        *indent(
            value_lines([("-", "removed"), " before"], before, None, role="removed", detail=detail, width=width), 4
        ),
        *indent(value_lines([("+", "added"), " after"], after, None, role="added", detail=detail, width=width), 4),
    ]


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def show_value(value: Any) -> str:
    """A value on one line: JSON with bare keys, and references as the addresses they stand for."""
    match value:
        case {"retinue.ref": address}:
            return str(address)
        case {"retinue.sealed": _}:
            return HIDDEN
        case {"retinue.gone": gone}:
            return f"{gone} (deleted)"
        case {"retinue.file": path, "size": size}:
            return f"{path}  {show_size(size)}" if size else str(path)  # the account tells no size
        case Mapping():
            return "{" + ", ".join(f"{show_key(key)}: {show_value(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(show_value(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def is_file(value: Any) -> bool:
    return isinstance(value, Mapping) and "retinue.file" in value


def file_change(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What changes about a file that keeps its place: its content by digests, and its sizes, as far as they are known.
    An account tells neither where a file came from nor its size."""
    sizes = f"  {show_size(after['size'])}" if after["size"] else ""
    sizes = f"  {show_size(before['size'])} ->{sizes[1:]}" if sizes and before["size"] else sizes
    return f"{after['retinue.file']}  sha256 {before['sha256'][:8]}… -> {after['sha256'][:8]}…{sizes}"


def show_key(key: str) -> str:
    """A key as it is, or quoted when it has dots, blanks or other signs in it."""
    return key if _IDENTIFIER.fullmatch(key) else escaped(json.dumps(key, ensure_ascii=False), everything=False)


def show_path(path: Sequence[str | int]) -> str:
    """A path with dots between keys and list indexes in brackets: `tools.file_search`, `required[1]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + show_key(part)
    return text


def show_size(size: int) -> str:
    """A number of bytes in the largest unit that keeps it readable."""
    if size < 1000:
        return f"{size} B"
    amount = float(size)
    for unit in ("KB", "MB", "GB"):
        amount /= 1000
        if amount < 999.95 or unit == "GB":
            break
    return f"{amount:.1f} {unit}"


def show_place(position: Mapping[str, Any] | None) -> str | None:
    """Where something was declared, in the form that editors and terminals open."""
    return f"{position['file']}:{position['line']}" if position else None


def _is_plain(value: Any) -> bool:
    """Whether a value has no parts of its own to show on further lines."""
    if isinstance(value, str):
        return "\n" not in value and len(value) < _LONG_LINE
    if isinstance(value, Mapping):
        return not value or bool(_SPECIAL & value.keys())
    return not value if isinstance(value, list) else True


def _nested_lines(value: Any, *, width: int, everything: bool) -> list[Line]:
    """The parts of a value on lines of their own, as they stand below the key that holds it."""
    if isinstance(value, str):
        return _gutter(value, everything=everything)
    lines: list[Line] = []
    if isinstance(value, Mapping):
        for key, each in value.items():
            if isinstance(each, Mapping) and each.get("retinue.file") == key:
                lines.append(line(show_value(each)))
                continue
            lines += _keyed_lines(f"{show_key(key)}:", each, width=width, everything=everything)
    else:
        for each in value:
            lines += _keyed_lines("-", each, width=width, everything=everything)
    return lines


def _keyed_lines(key: str, value: Any, *, width: int, everything: bool) -> list[Line]:
    """`key value` on one line where it fits, else the key with the value's parts below it."""
    short = f"{key} {show_value(value)}" if _fits(value, width - len(key) - 1) else None
    if short is not None:
        return [line(short)]
    return [line(key), *indent(_nested_lines(value, width=width - 2, everything=everything), 2)]


def _fits(value: Any, width: int) -> bool:
    """Whether a value reads well on one line: plain ones always, lists of plain ones when they are short."""
    if _is_plain(value):
        return True
    return isinstance(value, list) and all(_is_plain(each) for each in value) and len(show_value(value)) <= width


def _gutter(text: str, *, everything: bool) -> list[Line]:
    """A text of several lines in a gutter; the rest of a long one is counted."""
    lines = text.removesuffix("\n").split("\n")
    shown = lines if everything or len(lines) <= _FIRST_LINES + 1 else lines[:_FIRST_LINES]
    block = [line(("| ", "faint"), each if everything else _beginning(each)) for each in shown]
    if len(shown) < len(lines):
        block.append(line((f"… {count(len(lines) - len(shown), 'more line')}", "faint")))
    return block or [BLANK]


def _beginning(text: str) -> str:
    """A line, or the beginning of a very long one with the number of characters left out."""
    if len(text) < _LONG_LINE:
        return text
    return f"{text[:200]}…({count(len(text) - 200, 'more character')})"


# ── texts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _text_change(before: str, after: str, *, everything: bool, marks: bool) -> tuple[str, list[Line]]:
    """How much changed, in a few words, and the hunks. `marks` writes the marks of changed words as signs.

    Changed text is always complete; without `everything`, unchanged text is left out where it is long.
    """
    (old, _), (new, _) = map(split_lines, compared_texts(before, after))
    hunks = shown_hunks(old, new, context=None if everything else 3)
    one_line = max(len(old), len(new)) <= 1
    lines: list[Line] = []
    for hunk in hunks:
        if not everything and not one_line:
            lines.append(line((_hunk_head(hunk), "place")))
        lines += _hunk_lines(hunk, everything=everything, marks=marks)
    if ends := end_note(before, after):
        lines.append(line((f"\\ {ends}", "faint")))
    return "" if one_line else f" {extent(hunks, len(new))}", lines


def _shared_change(edit: SharedEdit, *, marks: bool) -> tuple[str, list[Line]]:
    """The same for an edit that was made in several texts, which differ besides."""
    lines: list[Line] = []
    for hunk in edit.hunks():
        lines += [line((_hunk_head(hunk), "place")), *_hunk_lines(hunk, everything=False, marks=marks)]
    if ends := end_note(*edit.whole):
        lines.append(line((f"\\ {ends}", "faint")))
    size = f"{count(edit.size, 'line')}, " if edit.size is not None else ""
    return f" {size}{edit.extent}", lines


def end_note(before: str, after: str) -> str:
    """What happens to the ends of all lines, and to the line break at the end, which no line shows."""
    (old, old_ends), (new, new_ends) = split_lines(before), split_lines(after)
    notes = [line_ends(before, after)] if compared_texts(before, after) != (before, after) else []
    if old and new and old_ends != new_ends:
        notes.append("a line break is added at the end" if new_ends else "the line break at the end is removed")
    return "; ".join(notes)


def extent(hunks: Iterable[Hunk], size: int) -> str:
    """How long a text is now, in lines, and how many lines were added and removed."""
    signs = [each.sign for hunk in hunks for each in hunk.lines]
    return f"{count(size, 'line')}, +{signs.count('+'):,} -{signs.count('-'):,}"


def _hunk_head(hunk: Hunk) -> str:
    """The heading of unified diffs: first line and number of lines of each side; an empty one names the line above."""
    if not hunk.numbered:
        return "@@ … @@"
    sides = []
    for start, end in (hunk.before, hunk.after):
        size = end - start
        first = start + 1 if size else start
        sides.append(f"{first}" if size == 1 else f"{first},{size}")
    return f"@@ -{sides[0]} +{sides[1]} @@"


def _hunk_lines(hunk: Hunk, *, everything: bool, marks: bool) -> Iterator[Line]:
    at = 0
    while at < len(hunk.lines):
        each, *below = hunk.lines[at : at + 2]
        if not everything and below and _are_long_versions(each, below[0]):
            yield from _place_lines(each, below[0], marks=marks)
            at += 1
        elif each.sign == " ":
            yield line("  ", each.text if everything else _beginning(each.text))
        else:
            parts = [_part(fragment, each.sign, marks=marks) for fragment in each.fragments]
            yield line((f"{each.sign} ", _ROLES[each.sign]), *parts)
        at += 1


def _part(fragment: Fragment, sign: str, *, marks: bool) -> Part:
    if not fragment.changed:
        return fragment.text, _ROLES[sign]
    if marks:
        return f"[-{fragment.text}-]" if sign == "-" else f"{{+{fragment.text}+}}", _ROLES[sign]
    return fragment.text, "removed-word" if sign == "-" else "added-word"


# ── very long lines ───────────────────────────────────────────────────────────────────────────────────────────────────


def _are_long_versions(each: HunkLine, below: HunkLine) -> bool:
    """Whether these are two versions of one line, too long to be looked through."""
    return are_versions(each, below) and max(len(each.text), len(below.text)) >= _LONG_LINE


def _place_lines(old: HunkLine, new: HunkLine, *, marks: bool) -> Iterator[Line]:
    """Both versions around every place that was edited. The edits themselves are complete."""
    found, rest = edits(old, new)
    places: list[list[Edit]] = []
    for edit in found:
        if places and len(edit.kept) <= 3 * _AROUND:
            places[-1].append(edit)
        else:
            places.append([edit])
    size = len(new.text)
    for place, after in zip(places, [*(each[0].kept for each in places[1:]), rest], strict=True):
        yield line((f"@@ character {place[0].start + 1:,} of {size:,} @@", "place"))
        for sign in ("-", "+"):
            yield line((f"{sign} ", _ROLES[sign]), *_around(place, after, sign, marks=marks))


def _around(place: Sequence[Edit], after: str, sign: str, *, marks: bool) -> Iterator[Part]:
    role = _ROLES[sign]
    lead = place[0].kept[-_AROUND:]
    lead = lead[lead.find(" ") + 1 :] if len(lead) < len(place[0].kept) else lead
    yield ("… " if len(lead) < len(place[0].kept) else "", "faint")
    for index, edit in enumerate(place):
        yield (edit.kept if index else lead), role
        text = edit.removed if sign == "-" else edit.added
        if text:
            yield _part(Fragment(text, changed=True), sign, marks=marks)
    tail = after[:_AROUND]
    tail = tail[: tail.rfind(" ")] if len(tail) < len(after) and " " in tail else tail
    yield tail, role
    yield (" …" if len(tail) < len(after) else "", "faint")
