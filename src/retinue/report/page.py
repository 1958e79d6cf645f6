"""A plan document → one page of HTML for a person who reviews a long change: no script, nothing loaded from anywhere.

What is not ours to say is escaped wherever it stands; besides, the page forbids the browser whatever it does not need.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from retinue.report.change_text import change_lines, is_outside
from retinue.report.hunk_text import extent
from retinue.report.hunks import diff_lines, split_lines
from retinue.report.ink import Line, line, visible
from retinue.report.page_diff import text_tables
from retinue.report.page_style import STYLE
from retinue.report.plan_groups import Group, plan_groups
from retinue.report.plan_text import (
    block_lines,
    header_lines,
    replaced_ids,
    summary_sentence,
    unmanaged_lines,
    warning_lines,
)
from retinue.report.step_text import other_lines, shown_changes, step_head
from retinue.report.values import show_path, show_place

_WIDTH = 110
_SHORT = 60
_FEW = 3
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
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


def render_page(document: Mapping[str, Any]) -> str:
    """The page. It leaves nothing out: unchanged lines of long texts are folded."""
    title = f"Plan for {document['stack']}"
    groups = plan_groups(document)
    main = [
        *_lined("blocked", "Blocked", map(block_lines, document["blocks"])),
        *(part for group in groups for part in _group(group, groups, document)),
        *_lined("", "Warnings", map(warning_lines, document["warnings"])),
        *(f'<p class="faint">{_spans(each)}</p>\n' for each in unmanaged_lines(document["summary"])),
    ]
    views = _VIEWS if any('class="beside"' in part for part in main) else ""
    body = [_header(document), views, _contents(groups), "<main>\n", *main, "</main>\n"]
    return _PAGE.format(policy=_POLICY, title=_text(title), style=STYLE, body="".join(body))


def _header(document: Mapping[str, Any]) -> str:
    lines = "".join(f"<p>{_spans(each)}</p>\n" for each in header_lines(document))
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
    (old, _), (new, _) = split_lines(before), split_lines(after)
    path = show_path(change["path"])
    size = extent(diff_lines(old, new), len(new))
    mark = '<span class="drift">!</span> ' if is_outside(change) else ""
    place = show_place(change["position"])
    where = f' <span class="place">{_text(place)}</span>' if place else ""
    head = f'<h4>{mark}<code>{_text(path)}</code> <span class="faint">{size}</span>{where}</h4>\n'
    return f'<div class="text">\n{head}{text_tables(before, after, visible(path))}</div>\n'


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
    return _spans(line(text))
