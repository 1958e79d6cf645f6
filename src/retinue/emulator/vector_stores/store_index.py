"""The life of a file in a vector store: in progress, then cut into chunks or failed; and the counts that follow it.

Nothing happens by itself. A file is indexed by the next read that would show it, unless a quirk makes it wait.
Counts of a store are kept by adding and subtracting, never recounted, which is why they go wrong in the same
place where the API's do: after a file is deleted without being detached first. A token is taken to be four characters;
no tokenizer is bundled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from retinue.emulator.server.api_errors import invalid, no_such_file
from retinue.emulator.server.collection import Collection, create
from retinue.emulator.server.request_checks import TYPE, Field, integer, record, variant
from retinue.emulator.server.service import Answer, Call, Rendered
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.vector_stores.text_extraction import UnsearchableError, extract_text

STORE = "vector_store"
FILE = "file"
STORE_FILES = Collection("vector_store.file", "file-", "file", "file_id", checks_prefix=False)

_VECTOR_BYTES = 1024
"""What one chunk costs besides its text: a 21-byte file was recorded to use 1045 bytes."""

_CHARACTERS_PER_TOKEN = 4

_static = record(
    {
        "max_chunk_size_tokens": Field(integer(100, 4096), required=True),
        "chunk_overlap_tokens": Field(integer(0), required=True),
    }
)


def _checked_static(value: Any, at: str) -> dict[str, Any]:
    sizes: dict[str, Any] = _static(value, at)
    if sizes["chunk_overlap_tokens"] > sizes["max_chunk_size_tokens"] // 2:
        raise invalid(
            f"Invalid '{at}.chunk_overlap_tokens': the overlap must not exceed half of max_chunk_size_tokens.",
            f"{at}.chunk_overlap_tokens",
            "invalid_value",
        )
    return sizes


chunking_strategy = variant(
    {"auto": record({"type": TYPE}), "static": record({"type": TYPE, "static": Field(_checked_static, required=True)})}
)


def effective(strategy: Mapping[str, Any] | None) -> JsonObject:
    """The strategy as it is shown: ``auto`` comes back as static 800/400 (recorded)."""
    if strategy is None or strategy["type"] == "auto":
        return {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}
    return {"type": "static", "static": dict(strategy["static"])}


def cut(text: str, sizes: Mapping[str, int]) -> Iterator[str]:
    """Chunks of at most the given size that end at white space where there is any near the end."""
    size = sizes["max_chunk_size_tokens"] * _CHARACTERS_PER_TOKEN
    overlap = sizes["chunk_overlap_tokens"] * _CHARACTERS_PER_TOKEN
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            space = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
            if space > start + size * 3 // 4:
                end = space
        yield text[start:end]
        if end == len(text):
            return
        start = end - overlap


def no_counts() -> JsonObject:
    return {"in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0, "total": 0}


def attach(
    call: Call,
    store: Stored,
    file_id: str,
    *,
    strategy: dict[str, Any] | None,
    attributes: dict[str, Any],
    param: str = "file_id",
) -> JsonObject:
    """Attach a file, counting it in ``store`` (which the caller saves).

    A file can be attached only once, since the attachment has the file's id. What the API does with a second request is
    not known; here one that is in progress or completed stays as it is, and one that failed or was cancelled is tried
    again.
    """
    if call.storage.find(FILE, file_id) is None:
        raise no_such_file(file_id, param)
    before = call.storage.find(STORE_FILES.object, file_id, parent=store.id)
    if before is not None and before.facet in ("in_progress", "completed"):
        return before.body
    if before is not None:
        uncount(store, before)
        forget(call, before)
    body: JsonObject = {
        "id": file_id,
        "object": STORE_FILES.object,
        "usage_bytes": 0,
        "created_at": call.now,
        "vector_store_id": store.id,
        "status": "in_progress",
        "last_error": None,
        "chunking_strategy": effective(strategy),
        "attributes": attributes,
    }
    create(call, STORE_FILES, body, parent=store.id, facet="in_progress", polls=call.quirks.indexing_polls)
    counts = store.body["file_counts"]
    counts["in_progress"] += 1
    counts["total"] += 1
    store.body["status"] = "in_progress"
    return body


def uncount(store: Stored, attached: Stored) -> None:
    """Take a file out of the counts of its store (which the caller saves)."""
    counts = store.body["file_counts"]
    counts[attached.facet] -= 1
    counts["total"] -= 1
    store.body["usage_bytes"] -= attached.body["usage_bytes"]
    _note_idle(store)


def settle(call: Call, **equal: str) -> None:
    """Move on every file under way whose columns have these values: one poll nearer, or to its end."""
    if not call.writes:
        return
    for attached in call.storage.under_way(STORE_FILES.object, **equal):
        if attached.polls:
            attached.polls -= 1
            call.storage.save(attached)
        else:
            _index(call, attached)


def _index(call: Call, attached: Stored) -> None:
    file = call.storage.find(FILE, attached.id)
    filename = file.body["filename"] if file else ""
    if call.quirks.sticks(filename):
        return
    try:
        text = _readable_text(call, attached.id, filename)
    except UnsearchableError as problem:
        attached.body["last_error"] = {"code": problem.code, "message": str(problem)}
        finish(call, attached, "failed")
        return
    size = 0
    for position, chunk in enumerate(cut(text, attached.body["chunking_strategy"]["static"])):
        call.storage.db.execute(
            "INSERT INTO chunks (store, file, position, text) VALUES (?, ?, ?, ?)",
            [attached.parent, attached.id, position, chunk],
        )
        size += _VECTOR_BYTES + len(chunk.encode())
    attached.body["usage_bytes"] = size
    finish(call, attached, "completed")


def _readable_text(call: Call, file_id: str, filename: str) -> str:
    if call.quirks.fails(filename):
        raise UnsearchableError("server_error", "An internal error occurred.")
    return extract_text(filename, call.storage.blob(file_id).read_bytes())


def finish(call: Call, attached: Stored, status: str) -> None:
    """End the work on a file and let its store know."""
    attached.body["status"] = attached.facet = status
    attached.polls = None
    call.storage.save(attached)
    store = call.storage.find(STORE, attached.parent)
    if store is None:
        return
    counts = store.body["file_counts"]
    counts["in_progress"] -= 1
    counts[status] += 1
    store.body["usage_bytes"] += attached.body["usage_bytes"]
    _note_idle(store)
    call.storage.save(store)


def shown(body: JsonObject) -> Answer:
    """A file or batch as a poll sees it: while in progress the API may say when to look again, which here is soon."""
    if body["status"] != "in_progress":
        return body
    return Rendered(json.dumps(body, ensure_ascii=False).encode(), headers={"openai-poll-after-ms": "20"})


def _note_idle(store: Stored) -> None:
    if store.body["file_counts"]["in_progress"] == 0 and store.body["status"] == "in_progress":
        store.body["status"] = "completed"


def forget(call: Call, attached: Stored) -> None:
    """Take a file out of its store. The counts are the caller's business."""
    call.storage.db.execute("DELETE FROM chunks WHERE store = ? AND file = ?", [attached.parent, attached.id])
    call.storage.remove(attached)


def detach_everywhere(call: Call, file: Stored) -> None:
    """A deleted file leaves every store, but the stores' ``file_counts`` do not notice (observed in the API)."""
    for attached in call.storage.select(STORE_FILES.object, id=file.id):
        forget(call, attached)
