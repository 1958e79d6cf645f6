"""What stands in specifications beside plain JSON data: addresses, references, files, and what is shown nowhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

Path = tuple[str | int, ...]
"""Where a value stands inside a specification: keys and list indexes from the top."""

Cause = Literal["config", "drift", "conflict", "unset"]
"""Why a difference exists: the configuration changed, somebody else changed it, both, or it is declared no more."""

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
DURATION = re.compile(r"([0-9]{1,6})([smh])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def duration(text: str) -> float:
    """A time in seconds, written 90s, 5m or 1h. Raises ValueError."""
    found = DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is not a time such as 90s, 5m or 1h")
    return float(found[1]) * _SECONDS[found[2]]


@lru_cache(maxsize=4096)
def once(text: str) -> str:
    """The same text for all that are equal: for names of which there are a few, each in thousands of objects."""
    return text


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The name of an object in the declarations, `kind.name`; it stays the same whatever id the account gives."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `kind.name`. Raises ValueError when the text is not of that form."""
        kind, dot, name = text.partition(".")
        if not (kind and dot and name):
            raise ValueError(f"'{text}' is not an address of the form kind.name")
        return cls(once(kind), name)


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Stands where the API wants the id of another declared object."""

    address: Address

    def __str__(self) -> str:
        return str(self.address)


@dataclass(frozen=True, slots=True, order=True)
class FileRef:
    """Stands where the API wants a file id: the content of a file of the project.

    `path` is relative to the project with forward slashes, `sha256` is in hex, `size` is in bytes.
    """

    path: str
    sha256: str
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, order=True)
class Gone:
    """A live id that points at nothing: the account no longer has the object."""

    id: str


class Secret(str):
    """A text with a secret in it, filled in from the environment. It is text to the checks of its form, and shown to
    nobody: only fields that the API never returns may hold one (config.interpolation)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class Unseen:
    """Stands in what is written back for a live object where something is needed that the API never shows."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The value of a hidden field: carried to the account and shown nowhere.

    `key` goes into the digest that tells whether it changed, so that who reads the digest cannot try values out.
    """

    value: Any = field(default=None, repr=False, compare=False)
    key: bytes = field(default=b"", repr=False, compare=False)


class _Absent:
    """The value of a part that is not there, which is not the same as null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
