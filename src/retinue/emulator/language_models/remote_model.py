"""A model behind any endpoint that speaks as OpenAI's: vLLM, Ollama, llama.cpp, a hosted one.

What it says is passed on as it comes. Whatever goes wrong is one ModelError that names the model and the endpoint.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from retinue.emulator.language_models import chat_completions, model_responses
from retinue.emulator.language_models.chat_completions import AnswerError, ChatAnswer
from retinue.emulator.language_models.language_model import ModelError, Piece, Prompt
from retinue.emulator.language_models.model_responses import ResponsesAnswer
from retinue.emulator.model_endpoints.remote_endpoint import Answer, EndpointError, RemoteEndpoint, SilenceError

ANY = "*"
"""In place of a name: every model that has no name of its own."""

Api: TypeAlias = Literal["chat", "responses"]

_AFTER_THE_END = 2.0
"""Seconds that the usage may take to come after everything else."""

_DISPENSABLE = (
    "stream_options",
    "parallel_tool_calls",
    "reasoning_effort",
    "reasoning",
    "temperature",
    "top_p",
    "store",
)
"""What an endpoint is asked again without when it refuses it by name."""

_REFUSED_PROMPTS = (400, 413, 422)


class _Reading(Protocol):
    @property
    def is_complete(self) -> bool: ...

    def read(self, event: Any) -> Iterator[Piece]: ...

    def end(self, *, is_done: bool) -> Iterator[Piece]: ...


@dataclass(frozen=True)
class RemoteModel:
    """``names`` says what a model is called at the endpoint; those that are not in it are called as they are."""

    endpoint: RemoteEndpoint
    names: Mapping[str, str] = field(default_factory=dict)
    api: Api = "chat"
    context_window: int | None = None
    """Tokens of prompt and answer together, where the endpoint's model has another size than the one it stands for."""
    _refused: set[str] = field(default_factory=set, init=False, repr=False)
    """What the endpoint turned out not to take."""

    def window(self, model: str) -> int | None:  # noqa: ARG002 - of one endpoint, all have one size
        return self.context_window

    def served(self, model: str) -> str:
        """What the endpoint calls it."""
        return self.names.get(model) or self.names.get(ANY) or model

    def answer(self, prompt: Prompt, stop: threading.Event) -> Iterator[Piece]:
        name = self.served(prompt.model)
        try:
            yield from self._answer(prompt, name, stop)
        except EndpointError as error:
            raise ModelError(self._sentence(name, str(error)), code=_code(error)) from error
        except AnswerError as error:
            raise ModelError(self._sentence(name, self.endpoint.without_key(str(error)))) from error

    def _sentence(self, name: str, what: str) -> str:
        return f"the model '{name}' at {self.endpoint.url} {what}"

    def _answer(self, prompt: Prompt, name: str, stop: threading.Event) -> Iterator[Piece]:
        make = model_responses if self.api == "responses" else chat_completions
        body = _without(make.request_body(prompt, name), self._refused)
        while True:
            with self.endpoint.ask(make.PATH, body, stop) as answer:
                try:
                    first = answer.next()
                except EndpointError as error:
                    refused = _refused(body, error)
                    if refused is None:
                        raise
                    self._refused.add(refused)
                    body = _without(body, self._refused)
                    continue
                reading: _Reading = ResponsesAnswer() if self.api == "responses" else ChatAnswer()
                yield from _read(reading, answer, first, stop)
                return


def _read(reading: _Reading, answer: Answer, first: Any, stop: threading.Event) -> Iterator[Piece]:
    event = first
    while event is not None:
        yield from reading.read(event)
        try:
            event = answer.next(_AFTER_THE_END if reading.is_complete else None)
        except (SilenceError, EndpointError):
            # What is complete is not lost for want of what it cost.
            if not reading.is_complete:
                raise
            break
    if not stop.is_set():
        yield from reading.end(is_done=answer.is_done)


def _without(body: Mapping[str, Any], refused: set[str]) -> dict[str, Any]:
    kept = {name: value for name, value in body.items() if name not in refused}
    if "max_tokens" in refused and "max_tokens" in body:
        # OpenAI's models that reason take the newer name only.
        kept["max_completion_tokens"] = body["max_tokens"]
    return kept


def _refused(body: Mapping[str, Any], error: EndpointError) -> str | None:
    """What of a request an endpoint names as that which it does not take."""
    if error.status not in (400, 422):
        return None
    return next((each for each in (*_DISPENSABLE, "max_tokens") if each in body and each in error.told), None)


def _code(error: EndpointError) -> Literal["server_error", "rate_limit_exceeded", "invalid_prompt"]:
    if error.status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if error.status in _REFUSED_PROMPTS else "server_error"
