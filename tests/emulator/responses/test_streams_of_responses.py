"""What happens in a response is told in the order of the published events, each as soon as it happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from retinue.emulator.language_models.language_model import (
    CallDelta,
    Finish,
    Message,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Usage,
)
from retinue.emulator.server.loopback import running_server
from retinue.emulator.server.transport import LocalTransport
from tests.emulator.conftest import HEADERS
from tests.emulator.responses.conftest import FUNCTION, Caller, Event, OpenCaller, names, read_events
from tests.emulator.threads.conftest import strict_client
from tests.support.description import ABSENT, find_description
from tests.support.scripted_model import UNTIL_STOPPED, Gate, Scripted, ScriptedModel, calls, says

MESSAGE = [
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
]
CALL = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
BEGUN = ["created", "in_progress"]


def test_a_message_is_told_in_the_published_order(open_caller: OpenCaller) -> None:
    caller = open_caller(language_model=ScriptedModel(says("Good", " day.")))
    events = caller.stream("Hello.")
    assert names(events) == [*BEGUN, *MESSAGE, "completed"]
    response = events[-1]["response"]
    (message,) = response["output"]
    assert caller.account.get(f"/responses/{response['id']}") == response
    assert [each["response"]["status"] for each in (*events[:2], events[-1])] == [
        "in_progress",
        "in_progress",
        "completed",
    ]
    told = events[2:-1]
    assert told[0]["item"] == {**message, "status": "in_progress", "content": []}
    assert {each["output_index"] for each in told} == {0}
    assert {each["item_id"] for each in told if "item_id" in each} == {message["id"]}
    assert "".join(each["delta"] for each in told if "delta" in each) == told[-3]["text"] == "Good day."
    assert told[-2]["part"] == message["content"][0]
    assert told[-1]["item"] == message


def test_calls_of_functions_are_told_one_after_the_other(open_caller: OpenCaller) -> None:
    model = ScriptedModel((TextDelta("Wait."), *calls(("look_up", '{"word": "a"}'), ("look_up", "{}"))))
    events = open_caller(language_model=model).stream("Look.", tools=[FUNCTION])
    assert names(events) == [*BEGUN, *MESSAGE, *CALL, *CALL, "completed"]
    assert [each["output_index"] for each in events if "output_index" in each] == sorted(
        each["output_index"] for each in events if "output_index" in each
    )
    done = [each for each in events if each["type"] == "response.function_call_arguments.done"]
    assert [(each["name"], each["arguments"]) for each in done] == [("look_up", '{"word": "a"}'), ("look_up", "{}")]


def test_a_refusal_is_a_part_of_its_own(open_caller: OpenCaller) -> None:
    model = ScriptedModel((TextDelta("Well."), RefusalDelta("I can"), RefusalDelta("not."), Finish("stop")))
    events = open_caller(language_model=model).stream("Hello.")
    refused = ["content_part.added", "refusal.delta", "refusal.done", "content_part.done"]
    assert names(events) == [*BEGUN, *MESSAGE[:-1], *refused, "output_item.done", "completed"]
    assert events[-1]["response"]["output"][0]["content"][1] == {"type": "refusal", "refusal": "I cannot."}


def test_what_the_model_thinks_is_an_item_of_its_own(open_caller: OpenCaller) -> None:
    """And nothing of it is said to the model again."""
    model = ScriptedModel((ReasoningDelta("Hm"), ReasoningDelta("…"), *says("Yes.")), says("No."))
    caller = open_caller(language_model=model)
    events = caller.stream("Hello.")
    thought = ["content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done"]
    assert names(events) == [*BEGUN, "output_item.added", *thought, "output_item.done", *MESSAGE, "completed"]
    reasoning, message = events[-1]["response"]["output"]
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "Hm…"}]
    assert caller.text("Sure?", previous_response_id=events[-1]["response"]["id"]) == "No."
    assert [each.text for each in model.prompts[1].items if isinstance(each, Message)] == ["Hello.", "Yes.", "Sure?"]
    assert message["type"] == "message"


def test_an_answer_without_a_word_has_an_empty_text(open_caller: OpenCaller) -> None:
    events = open_caller(language_model=ScriptedModel((Finish("stop"),))).stream("Hello.")
    silent = [each for each in MESSAGE if each != "output_text.delta"]
    assert names(events) == [*BEGUN, *silent, "completed"]


def test_what_is_cut_off_is_told_as_incomplete(open_caller: OpenCaller) -> None:
    cut = (*calls(("look_up", '{"a"'))[:-1], Finish("length"))
    events = open_caller(language_model=ScriptedModel(cut)).stream("Look.", tools=[FUNCTION])
    told = [*BEGUN, "output_item.added", "function_call_arguments.delta", "output_item.done", "incomplete"]
    assert names(events) == told
    assert events[-2]["item"]["status"] == "incomplete"


@pytest.fixture(params=["in process", "over a socket"])
def slow(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[openai.OpenAI, Gate]]:
    """The SDK's client of an account whose model waits for the test after its first word."""
    gate = Gate()
    model = ScriptedModel((TextDelta("One"), gate, *says(" two")))
    if request.param == "in process":
        transport = LocalTransport(tmp_path / "account", language_model=model)
        with httpx2.Client(transport=transport, base_url="http://local.invalid/v1", headers=HEADERS) as http:
            yield strict_client(http), gate
    else:
        with (
            running_server(tmp_path / "account", language_model=model) as base_url,
            httpx2.Client(base_url=base_url, headers=HEADERS, timeout=60, verify=False) as http,
        ):
            yield strict_client(http), gate


