"""A plan document → one page of HTML for a person who reviews a long change: no script, nothing loaded from anywhere.

What is not ours to say is escaped wherever it stands; besides, the page forbids the browser whatever it does not need.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import zip_longest
from typing import Any

from retinue.model.printable import visible
from retinue.report.plan.plan_text import (
    Group,
    block_lines,
    header_lines,
    other_lines,
    plan_groups,
    removal_lines,
    replaced_ids,
    shown_changes,
    step_head,
    storage_lines,
    summary_sentence,
    unmanaged_lines,
    warning_lines,
)
from retinue.report.text.change_text import (
    change_lines,
    end_note,
    extent,
    is_outside,
    show_path,
    show_place,
)
from retinue.report.text.hunks import Fragment, Hunk, HunkLine, Span, are_versions, compared_texts, edits, split_lines
from retinue.report.text.ink import Line, count
from retinue.report.text.lookalikes import shown_hunks

_WIDTH = 110
_SHORT = 60
_FEW = 3
_STYLE = "\n" + files("retinue.report.plan").joinpath("page.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}</body>
</html>
"""
_VIEWS = """<fieldset><legend>Show changed texts</legend>
<label><input type="radio" name="view" id="auto" checked> As the window allows</label>
<label><input type="radio" name="view" id="side"> Side by side</label>
<label><input type="radio" name="view" id="inline"> In one, word by word</label>
</fieldset>
"""
_BESIDE = (
    '<table class="beside"><caption>{title}, side by side</caption>'
    '<colgroup><col class="n"><col class="s"><col><col class="n"><col class="s"><col></colgroup>'
    '<thead class="{head}"><tr><th colspan="3" scope="colgroup">Before</th>'
    '<th colspan="3" scope="colgroup">After</th></tr></thead><tbody>{rows}</tbody></table>\n'
)
_INLINE = (
    '<table class="inline"><caption>{title}, in one</caption>'
    '<colgroup><col class="n"><col class="n"><col class="s"><col></colgroup>'
    '<thead class="hidden"><tr><th scope="col">Line before</th><th scope="col">Line after</th>'
    '<th scope="col">Change</th><th scope="col">Text</th></tr></thead><tbody>{rows}</tbody></table>\n'
)


def render_page(document: Mapping[str, Any]) -> str:
    """The page. It leaves nothing out: unchanged lines of long texts are folded."""
    return "".join(page_pieces(document))


def page_pieces(document: Mapping[str, Any]) -> Iterator[str]:
    """The same in pieces, one for each object or less: the page of a long plan is written as it is made."""
    title = f"Plan for {document['stack']}"
    groups = plan_groups(document)
    before, after = _PAGE.format(policy=_POLICY, title=_text(title), style=_STYLE, body="\0").split("\0")
    yield before
    yield _header(document)
    yield _VIEWS if _has_tables(groups) else ""
    yield _contents(groups)
    yield "<main>\n"
    yield from _lined("blocked", "Blocked", map(block_lines, document["blocks"]))
    for group in groups:
        yield from _group(group, groups, document)
    yield from _lined("", "Warnings", map(warning_lines, document["warnings"]))
    yield from (_pre(gone) for gone in [removal_lines(document)] if gone)
    yield from (f'<p class="faint">{_spans(each)}</p>\n' for each in unmanaged_lines(document["summary"]))
    yield f"</main>\n{after}"


def _has_tables(groups: Iterable[Group]) -> bool:
    """Whether any text is shown in tables, of which there are two views."""
    return any(
        split_lines(each["before"])[0] != split_lines(each["after"])[0]
        for group in groups
        for step in group.steps
        for each in shown_changes(step, outside=group.outside)
        if _is_long_text(each)
    )


