"""Lists and maps that expressions stand for, put in their place before anything is filled in.

So every part of them keeps the place it was written at, overlays change it like any other, and paths in it are relative
to the file that has it. A list that an entry of a list stands for becomes so many entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from retinue.config.interpolation import Expression, UnfilledError, Values, escaped, only_expression
from retinue.config.problems import Diagnostics
from retinue.config.yaml.parser import DEEPEST
from retinue.config.yaml.syntax_tree import Node, Shape
from retinue.model.values import Path, Secret

MOST_VALUES = 100_000
"""How many values a list or a map may come to, those of the variables in it included."""
ROOM_OF_VALUE = 64
"""How many characters of all that may be filled in one value counts for."""


class Spliced(NamedTuple):
    """A value with the node it was made of: so many values, nested so deep. An `exposed` one may hold a key or a
    password wherever it holds a text."""

    data: Any
    node: Node
    size: int = 1
    depth: int = 0
    exposed: bool = False


Written = Callable[[Expression, Node], Spliced | None]
"""What an expression, which stands at a node, stands for, where that is a list or a map."""


class _TooMuchError(Exception):
    """A value has more parts, or more levels, than anybody means to write."""

    def __init__(self, node: Node, code: str, message: str) -> None:
        super().__init__(message)
        self.node = node
        self.code = code
        self.message = message


@dataclass(slots=True)
class Splicer:
    """Puts what is `written` elsewhere in its place. `secret` are the paths, in the outcome, of texts that may be keys
    or passwords, `added` counts the values that came in."""

    written: Written
    diagnostics: Diagnostics
    secret: set[Path] = field(default_factory=set)
    added: int = 0

    def spliced(self, data: Any, node: Node, lookup: Values | None = None) -> Spliced | None:
        """The value with all of its lists and maps in place; None, reported, where that is too much. What came in is
        taken from the room of `lookup`."""
        try:
            found = self._value(data, node, ())
            if lookup is not None and self.added:
                _take_room(lookup, self.added, node)
        except _TooMuchError as error:
            self.diagnostics.error(error.code, error.message, error.node.position, "put less into the variables")
            return None
        return found

    def _value(self, data: Any, node: Node, path: Path) -> Spliced:
        if isinstance(data, str):
            expression = only_expression(data)
            found = self.written(expression, node) if expression is not None else None
            if found is not None:
                self.added += found.size
                if found.exposed and isinstance(found.data, dict):
                    self.secret.update(_texts(found.data, path))
                return found._replace(node=_standing_at(node, found.node))
            return Spliced(data, node)
        if isinstance(data, dict) and data:
            return self._map(data, node, path)
        if isinstance(data, list) and len(data) == len(node.entries):
            return self._list(data, node, path)
        return Spliced(data, node)

    def _map(self, data: dict[str, Any], node: Node, path: Path) -> Spliced:
        parts: list[tuple[Node, Spliced]] = []
        size, depth, changed = 1, 0, False
        for name, value in data.items():
            pair = node.pair(name)
            if pair is None:
                return Spliced(data, node)
            part = self._value(value, pair[1], (*path, name))
            if part.exposed and isinstance(part.data, list):
                self.secret.update(_texts(part.data, (*path, name)))
            parts.append((pair[0], part))
            size, depth = size + part.size, max(depth, part.depth)
            changed |= part.data is not value
        if not changed:
            return _checked(Spliced(data, node, size, depth + 1))
        below = Node("mapping", node.source, node.start, node.end)
        for key, part in parts:
            below.add(key, part.node)
        for key, value_node in node.pairs:  # what is no part of the data any more keeps its place
            if key.text not in data and not key.merges:
                below.add(key, value_node)
        copy = {name: part.data for name, (_, part) in zip(data, parts, strict=True)}
        return _checked(Spliced(copy, below, size, depth + 1))

    def _list(self, data: list[Any], node: Node, path: Path) -> Spliced:
        copy: list[Any] = []
        below = Node("sequence", node.source, node.start, node.end)
        size, depth, changed = 1, 0, False
        for value, entry in zip(data, node.entries, strict=True):
            part = self._value(value, entry, (*path, len(copy)))
            spread = isinstance(value, str) and isinstance(part.data, list)
            for each, its in zip(part.data, part.node.entries, strict=True) if spread else [(part.data, part.node)]:
                if part.exposed and spread:
                    self.secret.update(_texts(each, (*path, len(copy))))
                copy.append(each)
                below.add(its)
            size, depth = size + part.size, max(depth, part.depth - spread)
            changed |= part.data is not value
            if size > MOST_VALUES:
                break
        return _checked(Spliced(copy, below, size, depth + 1) if changed else Spliced(data, node, size, depth + 1))


def _standing_at(place: Node, written: Node) -> Node:
    """What is wrong with the whole is told where it is wanted, and what is wrong in it where that is written. Its text
    is the expression."""
    node = Node(written.shape, place.source, place.start, place.end)
    node.text = place.text
    for pair in written.pairs:
        node.add(*pair)
    node.add(*written.entries)
    return node


def _take_room(lookup: Values, added: int, node: Node) -> None:
    lookup.room -= ROOM_OF_VALUE * added
    if lookup.room < 0:
        raise _TooMuchError(node, "too-large", "variables fill more than anybody means up to here")


def _checked(part: Spliced) -> Spliced:
    if part.size > MOST_VALUES:
        message = f"with its variables, this comes to more than {MOST_VALUES:,} values"
        raise _TooMuchError(part.node, "too-large", message)
    if part.depth > DEEPEST:
        message = f"with its variables, this is nested more than {DEEPEST} deep"
        raise _TooMuchError(part.node, "too-deep", message)
    return part


def _texts(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(each, (*path, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(each, (*path, index))


def of_values(
    lookup: Values,
    written: Callable[[Expression], Spliced | None],
    place: Callable[[Expression], Node | None] = lambda _: None,
) -> Written:
    """What expressions stand for: what is `written` of them, or else what their value is, which stands where the
    values of `place` were written, or else where the expression does."""

    def found(expression: Expression, node: Node) -> Spliced | None:
        if expression.namespace == "var":
            return written(expression)
        try:
            value = expression.part_of(lookup(expression))
        except UnfilledError:  # told when the text is filled
            return None
        if not isinstance(value, dict | list):
            return None
        there, exposed = place(expression), lookup.secret(expression)
        if there is not None and _fits(value, there):
            return Spliced(_literal(value), there, *_measured(value), exposed)
        return made_of(value, node, exposed=exposed)

    return found


def _fits(value: Any, node: Node) -> bool:
    """Whether a value, once it is filled, has the parts of the node it was made of."""
    if isinstance(value, dict):
        pairs = ((each, node.pair(name)) for name, each in value.items())
        return node.shape == "mapping" and all(pair is not None and _fits(each, pair[1]) for each, pair in pairs)
    if isinstance(value, list):
        same = node.shape == "sequence" and len(value) == len(node.entries)
        return same and all(map(_fits, value, node.entries))
    return node.shape == "scalar"


def of_project(written: Callable[[Expression], Spliced | None]) -> Written:
    """What expressions stand for whichever declaration they are in. What may hold keys or passwords is left for later,
    when it is known where in the whole it stands."""

    def found(expression: Expression, node: Node) -> Spliced | None:  # noqa: ARG001 - the signature of Written
        whole = written(expression) if expression.namespace == "var" else None
        return None if whole is None or whole.exposed else whole

    return found


def made_of(value: Any, node: Node, *, exposed: bool = False) -> Spliced:
    """A value that is not written anywhere, all of it at the start of a node. Its texts are taken as they are."""
    data, made = _literal(value), _nodes(value, node)
    return Spliced(data, made, *_measured(value), exposed)


def part_at(whole: Spliced, path: tuple[str, ...]) -> Spliced | None:
    """The part of a map at a path, where that is a list or a map, too."""
    data, node = whole.data, whole.node
    for key in path:
        pair = node.pair(key) if isinstance(data, dict) and key in data else None
        if pair is None:
            return None
        data, node = data[key], pair[1]
    if not isinstance(data, dict | list):
        return None
    return Spliced(data, node, *(_measured(data) if path else whole[2:4]), whole.exposed)


def _literal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _literal(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_literal(each) for each in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    return Secret(escaped(value)) if isinstance(value, Secret) else escaped(value)


def _nodes(value: Any, at: Node) -> Node:
    shape: Shape = "mapping" if isinstance(value, dict) else "sequence" if isinstance(value, list) else "scalar"
    node = Node(shape, at.source, at.start, at.start)
    if isinstance(value, dict):
        for name, each in value.items():
            node.add(_nodes(name, at), _nodes(each, at))
    elif isinstance(value, list):
        node.add(*(_nodes(each, at) for each in value))
    else:
        # What says so where a secret came from is the expression, whose place this is.
        node.text = (at.text or "***") if isinstance(value, Secret) else str(_literal(value))
    return node


def _measured(value: Any) -> tuple[int, int]:
    """How many values it has, and how deep they are nested."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [_measured(each) for each in inner]
    if not isinstance(value, dict | list):
        return 1, 0
    return 1 + sum(size for size, _ in found), 1 + max((depth for _, depth in found), default=0)


def is_shallow(value: Any) -> bool:
    """Whether a value is not nested deeper than files may nest them."""
    return _measured(value)[1] <= DEEPEST
