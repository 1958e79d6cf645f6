"""Files → documents with their places: YAML, and JSON; what is wrong with their syntax in words that say what to do.

Nodes are put together without recursion and within bounds, so that no file can exhaust the stack or the memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import yaml
from yaml.error import MarkedYAMLError
from yaml.parser import Parser as PureParser
from yaml.reader import Reader
from yaml.scanner import Scanner

from retinue.config.problems import Diagnostics, RefusedError
from retinue.config.project_files import Folder
from retinue.config.source_text import Excerpts, Source, UndecodableError, decode
from retinue.config.yaml.constructor import Document, construct
from retinue.config.yaml.syntax_tree import Node, Shape, Tree
from retinue.model.declared import Position

# Far deeper than any field of the API, and shallow enough for every recursive walk over the data.
DEEPEST = 64
# Schemas that programs write go deeper; how deep the decoder would go differs between versions of Python.
DEEPEST_JSON = 250
# How many values the aliases of one file may add to those that are written in it.
MOST_REPEATED = 100_000
SHORT = 40
"""Characters of a text that may well stand in a file again."""


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


def compose(source: Source, diagnostics: Diagnostics) -> tuple[list[Node], bool]:
    """The documents of a file, and whether it could be read to its end. Empty documents are left out."""
    documents: list[Node] = []
    try:
        refuse_control_characters(source)
        for document in _Composer(source, diagnostics).documents():
            documents.append(document)  # noqa: PERF402 - what precedes a mistake is kept
    except YamlSyntaxError as found:
        also = ((found.also[0], source.position(found.also[1])),) if found.also else ()
        diagnostics.error(found.code, found.message, source.position(found.offset), found.hint, related=also)
        return documents, False
    return documents, True


class _Open:
    """A collection whose end has not been reached. `size` counts its values and `depth` its levels, aliases written
    out."""

    __slots__ = ("anchor", "depth", "key", "node", "size")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: Node | None = None
        self.size = 1
        self.depth = 1


class _Composer:
    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self._source = source
        self._diagnostics = diagnostics
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int | None, int]] = {}
        self._written = 0
        self._texts: dict[str, str] = {}
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
            raise _yaml_error(error, self._source) from error

    def _scalar(self, event: Any) -> None:
        node = Node("scalar", self._source, event.start_mark.index, event.end_mark.index, event.tag)
        text: str = event.value
        # Keys, and much else, stand in every declaration of a file: once is enough.
        node.text = self._texts.setdefault(text, text) if len(text) <= SHORT else text
        node.plain = event.implicit[0]
        self._written += 1
        if event.anchor:
            self._anchors[event.anchor] = (node, 1, 0)
        self._add(node, 1)

    def _start(self, event: Any, shape: Shape) -> None:
        node = Node(shape, self._source, event.start_mark.index, event.end_mark.index, event.tag)
        if len(self._open) >= DEEPEST:
            raise _too_deep(node.start)
        self._written += 1
        if event.anchor:
            self._anchors[event.anchor] = (node, None, 0)
        self._open.append(_Open(node, event.anchor))

    def _end(self, event: Any) -> None:
        closed = self._open.pop()
        closed.node.end = event.end_mark.index
        if closed.anchor and self._anchors[closed.anchor][0] is closed.node:
            self._anchors[closed.anchor] = (closed.node, closed.size, closed.depth)
        self._add(closed.node, closed.size, closed.depth)

    def _alias(self, event: Any) -> None:
        node, size, depth = self._anchors.get(event.anchor, (None, None, 0))
        offset = event.start_mark.index
        if node is None or size is None:
            self._refuse_alias(event.anchor, offset, known=node is not None)
            nothing = Node("scalar", self._source, offset, event.end_mark.index)
            nothing.plain = nothing.faulty = True
            self._add(nothing, 1)
            return
        if len(self._open) + depth > DEEPEST:
            raise _too_deep(offset)
        self._add(node, size, depth)
        if self._open and self._open[-1].size > self._written + MOST_REPEATED:
            raise YamlSyntaxError(
                offset,
                "yaml-alias-expansion",
                f"the aliases up to here repeat more than {MOST_REPEATED:,} values",
                "write the values out, or put them into variables",
            )

    def _refuse_alias(self, anchor: str, offset: int, *, known: bool) -> None:
        position = self._source.position(offset)
        if known:
            message, hint = f"the alias '*{anchor}' stands inside its own anchor", "a value cannot contain itself"
            self._diagnostics.error("yaml-alias-recursion", message, position, hint)
        else:
            message, hint = (
                f"there is no anchor '&{anchor}' above this alias",
                f"quote the value if it is a text, or put &{anchor} before what it repeats",
            )
            self._diagnostics.error("yaml-syntax", message, position, hint)

    def _add(self, node: Node, size: int, depth: int = 0) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        parent.size += size
        parent.depth = max(parent.depth, depth + 1)
        if parent.node.shape == "sequence":
            parent.node.add(node)
        elif parent.key is None:
            parent.key = node
        else:
            parent.node.add(parent.key, node)
            parent.key = None


def _empty(root: Node) -> bool:
    return root.shape == "scalar" and root.plain and root.text == ""


# ── what the parser complains about ───────────────────────────────────────────────────────────────────────────────────


class _Meaning(NamedTuple):
    """What to say about a complaint that contains `words`; `at_start` places it where the broken part begins."""

    words: str
    message: str
    hint: str
    at_start: bool = False


_MEANINGS = (
    _Meaning(
        "mapping values are not allowed",
        "a ':' is not expected here",
        "quote the value if ': ' belongs to it, or check the indentation",
    ),
    _Meaning("unexpected end of stream", "this quote is never closed", "close it", at_start=True),
    _Meaning("unexpected document indicator", "this quote is never closed", "close it", at_start=True),
    _Meaning(
        "could not find expected ':'",
        "this line is no 'key: value'",
        "put ': ' after the key, or indent the line if it goes on with the text above",
        at_start=True,
    ),
    _Meaning("expected ',' or ']'", "a ',' or a ']' is missing before this", "close the list that starts with '['"),
    _Meaning("expected ',' or '}'", "a ',' or a '}' is missing before this", "close the mapping that starts with '{'"),
    _Meaning(
        "expected '-' indicator",
        "an entry of the list is expected here",
        "start it with '- ', or check the indentation",
    ),
    _Meaning("expected <block end>", "this does not go on with what is above", "check the indentation"),
    _Meaning("did not find expected key", "a key is expected here", "check the indentation and the quotes"),
    _Meaning(
        "unknown escape character", "this escape is not known", "use single quotes, or write '\\\\' for a backslash"
    ),
    _Meaning("expected node content", "a value is expected here", "quote it if this belongs to a text"),
    _Meaning("expected the node content", "a value is expected here", "quote it if this belongs to a text"),
    _Meaning(
        "expected alphabetic or numeric", "'*' and '&' start an alias or an anchor", "quote the value if it is a text"
    ),
    _Meaning("incompatible YAML document", "this version of YAML is not known", "remove the line '%YAML …'"),
    _Meaning("comment or line break", "nothing may follow '|' or '>' on its line", "start the text on the next line"),
    _Meaning("chomping or indentation", "nothing may follow '|' or '>' on its line", "start the text on the next line"),
    _Meaning("expected <document start>", "another value starts here", "separate documents with a line '---'"),
)

_PAIRS = {"[": "]", "{": "}"}
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def refuse_control_characters(source: Source) -> None:
    """YAML takes no control characters, and the parser's own complaint about them has no place."""
    found = _CONTROL.search(source.text)
    if found:
        raise YamlSyntaxError(
            found.start(),
            "yaml-syntax",
            f"the control character U+{ord(found[0]):04X} is not allowed in YAML",
            f'remove it, or write it as "\\x{ord(found[0]):02x}" in double quotes',
        )


