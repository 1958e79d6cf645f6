"""Automations, Agents API v1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai.types.beta import Agent
from openai.types.beta.agents import Automation

from tests.contract.conftest import Backend

Refuse = Callable[..., openai.APIStatusError]
MakeAutomation = Callable[..., Automation]

BETA = {"OpenAI-Beta": "agents=v1"}
INPUT: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "input_text", "text": "Report."}]}]
INLINE: Any = {
    "type": "new_session",
    "agent": {"model": "gpt-6-astra"},
    "environment": {"type": "none"},
    "input": INPUT,
}
DAILY: Any = {
    "type": "periodic",
    "name": "Daily",
    "expression": "0 10 * * MON-FRI",
    "timezone": "America/New_York",
    "target": INLINE,
}
FAR = 4_000_000_000


@pytest.fixture
def make_automation(client: openai.OpenAI, has_agents: None) -> Iterator[MakeAutomation]:
    made: list[Automation] = []

    def make(**sent: Any) -> Automation:
        made.append(client.beta.agents.automations.create(**{**DAILY, **sent}))
        return made[-1]

    yield make
    for automation in made:
        client.beta.agents.automations.delete(automation.id)


def test_an_automation_begins_active(
    client: openai.OpenAI, make_automation: MakeAutomation, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent()
    target = {key: INLINE[key] for key in ("type", "environment", "input")} | {"agent_id": agent.id}
    made = make_automation(target=target, metadata={"a": "1"})
    shown = made.to_dict()
    assert isinstance(shown.pop("id"), str)
    assert isinstance(shown.pop("created_at"), int)
    assert shown == {
        "object": "agent.automation",
        "type": "periodic",
        "name": "Daily",
        "expression": "0 10 * * MON-FRI",
        "timezone": "America/New_York",
        "status": "active",
        "pause_reason": None,
        "created_by": {"type": "developer"},
        "metadata": {"a": "1"},
        "target": {
            "type": "new_session",
            "agent": None,
            "agent_id": agent.id,
            "environment": {"type": "none"},
            "input": [{**INPUT[0], "type": "message"}],
            "metadata": {},
            "vault_ids": [],
        },
    }
    assert client.beta.agents.automations.retrieve(made.id) == made


def test_a_target_is_resolved_and_keeps_no_secret(client: openai.OpenAI, make_automation: MakeAutomation) -> None:
    server = {"type": "http", "server_url": "https://x.com", "authorization": "secret-1", "headers": {"a": "secret-2"}}
    hosted = {"type": "openai_hosted", "env": {"A": "secret-3"}, "packages": {"npm": ["x"]}, "container_size": "small"}
    agent = {
        "model": "gpt-6-astra",
        "tools": [{"type": "tool_search"}, {"type": "mcp", "server_label": "a", "transport": server}],
    }
    target = make_automation(target={**INLINE, "agent": agent, "environment": hosted}).to_dict()["target"]
    assert isinstance(target, dict)
    assert "secret" not in str(target)
    assert target["agent"]["reasoning"] == {"effort": "medium", "summary": None}
    assert [tool["type"] for tool in target["agent"]["tools"]] == ["mcp"]
    assert target["environment"] == {
        "type": "openai_hosted",
        "capability_directories": None,
        "container_size": "small",
        "desktop": None,
        "environment_id": None,
        "environment_template_id": None,
        "files": None,
        "network": None,
        "packages": {"npm": ["x"], "python": [], "system": []},
        "plugins": None,
        "skills": None,
    }


def test_an_update_replaces_target_and_metadata_whole(client: openai.OpenAI, make_automation: MakeAutomation) -> None:
    automations, made = client.beta.agents.automations, make_automation(metadata={"a": "1"})
    self_hosted = {"type": "self_hosted", "workspace_directory": "/src"}
    target: Any = {**INLINE, "environment": self_hosted}
    after = automations.update(
        made.id,
        name="Hourly",
        expression="0 * * * *",
        timezone="UTC",
        metadata={"b": "1"},
        target=target,
    )
    shown = after.to_dict()
    assert (shown["name"], shown["expression"], shown["timezone"]) == ("Hourly", "0 * * * *", "UTC")
    assert shown["metadata"] == {"b": "1"}
    assert isinstance(shown["target"], dict)
    assert shown["target"]["environment"] == {**self_hosted, "environment_id": None, "capability_directories": []}


def test_pause_and_resume(client: openai.OpenAI, make_automation: MakeAutomation) -> None:
    automations, made = client.beta.agents.automations, make_automation()
    assert automations.pause(made.id).status == "paused"
    assert automations.pause(made.id).status == "paused"
    assert automations.retrieve(made.id).status == "paused"
    assert automations.resume(made.id) == made


def test_a_one_time_automation(client: openai.OpenAI, has_agents: None) -> None:
    automations = client.beta.agents.automations
    made = automations.create(type="once", name="Once", run_at=FAR, target=INLINE)
    assert made.type == "once"
    assert made.run_at == FAR
    assert automations.update(made.id, run_at=FAR + 1).to_dict()["run_at"] == FAR + 1
    assert automations.delete(made.id).object == "agent.automation.deleted"


def test_nothing_has_been_invoked(
    client: openai.OpenAI, make_automation: MakeAutomation, lists_at_once: None, refusal: Refuse
) -> None:
    made = make_automation()
    assert client.beta.agents.automations.invocations.list(made.id).data == []
    assert client.beta.agents.automations.list(session_id="session_x").data == []
    assert [each.id for each in client.beta.agents.automations.list()] == [made.id]
    assert refusal(404, client.beta.agents.automations.invocations.list, "automation_x").code == "not_found_error"


ONCE: Any = {"type": "once", "name": "x", "run_at": FAR, "target": INLINE}


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({**DAILY, "expression": "@daily"}, 400, "expression"),
        ({**DAILY, "timezone": "Mars/Olympus"}, 400, "timezone"),
        ({**DAILY, "run_at": FAR}, 400, "run_at"),
        ({**ONCE, "expression": "* * * * *"}, 400, "expression"),
        ({**ONCE, "run_at": 1}, 400, "run_at"),
        ({"type": "once", "name": "x", "target": INLINE}, 400, "run_at"),
        ({**DAILY, "type": "never"}, 400, "type"),
        ({**DAILY, "status": "paused"}, 400, "status"),
        ({**DAILY, "metadata": None}, 400, "metadata"),
        ({**DAILY, "name": ""}, 400, "name"),
        ({**DAILY, "target": {**INLINE, "agent_id": "agent_x"}}, 400, "target.agent_id"),
        ({**DAILY, "target": {**INLINE, "agent": {}}}, 400, "target.agent.model"),
        ({**DAILY, "target": {**INLINE, "vault_ids": ["vault_x"]}}, 404, None),
        (
            {
                **DAILY,
                "target": {
                    **INLINE,
                    "environment": {"type": "openai_hosted", "environment_template_id": "envtmpl_x"},
                },
            },
            404,
            None,
        ),
        (
            {**DAILY, "target": {"type": "existing_session", "session_id": "s", "instructions": "Go."}},
            404,
            "target.session_id",
        ),
    ],
)
def test_what_an_automation_cannot_be(
    backend: Backend, has_agents: None, body: dict[str, Any], status: int, param: str | None
) -> None:
    refused = backend.http.post("/agents/automations", json=body, headers=BETA)
    assert (refused.status_code, refused.json()["error"]["param"]) == (status, param)


def test_what_an_automation_cannot_become(backend: Backend, make_automation: MakeAutomation) -> None:
    made = make_automation()
    existing = {"type": "existing_session", "session_id": "s", "instructions": "Go."}
    for body, param in (({"run_at": FAR}, "run_at"), ({"target": existing}, "target.type"), ({"type": "once"}, "type")):
        refused = backend.http.post(f"/agents/automations/{made.id}", json=body, headers=BETA)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
