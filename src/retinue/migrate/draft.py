"""A declaration while it is being made from something else, and what becomes of each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retinue.core.ownership import is_ours
from retinue.migrate.model import Home, Note, Original
from retinue.migrate.tables import rule


@dataclass(slots=True)
class Draft:
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
