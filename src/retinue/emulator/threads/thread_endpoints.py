"""Threads: conversations, with what their tools work on. There is no list of them, as in the API."""

from __future__ import annotations

from retinue.emulator.assistants.assistant_tools import (
    search_on_create,
    search_on_update,
    set_resources,
    tool_resources,
)
from retinue.emulator.server.collection import asked_changes, create, require, standard_endpoints
from retinue.emulator.server.quirks import ASSISTANTS as ASSISTANTS_BETA
from retinue.emulator.server.request_checks import Check, array, metadata, record
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.threads.message_endpoints import add_message, message_fields
from retinue.emulator.threads.thread_objects import EXPIRY, MESSAGES, RUNS, STEPS, THREADS

_PATH = "/threads"

thread_fields: Check = record(
    {"messages": array(message_fields), "tool_resources": tool_resources(search_on_create), "metadata": metadata}
)


def add_thread(call: Call, asked: JsonObject) -> Stored:
    """Store a thread with the messages it begins with."""
    body: JsonObject = {
        "id": call.new_id(THREADS.prefix),
        "object": THREADS.object,
        "created_at": call.now,
        "metadata": asked.get("metadata", {}),
        "tool_resources": {},
    }
    set_resources(call, body, asked.get("tool_resources") or {}, expiry=EXPIRY)
    create(call, THREADS, body)
    thread = require(call, THREADS, body["id"])
    for message in asked.get("messages", []):
        add_message(call, thread, message)
    return thread


def _update(call: Call, stored: Stored) -> None:
    asked = asked_changes(call, stored)
    if "metadata" in asked:
        stored.body["metadata"] = asked["metadata"]
    set_resources(call, stored.body, asked.get("tool_resources") or {})


def _forget(call: Call, thread: Stored) -> None:
    """Everything in it goes too, a run that is under way is told to stop; its vector store stays until it expires."""
    for run in call.storage.select(RUNS.object, parent=thread.id):
        call.storage.remove_all(STEPS.object, run.id)
        call.stop(run.id)
    call.storage.remove_all(RUNS.object, thread.id)
    call.storage.remove_all(MESSAGES.object, thread.id)


ENDPOINTS = tuple(
    each
    for each in standard_endpoints(
        THREADS,
        _PATH,
        create=lambda call: add_thread(call, call.body).body,
        creates=thread_fields,
        update=_update,
        updates=record({"tool_resources": tool_resources(search_on_update), "metadata": metadata}),
        beta=ASSISTANTS_BETA,
        reserved=("runs",),
        forget=_forget,
    )
    if (each.method, each.path) != ("GET", _PATH)
)
