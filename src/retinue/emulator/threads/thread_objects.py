"""Threads, messages, runs and steps as they are stored, and what each needs to know of the others."""

from __future__ import annotations

import copy
from typing import Any

from retinue.emulator.server.api_errors import invalid
from retinue.emulator.server.collection import Collection, require
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject, Stored

THREADS = Collection("thread", "thread_", "thread", "thread_id", checks_prefix=False)
MESSAGES = Collection("thread.message", "msg_", "message", "message_id", checks_prefix=False)
"""Its parent is the thread, its facet the run that made it."""
RUNS = Collection("thread.run", "run_", "run", "run_id", checks_prefix=False)
"""Its parent is the thread, its facet the status."""
STEPS = Collection("thread.run.step", "step_", "run step", "step_id", checks_prefix=False)
"""Its parent is the run."""

ACTIVE = ("queued", "in_progress", "requires_action", "cancelling")
"""States in which a run keeps its thread locked: no message and no other run can be added (assistants guide)."""

EXPIRY = {"anchor": "last_active_at", "days": 7}
"""Of a vector store that is made with a thread or for an attachment (file search guide)."""


def require_thread(call: Call) -> Stored:
    """The thread of the path."""
    return require(call, THREADS, call.path["id"])


def require_run(call: Call) -> Stored:
    """The run of the path."""
    return require(call, RUNS, call.path["run_id"], parent=require_thread(call).id)


def active_run(call: Call, thread_id: str) -> Stored | None:
    """The run that keeps the thread locked."""
    found = (call.storage.select(RUNS.object, parent=thread_id, facet=status) for status in ACTIVE)
    return next((run for runs in found for run in runs), None)


def refuse_messages_if_locked(call: Call, thread_id: str) -> None:
    """In the words of the API (published in many reports, such as openai/openai-python#1023)."""
    if run := active_run(call, thread_id):
        raise invalid(f"Can't add messages to {thread_id} while a run {run.id} is active.")


def refuse_run_if_locked(call: Call, thread_id: str) -> None:
    """In the words of the API (published in many reports)."""
    if run := active_run(call, thread_id):
        raise invalid(f"Thread {thread_id} already has an active run {run.id}.")


def steps_of(call: Call, run_id: str) -> list[Stored]:
    """The steps of a run, in their order."""
    return call.storage.select(STEPS.object, parent=run_id)


def with_content(step: Stored) -> JsonObject:
    """A step with the texts that file_search found, which are shown when they are asked for."""
    body = copy.deepcopy(step.body)
    for each in body["step_details"].get("tool_calls", []):
        texts = step.hidden["content"].get(each["id"], []) if each["type"] == "file_search" else []
        for result, text in zip(each.get("file_search", {}).get("results", []), texts, strict=False):
            result["content"] = [{"type": "text", "text": text}]
    return body


def new_message(
    call: Call,
    thread_id: str,
    *,
    role: str,
    content: list[Any],
    status: str = "completed",
    run: Stored | None = None,
    attachments: list[Any] | None = None,
    metadata: JsonObject | None = None,
) -> JsonObject:
    """A message, not stored yet."""
    return {
        "id": call.new_id(MESSAGES.prefix),
        "object": MESSAGES.object,
        "created_at": call.now,
        "assistant_id": run.body["assistant_id"] if run else None,
        "thread_id": thread_id,
        "run_id": run.id if run else None,
        "status": status,
        "incomplete_details": None,
        "incomplete_at": None,
        "completed_at": call.now if status == "completed" else None,
        "role": role,
        "content": content,
        "attachments": attachments or [],
        "metadata": metadata or {},
    }
