"""A text that is put together of several parts: an edit made elsewhere goes into the part that changed, or nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.commands.composed_texts import SeveralPartsError, changed_parts, whole_parts
from retinue.config.declaration_sites import BETWEEN
from tests.cli.conftest import Shell

TEAM = """\
stack: shop
include: [team.yaml]
variables: {model: gpt-4o}
"""
FILES = {
    "retinue.yaml": TEAM,
    "team.yaml": """\
assistants:
  desk:
    model: gpt-4o
    instructions:
      - {file: prompts/tone.md}   # how
      - {file: prompts/desk.md}
      - |
        Answer in one sentence.
        Never promise anything.
      - "You are a ${{ var.model }}."
      - {file: prompts/model.md, render: true}
      - Be brief.
  clerk:
    model: gpt-4o
    instructions:
      - {file: prompts/tone.md}
      - Count twice.
""",
    "prompts/model.md": "Really: ${{ var.model }}.\n",
    "prompts/tone.md": "Be polite.\nBe patient.\n",
    "prompts/desk.md": "You sit at the desk.\n\nYou know the house.\n",
}
PARTS = [
    "Be polite.\nBe patient.",
    "You sit at the desk.\n\nYou know the house.",
    "Answer in one sentence.\nNever promise anything.",
    "You are a gpt-4o.",
    "Really: gpt-4o.",
    "Be brief.",
]


@pytest.fixture
def shop(shell: Shell) -> Shell:
    for name, text in FILES.items():
        shell.write(name, text)
    assert shell("apply", "--yes").code == 0
    return shell


def edit(shop: Shell, name: str, text: str) -> None:
    """Somebody writes other instructions in a dashboard."""
    (found,) = [
        each for each in shop.team.listed("/assistants") if f"a=assistant.{name};" in each["metadata"]["retinue"]
    ]
    shop.team.send("post", f"/assistants/{found['id']}", {"instructions": text})


def with_parts(**changed: str) -> str:
    """The text of the desk with some parts changed, by their numbers: p1, p2."""
    return BETWEEN.join(changed.get(f"p{number}", text) for number, text in enumerate(PARTS))


def written(shop: Shell) -> dict[str, str]:
    return {name: (shop.team.root / name).read_text(encoding="utf-8") for name in FILES}


def accept(shop: Shell, name: str = "desk") -> dict[str, str]:
    """The files that changed. Afterwards nothing is left to plan."""
    done = shop("drift", "--accept", f"assistant.{name}.instructions")
    assert done.code == 0, done.err
    assert shop("plan", "--detailed-exitcode").code == 0
    return {each: text for each, text in written(shop).items() if text != FILES[each]}


def refused(shop: Shell, name: str = "desk") -> str:
    done = shop("drift", "--accept", f"assistant.{name}.instructions")
    assert done.code == 1
    assert written(shop) == FILES
    return " ".join(done.err.split())


@pytest.mark.parametrize("line", ["You know the street.", "You know the house.\nYou know the street."])
def test_a_change_inside_a_part_is_written_into_its_file(shop: Shell, line: str) -> None:
    edit(shop, "desk", with_parts(p1=f"You sit at the desk.\n\n{line}"))
    assert accept(shop) == {"prompts/desk.md": f"You sit at the desk.\n\n{line}\n"}


def test_a_part_that_stands_in_the_yaml_keeps_its_style(shop: Shell) -> None:
    edit(shop, "desk", with_parts(p2="Answer in two sentences.\nNever promise anything.", p5="Be quick."))
    expected = FILES["team.yaml"].replace("one sentence", "two sentences").replace("- Be brief.", "- Be quick.")
    assert accept(shop) == {"team.yaml": expected}


def test_several_parts_may_change_at_once(shop: Shell) -> None:
    edit(
        shop,
        "desk",
        with_parts(p1="You stand at the desk.\n\nYou know the house.", p2="Answer at once.\nNever promise anything."),
    )
    assert set(accept(shop)) == {"prompts/desk.md", "team.yaml"}


def test_a_paragraph_between_two_parts_is_of_neither(shop: Shell) -> None:
    edit(shop, "desk", with_parts(p1=f"{PARTS[1]}\n\nYou have the keys."))
    said = refused(shop)
    assert "which of them changed cannot be told: 'prompts/desk.md' and the text at team.yaml:7" in said
    assert "edit the parts by hand" in said


def test_a_part_that_others_have_is_theirs_too(shop: Shell) -> None:
    edit(shop, "desk", with_parts(p0="Be polite.\nBe quick."))
    said = refused(shop)
    assert "the change is in 'prompts/tone.md', of which assistant.clerk is made, too" in said
    assert "give one a part of its own" in said


def test_a_part_that_was_edited_in_all_of_them_is_told_once(shop: Shell) -> None:
    edit(shop, "desk", with_parts(p0="Be polite.\nBe quick."))
    edit(shop, "clerk", "Be polite.\nBe quick.\n\nCount twice.")
    done = shop("drift", "--accept", "assistant.*")
    said = " ".join(done.err.split())
    assert done.code == 1
    assert said.count("cannot be accepted") == 1
    assert (
        "instructions of assistant.clerk, assistant.desk cannot be accepted: the change is in 'prompts/tone.md', "
        "of which all of them are made"
    ) in said
    shop.write("team.yaml", FILES["team.yaml"] + "    description: Counts.\n")
    assert shop("apply", "--yes", "--revert-drift").code == 0
    for name in ("desk", "clerk"):
        edit(shop, name, with_parts(p0="Be quick.") if name == "desk" else "Be quick.\n\nCount twice.")
    (clerk,) = [each for each in shop.team.listed("/assistants") if each["description"]]
    shop.team.send("post", f"/assistants/{clerk['id']}", {"description": "Counts fast."})
    partly = shop("drift", "--accept", "all")
    assert (partly.code, partly.err.count("cannot be accepted")) == (5, 1)
    assert "accepted assistant.clerk.description" in partly.out


def test_a_part_with_a_variable_is_nobodys_to_write(shop: Shell) -> None:
    edit(shop, "desk", with_parts(p3="You are a gpt-6-luna."))
    said = "the change is in the text at team.yaml:10, and its value comes from 'You are a"
    assert said in refused(shop)


def test_a_line_end_that_no_file_holds_is_refused(shop: Shell) -> None:
    edit(shop, "desk", with_parts(p1="You sit.\r\nYou know the house."))
    assert "no file holds the line ends of 'prompts/desk.md'" in refused(shop)


def test_who_is_stopped_by_drift_is_told_how_to_keep_it(shop: Shell) -> None:
    edit(shop, "desk", "Other.")
    done = shop("apply", "--yes")
    assert done.code == 4
    assert "with --revert-drift; 'retinue drift --accept ADDRESS' writes them into the files instead" in (
        " ".join(done.err.split())
    )


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=4).map("\n".join)


@given(st.lists(LINES, min_size=1, max_size=4), LINES, st.data())
def test_what_is_written_reads_back_as_the_text(parts: list[str], text: str, data: Any) -> None:
    """Whatever a person made of the whole, the parts come to it, or nobody claims to know which part it was."""
    number = data.draw(st.integers(0, len(parts) - 1))
    after = data.draw(st.sampled_from([BETWEEN.join([*parts[:number], text, *parts[number + 1 :]]), text]))
    try:
        changed = changed_parts(parts, after)
    except SeveralPartsError:
        return
    assert BETWEEN.join(changed.get(each, old) for each, old in enumerate(parts)) == after
    assert all(parts[each] != new for each, new in changed.items())


@given(st.lists(st.text("abc", min_size=1), min_size=2, max_size=5), st.data())
def test_a_line_that_changed_is_of_the_part_that_has_it(parts: list[str], data: Any) -> None:
    number = data.draw(st.integers(0, len(parts) - 1))
    changed = [*parts[:number], f"{parts[number]}!", *parts[number + 1 :]]
    assert changed_parts(parts, BETWEEN.join(changed)) == {number: changed[number]}


def test_parts_that_only_the_whole_tells_are_found_between_the_others() -> None:
    assert whole_parts(["a", None, "c"], "a\n\nb\n\nb\n\nc") == ["a", "b\n\nb", "c"]
    with pytest.raises(SeveralPartsError):
        whole_parts(["a", None, "c", None], "a\n\nb\n\nc\n\nd")
    with pytest.raises(SeveralPartsError):
        whole_parts(["a", "b"], "a\n\nc")
    with pytest.raises(SeveralPartsError):
        whole_parts(["aa", None, "aa"], "aa\n\naa")


def test_the_project_of_these_tests_is_what_it_says(shop: Shell, tmp_path: Path) -> None:
    (desk,) = [each for each in shop.team.listed("/assistants") if "assistant.desk" in each["metadata"]["retinue"]]
    assert desk["instructions"] == with_parts()
