"""A drift document → Markdown: a page, and a comment that GitHub takes."""

from __future__ import annotations

from collections.abc import Sequence

from retinue.report.drift.drift_text import (
    ADVICE,
    Item,
    Section,
    about_lines,
    pending_sentence,
    sections,
    summary_sentence,
    unowned_lines,
)
from retinue.report.plan.plan_markdown import BUDGET
from retinue.report.plan.plan_text import block_lines, unmanaged_lines, warning_lines
from retinue.report.plan.step_groups import Document
from retinue.report.text.change_text import Detail
from retinue.report.text.ink import count
from retinue.report.text.markdown import WIDTH, code, fence, joined, placed, text_of


def render_drift_markdown(document: Document, *, detail: Detail = "hunks") -> str:
    """The page. `hunks` leaves out only what does not change; `summary` names the fields."""
    return _page(document, detail="complete" if detail == "hunks" else detail)


def render_drift_comment(document: Document, *, detail: Detail = "hunks") -> str:
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


def _page(document: Document, *, detail: Detail, most: int | None = None) -> str:
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


def _section(section: Section, shown: Sequence[Item]) -> list[str]:
    blocks = [f"## {section.title}"] if shown else []
    for item in shown:
        blocks += [placed(item.head), *([fence(list(item.body), "diff")] if item.body else [])]
    return [*blocks, *([section.note] if section.note and shown else [])]
