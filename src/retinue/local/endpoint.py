"""What an endpoint is: a method, a path, how its request is read, and a function from a Call to a value.

Handlers return values and raise ApiError; only ``app`` writes HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from retinue.local.quirks import Quirks
from retinue.local.storage import JsonObject, Storage
from retinue.local.validate import Check


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a multipart request, already on disk."""

    name: str
    """The name of its part, such as ``file`` or ``files[]``."""
    filename: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Call:
    """One request, inside one transaction of the storage."""

    storage: Storage
    quirks: Quirks
    now: int
    writes: bool
    """Whether the transaction may write. A read that finds nothing to settle runs without the write lock."""
    new_id: Callable[[str], str]
    path: Mapping[str, str]
    query: Mapping[str, str]
    """What was asked for after ``?``; of a name given more than once, the last value."""
    body: JsonObject
    files: tuple[SentFile, ...]
    asked: tuple[tuple[str, str], ...] = ()
    """The whole query in the order it was sent, for names given more than once."""

    def file(self, name: str) -> SentFile | None:
        """The file sent under this name, the last one if there are several."""
        return next((each for each in reversed(self.files) if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer that is bytes already: a page of stored JSON, or the content of a file."""

    content: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler: TypeAlias = Callable[[Call], JsonObject | Rendered]


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    body: Check | None = None
    """How a JSON body (or the fields of a form) is checked; None when the endpoint takes none."""
    form: bool = False
    beta: str | None = None
    """The value of ``OpenAI-Beta`` without which the endpoint refuses."""
    status: int = 200
    """The status of an answer that is no refusal."""
    reserved: tuple[str, ...] = ()
    """What the ``{id}`` of the path never is, because the API has a collection of that name there."""
