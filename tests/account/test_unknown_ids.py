"""An id that the account does not have is told by the plan, whatever it is an id of; one that it has is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.team import Team

DECLARED = {
    "vector store": "assistants: {a: {model: gpt-4o, tools: [{file_search: {vector_store: {id: ID}}}]}}",
    "file of a store": "vector_stores: {v: {files: [{id: ID}]}}",
    "file of a tool": "assistants: {a: {model: gpt-4o, tools: [{code_interpreter: {files: [{id: ID}]}}]}}",
    "agent": "automations: {n: {name: n, agent: {id: ID}, expression: '0 9 * * *', timezone: UTC, input: Go., "
    "environment: {type: openai_hosted}}}",
    "vault": "credentials: {c: {vault: {id: ID}, name: c, auth: {type: static_bearer, "
    "mcp_server_url: 'https://a.example', token: x}}}",
    "skill": "environment_templates: {t: {name: t, skills: [{id: ID}]}}",
}
IDS = {"agent": "agent_1", "vault": "vault_1", "skill": "skill_1", "vector store": "vs_1"}


@pytest.mark.parametrize("what", DECLARED)
def test_an_unknown_id_blocks_the_plan(tmp_path: Path, what: str) -> None:
    team = Team(tmp_path, checked=False)
    team.write("a.yaml", DECLARED[what].replace("ID", IDS.get(what, "file-1")) + "\n")
    (block,) = team.plan().blocks
    assert block.code == "unknown-id"
    assert IDS.get(what, "file-1") in block.message
    assert "a.yaml:1" in block.message


def test_an_id_that_is_there_blocks_nothing(tmp_path: Path) -> None:
    team = Team(tmp_path, checked=False)
    store = team.send("post", "/vector_stores", {"name": "theirs"})["id"]
    team.write("a.yaml", DECLARED["vector store"].replace("ID", str(store)) + "\n")
    assert not team.plan().blocks
    assert team.apply().converged
    team.calls.clear()
    assert not team.plan().blocks
    assert not [call for call in team.calls if str(store) in call]  # it is in the list


def test_many_objects_ask_for_one_id_once(tmp_path: Path) -> None:
    team = Team(tmp_path, checked=False)
    named = "{model: gpt-4o, tools: [{file_search: {vector_store: {id: vs_1}}}]}"
    team.write("a.yaml", "assistants:\n" + "".join(f"  a{number}: {named}\n" for number in range(20)))
    assert len(team.plan().blocks) == 20
    assert team.calls.count("GET /vector_stores/vs_1") == 1


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("2;s=other;a=assistant.x;f=;z", None),
        ("1;s=other;a=broken", None),
        ("2;s=test;a=assistant.x;f=;z", "unreadable-tag"),
        ("1;s=te", None),
        ("about test", None),
        ("rubbish", None),
        ("{}", None),
        ("1;s=testing", None),
    ],
)
def test_a_tag_that_cannot_be_read_stops_the_stack_that_it_can_belong_to(
    tmp_path: Path, tag: str, code: str | None
) -> None:
    team = Team(tmp_path)
    team.write("a.yaml", "assistants: {a: {model: gpt-4o}}\n")
    team.apply()
    team.send("post", "/assistants", {"model": "gpt-4o", "metadata": {"retinue": tag}})
    assert [each.code for each in team.plan().blocks] == ([code] if code else [])
    assert ("unreadable-tag" in [each.code for each in team.plan().warnings]) is (code is None and ";a=" not in tag)
    # What is about to be created may be there already, under a tag that nobody can read.
    team.write("a.yaml", "assistants: {a: {model: gpt-4o}, b: {model: gpt-4o}}\n")
    expected = "unreadable-tag" if tag in ("1;s=te", "about test") else code
    assert [each.code for each in team.plan().blocks] == ([expected] if expected else [])
