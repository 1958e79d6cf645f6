"""What who follows a run is told, and in which order: that of the examples in the published description."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.types.beta import AssistantStreamEvent

from retinue.emulator.language_models.language_model import ModelError, TextDelta
from tests.emulator.threads.conftest import Desk, Event, OpenDesk, names, read_events
from tests.support.description import ABSENT, find_description, read_documents
from tests.support.scripted_model import Scripted, ScriptedModel, calls, says
from tests.support.sdk_types import problems

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
    },
}
ARGUMENTS = '{"location":"San Francisco, CA"}'


SCHEMAS = {
    "thread": "ThreadObject",
    "thread.run": "RunObject",
    "thread.run.step": "RunStepObject",
    "thread.message": "MessageObject",
}


def published(path: str, title: str) -> list[str]:
    """The names of the events of an example, deltas that follow each other told once."""
    documents = read_documents() or pytest.skip(ABSENT)
    examples = documents[0]["paths"][path]["post"]["x-oaiMeta"]["examples"]
    told = next(each["response"] for each in examples if each["title"] == title)
    found = [line.removeprefix("event: ") for line in told.splitlines() if line.startswith("event: ")]
    return [each for at, each in enumerate(found) if not (each.endswith(".delta") and each == found[at - 1])]


def check_types(events: list[Event]) -> None:
    """Every event is one of those that the SDK knows, whole, and has an object of the published description."""
    description = find_description()
    for name, data in events[:-1]:
        assert problems(AssistantStreamEvent, name, {"event": name, "data": data}) == []
        schema = SCHEMAS.get(data["object"])
        if description is not None and schema is not None:
            assert description.check_object(schema, data) == []
    assert events[-1] == ("done", "[DONE]")


def test_a_run_that_says_something(open_desk: OpenDesk) -> None:
    desk = open_desk(language_model=ScriptedModel(says("Hello", "!")))
    thread, assistant = desk.add_thread("Hi"), desk.add_assistant()
    events = desk.stream(f"/threads/{thread}/runs", assistant_id=assistant)
    assert names(events) == published("/threads/{thread_id}/runs", "Streaming")
    check_types(events)


def test_a_run_that_begins_with_its_thread(open_desk: OpenDesk) -> None:
    desk = open_desk(language_model=ScriptedModel(says("Hello", "!")))
    messages = [{"role": "user", "content": "Hi"}]
    events = desk.stream("/threads/runs", assistant_id=desk.add_assistant(), thread={"messages": messages})
    assert names(events) == published("/threads/runs", "Streaming")
    check_types(events)


def test_a_run_that_calls_a_function_and_goes_on(open_desk: OpenDesk) -> None:
    model = ScriptedModel(calls(("get_current_weather", ARGUMENTS)), says("It is", " sunny."))
    desk = open_desk(language_model=model)
    body = {"assistant_id": desk.add_assistant(tools=[WEATHER]), "thread": {"messages": []}}
    events = desk.stream("/threads/runs", **body)
    assert names(events) == published("/threads/runs", "Streaming with Functions")
    check_types(events)
    run = events[-2][1]
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert call["function"] == {"name": "get_current_weather", "arguments": ARGUMENTS}
    outputs = [{"tool_call_id": call["id"], "output": "70 degrees and sunny."}]
    path = f"/threads/{run['thread_id']}/runs/{run['id']}/submit_tool_outputs"
    more = desk.stream(path, tool_outputs=outputs)
    assert names(more) == published("/threads/{thread_id}/runs/{run_id}/submit_tool_outputs", "Streaming")
    check_types(more)
    assert more[0][1]["step_details"]["tool_calls"][0]["function"]["output"] == "70 degrees and sunny."


def test_what_the_deltas_add_up_to_is_what_is_stored(desk: Desk) -> None:
    """As the SDK adds them up."""
    thread = desk.add_thread("Say something.")
    with desk.client.beta.threads.runs.stream(thread_id=thread, assistant_id=desk.add_assistant()) as stream:
        words = list(stream.text_deltas)
        (message,) = stream.get_final_messages()
    assert len(words) > 3
    assert "".join(words) == desk.said(thread)[0]
    assert message.to_dict() == desk.account.get(f"/threads/{thread}/messages/{message.id}")


def test_the_handler_of_the_sdk_hears_everything(open_desk: OpenDesk) -> None:
    class Handler(openai.AssistantEventHandler):
        def __init__(self) -> None:
            super().__init__()
            self.heard: list[str] = []

        def on_text_created(self, text: Any) -> None:
            self.heard.append("text")

        def on_text_done(self, text: Any) -> None:
            self.heard.append(f"said {text.value}")

        def on_tool_call_created(self, tool_call: Any) -> None:
            self.heard.append(f"{tool_call.type} {tool_call.function.name}")

        def on_tool_call_done(self, tool_call: Any) -> None:
            self.heard.append(f"called {tool_call.function.arguments}")

    model = ScriptedModel(calls(("get_current_weather", ARGUMENTS)), says("It is", " sunny."))
    desk = open_desk(language_model=model)
    thread, assistant = desk.add_thread("Well?"), desk.add_assistant(tools=[WEATHER])
    first, second = Handler(), Handler()
    runs = desk.client.beta.threads.runs
    with runs.stream(thread_id=thread, assistant_id=assistant, event_handler=first) as stream:
        run = stream.get_final_run()
    assert first.heard == ["function get_current_weather", f"called {ARGUMENTS}"]
    with runs.submit_tool_outputs_stream(
        run_id=run.id,
        thread_id=thread,
        tool_outputs=[{"tool_call_id": "call_0", "output": "sunny"}],
        event_handler=second,
    ) as stream:
        stream.until_done()
    assert second.heard == ["text", "said It is sunny."]


def test_a_run_that_fails_says_so_last(open_desk: OpenDesk) -> None:
    broken: list[Scripted] = [TextDelta("Well"), ModelError("the model went away", code="rate_limit_exceeded")]
    desk = open_desk(language_model=ScriptedModel(broken))
    events = desk.stream(f"/threads/{desk.add_thread('Hi')}/runs", assistant_id=desk.add_assistant())
    assert names(events)[-4:] == [
        "thread.message.incomplete",
        "thread.run.step.failed",
        "thread.run.failed",
        "done",
    ]
    check_types(events)
    message, step, run = (data for _, data in events[-4:-1])
    assert message["content"][0]["text"]["value"] == "Well"
    assert message["incomplete_details"] == {"reason": "run_failed"}
    assert run["last_error"] == step["last_error"] == {"code": "rate_limit_exceeded", "message": "the model went away"}


def test_events_are_read_as_they_are_written() -> None:
    assert read_events('event: a\ndata: {"b":1}\n\nevent: done\ndata: [DONE]\n\n') == [
        ("a", {"b": 1}),
        ("done", "[DONE]"),
    ]
