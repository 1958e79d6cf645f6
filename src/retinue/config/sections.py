"""Files of declarations, and overlays: sections by kind, and below each the entries by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retinue.config.handovers import HANDOVERS
from retinue.config.interpolation import OPEN
from retinue.config.mistakes import did_you_mean, listed
from retinue.config.nodes import Tree
from retinue.config.project_schema import PROJECT
from retinue.config.reading import Desk
from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import Position

# A schema in YAML that lies among declarations: one mistake, not one for every word of it.
_SCHEMA_WORDS = frozenset(("$schema", "properties"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a section, nothing in it checked. The top of `tree` is the entry, with its name as the key.

    A `merged` one was written in several places.
    """

    kind: Kind
    name: str
    data: Any
    tree: Tree
    merged: bool = False

    @property
    def has_expressions(self) -> bool:
        """Whether there may be any. Most declarations have none, and looking for each costs more than all else."""
        return self.merged or OPEN in self.tree.source().text

    @property
    def slot(self) -> tuple[str, str]:
        return self.kind.name, self.name


class Sections:
    """Reads the entries of files."""

    def __init__(self, desk: Desk, kinds: Kinds) -> None:
        self._desk = desk
        self._kinds = {kind.section: kind for kind in kinds.values()}
        self.handovers: list[tuple[str, Any, Tree]] = []
        """The sections that say whose an object is to be, nothing in them checked."""

    def of_file(self, name: str) -> Iterator[Entry]:
        documents, complete = self._desk.documents(name)
        if complete and not documents:
            hint = "write something into it, or remove it"
            self._desk.mistakes.warning("empty-document", "the file declares nothing", Position(name, 1, 1), hint)
        for document in documents:
            if isinstance(document.data, dict):
                yield from self._of_document(document.data, document.tree)
            else:
                hint = f"start with a section: {listed(self._kinds, conjunction='or')}"
                message = "a file of declarations must be a mapping of sections"
                self._desk.mistakes.error("wrong-type", message, document.tree.at(()), hint)

    def of_mapping(self, data: Mapping[str, Any], tree: Tree) -> Iterator[Entry]:
        """The entries of sections that stand among other things."""
        for section in data:
            if section in self._kinds:
                yield from self._of_section(self._kinds[section], data[section], tree.below((section,)))
            elif section in HANDOVERS:
                self.handovers.append((section, data[section], tree.below((section,))))

    def _of_document(self, data: dict[str, Any], tree: Tree) -> Iterator[Entry]:
        if _SCHEMA_WORDS & data.keys():
            message = "this is a JSON Schema, not a file of declarations"
            hint = "move it to where 'include:' does not match"
            self._desk.mistakes.error("wrong-type", message, tree.at(()), hint)
            return
        for section in data:
            if section not in (*self._kinds, *HANDOVERS) and not section.startswith("x-"):
                self._refuse_section(section, tree)
        yield from self.of_mapping(data, tree)

    def _of_section(self, kind: Kind, entries: Any, tree: Tree) -> Iterator[Entry]:
        if isinstance(entries, dict):
            for name, data in entries.items():
                yield Entry(kind, name, data, tree.below((name,)))
        elif entries is not None:
            hint = f"write '  NAME:' below '{kind.section}:'"
            message = f"'{kind.section}' must be a mapping of names to what each is"
            self._desk.mistakes.error("wrong-type", message, tree.at(()), hint)

    def _refuse_section(self, section: str, tree: Tree) -> None:
        otherwise = f"known: {listed((*self._kinds, *HANDOVERS), most=20)}"
        if section in PROJECT["properties"]:
            otherwise = "settings stand in retinue.yaml"
        hint = did_you_mean(section, (*self._kinds, *HANDOVERS), otherwise=otherwise)
        self._desk.mistakes.error(
            "unknown-section", f"unknown section '{section}'", tree.at((section,), key=True), hint
        )
