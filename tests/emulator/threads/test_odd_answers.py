"""Answers that models give behind endpoints and OpenAI's do not: a run shows them whole, and can go on."""

from __future__ import annotations

from typing import Any

import pytest

from retinue.emulator.language_models.language_model import CallDelta, Finish, TextDelta, ToolCall, Usage
from tests.emulator.threads.conftest import OpenDesk, names
from tests.support.scripted_model import Ran, Scripted, ScriptedModel, ScriptedSandbox, calls, says

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CODE: dict[str, Any] = {"type": "code_interpreter"}
LOOK_UP: dict[str, Any] = {"type": "function", "function": {"name": "look_up"}}
PASS = ("code_interpreter", '{"code":"pass"}')


def talking(*named: tuple[str, str]) -> list[Scripted]:
    """Calls between two texts of one answer."""
    *called, finish = calls(*named)
    return [TextDelta("Before."), *called, TextDelta("Be"), TextDelta("hind."), finish]


def answering(open_desk: OpenDesk, *answers: Any) -> tuple[Any, ScriptedModel]:
    model = ScriptedModel(*answers)
    return open_desk(language_model=model, sandbox=ScriptedSandbox({"pass": Ran("1")})), model


def outputs(run: Any) -> list[dict[str, str]]:
    waiting = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    return [{"tool_call_id": each["id"], "output": f"{number}"} for number, each in enumerate(waiting)]


def test_what_is_said_behind_a_call_is_a_message_of_its_own(open_desk: OpenDesk) -> None:
    desk, model = answering(open_desk, talking(PASS), says("So."))
    thread = desk.add_thread("Go.")
    events = desk.stream(f"/threads/{thread}/runs", assistant_id=desk.add_assistant(tools=[CODE]))
    assert names(events)[-2:] == ["thread.run.completed", "done"]
    assert desk.said(thread) == ["So.", "Behind.", "Before.", "Go."]
    steps = desk.steps(thread, events[0][1]["id"])
    assert [each["type"] for each in steps] == ["message_creation", "tool_calls", *["message_creation"] * 2]
    # One step is over before the next begins, and every delta says of what.
    told = [name.removeprefix("thread.run.step.") for name, _ in events if name.startswith("thread.run.step.")]
    assert [each for each in told if each in ("created", "completed")] == ["created", "completed"] * 4
    assert all(data["id"] for name, data in events if name.endswith(".delta"))
    assert model.prompts[1].items[1].text == "Before.Behind."  # type: ignore[union-attr]


def test_what_is_said_behind_a_function_is_said_before_its_output_is_waited_for(open_desk: OpenDesk) -> None:
    desk, _ = answering(open_desk, talking(("look_up", "{}")), says("So."))
    thread = desk.add_thread("Go.")
    run = desk.run(thread, desk.add_assistant(tools=[LOOK_UP]))
    assert run["status"] == "requires_action"
    desk.account.post(f"/threads/{thread}/runs/{run['id']}/submit_tool_outputs", tool_outputs=outputs(run))
    assert desk.finish(thread, run["id"])["status"] == "completed"
    assert desk.said(thread) == ["So.", "Behind.", "Before.", "Go."]


def test_calls_under_one_id_are_told_apart(open_desk: OpenDesk) -> None:
    """Or nobody could say what came of which. Some endpoints number theirs anew in every answer, too."""
    twice = [CallDelta(each, "{}", "call_0", "look_up") for each in (0, 1)]
    desk, model = answering(open_desk, [*twice, Finish("tool_calls", Usage(1, 1))], calls(PASS), says("So."))
    thread = desk.add_thread("Go.")
    run = desk.run(thread, desk.add_assistant(tools=[LOOK_UP, CODE]))
    desk.account.post(f"/threads/{thread}/runs/{run['id']}/submit_tool_outputs", tool_outputs=outputs(run))
    assert desk.finish(thread, run["id"])["status"] == "completed"
    ids = [each.id for each in model.prompts[-1].items if isinstance(each, ToolCall)]
    assert len(ids) == len(set(ids)) == 3
    assert ids[0] == "call_0"


def test_a_call_that_is_cut_off_is_shown_as_far_as_it_came(open_desk: OpenDesk) -> None:
    cut = [CallDelta(0, '{"code":"pa', "call_0", "code_interpreter"), Finish("length", Usage(1, 1))]
    desk, _ = answering(open_desk, cut)
    thread = desk.add_thread("Go.")
    run = desk.run(thread, desk.add_assistant(tools=[CODE]))
    assert (run["status"], run["incomplete_details"]) == ("incomplete", {"reason": "max_completion_tokens"})
    (step,) = desk.steps(thread, run["id"])
    (call,) = step["step_details"]["tool_calls"]
    assert call["code_interpreter"] == {"input": "pa", "outputs": []}


def test_half_a_character_in_code_or_a_question_is_none(open_desk: OpenDesk) -> None:
    code, search = '{"code":"a\\ud83d-"}', '{"queries":["a\\ud83d-"]}'
    model = ScriptedModel(calls(("code_interpreter", code), ("file_search", search)), says("So."))
    desk = open_desk(language_model=model, sandbox=ScriptedSandbox({"a\ufffd-": Ran("1")}))
    store = desk.account.add_store(("a.md", b"a"))
    resources = {"file_search": {"vector_store_ids": [store]}}
    assistant = desk.add_assistant(tools=[CODE, {"type": "file_search"}], tool_resources=resources)
    run = desk.run(desk.add_thread("Go."), assistant)
    assert (run["status"], run["last_error"]) == ("completed", None)
