"""YAML text → nodes. Iterative and bounded, so that no file can exhaust the stack or the memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.error import MarkedYAMLError
from yaml.parser import Parser as PureParser
from yaml.reader import Reader
from yaml.scanner import Scanner

from retinue.config.mistakes import Mistakes
from retinue.config.nodes import Node, Shape
from retinue.config.syntax import SyntaxMistake, explained, refuse_control_characters
from retinue.config.texts import Source

# Far deeper than any field of the API, and shallow enough for every recursive walk over the data.
DEEPEST = 64
# How many values the aliases of one file may add to those that are written in it.
MOST_REPEATED = 100_000


class _PurePythonParser(Reader, Scanner, PureParser):
    """The parser for an installation of PyYAML without its C library: the same events, slower."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        PureParser.__init__(self)


try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    event_parser: Any = CParser
except ImportError:
    event_parser = _PurePythonParser


def compose(source: Source, mistakes: Mistakes) -> tuple[list[Node], bool]:
    """The documents of a file, and whether it could be read to its end. Empty documents are left out."""
    documents: list[Node] = []
    try:
        refuse_control_characters(source)
        for document in _Composer(source, mistakes).documents():
            documents.append(document)  # noqa: PERF402 - what precedes a mistake is kept
    except SyntaxMistake as found:
        also = ((found.also[0], source.position(found.also[1])),) if found.also else ()
        mistakes.error(found.code, found.message, source.position(found.offset), found.hint, related=also)
        return documents, False
    return documents, True


class _Open:
    """A collection whose end has not been reached. `size` counts its values, aliases written out."""

    __slots__ = ("anchor", "key", "node", "size")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: Node | None = None
        self.size = 1


class _Composer:
    def __init__(self, source: Source, mistakes: Mistakes) -> None:
        self._source = source
        self._mistakes = mistakes
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int | None]] = {}
        self._written = 0
        self._root: Node | None = None

    def documents(self) -> Iterator[Node]:
        for event in self._events():
            kind = event.__class__
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent:
                self._start(event, "mapping")
            elif kind is yaml.SequenceStartEvent:
                self._start(event, "sequence")
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._end(event)
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._root = None
                self._anchors.clear()
            elif kind is yaml.DocumentEndEvent and self._root is not None and not _empty(self._root):
                yield self._root

    def _events(self) -> Iterator[Any]:
        parser = event_parser(self._source.text)
        try:
            while not isinstance(event := parser.get_event(), yaml.StreamEndEvent):
                yield event
        except MarkedYAMLError as error:
            raise explained(error, self._source) from error

    def _scalar(self, event: Any) -> None:
        node = Node("scalar", self._source, event.start_mark.index, event.end_mark.index, event.tag)
        node.text = event.value
        node.plain = event.implicit[0]
        self._written += 1
        if event.anchor:
            self._anchors[event.anchor] = (node, 1)
        self._add(node, 1)

    def _start(self, event: Any, shape: Shape) -> None:
        node = Node(shape, self._source, event.start_mark.index, event.end_mark.index, event.tag)
        if len(self._open) >= DEEPEST:
            raise SyntaxMistake(
                node.start, "too-deep", f"values are nested more than {DEEPEST} levels deep", "flatten them"
            )
        self._written += 1
        if event.anchor:
            self._anchors[event.anchor] = (node, None)
        self._open.append(_Open(node, event.anchor))

    def _end(self, event: Any) -> None:
        closed = self._open.pop()
        closed.node.end = event.end_mark.index
        if closed.anchor and self._anchors[closed.anchor][0] is closed.node:
            self._anchors[closed.anchor] = (closed.node, closed.size)
        self._add(closed.node, closed.size)

    def _alias(self, event: Any) -> None:
        node, size = self._anchors.get(event.anchor, (None, None))
        offset = event.start_mark.index
        if node is None or size is None:
            self._refuse_alias(event.anchor, offset, known=node is not None)
            nothing = Node("scalar", self._source, offset, event.end_mark.index)
            nothing.plain = nothing.faulty = True
            self._add(nothing, 1)
            return
        self._add(node, size)
        if self._open and self._open[-1].size > self._written + MOST_REPEATED:
            raise SyntaxMistake(
                offset,
                "yaml-alias-expansion",
                f"the aliases up to here repeat more than {MOST_REPEATED:,} values",
                "write the values out, or put them into variables",
            )

    def _refuse_alias(self, anchor: str, offset: int, *, known: bool) -> None:
        position = self._source.position(offset)
        if known:
            message, hint = f"the alias '*{anchor}' stands inside its own anchor", "a value cannot contain itself"
            self._mistakes.error("yaml-alias-recursion", message, position, hint)
        else:
            message, hint = (
                f"there is no anchor '&{anchor}' above this alias",
                f"quote the value if it is a text, or put &{anchor} before what it repeats",
            )
            self._mistakes.error("yaml-syntax", message, position, hint)

    def _add(self, node: Node, size: int) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        parent.size += size
        if parent.node.shape == "sequence":
            parent.node.entries.append(node)
        elif parent.key is None:
            parent.key = node
        else:
            parent.node.pairs.append((parent.key, node))
            parent.key = None


def _empty(root: Node) -> bool:
    return root.shape == "scalar" and root.plain and root.text == ""
