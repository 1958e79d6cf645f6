"""What was found in declarations, and what all forms of it share. The text for people is in `diagnostics`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from retinue.model.declared import Diagnostic, Position


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found, and what the forms need besides.

    `valid` is whether there is anything to apply. `folder` leads from the working directory to the project, with
    forward slashes: what annotates files counts paths from there. `meanings` says what a code means, `version` is ours.
    """

    diagnostics: tuple[Diagnostic, ...]
    valid: bool
    folder: str = ""
    meanings: Mapping[str, str] = field(default_factory=dict)
    version: str = ""

    @property
    def placed(self) -> tuple[Diagnostic, ...]:
        """The diagnostics with paths from the working directory."""
        return tuple(
            replace(
                each,
                position=self._from_here(each.position) if each.position else None,
                related=tuple((words, self._from_here(position)) for words, position in each.related),
            )
            for each in self.diagnostics
        )

    def _from_here(self, position: Position) -> Position:
        return replace(position, file=f"{self.folder}/{position.file}") if self.folder else position


def described(diagnostic: Diagnostic) -> str:
    """The message with its hint and the further places, for forms that have one text for all of it."""
    lines = [diagnostic.message]
    lines += [f"{words}: {place.file}:{place.line}:{place.column}" for words, place in diagnostic.related]
    return "\n".join([*lines, *([f"hint: {diagnostic.hint}"] if diagnostic.hint else [])])
