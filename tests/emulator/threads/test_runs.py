"""The life of a run, from queued to whatever ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from retinue.emulator.language_models.language_model import (
    Finish,
    Message,
    ModelError,
    Piece,
    Prompt,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Usage,
)
from retinue.emulator.server.loopback import running_server
from retinue.emulator.server.transport import LocalTransport
from tests.emulator.conftest import HEADERS, Clock
from tests.emulator.threads.conftest import Desk, OpenDesk, names, strict_client
from tests.support.scripted_model import UNTIL_STOPPED, Gate, Ran, Scripted, ScriptedModel, calls, says

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FUNCTION = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


def waiting(open_desk: OpenDesk, *answers: Any) -> tuple[Desk, str, str]:
    """A run that waits for what a function comes to."""
    desk = open_desk(language_model=ScriptedModel(calls(("look_up", "{}")), *answers))
    thread = desk.add_thread("Look it up.")
    run = desk.run(thread, desk.add_assistant(tools=[FUNCTION]))
    assert run["status"] == "requires_action"
    return desk, thread, run["id"]


def test_a_run_is_what_the_assistant_is(desk: Desk) -> None:
    assistant = desk.add_assistant(instructions="Be brief.", tools=[FUNCTION], temperature=0.5, metadata={"a": "b"})
    thread = desk.add_thread("Hello.")
    made = desk.account.post(f"/threads/{thread}/runs", assistant_id=assistant)
    assert made == {
        "id": made["id"],
        "object": "thread.run",
        "created_at": desk.account.clock.now,
        "assistant_id": assistant,
        "thread_id": thread,
        "status": "queued",
        "started_at": None,
        "expires_at": desk.account.clock.now + 600,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": None,
        "required_action": None,
        "last_error": None,
        "model": "gpt-4o",
        "instructions": "Be brief.",
        "tools": [{"type": "function", "function": {**FUNCTION["function"], "strict": False}}],  # type: ignore[dict-item]
        "metadata": {},
        "temperature": 0.5,
        "top_p": 1.0,
        "max_completion_tokens": None,
        "max_prompt_tokens": None,
        "truncation_strategy": {"type": "auto", "last_messages": None},
        "incomplete_details": None,
        "usage": None,
        "response_format": "auto",
        "tool_choice": "auto",
        "parallel_tool_calls": True,
    }
    over = desk.finish(thread, made["id"])
    changed = {name for name in made if made[name] != over[name]}
    assert changed == {"status", "started_at", "completed_at", "expires_at", "usage"}


def test_a_run_may_say_otherwise(open_desk: OpenDesk) -> None:
    model = ScriptedModel(says("Yes."))
    desk = open_desk(language_model=model)
    assistant = desk.add_assistant(instructions="Be brief.", tools=[FUNCTION])
    thread = desk.add_thread("One.")
    said = {
        "model": "gpt-4.1",
        "additional_instructions": "Be kind.",
        "tools": [],
        "temperature": 0.0,
        "top_p": 0.5,
        "response_format": {"type": "json_object"},
        "tool_choice": "none",
        "parallel_tool_calls": False,
        "max_completion_tokens": 300,
        "metadata": {"run": "1"},
    }
    more = {"additional_messages": [{"role": "user", "content": "Two."}], "reasoning_effort": "low"}
    run = desk.run(thread, assistant, **said, **more)
    wanted = {**said, "instructions": "Be brief.\nBe kind.", "status": "completed"}
    del wanted["additional_instructions"]
    assert {name: run[name] for name in wanted} == wanted
    (prompt,) = model.prompts
    assert [each.text for each in prompt.items] == ["One.", "Two."]  # type: ignore[union-attr]
    assert (prompt.model, prompt.instructions, prompt.tools) == ("gpt-4.1", "Be brief.\nBe kind.", ())
    assert (prompt.temperature, prompt.top_p, prompt.reasoning_effort) == (0.0, 0.5, "low")
    assert (prompt.tool_choice, prompt.parallel_tool_calls, prompt.max_tokens) == ("none", False, 300)
    assert prompt.response_format == {"type": "json_object"}


def test_the_model_sees_pictures_and_nobody_sees_what_it_thinks(open_desk: OpenDesk) -> None:
    model = ScriptedModel(
        [ReasoningDelta("Hm."), *says("Nice.")], [RefusalDelta("I "), RefusalDelta("will not."), *says()]
    )
    desk = open_desk(language_model=model)
    file = desk.account.add_file("a.png", b"\x89PNG", purpose="vision")
    content = [
        {"type": "text", "text": "Look"},
        {"type": "image_file", "image_file": {"file_id": file, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/b.png"}},
    ]
    thread, assistant = desk.add_thread(), desk.add_assistant()
    desk.account.post(f"/threads/{thread}/messages", role="user", content=content)
    desk.run(thread, assistant)
    assert desk.said(thread) == ["Nice.", "Look"]
    (said,) = model.prompts[0].items
    assert isinstance(said, Message)
    mine, theirs = said.images
    assert (mine.file_id, mine.filename, mine.detail) == (file, "a.png", "low")
    assert mine.path is not None
    assert mine.path.read_bytes() == b"\x89PNG"
    assert theirs.url == "https://example.com/b.png"
    desk.run(thread, assistant)
    refusal = desk.account.get(f"/threads/{thread}/messages")["data"][0]["content"]
    assert refusal == [{"type": "refusal", "refusal": "I will not."}]


def test_what_a_run_spent_is_that_of_its_steps(open_desk: OpenDesk) -> None:
    desk, thread, run = waiting(open_desk, says("Here", usage=Usage(30, 1)))
    assert desk.account.get(f"/threads/{thread}/runs/{run}")["usage"] is None
    submit(desk, thread, run)
    over = desk.finish(thread, run)
    assert over["usage"] == {"prompt_tokens": 50, "completion_tokens": 6, "total_tokens": 56}
    spent = [each["usage"]["total_tokens"] for each in desk.steps(thread, run)]
    assert spent == [25, 31]


def submit(desk: Desk, thread: str, run: str, output: str = "42", **more: Any) -> Any:
    outputs = [{"tool_call_id": "call_0", "output": output}]
    return desk.account.post(f"/threads/{thread}/runs/{run}/submit_tool_outputs", tool_outputs=outputs, **more)


def test_one_run_at_a_time(open_desk: OpenDesk) -> None:
    """The thread is locked: no other run, no other message; looking is free."""
    desk, thread, run = waiting(open_desk, says("Here"), says("Again"))
    assistant = desk.account.get(f"/threads/{thread}/runs/{run}")["assistant_id"]
    status, words = desk.refuse(f"/threads/{thread}/runs", assistant_id=assistant)
    assert (status, words) == (400, f"Thread {thread} already has an active run {run}.")
    status, words = desk.refuse(f"/threads/{thread}/messages", role="user", content="And?")
    assert (status, words) == (400, f"Can't add messages to {thread} while a run {run} is active.")
    assert desk.said(thread) == ["Look it up."]
    submit(desk, thread, run)
    desk.finish(thread, run)
    desk.account.post(f"/threads/{thread}/messages", role="user", content="And?")
    assert desk.run(thread, assistant)["status"] == "completed"
    assert desk.said(thread) == ["Again", "And?", "Here", "Look it up."]


def test_outputs_are_those_that_are_waited_for(open_desk: OpenDesk) -> None:
    desk, thread, run = waiting(open_desk, says("Here"))
    path = f"/threads/{thread}/runs/{run}/submit_tool_outputs"
    status, words = desk.refuse(path, tool_outputs=[{"tool_call_id": "call_9", "output": ""}])
    assert (status, words) == (400, "Expected tool outputs for call_ids ['call_0'], got ['call_9']")
    assert desk.refuse(path, tool_outputs=[])[0] == 400
    assert submit(desk, thread, run)["status"] == "queued"
    assert desk.finish(thread, run)["required_action"] is None
    status, words = desk.refuse(path, tool_outputs=[{"tool_call_id": "call_0", "output": "42"}])
    assert (status, words) == (400, 'Runs in status "completed" do not accept tool outputs.')
    (step, _) = desk.steps(thread, run)
    assert step["step_details"]["tool_calls"][0]["function"]["output"] == "42"


def test_the_model_hears_what_its_function_came_to(open_desk: OpenDesk) -> None:
    model = ScriptedModel(calls(("look_up", "{}")), says("Here"))
    desk = open_desk(language_model=model)
    thread, assistant = desk.add_thread("Look it up."), desk.add_assistant(tools=[FUNCTION])
    run = desk.run(thread, assistant, tool_choice={"type": "function", "function": {"name": "look_up"}})
    submit(desk, thread, run["id"])
    desk.finish(thread, run["id"])
    first, second = model.prompts
    assert [first.tool_choice, second.tool_choice] == ["=look_up", "auto"]
    assert [type(each).__name__ for each in second.items] == ["Message", "ToolCall", "ToolOutput"]
    assert second.items[2].output == "42"  # type: ignore[union-attr]


def test_a_run_that_waits_is_cancelled_at_once(open_desk: OpenDesk) -> None:
    desk, thread, run = waiting(open_desk)
    cancelled = desk.account.post(f"/threads/{thread}/runs/{run}/cancel")
    assert (cancelled["status"], cancelled["required_action"]) == ("cancelled", None)
    assert cancelled["cancelled_at"] == desk.account.clock.now
    (step,) = desk.steps(thread, run)
    assert (step["status"], step["cancelled_at"]) == ("cancelled", desk.account.clock.now)
    status, words = desk.refuse(f"/threads/{thread}/runs/{run}/cancel")
    assert (status, words) == (400, "Cannot cancel run with status 'cancelled'.")


def test_a_run_at_work_is_cancelled_when_it_hears_of_it(open_desk: OpenDesk) -> None:
    """What was said until then stays."""
    gate = Gate()
    desk = open_desk(language_model=ScriptedModel([TextDelta("Well, "), gate, *says("no.")]))
    thread = desk.add_thread("Go on.")
    run = desk.start(thread, desk.add_assistant())
    gate.wait()
    cancelled = desk.account.post(f"/threads/{thread}/runs/{run}/cancel")
    assert cancelled["status"] == "cancelling"
    assert desk.account.post(f"/threads/{thread}/runs/{run}/cancel")["status"] == "cancelling"
    gate.open()
    assert desk.finish(thread, run)["status"] == "cancelled"
    message = desk.account.get(f"/threads/{thread}/messages")["data"][0]
    assert message["status"] == "incomplete"
    assert message["incomplete_details"] == {"reason": "run_cancelled"}
    assert message["content"][0]["text"]["value"] == "Well, "
    assert desk.steps(thread, run)[0]["status"] == "cancelled"


def test_a_run_that_waits_expires_after_ten_minutes(open_desk: OpenDesk) -> None:
    desk, thread, run = waiting(open_desk)
    desk.account.clock.advance(seconds=599)
    assert desk.account.get(f"/threads/{thread}/runs/{run}")["status"] == "requires_action"
    desk.account.clock.advance(seconds=1)
    assert desk.account.get(f"/threads/{thread}/runs/{run}")["status"] == "expired"
    assert desk.steps(thread, run)[0]["status"] == "expired"
    desk.account.post(f"/threads/{thread}/messages", role="user", content="And?")


def test_a_run_at_work_expires_too(open_desk: OpenDesk) -> None:
    gate = Gate()
    desk = open_desk(language_model=ScriptedModel([TextDelta("Well, "), gate, *says("late.")], says("Yes.")))
    thread, assistant = desk.add_thread("Go on."), desk.add_assistant()
    run = desk.start(thread, assistant)
    gate.wait()
    desk.account.clock.advance(seconds=600)
    assert desk.account.get(f"/threads/{thread}/runs/{run}")["status"] == "expired"
    gate.open()
    assert desk.run(thread, assistant)["status"] == "completed"
    assert [each["status"] for each in desk.account.get(f"/threads/{thread}/runs")["data"]] == ["completed", "expired"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelError("it is too busy", code="rate_limit_exceeded"), "rate_limit_exceeded"),
        (ModelError("it cannot be asked that", code="invalid_prompt"), "invalid_prompt"),
        (ModelError("it is gone"), "server_error"),
        (ValueError("a mistake of ours"), "server_error"),
    ],
)
def test_a_run_whose_model_fails_has_failed(open_desk: OpenDesk, error: Exception, code: str) -> None:
    script: list[Scripted] = [TextDelta("Well"), error]
    desk = open_desk(language_model=ScriptedModel(script, says("Yes.")))
    thread, assistant = desk.add_thread("Go on."), desk.add_assistant()
    run = desk.run(thread, assistant)
    told = str(error) if isinstance(error, ModelError) else "Sorry, something went wrong."
    assert (run["status"], run["last_error"]) == ("failed", {"code": code, "message": told})
    assert run["failed_at"] == desk.account.clock.now
    assert desk.run(thread, assistant)["status"] == "completed"


def test_a_model_that_stops_halfway_has_failed(open_desk: OpenDesk) -> None:
    desk = open_desk(language_model=ScriptedModel([TextDelta("Well")]))
    run = desk.run(desk.add_thread("Go on."), desk.add_assistant())
    assert run["last_error"]["message"] == "the model stopped in the middle of its answer"


def test_an_answer_that_is_too_long_is_cut(open_desk: OpenDesk) -> None:
    cut: list[Scripted] = [TextDelta("So far"), Finish("length", Usage(10, 256))]
    desk = open_desk(language_model=ScriptedModel(cut))
    thread = desk.add_thread("Go on.")
    run = desk.run(thread, desk.add_assistant(), max_completion_tokens=256)
    assert (run["status"], run["incomplete_details"]) == ("incomplete", {"reason": "max_completion_tokens"})
    message = desk.account.get(f"/threads/{thread}/messages")["data"][0]
    assert (message["status"], message["incomplete_details"]) == ("incomplete", {"reason": "max_tokens"})


def test_the_rehearsal_model_keeps_to_the_limit(desk: Desk) -> None:
    thread = desk.add_thread("word " * 500)
    run = desk.run(thread, desk.add_assistant(), max_completion_tokens=256)
    assert run["status"] == "completed"  # it never says so much
    assert run["usage"]["completion_tokens"] <= 256


def test_a_run_may_put_only_so_much_before_the_model(open_desk: OpenDesk) -> None:
    model = ScriptedModel(says("Yes."))
    desk = open_desk(language_model=model)
    thread = desk.add_thread(*(f"{number} " + "x" * 400 for number in range(10)))
    assert desk.run(thread, desk.add_assistant(), max_prompt_tokens=500)["status"] == "completed"
    assert [each.text[0] for each in model.prompts[0].items] == ["0", "7", "8", "9"]  # type: ignore[union-attr]
    long = desk.add_thread("x" * 4000)
    run = desk.run(long, desk.add_assistant(), max_prompt_tokens=256)
    assert (run["status"], run["incomplete_details"]) == ("incomplete", {"reason": "max_prompt_tokens"})


def test_a_run_may_see_the_last_messages_only(open_desk: OpenDesk) -> None:
    model = ScriptedModel(says("Yes."))
    desk = open_desk(language_model=model)
    thread = desk.add_thread("One.", "Two.", "Three.")
    desk.run(thread, desk.add_assistant(), truncation_strategy={"type": "last_messages", "last_messages": 2})
    assert [each.text for each in model.prompts[0].items] == ["Two.", "Three."]  # type: ignore[union-attr]


def test_a_message_beyond_the_window_of_the_model_is_said_to_be(open_desk: OpenDesk) -> None:
    desk = open_desk(language_model=ScriptedModel(window=1000))
    run = desk.run(desk.add_thread("x" * 4000), desk.add_assistant())
    assert run["last_error"]["code"] == "invalid_prompt"
    assert "875 tokens" in run["last_error"]["message"]


def test_a_thread_that_is_deleted_takes_its_run_along(open_desk: OpenDesk) -> None:
    gate = Gate()
    desk = open_desk(language_model=ScriptedModel([TextDelta("Well, "), gate, *says("no.")], says("Yes.")))
    thread, assistant = desk.add_thread("Go on."), desk.add_assistant()
    desk.start(thread, assistant)
    gate.wait()
    assert desk.account.delete(f"/threads/{thread}") == {"id": thread, "object": "thread.deleted", "deleted": True}
    gate.open()
    assert desk.account.http.get(f"/threads/{thread}/runs").status_code == 404
    assert desk.run(desk.add_thread("Again."), assistant)["status"] == "completed"


def test_who_follows_is_told_by_the_process_that_is_followed(open_desk: OpenDesk) -> None:
    """Where several have the account open, another one does not take the work away."""
    desk, other = (open_desk(language_model=ScriptedModel(*[says(name)] * 20)) for name in ("mine", "theirs"))
    assistant, thread = desk.add_assistant(), desk.add_thread("Hi")
    for _ in range(10):
        other.add_assistant()  # which looks for work
        assert desk.stream(f"/threads/{thread}/runs", assistant_id=assistant)[-2][0] == "thread.run.completed"
    assert desk.said(thread) == [*["mine"] * 10, "Hi"]


class _Busy:
    """Code that does not end before it is stopped."""

    def __init__(self) -> None:
        self.begun, self.stopped = threading.Event(), threading.Event()

    @contextmanager
    def open_session(self, directory: Path) -> Iterator[_Busy]:
        yield self

    def run(self, code: str, stop: threading.Event) -> Ran:
        self.begun.set()
        if stop.wait(30):
            self.stopped.set()
        return Ran("")

    def read_written(self, directory: Path, name: str, most: int) -> bytes:
        raise FileNotFoundError(name)


@pytest.mark.parametrize("way", ["cancel", "delete"])
def test_a_run_whose_code_is_busy_hears_what_another_process_was_asked(open_desk: OpenDesk, way: str) -> None:
    busy = _Busy()
    model = ScriptedModel(calls(("code_interpreter", '{"code": "while True: pass"}')), says("It is over."))
    desk = open_desk(language_model=model, sandbox=busy)
    thread = desk.add_thread("Go on.")
    run = desk.start(thread, desk.add_assistant(tools=[{"type": "code_interpreter"}]))
    assert busy.begun.wait(30)
    other = open_desk()
    if way == "cancel":
        other.account.post(f"/threads/{thread}/runs/{run}/cancel")
        assert other.finish(thread, run)["status"] == "cancelled"
    else:
        other.account.delete(f"/threads/{thread}")
    assert busy.stopped.wait(30)


def test_a_run_hears_that_another_process_cancelled_it(open_desk: OpenDesk) -> None:
    """Also while the model says nothing."""
    waiting, left = threading.Event(), threading.Event()

    class Silent(ScriptedModel):
        def answer(self, prompt: Prompt, stop: threading.Event) -> Iterator[Piece]:
            yield TextDelta("Well, ")
            waiting.set()
            if stop.wait(30):
                left.set()

    desk = open_desk(language_model=Silent())
    thread = desk.add_thread("Go on.")
    run = desk.start(thread, desk.add_assistant())
    assert waiting.wait(30)
    other = open_desk()
    other.account.post(f"/threads/{thread}/runs/{run}/cancel")
    assert left.wait(30)
    assert other.finish(thread, run)["status"] == "cancelled"
    assert other.said(thread) == ["Well, ", "Go on."]


def test_a_closed_account_leaves_no_run_in_progress(open_desk: OpenDesk) -> None:
    waiting = threading.Event()
    script: list[Scripted] = [TextDelta("Well, "), waiting.set, UNTIL_STOPPED]
    desk = open_desk(language_model=ScriptedModel(script))
    thread = desk.add_thread("Go on.")
    run = desk.start(thread, desk.add_assistant())
    assert waiting.wait(30)
    desk.account.http.close()
    again = open_desk()
    found = again.account.get(f"/threads/{thread}/runs/{run}")
    assert found["status"] == "failed"
    assert found["last_error"]["message"] == "The local account was closed while the run was in progress."
    assert again.said(thread) == ["Well, ", "Go on."]


@pytest.fixture(params=["in process", "over a socket"])
def raw(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[openai.OpenAI, Gate]]:
    """Streams as they come, not judged, which would read them whole."""
    gate = Gate()
    model = ScriptedModel([TextDelta("First"), gate, *says(" last")])
    if request.param == "in process":
        transport = LocalTransport(tmp_path, language_model=model)
        with httpx2.Client(transport=transport, base_url="http://local.invalid/v1", headers=HEADERS) as http:
            yield strict_client(http), gate
        return
    with (
        running_server(tmp_path, language_model=model) as base_url,
        httpx2.Client(base_url=base_url, verify=False, timeout=30) as http,
    ):
        yield strict_client(http), gate


def test_the_first_word_arrives_before_the_last_is_made(raw: tuple[openai.OpenAI, Gate]) -> None:
    client, gate = raw
    assistant = client.beta.assistants.create(model="gpt-4o")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
    with client.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        words = iter(stream.text_deltas)
        assert next(words) == "First"
        gate.wait()
        gate.open()
        assert list(words) == [" last"]


def test_a_run_goes_on_when_nobody_follows_it_any_more(raw: tuple[openai.OpenAI, Gate]) -> None:
    client, gate = raw
    assistant = client.beta.assistants.create(model="gpt-4o")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
    with client.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        assert next(iter(stream.text_deltas)) == "First"
        run = stream.current_run
    assert run is not None
    gate.wait()
    gate.open()
    assert client.beta.threads.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=2).status == "completed"


def test_cancelling_is_told_to_who_follows(open_desk: OpenDesk) -> None:
    desk, thread, run = waiting(open_desk, [TextDelta("It"), lambda: cancel(), UNTIL_STOPPED])

    def cancel() -> None:
        desk.account.post(f"/threads/{thread}/runs/{run}/cancel")

    outputs = [{"tool_call_id": "call_0", "output": "42"}]
    events = desk.stream(f"/threads/{thread}/runs/{run}/submit_tool_outputs", tool_outputs=outputs)
    assert names(events)[-5:] == [
        "thread.run.cancelling",
        "thread.message.incomplete",
        "thread.run.step.cancelled",
        "thread.run.cancelled",
        "done",
    ]


def test_a_message_that_is_deleted_while_it_comes_does_not_undo_the_run(open_desk: OpenDesk) -> None:
    gate = Gate()
    desk = open_desk(language_model=ScriptedModel([TextDelta("Good"), gate, *says(" day.")]))
    thread = desk.add_thread("Hello.")
    run = desk.start(thread, desk.add_assistant())
    gate.wait()
    message = desk.account.get(f"/threads/{thread}/messages")["data"][0]
    assert message["status"] == "in_progress"
    desk.account.delete(f"/threads/{thread}/messages/{message['id']}")
    gate.open()
    found = desk.finish(thread, run)
    assert (found["status"], found["last_error"]) == ("completed", None)
    assert desk.said(thread) == ["Hello."]
    assert [each["status"] for each in desk.steps(thread, run)] == ["completed"]


def test_what_was_said_before_a_run_expired_is_kept(open_desk: OpenDesk, clock: Clock) -> None:
    gate = Gate()
    desk = open_desk(language_model=ScriptedModel([TextDelta("Good"), gate, *says(" day.")]))
    thread = desk.add_thread("Hello.")
    run = desk.start(thread, desk.add_assistant())
    gate.wait()
    clock.advance(seconds=601)
    assert desk.account.get(f"/threads/{thread}/runs/{run}")["status"] == "expired"
    gate.open()
    desk.account.http.close()  # which waits for what is at work
    again = open_desk()
    message = again.account.get(f"/threads/{thread}/messages")["data"][0]
    assert (message["status"], message["incomplete_details"]) == ("incomplete", {"reason": "run_expired"})
    assert again.said(thread)[0] == "Good"
