"""Two versions of a text → tables of HTML: side by side, and in one with what was removed and added in each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest

from retinue.model.printable import visible
from retinue.report.text.hunks import Fragment, Hunk, HunkLine, Span, are_versions, edits
from retinue.report.text.ink import count

_BESIDE = (
    '<table class="beside"><caption>{title}, side by side</caption>'
    '<colgroup><col class="n"><col class="s"><col><col class="n"><col class="s"><col></colgroup>'
    '<thead class="{head}"><tr><th colspan="3" scope="colgroup">Before</th>'
    '<th colspan="3" scope="colgroup">After</th></tr></thead><tbody>{rows}</tbody></table>\n'
)
_INLINE = (
    '<table class="{name}"><caption>{title}, in one</caption>'
    '<colgroup><col class="n"><col class="n"><col class="s"><col></colgroup>'
    '<thead class="hidden"><tr><th scope="col">Line before</th><th scope="col">Line after</th>'
    '<th scope="col">Change</th><th scope="col">Text</th></tr></thead><tbody>{rows}</tbody></table>\n'
)


@dataclass(frozen=True, slots=True)
class _Row:
    """One line on each side, or on one of them. With `versions`, both are versions of one line that differ."""

    before: tuple[int | None, HunkLine] | None
    after: tuple[int | None, HunkLine] | None
    versions: bool = False


def tables(hunks: Sequence[Hunk], new: Sequence[str] | None, title: str, *, note: str, brief: bool = False) -> str:
    """The hunks as tables, of which `title` names the text. `new` are the lines of the text, whose unchanged ones are
    folded between the hunks; without it nothing is said of them. With `brief` they are only counted, and there is one
    table for each hunk."""
    made: list[str] = []
    at = 0
    for hunk in hunks:
        made.append(_gap(new, (at, hunk.after[0]), brief=brief))
        rows = list(_rows(hunk))
        head = "" if not made[0] and hunk is hunks[0] else "hidden"
        if not brief:
            made.append(_BESIDE.format(title=escape(title), head=head, rows="".join(_beside(rows))))
        name = "inline only" if brief else "inline"
        made.append(_INLINE.format(name=name, title=escape(title), rows="".join(map(_inline, rows))))
        at = hunk.after[1]
    made.append(_gap(new, (at, len(new or ())), brief=brief))
    return "".join(made) + (f'<p class="faint">{note[0].upper()}{note[1:]}.</p>\n' if note else "")


def _gap(lines: Sequence[str] | None, span: Span, *, brief: bool) -> str:
    start, end = span
    if lines is None or start >= end:
        return ""
    title = count(end - start, "unchanged line")
    if brief:
        return f'<p class="gap">{title}</p>\n'
    text = "\n".join(_text(each) for each in lines[start:end])
    return f'<details class="gap"><summary>{title}</summary><pre>{text}</pre></details>\n'


def _text(text: str) -> str:
    return escape(visible(text))


def _rows(hunk: Hunk) -> Iterator[_Row]:
    """The lines of a hunk with their numbers, two versions of one line in one row."""
    old, new = hunk.before[0] + 1, hunk.after[0] + 1
    numbers = (lambda number: number) if hunk.numbered else (lambda _: None)
    at = 0
    while at < len(hunk.lines):
        each, *below = hunk.lines[at : at + 2]
        if below and are_versions(each, below[0]):
            row = _Row((numbers(old), each), (numbers(new), below[0]), versions=True)
        else:
            row = _Row(
                (numbers(old), each) if each.sign != "+" else None, (numbers(new), each) if each.sign != "-" else None
            )
        yield row
        old += row.before is not None
        new += row.after is not None
        at += 2 if row.versions else 1


# ── side by side ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _beside(rows: Iterable[_Row]) -> Iterator[str]:
    """Rows with both sides; removed lines stand beside the ones added after them."""
    gone: list[_Row] = []
    come: list[_Row] = []
    for row in rows:
        if row.before and row.after:
            yield from _pairs(gone, come)
            gone, come = [], []
            yield f"<tr>{_cells(row.before, row.versions)}{_cells(row.after, row.versions)}</tr>\n"
        elif row.before:
            if come:
                yield from _pairs(gone, come)
                gone, come = [], []
            gone.append(row)
        else:
            come.append(row)
    yield from _pairs(gone, come)


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _pairs(gone: Iterable[_Row], come: Iterable[_Row]) -> Iterator[str]:
    for old, new in zip_longest(gone, come):
        yield f"<tr>{_cells(old.before if old else None)}{_cells(new.after if new else None)}</tr>\n"


def _cells(side: tuple[int | None, HunkLine] | None, versions: bool = False) -> str:
    """Number, sign and text of one side."""
    if side is None:
        return '<td class="none" colspan="3"></td>'
    number, each = side
    name = {"-": " minus", "+": " plus", " ": ""}[each.sign]
    text = _marked(each.fragments, each.sign) if versions else _whole(each)
    kind = "" if versions or each.sign == " " else " whole"
    return (
        f'<td class="n">{_number(number)}</td><td class="s{name}">{each.sign}</td><td class="t{name}{kind}">{text}</td>'
    )


# ── in one ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _inline(row: _Row) -> str:
    """One row: what was removed from a line and what was added to it stand in the line."""
    old, new = row.before, row.after
    numbers = f'<td class="n">{_number(old[0]) if old else ""}</td><td class="n">{_number(new[0]) if new else ""}</td>'
    if old and new and row.versions:
        return f'<tr>{numbers}<td class="s both">~</td><td class="t word">{_merged(old[1], new[1])}</td></tr>\n'
    side = old or new
    if side is None:
        return ""
    sign = side[1].sign
    name = {"-": " minus", "+": " plus", " ": ""}[sign]
    kind = "" if sign == " " else " whole"
    return f'<tr>{numbers}<td class="s{name}">{sign}</td><td class="t{name}{kind}">{_whole(side[1])}</td></tr>\n'


def _merged(old: HunkLine, new: HunkLine) -> str:
    found, rest = edits(old, new)
    text = ""
    for edit in found:
        text += _text(edit.kept) + _tagged("del", edit.removed) + _tagged("ins", edit.added)
    return text + _text(rest)


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _whole(each: HunkLine) -> str:
    if each.sign == " ":
        return _text(each.text)
    return _tagged("del" if each.sign == "-" else "ins", each.text)


def _marked(fragments: Iterable[Fragment], sign: str) -> str:
    tag = "del" if sign == "-" else "ins"
    return "".join(_tagged(tag, each.text) if each.changed else _text(each.text) for each in fragments)


def _tagged(tag: str, text: str) -> str:
    return f"<{tag}>{_text(text)}</{tag}>" if text else ""
