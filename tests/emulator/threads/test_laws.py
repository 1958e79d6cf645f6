"""What holds for every thread, whatever is done with it in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retinue.emulator.language_models.language_model import CallDelta, Finish, ModelError, Prompt, TextDelta, Usage
from tests.emulator.threads.conftest import Desk, OpenDesk
from tests.support.scripted_model import Scripted, ScriptedModel, calls, says

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FUNCTION = {"type": "function", "function": {"name": "look_up"}}
ANSWERS: dict[str, Sequence[Scripted]] = {
    "says": says("Yes", "."),
    "calls": calls(("look_up", "{}")),
    "says and calls": [TextDelta("Well."), *calls(("look_up", "{}"), ("look_up", '{"again":true}'))],
    "searches": calls(("file_search", '{"queries":["x"]}')),
    "says too much": [TextDelta("So"), Finish("length", Usage(3, 2))],
    "fails": [TextDelta("So"), ModelError("gone")],
    "fails in a call": [CallDelta(0, name="look_up", id="call_0"), ModelError("gone")],
    "breaks": [TextDelta("So"), KeyError("a mistake")],
    "stops": [TextDelta("So")],
}
STAMPS = {
    "completed": {"completed_at"},
    "failed": {"failed_at"},
    "cancelled": {"cancelled_at"},
    "expired": set(),
    "incomplete": set(),
    "requires_action": set(),
}
WAYS = st.sampled_from([*ANSWERS, "message", "submit", "cancel", "ten minutes later", "delete a message"])


class AnyModel(ScriptedModel):
    """Says yes where it was told nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.next: list[Sequence[Scripted]] = []

    def answer(self, prompt: Prompt, stop: Any) -> Any:
        self._answers = [self.next.pop(0) if self.next else ANSWERS["says"]]
        return super().answer(prompt, stop)


def active(desk: Desk, thread: str) -> list[Any]:
    listed = desk.account.get(f"/threads/{thread}/runs")["data"]
    return [each for each in listed if each["status"] in ("queued", "in_progress", "requires_action", "cancelling")]


def act(desk: Desk, model: AnyModel, thread: str, assistant: str, way: str) -> None:
    """Do one thing with a thread, and wait until nothing is under way. What is refused changes nothing."""
    runs = f"/threads/{thread}/runs"
    under_way = active(desk, thread)
    assert len(under_way) <= 1
    if way in ANSWERS:
        model.next = [ANSWERS[way]]
        answer = desk.account.http.post(runs, json={"assistant_id": assistant})
        assert answer.status_code == (400 if under_way else 200)
    elif way == "message":
        body = {"role": "user", "content": "And?"}
        answer = desk.account.http.post(f"/threads/{thread}/messages", json=body)
        assert answer.status_code == (400 if under_way else 200)
    elif way == "delete a message":
        message = desk.account.get(f"/threads/{thread}/messages")["data"][:1]
        desk.account.delete(f"/threads/{thread}/messages/{message[0]['id']}") if message else None
    elif way == "ten minutes later":
        desk.account.clock.advance(seconds=600)
    elif way == "cancel" and under_way:
        desk.account.post(f"{runs}/{under_way[0]['id']}/cancel")
    elif way == "submit" and under_way:
        wanted = under_way[0]["required_action"]["submit_tool_outputs"]["tool_calls"]
        outputs = [{"tool_call_id": each["id"], "output": "42"} for each in wanted]
        model.next = []
        desk.account.post(f"{runs}/{under_way[0]['id']}/submit_tool_outputs", tool_outputs=outputs)
    while any(each["status"] != "requires_action" for each in active(desk, thread)):
        pass


def check(desk: Desk, thread: str) -> None:
    """One run at most is under way, and what every run says of itself fits together."""
    assert len(active(desk, thread)) <= 1
    for run in desk.account.get(f"/threads/{thread}/runs")["data"]:
        is_over = run["status"] != "requires_action"
        stamps = {each for each in ("completed_at", "failed_at", "cancelled_at") if run[each] is not None}
        assert stamps == STAMPS[run["status"]]
        assert (run["usage"] is not None) == is_over
        assert (run["required_action"] is None) == is_over
        assert (run["last_error"] is not None) == (run["status"] == "failed")
        assert (run["incomplete_details"] is not None) == (run["status"] == "incomplete")
        steps = desk.steps(thread, run["id"])
        under_way = [each for each in steps if each["status"] == "in_progress"]
        assert len(under_way) == (0 if is_over else 1)
        if is_over:
            assert run["usage"]["total_tokens"] == sum(each["usage"]["total_tokens"] for each in steps)
        if run["status"] in ("completed", "incomplete"):
            assert {each["status"] for each in steps} == {"completed"}
    messages = desk.account.get(f"/threads/{thread}/messages", limit=100)["data"]
    assert all(each["status"] in ("completed", "incomplete") for each in messages)
    made = {each["id"] for each in messages if each["role"] == "assistant"}
    written = {
        step["step_details"]["message_creation"]["message_id"]
        for run in desk.account.get(f"/threads/{thread}/runs")["data"]
        for step in desk.steps(thread, run["id"])
        if step["type"] == "message_creation"
    }
    assert made <= written


def test_whatever_is_done_with_a_thread(open_desk: OpenDesk) -> None:
    model = AnyModel()
    desk = open_desk(language_model=model)
    assistant = desk.add_assistant(tools=[FUNCTION, {"type": "file_search"}])

    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(WAYS, min_size=1, max_size=8))
    def live(ways: list[str]) -> None:
        thread = desk.add_thread("Well?")
        for way in ways:
            act(desk, model, thread, assistant, way)
            check(desk, thread)

    live()
