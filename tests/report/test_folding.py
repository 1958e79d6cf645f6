"""What reads the same is said once, whoever renders it: the change, and all objects that it is made in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.model.declared import Declaration, Declared
from retinue.model.values import Address
from retinue.planning.documents.plan_document import to_document
from retinue.planning.resolve import resolve
from retinue.providers.live_reader import read_live
from retinue.report import render
from retinue.report.plan import folding
from retinue.report.plan.folding import fold
from retinue.report.plan.plan_markdown import BUDGET, render_plan_comment
from retinue.report.plan.plan_text import render_plan
from retinue.report.text.shared_hunks import SharedEdit, shared_edit
from tests.support import many
from tests.support.pages import render_page


def prompt(number: int, tone: str, *, lines: int = 0) -> str:
    """Rules of its own, of another length for each, and a part that all share in the middle."""
    own = "\n".join(f"Rule {at} of {number}." for at in range(3 + number % 5 + lines))
    shared = f"# Tone\n\n- Answer {tone}.\n- Use the language of the question."
    return f"You are number {number}.\n\n{own}\n\n{shared}\n\n# Limits\n\nNever promise anything for {number}.\n"


def assistants(number: int, tone: str, odd: Sequence[int] = (), *, lines: int = 0) -> tuple[Declared, ...]:
    """Those of the numbers in `odd` have another temperature, too."""
    return resolve(
        [
            Declaration(
                Address("assistant", f"topic{at // 5:03}-{['de', 'en', 'es', 'fr', 'it'][at % 5]}"),
                {
                    "model": "gpt-4o",
                    "name": f"Assistant {at}",
                    "instructions": prompt(at, tone, lines=lines),
                    "tools": [{"file_search": {"max_num_results": 5}}],
                    "metadata": {"topic": str(at // 5)},
                    **({"temperature": 0.3} if at in odd else {}),
                },
                many.At(f"assistants/topic{at // 5:03}.yaml", at % 5 + 1),
            )
            for at in range(number)
        ],
        many.KINDS,
    ).declared


def one_word(number: int, odd: Sequence[int] = (), *, lines: int = 0) -> dict[str, Any]:
    """The plan after one word was changed in what all prompts share."""
    there = many.live(assistants(number, "kindly", lines=lines))
    return to_document(many.plan(assistants(number, "briefly", odd, lines=lines), there))


def made(number: int) -> dict[str, Any]:
    return to_document(many.plan(assistants(number, "kindly")))


def addresses(document: dict[str, Any]) -> list[str]:
    return [each["address"] for each in document["steps"]]


# ── one change in many objects ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [31, 201])
@pytest.mark.parametrize("width", [80, 160])
def test_one_word_of_a_shared_part_is_read_once(number: int, width: int) -> None:
    text = render_plan(one_word(number, odd=[7]), width=width)
    assert text.count("\n") <= 60
    assert f"  ~ in {number - 1} assistants  " in text
    assert text.count("- - Answer [-kindly-].") == 2  # for all, and for the one that changes more
    assert "      ~ temperature: 1.0 -> 0.3" in text
    assert re.search(r"~ assistant\.topic001-es \(id_\d+\) +assistants/topic001.yaml:3\n", text)
    left = number - text.count("assistant.")
    assert (f"\n      … {left} more (--detail full names every one)\n" in text) == bool(left)


@pytest.mark.parametrize("number", [31, 201])
def test_its_comment_is_whole_and_names_every_object(number: int) -> None:
    document = one_word(number, odd=[7])
    comment = render_plan_comment(document)
    assert len(comment) < BUDGET / 8
    assert "Too long" not in comment
    assert all(
        comment.count(f"{each},") + comment.count(f"{each}\n") + comment.count(f"{each} ")
        for each in addresses(document)
    )
    assert comment.count("Answer [-kindly-]") == 2


@pytest.mark.parametrize("number", [31, 201])
def test_its_page_is_small_and_names_every_object(number: int) -> None:
    document = one_word(number, odd=[7], lines=150)
    page = render_page(document)
    assert len(page.encode()) < 60_000
    assert all(each in page for each in addresses(document))


def test_the_digest_and_json_hold_every_object() -> None:
    document = one_word(31)
    assert render("plan", document, "json").count('"before": "You are number') == 31


def test_with_full_detail_every_object_is_named_and_every_text_whole() -> None:
    document = one_word(31)
    text = render_plan(document, detail="full")
    assert all(each in text for each in addresses(document))
    assert all(f"Never promise anything for {number}." in text for number in range(31))


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_differences_of_declarations_fold_in_the_same_way(form: Any) -> None:
    document = one_word(31)
    side = {"name": "staging", "stack": "s", "environment": "staging"}
    summary = {"create": 0, "update": 31, "delete": 0, "same": 0}
    text = render(
        "diff",
        {
            "before": side,
            "after": side,
            "summary": summary,
            "settings": [],
            "notes": [],
            "steps": document["steps"],
        },
        form,
    )
    assert "~ in 31 assistants" in text
    assert text.count("[-kindly-]") == 1


def test_places_that_differ_split_nothing_and_the_common_one_is_shown() -> None:
    document = one_word(10)
    assert "  ~ in 10 assistants  10 places in 2 files\n" in render_plan(document)
    for step in document["steps"]:
        step["position"] = {"file": "all.yaml", "line": 3, "column": 1}
    assert re.search(r"  ~ in 10 assistants +all\.yaml:3\n", render_plan(document))
    document["steps"][3]["position"]["line"] = 4
    document["steps"][3]["position"] = {"file": "all.yaml", "line": 9, "column": 1}
    assert re.search(r"  ~ in 10 assistants +all\.yaml\n", render_plan(document))


@pytest.mark.parametrize(
    "other",
    [
        {"path": ["name"]},
        {"cause": "unset"},
        {"before": "a"},
        {"after": "c"},
        {"before": None},
    ],
)
def test_whatever_a_reader_would_see_sets_a_change_apart(other: dict[str, Any]) -> None:
    change = {"path": ["model"], "cause": "config", "position": None, "before": "x", "after": "y"}
    steps = [_step(f"assistant.a{at}", [{**change, **(other if at == 1 else {})}]) for at in range(3)]
    assert [[each["address"][-1] for each in folded.steps] for folded in fold(steps)] == [["0", "2"], ["1"]]


def _step(address: str, changes: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    found = one_word(1)["steps"][0]
    return {**found, "address": address, "key": address, "changes": changes, **more}


def test_another_kind_action_or_reason_stands_alone() -> None:
    change = {"path": ["model"], "cause": "config", "position": None, "before": "x", "after": "y"}
    steps = [
        _step("assistant.a", [change]),
        _step("agent.b", [change]),
        _step("assistant.c", [change], action="adopt"),
        _step("assistant.d", [change], reason="because"),
        _step("assistant.e", [change]),
    ]
    assert [len(each.steps) for each in fold(steps)] == [2, 1, 1, 1]


def test_what_goes_is_never_folded() -> None:
    wanted = assistants(31, "kindly")
    document = to_document(many.plan(wanted, many.live(wanted), destroy=True))
    assert all(len(each.steps) == 1 for each in fold(document["steps"]))
    text = render_plan(document)
    assert all(f"- {each} " in text for each in addresses(document))
    assert len(text.splitlines()) < 31 + 10  # one below the other, without blank lines


@pytest.mark.parametrize("value", [{"retinue.sealed": True}, {"env": [{"retinue.sealed": True}]}])
def test_what_is_never_shown_is_never_folded(value: Any) -> None:
    """Two secrets read alike and may differ."""
    change = {"path": ["extra"], "cause": "config", "position": None, "before": value, "after": value}
    assert len(fold([_step(f"assistant.a{at}", [change]) for at in range(3)])) == 3
    steps = made(4)["steps"]
    for step in steps:
        step["after"]["extra"] = value
    assert len(fold(steps)) == 4


def test_what_others_did_to_many_is_said_once() -> None:
    wanted = assistants(12, "kindly")
    there = [{**each, "model": "gpt-5"} for each in many.answers(wanted)]
    live = [read_live(each, many.KINDS["assistant"], each["metadata"]) for each in there]
    document = to_document(many.plan(wanted, live))
    text = render_plan(document)
    assert "  ! in 12 assistants" in text
    assert text.count('model: "gpt-5" -> "gpt-4o"') == 1
    assert render_plan_comment(document).count('model: "gpt-5" -> "gpt-4o"') == 1


def test_folding_costs_in_proportion_to_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text is compared once, with nothing but its own other side."""
    looked: list[str] = []

    def counted(before: str, after: str) -> SharedEdit:
        looked.append(after)
        return shared_edit(before, after)

    monkeypatch.setattr(folding, "shared_edit", counted)
    steps = one_word(60)["steps"]
    assert [len(each.steps) for each in fold(steps)] == [60]
    assert len(looked) == len(set(looked)) == 60


