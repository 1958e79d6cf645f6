"""Saved agents, Agents API v1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai.types.beta import Agent

from tests.contract.conftest import Backend

Refuse = Callable[..., openai.APIStatusError]
MakeAgent = Callable[..., Agent]

BETA = {"OpenAI-Beta": "agents=v1"}
FUNCTION: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather.",
    "parameters": {"type": "object"},
}


def test_what_is_not_sent_is_resolved(make_agent: MakeAgent) -> None:
    agent = make_agent().to_dict()
    assert str(agent.pop("id")).startswith("agent_")
    assert agent.pop("created_at") == agent.pop("updated_at")
    assert agent == {
        "object": "agent",
        "name": None,
        "model": "gpt-6-astra",
        "instructions": None,
        "metadata": {},
        "tools": [],
        "reasoning": {"effort": "medium", "summary": None},
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "multi_agent": {"enabled": False, "max_concurrent_subagents": None},
        "service_tier": "auto",
        "compaction": {"async": False},
        "experimental": {"time_awareness": False},
    }


def test_what_is_sent_comes_back(client: openai.OpenAI, make_agent: MakeAgent) -> None:
    sent: dict[str, Any] = {
        "name": "Math Tutor",
        "instructions": "Be kind.",
        "metadata": {"team": "education"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "schema": {"type": "object"}}, "verbosity": "low"},
        "multi_agent": {"enabled": True, "max_concurrent_subagents": 2},
        "service_tier": "flex",
        "compaction": {"async": True},
        "experimental": {"time_awareness": True},
    }
    made = make_agent(**{**sent, "compaction": {"async_": True}})
    shown = made.to_dict()
    assert {name: shown[name] for name in sent} == sent
    assert client.beta.agents.retrieve(made.id) == made


def test_tools_come_back_in_order_with_their_defaults(make_agent: MakeAgent) -> None:
    agent = make_agent(
        tools=[
            FUNCTION,
            {**FUNCTION, "name": "wait", "async": True, "defer_loading": True},
            {"type": "tool_search"},
            {"type": "programmatic_tool_calling"},
            {"type": "web_search", "location": {"city": "Paris"}},
            {"type": "computer_use"},
            {"type": "automations"},
        ]
    ).to_dict()
    assert agent["tools"] == [
        {**FUNCTION, "defer_loading": False},
        {**FUNCTION, "name": "wait", "async": True, "defer_loading": True},
        {"type": "tool_search"},
        {"type": "programmatic_tool_calling", "enabled": True},
        {
            "type": "web_search",
            "allowed_domains": None,
            "context_size": "medium",
            "location": {"city": "Paris", "country": None, "region": None, "timezone": None},
            "mode": "live",
        },
        {"type": "computer_use", "include_screenshots": False},
        {"type": "automations"},
    ]


def test_mcp_servers_come_back_with_their_defaults(make_agent: MakeAgent) -> None:
    http = {"type": "http", "server_url": "https://mcp.example.com"}
    stdio = {"type": "stdio", "command": "serve", "cwd": "/workspace"}
    agent = make_agent(
        tools=[{"type": "mcp", "server_label": "a", "transport": each} for each in (http, stdio)]
    ).to_dict()
    defaults: dict[str, Any] = {
        "type": "mcp",
        "server_label": "a",
        "allowed_tools": None,
        "connection_origin": "service",
        "credential_id": None,
        "request_metadata": {},
        "required": False,
    }
    assert agent["tools"] == [
        {**defaults, "transport": {**http, "headers": {}}},
        {**defaults, "transport": {**stdio, "args": [], "env_vars": []}},
    ]


def test_subagents_are_six_unless_said_otherwise(make_agent: MakeAgent) -> None:
    assert make_agent(multi_agent={"enabled": True}).multi_agent.max_concurrent_subagents == 6


def test_an_update_changes_what_was_sent_and_nothing_else(client: openai.OpenAI, make_agent: MakeAgent) -> None:
    before = make_agent(name="Tutor", instructions="Be kind.", tools=[FUNCTION], metadata={"a": "1", "b": "1"})
    after = client.beta.agents.update(before.id, name="named")
    assert {**before.to_dict(), "name": "named", "updated_at": after.updated_at} == after.to_dict()
    assert client.beta.agents.update(before.id, metadata={"a": "2"}).metadata == {"a": "2"}
    assert [tool.type for tool in client.beta.agents.update(before.id, tools=[{"type": "automations"}]).tools] == [
        "automations"
    ]


def test_null_clears(client: openai.OpenAI, make_agent: MakeAgent) -> None:
    agent = make_agent(
        name="Tutor", instructions="Be kind.", tools=[FUNCTION], metadata={"a": "1"}, reasoning={"effort": "high"}
    )
    cleared = client.beta.agents.update(
        agent.id, name=None, instructions=None, tools=None, metadata=None, reasoning=None, compaction=None
    )
    assert cleared.name is None
    assert cleared.instructions is None
    assert cleared.tools == []
    assert cleared.metadata == {}
    assert cleared.reasoning.effort == "medium"


def test_experimental_settings_are_merged(client: openai.OpenAI, make_agent: MakeAgent) -> None:
    agent = make_agent(experimental={"time_awareness": True})
    merged = client.beta.agents.update(agent.id, experimental={})
    assert merged.experimental is not None
    assert merged.experimental.time_awareness is True


def test_names_are_not_unique_and_lists_have_pages(
    client: openai.OpenAI, make_agent: MakeAgent, lists_at_once: None
) -> None:
    ids = [make_agent(name="same").id for _ in range(3)]
    page = client.beta.agents.list(limit=2)
    assert [agent.id for agent in page.data] == ids[:0:-1]
    assert page.has_more
    assert [agent.id for agent in client.beta.agents.list(limit=1, order="asc")] == ids
    assert [agent.id for agent in client.beta.agents.list(after=ids[1], order="asc")] == ids[2:]


def test_a_deleted_agent_is_gone(client: openai.OpenAI, make_agent: MakeAgent, refusal: Refuse) -> None:
    agent = make_agent()
    deleted = client.beta.agents.delete(agent.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (agent.id, "agent.deleted", True)
    assert refusal(404, client.beta.agents.retrieve, agent.id).code == "not_found_error"
    refusal(404, client.beta.agents.update, agent.id, name="x")
    refusal(404, client.beta.agents.delete, agent.id)


def test_a_creation_answers_201(backend: Backend, has_agents: None) -> None:
    made = backend.http.post("/agents", json={"model": "gpt-6-astra"}, headers=BETA)
    assert made.status_code == 201
    assert backend.http.delete(f"/agents/{made.json()['id']}", headers=BETA).status_code == 200


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"model": ""}, "model"),
        ({"model": "m", "temperature": 1}, "temperature"),
        ({"model": "m", "description": "x"}, "description"),
        ({"model": "m", "name": "x" * 129}, "name"),
        ({"model": "m", "metadata": {"a": 1}}, "metadata.a"),
        ({"model": "m", "experimental": None}, "experimental"),
        ({"model": "m", "multi_agent": {}}, "multi_agent.enabled"),
        ({"model": "m", "reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"model": "m", "text": {"format": {"type": "json_object"}}}, "text.format.type"),
        ({"model": "m", "tools": [{"type": "file_search"}]}, "tools[0].type"),
        ({"model": "m", "tools": [{**FUNCTION, "strict": True}]}, "tools[0].strict"),
        ({"model": "m", "tools": [{"type": "function", "name": "f", "parameters": {}}]}, "tools[0].description"),
        (
            {
                "model": "m",
                "tools": [
                    {
                        "type": "mcp",
                        "server_label": "a",
                        "transport": {"type": "http", "server_url": "https://x", "authorization": "secret"},
                    }
                ],
            },
            "tools[0].transport.authorization",
        ),
    ],
)
def test_what_an_agent_cannot_be(backend: Backend, has_agents: None, body: dict[str, Any], param: str) -> None:
    refused = backend.http.post("/agents", json=body, headers=BETA)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == param
    assert refused.json()["error"]["code"]


def test_without_the_beta_header(backend: Backend, has_agents: None) -> None:
    refused = backend.http.get("/agents")
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "invalid_beta"
