"""What a request says: JSON or a form, checked as its endpoint describes it."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from retinue.emulator.server.api_errors import (
    body_too_large,
    invalid,
    too_deep,
    unparsable_json,
    unsupported_content_type,
    wrong_type,
)
from retinue.emulator.server.service import Endpoint, SentFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from retinue.emulator.server.storage import JsonObject, Storage

MAX_JSON = 64 * 1024 * 1024
"""Bytes of a JSON body: more than the largest that every other limit lets pass, a batch of 2000 files with attributes.
How much the API takes is not published."""

MAX_DEPTH = 100
"""Levels of objects and arrays in a JSON body. What the API takes is not published; the checks go as deep."""

_NUMBER = re.compile(r"-?\d{1,15}")


@asynccontextmanager
async def read_request(
    request: Request, endpoint: Endpoint, storage: Storage
) -> AsyncIterator[tuple[JsonObject, list[SentFile]]]:
    """The checked body, and the files of a form, which stay on disk until the context ends or a handler keeps them."""
    if endpoint.form:
        async with _read_form(request, endpoint, storage) as read:
            yield read
        return
    raw = await _read_json(request)
    yield (endpoint.body(_parse(raw), "") if endpoint.body else {}), []


async def _read_json(request: Request) -> bytes:
    """The bytes of a body that says it is JSON, or of none. A page of any origin can send the other content types."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_JSON:
            raise body_too_large(MAX_JSON)
        pieces.append(piece)
    given = request.headers.get("content-type")
    if given is None and not size:
        return b""
    if request.method != "GET" and _essence(given or "") != "application/json":
        raise unsupported_content_type(given or "")
    return b"".join(pieces)


def _essence(content_type: str) -> str:
    """Without parameters such as the charset."""
    return content_type.partition(";")[0].strip().lower()


def _parse(raw: bytes) -> Any:
    """JSON that can be written again as it came: no NaN, no infinity, no half of a surrogate pair."""
    try:
        value = json.loads(raw) if raw else {}
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise unparsable_json() from None
    if _is_deeper(value, MAX_DEPTH):
        raise too_deep(MAX_DEPTH)
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether objects and arrays are nested in each other more often than this."""
    level = [value]
    for _ in range(levels + 1):
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return False
        level = [each for outer in level for each in (outer.values() if isinstance(outer, dict) else outer)]
    return True


@asynccontextmanager
async def _read_form(
    request: Request, endpoint: Endpoint, storage: Storage
) -> AsyncIterator[tuple[JsonObject, list[SentFile]]]:
    if _essence(request.headers.get("content-type", "")) != "multipart/form-data":
        raise invalid("Invalid Content-Type header, expected 'multipart/form-data'.")
    sent: list[SentFile] = []
    try:
        fields = await _sort_form(request, storage, sent)
        yield (endpoint.body(fields, "") if endpoint.body else {}), sent
    finally:
        for each in sent:
            each.path.unlink(missing_ok=True)


async def _sort_form(request: Request, storage: Storage, sent: list[SentFile]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    try:
        async with request.form() as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    path = storage.scratch()
                    sent.append(SentFile(name, value.filename or name, path, value.size or 0))
                    with path.open("wb") as target:
                        shutil.copyfileobj(value.file, target)
                else:
                    _nest(fields, name, value)
    except (MultiPartException, KeyError):
        raise invalid("Could not parse multipart form.") from None
    return fields


def _nest(fields: dict[str, Any], name: str, value: str) -> None:
    """``expires_after[seconds]`` is the member ``seconds`` of ``expires_after``; there a number is digits."""
    outer, bracket, inner = name.partition("[")
    if not bracket:
        fields[outer] = value
        return
    members = fields.setdefault(outer, {})
    if not isinstance(members, dict):
        raise wrong_type(outer, "an object", members)
    members[inner.rstrip("]")] = int(value) if _NUMBER.fullmatch(value) else value
