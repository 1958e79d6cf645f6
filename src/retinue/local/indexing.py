"""The life of a file in a vector store: in progress, then completed or failed; and the counts that follow it.

Nothing happens by itself. A file is indexed by the next read that would show it, unless a quirk makes it wait.
Counts of a store are kept by adding and subtracting, never recounted, which is why they go wrong in the same
place where the API's do: after a file is deleted without being detached first.
"""

from __future__ import annotations

import json
from typing import Any

from retinue.local.chunks import cut, effective
from retinue.local.collection import Collection, create
from retinue.local.endpoint import Call, Rendered
from retinue.local.errors import no_such_file
from retinue.local.extract import UnsearchableError, extract_text
from retinue.local.storage import JsonObject, Stored

STORE = "vector_store"
STORE_FILES = Collection("vector_store.file", "file-", "file", "file_id", checks_prefix=False)

_VECTOR_BYTES = 1024
"""What one chunk costs besides its text: a 21-byte file was recorded to use 1045 bytes."""


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
    if call.storage.find("file", file_id) is None:
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
    file = call.storage.find("file", attached.id)
    filename = file.body["filename"] if file else ""
    if call.quirks.sticks(filename):
        return
    try:
        text = _text(call, attached.id, filename)
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


def _text(call: Call, file_id: str, filename: str) -> str:
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


def shown(body: JsonObject) -> JsonObject | Rendered:
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


def detach_everywhere(call: Call, file_id: str) -> None:
    """A deleted file leaves every store, but the stores' ``file_counts`` do not notice (observed in the API)."""
    for attached in call.storage.select(STORE_FILES.object, id=file_id):
        forget(call, attached)
