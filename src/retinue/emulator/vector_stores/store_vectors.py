"""The vectors of a store's chunks: kept with them, compared one by one with what is searched for.

Files are embedded as they are indexed. What was indexed before there was an embedder, or by another one, is embedded by
a worker as soon as somebody searches there; until it is done the store is searched by words.
"""

from __future__ import annotations

import logging
import time
from array import array
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from operator import mul
from typing import TypeAlias

from retinue.emulator.embeddings.embedder import EmbeddingError, Vector
from retinue.emulator.server.service import Call, Job

Scores: TypeAlias = dict[tuple[str, int], float]
"""Chunks by file and position, with how well they fit, from 0 to 1."""

EMBEDDING = "vector_store.embedding"

_PORTION = 64
"""Chunks that are embedded and written at a time."""

_STRETCH = 64
"""Vectors that are compared before others have their turn: a millisecond."""

_logger = logging.getLogger(__name__)


def keep_vector(call: Call, chunk: int, vector: Vector) -> None:
    """Of a chunk, by the account's embedder."""
    if call.services.embedder is not None:
        call.storage.db.execute(
            "INSERT OR REPLACE INTO vectors (chunk, model, vector) VALUES (?, ?, ?)",
            [chunk, call.services.embedder.name, vector.tobytes()],
        )


def has_vectors(call: Call, store: str) -> bool:
    """Whether every chunk of a store has one; if not, a worker is asked to see to it."""
    if call.services.embedder is None:
        return False
    if not _without_vectors(call, store, most=1):
        return True
    asked = {"store": store}
    if call.writes and not call.storage.has_job(EMBEDDING, asked):
        call.enqueue(EMBEDDING, asked)
    return False


def _without_vectors(call: Call, store: str, *, most: int) -> list[tuple[int, str]]:
    if call.services.embedder is None:
        return []
    rows = call.storage.db.execute(
        "SELECT chunks.id, chunks.text FROM chunks LEFT JOIN vectors ON vectors.chunk = chunks.id AND vectors.model = ?"
        " WHERE chunks.store = ? AND vectors.chunk IS NULL LIMIT ?",
        [call.services.embedder.name, store, most],
    )
    return rows.fetchall()


def nearest(call: Call, store: str, files: Container[str], meanings: Sequence[Vector]) -> Scores:
    """How much each chunk has to do with what is nearest to it of these. What points elsewhere has nothing to do."""
    name = call.services.embedder.name if call.services.embedder else ""
    rows = call.storage.db.execute(
        "SELECT chunks.file, chunks.position, vectors.vector FROM chunks"
        " JOIN vectors ON vectors.chunk = chunks.id WHERE chunks.store = ? AND vectors.model = ?",
        [store, name],
    )
    width = len(meanings[0]) * meanings[0].itemsize
    kept = [(file, position, vector) for file, position, vector in rows if file in files and len(vector) == width]
    cosines = _cosines([vector for _, _, vector in kept], meanings)
    return {
        (file, position): round(min(cosine, 1.0), 6)
        for (file, position, _), cosine in zip(kept, cosines, strict=True)
        if cosine > 0
    }


def _cosines(kept: Sequence[bytes], meanings: Sequence[Vector]) -> Iterable[float]:
    """The largest of each vector with any of these. 10,000 of 384 numbers take a tenth of a second in Python, and much
    less with numpy, which is there with `retinue[semantic]`."""
    try:
        import numpy as np
    except ImportError:
        return _cosines_one_by_one(kept, [list(each) for each in meanings])
    if not kept:
        return ()
    vectors = np.frombuffer(b"".join(kept), dtype=np.float32).reshape(len(kept), -1)
    found: list[float] = (vectors @ np.array(meanings, dtype=np.float32).T).max(axis=1).tolist()
    return found


def _cosines_one_by_one(kept: Sequence[bytes], sought: Sequence[Sequence[float]]) -> Iterator[float]:
    for number, vector in enumerate(kept):
        if number % _STRETCH == 0:
            time.sleep(0)  # others have their turn: each of their steps would wait five milliseconds for one
        yield max(sum(map(mul, each, array("f", vector))) for each in sought)


def embed_store(job: Job) -> Callable[[Call], None]:
    """The work of a worker: vectors for all chunks of a store that have none."""
    store = job.body["store"]
    while True:
        with job.transaction() as call:
            missing, embedder = _without_vectors(call, store, most=_PORTION), call.services.embedder
        if not missing or embedder is None:
            return leave_store
        try:
            vectors = embedder.embed([text for _, text in missing], job.stopping)
        except EmbeddingError as error:
            _logger.warning("a vector store stays searched by words: %s", error)
            return leave_store
        job.check()
        with job.transaction() as call:
            for (chunk, text), vector in zip(missing, vectors, strict=True):
                _keep_if_there(call, chunk, text, vector)


def _keep_if_there(call: Call, chunk: int, text: str, vector: Vector) -> None:
    """Meanwhile it may be gone, and its number another one's."""
    found = call.storage.db.execute("SELECT text FROM chunks WHERE id = ?", [chunk]).fetchone()
    if found is not None and found[0] == text:
        keep_vector(call, chunk, vector)


def leave_store(_call: Call) -> None:
    """Nothing more is to be written; the next search asks again for what is missing."""
