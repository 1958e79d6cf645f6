"""What holds for the text of every plan."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from retinue.model.declared import Position
from retinue.model.printable import visible
from retinue.model.steps import FieldChange, FileChange, Plan, Step
from retinue.model.values import Address, FileRef
from retinue.planning.documents.plan_document import to_document
from retinue.report.plan.plan_text import render_plan
from retinue.report.text.change_text import Detail
from tests.plans.cases import CASES, CHUNKING, HANDBOOK, LOCAL, MATH, TUTOR, declared, live, plan

TEXT = st.text(st.characters(), max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
SGR = re.compile("\x1b\\[[0-9;]*m")
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def with_prompts(before: str, after: str) -> dict[str, Any]:
    wanted = [declared(TUTOR, {**MATH, "instructions": after})]
    return to_document(plan(wanted, [live("asst_1", TUTOR, {**MATH, "instructions": before})]))


def with_change(before: Any, after: Any, key: str = "x") -> dict[str, Any]:
    change = FieldChange(("tools", key), before, after, "config", Position("a.yaml", 1))
    step = Step("update", TUTOR, "asst_1", before={key: before}, after={key: after}, changes=(change,))
    return to_document(Plan("s", LOCAL, (step, Step("create", Address("assistant", "new"), after={key: after}))))


@given(JSON, JSON, TEXT)
def test_no_value_breaks_out_of_the_text(before: Any, after: Any, key: str) -> None:
    """Whatever stands in a plan, every detail renders, and no raw control or reordering character comes through."""
    document = with_change(before, after, key)
    details: list[Detail] = ["summary", "hunks", "full"]
    for detail in details:
        assert not RAW.search(render_plan(document, detail=detail))
        text = render_plan(document, detail=detail, color=True)
        assert not RAW.search(SGR.sub("", text))
        text.encode("utf-8")


@given(st.lists(st.sampled_from(["one", "two words", "", "three"]), max_size=20), st.lists(TEXT, max_size=5))
def test_every_added_line_is_shown(before: list[str], added: list[str]) -> None:
    """A line that is new in a prompt stands in the plan, complete."""
    added = [each.replace("\n", " ") for each in added]
    document = with_prompts("\n".join(["begin", *before, "end"]), "\n".join(["begin", *before, *added, "end"]))
    shown = [each.strip() for each in render_plan(document, color=False).splitlines()]
    assert all(any(visible(each).strip() in line for line in shown) for each in added)


@pytest.mark.parametrize("name", CASES)
def test_colour_changes_nothing_but_colour(name: str) -> None:
    """Without its escape sequences and marks, the coloured text is the plain one."""
    document = to_document(CASES[name][0]())
    colored = SGR.sub("", render_plan(document, color=True))
    plain = re.sub(r"\[-(.*?)-\]|\{\+(.*?)\+\}", lambda found: found[1] or found[2] or "", render_plan(document))
    assert [each.rstrip() for each in colored.splitlines()] == [each.rstrip() for each in plain.splitlines()]


@pytest.mark.parametrize("name", CASES)
def test_last_lines_count_what_the_document_counts_and_name_its_digest(name: str) -> None:
    """The summary sentence comes at the end and agrees with the document; below it is what one approves the plan by."""
    document = to_document(CASES[name][0]())
    *_, last, digest = (each for each in render_plan(document).splitlines() if not each.startswith("Storage: "))
    assert digest == f"Digest: {document['digest']}"
    summary = document["summary"]
    gone = summary["delete"] + sum(summary.get("removed", {}).values())
    numbers = [summary["create"], summary["update"], gone]
    if document["steps"]:
        assert last.startswith("Plan: {} to add, {} to change, {} to destroy".format(*numbers))
        for action in ("adopt", "move", "release"):
            number = sum(1 for step in document["steps"] if step["action"] == action)
            assert document["summary"].get(action, 0) == number
            assert (f", {number} to {action}" in last) == bool(number)
        assert ("made outside of retinue" in last) == bool(document["summary"]["reverts"])
    else:
        assert last.startswith("No changes.")


@pytest.mark.parametrize("name", CASES)
def test_summary_has_one_line_for_each_step(name: str) -> None:
    """With the detail 'summary', the steps are a list."""
    document = to_document(CASES[name][0]())
    lines = render_plan(document, detail="summary").splitlines()
    assert sum(1 for each in lines if each.startswith("  ") and "hint:" not in each) == len(document["steps"])


def test_places_stand_in_one_column_where_they_fit() -> None:
    """Places of one object line up, measured in cells, and go no further right than the width."""
    wanted = [declared(TUTOR, {**MATH, "name": "数学の先輩", "model": "gpt-6-luna"})]
    text = render_plan(to_document(plan(wanted, [live("asst_1", TUTOR, MATH)])))
    placed = [each for each in text.splitlines() if ".yaml:" in each]
    assert len({cell_len(each[: each.index("assistants/")]) for each in placed}) == 1
    assert max(cell_len(each) for each in placed) <= 80


def test_very_long_line_is_shown_around_the_edit() -> None:
    """In a prompt of 256,000 characters on one line, the edit is shown with its surroundings, the rest on demand."""
    prompt = "Answer in one word. " * 12_800
    edited = prompt[:128_000] + "Never shout. " + prompt[128_000:]
    text = render_plan(with_prompts(prompt, edited))
    assert "{+Never shout. +}" in text
    assert len(text) < 2_000
    assert len(render_plan(with_prompts(prompt, edited), detail="full")) > 512_000


def test_changed_text_is_never_cut() -> None:
    """A long line that is new as a whole is new to its reader, so it is shown as a whole."""
    long = "x" * 50_000
    assert long in render_plan(with_prompts("short", f"short\n{long}"))


def test_new_objects_show_the_beginning_of_a_prompt() -> None:
    """A prompt of a new object was just written; its beginning says which one it is, and 'full' has it all."""
    step = Step("create", TUTOR, after={"instructions": "\n".join(f"line {number}" for number in range(60))})
    document = to_document(Plan("s", LOCAL, (step,)))
    assert '+ instructions: 60 lines, "line 0" …' in render_plan(document)
    assert "line 59" in render_plan(document, detail="full")


def test_block_says_how_to_go_on() -> None:
    """A block that a person may lift names the option."""
    document = to_document(replace(CASES["drift"][0]()))
    document["blocks"] = [{"code": "x", "message": "too many deletions", "address": None, "override": "--allow-many"}]
    text = render_plan(document)
    assert "blocked: too many deletions\n  hint: to do it all the same, add --allow-many\n" in text


def with_lost_files(paths: list[str]) -> dict[str, Any]:
    """The deletion of a store that holds them."""
    files = {path: {"sha256": "a" * 64, "size": 10, "attributes": {}, "chunking": CHUNKING} for path in paths}
    gone = tuple(FileChange("remove", path, before=FileRef(path, "a" * 64, 10)) for path in paths)
    step = Step("delete", HANDBOOK, "vs_1", before={"files": files}, files=gone)
    return to_document(Plan("s", LOCAL, (step,)))


def test_a_summary_counts_very_many_lost_files_by_folder() -> None:
    """Up to 20 are named; of more, the deepest folders that are few, and what is left of many."""
    few = render_plan(with_lost_files([f"kb/{number}.md" for number in range(20)]), detail="summary")
    assert all(f"file kb/{number}.md" in few for number in range(20))
    many = [f"kb/{'abc'[number % 3]}/{number}.md" for number in range(3_000)]
    text = render_plan(with_lost_files(many), detail="summary")
    assert "deletes 1,000 files in kb/a/, 1,000 files in kb/b/, 1,000 files in kb/c/" in text
    assert max(map(len, text.splitlines())) < 200
    scattered = [f"{number}/x.md" for number in range(100)]
    assert "1 file in 5/, 94 files in 94 more folders" in render_plan(with_lost_files(scattered), detail="summary")
    assert "30 files in ./" in render_plan(with_lost_files([f"{n}.md" for n in range(30)]), detail="summary")