class YamlSyntaxError(RefusedError):
    """The text is not YAML from `offset` on."""

    def __init__(
        self, offset: int, code: str, message: str, hint: str | None = None, *, also: tuple[str, int] | None = None
    ) -> None:
        super().__init__(code, message, hint)
        self.offset = offset
        self.also = also


def _too_deep(offset: int) -> YamlSyntaxError:
    return YamlSyntaxError(offset, "too-deep", f"values are nested more than {DEEPEST} levels deep", "flatten them")


def _yaml_error(error: MarkedYAMLError, source: Source) -> YamlSyntaxError:
    """The parser's complaint in words that say what to do."""
    text = source.text
    mark = error.problem_mark or error.context_mark
    offset = min(mark.index, len(text)) if mark else 0
    start = error.context_mark.index if error.context_mark else offset
    tab = _tab_in_indentation(text, offset)
    if tab is not None:
        return YamlSyntaxError(tab, "yaml-tab", "a tab cannot indent YAML", "indent with spaces")
    problem = error.problem or str(error)
    if "maximum nesting depth" in problem:  # the parser has a limit of its own, which it may come to before ours
        return _too_deep(offset)
    if "cannot start any token" in problem:
        return YamlSyntaxError(offset, "yaml-syntax", f"a value cannot start with '{text[offset]}'", "quote the value")
    opened = _opened(error, text, offset)
    if opened and not text[offset:].strip():
        bracket = text[opened[1]]
        hint = f"close it with '{_PAIRS[bracket]}'"
        return YamlSyntaxError(opened[1], "yaml-syntax", f"this '{bracket}' is never closed", hint)
    for meaning in _MEANINGS:
        if meaning.words in problem:
            place = start if meaning.at_start else offset
            return YamlSyntaxError(
                place, "yaml-syntax", meaning.message, meaning.hint, also=_opened(error, text, place)
            )
    return YamlSyntaxError(offset, "yaml-syntax", problem, None)


