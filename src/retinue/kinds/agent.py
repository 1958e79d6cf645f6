"""A saved agent of the Agents API (beta): a model with instructions and tools that sessions are started from.

Sources: SDK types/beta/agent_create_params.py, agent_update_params.py, persisted_agent_tool_param.py; the API is newer
than the published description.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinue.kinds._shapes import (
    FUNCTION_NAME,
    FUNCTION_PROPERTIES,
    FURTHER,
    JSON_SCHEMA,
    METADATA,
    NAME_OR_ID,
    TEXT,
    by_key,
    in_any_order,
    keyed_tools,
)
from retinue.kinds.fields import Field, KeyedField
from retinue.kinds.kind import Expansion, Inclusion, Kind, Reference
from retinue.kinds.stores import Plain
from retinue.model.canonical import canonical_json
from retinue.model.declared import Problem
from retinue.model.paths import without_defaults
from retinue.model.values import Path

# SDK agent_create_params: the tool list must fit within 3 MiB of compact JSON.
LARGEST_TOOLS = 3 * 1024 * 1024

# What the server fills in when an option is left out (SDK types/beta/persisted_agent_tool.py has them non-optional).
TOOL_DEFAULTS: dict[str, dict[str, Any]] = {
    "function": {"defer_loading": False, "async": False},
    "tool_search": {},
    "programmatic_tool_calling": {"enabled": True},
    "mcp": {"connection_origin": "service", "request_metadata": {}, "required": False},
    "web_search": {"mode": "live", "context_size": "medium"},
    "computer_use": {"include_screenshots": False},
    "automations": {},
}
SETS = {"mcp": ("allowed_tools", "env_vars"), "web_search": ("allowed_domains",)}
"""The options that are lists, and mean the same in any order."""
IDENTIFIED_BY = {"function": "name", "mcp": "server_label"}
"""The option that tells several tools of one type apart."""


def expand(spec: Mapping[str, Any]) -> Expansion:
    """Write the tools' shorthands out: the API has their options beside the type."""
    expanded = dict(spec)
    origins: dict[Path, Path] = {}
    if "tools" in spec:
        expanded["tools"] = []
        for index, entry in enumerate(spec["tools"]):
            kind, options = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
            tool = {"type": kind, **(options or {})}
            if "credential" in tool:
                tool["credential_id"] = tool.pop("credential")
            if kind == "function":
                # Both are required here, and `strict` does not exist (SDK PersistedAgentToolConfigParamFunction).
                tool = {"parameters": {"type": "object", "properties": {}}, **tool}
                tool.pop("strict", None)
            expanded["tools"].append(tool)
            where: Path = ("tools", index) if isinstance(entry, str) else ("tools", index, kind)
            origins.setdefault(("tools", tool_key(tool)), where)
    return expanded, origins


