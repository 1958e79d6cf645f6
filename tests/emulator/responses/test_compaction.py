"""A conversation is compacted into an item that stands for it, and goes on from there; what a model thinks is shown."""

from __future__ import annotations

import base64
import zlib

import pytest

from retinue.emulator.language_models.language_model import Message, ReasoningDelta, ToolCall, ToolOutput
from retinue.emulator.language_models.rehearsal import Rehearsal
from tests.emulator.responses.conftest import FUNCTION, Caller, OpenCaller, names
from tests.support.scripted_model import ScriptedModel, calls, says


def test_the_model_knows_what_was_compacted(open_caller: OpenCaller) -> None:
    model = ScriptedModel(calls(("look_up", '{"word": "a"}')), says("It is b."), says("Yes."), says("Still."))
    caller = open_caller(language_model=model)
    first = caller.ask("What is a?", tools=[FUNCTION])
    given = {"type": "function_call_output", "call_id": first["output"][0]["call_id"], "output": "b"}
    second = caller.ask([given], previous_response_id=first["id"])
    # As JSON: the SDK says that messages of the user are in it, and its types know none.
    made = caller.account.post("/responses/compact", model="gpt-4o", previous_response_id=second["id"])
    assert [each["type"] for each in made["output"]] == ["message", "compaction"]
    assert made["usage"]["input_tokens"] > 0
    items = made["output"]
    third = caller.ask([*items, {"role": "user", "content": "Sure?"}])
    caller.ask("Really?", previous_response_id=third["id"])
    known = model.prompts[-1].items
    assert [each.text for each in known if isinstance(each, Message)] == [
        *("What is a?", "It is b.", "Sure?", "Yes.", "Really?")
    ]
    assert [type(each) for each in known if not isinstance(each, Message)] == [ToolCall, ToolOutput]
    again = caller.account.post("/responses/compact", model="gpt-4o", input=items)
    assert again["output"][-1]["encrypted_content"] == items[-1]["encrypted_content"], "nothing is lost"
    only = caller.client.responses.compact(model="gpt-4o", input=items[-1:])
    assert [each.type for each in only.output] == ["compaction"]


def test_what_cannot_be_compacted_is_refused(open_caller: OpenCaller) -> None:
    caller = open_caller(language_model=ScriptedModel(calls(("look_up", "{}"))))
    waiting = caller.ask("What is a?", tools=[FUNCTION])
    for body, told in (
        ({"model": "gpt-4o", "previous_response_id": waiting["id"]}, "No tool output found for function call"),
        ({"input": "Hi"}, "'model'"),
        ({"model": "gpt-4o"}, "must be provided"),
        ({"model": "gpt-4o", "previous_response_id": "resp_none"}, "not found"),
    ):
        status, error = caller.refuse("/responses/compact", **body)
        assert status == 400
        assert told in error["message"]


@pytest.mark.parametrize(
    "content",
    ["nonsense", "bm9uc2Vuc2U=", *(base64.b64encode(zlib.compress(each)).decode() for each in (b"{}", b"[1]", b"x"))],
)
def test_an_item_of_somebody_elses_is_refused(open_caller: OpenCaller, content: str) -> None:
    caller = open_caller(language_model=ScriptedModel())
    item = {"type": "compaction", "encrypted_content": content}
    for path, body in (("/responses", {"model": "gpt-4o", "input": [item]}), ("/conversations", {"items": [item]})):
        status, error = caller.refuse(path, **body)
        assert (status, "could not be verified" in error["message"]) == (400, True), (path, content)


@pytest.mark.parametrize("summary", [None, "auto"])
def test_what_a_model_thinks_is_shown_or_summarised(open_caller: OpenCaller, summary: str | None) -> None:
    model = ScriptedModel([ReasoningDelta("Hm, "), ReasoningDelta("well."), *says("Yes.")])
    caller = open_caller(language_model=model)
    events = caller.stream("Is it?", reasoning={"summary": summary})
    item = events[-1]["response"]["output"][0]
    name = "reasoning_summary" if summary else "reasoning"
    assert f"{name}_text.delta" in names(events)
    assert [each["text"] for each in item["summary" if summary else "content"]] == ["Hm, well."]
    assert base64.b64decode(item["encrypted_content"]) == b"Hm, well."
    sent_back = caller.client.responses.input_tokens.count(model="gpt-4o", input=[item])
    assert sent_back.input_tokens >= 0


def test_the_rehearsal_model_thinks_when_it_is_to(open_caller: OpenCaller) -> None:
    caller: Caller = open_caller(language_model=Rehearsal())
    thinking = caller.ask("Hello.", reasoning={"effort": "low"})
    assert [each["type"] for each in thinking["output"]] == ["reasoning", "message"]
    assert thinking["output"][0]["content"][0]["text"] == "[rehearsal] Nothing is thought here."
    assert thinking["usage"]["output_tokens_details"]["reasoning_tokens"] > 0
    assert [each["type"] for each in caller.ask("Hello.", reasoning={"effort": "none"})["output"]] == ["message"]
