"""Looking at declarations offline: what they come to, and how they differ between environments and revisions."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retinue.core.kind import Kinds
from retinue.core.model import Address, Declaration
from retinue.errors import UsageError
from retinue.kinds import all_kinds
from retinue.sessions import Reading, Where, load_from, read_loaded
from retinue.source import Loaded
from retinue.source.printing import explained, sources, written
from retinue.source.writing import write_yaml


@dataclass(frozen=True, slots=True)
class Rendered:
    """Declarations with everything filled in, merged and read in its place."""

    reading: Reading
    loaded: Loaded
    declarations: tuple[Declaration, ...]
    kinds: Kinds

    def data(self) -> dict[str, Any]:
        """Sections, names and specifications, as in a file of declarations."""
        return self._sections({each.address: written(each, self.kinds[each.kind]) for each in self.declarations})

    def yaml(self, *, explain: bool = False) -> str:
        """A file of declarations that comes to the same; with `explain`, each line says where its value is from."""
        if not explain:
            return write_yaml(self.data(), comment=self._title())
        noted = {
            each.address: explained(each, self.kinds[each.kind], self.loaded.variables) for each in self.declarations
        }
        return write_yaml(self._sections(noted), comment=self._title())

    def document(self, *, explain: bool = False) -> dict[str, Any]:
        """The same as JSON data."""
        if not explain:
            return self.data()
        return {
            "stack": self.reading.project.stack,
            "environment": self.reading.project.environment,
            "declarations": [self._explained(each) for each in self.declarations],
        }

    def _explained(self, declaration: Declaration) -> dict[str, Any]:
        kind = self.kinds[declaration.kind]
        place = declaration.places.at((), key=True)
        return {
            "address": str(declaration.address),
            "position": {"file": place.file, "line": place.line, "column": place.column},
            "spec": written(declaration, kind),
            "sources": [
                {
                    "path": list(each.path),
                    "file": each.position.file,
                    "line": each.position.line,
                    "column": each.position.column,
                    "also": list(each.also),
                }
                for each in sources(declaration, kind, self.loaded.variables)
            ],
        }

    def _title(self) -> str:
        project = self.reading.project
        environment = f", environment {project.environment}" if project.environment else ""
        return f"Stack {project.stack}{environment}. Paths are relative to the project."

    def _sections(self, specs: Mapping[Address, Any]) -> dict[str, Any]:
        sections: dict[str, Any] = {}
        for address, spec in specs.items():
            sections.setdefault(self.kinds[address.kind].section, {})[address.name] = spec
        return sections


def render(where: Where, address: Address | None = None) -> Rendered:
    """The declarations, or one of them, as they are in the environment.

    Raises DeclarationError when they hold mistakes, UsageError when there is none of that address.
    """
    loaded = load_from(where)
    reading = read_loaded(loaded)
    chosen = [each for each in loaded.declarations if address in (None, each.address)]
    if address is not None and not chosen:
        known = [str(each.address) for each in loaded.declarations]
        close = difflib.get_close_matches(str(address), known, n=1)
        hint = f"did you mean {close[0]}?" if close else "without an address, all that is declared is printed"
        raise UsageError(f"there is no declaration {address}", hint=hint)
    kinds = all_kinds()
    order = list(kinds)
    chosen.sort(key=lambda each: (order.index(each.kind), each.name))
    return Rendered(reading, loaded, tuple(chosen), kinds)
