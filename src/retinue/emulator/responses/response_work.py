"""The work of a response: a worker takes the turn of the model, once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack

from retinue.emulator.responses.response_objects import (
    ACTIVE,
    CONVERSATIONS,
    add_item,
    find_response,
    forget_response,
    items_of,
)
from retinue.emulator.responses.response_prompt import (
    Heard,
    heard,
    make_prompt,
    read_chain,
    read_conversation,
    whole_file,
)
from retinue.emulator.responses.response_record import ResponseRecord, publish_event
from retinue.emulator.responses.response_tools import WatchedTool, file_search, usable_tools
from retinue.emulator.server.api_errors import ApiError
from retinue.emulator.server.service import Call, Hosted, Job, Sandbox, server_sent_event
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.turns.code_interpreter_tool import CodeInterpreter
from retinue.emulator.turns.turn import Limits, OwnTool, take_turn
from retinue.emulator.turns.turn_events import Event, TurnEnded
from retinue.emulator.turns.turn_failure import TurnFailure
from retinue.emulator.turns.turn_work import perform_turn

ANSWERING = "response"
"""The kind of work."""

_KILLED = "The local account ended while the response was in progress."
_CLOSED = "The local account was closed while the response was in progress."

_REASONS = {"max_completion_tokens": "max_output_tokens", "content_filter": "content_filter"}


def result_channel(response_id: str) -> str:
    """Where the response itself is told, once, when it is over."""
    return f"{response_id}/result"


def perform_response(job: Job) -> Callable[[Call], None]:
    return perform_turn(job, _Response(job))


def fail_response(call: Call) -> None:
    """What is written when the work could not be done."""
    response = find_response(call, call.body["response"])
    if response is not None and response.facet in ACTIVE:
        end_response(call, response, "failed", error=TurnFailure().shown())


def response_over(call: Call) -> str | None:
    """The channel of a response that somebody has ended."""
    response = find_response(call, call.body["response"])
    return None if response is not None and response.facet in ACTIVE else str(call.body["response"])


class _Response:
    """A response that is answered."""

    def __init__(self, job: Job) -> None:
        self.id = str(job.body["response"])
        self._job = job
        self._body: JsonObject
        self._said: Heard
        self._record: ResponseRecord

    def begin(self, call: Call) -> bool:
        response = find_response(call, self.id)
        if response is None:
            _tell_gone(call, self.id)
        elif response.facet == "in_progress":
            end_response(call, response, "failed", error=TurnFailure(_KILLED).shown())
        elif response.facet == "queued":
            response.facet = response.body["status"] = "in_progress"
            publish_event(call, response, "response.in_progress", response=response.body)
            call.storage.save(response)
            self._body, self._said = response.body, _heard(call, response)
            self._record = ResponseRecord(self._job, call, response)
            return True
        return False

    def take(self, services: Hosted, stop: threading.Event, opened: ExitStack) -> Generator[Event, None, None]:
        prompt, sources, begun = make_prompt(self._body, self._said, whole_file(stop))
        own = _own_tools(self._job, self._body, services.sandbox, opened)
        return take_turn(
            services.language_model,
            prompt,
            stop,
            own_tools=[WatchedTool(each, self._record.begin_tool) for each in own],
            limits=Limits(completion=self._body["max_output_tokens"]),
            sources=sources,
            begun=begun,
            keeps_first=False,
        )

    def write(self, event: Event) -> None:
        self._record.write(event)

    def end(self, call: Call, outcome: TurnEnded | TurnFailure) -> None:
        response = find_response(call, self.id)
        if response is None:
            _tell_gone(call, self.id)
            return
        self._record.settle(response)
        if response.facet != "in_progress":
            call.storage.save(response)
        elif isinstance(outcome, TurnFailure):
            end_response(call, response, "failed", error=outcome.shown())
        elif outcome.status == "stopped" and (call.live.is_closed or self._job.stopping.is_set()):
            end_response(call, response, "failed", error=TurnFailure(_CLOSED).shown())
        elif outcome.status == "stopped":  # left by who waited for it
            end_response(call, response, "cancelled")
        elif outcome.status == "incomplete":
            end_response(call, response, "incomplete", reason=_REASONS.get(outcome.reason or "", "max_output_tokens"))
        else:
            end_response(call, response, "completed")


def _heard(call: Call, response: Stored) -> Heard:
    conversation = response.body.get("conversation")
    if conversation:
        before = read_conversation(call, conversation["id"])
    else:
        before = read_chain(call, response.body["previous_response_id"])
    return heard(call, before, [(each.body, each.hidden) for each in items_of(call, response.id, "input")])


def _own_tools(job: Job, body: JsonObject, sandbox: Sandbox, opened: ExitStack) -> list[OwnTool]:
    found: list[OwnTool] = []
    given = {tool["type"]: tool for tool in reversed(usable_tools(body))}  # one named twice is one
    if "file_search" in given:
        found.append(file_search(given["file_search"], job))
    if "code_interpreter" in given:
        file_ids = given["code_interpreter"]["container"].get("file_ids", ())
        found.append(opened.enter_context(CodeInterpreter(sandbox, job.transaction, file_ids)))
    return found


def _tell_gone(call: Call, response_id: str) -> None:
    gone = ApiError(404, f"Response with id '{response_id}' not found.")
    event = {"type": "error", "sequence_number": 0, "code": gone.code, "message": gone.message, "param": gone.param}
    call.publish(response_id, server_sent_event(event, event="error"))
    call.publish(result_channel(response_id), json.dumps(gone.body()).encode())
    _end_channels(call, response_id)


def end_response(
    call: Call, response: Stored, status: str, *, error: JsonObject | None = None, reason: str | None = None
) -> None:
    """End a response: nothing more comes for those who follow it.

    ``error`` is why it failed, ``reason`` why it is incomplete. What was said goes into the conversation.
    """
    response.facet = response.body["status"] = status
    body = response.body
    body["error"] = error
    body["incomplete_details"] = {"reason": reason} if reason else None
    body["completed_at"] = call.now if status == "completed" else None
    if status != "cancelled":  # there is no event for those
        publish_event(call, response, f"response.{status}", response=body)
    call.publish(result_channel(response.id), json.dumps(body, ensure_ascii=False).encode())
    call.storage.save(response)
    if status in ("completed", "incomplete"):
        _add_to_conversation(call, response)
    _end_channels(call, response.id)
    if not body["store"]:
        forget_response(call, response)


def _add_to_conversation(call: Call, response: Stored) -> None:
    """After the response is complete, as published."""
    named = response.body.get("conversation")
    if not named or call.storage.find(CONVERSATIONS.object, named["id"]) is None:
        return
    stored = {each.id: each for each in items_of(call, response.id, "output")}
    said = [stored[each["id"]] for each in response.body["output"] if each["id"] in stored]
    for each in (*items_of(call, response.id, "input"), *said):
        if call.storage.find(each.collection, each.id, parent=named["id"]) is None:
            add_item(call, named["id"], each.body, each.hidden)


def _end_channels(call: Call, response_id: str) -> None:
    call.end(response_id)
    call.end(result_channel(response_id))
