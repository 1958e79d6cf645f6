"""Tools, what they work on and the form of answers: what assistants, threads and runs say in the same words."""

from __future__ import annotations

from typing import Any

from retinue.emulator.files.stored_files import require_file
from retinue.emulator.server.api_errors import invalid, unsupported_value
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
    metadata,
    nullable,
    number,
    record,
    text,
    variant,
)
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject
from retinue.emulator.vector_stores.store_endpoints import STORES, add_store
from retinue.emulator.vector_stores.store_index import chunking_strategy

_NAME = text(minimum=1, maximum=64, pattern="[a-zA-Z0-9_-]+")

_function = record(
    {"name": Field(_NAME, required=True), "description": text(), "parameters": any_object, "strict": nullable(boolean)}
)

_hybrid_search = record(
    {"embedding_weight": Field(number(0), required=True), "text_weight": Field(number(0), required=True)}
)

_ranking_options = record(
    {
        "ranker": choice("auto", "default_2024_08_21"),
        "score_threshold": Field(number(0, 1), required=True),
        # Not in the published description, but the server shows it, and what is shown can be sent back.
        "hybrid_search": nullable(_hybrid_search),
    }
)

tool = variant(
    {
        "code_interpreter": record({"type": TYPE}),
        "file_search": record(
            {
                "type": TYPE,
                "file_search": record({"max_num_results": integer(1, 50), "ranking_options": _ranking_options}),
            }
        ),
        "function": record({"type": TYPE, "function": Field(_function, required=True)}),
    }
)

_format_object = variant(
    {
        "text": record({"type": TYPE}),
        "json_object": record({"type": TYPE}),
        "json_schema": record(
            {
                "type": TYPE,
                "json_schema": Field(
                    record(
                        {
                            "name": Field(_NAME, required=True),
                            "description": text(),
                            "schema": any_object,
                            "strict": nullable(boolean),
                        }
                    ),
                    required=True,
                ),
            }
        ),
    }
)


def response_format(value: Any, at: str) -> Any:
    if isinstance(value, str):
        if value != "auto":
            raise unsupported_value(at, value, ["auto"])
        return value
    return _format_object(value, at)


_code_interpreter = record({"file_ids": array(text(), maximum=20)})
_vector_store_ids = array(text(), maximum=1)
_vector_store_helper = record({"file_ids": array(text()), "chunking_strategy": chunking_strategy, "metadata": metadata})
search_on_create = record(
    {"vector_store_ids": _vector_store_ids, "vector_stores": array(_vector_store_helper, maximum=1)}
)
search_on_update = record({"vector_store_ids": _vector_store_ids})


def tool_resources(file_search: Check) -> Check:
    return nullable(record({"code_interpreter": _code_interpreter, "file_search": file_search}))


def shown_tool(tool: JsonObject) -> JsonObject:
    """With the defaults the server fills in: ``strict: false``, and ranking options for file search (recorded)."""
    if tool["type"] == "function":
        asked = tool["function"]
        function = {key: asked[key] for key in ("name", "description", "parameters") if key in asked}
        return {"type": "function", "function": {**function, "strict": bool(asked.get("strict"))}}
    if tool["type"] == "file_search":
        asked = tool.get("file_search", {})
        ranking = asked.get("ranking_options", {"score_threshold": 0.0})
        shown = {key: asked[key] for key in ("max_num_results",) if key in asked}
        shown["ranking_options"] = {
            "ranker": ranking.get("ranker", "default_2024_08_21"),
            "score_threshold": ranking["score_threshold"],
            "hybrid_search": ranking.get("hybrid_search"),
        }
        return {"type": "file_search", "file_search": shown}
    return tool


def set_resources(call: Call, body: JsonObject, asked: JsonObject, *, expiry: JsonObject | None = None) -> None:
    """Each list that was sent replaces the old one. Whatever it names must exist. ``expiry`` is that of a new store."""
    if "file_ids" in asked.get("code_interpreter", {}):
        ids = asked["code_interpreter"]["file_ids"]
        for index, file_id in enumerate(ids):
            require_file(call, file_id, param=f"tool_resources.code_interpreter.file_ids[{index}]")
        body["tool_resources"]["code_interpreter"] = {"file_ids": ids}
    search = asked.get("file_search", {})
    if "vector_store_ids" in search and "vector_stores" in search:
        at = "tool_resources.file_search"
        raise invalid(f"You can specify either '{at}.vector_store_ids' or '{at}.vector_stores', not both.", at)
    if "vector_store_ids" in search:
        ids = [require(call, STORES, each).id for each in search["vector_store_ids"]]
        body["tool_resources"]["file_search"] = {"vector_store_ids": ids}
    if "vector_stores" in search:
        ids = [add_store(call, {**each, "expires_after": expiry})["id"] for each in search["vector_stores"]]
        body["tool_resources"]["file_search"] = {"vector_store_ids": ids}


def show_resources_of_enabled_tools(body: JsonObject) -> None:
    """``code_interpreter`` has an entry once it is enabled; a disabled tool has one only if it holds something.

    Recorded for creation. That resources outlive the removal of their tool is an assumption.
    """
    enabled = {tool["type"] for tool in body["tools"]}
    resources = body["tool_resources"]
    if "code_interpreter" in enabled:
        resources.setdefault("code_interpreter", {"file_ids": []})
    elif not resources.get("code_interpreter", {}).get("file_ids"):
        resources.pop("code_interpreter", None)
    if "file_search" not in enabled and not resources.get("file_search", {}).get("vector_store_ids"):
        resources.pop("file_search", None)
