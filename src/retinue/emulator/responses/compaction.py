"""Compaction of what was said (``/responses/compact``): what the user said stays as it is, and one item that nobody
else can read stands for all the rest.

The API has a model write a summary into that item. Here nothing is summarised, and nothing is lost: it holds the items
themselves, so that a program goes on as it would there, and the next answer knows what it knew.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Iterator

from retinue.emulator.responses.response_objects import Kept
from retinue.emulator.server.api_errors import invalid
from retinue.emulator.server.storage import JsonObject

_LARGEST = 64 * 1024 * 1024
"""Bytes that an item may come to."""


def is_users(body: JsonObject) -> bool:
    return bool(body["type"] == "message" and body["role"] == "user")


def compaction_item(item_id: str, kept: Iterable[Kept]) -> JsonObject:
    content = json.dumps([[body, hidden] for body, hidden in kept], ensure_ascii=False)
    packed = base64.b64encode(zlib.compress(content.encode())).decode()
    return {"id": item_id, "type": "compaction", "encrypted_content": packed}


def check_compaction(item: JsonObject, at: str) -> None:
    """Raises ApiError for content that is not of this account's making."""
    try:
        compacted(item)
    except (binascii.Error, zlib.error, ValueError, KeyError, TypeError):
        # Only its rule is published.
        raise invalid("The encrypted content of the compaction could not be verified.", at) from None


def compacted(item: JsonObject) -> list[Kept]:
    """What it stands for."""
    unpacking = zlib.decompressobj()
    content = unpacking.decompress(base64.b64decode(item["encrypted_content"], validate=True), _LARGEST)
    if not unpacking.eof:
        raise ValueError("it is cut off, or too long")
    kept = json.loads(content)
    if not isinstance(kept, list):
        raise TypeError("it holds no list")
    return [(dict(body), dict(hidden)) for body, hidden in kept if body["type"] != "compaction"]


def unfolded(items: Iterable[Kept]) -> Iterator[Kept]:
    """The items, with those that a compaction stands for in its place."""
    for body, hidden in items:
        if body["type"] == "compaction":
            yield from compacted(body)
        else:
            yield body, hidden
