"""A plan document → the text a person reviews. Shows what the document says and decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retinue.report.change_text import Detail, is_outside
from retinue.report.ink import BLANK, Line, Part, align_places, indent, line, paint
from retinue.report.step_text import (
    causes,
    is_ours,
    is_touched_outside,
    outside_block,
    step_block,
    step_summary,
)
from retinue.report.values import count, show_place

Document = Mapping[str, Any]

OUTSIDE = "Changed outside of retinue since the last apply, and set back by this plan"
CONFLICTS = "!~ was changed both outside and in the declarations; the declarations win."
OURS = "Changed in the declarations"

_MORE_VERBS = {"adopt": "to adopt", "move": "to move", "release": "to release"}


def render_plan(document: Document, *, detail: Detail = "hunks", width: int = 80, color: bool = False) -> str:
    """The whole plan: header, changes made outside, steps, warnings, blocks, counts, the summary, the digest."""
    sections = [header_lines(document), *_steps(document, detail=detail, width=width, marks=not color)]
    sections += [warning_lines(each) for each in document["warnings"]]
    sections += [block_lines(each) for each in document["blocks"]]
    summary = [line((summary_sentence(document), "strong")), line("Digest: ", document["digest"])]
    sections += [unmanaged_lines(document["summary"]), summary]
    return paint(_separated(sections, width), color=color)


def _separated(sections: Iterable[list[Line]], width: int) -> Iterator[Line]:
    first = True
    for section in sections:
        if section:
            if not first:
                yield BLANK
            yield from align_places(section, width)
            first = False


# ── above the steps ───────────────────────────────────────────────────────────────────────────────────────────────────


def header_lines(document: Document) -> list[Line]:
    """Which account, stack and environment the plan is about, and whether it covers only a part."""
    account = document["account"]
    more = [
        *([account["url"]] if account["url"] else []),
        *(f"{word} {account[word]}" for word in ("organization", "project") if account[word]),
    ]
    parts: list[Part] = ["Account ", (account["name"], "strong"), f" ({', '.join(more)})" if more else ""]
    parts += [", stack ", (document["stack"], "strong")]
    if document["environment"]:
        parts += [", environment ", (document["environment"], "strong")]
    lines = [line(*parts)]
    if not document["complete"]:
        only = ", ".join(document["targets"])
        text = f"only {only} and what they need; nothing is deleted"
        lines.append(line(("Incomplete: ", "warning"), text if len(document["targets"]) > 1 else _singular(text)))
    return lines


def _singular(text: str) -> str:
    return text.replace("what they need", "what it needs")


# ── steps ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _steps(document: Document, *, detail: Detail, width: int, marks: bool) -> Iterator[list[Line]]:
    steps = document["steps"]
    replaced = replaced_ids(document)
    if detail == "summary":
        yield indent((step_summary(each, replaced) for each in steps), 2)
        return
    outside = [each for each in steps if is_touched_outside(each)]
    if outside:
        yield [line((f"{OUTSIDE}:", "drift"))]
        for each in outside:
            yield indent(outside_block(each, detail=detail, width=width, marks=marks), 2)
        if any("conflict" in causes(each) for each in outside):
            yield [line((CONFLICTS, "drift"))]
    ours = [each for each in steps if is_ours(each)]
    if outside and ours:
        yield [line((f"{OURS}:", "strong"))]
    for each in ours:
        yield indent(step_block(each, replaced, detail=detail, width=width, marks=marks), 2)


def replaced_ids(document: Document) -> dict[str, str]:
    """The id of the object that goes, by the address of the one that takes its place."""
    steps = document["steps"]
    return {each["address"]: each["id"] for each in steps if each["action"] == "delete" and each["replaces"]}


# ── below the steps ───────────────────────────────────────────────────────────────────────────────────────────────────


def warning_lines(warning: Mapping[str, Any]) -> list[Line]:
    """A warning with its place, the further places, and the hint."""
    position = warning["position"]
    where = f"{show_place(position)}:{position['column']}: " if position else ""
    lines = [line(where, (f"warning[{warning['code']}]", "warning"), f": {warning['message']}")]
    lines += [line(f"  {show_place(each['position'])}: {each['message']}") for each in warning["related"]]
    if warning["hint"]:
        lines.append(line(("  hint: ", "faint"), warning["hint"]))
    return lines


def block_lines(block: Mapping[str, Any]) -> list[Line]:
    """What forbids the plan, and the option by which a person allows it all the same."""
    lines = [line(("blocked: ", "error"), block["message"])]
    if block["override"]:
        lines.append(line(("  hint: ", "faint"), f"to do it all the same, add {block['override']}"))
    return lines


def unmanaged_lines(counts: Mapping[str, Any]) -> list[Line]:
    """What lives in the account and is left alone: objects without an owner, and objects of other stacks."""
    texts = [
        f"{', '.join(count(number, kind) for kind, number in counts[group].items() if number)} {words}"
        for group, words in (("unowned", "without an owner"), ("foreign", "of other stacks"), ("retired", "retired"))
        if any(counts.get(group, {}).values())
    ]
    return [line((f"Not managed here: {'; '.join(texts)}.", "faint"))] if texts else []


def summary_sentence(document: Document) -> str:
    """What the plan would do, in one sentence that programs may look for."""
    summary, steps = document["summary"], document["steps"]
    if not steps:
        if not document["complete"]:
            return "No changes to what the plan covers."
        matching = summary["in_sync"]
        verb = "matches" if matching == 1 else "match"
        return f"No changes. {count(matching, 'object')} {verb} the declarations." if matching else "No changes."
    text = f"Plan: {summary['create']} to add, {summary['update']} to change, {summary['delete']} to destroy"
    for action, verb in _MORE_VERBS.items():
        number = sum(1 for each in steps if each["action"] == action)
        text += f", {number} {verb}" if number else ""
    reverts = sum(1 for step in steps for each in (*step["changes"], *step["files"]) if is_outside(each))
    if reverts:
        text += f". {count(reverts, 'change')} made outside of retinue would be reverted"
    return f"{text}."