def _header(document: Mapping[str, Any]) -> str:
    lines = "".join(f"<p>{_spans(each)}</p>\n" for each in (*storage_lines(document), *header_lines(document)))
    digest = f"<p>Digest: <code>{_text(document['digest'])}</code></p>\n" if document.get("digest") else ""
    sentence = f'<p class="sentence">{_text(summary_sentence(document))}</p>\n'
    return f"<header>\n<h1>Plan for <code>{_text(document['stack'])}</code></h1>\n{sentence}{lines}{digest}</header>\n"


def _contents(groups: Sequence[Group]) -> str:
    """Links to the objects, where there are so many that one looks for them."""
    links = [
        f'<li><a href="#{_anchor(groups, group, at)}"><code>{_text(step["address"])}</code></a> {_badge(step, group)}'
        for group in groups
        for at, step in enumerate(group.steps)
    ]
    if len(links) <= _FEW:
        return ""
    items = "</li>\n".join(links)
    return f'<nav aria-label="Objects"><ul>\n{items}</li>\n</ul></nav>\n'


def _anchor(groups: Sequence[Group], group: Group, at: int) -> str:
    return f"s{groups.index(group) + 1}-{at + 1}"


def _lined(name: str, title: str, blocks: Iterable[Sequence[Line]]) -> Iterator[str]:
    made = [_pre(lines) for lines in blocks]
    if made:
        yield f'<section class="{name}">\n<h2>{title}</h2>\n{"".join(made)}</section>\n'


# ── objects ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _group(group: Group, groups: Sequence[Group], document: Mapping[str, Any]) -> Iterator[str]:
    replaced = replaced_ids(document)
    yield f"<section>\n<h2>{_text(group.title)}</h2>\n"
    for at, step in enumerate(group.steps):
        body = "".join(_body(step, group))
        head = step_head(step, replaced, outside=group.outside)
        place = f' <span class="place">{_text(head.place)}</span>' if head.place else ""
        yield (
            f'<details class="step" id="{_anchor(groups, group, at)}" open><summary><h3>{_badge(step, group)}'
            f"<code>{_spans(head)}</code></h3>{place}</summary>\n"
            f'<div class="body">\n{body}</div></details>\n'
        )
    yield f'<p class="faint">{_text(group.note)}</p>\n' if group.note else ""
    yield "</section>\n"


def _badge(step: Mapping[str, Any], group: Group) -> str:
    word = "replace" if step["replaces"] else step["action"]
    role = "removed" if group.grave else "added" if step["action"] == "create" else "changed"
    if group.outside:
        return '<span class="badge drift">changed outside</span> '
    return f'<span class="badge {role}">{_text(word)}</span> '


def _body(step: Mapping[str, Any], group: Group) -> Iterator[str]:
    lines: list[Line] = []
    for change in shown_changes(step, outside=group.outside):
        if _is_long_text(change):
            yield from _flushed(lines)
            yield _text_change(change)
        else:
            lines += change_lines(change, detail="complete", width=_WIDTH, marks=False)
    lines += other_lines(step, outside=group.outside, detail="complete", width=_WIDTH)
    yield from _flushed(lines)


def _flushed(lines: list[Line]) -> Iterator[str]:
    """The lines so far, which are taken out of the list."""
    if lines:
        yield _pre(lines)
    lines.clear()


def _is_long_text(change: Mapping[str, Any]) -> bool:
    """Whether a text before and after is worth a table, rather than one line."""
    before, after = change.get("before"), change.get("after")
    if not (isinstance(before, str) and isinstance(after, str)):
        return False
    return "\n" in before + after or len(before + after) > _SHORT


def _text_change(change: Mapping[str, Any]) -> str:
    before, after = change["before"], change["after"]
    (old, _), (new, _) = map(split_lines, compared_texts(before, after))
    hunks = shown_hunks(old, new)
    path = show_path(change["path"])
    mark = '<span class="drift">!</span> ' if is_outside(change) else ""
    place = show_place(change["position"])
    where = f' <span class="place">{_text(place)}</span>' if place else ""
    head = f'<h4>{mark}<code>{_text(path)}</code> <span class="faint">{extent(hunks, len(new))}</span>{where}</h4>\n'
    tables = _tables(hunks, new, visible(path), note=end_note(before, after))
    return f'<div class="text">\n{head}{tables}</div>\n'


