"""What the account asks of a language model, and what it gets: a prompt in, pieces of an answer out.

The shapes are those that chat completions and responses have in common, so a model behind any compatible endpoint fits.
Tools that the account carries out itself are functions here too; ``turns`` knows which.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message: a URL (``https:`` or ``data:``), or a file of the account."""

    url: str = ""
    file_id: str = ""
    filename: str = ""
    path: Path | None = None
    """Where the bytes of the file are on this machine."""
    detail: str = "auto"


@dataclass(frozen=True, slots=True)
class Message:
    """Something said. ``developer`` and ``system`` stand for instructions within a conversation."""

    role: Literal["user", "assistant", "developer", "system"]
    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model wants to have done."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it: it may be none."""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What came of a call."""

    call_id: str
    output: str


Item: TypeAlias = Message | ToolCall | ToolOutput


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """A JSON Schema; empty when it takes nothing."""
    strict: bool = False
    kind: Literal["function", "file_search", "code_interpreter"] = "function"
    """Who carries it out: the application, or the account in one of two ways."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything that one answer of a model depends on."""

    model: str
    instructions: str
    items: tuple[Item, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """``auto``, ``none``, ``required``, or ``=`` and the name of the tool that must be called."""
    parallel_tool_calls: bool = True
    temperature: float | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    max_tokens: int | None = None
    """How long the answer may be."""
    response_format: Mapping[str, Any] = field(default_factory=lambda: {"type": "text"})
    """``{type: text}``, ``{type: json_object}`` or ``{type: json_schema, json_schema: {name, schema, strict}}``."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """Words with which the model refuses."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """Words that the model thinks, where an endpoint shows them."""

    text: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """More of a call. The first delta with an index has id and name; arguments are to be put together."""

    index: int
    arguments: str = ""
    id: str = ""
    """Empty where the model gives none: the caller makes one."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer."""

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0
    """Those of the completion that were thought."""
    cached_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Finish:
    """The last piece of an answer."""

    reason: Literal["stop", "length", "tool_calls", "content_filter"]
    usage: Usage | None = None
    """None where the model does not count: the caller does."""


Piece: TypeAlias = TextDelta | RefusalDelta | ReasoningDelta | CallDelta | Finish


class ModelError(Exception):
    """No answer, or none to its end. ``code`` and message are shown as the ``last_error`` of a run."""

    def __init__(
        self, message: str, *, code: Literal["server_error", "rate_limit_exceeded", "invalid_prompt"] = "server_error"
    ) -> None:
        super().__init__(message)
        self.code = code


class LanguageModel(Protocol):
    """Something that answers. Threads share it."""

    def answer(self, prompt: Prompt, stop: threading.Event) -> Iterator[Piece]:
        """The pieces of an answer as they come, ``Finish`` last. Ends early once ``stop`` is set.

        Raises ModelError.
        """

    def window(self, model: str) -> int | None:
        """Tokens that prompt and answer may have together; None when the model's published size is right."""
