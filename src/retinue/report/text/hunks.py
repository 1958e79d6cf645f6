"""Two texts → what changed between them: hunks of lines, and the words inside changed lines. Knows nothing of output.

Every function is close to linear in the size of the texts: unchanged ends are taken off first, then unique common
elements anchor the rest, and the quadratic search of difflib only sees what is small.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Span = tuple[int, int]
Change = tuple[Span, Span]
"""A stretch of the first sequence, and the stretch of the second one that took its place."""

_EFFORT = 4_000_000
_SMALL = 20_000
_RUN = 12
_PAIRING = 2_500
_ALIKE = 0.4


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a line; `changed` when the other version of the line does not have it."""

    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class HunkLine:
    """One line of a hunk. An unmarked removed or added line is one fragment that is not `changed`."""

    sign: Literal[" ", "-", "+"]
    fragments: tuple[Fragment, ...]

    @property
    def text(self) -> str:
        return "".join(each.text for each in self.fragments)


@dataclass(frozen=True, slots=True)
class Hunk:
    """A run of changed lines with unchanged ones around; `before` and `after` are the spans of lines, from 0, unless it
    stands for several texts that have it in different lines."""

    before: Span
    after: Span
    lines: tuple[HunkLine, ...]
    numbered: bool = True


def split_lines(text: str) -> tuple[list[str], bool]:
    """The lines of a text, and whether the last one ends with a line break."""
    lines = text.split("\n")
    if lines[-1] == "":
        return lines[:-1], True
    return lines, False


def compared_texts(before: str, after: str) -> tuple[str, str]:
    """Both texts as their lines are compared: where every line of one ends as on Windows, none of the other does, and
    that is not all that differs, without the difference. `line_ends` tells it."""
    plain = before.replace("\r\n", "\n"), after.replace("\r\n", "\n")
    return plain if line_ends(before, after) and plain[0] != plain[1] else (before, after)


def line_ends(before: str, after: str) -> str:
    """What happens to the ends of all lines, when they turn from one form into the other."""
    forms = [_line_end(each) for each in (before, after)]
    return f"every line ended with {forms[0]}, and ends with {forms[1]}" if set(forms) == {"\\n", "\\r\\n"} else ""


def _line_end(text: str) -> str:
    """How all lines of a text end; empty where there are none, or not all end alike."""
    windows, all_of_them = text.count("\r\n"), text.count("\n")
    if not all_of_them or windows not in (0, all_of_them) or text.count("\r") != windows:
        return ""
    return "\\r\\n" if windows else "\\n"


def diff_lines(before: Sequence[str], after: Sequence[str], *, context: int | None = 3) -> list[Hunk]:
    """The hunks between two lists of lines with so many unchanged lines around each; None keeps every line."""
    groups: list[list[Change]] = []
    for change in changes(before, after):
        if groups and (context is None or change[0][0] - groups[-1][-1][0][1] <= 2 * context):
            groups[-1].append(change)
        else:
            groups.append([change])
    return [_hunk(before, after, group, context) for group in groups]


def _hunk(before: Sequence[str], after: Sequence[str], group: list[Change], context: int | None) -> Hunk:
    (first_old, _), (first_new, _) = group[0]
    (_, last_old), (_, last_new) = group[-1]
    lead = first_old if context is None else min(context, first_old)
    tail = len(before) - last_old if context is None else min(context, len(before) - last_old)
    lines: list[HunkLine] = []
    at = first_old - lead
    for (old_start, old_end), (new_start, new_end) in group:
        lines += [unchanged_line(each) for each in before[at:old_start]]
        lines += changed_lines(before[old_start:old_end], after[new_start:new_end])
        at = old_end
    lines += [unchanged_line(each) for each in before[at : last_old + tail]]
    return Hunk((first_old - lead, last_old + tail), (first_new - lead, last_new + tail), tuple(lines))


def unchanged_line(text: str) -> HunkLine:
    """A line that stands around what changed."""
    return _whole(" ", text)


def _whole(sign: Literal[" ", "-", "+"], text: str) -> HunkLine:
    return HunkLine(sign, (Fragment(text, changed=False),))


def changed_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[HunkLine]:
    """Removed lines before added ones, except that the two versions of one line stand together with marks."""
    at_old = at_new = 0
    for i, j, (removed, added) in _pairs(old, new):
        yield from (_whole("-", each) for each in old[at_old:i])
        yield from (_whole("+", each) for each in new[at_new:j])
        yield HunkLine("-", removed)
        yield HunkLine("+", added)
        at_old, at_new = i + 1, j + 1
    yield from (_whole("-", each) for each in old[at_old:])
    yield from (_whole("+", each) for each in new[at_new:])


Versions = tuple[tuple[Fragment, ...], tuple[Fragment, ...]]


def _pairs(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, Versions]]:
    """Which removed line became which added one: the next that is alike enough, in order."""
    if len(old) == len(new):
        candidates = [[index] for index in range(len(new))]
    elif len(old) * len(new) <= _PAIRING:
        candidates = [list(range(len(new)))] * len(old)
    else:
        return
    taken = 0
    for i, options in enumerate(candidates):
        for j in options:
            if j >= taken and _may_be_alike(old[i], new[j]):
                versions = diff_words(old[i], new[j])
                if _alike(versions):
                    yield i, j, versions
                    taken = j + 1
                    break


def _may_be_alike(old: str, new: str) -> bool:
    shorter, longer = sorted((len(old), len(new)))
    return longer > 0 and shorter / longer >= _ALIKE / 2


def _alike(versions: Versions) -> bool:
    """Whether enough of a line stayed for marks to help; scattered leftovers of another line do not."""
    kept = sum(len(each.text.strip()) for each in versions[0] if not each.changed)
    size = min(sum(len(each.text) for each in side) for side in versions)
    return kept > 0 and kept >= _ALIKE * size


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

