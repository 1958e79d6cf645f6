"""What happens while somebody is answered, whichever API it goes through. Data; nothing is decided here.

for each thing that the model does
    ToolBegan  ToolGrew…  ToolEnded        a tool that the account carries out
    TextGrew…  TextEnded                   what it says
CallsWaiting                               functions that somebody has to carry out, before it goes on
AnswerEnded                                the end
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Status = Literal["completed", "incomplete", "failed", "expired", "cancelled"]
"""How an answer ends."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text that stands for a file: one that is cited, or one that code wrote. `text` is what stands there,
    where anything does; a `url` may take the place of a file."""

    kind: Literal["citation", "file"]
    file_id: str
    text: str = ""
    filename: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class TextGrew:
    """More of what is said, with the marks in it."""

    text: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class TextEnded:
    """One message is over."""


@dataclass(frozen=True, slots=True)
class ToolBegan:
    """A tool is called, which `tool` names."""

    id: str
    tool: str


@dataclass(frozen=True, slots=True)
class ToolGrew:
    """More of what a tool is given, such as code."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """What a tool was given, and what came of it: texts, names of the files that were found, ids of images."""

    id: str
    tool: str
    given: str = ""
    outputs: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileUnread:
    """A file was attached, and the tool could not read it."""

    tool: str
    file_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function that is to be carried out; `arguments` is JSON as the model wrote it."""

    id: str
    name: str
    arguments: str


Done: TypeAlias = ToolEnded | tuple[FunctionCall, str | None]
"""A tool that the account carried out, or a function with what it came to, where that is known."""


@dataclass(frozen=True, slots=True)
class CallsWaiting:
    """Nothing goes on until the outputs of these are there."""

    calls: tuple[FunctionCall, ...]


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """The end: why, where there is something to say, and what it took in tokens."""

    status: Status
    reason: str = ""
    code: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)


TalkEvent: TypeAlias = TextGrew | TextEnded | ToolBegan | ToolGrew | ToolEnded | FileUnread | CallsWaiting | AnswerEnded