LINES = st.lists(st.sampled_from(["a", "b", "", "own"]), max_size=6)


@given(LINES, LINES, LINES, LINES, st.text("xy", min_size=1, max_size=3))
def test_what_several_texts_have_in_common_is_in_each(
    a: list[str], b: list[str], c: list[str], d: list[str], new: str
) -> None:
    """The lines around an edit that are shown for several are those of every one of them, in their order."""
    texts = [(above, below) for above, below in ((a, b), (c, d))]
    found = [
        shared_edit("\n".join([*above, "OLD", *below]), "\n".join([*above, new, *below])) for above, below in texts
    ]
    if found[0].key != found[1].key:
        return
    found[0].join(found[1])
    for hunk in found[0].hunks():
        kept = [each.text for each in hunk.lines if each.sign != "+"]
        for above, below in texts:
            whole = [*above, "OLD", *below]
            assert any(whole[at : at + len(kept)] == kept for at in range(len(whole) + 1))


# ── new objects ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_new_objects_that_differ_little_say_in_what() -> None:
    text = render_plan(made(12))
    assert '  + 12 assistants  12 places in 3 files\n      + model: "gpt-4o"\n' in text
    assert text.count('model: "gpt-4o"') == 1
    for at, address in enumerate(addresses(made(12))):
        assert re.search(rf'\+ {address}  name: "Assistant {at}", instructions: \d+ lines, ', text)
    assert text.count("\n") < 25


