"""The values of a migration: what came in, what is written, and what is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retinue.commands.migrate.rules import Home, Outcome, rule
from retinue.model.tag import is_ours


@dataclass(frozen=True, slots=True)
class Original:
    """One assistant as it was found.

    `raw` has the shape of the Assistants API v2, whatever it was read from. `source` says where it comes from, such as
    its id. `name` is the name it is declared by already, or would like to have. `files` are files of the project that
    code_interpreter has, `origin` the place of the declaration that this one replaces. `notes` are what reading it
    changed.
    """

    raw: Mapping[str, Any]
    source: str
    name: str | None = None
    files: tuple[str, ...] = ()
    origin: str | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """What becomes of one field. `instead` is the nearest alternative to what is lost, `value` what the field held."""

    field: str
    outcome: Outcome
    message: str = ""
    instead: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the project has already, so that new declarations can name it and do not clash with it.

    `names` are the declared names of the section that is written to, `functions` the declared functions as authors
    wrote them, `stores` live ids of vector stores with the names they are declared by, `declared_stores` all those
    names. `below` is the directory of the project that is written to.
    """

    names: frozenset[str] = frozenset()
    functions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stores: Mapping[str, str] = field(default_factory=dict)
    declared_stores: frozenset[str] = frozenset()
    below: str = ""


@dataclass(frozen=True, slots=True)
class Migrated:
    """One new declaration. `prompt` is the text of its prompt file; None when the instructions stand in `spec`."""

    original: Original
    kind: str
    name: str
    spec: Mapping[str, Any]
    notes: tuple[Note, ...]
    prompt: str | None = None

    def of(self, outcome: Outcome) -> tuple[Note, ...]:
        return tuple(each for each in self.notes if each.outcome == outcome)


@dataclass(frozen=True, slots=True)
class Migration:
    """All new declarations of one section, and the functions that several of them share."""

    home: Home
    section: str
    migrated: tuple[Migrated, ...]
    functions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def losses(self) -> int:
        return sum(len(each.of("lost")) for each in self.migrated)


@dataclass(slots=True)
class Translation:
    """A declaration under way."""

    original: Original
    home: Home
    spec: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    @property
    def owned(self) -> bool:
        """Whether a stack has the original: it goes on looking after what it uploaded for it."""
        metadata = self.original.raw.get("metadata")
        return isinstance(metadata, Mapping) and any(is_ours(str(key)) for key in metadata)

    def note(self, name: str, *, by: str | None = None, value: Any = None) -> bool:
        """Say what becomes of a field, by the rule for it; whether it is kept."""
        found = rule(self.home, by or name)
        held = value if found.outcome == "lost" else None
        self.notes.append(Note(name, found.outcome, found.message, found.instead, held))
        return found.outcome != "lost"
