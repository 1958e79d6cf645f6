"""The life of a run: which state follows which, and what becomes of its steps and messages when it ends.

    queued → in_progress → completed, incomplete, failed
                         → requires_action → queued, cancelled
                         → cancelling → cancelled
    any of these → expired, ten minutes after it was made

Whoever follows the run is told of each, in the order of the published examples.
"""

from __future__ import annotations

from retinue.emulator.server.service import Call, server_sent_event
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.threads.thread_objects import ACTIVE, MESSAGES, RUNS, STEPS, steps_of, with_content

LIFETIME = 600
"""Seconds after which a run that is not over has expired (assistants guide)."""

DONE = server_sent_event("[DONE]", event="done")

_STEP_ENDS = {"cancelled": "cancelled", "failed": "failed", "expired": "expired"}
"""How a step ends that is under way when its run does; in any other case it is completed."""

_MESSAGE_ENDS = {"cancelled": "run_cancelled", "failed": "run_failed", "expired": "run_expired"}


def tell(call: Call, run: Stored, stored: Stored | None = None, *, state: str = "") -> None:
    """Publish what one of the objects of a run has become: ``thread.run.completed`` and so on."""
    shown = stored or run
    name = f"{shown.collection}.{state or shown.body['status']}"
    body = with_content(shown) if shown.collection == STEPS.object and run.hidden["include"] else shown.body
    call.publish(run.id, server_sent_event(body, event=name))


def move_run(call: Call, run: Stored, status: str, **members: object) -> None:
    """Bring a run into another state, and say so."""
    run.body["status"] = run.facet = status
    run.body.update(members)
    call.storage.save(run)
    tell(call, run)


def end_run(
    call: Call, run: Stored, status: str, *, error: JsonObject | None = None, reason: str | None = None
) -> None:
    """End a run, whatever of it is still under way included. ``error`` is why it failed, ``reason`` why it is
    incomplete. Nothing more comes for those who follow it."""
    _end_messages(call, run, status)
    _end_steps(call, run, status, error)
    run.expires_at = None
    members: JsonObject = {"required_action": None, "usage": run.hidden.get("usage") or _no_usage()}
    if status in ("completed", "cancelled", "failed"):
        members[f"{status}_at"] = call.now
    if status in ("completed", "incomplete"):
        members["expires_at"] = None
    if error is not None:
        members["last_error"] = error
    if reason is not None:
        members["incomplete_details"] = {"reason": reason}
    move_run(call, run, status, **members)
    finish_telling(call, run.id)


def finish_telling(call: Call, run_id: str) -> None:
    """The end of the streams that follow a run."""
    call.publish(run_id, DONE)
    call.end(run_id)


def expire_run(call: Call, run: Stored) -> None:
    """The clock has passed a run's ``expires_at``."""
    if run.facet in ACTIVE:
        end_run(call, run, "expired")
        call.stop(run.id)
    else:
        run.expires_at = None
        call.storage.save(run)


def _end_messages(call: Call, run: Stored, status: str) -> None:
    for message in call.storage.select(MESSAGES.object, parent=run.parent, facet=run.id):
        if message.body["status"] == "in_progress":
            end_message(call, run, message, reason=_MESSAGE_ENDS.get(status))


def end_message(call: Call, run: Stored, message: Stored, *, reason: str | None = None) -> None:
    """A message of a run is complete, or for a reason is not."""
    if reason is None:
        message.body.update(status="completed", completed_at=call.now)
    else:
        message.body.update(status="incomplete", incomplete_at=call.now, incomplete_details={"reason": reason})
    call.storage.save(message)
    tell(call, run, message)


def _end_steps(call: Call, run: Stored, status: str, error: JsonObject | None) -> None:
    for step in steps_of(call, run.id):
        if step.body["status"] == "in_progress":
            end_step(call, run, step, _STEP_ENDS.get(status, "completed"), error=error)


def end_step(
    call: Call, run: Stored, step: Stored, status: str = "completed", *, error: JsonObject | None = None
) -> None:
    """A step is over. Its usage is known from then on."""
    step.body["status"] = status
    step.body[f"{status}_at"] = call.now
    step.body["usage"] = step.hidden.get("usage") or _no_usage()
    if status == "failed" and error is not None:
        code = error["code"] if error["code"] in ("server_error", "rate_limit_exceeded") else "server_error"
        step.body["last_error"] = {**error, "code": code}
    call.storage.save(step)
    tell(call, run, step)


def _no_usage() -> JsonObject:
    return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def find_run(call: Call, thread_id: str, run_id: str) -> Stored | None:
    """A run that may be gone by now."""
    return call.storage.find(RUNS.object, run_id, parent=thread_id)
