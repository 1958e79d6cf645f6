"""A plan document → Markdown for people and archives, and the pieces that comments on GitHub are made of.

What is not ours to say (names, prompts, paths, messages) stands in code only: in fences longer than any run of
backticks inside, and in code spans. There it cannot become markup, a link, a mention or a heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from retinue.report.change_text import Detail
from retinue.report.ink import Line, Role, align_places, visible
from retinue.report.plan_groups import Group, plan_groups
from retinue.report.plan_text import (
    block_lines,
    header_lines,
    replaced_ids,
    summary_sentence,
    unmanaged_lines,
    warning_lines,
)
from retinue.report.step_text import outside_block, step_block, step_head, step_summary

WIDTH = 100
_BACKTICKS = re.compile("`+")


def render_markdown(document: Mapping[str, Any], *, detail: Detail = "hunks") -> str:
    """The whole plan as a page. `hunks` leaves out only what does not change; `summary` names the fields."""
    detail = "complete" if detail == "hunks" else detail
    replaced = replaced_ids(document)
    blocks = [f"# Plan for {code(document['stack'])}", *overview(document)]
    if document["blocks"]:
        blocks += ["## Blocked", fence(joined(map(block_lines, document["blocks"])), "text")]
    for group in plan_groups(document):
        blocks += [f"## {group.title}"]
        if detail == "summary":
            blocks.append("\n".join(f"- {code(text_of(step_summary(each, replaced)))}" for each in group.steps))
        else:
            for each in group.steps:
                head, body = step_lines(each, group, replaced, detail=detail)
                blocks += [f"### {placed(head)}", *([fence(body, "diff")] if body else [])]
        blocks += [group.note] if group.note else []
    if document["warnings"]:
        blocks += ["## Warnings", fence(joined(map(warning_lines, document["warnings"])), "text")]
    blocks += [code(text_of(each)) for each in unmanaged_lines(document["summary"])]
    return "\n\n".join(blocks) + "\n"


def overview(document: Mapping[str, Any]) -> list[str]:
    """The summary sentence, what the plan is about, and its digest."""
    blocks = [f"**{summary_sentence(document)}**", *(code(text_of(each)) for each in header_lines(document))]
    return [*blocks, f"Digest: {code(document['digest'])}"] if document.get("digest") else blocks


def step_lines(
    step: Mapping[str, Any], group: Group, replaced: Mapping[str, str], *, detail: Detail
) -> tuple[Line, list[Line]]:
    """The head of a step as its group shows it, and what stands below it, not indented."""
    if group.outside:
        _, *body = outside_block(step, detail=detail, width=WIDTH, marks=True)
    else:
        _, *body = step_block(step, replaced, detail=detail, width=WIDTH, marks=True)
    # The first part of an indented line is its indentation.
    return step_head(step, replaced, outside=group.outside), [Line(each.parts[1:], each.place) for each in body]


# ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def code(text: str) -> str:
    """A code span that shows the text as it is, whatever is in it."""
    shown = visible(text) or "(empty)"
    ticks = "`" * (_longest_run(shown) + 1)
    # One blank at both ends is taken off again by whoever reads Markdown.
    padding = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{ticks}{padding}{shown}{padding}{ticks}"


def fence(lines: Sequence[Line], word: str) -> str:
    """A fenced block of the lines with their places; with the word `diff`, signs stand where they get colours."""
    made = align_places(lines, WIDTH)
    made = list(_signed(made)) if word == "diff" else made
    text = "\n".join(text_of(each) for each in made)
    ticks = "`" * max(_longest_run(text) + 1, 3)
    return f"{ticks}{word}\n{text}\n{ticks}"


def _longest_run(text: str) -> int:
    return max((len(each) for each in _BACKTICKS.findall(text)), default=0)


def placed(head: Line) -> str:
    """A head as inline Markdown, with the place that declares it."""
    return code(text_of(head)) + (f" · {code(head.place)}" if head.place else "")


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line.parts).rstrip(" ")


def joined(blocks: Iterable[Sequence[Line]]) -> list[Line]:
    return [line for block in blocks for line in block]


# ── signs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_SIGNS: dict[str, str] = {"added": "+", "removed": "-", "drift": "!"}
_MARKS = ("+", "-", "!", "!~")


def _signed(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines with their signs in the first column, where diff highlighting looks for them; widths stay the same."""
    sign = ""
    for line in lines:
        sign = _sign(line, sign)
        yield _moved(line, sign)


def _sign(line: Line, above: str) -> str:
    """The sign that a line has, or that its only role stands for; blank lines of a text have that of the line above."""
    first, role = _first(line)
    if first.strip(" ") in _MARKS or first[:1] == "~":
        return _SIGNS.get(role, "")
    signs = {_SIGNS[role] for text, role in line.parts if text.strip(" ") and role in _SIGNS}
    if (first, role) == ("| ", "faint") and not signs:
        return above
    return signs.pop() if len(signs) == 1 else ""


def _moved(line: Line, sign: str) -> Line:
    first, role = _first(line)
    blank = next((index for index, (text, _) in enumerate(line.parts) if text.strip(" ")), 0)
    indentation = "".join(text for text, _ in line.parts[:blank])
    if role == "place" and first.startswith("@@"):
        return Line(line.parts[blank:])
    if not sign:
        return line
    if first.strip(" ") in _MARKS:
        mark = first.strip(" ")
        return Line(((mark, role), (indentation + first[len(mark) :], "plain"), *line.parts[blank + 1 :]))
    return Line(((sign + indentation[1:], "plain"), *line.parts[blank:]))


def _first(line: Line) -> tuple[str, Role]:
    """The first part that is not blank."""
    return next(((text, role) for text, role in line.parts if text.strip(" ")), ("", "plain"))
