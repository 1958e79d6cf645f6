"""Two sets of declarations, or the approved plan and the present one → how they differ, in the language of plans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retinue.model.declared import HOW_CHOSEN
from retinue.report.plan.folding import fold
from retinue.report.plan.plan_markdown import which_objects
from retinue.report.plan.plan_text import fold_block, fold_body, fold_head, selected, step_summary
from retinue.report.plan.step_groups import Document
from retinue.report.text.change_text import Detail, change_lines
from retinue.report.text.ink import BLANK, Line, Role, count, indent, line, paint, with_blanks_between
from retinue.report.text.markdown import WIDTH, code, fence, placed, text_of

_STATUS: dict[str, tuple[str, Role, str]] = {
    "new": ("+", "added", "it was not approved"),
    "gone": ("-", "removed", "it was approved, and is not needed any more"),
    "changed": ("~", "changed", "it is not as it was approved"),
}
_GROUPS = (("live", "in the account, when approved -> now:"), ("wanted", "to be written, as approved -> now:"))


# ── declarations ──────────────────────────────────────────────────────────────────────────────────────────────────────


def render_diff(document: Document, *, detail: Detail = "hunks", width: int = 80, color: bool = False) -> str:
    """Both sides, what could not be compared, every address that differs, and one sentence that sums it up."""
    blocks = [_header(document), *([line(("note: ", "warning"), each)] for each in document["notes"])]
    blocks += _blocks(document, detail=detail, width=width, marks=not color)
    blocks += [[line((summary_sentence(document), "strong"))]]
    return paint(with_blanks_between(blocks, width), color=color)


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
        chosen = HOW_CHOSEN.get(side.get("environment_from", ""), "")
        about += [f"environment {side['environment']}{chosen}"] if side["environment"] else []
        lines.append(line(f"{word:<5}", (side["name"], "strong"), f"  {', '.join(about)}" if about else ""))
    if "selection" in document:
        lines.append(line(("Incomplete: ", "warning"), selected(document["selection"])))
    return lines


def _blocks(document: Document, *, detail: Detail, width: int, marks: bool) -> Iterator[list[Line]]:
    if document["settings"]:
        yield [line(("Settings", "strong")), *indent(_settings(document, detail, width, marks=marks), 2)]
    if detail == "summary":
        yield indent((step_summary(each, {}) for each in document["steps"]), 2)
        return
    for folded in fold(document["steps"], detail=detail):
        yield indent(fold_block(folded, {}, detail=detail, width=width, marks=marks), 2)


def _settings(document: Document, detail: Detail, width: int, *, marks: bool) -> Iterator[Line]:
    for each in document["settings"]:
        yield from change_lines(each, detail=detail, width=width - 4, marks=marks)


def render_diff_markdown(document: Document, *, detail: Detail = "hunks") -> str:
    """The same as a page. `hunks` leaves out only what does not change; `summary` names the fields."""
    shown: Detail = "complete" if detail == "hunks" else detail
    title = f"# From {code(document['before']['name'])} to {code(document['after']['name'])}"
    blocks = [title, f"**{code(summary_sentence(document))}**"]
    blocks += [f"Note: {code(each)}" for each in document["notes"]]
    if document["settings"]:
        blocks += ["## Settings", fence(list(_settings(document, shown, WIDTH, marks=True)), "diff")]
    if detail == "summary":
        blocks += [f"- {code(text_of(step_summary(each, {})))}" for each in document["steps"]]
        return "\n\n".join(blocks) + "\n"
    for each in fold(document["steps"], detail=shown):
        lines = fold_body(each, detail=shown, width=WIDTH, marks=True)
        blocks += [f"### {placed(fold_head(each, {}))}", *([fence(lines, "diff")] if lines else [])]
        blocks += which_objects(each, shown)
    return "\n\n".join(blocks) + "\n"


# ── plans ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def render_comparison(comparison: Document, *, detail: Detail = "hunks", width: int = 80, color: bool = False) -> str:
    """Every step that is new, gone or different, and both digests at the end."""
    lines: list[Line] = [line(("This is not the plan that was approved:", "strong")), BLANK]
    for step in comparison["steps"]:
        lines += [*indent(_compared_step(step, detail=detail, width=width - 2, marks=not color), 2), BLANK]
    lines += [line("Approved: ", comparison["approved"]), line("Now:      ", comparison["fresh"])]
    return paint(lines, color=color)


def _compared_step(step: Mapping[str, Any], *, detail: Detail, width: int, marks: bool) -> Iterable[Line]:
    sign, role, said = _STATUS[step["status"]]
    live_id = f" ({step['id']})" if step["id"] else ""
    yield line((sign, role), f" {step['action']} ", (step["address"], "strong"), f"{live_id}  {said}")
    for name, heading in _GROUPS:
        if step[name]:
            yield from indent([line((heading, "faint"))], 4)
        for change in step[name]:
            yield from indent(change_lines(change, detail=detail, width=width - 8, marks=marks), 6)
    for each in step["others"]:
        yield from indent([line(("~", "changed"), f" {each}")], 4)
