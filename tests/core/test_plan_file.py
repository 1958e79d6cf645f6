"""Plans as documents."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from retinue.model.printable import json_text
from retinue.model.steps import Plan
from retinue.model.values import Address, FileRef, Gone, Ref
from retinue.planning.documents.plan_document import LONG, PlanFormatError, decode, encode, from_document, to_document
from tests.support import many
from tests.support.pages import render_page


@pytest.mark.parametrize(
    "word", ["retinue.ref", "retinue.file", "retinue.gone", "retinue.sealed", "retinue.text", "retinue.map"]
)
def test_a_map_with_a_key_of_ours_is_not_taken_for_something_else(word: str) -> None:
    """A file of a skill may have any name."""
    value: dict[str, Any] = {word: "text", "other": {word: {word: 1}}}
    assert decode(encode(value)) == value


@pytest.mark.parametrize("value", [Ref(Address("skill", "a")), FileRef("a", "b" * 64, 1), Gone("x")], ids=repr)
def test_what_is_ours_survives(value: Any) -> None:
    assert decode(encode({"key": [value]})) == {"key": [value]}


# ── long texts ────────────────────────────────────────────────────────────────────────────────────────────────────────

PROMPT = "\n".join(f"{number} is a line of a long text" for number in range(500))
MANY = 5


def edited(words: str, model: str = "gpt-4o") -> Plan:
    """Some assistants with that prompt, where all have the long one."""
    wanted = [replace(each, spec={**each.spec, "model": model}) for each in many.declared(MANY, words=words)]
    return many.plan(wanted, many.live(many.declared(MANY, words=PROMPT)))


@pytest.mark.parametrize(
    ("made", "texts"),
    [
        pytest.param(edited(PROMPT.replace("250 is", "250 was")), 2, id="changed"),
        pytest.param(edited(PROMPT, model="gpt-5"), 1, id="unchanged beside a change"),
    ],
)
def test_a_long_text_is_said_once_on_each_side(made: Plan, texts: int) -> None:
    """However often a step has it, and with it nothing of the plan is lost."""
    document = to_document(made)
    read = from_document(json.loads(json_text(document)))
    assert [(each.before, each.after, each.changes) for each in read.steps] == [
        (each.before, each.after, each.changes) for each in made.steps
    ]
    assert len(made.steps) == MANY
    assert texts * MANY * len(PROMPT) < len(json.dumps(document)) < (texts + 0.3) * MANY * len(PROMPT)


def test_a_page_says_a_long_text_once_and_what_changed_with_its_context() -> None:
    document = to_document(edited(PROMPT.replace("250 is", "250 was")))
    for number, step in enumerate(document["steps"]):  # each is another change, so that none stands for others
        step["changes"][0]["after"] += f"{number} more\n"
    page = render_page(document)
    assert MANY * len(PROMPT) < len(page) < 1.3 * MANY * len(PROMPT) + 25_000  # the style, the script, and tables
    assert page.count("251 is a line") == 3 * MANY  # beside it on both sides, and in one
    assert render_page(to_document(edited(PROMPT.replace("250 is", "250 was")))).count("251 is a line") == 3


def test_a_short_text_stands_wherever_it_belongs() -> None:
    document = to_document(many.plan(many.declared(1, words="b" * (LONG - 50)), many.live(many.declared(1))))
    assert "retinue.text" not in json.dumps(document)


@pytest.mark.parametrize("where", [["after", "model", "x"], ["changes", 9, "after"], ["nothing"], ["changes"], 1])
def test_a_text_that_is_nowhere_is_no_plan(where: Any) -> None:
    document = to_document(edited(PROMPT, model="gpt-5"))
    document["steps"][0]["before"]["instructions"] = {"retinue.text": where}
    with pytest.raises(PlanFormatError):
        from_document(document)


def test_a_plan_of_before_is_read() -> None:
    """Where every text stands wherever it belongs."""
    made = edited(PROMPT.replace("250 is", "250 was"))
    document = {**to_document(made), "format_version": "1.0"}
    for each, step in zip(document["steps"], made.steps, strict=True):
        each["before"], each["after"] = encode(step.before), encode(step.after)
    assert from_document(document) == from_document({**to_document(made)})
