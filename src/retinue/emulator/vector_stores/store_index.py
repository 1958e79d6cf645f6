"""The life of a file in a vector store: in progress, then cut into chunks or failed; and the counts that follow it.

A text is indexed by the next read that would show it, unless a quirk makes it wait; what takes time, documents and
long texts, by a worker, which is asked as soon as the file is attached. Counts of a store are kept by adding and
subtracting, never recounted, which is why they go wrong in the same place where the API's do: after a file is deleted
without being detached first. A token is taken to be four characters; no tokenizer is bundled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from retinue.emulator.language_models.token_count import CHARACTERS_PER_TOKEN
from retinue.emulator.server.api_errors import invalid, no_such_file
from retinue.emulator.server.collection import Collection, create
from retinue.emulator.server.request_checks import TYPE, Field, integer, record, variant
from retinue.emulator.server.service import Answer, Call, Job, Rendered, StoppedError
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.vector_stores.text_extraction import (
    AbandonedError,
    UnsearchableError,
    extract_text,
    takes_time,
)

STORE = "vector_store"
FILE = "file"
STORE_FILES = Collection("vector_store.file", "file-", "file", "file_id", checks_prefix=False)

INDEXING = "vector_store.file.indexing"

_VECTOR_BYTES = 1024
"""What one chunk costs besides its text: a 21-byte file was recorded to use 1045 bytes."""

_MOST_AT_ONCE = 500
"""Files that one read moves on. Whoever waits for more asks again, and others are served in between."""

_PORTION = 100
"""Chunks that a worker writes in one transaction; others wait for it no longer than that."""

_BREATH = 0.01
"""Seconds between two of them, in which others get their turn: SQLite does not queue those who wait."""

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
    size = sizes["max_chunk_size_tokens"] * CHARACTERS_PER_TOKEN
    overlap = sizes["chunk_overlap_tokens"] * CHARACTERS_PER_TOKEN
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


def join(chunks: Iterable[str], sizes: Mapping[str, int]) -> str:
    """The text that was cut into these."""
    overlap = sizes["chunk_overlap_tokens"] * CHARACTERS_PER_TOKEN
    return "".join(chunk[overlap:] if number else chunk for number, chunk in enumerate(chunks))


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
    file = call.storage.find(FILE, file_id)
    if file is None:
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
    attached = call.storage.find(STORE_FILES.object, file_id, parent=store.id)
    if attached is not None and not attached.polls:
        _hand_over(call, attached, file.body["filename"])
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
    """Move on the files under way whose columns have these values, so many at a time: one poll nearer, or to their
    end."""
    if not call.writes:
        return
    for attached in call.storage.under_way(STORE_FILES.object, most=_MOST_AT_ONCE, **equal):
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
    if call.quirks.fails(filename):
        _fail(call, attached, _internal_error())
    elif not _hand_over(call, attached, filename):
        try:
            text = extract_text(filename, call.storage.blob(attached.id))
        except UnsearchableError as problem:
            _fail(call, attached, problem)
        else:
            _add_chunks(call, attached, enumerate(cut(text, attached.body["chunking_strategy"]["static"])))
            finish(call, attached, "completed")


def _internal_error() -> UnsearchableError:
    return UnsearchableError("server_error", "An internal error occurred.")


def _fail(call: Call, attached: Stored, problem: UnsearchableError) -> None:
    attached.body["last_error"] = {"code": problem.code, "message": str(problem)}
    finish(call, attached, "failed")


def _add_chunks(call: Call, attached: Stored, chunks: Iterable[tuple[int, str]]) -> None:
    for position, chunk in chunks:
        call.storage.db.execute(
            "INSERT INTO chunks (store, file, position, text) VALUES (?, ?, ?, ?)",
            [attached.parent, attached.id, position, chunk],
        )
        attached.body["usage_bytes"] += _VECTOR_BYTES + len(chunk.encode())


def _hand_over(call: Call, attached: Stored, filename: str) -> bool:
    """Whether the file takes time, and a worker has been asked to index it. Then no read moves it on."""
    if call.quirks.sticks(filename) or call.quirks.fails(filename):
        return False
    if not takes_time(filename, call.storage.blob(attached.id)):
        return False
    attached.polls = None
    call.storage.save(attached)
    call.enqueue(INDEXING, {"store": attached.parent, "file": attached.id, "seq": attached.seq})
    return True


def index_file(job: Job) -> Callable[[Call], None]:
    """The work of a worker: read the file, cut it, and write what it comes to in portions."""
    with job.transaction() as call:
        attached, file = _of_job(call), call.storage.find(FILE, job.body["file"])
        path = call.storage.blob(job.body["file"])
    if attached is None or file is None:
        return fail_file
    try:
        text = extract_text(file.body["filename"], path, stopping=job.stopping)
    except AbandonedError:
        raise StoppedError from None
    except FileNotFoundError:
        return fail_file
    except UnsearchableError as problem:
        return partial(_fail_job, problem=problem)
    chunks = list(enumerate(cut(text, attached.body["chunking_strategy"]["static"])))
    attached.body["usage_bytes"] = 0
    for start in range(0, len(chunks), _PORTION):
        job.stopping.wait(_BREATH)
        job.check()
        with job.transaction() as call:
            if _of_job(call) is None:
                return fail_file
            if start == 0:  # what a worker wrote that did not come to the end
                _remove_chunks(call, attached)
            _add_chunks(call, attached, chunks[start : start + _PORTION])
    return partial(_complete_job, usage_bytes=attached.body["usage_bytes"])


def _of_job(call: Call) -> Stored | None:
    """The attachment that a job is about, unless it is gone, cancelled or made anew since."""
    attached = call.storage.find(STORE_FILES.object, call.body["file"], parent=call.body["store"])
    wanted = attached is not None and attached.seq == call.body["seq"] and attached.facet == "in_progress"
    return attached if wanted else None


def _complete_job(call: Call, *, usage_bytes: int) -> None:
    if attached := _of_job(call):
        attached.body["usage_bytes"] = usage_bytes
        finish(call, attached, "completed")


def _fail_job(call: Call, *, problem: UnsearchableError) -> None:
    if attached := _of_job(call):
        _fail(call, attached, problem)


def fail_file(call: Call) -> None:
    """What is written when the work failed for no fault of the file. A file that is gone has none."""
    _fail_job(call, problem=_internal_error())


def whole_text(call: Call, attached: Stored) -> str:
    """The text of a file that is completed, from its chunks: it is not read again."""
    rows = call.storage.db.execute(
        "SELECT text FROM chunks WHERE store = ? AND file = ? ORDER BY position", [attached.parent, attached.id]
    )
    return join((text for (text,) in rows), attached.body["chunking_strategy"]["static"])


def finish(call: Call, attached: Stored, status: str) -> None:
    """End the work on a file and let its store know."""
    if status != "completed":
        _remove_chunks(call, attached)
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
    _remove_chunks(call, attached)
    call.storage.remove(attached)


def forget_all(call: Call, store: Stored) -> None:
    """Take all files out of a store. The counts are the caller's business."""
    call.storage.db.execute("DELETE FROM chunks WHERE store = ?", [store.id])
    call.storage.remove_all(STORE_FILES.object, store.id)


def _remove_chunks(call: Call, attached: Stored) -> None:
    call.storage.db.execute("DELETE FROM chunks WHERE store = ? AND file = ?", [attached.parent, attached.id])


def detach_everywhere(call: Call, file: Stored) -> None:
    """A deleted file leaves every store, but the stores' ``file_counts`` do not notice (observed in the API)."""
    for attached in call.storage.select(STORE_FILES.object, id=file.id):
        forget(call, attached)
