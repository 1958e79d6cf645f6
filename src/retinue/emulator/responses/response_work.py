"""The work of a response: a worker takes the turn of the model, once.

One that is found in progress was begun by a process that is no more, and has failed: what the model said then is lost,
and asking again could say it twice.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing

from retinue.emulator.language_models.language_model import ModelError
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
from retinue.emulator.responses.response_record import ResponseOverError, ResponseRecord, publish_event
from retinue.emulator.responses.response_tools import WatchedTool, file_search, usable_tools
from retinue.emulator.server.api_errors import ApiError
from retinue.emulator.server.service import Call, Job, Sandbox, StoppedError, server_sent_event
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.turns.code_interpreter_tool import CodeInterpreter
from retinue.emulator.turns.turn import Limits, OwnTool, take_turn
from retinue.emulator.turns.turn_events import TurnEnded
from retinue.emulator.turns.turn_failure import TurnFailure
from retinue.emulator.vector_stores.text_extraction import AbandonedError

ANSWERING = "response"
"""The kind of work."""

_logger = logging.getLogger(__name__)

_KILLED = "The local account ended while the response was in progress."
_CLOSED = "The local account was closed while the response was in progress."

_REASONS = {"max_completion_tokens": "max_output_tokens", "content_filter": "content_filter"}


def result_channel(response_id: str) -> str:
    """Where the response itself is told, once, when it is over."""
    return f"{response_id}/result"


def perform_response(job: Job) -> Callable[[Call], None]:
    """Take the turn. Everything is written as it happens, so nothing is left for the end of the job."""
    with job.transaction() as call:
        live, response_id = call.live, str(job.body["response"])
    with live.stoppable(response_id) as stop:
        if (begun := _begin(job)) is not None:
            record, body, said = begun
            try:
                _take(job, record, body, said, stop)
            except ResponseOverError:
                with job.transaction() as call:
                    _leave(call, job, record)
    return _nothing


def fail_response(call: Call) -> None:
    """What is written when the work could not be done."""
    response = find_response(call, call.body["response"])
    if response is not None and response.facet in ACTIVE:
        end_response(call, response, "failed", error=TurnFailure().shown())


def _nothing(_call: Call) -> None:
    pass


def _begin(job: Job) -> tuple[ResponseRecord, JsonObject, Heard] | None:
    """Bring a queued response into progress; None when there is nothing to do for it."""
    with job.transaction() as call:
        response = find_response(call, job.body["response"])
        if response is None:
            _tell_gone(call, job.body["response"])
        elif response.facet == "in_progress":
            end_response(call, response, "failed", error=TurnFailure(_KILLED).shown())
        elif response.facet == "queued":
            response.facet = response.body["status"] = "in_progress"
            publish_event(call, response, "response.in_progress", response=response.body)
            call.storage.save(response)
            return ResponseRecord(job, call, response), response.body, _heard(call, response)
    return None


def _heard(call: Call, response: Stored) -> Heard:
    conversation = response.body.get("conversation")
    if conversation:
        before = read_conversation(call, conversation["id"])
    else:
        before = read_chain(call, response.body["previous_response_id"])
    return heard(call, before, [(each.body, each.hidden) for each in items_of(call, response.id, "input")])


def _take(job: Job, record: ResponseRecord, body: JsonObject, said: Heard, stop: threading.Event) -> None:
    """Raises ResponseOverError when somebody ended the response meanwhile."""
    with job.transaction() as call:
        services = call.services
    outcome: TurnEnded | TurnFailure = TurnFailure()
    try:
        with ExitStack() as opened:
            prompt, sources, begun = make_prompt(body, said, whole_file(stop))
            own = [WatchedTool(each, record.begin_tool) for each in _own_tools(job, body, services.sandbox, opened)]
            events = take_turn(
                services.language_model,
                prompt,
                stop,
                own_tools=own,
                limits=Limits(completion=body["max_output_tokens"]),
                sources=sources,
                begun=begun,
                keeps_first=False,
            )
            for event in opened.enter_context(closing(events)):
                record.write(event)
                if isinstance(event, TurnEnded):
                    outcome = event
    except ModelError as error:
        outcome = TurnFailure(str(error), error.code)
    except AbandonedError:
        outcome = TurnEnded("stopped")
    except (ResponseOverError, StoppedError):
        raise
    except Exception:
        _logger.exception("response %s failed", job.body["response"])
    with job.transaction() as call:
        _conclude(call, job, record, outcome)


def _own_tools(job: Job, body: JsonObject, sandbox: Sandbox, opened: ExitStack) -> list[OwnTool]:
    found: list[OwnTool] = []
    given = {tool["type"]: tool for tool in reversed(usable_tools(body))}  # one named twice is one
    if "file_search" in given:
        found.append(file_search(given["file_search"], job.transaction))
    if "code_interpreter" in given:
        file_ids = given["code_interpreter"]["container"].get("file_ids", ())
        found.append(opened.enter_context(CodeInterpreter(sandbox, job.transaction, file_ids)))
    return found


def _conclude(call: Call, job: Job, record: ResponseRecord, outcome: TurnEnded | TurnFailure) -> None:
    response = find_response(call, job.body["response"])
    if response is None or response.facet != "in_progress" or outcome == TurnEnded("stopped"):
        _leave(call, job, record)
        return
    record.settle(response)
    if isinstance(outcome, TurnFailure):
        end_response(call, response, "failed", error=outcome.shown())
    elif outcome.status == "incomplete":
        end_response(call, response, "incomplete", reason=_REASONS.get(outcome.reason or "", "max_output_tokens"))
    else:
        end_response(call, response, "completed")


def _leave(call: Call, job: Job, record: ResponseRecord) -> None:
    """It was to stop before its end: cancelled, deleted, left by who waited for it, or the account closes."""
    response = find_response(call, job.body["response"])
    if response is None:
        _tell_gone(call, job.body["response"])
    elif response.facet == "in_progress" and (call.live.is_closed or job.stopping.is_set()):
        record.settle(response)
        end_response(call, response, "failed", error=TurnFailure(_CLOSED).shown())
    elif response.facet == "in_progress":
        record.settle(response)
        end_response(call, response, "cancelled")
    elif response.facet == "cancelled":
        record.settle(response)
        call.storage.save(response)


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
