"""Responses: a model is asked, followed, called off, and what it said is looked up again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from retinue.emulator.language_models.language_model import ModelError, Usage
from retinue.emulator.language_models.token_count import count_prompt
from retinue.emulator.models.model_table import EFFORTS, context_window, require_model
from retinue.emulator.responses.compaction import compaction_item, is_users, unfolded
from retinue.emulator.responses.input_items import input_param, keep_items, refuse_unmatched_calls
from retinue.emulator.responses.response_objects import (
    ACTIVE,
    EVENTS,
    ID_PREFIXES,
    INCLUDABLE,
    ITEMS,
    LIFETIME,
    RESPONSES,
    Kept,
    add_item,
    find_response,
    forget_response,
    included,
    item_list,
    items_of,
    refuse_if_locked,
    require_conversation,
    require_response,
    shown_item,
)
from retinue.emulator.responses.response_prompt import heard, prompt_of, read_chain, read_conversation
from retinue.emulator.responses.response_record import publish_event, shown_usage
from retinue.emulator.responses.response_tools import refuse_choice_of_nothing, shown_tools, tool_choice, tools
from retinue.emulator.responses.response_work import ANSWERING, end_response, result_channel
from retinue.emulator.responses.schema_strictness import refuse_loose_format, refuse_loose_tools
from retinue.emulator.server.api_errors import ApiError, invalid, missing_parameter
from retinue.emulator.server.collection import page
from retinue.emulator.server.live_events import Follower
from retinue.emulator.server.request_checks import (
    TYPE,
    Check,
    Field,
    any_object,
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
from retinue.emulator.turns.prompt_fit import ANSWER_SHARE

_format = variant(
    {
        "json_object": record({"type": TYPE}),
        "text": record({"type": TYPE}),
        "json_schema": record(
            {
                "type": TYPE,
                "name": Field(text(minimum=1, maximum=64, pattern="[a-zA-Z0-9_-]+"), required=True),
                "schema": Field(any_object, required=True),
                "description": text(),
                "strict": nullable(boolean),
            }
        ),
    }
)
_text = record({"format": _format, "verbosity": nullable(choice("low", "medium", "high"))})
_reasoning = record(
    {
        "effort": nullable(choice(*EFFORTS)),
        "summary": nullable(choice("concise", "detailed", "auto")),
        "generate_summary": nullable(choice("concise", "detailed", "auto")),
        "context": nullable(choice("auto", "current_turn", "all_turns")),
        "mode": text(),
    }
)
_conversation_object = record({"id": Field(text(), required=True)})
_prompt = record({"id": Field(text(), required=True), "version": nullable(text()), "variables": nullable(any_object)})


def _conversation(value: Any, at: str) -> str:
    return value if isinstance(value, str) else str(_conversation_object(value, at)["id"])


_counted: dict[str, Check | Field] = {
    "model": nullable(text(minimum=1)),
    "input": nullable(input_param),
    "previous_response_id": nullable(text()),
    "conversation": nullable(_conversation),
    "tools": nullable(tools),
    "tool_choice": nullable(tool_choice),
    "text": nullable(_text),
    "parallel_tool_calls": nullable(boolean),
    "reasoning": nullable(_reasoning),
    "truncation": nullable(choice("auto", "disabled")),
    "instructions": nullable(text()),
}

_fields = record(
    {
        **_counted,
        "prompt": nullable(_prompt),
        "include": nullable(array(choice(*INCLUDABLE))),
        "metadata": metadata,
        "temperature": nullable(number(0, 2)),
        "top_p": nullable(number(0, 1)),
        "stream": nullable(boolean),
        "stream_options": nullable(record({"include_obfuscation": boolean})),
        "background": nullable(boolean),
        "max_output_tokens": nullable(integer(16)),
        "max_tool_calls": nullable(integer(1)),
        "user": nullable(text()),
        "safety_identifier": nullable(text(maximum=64)),
        "prompt_cache_options": nullable(record({"mode": text(), "ttl": text()})),
        "prompt_cache_key": nullable(text()),
        "prompt_cache_retention": nullable(choice("in_memory", "24h")),
        "store": nullable(boolean),
        "service_tier": nullable(choice("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")),
        "top_logprobs": nullable(integer(0, 20)),
        "context_management": nullable(array(any_object, minimum=1)),
        "moderation": nullable(any_object),
    }
)
_compact_fields = record(
    {
        **{name: _counted[name] for name in ("model", "input", "previous_response_id", "instructions")},
        "prompt_cache_key": nullable(text(maximum=64)),
        "prompt_cache_options": nullable(any_object),
        "prompt_cache_retention": nullable(choice("in_memory", "24h")),
        "service_tier": nullable(choice("auto", "default", "fast", "flex", "priority")),
    }
)
_count_fields = record({**_counted, "personality": nullable(text())})

_TIERS = {"auto": "default", "fast": "priority"}
"""What the API shows for a tier that was asked for (the second published by users)."""


def _asked(call: Call) -> JsonObject:
    """What was said, with null for not said."""
    return {name: value for name, value in call.body.items() if value is not None}


def _create(call: Call) -> Answer:
    asked = _asked(call)
    if "model" not in asked:
        raise missing_parameter("model")
    _refuse_unfit(asked)
    refuse_loose_tools(asked.get("tools", []))
    refuse_loose_format(asked.get("text", {}))
    conversation, before = _continued(call, asked)
    if conversation is not None:
        refuse_if_locked(call, conversation)
    if "prompt" in asked:  # prompts are not hosted, so there is none of any id
        raise ApiError(404, f"Prompt with id '{asked['prompt']['id']}' not found.")
    given = keep_items(call, asked.get("input", []))
    refuse_unmatched_calls([body for body, _ in before], [body for body, _ in given])
    body = _new_body(call, asked)
    _refuse_too_long(call, body, before, given)
    if conversation is not None:
        conversation.hidden["response"] = body["id"]
        call.storage.save(conversation)
    return _start(call, _add_response(call, body, asked, given))


def _refuse_unfit(asked: JsonObject) -> None:
    if "previous_response_id" in asked and "conversation" in asked:  # published by users
        raise invalid(
            "Mutually exclusive parameters: ''. Ensure you are only providing one of: 'pre..._id' or 'conversation'.",
            code="mutually_exclusive_parameters",
        )
    if not any(each in asked for each in ("input", "previous_response_id", "prompt", "conversation")):
        raise invalid(
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.",
            code="missing_required_parameter",
        )
    if asked.get("background") and asked.get("store") is False:  # the rule is published, its wording is not
        raise invalid("Background mode requires 'store' to be true.", "store")


def _continued(call: Call, asked: JsonObject) -> tuple[Stored | None, list[Kept]]:
    """The conversation that the response belongs to, and what was said before."""
    if "conversation" in asked:
        conversation = require_conversation(call, asked["conversation"])
        return conversation, read_conversation(call, conversation.id)
    previous = asked.get("previous_response_id")
    if previous is None:
        return None, []
    stored = find_response(call, previous)
    if stored is None or not stored.body["store"]:  # published by users
        raise invalid(
            f"Previous response with id '{previous}' not found.", "previous_response_id", "previous_response_not_found"
        )
    return None, read_chain(call, previous)


def _new_body(call: Call, asked: JsonObject) -> JsonObject:
    chosen = asked.get("tool_choice", "auto")
    shown = shown_tools(call, asked.get("tools", []))
    refuse_choice_of_nothing(chosen, shown)
    is_background = asked.get("background", False)
    tier = asked.get("service_tier", "auto")
    body: JsonObject = {
        "id": call.new_id(RESPONSES.prefix),
        "object": RESPONSES.object,
        "created_at": call.now,
        "status": "queued" if is_background else "in_progress",
        "background": is_background,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "max_tool_calls": asked.get("max_tool_calls"),
        "model": require_model(asked.get("model", "gpt-5")),
        "output": [],
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
        "previous_response_id": asked.get("previous_response_id"),
        "prompt_cache_key": asked.get("prompt_cache_key"),
        "reasoning": {"effort": None, "summary": None, **asked.get("reasoning", {})},
        "safety_identifier": asked.get("safety_identifier"),
        "service_tier": _TIERS.get(tier, tier),
        "store": asked.get("store", True),
        "temperature": asked.get("temperature", 1.0),
        "text": {"format": {"type": "text"}, "verbosity": "medium", **asked.get("text", {})},
        "tool_choice": chosen,
        "tools": shown,
        "top_logprobs": asked.get("top_logprobs", 0),
        "top_p": asked.get("top_p", 1.0),
        "truncation": asked.get("truncation", "disabled"),
        "usage": None,
        "user": asked.get("user"),
        "metadata": asked.get("metadata", {}),
    }
    for name in ("prompt_cache_options", "prompt_cache_retention"):
        if name in asked:
            body[name] = asked[name]
    if "conversation" in asked:
        body["conversation"] = {"id": asked["conversation"]}
    return body


def _count(call: Call, body: JsonObject, before: list[Kept], given: list[Kept]) -> int:
    try:
        return count_prompt(prompt_of(body, heard(call, before, given)))
    except ModelError as error:
        raise invalid(str(error), "input") from None


def _refuse_too_long(call: Call, body: JsonObject, before: list[Kept], given: list[Kept]) -> None:
    """Without truncation a request that is too long fails (published description; wording published by users)."""
    if body["truncation"] == "auto":
        return
    window = call.services.language_model.window(body["model"]) or context_window(body["model"])
    if _count(call, body, before, given) > window - window // ANSWER_SHARE:
        raise invalid(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            "input",
            "context_length_exceeded",
        )


def _add_response(call: Call, body: JsonObject, asked: JsonObject, given: list[Kept]) -> Stored:
    keeps = bool(asked.get("stream") and body["background"])
    hidden = {
        "include": asked.get("include", []),
        "events": 0,
        "keeps_events": keeps,
        "worker": call.services.reserve() if keeps else "",
    }
    call.storage.insert(
        RESPONSES.object, body, facet="queued", hidden=hidden, expires_at=call.now + LIFETIME if body["store"] else None
    )
    for item, known in given:
        add_item(call, body["id"], item, known, facet="input")
    stored = find_response(call, body["id"])
    if stored is None:
        raise LookupError(body["id"])
    return stored


def _start(call: Call, response: Stored) -> Answer:
    """Have it done; the answer is the response, at once or when it is over, or the stream of what happens."""
    is_background, is_streamed = response.body["background"], bool(call.body.get("stream"))
    # Followed before anything is told, which happens once the transaction is over.
    followed = call.live.follow(response.id if is_streamed else result_channel(response.id))
    publish_event(call, response, "response.created", response=response.body)
    if is_background:
        publish_event(call, response, "response.queued", response=response.body)
    call.storage.save(response)
    call.enqueue(ANSWERING, {"response": response.id}, here=is_streamed or not is_background)

    def leave() -> None:
        """Who waits and leaves ends a response that is not in the background."""
        if not is_background:
            call.live.stop(response.id)

    if is_streamed:
        return Streamed(_pieces(followed, leave))
    if is_background:
        return response.body
    return Streamed(_pieces(followed, leave), media_type="application/json")


async def _pieces(follower: Follower, leave: Callable[[], None]) -> AsyncIterator[bytes]:
    try:
        async for piece in follower.pieces():
            yield piece
    finally:
        leave()


def _retrieve(call: Call) -> Answer:
    if call.query.get("stream") == "true":
        return _replay(call)
    asked, response = included(call), require_response(call)
    if not asked:
        return response.body
    hidden = {each.id: each.hidden for each in items_of(call, response.id, "output")}
    asked += response.hidden["include"]
    output = [shown_item(each, hidden.get(each["id"], {}), asked) for each in response.body["output"]]
    return {**response.body, "output": output}


def _replay(call: Call) -> Streamed:
    # Followed before anything is read: what happens from now on is heard, what happened before is stored.
    follower = call.live.follow(call.path["id"])
    response = require_response(call)
    if not response.hidden["keeps_events"]:  # the rule is published (background guide), its wording is not
        raise invalid("Only a response created with 'background' and 'stream' can be streamed again.", "stream")
    try:
        after = int(call.query.get("starting_after", "-1"))
    except ValueError:
        raise invalid("Invalid 'starting_after': expected an integer.", "starting_after", "invalid_type") from None
    events = [each.body["event"] for each in call.storage.select(EVENTS, parent=response.id)]
    last = events[-1]["sequence_number"] if events else -1
    pieces = [server_sent_event(each, event=each["type"]) for each in events if each["sequence_number"] > after]
    is_here = response.hidden["worker"] == call.services.reserve()
    is_over = response.facet not in ACTIVE or not is_here
    return Streamed(_stored_and_live(pieces, None if is_over else follower, max(last, after)))


async def _stored_and_live(pieces: Sequence[bytes], follower: Follower | None, last: int) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if follower is not None:
        async for piece in follower.pieces():
            if json.loads(piece.partition(b"data: ")[2])["sequence_number"] > last:
                yield piece


def _delete(call: Call) -> JsonObject:
    response = require_response(call)
    forget_response(call, response)
    return {"id": response.id, "object": RESPONSES.object, "deleted": True}


def _cancel(call: Call) -> JsonObject:
    """Once more changes nothing (background guide)."""
    response = require_response(call)
    if not response.body["background"]:  # published by users
        raise invalid("Cannot cancel a synchronous response.")
    if response.facet in ACTIVE:
        end_response(call, response, "cancelled")
        call.stop(response.id)
    return response.body


def _list_input(call: Call) -> Answer:
    asked, response = included(call), require_response(call)
    listed = page(call, ITEMS.object, parent=response.id, facet="input")
    return shown_page(call, listed, response.id, asked)


def shown_page(call: Call, listed: Rendered, parent: str, asked: Sequence[str]) -> Answer:
    """A page of items with what is shown on demand."""
    if not asked:
        return listed
    body = json.loads(listed.content)
    hidden = {each.id: each.hidden for each in items_of(call, parent)}
    data = [shown_item(each, hidden.get(each["id"], {}), asked) for each in body["data"]]
    return item_list(data, has_more=body["has_more"])


def _count_tokens(call: Call) -> JsonObject:
    asked = _asked(call)
    _, before = _continued(call, asked)
    given = keep_items(call, asked.get("input", []))
    return {"object": "response.input_tokens", "input_tokens": _count(call, _new_body(call, asked), before, given)}


def _compact(call: Call) -> JsonObject:
    asked = _asked(call)
    if "model" not in asked:
        raise missing_parameter("model")
    _refuse_unfit(asked)
    _, before = _continued(call, asked)
    given = keep_items(call, asked.get("input", []))
    refuse_unmatched_calls([body for body, _ in before], [body for body, _ in given])
    said = list(unfolded((*before, *given)))
    kept = compaction_item(call.new_id(ID_PREFIXES["compaction"]), (each for each in said if not is_users(each[0])))
    return {
        "id": call.new_id(RESPONSES.prefix),
        "object": "response.compaction",
        "created_at": call.now,
        "output": [*(body for body, _ in said if is_users(body)), kept],
        "usage": shown_usage(Usage(_count(call, _new_body(call, asked), before, given), 0)),
    }


_ONE = "/responses/{id}"

ENDPOINTS = (
    Endpoint("POST", "/responses", _create, body=_fields),
    Endpoint("POST", "/responses/input_tokens", _count_tokens, body=_count_fields),
    Endpoint("POST", "/responses/compact", _compact, body=_compact_fields),
    Endpoint("GET", _ONE, _retrieve, reserved=("compact", "input_tokens")),
    Endpoint("DELETE", _ONE, _delete),
    Endpoint("POST", f"{_ONE}/cancel", _cancel, body=record({})),
    Endpoint("GET", f"{_ONE}/input_items", _list_input),
)