def test_a_new_object_of_another_sort_stands_alone() -> None:
    document = made(6)
    document["steps"][2]["after"]["model"] = "gpt-5"
    document["steps"][3]["after"]["temperature"] = 0.2
    assert [len(each.steps) for each in fold(document["steps"])] == [4, 1, 1]


def test_two_new_objects_are_not_folded_and_nothing_is_where_all_is_shown() -> None:
    assert [len(each.steps) for each in fold(made(2)["steps"])] == [1, 1]
    assert len(fold(made(31)["steps"], detail="complete")) == len(fold(made(31)["steps"], detail="full")) == 31
    text = render_plan(made(31), detail="full")
    assert all(f"Never promise anything for {number}." in text for number in range(31))


def test_no_field_of_a_new_object_goes_unsaid() -> None:
    """What is not shown is counted or named."""
    document = made(1)
    (step,) = document["steps"]
    step["after"] |= {"description": "x" * 200, "response_format": {"type": "json_schema", "json_schema": {"a": {}}}}
    text = render_plan(document)
    for name in step["after"]:
        assert f"{name}: " in text, name


# ── a summary by kind and action ──────────────────────────────────────────────────────────────────────────────────────


def test_many_objects_are_counted_by_kind_and_action_first() -> None:
    wanted, old = assistants(9, "briefly"), assistants(7, "kindly")
    text = render_plan(to_document(many.plan([*wanted, many.store(1)], many.live(old))))
    assert "\n\nObjects       add  change\nassistant       2       7\nvector store    1       -\n\n" in text
    assert "Objects" not in render_plan(made(5))
