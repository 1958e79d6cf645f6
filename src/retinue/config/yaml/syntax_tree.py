"""What a YAML file says, with the place of every part: nodes, and the positions read off them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from retinue.config.source_text import Source
from retinue.model.declared import Places, Position
from retinue.model.values import Path

Shape = Literal["scalar", "mapping", "sequence"]

MERGE = "<<"
_FEW = 32
"""Nodes below a mapping up to which going through its keys is as fast as noting where each is."""


class Node:
    """One value as it stands in the text of `source`, from `start` to `end`. An alias is the very node it stands for.

    A scalar has a `text` and is `plain` when it is written without quotes, a mapping has `pairs`, a sequence `entries`.
    `faulty` marks a value that is reported already: nothing more is said about it.

    Files of many declarations have hundreds of thousands of nodes, all of which stay: what is below one is one list,
    a key and its value after one another, and a scalar has none.
    """

    __slots__ = ("_below", "_names", "end", "faulty", "plain", "shape", "source", "start", "tag", "text")

    def __init__(self, shape: Shape, source: Source, start: int, end: int, tag: str | None = None) -> None:
        self.shape = shape
        self.source = source
        self.start = start
        self.end = end
        self.tag = tag
        self.text = ""
        self.plain = False
        self.faulty = False
        self._below: list[Node] | None = None
        self._names: dict[str, tuple[Node, Node]] | None = None

    def add(self, *parts: Node) -> None:
        """Put an entry at the end of a sequence, or a key and its value at the end of a mapping."""
        if self._below is None:
            self._below = []
        self._below += parts
        self._names = None

    @property
    def pairs(self) -> Sequence[tuple[Node, Node]]:
        """The keys of a mapping with their values, as they are written."""
        if self._below is None or self.shape != "mapping":
            return ()
        return list(zip(self._below[::2], self._below[1::2], strict=True))

    @property
    def entries(self) -> Sequence[Node]:
        """The values of a sequence."""
        return self._below if self._below is not None and self.shape == "sequence" else ()

    @property
    def position(self) -> Position:
        return self.source.position(self.start)

    @property
    def merges(self) -> bool:
        """Whether this is the key that merges another mapping."""
        return self.plain and self.text == MERGE and self.tag is None

    def merged(self) -> Iterator[Node]:
        """The mappings merged into this one, the strongest first."""
        for key, value in self.pairs:
            if key.merges:
                yield from value.entries if value.shape == "sequence" else (value,)

    def pair(self, name: str) -> tuple[Node, Node] | None:
        """The key and value under `name`, written here or merged."""
        below = self._below
        if below is None or self.shape != "mapping":
            return None
        if len(below) > _FEW:
            return self._by_name().get(name)
        for at in range(0, len(below), 2):
            key = below[at]
            if key.merges:
                return self._by_name().get(name)
            if key.text == name:
                return key, below[at + 1]
        return None

    def _by_name(self) -> dict[str, tuple[Node, Node]]:
        """The pairs by name: a file may have tens of thousands, each of which is looked for."""
        if self._names is None:
            found: dict[str, tuple[Node, Node]] = {}
            for key, value in self.pairs:
                if not key.merges:
                    found.setdefault(key.text, (key, value))
            for other in self.merged():
                found = {**other._by_name(), **found}  # noqa: SLF001 - another one of these
            self._names = found
        return self._names


class Tree:
    """The places of everything below one node. A graft answers for a part whose content stands in another file."""

    __slots__ = ("_grafts", "_key", "_node")

    def __init__(self, node: Node, key: Node | None = None) -> None:
        self._node = node
        self._key = key
        self._grafts: dict[Path, Places] = {}

    def at(self, path: Path, *, key: bool = False) -> Position:
        """The value at `path`, or its key. For a path that is absent, the key of the nearest part around it."""
        for cut in range(len(path) - 1, 0, -1):
            graft = self._grafts.get(path[:cut])
            if graft is not None:
                return graft.at(path[cut:], key=key)
        keyed, node, complete = self._walk(path)
        chosen = keyed if keyed is not None and (key or not complete) else node
        return chosen.position

    def graft(self, path: Path, places: Places) -> None:
        """Let `places` answer for everything below `path`."""
        self._grafts[path] = places

    def below(self, path: Path) -> Tree:
        """The places of a part that is there."""
        keyed, node, _ = self._walk(path)
        return Tree(node, keyed)

    def with_top(self, node: Node) -> Tree:
        """The same places with another value at the top, such as one with parts of it replaced."""
        return Tree(node, self._key)

    def key(self, path: Path = ()) -> Node | None:
        """The key of what stands at `path`, where it has one."""
        return self._walk(path)[0]

    def node(self, path: Path) -> Node | None:
        """What stands at `path`, or None where nothing does."""
        _, node, complete = self._walk(path)
        return node if complete else None

    def source(self, path: Path = ()) -> Source:
        """The text that what stands at `path`, or else the nearest part around it, was written in."""
        return self._walk(path)[1].source

    def faulty(self, path: Path) -> bool:
        """Whether what stands at `path` is reported already."""
        node = self.node(path)
        return node is not None and node.faulty

    def _walk(self, path: Path) -> tuple[Node | None, Node, bool]:
        keyed, node = self._key, self._node
        for step in path:
            if node.shape == "mapping":
                found = node.pair(str(step))
                if found is None:
                    return keyed, node, False
                keyed, node = found
            elif node.shape == "sequence" and isinstance(step, int) and step < len(node.entries):
                keyed, node = None, node.entries[step]
            else:
                return keyed, node, False
        return keyed, node, True
