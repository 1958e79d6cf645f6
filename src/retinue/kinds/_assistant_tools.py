"""The tools of an assistant: how authors write them, how the API does, and how they are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinue.kinds._responses import RANKERS
from retinue.kinds._shapes import (
    FILE_ID,
    FUNCTION_NAME,
    FUNCTION_PROPERTIES,
    HANDLER,
    NAME_OR_ID,
    by_key,
    canonical_function,
)
from retinue.model.paths import without_defaults

FILE_SEARCH_OPTIONS = ("max_num_results", "ranking_options")
RANKING_OPTIONS = ("ranker", "score_threshold")
# REC AssistantsTests: what the server fills in for `auto`, with score_threshold 0, when ranking options are left out.
RANKER_DEFAULTS = ("auto", "default_2024_08_21")


def read_entry(entry: Any) -> tuple[str, dict[str, Any]]:
    """The type and the options of one entry of `tools`, in any of its forms."""
    if isinstance(entry, str):
        return entry, {}
    kind = entry.get("type") or next(iter(entry))
    return kind, dict(entry.get(kind) or {})


def tool_key(tool: Mapping[str, Any]) -> str:
    """What identifies a tool within its assistant: its type, and for a function its name."""
    kind = str(tool.get("type"))
    name = (tool.get("function") or {}).get("name") if kind == "function" else None
    return f"{kind}/{name}" if name else kind


def canonical_tools(tools: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The list as a map, since its order means nothing. Tools of unknown types keep all they came with."""
    return by_key((tool_key(tool), _canonical_tool(tool)) for tool in tools)


def _canonical_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    kind = tool.get("type")
    if kind == "function":
        return canonical_function(tool.get("function") or {})
    if kind == "file_search":
        options = tool.get("file_search") or {}
        ranking = options.get("ranking_options") or {}
        if ranking.get("ranker", "auto") in RANKER_DEFAULTS:
            ranking = {**ranking, "ranker": None}
        chosen = {key: ranking.get(key) for key in RANKING_OPTIONS if ranking.get(key)}
        return without_defaults(
            {"max_num_results": options.get("max_num_results"), "ranking_options": chosen}, {"ranking_options": {}}
        )
    if kind == "code_interpreter":
        return {}
    return {key: value for key, value in tool.items() if key != "type"}


def wire_tools(tools: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The API's list; the inverse of `canonical_tools`."""
    return [_wire_tool(key, options) for key, options in tools.items()]


def _wire_tool(key: str, options: Mapping[str, Any]) -> dict[str, Any]:
    kind, _, name = key.partition("/")
    if kind == "function":
        return {"type": kind, "function": {"name": name, **options}}
    if kind == "file_search":
        if not options:
            return {"type": kind}
        written = dict(options)
        if "ranking_options" in written:
            # SDK file_search_tool_param: score_threshold is required once ranking_options is there.
            written["ranking_options"] = {"score_threshold": 0, **written["ranking_options"]}
        return {"type": kind, "file_search": written}
    return {"type": kind, **options}


def carry_over_unknown(written: list[dict[str, Any]], live: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tools are written as a whole list: options that this version does not know are sent back as they came."""
    known = {tool_key(tool): tool for tool in live}
    return [_merged(tool, known.get(tool_key(tool), {})) for tool in written]


def _merged(tool: dict[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    result = {**_unknown(live, ("type", "function", "file_search")), **tool}
    for part, options in (("function", ("name", *FUNCTION_PROPERTIES)), ("file_search", FILE_SEARCH_OPTIONS)):
        unknown = _unknown(live.get(part) or {}, options)
        if unknown:
            result[part] = {**unknown, **result.get(part, {})}
    return result


def _unknown(value: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    return {key: each for key, each in value.items() if key not in known and each is not None}


_OPTIONS = ("code_interpreter", "file_search", "function")
_OTHER_OPTIONS = {each: {other: False for other in _OPTIONS if other != each} for each in _OPTIONS}

TOOL = {
    "anyOf": [
        {"enum": ["code_interpreter", "file_search"]},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 2,
            "properties": {
                "type": {"enum": ["code_interpreter", "file_search", "function"]},
                "code_interpreter": {
                    "type": ["object", "null"],
                    "description": "Run Python in a sandbox.",
                    "properties": {
                        "files": {
                            "type": "array",
                            "description": "Globs and paths of files the code may read, or {id: file-…}; at most 20. "
                            "A '!' before one leaves files out.",
                            "items": {"anyOf": [{"type": "string", "minLength": 1}, FILE_ID]},
                        }
                    },
                    "additionalProperties": False,
                },
                "file_search": {
                    "type": ["object", "null"],
                    "description": "Search a vector store.",
                    "properties": {
                        "vector_store": {
                            "description": "The name of a declared vector store, or {id: vs_…} of one kept elsewhere.",
                            "anyOf": NAME_OR_ID,
                        },
                        "max_num_results": {
                            "type": "integer",
                            "description": "How many passages a search may return, at most 50.",
                            "minimum": 1,
                            "maximum": 50,
                        },
                        "ranking_options": {
                            "type": "object",
                            "description": "How passages are ranked, and which are too weak to return.",
                            "properties": {
                                "ranker": {"enum": ["auto", *RANKERS, *RANKERS.values()]},
                                "score_threshold": {
                                    "type": "number",
                                    "description": "Passages that score less are left out, from 0 to 1.",
                                    "minimum": 0,
                                    "maximum": 1,
                                },
                            },
                            "required": ["score_threshold"],
                            "additionalProperties": False,
                        },
                    },
                    "additionalProperties": False,
                },
                "function": {
                    "description": "The name of a declared function, or a function in place.",
                    "anyOf": [
                        {"type": "string", "minLength": 1},
                        {
                            "type": "object",
                            "properties": {
                                "name": {"type": "string", "pattern": FUNCTION_NAME},
                                **FUNCTION_PROPERTIES,
                                "handler": HANDLER,
                            },
                            "required": ["name"],
                            "additionalProperties": False,
                        },
                    ],
                },
            },
            "additionalProperties": False,
            # `function: name`, or the API's own form `{type: function, function: …}`: never options of another type.
            "if": {"required": ["type"]},
            "then": {
                "allOf": [
                    {
                        "if": {"properties": {"type": {"const": each}}},
                        "then": {"properties": others, "required": ["function"] if each == "function" else []},
                    }
                    for each, others in _OTHER_OPTIONS.items()
                ]
            },
            "else": {"maxProperties": 1},
        },
    ]
}
