"""A plan document → one page of HTML for a person who reviews a long change: nothing is loaded from anywhere.

What is not ours to say is escaped wherever it stands; besides, the page forbids the browser whatever it does not need.
Its one script finds and folds what is there already: without it, everything can be read all the same.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from retinue.model.printable import visible
from retinue.report.plan.created_text import created_folds
from retinue.report.plan.folding import Fold, fold, kind_of
from retinue.report.plan.plan_text import (
    block_lines,
    counted,
    fold_head,
    fold_names,
    header_lines,
    other_lines,
    removal_lines,
    storage_lines,
    summary_sentence,
    unmanaged_lines,
    warning_lines,
)
from retinue.report.plan.step_groups import Group, plan_groups, replaced_ids, shown_changes
from retinue.report.plan.text_tables import tables
from retinue.report.text.change_text import (
    Detail,
    change_lines,
    end_note,
    extent,
    is_outside,
    show_path,
    show_place,
)
from retinue.report.text.hunks import compared_texts, split_lines
from retinue.report.text.ink import Line, count
from retinue.report.text.lookalikes import shown_hunks

_WIDTH = 110
_SHORT = 60
_FEW = 3
_MANY = 12
"""From more objects on, they are folded at first, but for what goes and what was changed outside."""
_ROOM, _FOR_EACH = 500_000, 3_000
"""Characters of texts up to which unchanged lines and new texts are in the page, too, and what each object takes up."""
MOST = 12_000_000
"""Characters of changed texts that a page shows: with all else that many objects take up, browsers still open it."""
_LEFT_OUT = (
    '<p class="faint">Left out, since a browser could not show so long a page: <code>--format json</code> has it, '
    "<code>--detail full</code> shows it.</p>\n"
)
_OURS = files("retinue.report.plan")
_STYLE = "\n" + _OURS.joinpath("page.css").read_text(encoding="utf-8")
_SCRIPT = "\n" + _OURS.joinpath("page.js").read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_POLICY = (
    f"default-src 'none'; style-src {_digest(_STYLE)}; script-src {_digest(_SCRIPT)}; "
    "base-uri 'none'; form-action 'none'"
)
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
{body}<script>{script}</script>
</body>
</html>
"""
_VIEWS = """<fieldset><legend>Show changed texts</legend>
<label><input type="radio" name="view" id="auto" checked> As the window allows</label>
<label><input type="radio" name="view" id="side"> Side by side</label>
<label><input type="radio" name="view" id="inline"> In one, word by word</label>
</fieldset>
"""
_FILTERS = """<fieldset id="filters" hidden><legend>Find</legend>
<label>Address <input type="search" id="address"></label>
<label>Text <input type="search" id="words"></label>
{actions}<button type="button" id="open">Unfold all</button>
<button type="button" id="close">Fold all</button>
<span id="found" class="faint" role="status"></span>
</fieldset>
"""


@dataclass(frozen=True, slots=True)
class _Section:
    """A heading with what reads the same below it as one."""

    number: int
    group: Group
    folds: tuple[Fold, ...]

    def anchor(self, at: int) -> str:
        return f"s{self.number}-{at + 1}"


@dataclass(slots=True)
class _Form:
    """How a page of this plan looks. `brief`: unchanged lines are counted and of new texts only the size is said, since
    the page would be too long for a phone; `opened`: everything is unfolded at first. `room` is how many characters of
    changed texts it still takes."""

    brief: bool
    opened: bool
    replaced: Mapping[str, str]
    room: int = MOST

    @property
    def detail(self) -> Detail:
        return "hunks" if self.brief else "complete"

    def fitted(self, text: str) -> str:
        """A changed text, or that it is left out: once one is, so are all that follow."""
        self.room = self.room - len(text) if len(text) <= self.room else 0
        return text if self.room else _LEFT_OUT


