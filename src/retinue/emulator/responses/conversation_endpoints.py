"""Conversations: what was said, item by item, for responses to go on with. There is no list of them, as in the API."""

from __future__ import annotations

from typing import Any

from retinue.emulator.responses.input_items import MOST_ITEMS, input_item, keep_items
from retinue.emulator.responses.response_endpoints import shown_page
from retinue.emulator.responses.response_objects import (
    CONVERSATIONS,
    ITEMS,
    add_item,
    included,
    item_list,
    no_such_item,
    require_conversation,
    shown_item,
)
from retinue.emulator.server.collection import asked_changes, create, deletion, page
from retinue.emulator.server.request_checks import Field, array, metadata, nullable, record
from retinue.emulator.server.service import Answer, Call, Endpoint
from retinue.emulator.server.storage import JsonObject, Stored

_items = array(input_item, maximum=MOST_ITEMS)


def _create(call: Call) -> JsonObject:
    body: JsonObject = {
        "id": call.new_id(CONVERSATIONS.prefix),
        "object": CONVERSATIONS.object,
        "created_at": call.now,
        "metadata": call.body.get("metadata", {}),
    }
    create(call, CONVERSATIONS, body)
    _add(call, body["id"], call.body.get("items") or [])
    return body


def _add(call: Call, conversation_id: str, asked: list[Any]) -> list[JsonObject]:
    kept = keep_items(call, asked, at="items")
    for body, hidden in kept:
        if call.storage.find(ITEMS.object, body["id"], parent=conversation_id) is None:
            add_item(call, conversation_id, body, hidden)
    return [body for body, _ in kept]


def _require(call: Call) -> Stored:
    return require_conversation(call, call.path["id"])


def _update(call: Call) -> JsonObject:
    conversation = _require(call)
    conversation.body.update(asked_changes(call, conversation))
    call.storage.save(conversation)
    return conversation.body


def _delete(call: Call) -> JsonObject:
    """Items in the conversation are not deleted (published description)."""
    conversation = _require(call)
    call.remove(conversation)
    return deletion(CONVERSATIONS, conversation.id)


def _create_items(call: Call) -> JsonObject:
    included(call)
    return item_list(_add(call, _require(call).id, call.body["items"]))


def _list_items(call: Call) -> Answer:
    asked, conversation = included(call), _require(call)
    return shown_page(call, page(call, ITEMS.object, parent=conversation.id), conversation.id, asked)


def _require_item(call: Call) -> Stored:
    conversation = _require(call)
    stored = call.storage.find(ITEMS.object, call.path["item_id"], parent=conversation.id)
    if stored is None:
        raise no_such_item(call.path["item_id"])
    return stored


def _retrieve_item(call: Call) -> JsonObject:
    asked, item = included(call), _require_item(call)
    return shown_item(item.body, item.hidden, asked) if asked else item.body


def _delete_item(call: Call) -> JsonObject:
    """The answer is the conversation (published description)."""
    call.storage.remove(_require_item(call))
    return _require(call).body


_ONE = "/conversations/{id}"

ENDPOINTS = (
    Endpoint("POST", "/conversations", _create, body=record({"metadata": metadata, "items": nullable(_items)})),
    Endpoint("GET", _ONE, lambda call: _require(call).body),
    Endpoint("POST", _ONE, _update, body=record({"metadata": Field(metadata, required=True)})),
    Endpoint("DELETE", _ONE, _delete),
    Endpoint("POST", f"{_ONE}/items", _create_items, body=record({"items": Field(_items, required=True)})),
    Endpoint("GET", f"{_ONE}/items", _list_items),
    Endpoint("GET", f"{_ONE}/items/{{item_id}}", _retrieve_item),
    Endpoint("DELETE", f"{_ONE}/items/{{item_id}}", _delete_item),
)