# A word, a run of blanks, one ideograph, or one other sign; an emoji sequence is one sign.
_WORD = re.compile(
    "[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    "|[^\\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
    "|\\s+"
    "|[\U0001f1e6-\U0001f1ff]{2}"
    "|[^\\w\\s](?:[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]|\u200d.)*"
)


def words(text: str) -> list[str]:
    """The text in pieces that are never torn apart by a mark."""
    pieces: list[str] = []
    after_mark = False
    for piece in _WORD.findall(text):
        # Combining marks are no word characters for the pattern, but belong inside the word they stand in.
        mark = not piece.isascii() and unicodedata.category(piece[0])[0] == "M"
        if pieces and (mark or (after_mark and piece[0].isalpha())):
            pieces[-1] += piece
        else:
            pieces.append(piece)
        after_mark = mark
    return pieces


def diff_words(before: str, after: str) -> Versions:
    """Both versions of a line in fragments that are changed or not."""
    old, new = words(before), words(after)
    found = _joined(old, list(changes(old, new)))
    return (tuple(_fragments(old, [span for span, _ in found])), tuple(_fragments(new, [span for _, span in found])))


def _joined(old: Sequence[str], found: list[Change]) -> list[Change]:
    """Changes with nothing but a blank or a sign between them read as one."""
    joined: list[Change] = []
    for change in found:
        if joined:
            (start, end), (new_start, new_end) = joined[-1]
            between = "".join(old[end : change[0][0]])
            if len(between.strip()) < 2 and len(between) < 4 and new_end > new_start and change[1][1] > change[1][0]:
                joined[-1] = ((start, change[0][1]), (new_start, change[1][1]))
                continue
        joined.append(change)
    return joined


def _fragments(pieces: Sequence[str], spans: Sequence[Span]) -> Iterator[Fragment]:
    at = 0
    for start, end in spans:
        if start > at:
            yield Fragment("".join(pieces[at:start]), changed=False)
        if end > start:
            yield Fragment("".join(pieces[start:end]), changed=True)
        at = end
    if at < len(pieces):
        yield Fragment("".join(pieces[at:]), changed=False)


# ── versions of a line ────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── sequences ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def changes(before: Sequence[str], after: Sequence[str]) -> Iterator[Change]:
    """What differs between two sequences, in order, as spans of both."""
    at_old = at_new = 0
    for i, j in [*_matches(before, after), (len(before), len(after))]:
        if i > at_old or j > at_new:
            yield (at_old, i), (at_new, j)
        at_old, at_new = i + 1, j + 1


def _matches(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Index pairs of the elements that stayed. What is too costly to search through counts as changed."""
    found: list[tuple[int, int]] = []
    effort = _EFFORT
    waiting = [((0, len(before)), (0, len(after)))]
    while waiting:
        ends, (old, new) = _same_ends(before, after, *waiting.pop())
        found += ends
        if old[0] == old[1] or new[0] == new[1]:
            continue
        area = (old[1] - old[0]) * (new[1] - new[0])
        effort -= (old[1] - old[0]) + (new[1] - new[0])
        if effort < 0:
            break
        inner = _anchors(before[slice(*old)], after[slice(*new)])
        if not inner and area > _SMALL:
            effort -= _RUN * ((old[1] - old[0]) + (new[1] - new[0]))
            inner = _anchors(_runs(before[slice(*old)]), _runs(after[slice(*new)]))
        if inner:
            at = (old[0], new[0])
            for i, j in inner:
                waiting.append(((at[0], old[0] + i), (at[1], new[0] + j)))
                found.append((old[0] + i, new[0] + j))
                at = (old[0] + i + 1, new[0] + j + 1)
            waiting.append(((at[0], old[1]), (at[1], new[1])))
        elif area <= _SMALL:
            effort -= area * 4
            found += _searched(before, after, old, new)
    return sorted(found)


def _same_ends(
    before: Sequence[str], after: Sequence[str], old: Span, new: Span
) -> tuple[list[tuple[int, int]], Change]:
    """The equal elements at both ends of two spans, and what is left between them."""
    found: list[tuple[int, int]] = []
    start_old, end_old = old
    start_new, end_new = new
    while start_old < end_old and start_new < end_new and before[start_old] == after[start_new]:
        found.append((start_old, start_new))
        start_old, start_new = start_old + 1, start_new + 1
    while start_old < end_old and start_new < end_new and before[end_old - 1] == after[end_new - 1]:
        end_old, end_new = end_old - 1, end_new - 1
        found.append((end_old, end_new))
    return found, ((start_old, end_old), (start_new, end_new))


def _runs(elements: Sequence[str]) -> list[tuple[str, ...]]:
    """Every element with those after it: where no single word is unique, a run of words may well be."""
    return list(zip(*(elements[offset:] for offset in range(_RUN)), strict=False))


def _anchors(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """The longest run of pairs, in order on both sides, of elements that occur once on each (patience diff)."""
    old_counts, new_counts = Counter(old), Counter(new)
    places = {each: index for index, each in enumerate(new) if new_counts[each] == 1}
    pairs = [(i, places[each]) for i, each in enumerate(old) if each in places and old_counts[each] == 1]
    tops: list[int] = []
    top_pairs: list[int] = []
    previous = [-1] * len(pairs)
    for index, (_, j) in enumerate(pairs):
        pile = bisect_left(tops, j)
        previous[index] = top_pairs[pile - 1] if pile else -1
        tops[pile : pile + 1] = [j]
        top_pairs[pile : pile + 1] = [index]
    chosen: list[tuple[int, int]] = []
    at = top_pairs[-1] if top_pairs else -1
    while at >= 0:
        chosen.append(pairs[at])
        at = previous[at]
    return chosen[::-1]


def _searched(before: Sequence[str], after: Sequence[str], old: Span, new: Span) -> Iterator[tuple[int, int]]:
    matcher = SequenceMatcher(None, before[slice(*old)], after[slice(*new)], autojunk=False)
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            yield old[0] + block.a + offset, new[0] + block.b + offset
