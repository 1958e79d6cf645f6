"""A drift document in the forms for programs, pages and comments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from retinue.report.change_text import Detail
from retinue.report.drift_text import (
    ADVICE,
    Section,
    about_lines,
    pending_sentence,
    render_drift,
    sections,
    summary_sentence,
    unowned_lines,
)
from retinue.report.github import BUDGET
from retinue.report.markdown import WIDTH, code, fence, joined, placed, text_of
from retinue.report.plan_text import block_lines, unmanaged_lines, warning_lines
from retinue.report.values import count

DriftFormat = Literal["text", "json", "markdown", "github", "junit"]


def render(
    document: Mapping[str, Any], form: DriftFormat, *, detail: Detail = "hunks", width: int = 80, color: bool = False
) -> str:
    """The document in one of the forms. Width (in columns) and colour are for text only."""
    match form:
        case "json":
            return json.dumps(document, indent=2, ensure_ascii=False)
        case "markdown":
            return _page(document, detail="complete" if detail == "hunks" else detail)
        case "github":
            return _comment(document, detail=detail)
        case "junit":
            from retinue.report.junit import render_drift_junit

            return render_drift_junit(document)
    return render_drift(document, detail=detail, width=width, color=color)


def _page(document: Mapping[str, Any], *, detail: Detail, most: int | None = None) -> str:
    """A page of Markdown, with at most so many things that drifted."""
    blocks = [f"# Drift in {code(document['stack'])}", f"**{summary_sentence(document)}**"]
    blocks += [code(text_of(each)) for each in about_lines(document)]
    left = most
    found = list(sections(document, detail=detail, width=WIDTH, marks=True))
    for section in found:
        shown = section.items if left is None else section.items[:left]
        left = None if left is None else left - len(shown)
        blocks += _section(section, shown)
    hidden = sum(len(each.items) for each in found) - (most or 0) if most is not None else 0
    if hidden > 0:
        blocks.append(f"**Too long for a comment: {count(hidden, 'more object')}.** `retinue drift` shows everything.")
    if document["warnings"]:
        blocks += ["## Warnings", fence(joined(map(warning_lines, document["warnings"])), "text")]
    if document["blocks"]:
        blocks += ["## Blocked", fence(joined(map(block_lines, document["blocks"])), "text")]
    unowned = unowned_lines(document)
    blocks += [fence(unowned, "text")] if unowned else []
    blocks += [code(text_of(each)) for each in unmanaged_lines(document["summary"])]
    blocks += [each for each in (pending_sentence(document), ADVICE if document["drifted"] else None) if each]
    return "\n\n".join(blocks) + "\n"


def _section(section: Section, shown: Sequence[Any]) -> list[str]:
    blocks = [f"## {section.title}"] if shown else []
    for item in shown:
        blocks += [placed(item.head), *([fence(list(item.body), "diff")] if item.body else [])]
    return [*blocks, *([section.note] if section.note and shown else [])]


def _comment(document: Mapping[str, Any], *, detail: Detail) -> str:
    """The page in the longest form that GitHub takes."""
    levels: tuple[Detail, ...] = ("complete", "hunks", "summary") if detail == "hunks" else (detail, "summary")
    for level in levels:
        text = _page(document, detail=level)
        if len(text) <= BUDGET:
            return text
    most = 256
    while most and len(text := _page({**document, "unowned": None}, detail="summary", most=most)) > BUDGET:
        most //= 2
    return text[:BUDGET]