def _opened(error: MarkedYAMLError, text: str, place: int) -> tuple[str, int] | None:
    mark = error.context_mark
    if mark is None or mark.index == place or mark.index >= len(text) or text[mark.index] not in "[{":
        return None
    return f"the '{text[mark.index]}' stands here", mark.index


def _tab_in_indentation(text: str, offset: int) -> int | None:
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    indentation = re.compile(r"[ \t]*(?:- [ \t]*)*").match(text, start)
    tab = text.find("\t", start, indentation.end() if indentation else start)
    return tab if tab >= 0 else None


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


# The decoder's words differ between versions of Python; these do not.
_JSON_MEANINGS = (
    ("Expecting ',' delimiter", "a ',' is missing before this"),
    ("Expecting ':' delimiter", "a ':' is missing before this"),
    ("Expecting property name", "a key in double quotes is expected here"),
    ("Expecting value", "a value is expected here"),
    ("Extra data", "the value ends before this"),
    ("Invalid control character", "a string cannot go over the end of a line or hold a tab"),
    ("Invalid \\", "this escape is not JSON"),
    ("Unterminated string", "this string is never closed"),
)
_NOT_A_NUMBER = re.compile(r"(?<![\w\"])-?(?:NaN|Infinity)\b")


class NotJsonError(ValueError):
    """The text is not JSON at `offset`."""

    def __init__(self, offset: int, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.hint = hint


class _NoJsonValueError(ValueError):
    """Something Python reads and JSON does not have; where it stands is found out by the caller."""


def read_json(source: Source) -> Any:
    """The value of a JSON text. Raises NotJsonError."""
    text = source.text
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates)
    except json.JSONDecodeError as error:
        raise _json_error(error, text) from error
    except RecursionError as error:
        raise NotJsonError(0, "the values are nested too deep", "flatten them") from error
    except _NoJsonValueError as error:
        found = _NOT_A_NUMBER.search(text)
        raise NotJsonError(found.start() if found else 0, str(error), None) from error
    except _DuplicateKeyError as error:
        places = [each.start() for each in re.finditer(re.escape(json.dumps(error.key, ensure_ascii=False)), text)]
        hint = "remove or rename one of the two"
        raise NotJsonError(
            places[-1] if places else 0, f"the key '{error.key}' stands twice in one object", hint
        ) from error
    if _depth(value) > DEEPEST_JSON:
        raise NotJsonError(0, "the values are nested too deep", "flatten them")
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [each for inner in level for each in _inside(inner)]:
        depth += 1
    return depth


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class _DuplicateKeyError(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _refuse_constant(name: str) -> NoReturn:
    raise _NoJsonValueError(f"'{name}' is no JSON value")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        last = {name: index for index, (name, _) in enumerate(pairs)}
        raise _DuplicateKeyError(next(name for index, (name, _) in enumerate(pairs) if last[name] != index))
    return data


def _json_error(error: json.JSONDecodeError, text: str) -> NotJsonError:
    if not text.strip():
        return NotJsonError(0, "the file is empty", "write a JSON Schema into it")
    before = text[: error.pos].rstrip()
    comma = error.pos if "trailing comma" in error.msg else len(before) - 1
    if text[comma] == "," and text[comma + 1 :].lstrip().startswith(("}", "]")):
        return NotJsonError(comma, "a ',' cannot stand before the end of a list or an object", "remove it")
    message = next((meaning for words, meaning in _JSON_MEANINGS if error.msg.startswith(words)), error.msg.lower())
    return NotJsonError(error.pos, f"this is not JSON: {message}")


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Peeked:
    """What was read of a YAML file, whether to its end, and what is wrong with it, none of which is reported yet."""

    documents: list[Document]
    complete: bool
    found: Diagnostics


@dataclass(slots=True)
class FileReader:
    """Reads the files of a project: what every step of loading has at hand."""

    folder: Folder
    diagnostics: Diagnostics
    excerpts: Excerpts
    complete: bool = True
    """Whether every file could be read to its end; if not, names may be missing that are declared."""
    _peeked: dict[str, Peeked] = field(default_factory=dict)
    _texts: dict[str, Source] = field(default_factory=dict)

    def text(self, path: str, *, asked: Position | None = None) -> Source | None:
        """The text of a file; None, reported, when there is none to be had. `asked` is where the file was named. It is
        read once, however many declarations name it."""
        if path in self._texts:
            return self._texts[path]
        try:
            data = self.folder.read(path)
        except RefusedError as refused:
            self.diagnostics.error(refused.code, refused.message, asked, refused.hint)
            return None
        source = self.decoded(path, data, asked=asked)
        if source is not None:
            self._texts[path] = source
        return source

    def decoded(self, name: str, data: bytes, *, asked: Position | None = None) -> Source | None:
        """The same for a file that was read already, and may lie outside of the project."""
        try:
            source = decode(name, data)
        except UndecodableError as error:
            self.excerpts.keep(error.source)
            related = (("named here", asked),) if asked and asked.file != name else ()
            place = error.source.position(error.offset)
            self.diagnostics.error("not-utf8", error.message, place, error.hint, related=related)
            return None
        self.excerpts.keep(source)
        return source

    def peek(self, path: str) -> Peeked:
        """The documents of a YAML file. It is read once."""
        if path not in self._peeked:
            quiet = FileReader(self.folder, Diagnostics(), self.excerpts)
            source = quiet.text(path, asked=Position(path, 1, 1))
            documents, complete = parse(source, quiet.diagnostics) if source is not None else ([], False)
            self._peeked[path] = Peeked(documents, complete, quiet.diagnostics)
        return self._peeked[path]

    def documents(self, path: str) -> tuple[list[Document], bool]:
        """The documents of a YAML file, and whether it could be read to its end."""
        peeked = self.peek(path)
        self.diagnostics.all += peeked.found.all
        self.complete &= peeked.complete
        return peeked.documents, peeked.complete


def parse(source: Source, diagnostics: Diagnostics) -> tuple[list[Document], bool]:
    """The documents of a text, and whether it could be read to its end."""
    nodes, complete = compose(source, diagnostics)
    return [Document(construct(source, node, diagnostics), Tree(node)) for node in nodes], complete


def parse_file(
    source: Source, diagnostics: Diagnostics, *, asked: Position | None = None
) -> tuple[list[Document], bool]:
    """The same for a file that may be JSON, by its name; `asked` is where it was named."""
    if not source.name.lower().endswith(".json"):
        return parse(source, diagnostics)
    try:
        return [Document(read_json(source), _json_places(source))], True
    except NotJsonError as error:
        related = (("named here", asked),) if asked else ()
        place = source.position(error.offset)
        diagnostics.error("bad-json", error.message, place, error.hint, related=related)
        return [], False


def _json_places(source: Source) -> Tree:
    """Where everything in a JSON text stands. JSON is YAML but for details, so YAML's nodes serve; the top if not."""
    nodes, _ = compose(source, Diagnostics())
    return Tree(nodes[0] if nodes else Node("mapping", source, 0, 0))