def page_pieces(document: Mapping[str, Any]) -> Iterator[str]:
    """The page in pieces, one for each object or less: that of a long plan is written as it is made. It leaves nothing
    out, unless that would make it very long; then it says so."""
    title = f"Plan for {document['stack']}"
    sections = [
        _Section(number, group, fold(group.steps, outside=group.outside))
        for number, group in enumerate(plan_groups(document), start=1)
    ]
    folds = [each for section in sections for each in section.folds]
    size = sum(map(_size, folds)) + _FOR_EACH * len(folds)
    form = _Form(size > _ROOM, len(folds) <= _MANY, replaced_ids(document))
    before, after = _PAGE.format(policy=_POLICY, title=_text(title), style=_STYLE, script=_SCRIPT, body="\0").split(
        "\0"
    )
    yield before
    yield _header(document)
    yield _VIEWS if not form.brief and _has_tables(sections) else ""
    if len(folds) > _FEW:
        yield _filters(sections)
        yield _contents(sections)
    if form.brief:
        yield (
            '<p class="faint">Unchanged lines and new texts are left out, since the page would be too long: '
            "<code>retinue plan --detail full</code> shows them.</p>\n"
        )
    yield "<main>\n"
    yield from _lined("blocked", "Blocked", map(block_lines, document["blocks"]))
    for section in sections:
        yield from _section(section, form)
    yield from _lined("", "Warnings", map(warning_lines, document["warnings"]))
    yield from (_pre(gone) for gone in [removal_lines(document)] if gone)
    yield from (f'<p class="faint">{_spans(each)}</p>\n' for each in unmanaged_lines(document["summary"]))
    yield f"</main>\n{after}"


def _size(folded: Fold) -> int:
    """About how many characters of texts are in the page with nothing left out."""
    if folded.shown["action"] == "create":
        values = [value for each in folded.steps for value in (each["after"] or {}).values()]
    else:
        values = [each.get("after") for each in folded.shown["changes"] if not each.get("edit")]
    return sum(len(each) for each in values if isinstance(each, str))


def _has_tables(sections: Iterable[_Section]) -> bool:
    """Whether any text is shown in tables, of which there are two views."""
    return any(
        split_lines(each["before"])[0] != split_lines(each["after"])[0]
        for section in sections
        for folded in section.folds
        for each in shown_changes(folded.shown, outside=section.group.outside)
        if _is_long_text(each)
    )


# ── above the objects ─────────────────────────────────────────────────────────────────────────────────────────────────


def _header(document: Mapping[str, Any]) -> str:
    lines = "".join(f"<p>{_spans(each)}</p>\n" for each in (*storage_lines(document), *header_lines(document)))
    digest = f"<p>Digest: <code>{_text(document['digest'])}</code></p>\n" if document.get("digest") else ""
    sentence = f'<p class="sentence">{_text(summary_sentence(document))}</p>\n'
    title = f"<h1>Plan for <code>{_text(document['stack'])}</code></h1>\n"
    return f"<header>\n{title}{sentence}{_counts(document)}{lines}{digest}</header>\n"


def _counts(document: Mapping[str, Any]) -> str:
    """How many objects of each kind are added, changed and so on."""
    if len(document["steps"]) <= _FEW:
        return ""
    headings, rows = counted(document["steps"])
    head = "".join(f'<th scope="col">{each}</th>' for each in headings)
    body = "".join(
        f'<tr><th scope="row">{_text(kind.replace("_", " "))}</th>'
        + "".join(f"<td>{number:,}</td>" if number else "<td>-</td>" for number in row)
        + "</tr>\n"
        for kind, row in rows.items()
    )
    head = f'<tr><th scope="col">Objects</th>{head}</tr>'
    return f'<table class="counts"><thead>{head}</thead><tbody>\n{body}</tbody></table>\n'


def _filters(sections: Iterable[_Section]) -> str:
    """What a script lets one look for. Without one, they are not shown."""
    numbers: dict[str, int] = {}
    for section in sections:
        for each in section.folds:
            word = _word(each, section.group)
            numbers[word] = numbers.get(word, 0) + len(each.steps)
    boxes = "".join(
        f'<label><input type="checkbox" name="action" value="{word}" checked> {word} ({number:,})</label>\n'
        for word, number in numbers.items()
    )
    return _FILTERS.format(actions=boxes if len(numbers) > 1 else "")


def _contents(sections: Iterable[_Section]) -> str:
    """Links to the objects, where there are so many that one looks for them."""
    links = [
        f'<li><a href="#{section.anchor(at)}"><code>{_text(_name(folded))}</code></a> {_badge(folded, section.group)}'
        for section in sections
        for at, folded in enumerate(section.folds)
    ]
    items = "</li>\n".join(links)
    opened = " open" if len(links) <= _MANY else ""
    title = f"<summary>Index ({len(links):,})</summary>"
    return f'<nav aria-label="Objects"><details{opened}>{title}<ul>\n{items}</li>\n</ul></details></nav>\n'


