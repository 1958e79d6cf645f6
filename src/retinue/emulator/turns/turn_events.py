"""What happens in a turn, in the order it happens.

for each answer of the model
    Thought…                                     when it shows what it thinks
    TextBegun  TextGrew…  TextEnded              when it says something
    CallBegun  CallGrew…                         for each tool it calls
    CallEnded                                    for each, in their order, once it is carried out
    CallsEnded                                   when it called any
    TextBegun  TextGrew…  TextEnded              when it said something after it had begun to call
TurnEnded
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from retinue.emulator.language_models.language_model import ToolCall, Usage

Kind: TypeAlias = Literal["function", "file_search", "code_interpreter"]


@dataclass(frozen=True, slots=True)
class Source:
    """What a mark in a text stands for: a file that was found, or one that code wrote."""

    file_id: str
    filename: str
    kind: Literal["file_citation", "file_path"] = "file_citation"


@dataclass(frozen=True, slots=True)
class Annotation:
    """A mark in a text, from one character to before another."""

    text: str
    source: Source
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """What file_search found: a chunk of a file, and the mark to cite it with."""

    file_id: str
    filename: str
    score: float
    text: str
    mark: str
    attributes: tuple[tuple[str, str | float | bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Searched:
    """The outcome of file_search."""

    queries: tuple[str, ...]
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that code wrote, kept in the account."""

    file_id: str
    path: str
    """As the code knows it: ``/mnt/data/plot.png``."""
    is_image: bool


@dataclass(frozen=True, slots=True)
class Executed:
    """The outcome of code_interpreter."""

    code: str
    logs: str
    files: tuple[WrittenFile, ...] = ()


Outcome: TypeAlias = Searched | Executed


@dataclass(frozen=True, slots=True)
class Thought:
    """Words that the model thought, where it shows them."""

    text: str


@dataclass(frozen=True, slots=True)
class TextBegun:
    pass


@dataclass(frozen=True, slots=True)
class TextGrew:
    text: str
    annotations: tuple[Annotation, ...] = ()
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class TextEnded:
    text: str
    annotations: tuple[Annotation, ...]
    refusal: str
    """What was said instead, where the model refused."""
    cut: Literal["max_tokens", "content_filter"] | None
    """Why the model did not say everything."""
    usage: Usage | None
    """That of the answer, unless it goes on with calls, which have it then."""


@dataclass(frozen=True, slots=True)
class CallBegun:
    index: int
    id: str
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class CallGrew:
    """More of what the tool is given: the arguments of a function as JSON, the code for code_interpreter."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    index: int
    call: ToolCall
    kind: Kind
    outcome: Outcome | None
    """None for a function, which the application carries out."""
    output: str = ""
    """What the model is told of it, which belongs to the conversation from now on."""


@dataclass(frozen=True, slots=True)
class CallsEnded:
    usage: Usage


@dataclass(frozen=True, slots=True)
class TurnEnded:
    status: Literal["completed", "requires_action", "incomplete", "stopped"]
    reason: Literal["max_completion_tokens", "max_prompt_tokens", "content_filter"] | None = None
    """Why it is incomplete."""
    calls: tuple[ToolCall, ...] = ()
    """The functions that the application is to carry out."""


Event: TypeAlias = (
    Thought | TextBegun | TextGrew | TextEnded | CallBegun | CallGrew | CallEnded | CallsEnded | TurnEnded
)
