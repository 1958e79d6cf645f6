"""The ways a real account misbehaves, as switches. They count requests and draw no random number; only one sleeps."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

ASSISTANTS = "assistants=v2"
AGENTS = "agents=v1"
"""Values of the header ``OpenAI-Beta``."""
_FARTHEST = 60
"""Seconds: whoever asks for more made a mistake."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """Deviations from a well-behaved account, all off by default.

    Those that concern one object (``list_lag``, ``read_after_create_404``, ``indexing_polls``) are recorded with the
    object when it is created, so they outlast the program. Those that concern every Nth request count from its start.
    """

    latency: float = 0.0
    """Every request waits that many seconds, beside the others, before it is looked at: the account is far away."""
    list_lag: int = 0
    """A new object is left out of the next N list requests of its collection."""
    indexing_polls: int = 0
    """A vector store file stays ``in_progress`` for N reads before it is indexed."""
    fail_files: tuple[str, ...] = ()
    """Filename patterns that fail to index with ``server_error``."""
    stuck_files: tuple[str, ...] = ()
    """Filename patterns that stay ``in_progress`` for ever."""
    rate_limit_every: int = 0
    """Every Nth request is answered 429 with ``Retry-After: 0``."""
    lose_response_every: int = 0
    """Every Nth successful write is committed, then the connection breaks before the answer is complete."""
    server_error_every: int = 0
    """Every Nth request is answered 500 and does nothing."""
    merge_metadata: bool = False
    """Updates of metadata and attributes merge into the old value instead of replacing it."""
    read_after_create_404: int = 0
    """A GET of a new object by its id answers 404 N times."""
    no_assistants: bool = False
    """The Assistants endpoints do not exist, as on api.openai.com since August 2026."""
    no_agents: bool = False
    """The Agents endpoints and vaults do not exist, as for an account the rollout has not reached."""
    adds_metadata: Mapping[str, str] = field(default_factory=dict)
    """Metadata the server adds of its own to every object created."""
    drops: tuple[str, ...] = ()
    """Members of objects that are never kept, such as ``description`` or the ``attributes`` of files."""
    fills_in: Mapping[str, str] = field(default_factory=dict)
    """Texts that stand in members of objects that were not given."""
    float32: bool = False
    """Numbers come back as 32 bits hold them."""
    decimals: int = 0
    """Numbers come back with N decimals."""
    trims: bool = False
    """Texts come back without the blanks around them."""
    composes: bool = False
    """Texts come back with accents composed (Unicode NFC)."""
    line_ends: bool = False
    """Texts come back with the line ends of Windows."""
    rewrites_tools: bool = False
    """Tools come back in another order, with defaults written out."""
    attributes_as_text: bool = False
    """Numbers and booleans among the attributes of files come back as texts."""
    hides_chunking: bool = False
    """How a file was cut is not told: its chunking is ``other``."""

    @property
    def lossy(self) -> bool:
        """Whether objects come back otherwise than they were given."""
        switches = (self.float32, self.trims, self.composes, self.line_ends, self.rewrites_tools)
        return any((self.drops, self.fills_in, self.decimals, self.attributes_as_text, self.hides_chunking, *switches))

    def hides(self, beta: str | None) -> bool:
        """Whether the endpoints of a beta do not exist."""
        return (beta == ASSISTANTS and self.no_assistants) or (beta == AGENTS and self.no_agents)

    def fails(self, filename: str) -> bool:
        return any(fnmatchcase(filename, pattern) for pattern in self.fail_files)

    def sticks(self, filename: str) -> bool:
        return any(fnmatchcase(filename, pattern) for pattern in self.stuck_files)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Quirks:
        """Quirks from names in kebab or snake case and values that may be strings, as from a command line or YAML.

        Lists are comma-separated, ``adds-metadata`` is ``key=value`` pairs; the typed value is accepted for every one.
        Raises ValueError for a name or value that is not known, saying what is.
        """
        readers = _READERS
        known = [each.name for each in fields(cls)]
        chosen: dict[str, Any] = {}
        for name, value in given.items():
            key = name.strip().replace("-", "_").lower()
            if key not in known:
                raise ValueError(_unknown(name, known))
            try:
                chosen[key] = readers[key](value)
            except (TypeError, ValueError) as error:
                raise ValueError(f"quirk '{_kebab(key)}': {error}") from None
        return cls(**chosen)


NONE = Quirks()
"""A well-behaved account."""


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def _unknown(name: str, known: list[str]) -> str:
    names = [_kebab(each) for each in known]
    close = difflib.get_close_matches(_kebab(name.lower()), names, n=1)
    guess = f", did you mean '{close[0]}'?" if close else ""
    return f"unknown quirk '{name}'{guess} (known: {', '.join(names)})"


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"expected a whole number, got {value!r}")
    try:
        number = int(value)
    except ValueError:
        raise ValueError(f"expected a whole number, got {value!r}") from None
    if number < 0:
        raise ValueError(f"expected 0 or more, got {number}")
    return number


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"expected seconds, got {value!r}")
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"expected seconds, got {value!r}") from None
    if not 0 <= number <= _FARTHEST:
        raise ValueError(f"expected 0 to {_FARTHEST} seconds, got {value!r}")
    return number


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    try:
        return known[str(value).strip().lower()]
    except KeyError:
        raise ValueError(f"expected true or false, got {value!r}") from None


def _patterns(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else list(value)
    return tuple(str(part).strip() for part in parts if str(part).strip())


def _pairs(value: Any) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {str(key): str(each) for key, each in value.items()}
    text = str(value).strip()
    if text.startswith("{"):
        return _pairs(json.loads(text))
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not separator for _, separator, _ in pairs):
        raise ValueError(f"expected key=value pairs, got {value!r}")
    return {key.strip(): each.strip() for key, _, each in pairs}


_READERS: dict[str, Callable[[Any], Any]] = {
    "latency": _seconds,
    "list_lag": _count,
    "indexing_polls": _count,
    "fail_files": _patterns,
    "stuck_files": _patterns,
    "rate_limit_every": _count,
    "lose_response_every": _count,
    "server_error_every": _count,
    "merge_metadata": _switch,
    "read_after_create_404": _count,
    "no_assistants": _switch,
    "no_agents": _switch,
    "adds_metadata": _pairs,
    "drops": _patterns,
    "fills_in": _pairs,
    "float32": _switch,
    "decimals": _count,
    "trims": _switch,
    "composes": _switch,
    "line_ends": _switch,
    "rewrites_tools": _switch,
    "attributes_as_text": _switch,
    "hides_chunking": _switch,
}