def test_the_first_word_comes_before_the_last_is_made(slow: tuple[openai.OpenAI, Gate]) -> None:
    client, gate = slow
    with client.responses.stream(model="gpt-4o", input="Hello.") as stream:
        heard = ""
        for event in stream:
            if event.type == "response.output_text.delta":
                heard += event.delta
                if event.delta == "One":
                    gate.wait()
                    gate.open()
        assert heard == "One two"
        assert stream.get_final_response().output_text == "One two"


def test_who_leaves_a_stream_ends_the_response(open_caller: OpenCaller) -> None:
    caller = open_caller(language_model=ScriptedModel((TextDelta("One"), TextDelta("two"), UNTIL_STOPPED)))
    # Not through the judge, which reads streams to their ends.
    transport = caller.account.http._transport
    inner = getattr(transport, "inner", transport)
    with (
        httpx2.Client(transport=inner, base_url="http://local.invalid/v1", headers=HEADERS) as http,
        http.stream("POST", "/responses", json={"model": "gpt-4o", "input": "x", "stream": True}) as response,
    ):
        lines = response.iter_lines()
        made = next(line for line in lines if "resp_" in line).split('"id":"')[1].split('"')[0]
        assert any("delta" in line for line in lines)
        response.close()
        found: Any = {"status": "in_progress"}
        while found["status"] == "in_progress":
            found = http.get(f"/responses/{made}").json()
    assert found["status"] == "cancelled"


def test_who_leaves_instead_of_waiting_ends_the_response(tmp_path: Path) -> None:
    """The conversation is free again."""
    gate = Gate()
    transport = LocalTransport(tmp_path, language_model=ScriptedModel((gate, UNTIL_STOPPED), says("Free.")))
    with httpx2.Client(transport=transport, base_url="http://local.invalid/v1", headers=HEADERS) as http:
        asked = {"model": "gpt-4o", "input": "x", "conversation": http.post("/conversations", json={}).json()["id"]}
        with http.stream("POST", "/responses", json=asked) as response:
            gate.wait()
            gate.open()
            response.close()
        answer = http.post("/responses", json=asked)
        while answer.status_code == 400 and answer.json()["error"]["code"] == "conversation_locked":
            answer = http.post("/responses", json=asked)
        assert answer.json()["status"] == "completed"


