"""The SDK's types, in strict mode, know all that is shown: every event, every item, every member."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.conversations import ConversationItem
from openai.types.responses import Response, ResponseItem, ResponseStreamEvent

from retinue.emulator.language_models.language_model import ModelError, ReasoningDelta, RefusalDelta, TextDelta
from tests.emulator.responses.conftest import FUNCTION, OpenCaller
from tests.support.scripted_model import Ran, ScriptedModel, ScriptedSandbox, Written, calls, says
from tests.support.sdk_types import problems

CODE = "draw()"
INCLUDE = ["file_search_call.results", "code_interpreter_call.outputs"]
PUBLISHED = {
    "event": "response.function_call_arguments.done: 'name' is not known",
    "response": "response: 'store' is not known",
}
"""What the types do not know, and the published description or its examples have."""

ANSWERS: dict[str, list[Any]] = {
    "says": [says("Good", " day.")],
    "thinks": [(ReasoningDelta("Hm."), *says("Yes."))],
    "refuses": [(RefusalDelta("No."), *says())],
    "calls a function": [calls(("look_up", "{}"))],
    "searches": [calls(("file_search", '{"queries": ["refunds"]}')), says("See 【1:0†a.md】.")],
    "runs code": [
        calls(("code_interpreter", json.dumps({"code": CODE}))),
        says("See [it](sandbox:/mnt/data/plot.png)."),
    ],
    "fails": [(TextDelta("Wel"), ModelError("too many questions", code="rate_limit_exceeded"))],
    "is cut off": [(TextDelta("Wel"), *calls(("look_up", '{"a"'))[:-1], says()[-1])],
}


@pytest.mark.parametrize("what", ANSWERS)
@pytest.mark.parametrize("background", [False, True])
def test_the_types_know_everything(open_caller: OpenCaller, what: str, background: bool) -> None:
    sandbox = ScriptedSandbox({CODE: Ran("drawn", (Written("plot.png", b"\x89PNG", "image/png"),))})
    caller = open_caller(language_model=ScriptedModel(*ANSWERS[what]), sandbox=sandbox)
    store = caller.account.add_store(("a.md", b"Refunds take five days."), name="Handbook")
    tools = [
        {"type": "file_search", "vector_store_ids": [store]},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        FUNCTION,
    ]
    conversation = caller.account.post("/conversations")["id"]
    options = {"tools": tools, "include": INCLUDE, "background": background, "reasoning": {"summary": "auto"}}
    events = caller.stream("Hello.", conversation=conversation, **options)
    unknown = [each for event in events for each in problems(ResponseStreamEvent, event["type"], event)]
    assert set(unknown) <= {PUBLISHED["event"]}
    response = caller.account.get(f"/responses/{events[0]['response']['id']}")
    assert problems(Response, "response", response) == [PUBLISHED["response"]]
    listed = caller.account.get(f"/responses/{response['id']}/input_items")["data"]
    assert [each for item in listed for each in problems(ResponseItem, "input item", item)] == []
    assert [each for item in caller.items(conversation) for each in problems(ConversationItem, "item", item)] == []
    if response["status"] == "completed":
        assert len(caller.items(conversation)) == 1 + len(response["output"])
