"""Runs: an assistant is set to work on a thread, is followed, cancelled, and told what its functions came to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from retinue.emulator.assistants.assistant_endpoints import ASSISTANTS
from retinue.emulator.assistants.assistant_tools import (
    response_format,
    search_on_update,
    shown_tool,
    tool,
    tool_resources,
)
from retinue.emulator.models.model_table import EFFORTS, require_model
from retinue.emulator.server.api_errors import invalid
from retinue.emulator.server.collection import asked_changes, create, page, require, retrieve
from retinue.emulator.server.live_events import Follower
from retinue.emulator.server.quirks import ASSISTANTS as ASSISTANTS_BETA
from retinue.emulator.server.request_checks import (
    TYPE,
    Check,
    Field,
    array,
    boolean,
    choice,
    integer,
    metadata,
    nullable,
    number,
    record,
    text,
    variant,
)
from retinue.emulator.server.service import Answer, Call, Endpoint, Rendered, Streamed, server_sent_event
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.threads.message_endpoints import add_message, message_fields
from retinue.emulator.threads.run_record import waiting_calls
from retinue.emulator.threads.run_states import LIFETIME, end_run, end_step, move_run
from retinue.emulator.threads.run_work import RUNNING
from retinue.emulator.threads.thread_endpoints import add_thread, thread_fields
from retinue.emulator.threads.thread_objects import (
    ACTIVE,
    RUNS,
    refuse_run_if_locked,
    require_run,
    require_thread,
    steps_of,
)

CONTENT = "step_details.tool_calls[*].file_search.results[*].content"
"""What ``include[]`` can ask for: the texts that file_search found."""

_named = record({"name": Field(text(minimum=1), required=True)})
_tool_object = variant(
    {
        "function": record({"type": TYPE, "function": Field(_named, required=True)}),
        "code_interpreter": record({"type": TYPE}),
        "file_search": record({"type": TYPE}),
    }
)
_tool_word = choice("none", "auto", "required")


def _tool_choice(value: Any, at: str) -> Any:
    return _tool_word(value, at) if isinstance(value, str) else _tool_object(value, at)


_shared: dict[str, Check | Field] = {
    "assistant_id": Field(text(), required=True),
    "model": nullable(text(minimum=1)),
    "instructions": nullable(text(maximum=256_000)),
    "tools": nullable(array(tool, maximum=20)),
    "metadata": metadata,
    "temperature": nullable(number(0, 2)),
    "top_p": nullable(number(0, 1)),
    "stream": nullable(boolean),
    "max_prompt_tokens": nullable(integer(256)),
    "max_completion_tokens": nullable(integer(256)),
    "truncation_strategy": nullable(
        record({"type": Field(choice("auto", "last_messages"), required=True), "last_messages": nullable(integer(1))})
    ),
    "tool_choice": nullable(_tool_choice),
    "parallel_tool_calls": boolean,
    "response_format": nullable(response_format),
}

_run_fields = record(
    {
        **_shared,
        "reasoning_effort": nullable(choice(*EFFORTS)),
        "additional_instructions": nullable(text(maximum=256_000)),
        "additional_messages": nullable(array(message_fields)),
    }
)
_thread_and_run_fields = record(
    {**_shared, "thread": thread_fields, "tool_resources": tool_resources(search_on_update)}
)

_outputs = record(
    {
        "tool_outputs": Field(array(record({"tool_call_id": text(), "output": text()})), required=True),
        "stream": nullable(boolean),
    }
)


def _create(call: Call) -> Answer:
    thread = require_thread(call)
    refuse_run_if_locked(call, thread.id)
    assistant = require(call, ASSISTANTS, call.body["assistant_id"])
    for each in call.body.get("additional_messages") or []:
        add_message(call, thread, each)
    return _start(call, _add_run(call, thread, assistant))


def _create_with_thread(call: Call) -> Answer:
    assistant = require(call, ASSISTANTS, call.body["assistant_id"])
    thread = add_thread(call, call.body.get("thread", {}))
    return _start(call, _add_run(call, thread, assistant), thread)


def _add_run(call: Call, thread: Stored, assistant: Stored) -> Stored:
    """Store a run: what the assistant is, unless the request says otherwise."""
    asked = {name: value for name, value in call.body.items() if value is not None}
    has = assistant.body
    instructions = [asked.get("instructions", has["instructions"]), asked.get("additional_instructions")]
    strategy = asked.get("truncation_strategy", {"type": "auto"})
    body: JsonObject = {
        "id": call.new_id(RUNS.prefix),
        "object": RUNS.object,
        "created_at": call.now,
        "assistant_id": assistant.id,
        "thread_id": thread.id,
        "status": "queued",
        "started_at": None,
        "expires_at": call.now + LIFETIME,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": None,
        "required_action": None,
        "last_error": None,
        "model": require_model(str(asked.get("model", has["model"]))),
        "instructions": "\n".join(each for each in instructions if each),
        "tools": [shown_tool(each) for each in asked["tools"]] if "tools" in asked else has["tools"],
        "metadata": asked.get("metadata", {}),
        "temperature": asked.get("temperature", has["temperature"]),
        "top_p": asked.get("top_p", has["top_p"]),
        "max_completion_tokens": asked.get("max_completion_tokens"),
        "max_prompt_tokens": asked.get("max_prompt_tokens"),
        "truncation_strategy": {"type": strategy["type"], "last_messages": strategy.get("last_messages")},
        "incomplete_details": None,
        "usage": None,
        "response_format": asked.get("response_format", has["response_format"]),
        "tool_choice": asked.get("tool_choice", "auto"),
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
    }
    hidden = {
        "resources": {**has["tool_resources"], **asked.get("tool_resources", {})},
        "reasoning_effort": asked.get("reasoning_effort", has.get("reasoning_effort")),
        "include": CONTENT in included(call),
    }
    create(call, RUNS, body, parent=thread.id, facet="queued", hidden=hidden, expires_at=body["expires_at"])
    return require(call, RUNS, body["id"], parent=thread.id)


def included(call: Call) -> list[str]:
    """What the query asks for with ``include[]``. Raises ApiError for what there is not."""
    asked = [value for name, value in call.asked if name in ("include[]", "include")]
    for each in asked:
        choice(CONTENT)(each, "include[]")
    return asked


def _start(call: Call, run: Stored, thread: Stored | None = None) -> Answer:
    """Have the run done; the answer is the run, or the stream of what happens."""
    first = [server_sent_event(run.body, event=f"thread.run.{each}") for each in ("created", "queued")]
    if thread is not None:
        first.insert(0, server_sent_event(thread.body, event="thread.created"))
    return _enqueue(call, run, first)


def _enqueue(call: Call, run: Stored, first: Sequence[bytes]) -> Answer:
    is_followed = bool(call.body.get("stream"))
    call.enqueue(RUNNING, {"thread": run.parent, "run": run.id}, here=is_followed)
    return Streamed(_stream(first, call.live.follow(run.id))) if is_followed else run.body


async def _stream(first: Sequence[bytes], follower: Follower) -> AsyncIterator[bytes]:
    for piece in first:
        yield piece
    async for piece in follower.pieces():
        yield piece


def _list(call: Call) -> Rendered:
    return page(call, RUNS.object, parent=require_thread(call).id)


def _retrieve(call: Call) -> Answer:
    return shown(retrieve(call, RUNS, call.path["run_id"], parent=require_thread(call).id).body)


def shown(body: JsonObject) -> Answer:
    """A run as a poll sees it: while it is at work the API may say when to look again, which here is soon."""
    if body["status"] not in ("queued", "in_progress", "cancelling"):
        return body
    return Rendered(json.dumps(body, ensure_ascii=False).encode(), headers={"openai-poll-after-ms": "50"})


def _update(call: Call) -> JsonObject:
    run = require_run(call)
    run.body.update(asked_changes(call, run))
    call.storage.save(run)
    return run.body


def _cancel(call: Call) -> JsonObject:
    """A run that is at work stops as soon as it hears of it; one that is not is cancelled at once."""
    run = require_run(call)
    if run.facet not in ACTIVE:
        raise invalid(f"Cannot cancel run with status '{run.facet}'.")
    if run.facet == "in_progress":
        move_run(call, run, "cancelling")
        call.stop(run.id)
    elif run.facet != "cancelling":
        end_run(call, run, "cancelled")
    return run.body


def _submit(call: Call) -> Answer:
    run = require_run(call)
    if run.facet != "requires_action":
        raise invalid(f'Runs in status "{run.facet}" do not accept tool outputs.')
    step = next(each for each in steps_of(call, run.id) if each.body["status"] == "in_progress")
    wanted = [each["id"] for each in waiting_calls(step)]
    given = {each.get("tool_call_id", ""): each.get("output", "") for each in call.body["tool_outputs"]}
    if sorted(given) != sorted(wanted):
        raise invalid(f"Expected tool outputs for call_ids {wanted}, got {list(given)}", "tool_outputs")
    for each in step.body["step_details"]["tool_calls"]:
        if each["id"] in given:
            each["function"]["output"] = given[each["id"]]
    follower = call.live.follow(run.id) if call.body.get("stream") else None
    end_step(call, run, step)
    move_run(call, run, "queued", required_action=None)
    call.enqueue(RUNNING, {"thread": run.parent, "run": run.id}, here=follower is not None)
    return Streamed(_stream([], follower)) if follower is not None else run.body


_RUN = "/threads/{id}/runs/{run_id}"

ENDPOINTS = (
    Endpoint("POST", "/threads/runs", _create_with_thread, body=_thread_and_run_fields, beta=ASSISTANTS_BETA),
    Endpoint("POST", "/threads/{id}/runs", _create, body=_run_fields, beta=ASSISTANTS_BETA),
    Endpoint("GET", "/threads/{id}/runs", _list, beta=ASSISTANTS_BETA),
    Endpoint("GET", _RUN, _retrieve, beta=ASSISTANTS_BETA),
    Endpoint("POST", _RUN, _update, body=record({"metadata": metadata}), beta=ASSISTANTS_BETA),
    Endpoint("POST", f"{_RUN}/cancel", _cancel, body=record({}), beta=ASSISTANTS_BETA),
    Endpoint("POST", f"{_RUN}/submit_tool_outputs", _submit, body=_outputs, beta=ASSISTANTS_BETA),
)
