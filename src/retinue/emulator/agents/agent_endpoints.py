"""Saved agents (Agents API v1): a configuration that sessions start from. There are no sessions here.

From the types of the openai package (``persisted_agent_tool``, ``agent_tool`` for the tools). A creation answers 201,
and a name has at most 128 characters, as the published reference says. Lists cannot be narrowed. Every update is a new
``updated_at``, the only mark of a change. A saved agent holds no secrets; a configuration given for a session may, and
does not show them.

Not known, and chosen here: an object for ``reasoning``, ``text`` or ``multi_agent`` replaces the old one, and what it
leaves out takes its default; null resets each of them, and ``service_tier``, to the default. The default effort is the
published ``medium`` for every reasoning model of the table of models, null for a model that does not reason or that
the table does not have.
"""

from __future__ import annotations

import json
from typing import Any

from retinue.emulator.models.model_table import EFFORTS, base_model
from retinue.emulator.server.api_errors import invalid
from retinue.emulator.server.collection import Collection, asked_changes, create, standard_endpoints
from retinue.emulator.server.quirks import AGENTS as BETA
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
    record,
    string_map,
    text,
    variant,
)
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject, Stored

MAX_TEXT = 1_048_576
"""Characters of instructions, and of anything the API reference gives no smaller limit."""

_SUBAGENTS = 6
_WITHOUT_REASONING = ("gpt-4",)

_format = variant(
    {"text": record({"type": TYPE}), "json_schema": record({"type": TYPE, "schema": Field(any_object, required=True)})}
)

