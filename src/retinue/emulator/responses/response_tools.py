"""The tools of a response: what may be asked for, how it is shown, and what a model is given of it.

Hosted are file_search and code_interpreter; functions are handed back. The API has more kinds, which need a service
that is not here: those are refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from retinue.emulator.files.stored_files import require_file
from retinue.emulator.language_models.language_model import Tool
from retinue.emulator.server.api_errors import invalid, missing_parameter, unsupported_value
from retinue.emulator.server.collection import require
from retinue.emulator.server.request_checks import (
    TYPE,
    Check,
    Field,
    any_object,
    array,
    boolean,
    choice,
    integer,
    nullable,
    number,
    record,
    text,
)
from retinue.emulator.server.service import Call, Job
from retinue.emulator.server.storage import JsonObject
from retinue.emulator.turns.file_search_tool import FileSearch, hybrid_weights
from retinue.emulator.turns.turn import OwnTool, Result
from retinue.emulator.turns.turn_events import Searched
from retinue.emulator.vector_stores.store_endpoints import STORES
from retinue.emulator.vector_stores.store_search import attribute_filter

_NAME = text(minimum=1, maximum=64, pattern="[a-zA-Z0-9_-]+")
_callers = nullable(array(choice("direct", "programmatic")))

_hybrid_search = record(
    {"embedding_weight": Field(number(0), required=True), "text_weight": Field(number(0), required=True)}
)

_ranking_options = record(
    {
        "ranker": choice("auto", "default-2024-11-15"),
        "score_threshold": number(0, 1),
        "hybrid_search": nullable(_hybrid_search),
    }
)

_auto_container = record(
    {
        "type": Field(choice("auto"), required=True),
        "file_ids": array(text(), maximum=50),
        "memory_limit": nullable(choice("1g", "4g", "16g", "64g")),
        "network_policy": nullable(any_object),
    }
)


def _container(value: Any, at: str) -> Any:
    if isinstance(value, str):  # only the local account refuses so
        raise invalid(
            f"Container with id '{value}' cannot be used: the local account makes one for each answer. "
            "Write {'type': 'auto'} instead.",
            at,
        )
    return _auto_container(value, at)


_KINDS: dict[str, Check] = {
    "function": record(
        {
            "type": TYPE,
            "name": Field(_NAME, required=True),
            "description": nullable(text()),
            "parameters": nullable(any_object),
            "output_schema": nullable(any_object),
            "strict": nullable(boolean),
            "defer_loading": boolean,
            "allowed_callers": _callers,
        }
    ),
    "file_search": record(
        {
            "type": TYPE,
            "vector_store_ids": Field(array(text(), minimum=1), required=True),
            "max_num_results": integer(1, 50),
            "ranking_options": _ranking_options,
            "filters": nullable(attribute_filter),
        }
    ),
    "code_interpreter": record(
        {"type": TYPE, "container": Field(_container, required=True), "allowed_callers": _callers}
    ),
}

_ELSEWHERE = (
    *("mcp", "web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"),
    *("computer", "computer_use_preview", "image_generation", "local_shell", "shell", "custom", "apply_patch"),
    *("namespace", "tool_search", "programmatic_tool_calling"),
)
"""Kinds that the API has and this account has not (published description)."""


def _tool(value: Any, at: str) -> Any:
    kind = any_object(value, at).get("type")
    if kind is None:
        raise missing_parameter(f"{at}.type")
    if kind in _ELSEWHERE:  # only the local account refuses so
        refusal = f"Tool of type '{kind}' is not supported by the local account."
        raise invalid(refusal, f"{at}.type", "unsupported_value")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise unsupported_value(f"{at}.type", kind, [*_KINDS, *_ELSEWHERE])
    return _KINDS[kind](value, at)


tools: Check = array(_tool)

_CHOICES: dict[str, Check] = {
    "function": record({"type": TYPE, "name": Field(text(minimum=1), required=True)}),
    "file_search": record({"type": TYPE}),
    "code_interpreter": record({"type": TYPE}),
    "allowed_tools": record(
        {
            "type": TYPE,
            "mode": Field(choice("auto", "required"), required=True),
            "tools": Field(array(any_object), required=True),
        }
    ),
}
_choice_word = choice("none", "auto", "required")


def tool_choice(value: Any, at: str) -> Any:
    if isinstance(value, str):
        return _choice_word(value, at)
    kind = any_object(value, at).get("type")
    if kind is None:
        raise missing_parameter(f"{at}.type")
    if not isinstance(kind, str) or kind not in _CHOICES:
        raise unsupported_value(f"{at}.type", kind, list(_CHOICES))
    return _CHOICES[kind](value, at)


def shown_tools(call: Call, asked: Sequence[JsonObject]) -> list[JsonObject]:
    """With the defaults the server fills in (recorded). Whatever the tools name must exist."""
    return [_shown(call, each, f"tools[{index}]") for index, each in enumerate(asked)]


def _shown(call: Call, tool: JsonObject, at: str) -> JsonObject:
    if tool["type"] == "function":
        parameters = tool.get("parameters") or {"type": "object", "properties": {}}
        strict = tool.get("strict") is not False
        return {**tool, "parameters": parameters, "strict": strict}
    if tool["type"] == "file_search":
        for each in tool["vector_store_ids"]:
            require(call, STORES, each)
        ranking = {"ranker": "auto", "score_threshold": 0.0, **tool.get("ranking_options", {})}
        return {"filters": None, "max_num_results": 20, **tool, "ranking_options": ranking}
    for index, each in enumerate(tool["container"].get("file_ids", [])):
        require_file(call, each, param=f"{at}.container.file_ids[{index}]")
    return tool


def refuse_choice_of_nothing(chosen: Any, given: Sequence[JsonObject]) -> None:
    """A choice must be one of the tools (wordings published by users)."""
    if chosen == "required" and not given:
        raise invalid("Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice")
    if not isinstance(chosen, dict):
        return
    wanted = chosen["tools"] if chosen["type"] == "allowed_tools" else [chosen]
    for each in wanted:
        if not any(_is_named(each, tool) for tool in given):
            raise invalid(f"Tool choice '{each.get('type')}' not found in 'tools' parameter.", "tool_choice")


def _is_named(named: JsonObject, tool: JsonObject) -> bool:
    return bool(named.get("type") == tool["type"] and (tool["type"] != "function" or named.get("name") == tool["name"]))


def usable_tools(body: JsonObject) -> list[JsonObject]:
    """The tools of a response that the choice leaves the model."""
    chosen = body["tool_choice"]
    if isinstance(chosen, dict) and chosen["type"] == "allowed_tools":
        return [each for each in body["tools"] if any(_is_named(named, each) for named in chosen["tools"])]
    return list(body["tools"])


def functions(given: Sequence[JsonObject]) -> tuple[Tool, ...]:
    return tuple(
        Tool(each["name"], each.get("description") or "", each["parameters"], strict=each["strict"])
        for each in given
        if each["type"] == "function"
    )


def prompt_choice(chosen: Any) -> str:
    """As a prompt says it."""
    if not isinstance(chosen, dict):
        return str(chosen)
    if chosen["type"] == "allowed_tools":
        return str(chosen["mode"])
    return f"={chosen.get('name', chosen['type'])}"


def file_search(tool: JsonObject, job: Job) -> FileSearch:
    return FileSearch(
        tool["vector_store_ids"],
        job.transaction,
        job.reading,
        most=tool["max_num_results"],
        threshold=tool["ranking_options"]["score_threshold"],
        filters=tool["filters"],
        weights=hybrid_weights(tool["ranking_options"]),
    )


@dataclass(frozen=True)
class WatchedTool:
    """A tool of the account that says when it begins, and does not once there were enough calls."""

    inner: OwnTool
    begin: Callable[[], bool]
    """Called before each run; whether it is to be carried out."""

    @property
    def tool(self) -> Tool:
        return self.inner.tool

    def shown(self, arguments: str) -> str:
        return self.inner.shown(arguments)

    def run(self, arguments: str, *, place: int, stop: threading.Event) -> Result:
        if self.begin():
            return self.inner.run(arguments, place=place, stop=stop)
        return Result("This call was ignored: no more tools may be called.", Searched((), ()), {})
