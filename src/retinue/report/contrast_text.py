"""A comparison of declarations → text or Markdown, in the language of plans. Shows what the document says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from retinue.report.change_text import Detail, change_lines
from retinue.report.ink import BLANK, Line, align_places, indent, line, paint
from retinue.report.step_text import step_block, step_head, step_summary
from retinue.report.values import count

Document = Mapping[str, Any]
Format = Literal["text", "json", "markdown"]
FORMATS: tuple[Format, ...] = get_args(Format)


def render_contrast(
    document: Document, form: Format, *, detail: Detail = "hunks", width: int = 80, color: bool = False
) -> str:
    """The document in one of the formats; width (in columns) and colour are for text only."""
    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False)
    if form == "markdown":
        return _markdown(document, detail=detail)
    sections = [_header(document), *([line(("note: ", "warning"), each)] for each in document["notes"])]
    sections += _sections(document, detail=detail, width=width, marks=not color)
    sections += [[line((summary_sentence(document), "strong"))]]
    return paint(_separated(sections, width), color=color)


def summary_sentence(document: Document) -> str:
    """How many addresses differ, in one sentence that programs may look for."""
    summary = document["summary"]
    before, after = document["before"]["name"], document["after"]["name"]
    equal = summary["same"]
    if not document["steps"]:
        same = f"{count(equal, 'object')} {'is' if equal == 1 else 'are'} the same" if equal else "nothing is declared"
        return f"No differences: {same}." if not document["settings"] else f"The settings differ; {same}."
    return (
        f"Differences: {summary['update']} changed, {summary['create']} only in {after}, "
        f"{summary['delete']} only in {before}, {equal} the same."
    )


def _header(document: Document) -> list[Line]:
    lines = []
    for word, side in (("From", document["before"]), ("To", document["after"])):
        about = [f"stack {side['stack']}"] if side["stack"] else []
        about += [f"environment {side['environment']}"] if side["environment"] else []
        lines.append(line(f"{word:<5}", (side["name"], "strong"), f"  {', '.join(about)}" if about else ""))
    return lines


def _sections(document: Document, *, detail: Detail, width: int, marks: bool) -> Iterator[list[Line]]:
    if document["settings"]:
        yield [line(("Settings", "strong")), *indent(_settings(document, detail, width, marks=marks), 2)]
    if detail == "summary":
        yield indent((step_summary(each, {}) for each in document["steps"]), 2)
        return
    for each in document["steps"]:
        yield indent(step_block(each, {}, detail=detail, width=width, marks=marks), 2)


def _settings(document: Document, detail: Detail, width: int, *, marks: bool) -> Iterator[Line]:
    for each in document["settings"]:
        yield from change_lines(each, detail=detail, width=width - 4, marks=marks)


def _separated(sections: list[list[Line]], width: int) -> Iterator[Line]:
    for index, section in enumerate(each for each in sections if each):
        if index:
            yield BLANK
        yield from align_places(section, width)


def _markdown(document: Document, *, detail: Detail) -> str:
    from retinue.report.markdown import WIDTH, code, fence, placed, text_of

    shown: Detail = "complete" if detail == "hunks" else detail
    title = f"# From {code(document['before']['name'])} to {code(document['after']['name'])}"
    blocks = [title, f"**{code(summary_sentence(document))}**"]
    blocks += [f"Note: {code(each)}" for each in document["notes"]]
    if document["settings"]:
        blocks += ["## Settings", fence(list(_settings(document, shown, WIDTH, marks=True)), "diff")]
    for each in document["steps"]:
        if detail == "summary":
            blocks.append(f"- {code(text_of(step_summary(each, {})))}")
            continue
        _, *body = step_block(each, {}, detail=shown, width=WIDTH, marks=True)
        blocks.append(f"### {placed(step_head(each, {}))}")
        # The first part of an indented line is its indentation.
        lines = [Line(one.parts[1:], one.place) for one in body]
        blocks += [fence(lines, "diff")] if lines else []
    return "\n\n".join(blocks) + "\n"
