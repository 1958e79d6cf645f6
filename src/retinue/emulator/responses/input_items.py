"""What goes into a response or a conversation: how items are checked, and the form in which they are kept and shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retinue.emulator.files.stored_files import require_file
from retinue.emulator.responses.compaction import check_compaction
from retinue.emulator.responses.response_objects import ID_PREFIXES, Kept, find_item, no_such_item
from retinue.emulator.server.api_errors import invalid, missing_parameter, unsupported_value, wrong_type
from retinue.emulator.server.request_checks import (
    TYPE,
    Check,
    Field,
    any_object,
    anything,
    array,
    choice,
    nullable,
    record,
    text,
    variant,
)
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject

MOST_ITEMS = 20
"""Items that a conversation is given at once (published description)."""
_LONGEST = 10_485_760
"""Characters of a text (published description)."""

_status = nullable(choice("in_progress", "completed", "incomplete"))
_breakpoint = nullable(any_object)


def _no_download(_value: Any, at: str) -> Any:
    """Only the local account refuses so."""
    raise invalid("The local account downloads nothing: send the file, or the id of one that was uploaded.", at)


def _image(value: Any, at: str) -> Any:
    checked = _image_fields(value, at)
    if checked.get("image_url") is None and checked.get("file_id") is None:
        raise missing_parameter(f"{at}.image_url")
    return checked


_image_fields = record(
    {
        "type": TYPE,
        "image_url": nullable(text(maximum=20_971_520)),
        "file_id": nullable(text()),
        "detail": nullable(choice("low", "high", "auto", "original")),
        "prompt_cache_breakpoint": _breakpoint,
    }
)


def _file(value: Any, at: str) -> Any:
    checked = _file_fields(value, at)
    if checked.get("file_data") is None and checked.get("file_id") is None:
        raise missing_parameter(f"{at}.file_id")
    return checked


_file_fields = record(
    {
        "type": TYPE,
        "file_id": nullable(text()),
        "filename": nullable(text()),
        "file_data": nullable(text(maximum=73_400_320)),
        "file_url": nullable(_no_download),
        "detail": choice("auto", "low", "high"),
        "prompt_cache_breakpoint": _breakpoint,
    }
)

_input_part = variant(
    {
        "input_text": record(
            {"type": TYPE, "text": Field(text(maximum=_LONGEST), required=True), "prompt_cache_breakpoint": _breakpoint}
        ),
        "input_image": _image,
        "input_file": _file,
    }
)
_output_part = variant(
    {
        "output_text": record(
            {
                "type": TYPE,
                "text": Field(text(maximum=_LONGEST), required=True),
                "annotations": array(any_object),
                "logprobs": nullable(array(any_object)),
            }
        ),
        "refusal": record({"type": TYPE, "refusal": Field(text(maximum=_LONGEST), required=True)}),
    }
)


def _text_or(part: Check) -> Check:
    parts = array(part)
    return lambda value, at: text(maximum=_LONGEST)(value, at) if isinstance(value, str) else parts(value, at)


_ROLES = ("assistant", "system", "developer", "user")


def _message(value: Any, at: str) -> Any:
    role = value.get("role", "")
    if role not in _ROLES:  # wording and param published by users
        raise unsupported_value(at, role if isinstance(role, str) else "", _ROLES)
    fields: dict[str, Check | Field] = {
        "id": nullable(text()),
        "type": anything,
        "role": anything,
        "status": _status,
        "content": Field(_text_or(_output_part if role == "assistant" else _input_part), required=True),
    }
    if role == "assistant":
        fields["phase"] = nullable(choice("commentary", "final_answer"))
    return record(fields)(value, at)


_call_id = Field(text(minimum=1, maximum=64), required=True)
_extra: dict[str, Check | Field] = {
    "id": nullable(text()),
    "type": TYPE,
    "status": _status,
    "namespace": nullable(text()),
    "caller": nullable(any_object),
    "created_by": anything,
}
_any_status = nullable(text())

_ITEMS: Mapping[str, Check] = {
    "message": _message,
    "function_call": record(
        {
            **_extra,
            "call_id": _call_id,
            "name": Field(text(minimum=1), required=True),
            "arguments": Field(text(), required=True),
        }
    ),
    "function_call_output": record(
        {
            **_extra,
            "call_id": _call_id,
            "output": Field(_text_or(_input_part), required=True),
            "name": nullable(text()),
        }
    ),
    "file_search_call": record(
        {
            "id": Field(text(), required=True),
            "type": TYPE,
            "status": _any_status,
            "queries": Field(array(text()), required=True),
            "results": nullable(array(any_object)),
        }
    ),
    "code_interpreter_call": record(
        {
            "id": Field(text(), required=True),
            "type": TYPE,
            "status": _any_status,
            "container_id": text(),
            "code": nullable(text()),
            "outputs": nullable(array(any_object)),
        }
    ),
    "reasoning": record(
        {
            "id": Field(text(), required=True),
            "type": TYPE,
            "status": _status,
            "summary": Field(array(any_object), required=True),
            "content": nullable(array(any_object)),
            "encrypted_content": nullable(text()),
        }
    ),
    "compaction": record(
        {
            "id": nullable(text()),
            "type": TYPE,
            "encrypted_content": Field(text(maximum=20_971_520), required=True),
            "created_by": anything,
        }
    ),
    "item_reference": record({"type": anything, "id": Field(text(), required=True)}),
}


def input_item(value: Any, at: str) -> Any:
    """One item, with the ``type`` it has when it says none: a reference if it is but an id, else a message."""
    if not isinstance(value, dict):
        raise wrong_type(at, "an input item", value)
    kind = value.get("type")
    if kind is None:
        kind = "item_reference" if "id" in value and "role" not in value else "message"
    if kind not in _ITEMS:
        raise unsupported_value(at, kind if isinstance(kind, str) else "", sorted(_ITEMS))
    return {**_ITEMS[kind](value, at), "type": kind}


_input_items = array(input_item)


def input_param(value: Any, at: str) -> list[Any]:
    """``input``: a text is a message of the user."""
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": text(maximum=_LONGEST)(value, at)}]
    if not isinstance(value, list):
        raise wrong_type(at, "one of a string or array of input items", value)
    items: list[Any] = _input_items(value, at)
    return items


def keep_items(call: Call, asked: list[Any], *, at: str = "input") -> list[Kept]:
    """The items as they are stored. Raises ApiError for files and items that are named and are not there."""
    kept = [_keep(call, each, at) for each in asked]
    seen: set[str] = set()
    for body, _ in kept:
        if body["id"] in seen:  # published by users
            raise invalid(
                f"Duplicate item found with id {body['id']}. Remove duplicate items from your input and try again.", at
            )
        seen.add(body["id"])
    return kept


def _keep(call: Call, item: JsonObject, at: str) -> Kept:
    if item["type"] == "item_reference":
        found = find_item(call, item["id"])
        if found is None:
            raise no_such_item(item["id"], at)
        return found.body, found.hidden
    body = {key: value for key, value in item.items() if value is not None}
    body["id"] = body.get("id") or call.new_id(ID_PREFIXES[item["type"]])
    if item["type"] not in ("reasoning", "compaction"):
        body.setdefault("status", "completed")
    known = find_item(call, body["id"])  # what the account knows of it stays known when it is sent back
    match item["type"]:
        case "message":
            body["content"] = [_kept_part(call, each, at) for each in _parts(item)]
        case "function_call_output" if isinstance(item["output"], list):
            body["output"] = [_kept_part(call, each, at) for each in item["output"]]
        case "compaction":
            check_compaction(item, at)
        case "file_search_call":
            body["results"] = item.get("results")
        case "code_interpreter_call":
            body |= {key: item.get(key) for key in ("code", "outputs")} | {"container_id": item.get("container_id", "")}
    return body, known.hidden if known else {}


def _parts(item: JsonObject) -> list[JsonObject]:
    if not isinstance(item["content"], str):
        return list(item["content"])
    return [{"type": "output_text" if item["role"] == "assistant" else "input_text", "text": item["content"]}]


def _kept_part(call: Call, part: JsonObject, at: str) -> JsonObject:
    shown = {key: value for key, value in part.items() if value is not None}
    match part["type"]:
        case "output_text":
            return {"annotations": [], "logprobs": [], **shown}
        case "input_image" | "input_file":
            if "file_id" in shown:
                require_file(call, shown["file_id"], param=at)
            return {"detail": "auto", **shown} if part["type"] == "input_image" else shown
        case _:
            return shown


def refuse_unmatched_calls(before: list[JsonObject], items: list[JsonObject]) -> None:
    """Every output belongs to a call, and every call has an output (wordings published by users)."""
    called = [each["call_id"] for each in (*before, *items) if each["type"] == "function_call"]
    given = [each["call_id"] for each in (*before, *items) if each["type"] == "function_call_output"]
    for each in given:
        if each not in called:
            raise invalid(f"No tool call found for function call output with call_id {each}.", "input")
    for each in called:
        if each not in given:
            raise invalid(f"No tool output found for function call {each}.", "input")
