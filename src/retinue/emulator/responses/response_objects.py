"""Responses, conversations and the items of both as they are stored, and what each needs to know of the others.

An item is stored with the response that it went into or came from, and once more with the conversation that it belongs
to. What the account knows of an item and does not show, such as the results of a search, is hidden beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retinue.emulator.server.api_errors import ApiError, invalid
from retinue.emulator.server.collection import Collection
from retinue.emulator.server.request_checks import choice
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject, Stored

RESPONSES = Collection("response", "resp_", "response", "response_id", checks_prefix=False)
"""Its facet says how far the work is: ``queued`` until a worker begins, whatever the shown status, then the status."""
CONVERSATIONS = Collection("conversation", "conv_", "conversation", "conversation_id", checks_prefix=False)
ITEMS = Collection("response.item", "msg_", "item", "item_id", checks_prefix=False)
"""Its parent is the response or the conversation, its facet in a response ``input`` or ``output``."""
EVENTS = "response.event"
"""The collection of the events of responses in the background that are streamed: those can be asked for again."""

LIFETIME = 30 * 86_400
"""Seconds that a response is kept (conversation state guide). Items of a conversation are not subject to it."""

ACTIVE = ("queued", "in_progress")

INCLUDABLE = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)
"""What ``include`` may ask for, in the order of the API's refusals (published by users)."""

_HIDDEN_MEMBERS = {
    "file_search_call": ("file_search_call.results", "results"),
    "code_interpreter_call": ("code_interpreter_call.outputs", "outputs"),
}
"""Which member of an item is shown on demand only, and by which name it is asked for."""

Kept = tuple[JsonObject, JsonObject]
"""An item as it is shown, and what is hidden beside it."""

ID_PREFIXES = {
    "message": "msg_",
    "function_call": "fc_",
    "function_call_output": "fco_",
    "file_search_call": "fs_",
    "code_interpreter_call": "ci_",
    "reasoning": "rs_",
    "compaction": "cmp_",
}
"""Published examples, but for that of a function's output, which is assumed."""


def find_response(call: Call, response_id: str) -> Stored | None:
    """A response that may be gone by now, or is not kept."""
    return call.storage.find(RESPONSES.object, response_id)


def require_response(call: Call) -> Stored:
    """The response of the path. One that is not stored (``store: false``) is there for nobody."""
    stored = find_response(call, call.path["id"])
    if stored is None or not stored.body["store"]:
        raise ApiError(404, f"Response with id '{call.path['id']}' not found.")
    return stored


def require_conversation(call: Call, conversation_id: str) -> Stored:
    """Wording as published by users, for the path and for ``conversation`` of a response alike."""
    stored = call.storage.find(CONVERSATIONS.object, conversation_id)
    if stored is None:
        raise ApiError(404, f"Conversation with id '{conversation_id}' not found.")
    return stored


def refuse_if_locked(call: Call, conversation: Stored) -> None:
    """One response at a time works on a conversation (wording and code published by users)."""
    current = find_response(call, conversation.hidden.get("response", ""))
    if current is not None and current.facet in ACTIVE:
        raise invalid(
            "Another process is currently operating on this conversation. Please retry in a few seconds.",
            "conversation",
            "conversation_locked",
        )


def no_such_item(item_id: str, param: str | None = None) -> ApiError:
    """Published by users."""
    return ApiError(404, f"Item with id '{item_id}' not found.", param=param)


def find_item(call: Call, item_id: str) -> Stored | None:
    """An item of any response or conversation that is stored."""
    return next(iter(call.storage.select(ITEMS.object, id=item_id)), None)


def items_of(call: Call, parent: str, facet: str | None = None) -> list[Stored]:
    """The items of a response or a conversation, in their order."""
    narrowed = {} if facet is None else {"facet": facet}
    return call.storage.select(ITEMS.object, parent=parent, **narrowed)


def add_item(call: Call, parent: str, body: JsonObject, hidden: JsonObject | None = None, facet: str = "") -> None:
    call.storage.insert(ITEMS.object, body, parent=parent, facet=facet, hidden=hidden)


def forget_response(call: Call, response: Stored) -> None:
    """A response goes with its items; those that went into a conversation stay there."""
    call.storage.remove_all(ITEMS.object, response.id)
    call.storage.remove_all(EVENTS, response.id)
    call.storage.remove(response)
    call.stop(response.id)


def included(call: Call) -> list[str]:
    """What the query asks for with ``include``. Raises ApiError for what there is not."""
    asked = [value for name, value in call.asked if name in ("include[]", "include")]
    return [choice(*INCLUDABLE)(each, f"include[{index}]") for index, each in enumerate(asked)]


def shown_item(body: JsonObject, hidden: JsonObject, include: Sequence[str]) -> JsonObject:
    """An item with those of its members that are shown on demand only."""
    asked_as, member = _HIDDEN_MEMBERS.get(body["type"], ("", ""))
    if not member or member not in hidden:
        return body
    return {**body, member: hidden[member] if asked_as in include else None}


def item_list(data: list[Any], *, has_more: bool = False) -> JsonObject:
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }
