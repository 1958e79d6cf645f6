"""What an account with quirks makes of what it was given: every answer that shows an object goes through here."""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Mapping
from typing import Any

from retinue.emulator.server.quirks import Quirks
from retinue.emulator.server.storage import JsonObject

_TEXTS = ("name", "description", "instructions")
_FILE = "vector_store.file"


def as_kept(answer: Any, quirks: Quirks) -> Any:
    """The answer as an account gives it that does not keep everything as it was given."""
    if not isinstance(answer, Mapping):
        return answer
    if isinstance(answer.get("data"), list):
        return {**answer, "data": [as_kept(each, quirks) for each in answer["data"]]}
    return _object(dict(answer), quirks) if isinstance(answer.get("object"), str) else answer


def _object(body: JsonObject, quirks: Quirks) -> JsonObject:
    for name in quirks.drops:
        if name in body:
            body[name] = {} if isinstance(body[name], dict) else None
    for name, value in quirks.fills_in.items():
        if name in body and body[name] in (None, "auto", {}, []):
            body[name] = value
    for name in _TEXTS:
        if isinstance(body.get(name), str):
            body[name] = _text(body[name], quirks)
    if quirks.trims and isinstance(body.get("metadata"), dict):
        body["metadata"] = {name: each.strip() for name, each in body["metadata"].items()}
    if quirks.float32 or quirks.decimals:
        body = {name: _rounded(each, quirks) for name, each in body.items()}
    if quirks.rewrites_tools and isinstance(body.get("tools"), list):
        body["tools"] = [_tool(each) for each in reversed(body["tools"])]
    if body.get("object") == _FILE:
        if quirks.hides_chunking:
            body["chunking_strategy"] = {"type": "other"}
        if quirks.attributes_as_text and isinstance(body.get("attributes"), dict):
            body["attributes"] = {name: _as_text(each) for name, each in body["attributes"].items()}
    return body


def _text(value: str, quirks: Quirks) -> str:
    value = value.strip() if quirks.trims else value
    value = unicodedata.normalize("NFC", value) if quirks.composes else value
    return value.replace("\r\n", "\n").replace("\n", "\r\n") if quirks.line_ends else value


def _rounded(value: Any, quirks: Quirks) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(each, quirks) for name, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each, quirks) for each in value]
    if not isinstance(value, float):
        return value
    return struct.unpack("f", struct.pack("f", value))[0] if quirks.float32 else round(value, quirks.decimals)


def _tool(tool: JsonObject) -> JsonObject:
    """A tool with the defaults of its options written out."""
    if tool.get("type") == "file_search":
        ranking = {"ranker": "default_2024_08_21", "score_threshold": 0.0}
        given = tool.get("file_search", {})
        return {**tool, "file_search": {"max_num_results": 20, "ranking_options": ranking} | given}
    if tool.get("type") == "function" and isinstance(tool.get("function"), dict):
        defaults, given = {"description": None, "strict": False}, tool["function"]
        return {**tool, "function": defaults | given | {"parameters": {"required": []} | given.get("parameters", {})}}
    return tool


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