def _name(folded: Fold) -> str:
    return folded.title if folded.several else str(folded.shown["address"])


def _lined(name: str, title: str, blocks: Iterable[Sequence[Line]]) -> Iterator[str]:
    made = [_pre(lines) for lines in blocks]
    if made:
        yield f'<section class="{name}">\n<h2>{title}</h2>\n{"".join(made)}</section>\n'


# ── objects ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _section(section: _Section, form: _Form) -> Iterator[str]:
    group = section.group
    number = sum(len(each.steps) for each in section.folds)
    title = f'<h2>{_text(group.title)}</h2> <span class="faint">{number:,}</span>'
    yield f'<section><details class="group" open><summary>{title}</summary>\n'
    for at, folded in enumerate(section.folds):
        opened = form.opened or group.grave
        yield _object(folded, group, form, "".join(_body(folded, group, form)), section.anchor(at), opened=opened)
    yield f'<p class="faint">{_text(group.note)}</p>\n' if group.note else ""
    yield "</details></section>\n"


def _object(folded: Fold, group: Group, form: _Form, body: str, anchor: str, *, opened: bool) -> str:
    head = fold_head(folded, form.replaced, outside=group.outside)
    place = f' <span class="place">{_text(head.place)}</span>' if head.place else ""
    at = f' id="{anchor}"' if anchor else ""
    return (
        f'<details class="step"{at}{" open" if opened else ""}><summary><h3>{_badge(folded, group)}'
        f"<code>{_spans(head)}</code></h3>{place}</summary>\n"
        f'<div class="body">\n{body}</div></details>\n'
    )


def _word(folded: Fold, group: Group) -> str:
    if group.outside:
        return "changed outside"
    return "replace" if folded.shown["replaces"] else str(folded.shown["action"])


def _badge(folded: Fold, group: Group) -> str:
    role = "removed" if group.grave else "added" if folded.shown["action"] == "create" else "changed"
    return f'<span class="badge {"drift" if group.outside else role}">{_text(_word(folded, group))}</span> '


def _body(folded: Fold, group: Group, form: _Form) -> Iterator[str]:
    if folded.several and folded.shown["action"] == "create":
        yield _pre(created_folds(folded, width=_WIDTH, everything=True))
        if not form.brief:
            for each in folded.steps:
                alone = Fold((each,), each, place=show_place(each["position"]))
                yield _object(alone, group, form, "".join(_body(alone, group, form)), "", opened=False)
        return
    if folded.several:
        title = count(len(folded.steps), kind_of(folded.shown))
        names = _pre(fold_names(folded, detail="full", width=_WIDTH))
        yield f'<details class="names"><summary>{_text(title)}</summary>{names}</details>\n'
    lines: list[Line] = []
    for change in shown_changes(folded.shown, outside=group.outside):
        if _is_long_text(change):
            yield from _flushed(lines)
            yield _text_change(change, form)
        else:
            lines += change_lines(change, detail="complete", width=_WIDTH, marks=False)
    lines += other_lines(folded.shown, outside=group.outside, detail=form.detail, width=_WIDTH)
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


def _text_change(change: Mapping[str, Any], form: _Form) -> str:
    before, after, edit = change["before"], change["after"], change.get("edit")
    (old, _), (new, _) = map(split_lines, compared_texts(before, after))
    hunks = edit.hunks() if edit else shown_hunks(old, new)
    size = f"{edit.extent} in texts that differ elsewhere" if edit else extent(hunks, len(new))
    path = show_path(change["path"])
    mark = '<span class="drift">!</span> ' if is_outside(change) else ""
    place = show_place(change["position"])
    where = f' <span class="place">{_text(place)}</span>' if place else ""
    head = f'<h4>{mark}<code>{_text(path)}</code> <span class="faint">{size}</span>{where}</h4>\n'
    lines = None if edit else new
    note = end_note(before, after)
    made = tables(hunks, lines, visible(path), note=note, brief=form.brief) if form.room else ""
    return f'<div class="text">\n{head}{form.fitted(made)}</div>\n'


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