# ── lines ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _pre(lines: Iterable[Line]) -> str:
    text = "\n".join(
        _spans(each) + (f'  <span class="place">{_text(each.place)}</span>' if each.place else "") for each in lines
    )
    return f"<pre>{text}</pre>\n"


def _spans(each: Line) -> str:
    """A line with its roles as classes. The text of a line is visible already."""
    return "".join(
        escape(text) if role == "plain" else f'<span class="{role}">{escape(text)}</span>' for text, role in each.parts
    )


def _text(text: str) -> str:
    return escape(visible(text))


# ── texts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Row:
    """One line on each side, or on one of them. With `versions`, both are versions of one line that differ."""

    before: tuple[int, HunkLine] | None
    after: tuple[int, HunkLine] | None
    versions: bool = False


def text_tables(before: str, after: str, title: str) -> str:
    """The hunks of the two texts as tables, with the unchanged lines between them folded. `title` names the text."""
    (old, _), (new, _) = map(split_lines, compared_texts(before, after))
    return _tables(shown_hunks(old, new), new, title, note=end_note(before, after))


def _tables(hunks: Sequence[Hunk], new: Sequence[str], title: str, *, note: str) -> str:
    made: list[str] = []
    at = 0
    for hunk in hunks:
        made.append(_gap(new, (at, hunk.after[0])))
        rows = list(_rows(hunk))
        head = "" if not at and hunk is hunks[0] else "hidden"
        made.append(_BESIDE.format(title=escape(title), head=head, rows="".join(_beside(rows))))
        made.append(_INLINE.format(title=escape(title), rows="".join(map(_inline, rows))))
        at = hunk.after[1]
    made.append(_gap(new, (at, len(new))))
    return "".join(made) + (f'<p class="faint">{note[0].upper()}{note[1:]}.</p>\n' if note else "")


def _gap(lines: Sequence[str], span: Span) -> str:
    start, end = span
    if start >= end:
        return ""
    text = "\n".join(_text(each) for each in lines[start:end])
    title = count(end - start, "unchanged line")
    return f'<details class="gap"><summary>{title}</summary><pre>{text}</pre></details>\n'


def _rows(hunk: Hunk) -> Iterator[_Row]:
    """The lines of a hunk with their numbers, two versions of one line in one row."""
    old, new = hunk.before[0] + 1, hunk.after[0] + 1
    at = 0
    while at < len(hunk.lines):
        each, *below = hunk.lines[at : at + 2]
        if below and are_versions(each, below[0]):
            row = _Row((old, each), (new, below[0]), versions=True)
        else:
            row = _Row((old, each) if each.sign != "+" else None, (new, each) if each.sign != "-" else None)
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


def _pairs(gone: Iterable[_Row], come: Iterable[_Row]) -> Iterator[str]:
    for old, new in zip_longest(gone, come):
        yield f"<tr>{_cells(old.before if old else None)}{_cells(new.after if new else None)}</tr>\n"


def _cells(side: tuple[int, HunkLine] | None, versions: bool = False) -> str:
    """Number, sign and text of one side."""
    if side is None:
        return '<td class="none" colspan="3"></td>'
    number, each = side
    name = {"-": " minus", "+": " plus", " ": ""}[each.sign]
    text = _marked(each.fragments, each.sign) if versions else _whole(each)
    kind = "" if versions or each.sign == " " else " whole"
    return f'<td class="n">{number}</td><td class="s{name}">{each.sign}</td><td class="t{name}{kind}">{text}</td>'


# ── in one ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _inline(row: _Row) -> str:
    """One row: what was removed from a line and what was added to it stand in the line."""
    old, new = row.before, row.after
    numbers = f'<td class="n">{old[0] if old else ""}</td><td class="n">{new[0] if new else ""}</td>'
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
