"""`retinue graph`: who refers to what, in forms that others draw."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Shell

TEAM = """\
assistants:
  tutor:
    model: gpt-4o
    tools: [{function: roll}, {file_search: {vector_store: handbook}}, {code_interpreter: {files: [handbook/a.md]}}]
  helper: {model: gpt-4o, tools: [{function: roll}], labels: {team: desk}}
  alone: {model: gpt-4o, tools: [{file_search: {vector_store: {id: vs_theirs}}}]}
functions:
  roll: {description: Rolls., parameters: {type: object}}
vector_stores:
  handbook: {files: [handbook/*.md]}
"""

MERMAID = """\
flowchart LR
  assistant_alone["assistant.alone"]
  assistant_helper["assistant.helper"]
  assistant_tutor["assistant.tutor<br/>1 file"]
  function_roll["function.roll"]
  vector_store_handbook["vector_store.handbook<br/>2 files"]
  vs_theirs(["vs_theirs"])
  assistant_alone --> vs_theirs
  assistant_helper --> function_roll
  assistant_tutor --> function_roll
  assistant_tutor --> vector_store_handbook
"""

DOT = """\
digraph retinue {
  rankdir=LR
  node [shape=box]
  "assistant.alone" [label="assistant.alone"]
  "assistant.helper" [label="assistant.helper"]
  "assistant.tutor" [label="assistant.tutor\\n1 file"]
  "function.roll" [label="function.roll"]
  "vector_store.handbook" [label="vector_store.handbook\\n2 files"]
  "vs_theirs" [label="vs_theirs", style=dashed]
  "assistant.alone" -> "vs_theirs"
  "assistant.helper" -> "function.roll"
  "assistant.tutor" -> "function.roll"
  "assistant.tutor" -> "vector_store.handbook"
}
"""


@pytest.fixture
def team(shell: Shell) -> Shell:
    shell.write("team.yaml", TEAM)
    for name in "ab":
        shell.write(f"handbook/{name}.md", "Be kind.\n")
    return shell


def test_the_whole_graph(team: Shell) -> None:
    assert team("graph").out == MERMAID
    assert team("graph", "--format", "dot").out == DOT


def test_the_order_of_the_files_does_not_matter(team: Shell) -> None:
    head, _, rest = TEAM.partition("functions:")
    team.write("team.yaml", f"functions:{rest}{head}")
    assert team("graph").out == MERMAID


def test_a_part_is_what_it_refers_to_and_what_refers_to_it(team: Shell) -> None:
    assert shown(team("graph", "function.roll").out) == {"assistant.helper", "assistant.tutor", "function.roll"}
    # Who else uses what it uses has nothing to do with it.
    assert shown(team("graph", "assistant.tutor").out) == {"assistant.tutor", "function.roll", "vector_store.handbook"}
    assert shown(team("graph", "assistant.*").out) == shown(MERMAID)


@pytest.mark.parametrize("selector", ["label:team=desk", "label:team", "*.helper", "assistant.hel*"])
def test_a_part_is_chosen_as_everywhere(team: Shell, selector: str) -> None:
    assert shown(team("graph", selector).out) == {"assistant.helper", "function.roll"}


def test_files_choose_what_they_declare(team: Shell) -> None:
    team.write("assistants/more.yaml", "assistants:\n  other: {model: gpt-4o, tools: [{function: roll}]}\n")
    team.write("retinue.yaml", "stack: test\ninclude: ['*.yaml', assistants/*.yaml]\n")
    assert shown(team("graph", "file:assistants/**").out) == {"assistant.other", "function.roll"}


def test_what_is_not_there_and_what_is_wrong(team: Shell) -> None:
    missing = team("graph", "assistant.tuter")
    assert missing.code == 64
    assert "did you mean assistant.tutor?" in missing.err
    assert "did you mean label:team?" in team("graph", "label:tem").err
    assert team("graph", "label:").code == 64
    team.write("team.yaml", TEAM.replace("roll}], labels", "rol}], labels"))
    wrong = team("graph")
    assert wrong.code == 1
    assert "unknown-reference" in wrong.err


def test_names_that_are_alike_stay_apart(team: Shell) -> None:
    team.write("team.yaml", "assistants:\n  a-b: {model: x}\n  a_b: {model: x}\n")
    words = re.findall(r"^  (\w+)\[", team("graph").out, re.M)
    assert len(set(words)) == 2


def shown(text: str) -> set[str]:
    return set(re.findall(r'"([\w.-]+?)(?:<br/>[^"]*)?"', text))
