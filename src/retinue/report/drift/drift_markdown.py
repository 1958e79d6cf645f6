"""A drift document → Markdown: a page, and a comment that GitHub takes."""

from __future__ import annotations

from collections.abc import Sequence

from retinue.model.steps import FieldChange
from retinue.model.values import Address
from retinue.report.drift.drift_text import (
    ADVICE,
    Item,
    Section,
    about_lines,
    once,
    pending_sentence,
    sections,
    summary_sentence,
    unowned_lines,
)
from retinue.report.plan.plan_markdown import BUDGET
from retinue.report.plan.plan_text import block_lines, unmanaged_lines, warning_lines
from retinue.report.plan.step_groups import Document
from retinue.report.text.change_text import Detail, show_path
from retinue.report.text.ink import count
from retinue.report.text.markdown import WIDTH, code, fence, joined, placed, text_of


def render_drift_markdown(document: Document, *, detail: Detail = "hunks") -> str:
    """The page. `hunks` leaves out only what does not change; `summary` names the fields."""
    return _page(document, detail="complete" if detail == "hunks" else detail)


def render_drift_comment(document: Document, *, detail: Detail = "hunks", budget: int = BUDGET) -> str:
    """The page in the longest form that GitHub takes."""
    levels: tuple[Detail, ...] = ("complete", "hunks", "summary") if detail == "hunks" else (detail, "summary")
    for level in levels:
        text = _page(document, detail=level)
        if len(text) <= budget:
            return text
    most = 256
    while most and len(text := _page({**document, "unowned": None}, detail="summary", most=most)) > budget:
        most //= 2
    return text[:budget]


def render_request(
    document: Document, changes: Sequence[tuple[Address, FieldChange]], affected: Sequence[Address], left: Sequence[str]
) -> str:
    """What a request to merge accepted edits says: what it takes over, what else that changes, what is not in it, and
    the drift itself, all of it no longer than GitHub takes."""
    environment = f"/{document['environment']}" if document["environment"] else ""
    blocks = [
        f"<!-- retinue drift: {document['stack']}{environment} -->",
        f"Somebody changed what {code(document['stack'])} declares. This writes what is there now into the files; "
        "merging it changes nothing in the account, and leaves nothing for `retinue apply` to set back.",
        _listed([f"{address}.{show_path(change.path)}" for address, change in changes]),
    ]
    if affected:
        others = _listed([str(each) for each in affected])
        blocks += ["**Others use the same, and change with the next apply:**", others]
    if left:
        blocks += ["**Not in here:**", _listed(left)]
    text = "\n\n".join(blocks)
    around = "\n\n<details><summary>The drift</summary>\n\n{}\n</details>\n"
    return text + around.format(render_drift_comment(document, budget=BUDGET - len(text) - len(around)))


_MOST_LISTED = 100


def _listed(texts: Sequence[str]) -> str:
    lines = [f"- {code(each if len(each) <= _LONGEST else f'{each[:_LONGEST]}…')}" for each in texts[:_MOST_LISTED]]
    more = len(texts) - len(lines)
    return "\n".join([*lines, *([f"- and {more} more"] if more > 0 else [])])


_LONGEST = 150
"""Characters of an entry: three lists of a hundred fit beside the drift."""


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
    for item in once(shown, width=WIDTH, every=True):
        blocks += [placed(item.head), *([fence(list(item.body), "diff")] if item.body else [])]
    return [*blocks, *([section.note] if section.note and shown else [])]
