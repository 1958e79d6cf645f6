"""Vectors from any endpoint that answers ``POST /embeddings`` as OpenAI does: vLLM, Ollama, llama.cpp, hosted ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from retinue.emulator.embeddings.embedder import EmbeddingError, Vector, unit_vector
from retinue.emulator.model_endpoints.remote_endpoint import EndpointError, RemoteEndpoint

_BATCH = 32
"""Texts of one request: more of them are more than small servers take at a time."""
_LARGEST_BATCH = 96_000
"""Characters of one request, about 24,000 tokens; one text that is longer goes alone."""
_ATTEMPTS = 4
_PAUSE = 0.5
"""Seconds before the second attempt, and twice as many before each further one, unless the endpoint says how many."""
_LONGEST_PAUSE = 30.0
_QUERY_TIME = 15.0
"""Seconds for what is searched for, asked once: somebody waits, and words are there to search by."""


@dataclass(frozen=True)
class RemoteEmbeddings:
    """``model`` is what it is called at the endpoint. The prefixes are what some models want to stand before texts."""

    endpoint: RemoteEndpoint
    model: str
    query_prefix: str = ""
    text_prefix: str = ""

    @property
    def name(self) -> str:
        # Not where it runs: the same model elsewhere gives the same vectors.
        return f"{self.model}\n{self.text_prefix}"

    def embed(self, texts: Sequence[str], stop: threading.Event, *, as_query: bool = False) -> list[Vector]:
        prefix = self.query_prefix if as_query else self.text_prefix
        vectors: list[Vector] = []
        for batch in _batches([prefix + each for each in texts]):
            try:
                vectors += self._ask(batch, stop, is_urgent=as_query)
            except EndpointError as error:
                raise EmbeddingError(f"the model '{self.model}' at {self.endpoint.url} {error}") from error
            if stop.is_set():
                break
        if len({len(each) for each in vectors}) > 1:
            raise EmbeddingError(f"the model '{self.model}' at {self.endpoint.url} answered vectors of several lengths")
        return vectors

    def _ask(self, texts: Sequence[str], stop: threading.Event, *, is_urgent: bool) -> list[Vector]:
        # As numbers: the other encoding, base64, is not known everywhere.
        body = {"model": self.model, "input": list(texts), "encoding_format": "float"}
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.endpoint.ask("embeddings", body, stop) as answer:
                    found = answer.next(_QUERY_TIME if is_urgent else None)
                return [] if stop.is_set() else _vectors(found, len(texts))
            except EndpointError as error:
                if is_urgent or attempt == _ATTEMPTS or not (error.status == 429 or (error.status or 0) >= 500):
                    raise
                pause = _PAUSE * 2 ** (attempt - 1) if error.retry_after is None else error.retry_after
                if stop.wait(min(pause, _LONGEST_PAUSE)):
                    return []
        return []


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        if batch and (len(batch) == _BATCH or sum(map(len, batch)) + len(text) > _LARGEST_BATCH):
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def _vectors(answered: Any, count: int) -> list[Vector]:
    """Raises EndpointError."""
    try:
        rows = sorted(answered["data"], key=lambda each: each["index"])
        if [each["index"] for each in rows] != list(range(count)):
            raise EndpointError(f"answered {len(rows)} vectors for {count} texts")
        return [unit_vector(each["embedding"]) for each in rows]
    except (TypeError, KeyError, ValueError, OverflowError):
        raise EndpointError("answered what are no vectors") from None
