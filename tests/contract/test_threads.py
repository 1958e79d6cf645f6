"""Threads, messages, runs and their steps, as the helpers of the SDK use them. What a model says is not looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai.types import FileObject
from openai.types.beta import Assistant, Thread
from openai.types.beta.threads import FileCitationAnnotation

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

MakeAssistant = Callable[..., Assistant]
MakeThread = Callable[..., Thread]
MakeFile = Callable[..., FileObject]

FUNCTION: Any = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks a word up.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
    },
}
FORCED: Any = {"type": "function", "function": {"name": "look_up"}}


@pytest.fixture
def make_thread(client: openai.OpenAI) -> Iterator[MakeThread]:
    made: list[Thread] = []

    def make(*said: str, **more: Any) -> Thread:
        made.append(client.beta.threads.create(messages=[{"role": "user", "content": each} for each in said], **more))
        return made[-1]

    yield make
    for thread in made:
        client.beta.threads.delete(thread.id)


def test_a_thread_is_made_read_changed_and_deleted(client: openai.OpenAI, has_assistants: None) -> None:
    threads = client.beta.threads
    made = threads.create(metadata={"a": "b"})
    assert threads.retrieve(made.id).to_dict() == made.to_dict()
    assert threads.update(made.id, metadata={"a": "c"}).metadata == {"a": "c"}
    deleted = threads.delete(made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "thread.deleted", True)
    with pytest.raises(openai.NotFoundError, match="No thread found with id"):
        threads.retrieve(made.id)


def test_messages_are_kept_in_their_order(client: openai.OpenAI, make_thread: MakeThread, has_assistants: None) -> None:
    thread = make_thread("One", "Two")
    messages = client.beta.threads.messages
    three = messages.create(thread.id, role="user", content=[{"type": "text", "text": "Three"}], metadata={"a": "b"})
    listed = [each.content[0].text.value for each in messages.list(thread.id, order="asc")]  # type: ignore[union-attr]
    assert listed == ["One", "Two", "Three"]
    assert messages.retrieve(three.id, thread_id=thread.id).metadata == {"a": "b"}
    assert messages.update(three.id, thread_id=thread.id, metadata={}).metadata == {}
    assert messages.delete(three.id, thread_id=thread.id).object == "thread.message.deleted"
    assert len(messages.list(thread.id).data) == 2


def test_a_run_is_polled_to_its_end(
    client: openai.OpenAI, make_thread: MakeThread, make_assistant: MakeAssistant
) -> None:
    thread, assistant = make_thread("Hello."), make_assistant()
    runs = client.beta.threads.runs
    run = runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=10)
    assert (run.status, run.last_error, run.required_action) == ("completed", None, None)
    assert run.usage is not None
    assert run.usage.total_tokens == run.usage.prompt_tokens + run.usage.completion_tokens > 0
    (message,) = client.beta.threads.messages.list(thread.id, run_id=run.id)
    assert (message.role, message.assistant_id, message.status) == ("assistant", assistant.id, "completed")
    (step,) = runs.steps.list(run.id, thread_id=thread.id)
    assert (step.type, step.status, step.usage is not None) == ("message_creation", "completed", True)
    assert runs.steps.retrieve(step.id, thread_id=thread.id, run_id=run.id).to_dict() == step.to_dict()
    assert [each.id for each in runs.list(thread.id)] == [run.id]
    assert runs.update(run.id, thread_id=thread.id, metadata={"a": "b"}).metadata == {"a": "b"}


def test_a_run_is_streamed_to_its_end(
    client: openai.OpenAI, make_thread: MakeThread, make_assistant: MakeAssistant
) -> None:
    thread, assistant = make_thread("Hello."), make_assistant()
    with client.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        said = "".join(stream.text_deltas)
    run = stream.get_final_run()
    assert run.status == "completed"
    (message,) = client.beta.threads.messages.list(thread.id, run_id=run.id)
    assert message.content[0].text.value == said  # type: ignore[union-attr]


def test_a_function_is_called_and_answered(
    client: openai.OpenAI, make_thread: MakeThread, make_assistant: MakeAssistant
) -> None:
    thread, assistant = make_thread("Hello."), make_assistant(tools=[FUNCTION])
    runs = client.beta.threads.runs
    run = runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, tool_choice=FORCED, poll_interval_ms=10)
    assert (run.status, run.usage) == ("requires_action", None)
    assert run.required_action is not None
    outputs: Any = [
        {"tool_call_id": each.id, "output": "42"} for each in run.required_action.submit_tool_outputs.tool_calls
    ]
    assert outputs
    with pytest.raises(openai.BadRequestError, match="already has an active run"):
        runs.create(thread.id, assistant_id=assistant.id)
    run = runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=thread.id, tool_outputs=outputs, poll_interval_ms=10
    )
    assert run.status == "completed"


def test_a_run_begins_with_its_thread(client: openai.OpenAI, make_assistant: MakeAssistant) -> None:
    said: Any = {"messages": [{"role": "user", "content": "Hello."}]}
    assistant = make_assistant()
    run = client.beta.threads.create_and_run_poll(assistant_id=assistant.id, thread=said, poll_interval_ms=10)
    assert run.status == "completed"
    with client.beta.threads.create_and_run_stream(assistant_id=assistant.id, thread=said) as stream:
        events = [each.event for each in stream]
    assert (events[0], events[-1]) == ("thread.created", "thread.run.completed")
    for each in (run, stream.get_final_run()):
        client.beta.threads.delete(each.thread_id)


def test_a_run_that_waits_is_cancelled(
    client: openai.OpenAI, make_thread: MakeThread, make_assistant: MakeAssistant
) -> None:
    thread, assistant = make_thread("Hello."), make_assistant(tools=[FUNCTION])
    runs = client.beta.threads.runs
    run = runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, tool_choice=FORCED, poll_interval_ms=10)
    assert runs.cancel(run.id, thread_id=thread.id).status in ("cancelling", "cancelled")
    assert runs.poll(run.id, thread_id=thread.id, poll_interval_ms=10).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="Cannot cancel run with status 'cancelled'"):
        runs.cancel(run.id, thread_id=thread.id)


def test_an_attached_file_is_searched(
    client: openai.OpenAI, make_thread: MakeThread, make_assistant: MakeAssistant, make_file: MakeFile
) -> None:
    file, thread = make_file("refunds.md", b"A refund takes five days."), make_thread()
    assistant = make_assistant(tools=[{"type": "file_search"}])
    attached: Any = [{"file_id": file.id, "tools": [{"type": "file_search"}]}]
    client.beta.threads.messages.create(thread.id, role="user", content="refund days?", attachments=attached)
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant.id, tool_choice={"type": "file_search"}, poll_interval_ms=10
    )
    assert run.status == "completed"
    (message,) = client.beta.threads.messages.list(thread.id, run_id=run.id)
    text = message.content[0].text  # type: ignore[union-attr]
    cited = [each for each in text.annotations if isinstance(each, FileCitationAnnotation)]
    assert [each.file_citation.file_id for each in cited] == [file.id]
    assert [text.value[each.start_index : each.end_index] for each in cited] == [each.text for each in cited]
    resources = client.beta.threads.retrieve(thread.id).tool_resources
    assert resources is not None
    assert resources.file_search is not None
    (store,) = resources.file_search.vector_store_ids or []
    client.vector_stores.delete(store)
