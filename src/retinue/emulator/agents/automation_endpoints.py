"""Automations (Agents API v1): schedules that would start sessions. There are no sessions, so none ever runs.

From the types of the openai package. A one-time automation is completed once its moment has passed. Whatever a target
names must exist: the agent, the vaults, the template, files and skills. That holds when it is sent; what the service
does when they go later is not known, here nothing happens. Confidential parts of a target are checked and dropped. Not
known, and chosen here: pausing what is paused and resuming what is active changes nothing; pausing, resuming or putting
off what is completed is a conflict; a target in an existing session is refused, there being none.
"""

from __future__ import annotations

import re
import zoneinfo
from typing import Any

from retinue.emulator.agents import agent_endpoints, environment_endpoints
from retinue.emulator.agents.agent_endpoints import AGENTS, session_tools, shown_tools
from retinue.emulator.agents.environment_endpoints import TEMPLATES
from retinue.emulator.server.api_errors import conflict, invalid, missing_parameter, not_found, unknown_parameter
from retinue.emulator.server.collection import (
    Collection,
    Narrowing,
    asked_changes,
    create,
    page,
    require,
    standard_endpoints,
)
from retinue.emulator.server.quirks import AGENTS as BETA
from retinue.emulator.server.request_checks import (
    TYPE,
    Check,
    Field,
    array,
    choice,
    integer,
    metadata,
    nullable,
    record,
    required_pairs,
    text,
    variant,
)
from retinue.emulator.server.service import Call, Endpoint, Rendered
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.vaults.vault_endpoints import VAULTS

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("", *_MONTHS)),
    ("day of week", 0, 7, _DAYS),
)
_PART = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?")


def cron(value: Any, at: str) -> str:
    """Five fields of numbers, names, ranges, lists and steps, kept as they came.

    "Standard" is all that is published of the dialect; macros such as ``@daily``, a sixth field, ``L``, ``W``, ``#``
    and ``?`` are refused.
    """
    expression: str = text(minimum=1, maximum=256)(value, at)
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise invalid(f"Invalid '{at}': expected five fields, but got {len(fields)}.", at, "invalid_value")
    for given, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        if not all(_is_part(part, low, high, names) for part in given.split(",")):
            raise invalid(f"Invalid '{at}': '{given}' is not a {name} of a cron expression.", at, "invalid_value")
    return expression


def _is_part(part: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    found = _PART.fullmatch(part)
    if found is None or (found[4] is not None and int(found[4]) == 0):
        return False
    if found[1]:
        return True
    first, last = (_number(each, names) for each in (found[2], found[3] or found[2]))
    return first is not None and last is not None and low <= first <= last <= high


def _number(word: str, names: tuple[str, ...]) -> int | None:
    if word.isascii() and word.isdigit():
        return int(word)
    return names.index(word.upper()) if word.upper() in names else None


def timezone(value: Any, at: str) -> str:
    """The name of an IANA time zone that this machine knows."""
    name: str = text(minimum=1, maximum=256)(value, at)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(f"Invalid '{at}': '{name}' is not an IANA time zone.", at, "invalid_value") from None
    return name


_needed = Field(text(), required=True)

_environment = variant(
    {
        "none": record({"type": TYPE}),
        "openai_hosted": record(
            {
                "type": TYPE,
                **environment_endpoints.CHECKS,
                "container_size": choice("small", "medium", "large"),
                "environment_id": text(),
                "environment_template_id": text(),
            }
        ),
        "self_hosted": record(
            {
                "type": TYPE,
                "workspace_directory": _needed,
                "capability_directories": environment_endpoints.CHECKS["capability_directories"],
            }
        ),
    }
)
_message = record(
    {
        "type": choice("message"),
        "role": Field(choice("user"), required=True),
        "content": Field(
            array(
                variant(
                    {
                        "input_text": record({"type": TYPE, "text": _needed}),
                        "input_image": record({"type": TYPE, "image_url": _needed}),
                    }
                )
            ),
            required=True,
        ),
    }
)
target = variant(
    {
        "new_session": record(
            {
                "type": TYPE,
                "environment": Field(_environment, required=True),
                "input": Field(array(_message), required=True),
                "agent": record({**agent_endpoints.CHECKS, "tools": session_tools}),
                "agent_id": text(),
                "metadata": metadata,
                "vault_ids": nullable(array(text())),
            }
        ),
        "existing_session": record({"type": TYPE, "instructions": _needed, "session_id": _needed}),
    }
)


def shown_target(call: Call, asked: JsonObject) -> JsonObject:
    """Resolved, without what is confidential. Refuses what does not exist."""
    if asked["type"] == "existing_session":
        raise not_found("session", asked["session_id"], "target.session_id")
    if ("agent" in asked) == ("agent_id" in asked):
        raise invalid("Provide exactly one of 'target.agent' and 'target.agent_id'.", "target.agent_id")
    vault_ids = asked.get("vault_ids") or []
    return {
        "type": "new_session",
        "agent": _shown_agent(asked["agent"]) if "agent" in asked else None,
        "agent_id": require(call, AGENTS, asked["agent_id"]).id if "agent_id" in asked else None,
        "environment": _shown_environment(call, asked["environment"]),
        "input": [{**message, "type": "message"} for message in asked["input"]],
        "metadata": asked.get("metadata", {}),
        "vault_ids": [require(call, VAULTS, each).id for each in vault_ids],
    }


def _shown_agent(asked: JsonObject) -> JsonObject:
    if "model" not in asked:
        raise missing_parameter("target.agent.model")
    body: JsonObject = agent_endpoints.default_settings()
    agent_endpoints.set_settings(body, {"reasoning": None, **asked})
    return {**body, "tools": shown_tools(asked.get("tools") or [], for_session=True)}


def _shown_environment(call: Call, asked: JsonObject) -> JsonObject:
    match asked["type"]:
        case "none":
            return asked
        case "self_hosted":
            shown: dict[str, Any] = {"environment_id": None, **asked}
            return {**shown, "capability_directories": asked.get("capability_directories") or []}
        case _:
            return _shown_hosted(call, asked)


def _shown_hosted(call: Call, asked: JsonObject) -> JsonObject:
    """What was not sent is null: it is inherited. An environment of its own right cannot exist here."""
    if "environment_id" in asked:
        raise not_found("environment", asked["environment_id"], "target.environment.environment_id")
    if "environment_template_id" in asked:
        require(call, TEMPLATES, asked["environment_template_id"])
    environment_endpoints.require_referenced(call, asked, "target.environment.")
    shown = (*environment_endpoints.DEFAULTS, "container_size", "environment_id", "environment_template_id")
    return {"type": asked["type"], **{name: asked.get(name) for name in shown}}


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
    asked = asked_changes(call, stored)
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
