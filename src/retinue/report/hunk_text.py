"""A text before and after as lines: hunks with marked words, and very long lines place by place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from retinue.report.hunks import Fragment, Hunk, HunkLine, diff_lines, split_lines
from retinue.report.ink import Line, Part, Role, line
from retinue.report.values import LONG_LINE, beginning, count

_ROLES: dict[str, Role] = {" ": "plain", "-": "removed", "+": "added"}
_AROUND = 60


def text_lines(before: str, after: str, *, everything: bool, marks: bool) -> tuple[str, list[Line]]:
    """How much changed, in a few words, and the hunks. `marks` writes the marks of changed words as signs.

    Changed text is always complete; without `everything`, unchanged text is left out where it is long.
    """
    (old, _), (new, _) = split_lines(before), split_lines(after)
    hunks = diff_lines(old, new, context=None if everything else 3)
    one_line = max(len(old), len(new)) <= 1
    lines: list[Line] = []
    for hunk in hunks:
        if not everything and not one_line:
            lines.append(line((_hunk_head(hunk), "place")))
        lines += _hunk_lines(hunk, everything=everything, marks=marks)
    if ends := end_note(before, after):
        lines.append(line((f"\\ {ends}", "faint")))
    return "" if one_line else f" {extent(hunks, len(new))}", lines


def end_note(before: str, after: str) -> str:
    """What happens to the line break at the end, which no line shows."""
    (old, old_ends), (new, new_ends) = split_lines(before), split_lines(after)
    if not (old and new) or old_ends == new_ends:
        return ""
    return "a line break is added at the end" if new_ends else "the line break at the end is removed"


def extent(hunks: Iterable[Hunk], size: int) -> str:
    """How long a text is now, in lines, and how many lines were added and removed."""
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


def _hunk_lines(hunk: Hunk, *, everything: bool, marks: bool) -> Iterator[Line]:
    at = 0
    while at < len(hunk.lines):
        each, *below = hunk.lines[at : at + 2]
        if not everything and below and _are_long_versions(each, below[0]):
            yield from _place_lines(each, below[0], marks=marks)
            at += 1
        elif each.sign == " ":
            yield line("  ", each.text if everything else beginning(each.text))
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


@dataclass(frozen=True, slots=True)
class Edit:
    """What was removed and added in one place of a line, the text before it that stayed, and where it stands."""

    kept: str
    removed: str
    added: str
    start: int


def are_versions(each: HunkLine, below: HunkLine) -> bool:
    """Whether these are two versions of one line, which have marks of what changed."""
    marked = any(fragment.changed for one in (each, below) for fragment in one.fragments)
    return (each.sign, below.sign) == ("-", "+") and marked


def _are_long_versions(each: HunkLine, below: HunkLine) -> bool:
    """Whether these are two versions of one line, too long to be looked through."""
    return are_versions(each, below) and max(len(each.text), len(below.text)) >= LONG_LINE


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


def edits(old: HunkLine, new: HunkLine) -> tuple[list[Edit], str]:
    """The places where two versions differ, and the text behind the last one. What stayed is the same in both."""
    found: list[Edit] = []
    before, after = list(old.fragments), list(new.fragments)
    start = 0
    while before or after:
        kept = before.pop(0).text if before and after and not (before[0].changed or after[0].changed) else ""
        start += len(kept)
        if kept:
            after.pop(0)
        removed = before.pop(0).text if before and before[0].changed else ""
        added = after.pop(0).text if after and after[0].changed else ""
        if not (removed or added):
            return found, kept
        found.append(Edit(kept, removed, added, start))
        start += len(added)
    return found, ""
