"""A bundle is tried offline by the program that will use it online: the same arguments, against the local account."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest

from retinue.emulator.server.transport import LocalTransport
from retinue.providers.bundle.reader import bundle
from tests.bundles.test_rendering import lock
from tests.support.description import CheckedTransport, find_description
from tests.support.scripted_model import Ran, ScriptedModel, ScriptedSandbox, calls, says
from tests.support.team import Team

CODE = "print(2 / 3)"


def open_client(team: Team, **options: Any) -> tuple[openai.OpenAI, httpx2.BaseTransport]:
    transport: httpx2.BaseTransport = LocalTransport(team.root / ".retinue/local", **options)
    description = find_description()
    judge = transport if description is None else CheckedTransport(transport, description)
    http = httpx2.Client(transport=judge, base_url="http://local.invalid/v1")
    base_url = str(http.base_url)
    client = openai.OpenAI(
        base_url=base_url, api_key="local", http_client=http, max_retries=0, _strict_response_validation=True
    )
    return client, judge


@pytest.fixture
def applied(team: Team) -> Team:
    """Without web search, which the local account does not have."""
    declared = (team.root / "team.yaml").read_text(encoding="utf-8")
    team.write("team.yaml", declared.replace(", tools: [{type: web_search}]", ""))
    team.apply()
    return team


def test_every_bundle_can_be_asked(applied: Team) -> None:
    """The answer, and the response that is looked up, show the arguments as they were given, with what is filled in."""
    client, judge = open_client(applied)
    with client:
        for entry in lock(applied)["assistants"].values():
            arguments = entry["arguments"]
            response = client.responses.create(**arguments, input="How long may a refund take?")
            assert response.status == "completed", response.error
            shown = response.to_dict()
            for name in ("model", "instructions", "temperature", "top_p", "metadata"):
                assert name not in arguments or shown[name] == arguments[name]
            for asked, tool in zip(arguments["tools"], shown["tools"], strict=True):
                assert {**tool, **asked} == tool
    if isinstance(judge, CheckedTransport):
        judge.check()


def test_a_program_answers_functions_and_streams(applied: Team) -> None:
    """The whole loop of an application, as it is written for the service."""
    arguments = bundle("desk", lock=applied.root / "retinue.lock.json")
    model = ScriptedModel(
        calls(("file_search", '{"queries": ["refunds"]}'), ("code_interpreter", json.dumps({"code": CODE}))),
        calls(("get_weather", '{"city": "Lisbon"}'), ("stop", "{}")),
        says('{"b": 1,', ' "a": 2}'),
    )
    client, judge = open_client(applied, language_model=model, sandbox=ScriptedSandbox({CODE: Ran("0.67")}))
    with client:
        conversation = client.conversations.create().id
        said: Any = "What is two thirds?"
        for _ in range(2):
            with client.responses.stream(**arguments, input=said, conversation=conversation) as stream:
                for _event in stream:
                    pass
                final = stream.get_final_response()
            wanted = [each for each in final.output if each.type == "function_call"]
            said = [{"type": "function_call_output", "call_id": each.call_id, "output": "sunny"} for each in wanted]
        assert json.loads(final.output_text) == {"b": 1, "a": 2}
        items = [each.type for each in client.conversations.items.list(conversation, order="asc")]
    assert items == [
        *("message", "file_search_call", "code_interpreter_call", "function_call", "function_call"),
        *("function_call_output", "function_call_output", "message"),
    ]
    if isinstance(judge, CheckedTransport):
        judge.check()


def test_what_the_local_account_has_not_is_refused_clearly(team: Team) -> None:
    team.apply()
    client, _ = open_client(team)
    with client, pytest.raises(openai.BadRequestError, match="Tool of type 'web_search' is not supported"):
        client.responses.create(**lock(team)["assistants"]["desk"]["arguments"], input="Hello.")
