"""What a request says: JSON or a form, checked as its endpoint describes it."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from retinue.emulator.server.api_errors import invalid, unparsable_json, wrong_type
from retinue.emulator.server.service import Endpoint, SentFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from retinue.emulator.server.storage import JsonObject, Storage

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
    raw = await request.body()
    yield (endpoint.body(_parse(raw), "") if endpoint.body else {}), []


def _parse(raw: bytes) -> Any:
    """JSON that can be written again as it came: no NaN, no infinity, no half of a surrogate pair."""
    try:
        value = json.loads(raw) if raw else {}
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise unparsable_json() from None
    return value


@asynccontextmanager
async def _read_form(
    request: Request, endpoint: Endpoint, storage: Storage
) -> AsyncIterator[tuple[JsonObject, list[SentFile]]]:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
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
