"""Automations (Agents API v1): schedules that would start sessions. There are no sessions, so none ever runs.

From the types of the openai package. A one-time automation is completed once its moment has passed. Not known, and
chosen here: pausing what is paused and resuming what is active changes nothing; pausing, resuming or putting off what
is completed is a conflict; a target in an existing session is refused, there being none.
"""

from __future__ import annotations

from typing import Any

from retinue.local.automation_targets import shown_target, target
from retinue.local.collection import Collection, Narrowing, create, replaced_pairs, require, standard_endpoints
from retinue.local.endpoint import Call, Endpoint, Rendered
from retinue.local.errors import conflict, invalid, missing_parameter, unknown_parameter
from retinue.local.pages import page
from retinue.local.quirks import AGENTS as BETA
from retinue.local.schedules import cron, timezone
from retinue.local.storage import JsonObject, Stored
from retinue.local.validate import Check, Field, choice, integer, record, required_pairs, text

AUTOMATIONS = Collection("agent.automation", "automation_", "automation", "automation_id", checks_prefix=False)
INVOCATION = "agent.automation.invocation"

_PATH = "/agents/automations"
_SCHEDULE = {"periodic": ("expression", "timezone"), "once": ("run_at",)}
_changing: dict[str, Field | Check] = {
    "name": text(minimum=1, maximum=256),
    "expression": cron,
    "timezone": timezone,
    "run_at": integer(),
    "target": target,
    "metadata": required_pairs,
}
_new = record(
    {
        **_changing,
        "type": Field(choice(*_SCHEDULE), required=True),
        "name": Field(text(minimum=1, maximum=256), required=True),
        "target": Field(target, required=True),
    }
)


def _creates(value: Any, at: str) -> Any:
    asked = _new(value, at)
    _refuse_other_schedule(asked["type"], asked)
    for name in _SCHEDULE[asked["type"]]:
        if name not in asked:
            raise missing_parameter(name)
    return asked


def _refuse_other_schedule(kind: str, asked: JsonObject) -> None:
    for other in _SCHEDULE:
        for name in _SCHEDULE[other]:
            if other != kind and name in asked:
                raise unknown_parameter(name)


def _require_future(call: Call, run_at: int) -> None:
    if run_at <= call.now:
        raise invalid("Invalid 'run_at': expected a moment in the future.", "run_at", "invalid_value")


def _create(call: Call) -> JsonObject:
    asked = call.body
    schedule = {name: asked[name] for name in _SCHEDULE[asked["type"]]}
    if "run_at" in asked:
        _require_future(call, asked["run_at"])
    body: JsonObject = {
        "id": call.new_id(AUTOMATIONS.prefix),
        "object": AUTOMATIONS.object,
        "type": asked["type"],
        "created_at": call.now,
        "created_by": {"type": "developer"},
        "name": asked["name"],
        **schedule,
        "status": "active",
        "pause_reason": None,
        "target": shown_target(call, asked["target"]),
        "metadata": asked.get("metadata", {}),
    }
    return create(call, AUTOMATIONS, body, expires_at=asked.get("run_at"))


def _update(call: Call, stored: Stored) -> None:
    asked = dict(call.body)
    _refuse_other_schedule(stored.body["type"], asked)
    if "run_at" in asked:
        _refuse_completed(stored)
        _require_future(call, asked["run_at"])
        stored.expires_at = asked["run_at"] if stored.body["status"] == "active" else None
    if "target" in asked:
        kind = stored.body["target"]["type"]
        if asked["target"]["type"] != kind:
            raise invalid(f"Invalid 'target.type': the target is of type '{kind}'.", "target.type", "invalid_value")
        asked["target"] = shown_target(call, asked["target"])
    if "metadata" in asked:
        asked["metadata"] = replaced_pairs(call, stored.body["metadata"], asked["metadata"])
    stored.body.update(asked)


def _refuse_completed(stored: Stored) -> None:
    if stored.body["status"] == "completed":
        raise conflict(f"Automation '{stored.id}' is completed.")


def _switch(call: Call, status: str) -> JsonObject:
    stored = require(call, AUTOMATIONS, call.path["id"])
    _refuse_completed(stored)
    stored.body["status"] = status
    stored.expires_at = stored.body.get("run_at") if status == "active" else None
    call.storage.save(stored)
    return stored.body


def complete_automation(call: Call, stored: Stored) -> None:
    """The moment of a one-time automation has passed."""
    stored.expires_at = None
    stored.body["status"] = "completed"
    call.storage.save(stored)


def _narrow(call: Call) -> Narrowing:
    """``session_id`` matches targets in existing sessions, of which there are none."""
    return {"ids": []} if "session_id" in call.query else {}


def _invocations(call: Call) -> Rendered:
    automation = require(call, AUTOMATIONS, call.path["id"])
    return page(call, INVOCATION, parent=automation.id)


ENDPOINTS = (
    *standard_endpoints(
        AUTOMATIONS,
        _PATH,
        create=_create,
        creates=_creates,
        update=_update,
        updates=record(_changing),
        beta=BETA,
        status=201,
        narrow=_narrow,
    ),
    Endpoint("POST", _PATH + "/{id}/pause", lambda call: _switch(call, "paused"), beta=BETA),
    Endpoint("POST", _PATH + "/{id}/resume", lambda call: _switch(call, "active"), beta=BETA),
    Endpoint("GET", _PATH + "/{id}/invocations", _invocations, beta=BETA),
)