def compose(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Put the options of each tool below its type, and write those without options as words."""
    written = {name: value for name, value in spec.items() if name != "tools"}
    if spec.get("tools"):
        listed = [(tool.pop("type"), tool) for tool in wire_tools(spec["tools"])]
        written["tools"] = [{kind: options} if options else kind for kind, options in listed]
    return written


def tool_key(tool: Mapping[str, Any]) -> str:
    """What identifies a tool within its agent: its type, and where there may be several, its name or label."""
    kind = str(tool.get("type"))
    label = tool.get(IDENTIFIED_BY.get(kind, ""))
    return f"{kind}/{label}" if label else kind


def canonical_tools(tools: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The list as a map, without what the server fills in. Tools of unknown types keep all they came with."""
    return by_key((tool_key(tool), _canonical_tool(tool)) for tool in tools)


def _canonical_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(tool.get("type"))
    dropped = ("type", IDENTIFIED_BY.get(kind))
    chosen = {key: value for key, value in tool.items() if key not in dropped}
    for part in ("transport", "location"):
        # SDK persisted_mcp_transport: what was left out comes back empty or null.
        if isinstance(chosen.get(part), Mapping):
            chosen[part] = {key: each for key, each in chosen[part].items() if each not in (None, {}, [])}
    return without_defaults(in_any_order(chosen, SETS.get(kind, ())), TOOL_DEFAULTS.get(kind, {}))


def wire_tools(tools: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The API's list; the inverse of `canonical_tools`."""
    return [_wire_tool(key, options) for key, options in tools.items()]


def _wire_tool(key: str, options: Mapping[str, Any]) -> dict[str, Any]:
    kind, _, label = key.partition("/")
    return {"type": kind, **({IDENTIFIED_BY[kind]: label} if label else {}), **options}


def check(spec: Mapping[str, Any]) -> Iterable[Problem]:
    seen: set[str] = set()
    for tool in spec.get("tools", []):
        key = tool_key(tool)
        if key in seen:
            yield Problem("duplicate-tool", ("tools", key), f"the tool '{key}' is listed twice", "remove one of them")
        seen.add(key)
        if tool["type"] == "function" and not tool.get("description"):
            yield Problem(
                "missing-description",
                ("tools", key),
                f"the function '{tool['name']}' has no description, which agents need",
                "say what it does: description: …",
            )
    size = len(canonical_json(spec.get("tools", [])).encode())
    if size > LARGEST_TOOLS:
        yield Problem("too-large", ("tools",), f"the tools take {size:,} bytes as JSON, but the API takes 3 MiB")


def _options(description: str, properties: Mapping[str, Any], required: Iterable[str] = ()) -> dict[str, Any]:
    options: dict[str, Any] = {
        "type": "object" if required else ["object", "null"],
        "description": description,
        "properties": dict(properties),
        "additionalProperties": False,
    }
    return {**options, "required": list(required)} if required else options


_STRINGS = {"type": "array", "items": {"type": "string"}}
_STRING_MAP = {"type": "object", "additionalProperties": {"type": "string"}}
_HTTP = _options(
    "An MCP server over HTTP.",
    {
        "type": {"enum": ["http"]},
        "server_url": {"type": "string", "minLength": 1},
        "headers": {**_STRING_MAP, "description": "Headers that are no secrets."},
    },
    ("type", "server_url"),
)
_STDIO = _options(
    "An MCP server as a process in the session's environment.",
    {
        "type": {"enum": ["stdio"]},
        "command": {"type": "string", "minLength": 1},
        "cwd": {"type": "string", "minLength": 1},
        "args": _STRINGS,
        "env_vars": {**_STRINGS, "description": "Names of environment variables to pass on."},
    },
    ("type", "command", "cwd"),
)
_LOCATION = _options(
    "Roughly where the user is.", {name: {"type": "string"} for name in ("city", "country", "region", "timezone")}
)
_FUNCTION = _options(
    "A function in place.",
    {
        "name": {"type": "string", "pattern": FUNCTION_NAME},
        **FUNCTION_PROPERTIES,
        "defer_loading": {"type": "boolean", "description": "Leave it to tool search to find. Default: false."},
        "async": {"type": "boolean"},
    },
    ("name", "description"),
)
TOOL = {
    "anyOf": [
        {"enum": sorted(set(TOOL_DEFAULTS) - set(IDENTIFIED_BY))},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {
                "function": {
                    "description": "The name of a declared function, or a function in place.",
                    "anyOf": [{"type": "string", "minLength": 1}, _FUNCTION],
                },
                "mcp": _options(
                    "Tools of an MCP server.",
                    {
                        "server_label": {"type": "string", "minLength": 1},
                        "transport": {"anyOf": [_HTTP, _STDIO]},
                        "allowed_tools": _STRINGS,
                        "connection_origin": {"enum": ["service", "environment"]},
                        "credential": {
                            "description": "The name of a declared credential, or {id: cred_…} of one kept elsewhere.",
                            "anyOf": NAME_OR_ID,
                        },
                        "request_metadata": {"type": "object"},
                        "required": {"type": "boolean"},
                    },
                    ("server_label", "transport"),
                ),
                "web_search": _options(
                    "Search the web.",
                    {
                        "mode": {"enum": ["disabled", "cached", "live"]},
                        "context_size": {"enum": ["low", "medium", "high"]},
                        "allowed_domains": _STRINGS,
                        "location": _LOCATION,
                    },
                ),
                "programmatic_tool_calling": _options("Call tools from code.", {"enabled": {"type": "boolean"}}),
                "computer_use": _options("Use a browser.", {"include_screenshots": {"type": "boolean"}}),
                "tool_search": _options("Find deferred functions.", {}),
                "automations": _options("Let the agent schedule itself.", {}),
                # What whoever comes from assistants would write.
                "file_search": {"not": {}, "$comment": "agents have none: give it an MCP server or a function"},
                "code_interpreter": {"not": {}, "$comment": "agents have none: give its sessions an environment"},
            },
            "additionalProperties": False,
        },
    ]
}

TEXT_FORMAT = {
    "type": "object",
    "properties": {"type": {"enum": ["text", "json_schema"]}, "schema": JSON_SCHEMA},
    "required": ["type"],
    "additionalProperties": False,
    "if": {"properties": {"type": {"const": "json_schema"}}},
    "then": {"required": ["schema"]},
    "else": {"properties": {"schema": False}},
}

KIND = Kind(
    name="agent",
    section="agents",
    title="agent",
    store=Plain(path="/agents", beta="agents=v1"),
    schema={
        "type": "object",
        "description": "A saved agent: sessions started from it work with this model, these instructions and tools.",
        "properties": {
            "model": {"type": "string", "minLength": 1, "description": "The id of the model."},
            "name": {"type": "string", "minLength": 1, "maxLength": 128, "description": "The name people see."},
            "instructions": {**TEXT, "description": "What comes after the agent's own base instructions."},
            "metadata": METADATA,
            "tools": {"type": "array", "items": TOOL},
            "reasoning": _options(
                "How much the model thinks.",
                {
                    "effort": {"enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max"]},
                    "summary": {"enum": ["concise", "detailed", "auto"]},
                },
            ),
            "text": _options(
                "What the answers look like.", {"format": TEXT_FORMAT, "verbosity": {"enum": ["low", "medium", "high"]}}
            ),
            "multi_agent": _options(
                "Whether it may start subagents.",
                {"enabled": {"type": "boolean"}, "max_concurrent_subagents": {"type": "integer", "minimum": 1}},
                ("enabled",),
            ),
            "service_tier": {"enum": ["auto", "default", "flex", "priority", "fast", "ultrafast"]},
            "compaction": _options("How its context is kept short.", {"async": {"type": "boolean"}}),
            "experimental": _options("Features on trial.", {"time_awareness": {"type": "boolean"}}),
        },
        "required": ["model"],
        "additionalProperties": False,
    },
    fields=(
        Field("model", model=True),
        Field("name"),
        Field("instructions", limit=1_048_576),
        Field(
            "tools",
            default={},
            canonical=canonical_tools,
            wire=wire_tools,
            refs="credential",
            extendable=True,
            ref_at=("*", "credential_id"),
        ),
        KeyedField("metadata"),
        FURTHER,
        # The server resolves what is left out, so that only declared parts can be compared.
        KeyedField("reasoning", key_defaults={"effort": None, "summary": None}),
        KeyedField("text", key_defaults={"format": {"type": "text"}, "verbosity": "medium"}),
        KeyedField("multi_agent", key_defaults={"enabled": False, "max_concurrent_subagents": 6}),
        Field("service_tier", default="auto"),
        KeyedField("compaction", key_defaults={"async": False}),
        KeyedField("experimental", key_defaults={"time_awareness": False}),
    ),
    references=(
        Reference(("tools", "*", "function"), "function", inline=True),
        Reference(("tools", "*", "mcp", "credential"), "credential", allow_id=True),
    ),
    inclusions=(
        Inclusion(("instructions",), "text"),
        Inclusion(("tools", "*", "function", "parameters"), "schema"),
        Inclusion(("text", "format", "schema"), "schema"),
    ),
    keyed=(keyed_tools(IDENTIFIED_BY),),
    handlers=("tools", "*", "function", "handler"),
    expand=expand,
    compose=compose,
    check=check,
)
