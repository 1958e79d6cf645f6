"""A plan document → Markdown: the whole page, and a comment on GitHub that is never too long to post.

The first line of a comment is a marker by which the one of a stack is found again, to be edited instead of repeated.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import accumulate
from typing import Any
from urllib.parse import quote

from retinue.model.printable import visible
from retinue.report.plan.created_text import created_folds
from retinue.report.plan.folding import Fold, fold, kind_of
from retinue.report.plan.plan_text import (
    block_lines,
    count_lines,
    fold_body,
    fold_head,
    fold_names,
    header_lines,
    removal_lines,
    step_head,
    step_summary,
    storage_lines,
    summary_sentence,
    unmanaged_lines,
    warning_lines,
)
from retinue.report.plan.step_groups import OUTSIDE_SIGN, SIGNS, Group, plan_groups, replaced_ids
from retinue.report.text.change_text import Detail
from retinue.report.text.ink import Line, count, line
from retinue.report.text.markdown import WIDTH, code, fence, joined, placed, text_of

BUDGET = 65_000
"""GitHub takes 65,536 characters; whoever posts the comment may want to add a line."""
_GRAVE = 1
_NOTE = 500
_LONG = 1_000
_SHARE = 20
"""The table of counts takes no more of a comment than one part of so many."""
_SOME = (2_000, 400, 40)
"""Objects that are named where there is no room to name all that read the same."""
_ONE_BY_ONE = 400
"""New objects that may be shown each with all that it holds."""
_PARTS = (16_000, 3_000)
"""Where a change is longer than there is room for, its first so many characters are shown."""


# ── page ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def render_plan_markdown(document: Mapping[str, Any], *, detail: Detail = "hunks") -> str:
    """The whole plan as a page. `hunks` leaves out only what does not change; `summary` names the fields."""
    detail = "complete" if detail == "hunks" else detail
    replaced = replaced_ids(document)
    blocks = [f"# Plan for {code(document['stack'])}", *overview(document), *_counts(document)]
    if document["blocks"]:
        blocks += ["## Blocked", fence(joined(map(block_lines, document["blocks"])), "text")]
    for group in plan_groups(document):
        blocks += [f"## {group.title}"]
        if detail == "summary":
            blocks.append("\n".join(f"- {code(text_of(step_summary(each, replaced)))}" for each in group.steps))
        else:
            for each in fold(group.steps, outside=group.outside, detail=detail):
                head, body = fold_lines(each, group, replaced, detail=detail)
                blocks += [
                    f"### {placed(head)}",
                    *([fence(body, "diff")] if body else []),
                    *which_objects(each, detail),
                ]
        blocks += [group.note] if group.note else []
    if document["warnings"]:
        blocks += ["## Warnings", fence(joined(map(warning_lines, document["warnings"])), "text")]
    blocks += [fence(gone, "text") for gone in [removal_lines(document)] if gone]
    blocks += [code(text_of(each)) for each in unmanaged_lines(document["summary"])]
    return "\n\n".join(blocks) + "\n"


def overview(document: Mapping[str, Any]) -> list[str]:
    """The summary sentence, what storage costs, what the plan is about, and its digest."""
    lines = [*storage_lines(document), *header_lines(document)]
    blocks = [f"**{summary_sentence(document)}**", *(code(text_of(each)) for each in lines)]
    return [*blocks, f"Digest: {code(document['digest'])}"] if document.get("digest") else blocks


def _counts(document: Mapping[str, Any]) -> list[str]:
    lines = count_lines(document["steps"])
    return [fence(lines, "text")] if lines else []


def fold_lines(folded: Fold, group: Group, replaced: Mapping[str, str], *, detail: Detail) -> tuple[Line, list[Line]]:
    """The head of a step, or of several that read the same, as its group shows it, and what stands below it, not
    indented. Which objects several are stands elsewhere, unless they are new ones that differ."""
    head = fold_head(folded, replaced, outside=group.outside)
    if folded.several and folded.shown["action"] == "create":
        return head, created_folds(folded, width=WIDTH, everything=True)
    return head, fold_body(folded, outside=group.outside, detail=detail, width=WIDTH, marks=True)


def which_objects(folded: Fold, detail: Detail, most: int | None = None) -> list[str]:
    """The objects that are shown as one, to be opened; of more than `most` the rest is counted."""
    if not folded.several or folded.shown["action"] == "create":
        return []
    left = max(len(folded.steps) - most, 0) if most else 0
    named = replace(folded, steps=folded.steps[:most]) if left else folded
    names = fold_names(named, detail="full" if detail == "full" else "complete", width=WIDTH)
    names += [line((f"… {left:,} more", "faint"))] if left else []
    title = count(len(folded.steps), kind_of(folded.shown))
    return [f"<details><summary><code>{_escaped(title)}</code></summary>\n\n{fence(names, 'text')}\n\n</details>"]


# ── comment ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def marker(stack: str, environment: str | None) -> str:
    """The hidden first line of every comment about this stack in this environment, whatever the plan."""
    names = [stack, *([environment] if environment else [])]
    return f"<!-- retinue plan: {'/'.join(quote(each[:_LONG], safe='') for each in names)} -->"


def render_plan_comment(document: Mapping[str, Any], *, detail: Detail = "hunks", budget: int = BUDGET) -> str:
    """The comment, of at most `budget` characters.

    What blocks the plan, what goes and what was changed outside is not folded and left out last. Where there is no room
    for everything, a sentence at the end says how much is missing and how to see it.
    """
    title = f"## Plan for {code(_short(document['stack']))}"
    counts = [each for each in _counts(document) if len(each) * _SHARE <= budget]
    blocks = [marker(document["stack"], document["environment"]), title, *_cut(overview(document)), *counts]
    top = "\n\n".join(blocks) + "\n"
    pieces = _coarse(list(_pieces(document, detail)), budget - len(top) - _NOTE)
    chosen = _fitting(pieces, budget - len(top) - _NOTE)
    return top + _laid_out(pieces, chosen) + _missing(document, pieces, chosen)


def render_no_plan(stack: str, environment: str | None, why: str, *, budget: int = BUDGET) -> str:
    """The comment where no plan could be made, of at most `budget` characters: whatever plan it takes the place of is
    not that of the present files."""
    about = code(_short(f"stack {stack}" + (f", environment {environment}" if environment else "")))
    top = "\n\n".join([marker(stack, environment), f"## No plan for {code(_short(stack))}", about])
    said = _first([line(each) for each in why.splitlines()], budget - len(top) - _NOTE)
    return f"{top}\n\n{fence(said, 'text')}\n"


@dataclass(slots=True)
class _Piece:
    """A part of the comment below a heading. `last` is its shortest form, `longer` makes the others, the longest first.

    `rank` is its importance, 0 first, and grave up to `_GRAVE`. With `details`, `last` is what is left without them, as
    are the `briefs` forms before it. As many of the forms before those as `longer` says show only a part of them. A
    comment has room for a few pieces of a long plan, and only those are written at length. `number` is how many of
    `what` it stands for; pieces of one `sort` and one heading become one where there are too many, which lists `names`.
    """

    heading: str
    last: str
    rank: int
    longer: Callable[[], tuple[Sequence[str], int]] = lambda: ((), 0)
    details: bool = True
    what: str = "change"
    number: int = 1
    sort: tuple[str, str] | None = None
    names: Sequence[str] = ()
    briefs: int = 0
    parts: int = 0
    _forms: tuple[str, ...] = ()

    @property
    def forms(self) -> tuple[str, ...]:
        """All forms, from the longest to the shortest."""
        if not self._forms:
            longer, self.parts = self.longer()
            self._forms = (*longer, self.last)
        return self._forms

    def is_brief(self, form: int) -> bool:
        return self.details and form >= len(self.forms) - 1 - self.briefs

    def is_part(self, form: int) -> bool:
        return 0 < len(self.forms) - 1 - self.briefs - form <= self.parts


def _pieces(document: Mapping[str, Any], detail: Detail) -> Iterable[_Piece]:
    replaced = replaced_ids(document)
    for block in document["blocks"]:
        yield _said("Blocked", block, 0, block_lines, "reason")
    for group in plan_groups(document):
        if detail == "summary":
            for step in group.steps:
                yield _step_piece(Fold((step,), step), group, replaced, detail)
        else:
            for folded in fold(group.steps, outside=group.outside, detail=detail):
                yield _step_piece(folded, group, replaced, detail)
        if group.note:
            yield _Piece(group.title, group.note, _GRAVE, details=False, what="note")
    for warning in document["warnings"]:
        yield _said("Warnings", warning, 2, warning_lines, "warning")
    if gone := removal_lines(document):
        yield _Piece("", fence(gone, "text"), 2, details=False, what="count")
    for each in unmanaged_lines(document["summary"]):
        yield _Piece("", code(text_of(each)), 5, details=False, what="count")


def _said(
    heading: str, each: Mapping[str, Any], rank: int, show: Callable[[Mapping[str, Any]], list[Line]], what: str
) -> _Piece:
    """A warning, or a reason why the plan is blocked."""
    named = str(each["code"])
    return _Piece(heading, f"- {code(named)}", rank, _fenced(show, each), what=what, sort=("", what), names=[named])


def _fenced(
    show: Callable[[Mapping[str, Any]], list[Line]], each: Mapping[str, Any]
) -> Callable[[], tuple[Sequence[str], int]]:
    return lambda: ((fence(show(each), "text"),), 0)


def _step_piece(folded: Fold, group: Group, replaced: Mapping[str, str], detail: Detail) -> _Piece:
    step, number = folded.shown, len(folded.steps)
    sign, _ = OUTSIDE_SIGN if group.outside else SIGNS[step["action"]]
    names = [each["address"] for each in folded.steps]
    summary = _fold_summary(folded, group, replaced)
    brief = f"- {code(_short(text_of(summary)))}"
    rank = _GRAVE if group.grave else 4 if step["action"] == "create" else 3
    sort = (sign, kind_of(step))
    if detail == "summary":
        return _Piece(group.title, brief, rank, details=False, sort=sort, names=names)

    def show(folded: Fold, summary: Line, head: Line, body: Sequence[Line], most: int | None = None) -> str:
        which = which_objects(folded, detail, most)
        return _open(head, body, which) if group.grave else _folded(summary, head, body, which)

    def whole() -> Iterable[str]:
        """Several new objects, below what they have in common each with all that it holds."""
        if 1 < number <= _ONE_BY_ONE and step["action"] == "create":
            alone = [Fold((each,), each) for each in folded.steps]
            inside = [
                show(each, step_summary(each.shown, replaced), *fold_lines(each, group, replaced, detail="complete"))
                for each in alone
            ]
            head, body = fold_lines(folded, group, replaced, detail="hunks")
            yield _details(summary, head, "\n\n".join([fence(body, "diff"), *inside]))

    def longer() -> tuple[Sequence[str], int]:
        forms = list(whole())
        levels: tuple[Detail, ...] = ("full",) if detail == "full" else ("complete", "hunks")
        for level in levels:
            head, body = fold_lines(folded, group, replaced, detail=level)
            made = show(folded, summary, head, body)
            if made not in forms:
                forms.append(made)
        several = folded.several and step["action"] != "create"
        parts = [show(folded, summary, head, body, most) for most in _SOME if several and len(folded.steps) > most]
        parts += [show(folded, summary, head, part, _SOME[-1]) for part in _parts(body)]
        listed = [f"- {code(text_of(summary) + ': ' + ', '.join(names))}"] if folded.several else []
        return (*forms, *parts, *listed), len(parts)

    briefs = 1 if folded.several else 0
    return _Piece(group.title, brief, rank, longer, number=number, sort=sort, names=names, briefs=briefs)


def _fold_summary(folded: Fold, group: Group, replaced: Mapping[str, str]) -> Line:
    """A step on one line, or several that read the same: how many, and what is touched."""
    summary = step_summary(folded.shown, replaced)
    if not folded.several:
        return summary
    alone = step_head(folded.shown, replaced, outside=group.outside)
    head = fold_head(folded, replaced, outside=group.outside)
    return Line((*head.parts, *summary.parts[len(alone.parts) :]), folded.place)


def _parts(body: Sequence[Line]) -> Iterable[Sequence[Line]]:
    """The beginning of a long body, once for each size that it is longer than by far."""
    whole = sum(map(_size, body))
    return (_first(body, size) for size in _PARTS if whole > 2 * size)


def _first(lines: Sequence[Line], size: int) -> Sequence[Line]:
    """The lines, or as many of the first as go into so many characters and how many more there are."""
    taken = bisect_right(list(accumulate(map(_size, lines))), size)
    return lines if taken == len(lines) else [*lines[:taken], line(f"… {count(len(lines) - taken, 'more line')}")]


def _size(each: Line) -> int:
    return len(text_of(each)) + 1


def _open(head: Line, body: Sequence[Line], which: Sequence[str]) -> str:
    return "\n\n".join([placed(head), *([fence(body, "diff")] if body else []), *which])


def _folded(summary: Line, head: Line, body: Sequence[Line], which: Sequence[str]) -> str:
    """A step whose details open with a click. Inside the summary there is HTML, and everything of it is ours."""
    if not body and not which:
        return placed(head)
    return _details(summary, head, "\n\n".join([*([fence(body, "diff")] if body else []), *which]))


def _details(summary: Line, head: Line, inside: str) -> str:
    title = f"<code>{_escaped(_short(text_of(summary)))}</code>"
    place = f" · <code>{_escaped(_short(head.place))}</code>" if head.place else ""
    return f"<details><summary>{title}{place}</summary>\n\n{inside}\n\n</details>"


def _escaped(text: str) -> str:
    return escape(visible(text))


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


# ── too many to be named one by one ───────────────────────────────────────────────────────────────────────────────────


def _coarse(pieces: Sequence[_Piece], budget: int) -> Sequence[_Piece]:
    """The pieces, or fewer where there is no room for the shortest forms of all: those of one sort become one, what is
    grave last."""
    for least in (_GRAVE + 1, 0):
        if sum(len(each.last) + 2 for each in pieces) + _headings(pieces) <= budget:
            return pieces
        pieces = _merged(pieces, least)
    return pieces


def _headings(pieces: Iterable[_Piece]) -> int:
    return sum(len(each) + 6 for each in {each.heading for each in pieces})


def _merged(pieces: Iterable[_Piece], least: int) -> list[_Piece]:
    """Those that are at most so important, one for each sort, where the first of them stood."""
    groups: dict[Any, list[_Piece]] = {}
    for index, each in enumerate(pieces):
        alone = each.sort is None or each.rank < least
        groups.setdefault(index if alone else (each.heading, each.rank, each.sort), []).append(each)
    return [each[0] if len(each) == 1 else _one_of(each) for each in groups.values()]


def _one_of(pieces: Sequence[_Piece]) -> _Piece:
    """One line for many: how many there are, and as many names as there is room for."""
    first, number = pieces[0], sum(each.number for each in pieces)
    sign, noun = first.sort or ("", first.what)
    title = f"{sign} {count(number, _short(noun))}".strip()
    names = list(dict.fromkeys(_short(name) for each in pieces for name in each.names))

    def longer() -> tuple[Sequence[str], int]:
        sizes = [len(names)]
        while sizes[-1] > 1:
            sizes.append(sizes[-1] * 3 // 4)
        rest = [f", … {len(names) - size:,} more" if size < len(names) else "" for size in sizes]
        lists = [f"{title}: {', '.join(names[:size])}{more}" for size, more in zip(sizes, rest, strict=True)]
        return [f"- {code(each)}" for each in lists], 0

    last = f"- {code(title)}"
    return _Piece(first.heading, last, first.rank, longer, what=first.what, number=number, briefs=len(names) + 1)


# ── into the budget ───────────────────────────────────────────────────────────────────────────────────────────────────


def _fitting(pieces: Sequence[_Piece], budget: int) -> list[int | None]:
    """Which form of every piece to take; None for a piece that there is no room to name.

    What is grave is named first and gets its details, then the rest; what is left over goes to the longest forms.
    """
    room = _Room(pieces, budget)
    order = sorted(range(len(pieces)), key=lambda index: pieces[index].rank)
    grave = [index for index in order if pieces[index].rank <= _GRAVE]
    rest = [index for index in order if pieces[index].rank > _GRAVE]
    for group in (grave, rest):
        for index in group:
            room.name(index)
        for index in group:
            room.detail(index, longest=group is rest)
    for index in grave:
        room.detail(index, longest=True)
    return room.chosen


class _Room:
    """The characters that are left, and the form of every piece that was chosen so far."""

    def __init__(self, pieces: Sequence[_Piece], budget: int) -> None:
        self.pieces = pieces
        self.budget = budget
        self.chosen: list[int | None] = [None] * len(pieces)
        self._headings: set[str] = set()

    def name(self, index: int) -> None:
        """Take the shortest form, if there is room for it and its heading."""
        piece = self.pieces[index]
        heading = 0 if piece.heading in self._headings else len(piece.heading) + 6
        size = len(piece.last) + 2 + heading
        if size <= self.budget:
            self.budget -= size
            self._headings.add(piece.heading)
            self.chosen[index] = len(piece.forms) - 1

    def detail(self, index: int, *, longest: bool) -> None:
        """Take the longest form that there is room for, or that with the least details."""
        at = self.chosen[index]
        if at is None:
            return
        forms = self.pieces[index].forms
        for form in range(0 if longest else max(len(forms) - 2, 0), at):
            more = len(forms[form]) - len(forms[at])
            if more <= self.budget:
                self.budget -= more
                self.chosen[index] = form
                return


def _laid_out(pieces: Sequence[_Piece], chosen: Sequence[int | None]) -> str:
    made: list[str] = []
    heading, listed = "", False
    for piece, form in zip(pieces, chosen, strict=True):
        if form is None:
            continue
        if piece.heading != heading:
            heading = piece.heading
            made += [f"\n### {heading}\n"] if heading else []
            listed = False
        is_item = piece.forms[form].startswith("- ")
        made.append(f"{'' if listed and is_item else chr(10)}{piece.forms[form]}\n")
        listed = is_item
    return "".join(made)


def _missing(document: Mapping[str, Any], pieces: Sequence[_Piece], chosen: Sequence[int | None]) -> str:
    """What was left out, in words, or nothing."""
    part: dict[str, int] = {}
    brief: dict[str, int] = {}
    unnamed: dict[str, int] = {}
    for piece, form in zip(pieces, chosen, strict=True):
        if form is None:
            unnamed[piece.what] = unnamed.get(piece.what, 0) + piece.number
        elif piece.is_brief(form):
            brief[piece.what] = brief.get(piece.what, 0) + piece.number
        elif piece.is_part(form):
            part[piece.what] = part.get(piece.what, 0) + piece.number
    texts = [
        f"{' and '.join(count(number, noun) for noun, number in counts.items())} {words}"
        for counts, words in ((part, "shown in part"), (brief, "shown without details"), (unnamed, "not shown at all"))
        if counts
    ]
    if not texts:
        return ""
    environment = document["environment"]
    named = f" -e {environment}" if environment and re.fullmatch(r"[\w.-]{1,100}", environment) else ""
    return f"\n**Too long for a comment: {', '.join(texts)}.** `retinue plan{named}` shows everything.\n"


def _cut(blocks: Iterable[str]) -> list[str]:
    """The lines above the changes: they are short, unless somebody made them long."""
    return [each if len(each) <= _LONG else code(f"{each.strip('`')[:_LONG]}…") for each in blocks]
