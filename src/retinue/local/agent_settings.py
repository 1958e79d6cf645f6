"""What an agent is configured with, saved or given for a session: the checks and the resolved form.

Not known, and chosen here: an object for ``reasoning``, ``text`` or ``multi_agent`` replaces the old one, and what it
leaves out takes its default; null resets each of them, and ``service_tier``, to the default. The default effort is the
published ``medium`` for every reasoning model of the table of models, null for a model that does not reason or that
the table does not have.
"""

from __future__ import annotations

from typing import Any

from retinue.local.assistants import EFFORTS
from retinue.local.models import base_model
from retinue.local.storage import JsonObject
from retinue.local.validate import (
    Check,
    Field,
    any_object,
    anything,
    boolean,
    choice,
    integer,
    nullable,
    record,
    text,
    variant,
)

MAX_TEXT = 1_048_576
"""Characters of instructions, and of anything the API reference gives no smaller limit."""

_SUBAGENTS = 6
_WITHOUT_REASONING = ("gpt-4",)

_format = variant(
    {
        "text": record({"type": Field(anything, required=True)}),
        "json_schema": record({"type": Field(anything, required=True), "schema": Field(any_object, required=True)}),
    }
)

CHECKS: dict[str, Field | Check] = {
    "model": text(minimum=1, maximum=MAX_TEXT),
    "instructions": nullable(text(maximum=MAX_TEXT)),
    "reasoning": nullable(
        record(
            {
                "effort": nullable(choice(*EFFORTS)),
                "summary": nullable(choice("concise", "detailed", "auto")),
            }
        )
    ),
    "text": nullable(record({"format": nullable(_format), "verbosity": nullable(choice("low", "medium", "high"))})),
    "multi_agent": nullable(record({"enabled": Field(boolean, required=True), "max_concurrent_subagents": integer(1)})),
    "service_tier": nullable(choice("auto", "default", "flex", "priority", "fast", "ultrafast")),
    "compaction": nullable(record({"async": nullable(boolean)})),
    "experimental": record({"time_awareness": boolean}),
}
"""Every member but the tools, and what only a saved agent has. The model may be any name: it is kept as it came."""


def default_settings() -> JsonObject:
    """The settings of an agent of which nothing was said, in the form the API shows; the model is still to come."""
    body: JsonObject = {"model": "", "instructions": None}
    set_settings(body, dict.fromkeys(("reasoning", "text", "multi_agent", "service_tier", "compaction")))
    return {**body, "experimental": {"time_awareness": False}, "tools": []}


def set_settings(body: JsonObject, asked: JsonObject) -> None:
    """Put what was sent into the configuration, resolved. A member that was not sent stays.

    An effort the caller never chose stays what the old model made of it when only the model changes: a change of the
    model alone is not published to change the reasoning.
    """
    if "model" in asked:
        body["model"] = asked["model"]
    for name, value in asked.items():
        match name:
            case "instructions":
                body[name] = value
            case "reasoning":
                body[name] = _reasoning(body["model"], value or {})
            case "text":
                body[name] = _text(value or {})
            case "multi_agent":
                body[name] = _multi_agent(value or {"enabled": False})
            case "service_tier":
                body[name] = value or "auto"
            case "compaction":
                body[name] = {"async": bool((value or {}).get("async"))}
            case "experimental":
                body[name] = {**body[name], **value}


def _reasoning(model: str, asked: JsonObject) -> JsonObject:
    return {"effort": asked.get("effort") or _default_effort(model), "summary": asked.get("summary")}


def _default_effort(model: str) -> str | None:
    base = base_model(model)
    return None if base is None or base.startswith(_WITHOUT_REASONING) else "medium"


def _text(asked: JsonObject) -> JsonObject:
    return {"format": asked.get("format") or {"type": "text"}, "verbosity": asked.get("verbosity") or "medium"}


def _multi_agent(asked: dict[str, Any]) -> JsonObject:
    limit = asked.get("max_concurrent_subagents", _SUBAGENTS) if asked["enabled"] else None
    return {"enabled": asked["enabled"], "max_concurrent_subagents": limit}