def judged(events: list[Event]) -> list[Event]:
    """Streams of a response that is asked for again are not described, but their events are."""
    description = find_description() or pytest.skip(ABSENT)
    text = "".join(f"data: {httpx2.Response(200, json=each).text}\n\n" for each in events)
    assert description.check_events("POST", "/responses", text) == []
    return events


def test_a_stream_in_the_background_can_be_taken_up_again(open_caller: OpenCaller) -> None:
    """From any event on."""
    caller = open_caller(language_model=ScriptedModel(says("One", " two")))
    whole = judged(caller.stream("Hello.", background=True))
    assert names(whole) == ["created", "queued", "in_progress", *MESSAGE, "completed"]
    response = whole[0]["response"]["id"]
    for after in (0, 3, len(whole) - 2):
        again = caller.client.responses.retrieve(response, stream=True, starting_after=after)
        assert [each.sequence_number for each in again] == list(range(after + 1, len(whole)))
    told = caller.account.http.get(f"/responses/{response}", params={"stream": "true"}).text
    assert read_events(told) == whole


def test_only_a_stream_in_the_background_can_be_taken_up_again(caller: Caller) -> None:
    for made in (caller.ask("Hello."), caller.ask("Hello.", background=True)):
        refused = caller.account.http.get(f"/responses/{made['id']}", params={"stream": "true"})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "stream")


def test_a_stream_is_taken_up_while_it_goes_on(tmp_path: Path) -> None:
    gate = Gate()
    model = ScriptedModel((TextDelta("One"), gate, *says(" two")))
    transport = LocalTransport(tmp_path / "account", language_model=model)
    with httpx2.Client(transport=transport, base_url="http://local.invalid/v1", headers=HEADERS) as http:
        client = strict_client(http)
        first = client.responses.create(model="gpt-4o", input="Hello.", background=True, stream=True)
        seen = [next(iter(first))]
        gate.wait()
        again = client.responses.retrieve(seen[0].response.id, stream=True, starting_after=2)  # type: ignore[union-attr]
        heard = [next(iter(again))]
        gate.open()
        heard += list(again)
        seen += list(first)
    assert heard == [each for each in seen if each.sequence_number > 2]
    assert heard[-1].type == "response.completed"


def test_the_sdk_puts_a_stream_together(caller: Caller) -> None:
    with caller.client.responses.stream(
        model="gpt-4o",
        input='call look_up {"word": "a"}',
        tools=[{**FUNCTION, "type": "function"}],  # type: ignore[list-item]
    ) as stream:
        for event in stream:
            if event.type == "response.function_call_arguments.delta":
                assert '{"word": "a"}'.startswith(event.snapshot)
        final = stream.get_final_response()
    assert final.output[0].type == "function_call"
    assert final.output[0].arguments == '{"word": "a"}'


def test_what_is_said_behind_a_call_is_a_message_of_its_own(open_caller: OpenCaller) -> None:
    """As some models do behind endpoints; so is a thought in the middle of a text, which does not cut it in two."""
    finish = Finish("tool_calls", Usage(1, 1))
    call = CallDelta(0, "{}", "call_0", "look_up")
    said: list[Scripted] = [TextDelta("Be"), ReasoningDelta("Hm."), TextDelta("fore."), call, TextDelta("Behind.")]
    caller = open_caller(language_model=ScriptedModel([*said, finish]))
    events = caller.stream("Go.", tools=[FUNCTION])
    output = events[-1]["response"]["output"]
    assert [each["type"] for each in output] == ["message", "function_call", "message"]
    assert [output[at]["content"][0]["text"] for at in (0, 2)] == ["Before.", "Behind."]
    done = [each["item"]["id"] for each in events if each["type"] == "response.output_item.done"]
    assert done == [each["id"] for each in output]
