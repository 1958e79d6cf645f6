"""Assistants for the Responses API from the command line."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shell

PROJECT = "stack: test\ninclude: ['*.yaml']\napi: responses\n"


@pytest.fixture
def rendered(project: Shell) -> Shell:
    project.write("retinue.yaml", PROJECT)
    return project


def test_apply_writes_the_lock_file_and_plan_compares_with_it(rendered: Shell) -> None:
    first = rendered("apply", "--yes")
    assert first.code == 0
    assert "+ assistant.tutor  rendered for the Responses API" in first.out
    assert "assistant.tutor: created retinue.lock.json#/assistants/tutor" in first.err
    assert rendered("plan", "--detailed-exitcode").code == 0
    text = (rendered.team.root / "tutor.md").read_text(encoding="utf-8")
    rendered.write("tutor.md", text.replace("Rule 1000: be kind", "Rule 1000: be very kind"))
    shown = rendered("plan").out
    assert "~ assistant.tutor (retinue.lock.json#/assistants/tutor)" in shown
    assert "Rule 1000" in shown
    assert "Rule 990:" not in shown
    assert "tutor.md" in shown or "team.yaml" in shown
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in shown


def test_an_edit_of_the_lock_file_is_drift(rendered: Shell) -> None:
    rendered("apply", "--yes")
    path = rendered.team.root / "retinue.lock.json"
    path.write_text(path.read_text(encoding="utf-8").replace("gpt-4o", "gpt-mine"), encoding="utf-8")
    assert "! assistant.tutor (retinue.lock.json#/assistants/tutor)" in rendered("plan").out
    assert rendered("apply", "--yes").code == 4
    assert rendered("apply", "--yes", "--revert-drift").code == 0
    assert "gpt-mine" not in path.read_text(encoding="utf-8")


def test_output_and_show_know_what_is_rendered(rendered: Shell) -> None:
    rendered("apply", "--yes")
    assert rendered("output", "assistant.tutor").out == "retinue.lock.json#/assistants/tutor\n"
    arguments = json.loads(rendered("output", "assistant.tutor", "--json").out)
    assert arguments["model"] == "gpt-4o"
    assert arguments["metadata"] == {"team": "education"}
    store = json.loads(rendered("output", "vector_store.handbook", "--json").out)
    assert arguments["tools"][1]["vector_store_ids"] == [store]
    assert "retinue.lock.json#/assistants/tutor" in rendered("show").out
    shown = rendered("show", "assistant.tutor").out
    assert "arguments:" in shown
    assert "digest:" in shown


def test_a_move_is_told_in_the_plan(rendered: Shell) -> None:
    rendered.write("retinue.yaml", PROJECT.replace("responses", "assistants-v2"))
    rendered("apply", "--yes")
    (old,) = rendered.team.listed("/assistants")
    rendered.write("retinue.yaml", PROJECT)
    shown = rendered("plan").out
    assert "+ assistant.tutor  it moves from assistants-v2 to responses" in shown
    assert f"- assistant.tutor ({old['id']})  it moves to responses" in shown
    assert "Plan: 1 to add, 0 to change, 1 to destroy." in shown
    assert rendered("apply", "--yes", "--allow-deletes", "1").code == 0
    assert rendered.team.listed("/assistants") == []


def test_one_assistant_can_be_rendered_among_others(project: Shell) -> None:
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", text.replace("    name: Tutor\n", "    name: Tutor\n    api: responses\n"))
    assert project("apply", "--yes").code == 0
    assert project.team.listed("/assistants") == []
    project.write("team.yaml", text.replace("    name: Tutor\n", "    name: Tutor\n    api: response\n"))
    refused = project("validate")
    assert refused.code == 1
    assert "responses" in refused.err


def test_a_file_of_another_stack_blocks(rendered: Shell) -> None:
    rendered("apply", "--yes")
    rendered.write("retinue.yaml", PROJECT.replace("stack: test", "stack: other"))
    done = rendered("plan")
    assert done.code == 4
    assert "belongs to the stack 'test'" in done.err


def test_an_id_of_nothing_is_refused_before_it_is_rendered(rendered: Shell) -> None:
    """Nobody else would check what stands in the lock file: a store of another account, or a typing mistake."""
    tools = "[{file_search: {vector_store: {id: vs_nope}}}, {code_interpreter: {files: [{id: file-nope}]}}]"
    rendered.write("team.yaml", f"assistants:\n  tutor: {{model: gpt-4o, tools: {tools}}}\n")
    done = rendered("apply", "--yes")
    assert done.code == 4
    assert "assistant.tutor (team.yaml:2) names the vector store 'vs_nope', which the account does not have" in done.err
    assert "assistant.tutor (team.yaml:2) names the file 'file-nope', which the account does not have" in done.err
    assert not (rendered.team.root / "retinue.lock.json").exists()
    store = rendered.team.send("post", "/vector_stores", {"name": "Kept elsewhere"})
    rendered.write("team.yaml", (rendered.team.root / "team.yaml").read_text().replace("vs_nope", store["id"]))
    done = rendered("plan")
    assert "names the vector store" not in done.out
    assert "names the file 'file-nope'" in done.out
