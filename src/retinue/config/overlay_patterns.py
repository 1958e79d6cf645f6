"""Keys of overlays that mean several declarations: patterns of names, `label:NAME=VALUE`, `file:GLOB`.

They are weaker than the exact name, and among each other the last that was written is the strongest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from retinue.config.interpolation import Interpolator, Values
from retinue.config.problems import Diagnostics
from retinue.config.yaml.syntax_tree import Tree
from retinue.kinds.kind import Kind
from retinue.model.declared import Diagnostic, Position
from retinue.model.selector import Candidate, Selector, is_selector, suggestion
from retinue.model.values import Address

E = TypeVar("E")


class Forgiving(Diagnostics):
    """Passes mistakes on, each once however many declarations it comes up in. That there is nothing to take out is one
    only where it is so in all of them: `refused` counts."""

    def __init__(self, told: Diagnostics) -> None:
        super().__init__()
        self._told = told
        self._seen: set[Diagnostic] = set()
        self.refused: dict[Diagnostic, int] = {}

    def add(self, found: Diagnostic) -> None:
        if found.code == "nothing-to-remove":
            found = replace(found, hint=None)  # what there is to remove instead differs
            self.refused[found] = self.refused.get(found, 0) + 1
        elif found not in self._seen:
            self._seen.add(found)
            self._told.add(found)


@dataclass(slots=True)
class _Pattern(Generic[E]):
    selector: Selector
    kind: Kind
    entry: E
    place: Position
    heard: Forgiving
    used: int = 0


class OverlayPatterns(Generic[E]):
    """The entries of an environment that are laid over several declarations, in the order they were written."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._patterns: list[_Pattern[E]] = []
        self._known: list[Candidate] = []

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def take(self, kind: Kind, key: str, entry: E, place: Position) -> bool:
        """Keep an entry whose key means several; False for any other one."""
        if not is_selector(key):
            return False
        try:
            selector = Selector.parse(key, kind=kind.name)
        except ValueError as error:
            self._diagnostics.error("bad-name", str(error), place)
        else:
            self._patterns.append(_Pattern(selector, kind, entry, place, Forgiving(self._diagnostics)))
        return True

    def over(self, kind: Kind, name: str, data: Any, tree: Tree, lookup: Values) -> list[tuple[E, Diagnostics]]:
        """Those that are laid over a declaration, the strongest last, each with whom to tell what is wrong with it.

        Labels count as they are declared: what an overlay makes of them selects nothing.
        """
        if not isinstance(data, dict):
            return []
        place = tree.at((), key=True)
        candidate = Candidate(Address(kind.name, name), _labels(data, tree, lookup), place.file)
        self._known.append(candidate)
        found: list[tuple[E, Diagnostics]] = []
        for each in self._patterns:
            if each.kind is kind and each.selector.matches(candidate):
                each.used += 1
                found.append((each.entry, each.heard))
        return found

    def report(self) -> None:
        """Report those that nothing fits, and what they take out that is nowhere."""
        for each in self._patterns:
            if not each.used:
                known = [one for one in self._known if one.address.kind == each.kind.name]
                message = f"there is no {each.kind.title} that '{each.selector}' selects"
                hint = suggestion(each.selector, known) or "leave it out"
                self._diagnostics.error("nothing-to-change", message, each.place, hint)
            for found, number in each.heard.refused.items():
                if number == each.used:
                    self._diagnostics.add(found)


def _labels(data: Mapping[str, Any], tree: Tree, lookup: Values) -> dict[str, str]:
    """The labels of a declaration that is not checked yet. What is wrong with them is told when it is."""
    written = data.get("labels")
    if not isinstance(written, Mapping):
        return {}
    room = lookup.room
    filled = Interpolator(tree, lookup, Diagnostics()).data(dict(written), ("labels",))
    lookup.room = room
    return {str(name): value for name, value in filled.items() if isinstance(value, str)}
