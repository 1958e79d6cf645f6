"""Fills the expressions in the data of a YAML file, and places what is wrong with them to the column."""

from __future__ import annotations

from typing import Any

from retinue.config.interpolation import OPEN, Fault, Lookup, Values, fill
from retinue.config.mistakes import Mistakes
from retinue.config.nodes import Tree
from retinue.config.texts import Source
from retinue.model.paths import show
from retinue.model.values import Path, Secret
from retinue.planning.redaction import secrets_in


class Filling:
    """One pass over the data of one tree. `unfilled` are the paths that hold no value in the end.

    `secret` are those whose value may hold a key or a password.
    """

    def __init__(self, tree: Tree, lookup: Values, mistakes: Mistakes) -> None:
        self._tree = tree
        self._lookup = lookup
        self._mistakes = mistakes
        self.unfilled: set[Path] = set()
        self.secret: set[Path] = set()

    def data(self, value: Any, path: Path = ()) -> Any:
        """A copy of `value`, which stands at `path`, with its strings filled; keys stay as they are."""
        if isinstance(value, str):
            return self._string(value, path) if OPEN in value else value
        if isinstance(value, dict):
            return {key: self.data(each, (*path, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self.data(each, (*path, index)) for index, each in enumerate(value)]
        return value

    def shown(self, value: Any, path: Path = (), *, why: str, label: str = "") -> Any:
        """The same for what is printed or kept in clear: a secret in it is a mistake, and stays as it was written.

        `why` says what happens to it, `label` which section the paths are of.
        """
        filled = self.data(value, path)
        for each in list(secrets_in(filled, path)):
            self.unfilled.add(each)
            message = f"a secret may not stand in '{label}{show(each)}': {why}"
            hint = "write it out, or use ${{ env.NAME }} for what is no secret"
            self._mistakes.error("secret-in-the-open", message, self._tree.at(each), hint)
        return _without_secrets(filled, value)

    def covers(self, path: Path) -> bool:
        """Whether `path` is, or stands inside, something that could not be filled."""
        return any(path[: len(each)] == each for each in self.unfilled)

    def _string(self, value: str, path: Path) -> Any:
        filled = fill(value, self._lookup)
        for fault in filled.faults:
            position = self._tree.source(path).position(self._offset(value, path, fault.offset))
            self._mistakes.error(fault.code, fault.message, position, fault.hint)
        if not filled.complete:
            self.unfilled.add(path)
        if any(self._lookup.secret(each) for each in filled.used):
            self.secret.add(path)
        return filled.value

    def _offset(self, value: str, path: Path, offset: int) -> int:
        """Where the character at `offset` of a string stands in the file.

        Quotes, escapes and indentation set the two apart, so the expression is found by counting those before it.
        """
        node = self._tree.node(path)
        if node is None:
            return 0
        opening = max(value.rfind(OPEN, 0, offset + len(OPEN)), 0)
        found = node.start - 1
        written = node.source.text
        for _ in range(value.count(OPEN, 0, opening) + 1):
            found = written.find(OPEN, found + 1, node.end)
            if found < 0:
                return node.start
        same = written[found : found + offset - opening] == value[opening:offset]
        return found + offset - opening if same else found


def _without_secrets(filled: Any, written: Any) -> Any:
    """What was filled, with the written text where a secret came in."""
    if isinstance(filled, dict):
        return {key: _without_secrets(each, written[key]) for key, each in filled.items()}
    if isinstance(filled, list):
        return [_without_secrets(each, written[index]) for index, each in enumerate(filled)]
    return written if isinstance(filled, Secret) else filled


def fill_text(source: Source, lookup: Lookup, mistakes: Mistakes) -> str | None:
    """The text of a whole file, filled; None when an expression has no value."""
    filled = fill(source.text, lookup)
    report(source, filled.faults, mistakes)
    if not filled.complete:
        return None
    return filled.value if isinstance(filled.value, str) else str(filled.value)


def report(source: Source, faults: tuple[Fault, ...], mistakes: Mistakes) -> None:
    for fault in faults:
        mistakes.error(fault.code, fault.message, source.position(fault.offset), fault.hint)
