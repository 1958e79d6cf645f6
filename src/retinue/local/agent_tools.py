"""The tools of an agent: what a request may say of them, and how they are shown with every default filled in.

A saved agent holds no secrets; a configuration given for a session may, and does not show them. Sources: the types of
the openai package (``persisted_agent_tool``, ``agent_tool``).
"""

from __future__ import annotations

import json
from typing import Any

from retinue.local.errors import invalid
from retinue.local.storage import JsonObject
from retinue.local.validate import (
    Check,
    Field,
    any_object,
    anything,
    array,
    boolean,
    choice,
    nullable,
    record,
    string_map,
    text,
    variant,
)

MAX_TOOLS_BYTES = 3 * 1024 * 1024
"""Of the whole list as compact JSON."""

_type = Field(anything, required=True)
_strings = nullable(array(text()))
_named = Field(text(minimum=1), required=True)

_function = record(
    {
        "type": _type,
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
        "type": _type,
        "allowed_domains": _strings,
        "context_size": nullable(choice("low", "medium", "high")),
        "location": nullable(_location),
        "mode": nullable(choice("disabled", "cached", "live")),
    }
)


def _mcp(http: dict[str, Field | Check], stdio: dict[str, Field | Check]) -> Check:
    transport = variant(
        {
            "http": record(
                {"type": _type, "server_url": _named, "headers": nullable(string_map()), **http},
            ),
            "stdio": record(
                {"type": _type, "command": _named, "cwd": _named, "args": _strings, "env_vars": _strings, **stdio}
            ),
        }
    )
    return record(
        {
            "type": _type,
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
                "tool_search": record({"type": _type}),
                "programmatic_tool_calling": record({"type": _type, "enabled": boolean}),
                "mcp": mcp,
                "web_search": _web_search,
                "computer_use": record({"type": _type, "include_screenshots": boolean}),
                "automations": record({"type": _type}),
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
        _shown(tool, for_session=for_session) for tool in tools if not (for_session and tool["type"] == "tool_search")
    ]


def _shown(tool: JsonObject, *, for_session: bool) -> JsonObject:
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
