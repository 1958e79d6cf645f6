"""Messages of a thread: texts and pictures, with files attached to them for the tools of the thread."""

from __future__ import annotations

from typing import Any

from retinue.emulator.files.stored_files import require_file
from retinue.emulator.server.collection import asked_changes, create, require, standard_endpoints
from retinue.emulator.server.quirks import ASSISTANTS as ASSISTANTS_BETA
from retinue.emulator.server.request_checks import (
    TYPE,
    Check,
    Field,
    array,
    choice,
    metadata,
    nullable,
    record,
    text,
    variant,
)
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.threads.thread_objects import (
    EXPIRY,
    MESSAGES,
    new_message,
    refuse_messages_if_locked,
    require_thread,
)
from retinue.emulator.vector_stores.store_endpoints import STORES, add_store, touch
from retinue.emulator.vector_stores.store_index import attach

_LONGEST = 256_000
"""Characters of a message."""

_detail = choice("auto", "low", "high")
_part = variant(
    {
        "text": record({"type": TYPE, "text": Field(text(maximum=_LONGEST), required=True)}),
        "image_file": record(
            {
                "type": TYPE,
                "image_file": Field(
                    record({"file_id": Field(text(), required=True), "detail": _detail}), required=True
                ),
            }
        ),
        "image_url": record(
            {
                "type": TYPE,
                "image_url": Field(record({"url": Field(text(), required=True), "detail": _detail}), required=True),
            }
        ),
    }
)
_parts = array(_part, minimum=1)


def _content(value: Any, at: str) -> list[Any]:
    if isinstance(value, str):
        return [{"type": "text", "text": text(maximum=_LONGEST)(value, at)}]
    parts: list[Any] = _parts(value, at)
    return parts


_attachment_tool = variant({"code_interpreter": record({"type": TYPE}), "file_search": record({"type": TYPE})})

message_fields: Check = record(
    {
        "role": Field(choice("user", "assistant"), required=True),
        "content": Field(_content, required=True),
        "attachments": nullable(
            array(
                record(
                    {
                        "file_id": Field(text(), required=True),
                        "tools": Field(array(_attachment_tool), required=True),
                    }
                )
            )
        ),
        "metadata": metadata,
    }
)
"""What ``POST /threads/{id}/messages`` takes, and threads and runs for the messages they bring along."""


def add_message(call: Call, thread: Stored, asked: JsonObject) -> JsonObject:
    """Store a message, and give its attachments to the tools of the thread (which is saved)."""
    attachments = asked.get("attachments") or []
    for each in attachments:
        require_file(call, each["file_id"], param="attachments")
        for tool in each["tools"]:
            if tool["type"] == "code_interpreter":
                _give_to_code(thread, each["file_id"])
            else:
                _give_to_search(call, thread, each["file_id"])
    if attachments:
        call.storage.save(thread)
    message = new_message(
        call,
        thread.id,
        role=asked["role"],
        content=[_shown_part(call, each) for each in asked["content"]],
        attachments=attachments,
        metadata=asked.get("metadata"),
    )
    return create(call, MESSAGES, message, parent=thread.id)


def _shown_part(call: Call, part: JsonObject) -> JsonObject:
    if part["type"] == "text":
        return {"type": "text", "text": {"value": part["text"], "annotations": []}}
    kind = part["type"]
    if kind == "image_file":
        require_file(call, part[kind]["file_id"], param="content")
    return {"type": kind, kind: {"detail": "auto", **part[kind]}}


def _give_to_code(thread: Stored, file_id: str) -> None:
    ids = thread.body["tool_resources"].setdefault("code_interpreter", {"file_ids": []})["file_ids"]
    if file_id not in ids:
        ids.append(file_id)


def _give_to_search(call: Call, thread: Stored, file_id: str) -> None:
    """Into the thread's own store, made for its first attachment, which expires when nobody uses it; then anew."""
    resources = thread.body["tool_resources"]
    ids = resources.get("file_search", {}).get("vector_store_ids")
    if not ids or require(call, STORES, ids[0]).body["status"] == "expired":
        ids = [add_store(call, {"expires_after": EXPIRY})["id"]]
        resources["file_search"] = {"vector_store_ids": ids}
    store = require(call, STORES, ids[0])
    attach(call, store, file_id, strategy=None, attributes={})
    touch(call, store)


def _create(call: Call) -> JsonObject:
    thread = require_thread(call)
    refuse_messages_if_locked(call, thread.id)
    return add_message(call, thread, call.body)


def _update(call: Call, stored: Stored) -> None:
    stored.body.update(asked_changes(call, stored))


ENDPOINTS = standard_endpoints(
    MESSAGES,
    "/threads/{id}/messages",
    create=_create,
    creates=message_fields,
    update=_update,
    updates=record({"metadata": metadata}),
    beta=ASSISTANTS_BETA,
    id_name="message_id",
    parent=lambda call: require_thread(call).id,
    narrow=lambda call: {"facet": call.query.get("run_id")},
)