CHECKS: dict[str, Field | Check] = {
    "model": text(minimum=1, maximum=MAX_TEXT),
    "instructions": nullable(text(maximum=MAX_TEXT)),
    "reasoning": nullable(
        record({"effort": nullable(choice(*EFFORTS)), "summary": nullable(choice("concise", "detailed", "auto"))})
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
                body[name] = _text_settings(value or {})
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


def _text_settings(asked: JsonObject) -> JsonObject:
    return {"format": asked.get("format") or {"type": "text"}, "verbosity": asked.get("verbosity") or "medium"}


def _multi_agent(asked: dict[str, Any]) -> JsonObject:
    limit = asked.get("max_concurrent_subagents", _SUBAGENTS) if asked["enabled"] else None
    return {"enabled": asked["enabled"], "max_concurrent_subagents": limit}


MAX_TOOLS_BYTES = 3 * 1024 * 1024
"""Of the whole list as compact JSON."""

_strings = nullable(array(text()))
_named = Field(text(minimum=1), required=True)

_function = record(
    {
        "type": TYPE,
        "name": _named,
        "description": Field(text(), required=True),
        "parameters": Field(any_object, required=True),
        "defer_loading": boolean,
        "async": boolean,
    }
)
_location = record({name: nullable(text()) for name in ("city", "country", "region", "timezone")})
_web_search = record(
    {
        "type": TYPE,
        "allowed_domains": _strings,
        "context_size": nullable(choice("low", "medium", "high")),
        "location": nullable(_location),
        "mode": nullable(choice("disabled", "cached", "live")),
    }
)


def _mcp(http: dict[str, Field | Check], stdio: dict[str, Field | Check]) -> Check:
    transport = variant(
        {
            "http": record({"type": TYPE, "server_url": _named, "headers": nullable(string_map()), **http}),
            "stdio": record(
                {"type": TYPE, "command": _named, "cwd": _named, "args": _strings, "env_vars": _strings, **stdio}
            ),
        }
    )
    return record(
        {
            "type": TYPE,
            "server_label": _named,
            "transport": Field(transport, required=True),
            "allowed_tools": _strings,
            "connection_origin": nullable(choice("service", "environment")),
            "credential_id": nullable(text()),
            "request_metadata": nullable(any_object),
            "required": boolean,
        }
    )


def _tools(mcp: Check) -> Check:
    listed = array(
        variant(
            {
                "function": _function,
                "tool_search": record({"type": TYPE}),
                "programmatic_tool_calling": record({"type": TYPE, "enabled": boolean}),
                "mcp": mcp,
                "web_search": _web_search,
                "computer_use": record({"type": TYPE, "include_screenshots": boolean}),
                "automations": record({"type": TYPE}),
            }
        )
    )

    def check(value: Any, at: str) -> Any:
        tools = listed(value, at)
        size = len(json.dumps(tools, ensure_ascii=False, separators=(",", ":")).encode())
        if size > MAX_TOOLS_BYTES:
            message = f"Invalid '{at}': the tools have {size} bytes as JSON, the maximum is {MAX_TOOLS_BYTES}."
            raise invalid(message, at, "tools_above_max_size")
        return tools

    return nullable(check)


saved_tools = _tools(_mcp({}, {}))
"""The tools of a saved agent: no credentials."""

session_tools = _tools(_mcp({"authorization": nullable(text())}, {"env": nullable(string_map())}))
"""The tools of an agent configured for a session."""


def shown_tools(tools: list[JsonObject], *, for_session: bool = False) -> list[JsonObject]:
    """With the defaults the response types have. A session shows no ``tool_search``, headers or secrets."""
    return [
        _shown_tool(tool, for_session=for_session)
        for tool in tools
        if not (for_session and tool["type"] == "tool_search")
    ]


def _shown_tool(tool: JsonObject, *, for_session: bool) -> JsonObject:
    match tool["type"]:
        case "function":
            kept = ("type", "name", "description", "parameters", "async")
            return {
                **{key: tool[key] for key in kept if key in tool},
                "defer_loading": tool.get("defer_loading", False),
            }
        case "programmatic_tool_calling":
            return {"type": tool["type"], "enabled": tool.get("enabled", True)}
        case "computer_use":
            return {"type": tool["type"], "include_screenshots": tool.get("include_screenshots", False)}
        case "web_search":
            return _shown_search(tool)
        case "mcp":
            return _shown_mcp(tool, for_session=for_session)
        case _:
            return tool


def _shown_search(tool: JsonObject) -> JsonObject:
    location = tool.get("location")
    if location is not None:
        location = {name: location.get(name) for name in ("city", "country", "region", "timezone")}
    return {
        "type": tool["type"],
        "allowed_domains": tool.get("allowed_domains"),
        "context_size": tool.get("context_size") or "medium",
        "location": location,
        "mode": tool.get("mode") or "live",
    }


def _shown_mcp(tool: JsonObject, *, for_session: bool) -> JsonObject:
    return {
        "type": tool["type"],
        "server_label": tool["server_label"],
        "transport": _shown_transport(tool["transport"], for_session=for_session),
        "allowed_tools": tool.get("allowed_tools"),
        "connection_origin": tool.get("connection_origin") or "service",
        "credential_id": tool.get("credential_id"),
        "request_metadata": tool.get("request_metadata") or {},
        "required": tool.get("required", False),
    }


def _shown_transport(transport: JsonObject, *, for_session: bool) -> JsonObject:
    if transport["type"] == "stdio":
        kept = {key: transport[key] for key in ("type", "command", "cwd")}
        return {**kept, "args": transport.get("args") or [], "env_vars": transport.get("env_vars") or []}
    shown = {"type": "http", "server_url": transport["server_url"]}
    return shown if for_session else {**shown, "headers": transport.get("headers") or {}}


AGENTS = Collection("agent", "agent_", "agent", "agent_id", checks_prefix=False)
"""Whether the API looks at the prefix of an id is not known: here every id that is not there is a 404."""

RESERVED = ("automations", "environments", "sessions")
"""Collections of the API below ``/agents``, whether they are served here or not."""


def _fields(*, model_required: bool) -> Check:
    model = CHECKS["model"]
    return record(
        {
            **CHECKS,
            "model": Field(model.check if isinstance(model, Field) else model, required=model_required),
            "name": nullable(text(maximum=128)),
            "metadata": metadata,
            "tools": saved_tools,
        }
    )


def _create(call: Call) -> JsonObject:
    body: JsonObject = {
        "id": call.new_id(AGENTS.prefix),
        "object": AGENTS.object,
        "created_at": call.now,
        "updated_at": call.now,
        "name": None,
        "metadata": {},
        **default_settings(),
    }
    _set(body, {"reasoning": None, **call.body})
    return create(call, AGENTS, body)


def _update(call: Call, stored: Stored) -> None:
    _set(stored.body, asked_changes(call, stored))
    stored.body["updated_at"] = call.now


def _set(body: JsonObject, asked: JsonObject) -> None:
    set_settings(body, asked)
    body.update({name: asked[name] for name in ("name", "metadata") if name in asked})
    if "tools" in asked:
        body["tools"] = shown_tools(asked["tools"] or [])


ENDPOINTS = standard_endpoints(
    AGENTS,
    "/agents",
    create=_create,
    creates=_fields(model_required=True),
    update=_update,
    updates=_fields(model_required=False),
    beta=BETA,
    status=201,
    reserved=RESERVED,
)
