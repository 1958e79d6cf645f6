"""The canonical form of a YAML text: the order of keys, indentation by two, no quotes that are not needed.

Comments, anchors, block texts and what stands in braces stay as they are. A text is taken apart into entries, each with
the comments above and beside it, and put together again; nothing is written that its author did not write. A text that
has something which this cannot keep (directives, explicit keys) stays as it is, and so does one that would then say
something else: what comes out is read again and compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from retinue.config.problems import Diagnostics
from retinue.config.source_text import Source
from retinue.config.yaml.constructor import construct
from retinue.config.yaml.parser import compose, event_parser
from retinue.config.yaml.writer import means_itself

Order = Callable[[tuple[str, ...], Sequence[str]], Sequence[str]]
"""The keys above a mapping (`*` for entries of a list) and its own keys → these in their order."""

STEP = 2
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_FIRST_DASH = re.compile(r"(?:[&!]\S*\s+|\s|#[^\n]*\n)*-")
_ANCHOR = re.compile(r"&(\S+)")
_COMMENT = re.compile(r"(?:^|\s)(#.*)$", re.MULTILINE)


class _UnkeepableError(Exception):
    """The text has something in it that would be lost."""


@dataclass(slots=True)
class _Comment:
    """A line of its own: a comment with the column it stands in, or a blank line."""

    column: int
    text: str


@dataclass(slots=True)
class _Part:
    """A value as it stands in the text. `before` are the lines above it, `beside` the comment on the line where it, or
    its key, ends; `tail` the lines below the last entry of a collection. Blocks have `entries`."""

    start: int
    end: int
    column: int
    shape: str = "scalar"
    flow: bool = True
    style: str | None = None
    value: str = ""
    keys: list[_Part] = field(default_factory=list)
    entries: list[_Part] = field(default_factory=list)
    before: list[_Comment] = field(default_factory=list)
    beside: str = ""
    head: str = ""
    tail: list[_Comment] = field(default_factory=list)

    @property
    def is_block(self) -> bool:
        return self.shape != "scalar" and not self.flow


def canonical(text: str, order: Order) -> str:
    """The text in its form; itself where it holds mistakes or what could not be kept."""
    unix = text.replace("\r\n", "\n").removeprefix("\ufeff")
    before = _read(unix)
    if not before:
        return text
    try:
        made = "".join(_Chunk(each, order).written() for each in _documents(unix))
    except (_UnkeepableError, yaml.YAMLError):
        return text
    if _read(made) != before or _comments(made) != _comments(unix):
        return text
    return made.replace("\n", "\r\n") if "\r\n" in text else made


def _comments(text: str) -> list[str]:
    """All that looks like a comment, wherever: none of it may go."""
    return sorted(each.strip() for each in _COMMENT.findall(text))


def is_sound(text: str) -> bool:
    """Whether the text is YAML without a mistake."""
    return _read(text.replace("\r\n", "\n").removeprefix("\ufeff")) is not None


def _read(text: str) -> list[Any] | None:
    """What the text says, None where it is not sound."""
    diagnostics = Diagnostics()
    source = Source("", text)
    nodes, complete = compose(source, diagnostics)
    data = [construct(source, each, diagnostics) for each in nodes]
    return data if complete and not any(each.severity == "error" for each in diagnostics.all) else None


def _documents(text: str) -> Iterator[str]:
    """The text of each document, with the line that it begins with and the comments above it."""
    starts: list[int] = []
    parser = event_parser(text)
    while (kind := (event := parser.get_event()).__class__) is not yaml.StreamEndEvent:
        if kind is yaml.DocumentStartEvent:
            if event.version or event.tags:
                raise _UnkeepableError
            starts.append(event.start_mark.index if event.explicit else 0)
        elif kind is yaml.DocumentEndEvent and event.explicit:
            raise _UnkeepableError
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(text)
        yield text[start if number else 0 : end]


@dataclass(slots=True)
class _Gap:
    """`beside` is the comment on the line where the value before ends, `own` that beside the dash of the next."""

    beside: str = ""
    own: str = ""
    lines: list[_Comment] = field(default_factory=list)
    signed: bool = False


class _Chunk:
    """One document."""

    def __init__(self, text: str, order: Order) -> None:
        self._above, self._text = _without_start(text)
        self._order = order
        parser = event_parser(self._text)
        self._events: Iterator[Any] = iter(parser.get_event, None)
        self._anchors: list[str] = []

    def written(self) -> str:
        event = next(
            each for each in self._events if not isinstance(each, yaml.StreamStartEvent | yaml.DocumentStartEvent)
        )
        if isinstance(event, yaml.StreamEndEvent):
            return self._above + self._text
        root = self._part(event)
        if not root.is_block:
            return self._above + self._text
        first = root.keys[0] if root.keys else root.entries[0]
        if self._text[root.start : first.start].strip(" -"):  # an anchor of the whole document
            raise _UnkeepableError
        above = self._gap(0, first.start, _sign(root))
        head, first.before = _of_file(above.lines)
        self._beside_dash(root.entries[0], above)
        self._comments(root)
        firsts, moved = root.keys or root.entries, self._ordered(root, ())
        if moved != sorted(moved) and any(_is_apart(each) for each in firsts[1:]):
            _set_apart([firsts[number] for number in moved])
        left = _assigned(root, self._after(root, len(self._text)).lines)
        lines = [*self._lines(root, 0, ()), *_placed([*root.tail, *left], 0)]
        return self._above + _joined(_placed(head, 0), lines)

    # ── taking apart ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _part(self, event: Any) -> _Part:
        start, end = event.start_mark.index, event.end_mark.index
        made = _Part(start, end, start - (self._text.rfind("\n", 0, start) + 1))
        if getattr(event, "anchor", None) and not isinstance(event, yaml.AliasEvent):
            self._anchors.append(event.anchor)
        if isinstance(event, yaml.ScalarEvent):
            made.style, made.value = event.style, event.value
            keeps = made.style in ("|", ">") and "+" in self._text[start:end].split("\n", 1)[0]
            made.end = end if keeps else start + len(self._text[start:end].rstrip())
            made.flow = made.style not in ("|", ">")
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            made.shape = "mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence"
            made.flow = bool(event.flow_style)
            self._fill(made)
        return made

    def _fill(self, made: _Part) -> None:
        """Take in what is below a collection, up to the event that ends it."""
        ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
        for event in iter(lambda: next(self._events), None):
            made.end = event.end_mark.index
            if isinstance(event, ends):
                break
            part = self._part(event)
            if made.shape == "mapping":
                if part.shape != "scalar" or not part.flow or "\n" in self._text[part.start : part.end]:
                    raise _UnkeepableError
                made.keys.append(part)
                made.entries.append(self._part(next(self._events)))
            else:
                made.entries.append(part)
        if made.flow:
            made.keys, made.entries = [], []
        elif made.entries:
            made.column = (made.keys or made.entries)[0].column
            if made.shape == "sequence":
                dash = _FIRST_DASH.match(self._text, made.start)
                at = dash.end() - 1 if dash else made.start
                made.column = at - (self._text.rfind("\n", 0, at) + 1)
            made.end = _last_end(made)

    def _comments(self, part: _Part) -> None:
        """Give what stands between the entries of a block to them."""
        firsts = part.keys or part.entries
        for number, (first, entry) in enumerate(zip(firsts, part.entries, strict=True)):
            if part.shape == "mapping":
                self._between(first, entry)
            elif entry.is_block:
                self._within(entry)
            if entry.is_block:
                self._comments(entry)
            if number + 1 < len(firsts):
                following = firsts[number + 1]
                gap = self._after(entry, following.start, _sign(part))
                self._beside_dash(part.entries[number + 1], gap)
                following.before = _assigned(entry, gap.lines) if entry.is_block else gap.lines

    def _after(self, part: _Part, end: int, sign: str = "") -> _Gap:
        """What stands behind a value, whose own is the comment on its last line."""
        last = _last(part)
        gap = self._gap(last.end, end, sign)
        last.beside = last.beside or gap.beside
        return gap

    def _beside_dash(self, entry: _Part, gap: _Gap) -> None:
        if gap.own and not entry.is_block:
            raise _UnkeepableError  # a comment between the dash and the value
        entry.beside = entry.beside or gap.own

    def _between(self, key: _Part, entry: _Part) -> None:
        """What stands between a key and its value."""
        gap = self._gap(key.end, entry.start, ":")
        key.beside = gap.beside
        if entry.is_block:
            self._within(entry)
            first = (entry.keys or entry.entries)[0]
            first.before = [*gap.lines, *first.before]
        elif (gap.beside or gap.lines) and "\n" in self._text[key.end : entry.start]:
            raise _UnkeepableError  # a comment before a value on the next line

    def _within(self, block: _Part) -> None:
        """What stands between the start of a block, with its anchor, and its first entry."""
        first = (block.keys or block.entries)[0]
        matched = _PROPERTIES.match(self._text, block.start, first.start)
        block.head = matched[0].strip() if matched and block.start != first.start else ""
        gap = self._gap(block.start + len(block.head), first.start, _sign(block))
        block.beside = block.beside or gap.beside
        first.before = gap.lines
        self._beside_dash(block.entries[0], gap)

    def _gap(self, start: int, end: int, sign: str = "") -> _Gap:
        """What stands between two values: comments, blank lines, and at most one `sign`."""
        found = _Gap()
        lines = self._text[start:end].split("\n")
        for number, line in enumerate(lines):
            comment = _COMMENT.search(line)
            rest = line[: comment.start(1)] if comment else line
            signs = rest.strip()
            if signs not in ("", sign) or (signs and found.signed):
                raise _UnkeepableError
            found.signed = found.signed or bool(signs)
            beside = line[len(rest.rstrip()) :].rstrip() if comment else ""
            if comment and signs == "-":
                found.own = beside
            elif comment and number == 0 and start:
                found.beside = beside
            elif comment:
                found.lines.append(_Comment(comment.start(1), comment[1].rstrip()))
            elif not signs and 0 < number < len(lines) - 1:
                found.lines.append(_Comment(-1, ""))
        return found

    # ── putting together ──────────────────────────────────────────────────────────────────────────────────────────────

    def _lines(self, part: _Part, indent: int, path: tuple[str, ...]) -> list[str]:
        """The lines of a block."""
        made: list[str] = []
        for number in self._ordered(part, path):
            entry = part.entries[number]
            if part.shape == "mapping":
                key = part.keys[number]
                above, lines = key.before, self._entry(key, entry, indent, (*path, key.value))
            else:
                above, lines = entry.before, self._item(entry, indent, path)
            lifted, lines = _lifted(lines)
            made += [*_placed(above, indent), *lifted, *lines]
        return made

    def _entry(self, key: _Part, entry: _Part, indent: int, path: tuple[str, ...]) -> list[str]:
        start = f"{' ' * indent}{self._scalar(key)}:"
        if entry.is_block:
            head = f" {entry.head}" if entry.head else ""
            beside = key.beside or entry.beside
            below = [*self._lines(entry, indent + STEP, path), *_placed(entry.tail, indent + STEP)]
            return [f"{start}{head}{beside}", *below]
        value, *more = self._value(entry, key.column, indent)
        return [f"{start}{' ' if value else ''}{value}{key.beside or entry.beside}", *more]

    def _item(self, entry: _Part, indent: int, path: tuple[str, ...]) -> list[str]:
        dash = f"{' ' * indent}- "
        if not entry.is_block:
            value, *more = self._value(entry, entry.column - STEP, indent)
            return [f"{dash}{value}".rstrip() + entry.beside, *more]
        below = [*self._lines(entry, indent + STEP, (*path, "*")), *_placed(entry.tail, indent + STEP)]
        if entry.head or entry.beside:
            return [f"{dash}{entry.head}".rstrip() + entry.beside, *below]
        first = next(number for number, line in enumerate(below) if line and not line.lstrip().startswith("#"))
        above = [f"{_LIFTED}{' ' * indent}{line.strip()}" for line in below[:first] if line]
        return [*above, dash + below[first].lstrip(), *below[first + 1 :]]

    def _value(self, part: _Part, column: int, indent: int) -> list[str]:
        """A scalar, an alias or what stands in braces: its first line, and the others moved to where it stands now."""
        text = self._text[part.start : part.end]
        first, *more = text.split("\n")
        if not more:
            return [self._scalar(part)]
        if part.style in ("|", ">"):
            return [first, *_moved_block(first, more, column, indent)]
        if part.shape == "scalar":
            return [
                first.rstrip(),
                *(f"{' ' * (indent + STEP)}{each.strip()}" if each.strip() else "" for each in more),
            ]
        return [first.rstrip(), *_moved(more, column, indent)]

    def _scalar(self, part: _Part) -> str:
        """A value of one line, without quotes where it means itself without."""
        text = self._text[part.start : part.end]
        if part.style in ("'", '"') and means_itself(part.value):
            matched = _PROPERTIES.match(text)
            return text[: matched.end() if matched else 0] + part.value
        return text

    def _ordered(self, part: _Part, path: tuple[str, ...]) -> list[int]:
        """The numbers of the entries in their order; as they are where an alias would come before its anchor."""
        usual = list(range(len(part.entries)))
        if part.shape != "mapping":
            return usual
        names = [each.value for each in part.keys]
        if len(set(names)) < len(names):
            return usual
        ranked = {name: rank for rank, name in enumerate(self._order(path, names))}
        wanted = sorted(usual, key=lambda number: ranked[names[number]])
        return wanted if wanted == usual or self._may_move(part, wanted) else usual

    def _may_move(self, part: _Part, wanted: list[int]) -> bool:
        texts = [self._text[key.start : entry.end] for key, entry in zip(part.keys, part.entries, strict=True)]
        mine = [name for text in texts for name in _ANCHOR.findall(text)]
        if len(set(self._anchors)) < len(self._anchors) and any(each in self._anchors for each in mine):
            return False
        met: set[str] = set()
        for number in wanted:
            for sign in re.finditer(r"[&*]([^\s,\]}]+)", texts[number]):
                if sign[0][0] == "&":
                    met.add(sign[1])
                elif sign[1] in mine and sign[1] not in met:
                    return False
        return True


_LIFTED = "\0"
"""Begins a line that belongs above the entry in which it was found."""


def _lifted(lines: list[str]) -> tuple[list[str], list[str]]:
    number = next((number for number, line in enumerate(lines) if not line.startswith(_LIFTED)), len(lines))
    return [each.removeprefix(_LIFTED) for each in lines[:number]], lines[number:]


def _without_start(text: str) -> tuple[str, str]:
    """The line that begins a document, and what is below it."""
    if not text.startswith("---"):
        return "", text
    first, newline, rest = text.partition("\n")
    if first.rstrip() != "---" or not newline:
        raise _UnkeepableError
    return "---\n", rest


def _sign(part: _Part) -> str:
    """What stands before each entry of a block."""
    return "-" if part.shape == "sequence" else ""


def _last(part: _Part) -> _Part:
    """The value that ends a block."""
    return _last(part.entries[-1]) if part.is_block and part.entries else part


def _last_end(part: _Part) -> int:
    last = _last(part)
    return last.end


def _assigned(part: _Part, lines: list[_Comment]) -> list[_Comment]:
    """Give the lines below a block to those that stand as far to the right as what is in it; what is left."""
    count = 0
    for number, each in enumerate(lines):
        if each.text and each.column < part.column:
            break
        count = number + 1 if each.text else count
    mine, left = lines[:count], lines[count:]
    if part.entries and part.entries[-1].is_block:
        mine = _assigned(part.entries[-1], mine)
    part.tail = [*part.tail, *mine]
    return left


def _placed(comments: Sequence[_Comment], indent: int) -> list[str]:
    return [f"{' ' * indent}{each.text}" if each.text else "" for each in comments]


def _of_file(above: list[_Comment]) -> tuple[list[_Comment], list[_Comment]]:
    """Of the lines above the first key, those that are about the file, and those about the key: the former end in a
    blank line, or speak to an editor."""
    end = max((number + 1 for number, each in enumerate(above) if not each.text), default=0)
    while end < len(above) and "yaml-language-server" in above[end].text:
        end += 1
    return above[:end], above[end:]


def _is_apart(part: _Part) -> bool:
    return bool(part.before) and not part.before[0].text


def _set_apart(parts: Sequence[_Part]) -> None:
    """Put a blank line above each but the first: sections that stand apart do so wherever they move to."""
    for each in parts[1:]:
        if not _is_apart(each):
            each.before = [_Comment(-1, ""), *each.before]


def _moved(lines: Sequence[str], column: int, indent: int) -> list[str]:
    """Lines of a value in braces, moved with their key."""
    by = indent - max(column, 0)
    found = []
    for each in lines:
        spaces = len(each) - len(each.lstrip(" "))
        found.append(f"{' ' * max(spaces + by, indent + 1)}{each.strip()}" if each.strip() else "")
    return found


def _moved_block(header: str, lines: Sequence[str], column: int, indent: int) -> list[str]:
    """The lines of a block text, indented by one step below its key; by as much as its header says where it does."""
    digit = re.search(r"[1-9]", header.partition("#")[0].lstrip("&!"))
    if digit:
        old, new = max(column, 0) + int(digit[0]), indent + int(digit[0])
    else:
        filled = [each for each in lines if each.strip()]
        old, new = (len(filled[0]) - len(filled[0].lstrip(" ")) if filled else 0), indent + STEP
    return [f"{' ' * new}{each[old:]}" if each[old:] else "" for each in lines]


def _joined(head: Sequence[str], lines: Sequence[str]) -> str:
    """The lines, without blank ones at the start and the end of the two."""
    above, below = ("\n".join(each).strip("\n") for each in (head, lines))
    apart = "\n\n" if above and not head[-1] else "\n" if above else ""
    return f"{above}{apart}{below}\n"


# ── order ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

MERGES = "<<"
_FIRST = ("name", "extends", "with", "matrix", "enabled", "type")
_LAST = ("labels", "extra", "lifecycle")
_AXES, _NO_AXES = ("matrix",), ("exclude", "include")
"""The axes of a matrix stay as they are: names are made of them in this order."""


def schema_order(schema: Mapping[str, Any]) -> Order:
    """The order of a schema: what is merged, the name, the fields as the schema lists them, then what is about a
    declaration rather than its object. Keys that the schema does not list stay behind those it lists, as they are;
    where it lists none, they are the author's own and are not moved."""

    def order(path: tuple[str, ...], names: Sequence[str]) -> Sequence[str]:
        if path[-1:] == _AXES:
            return sorted(names, key=_NO_AXES.__contains__)
        listed = list(_properties(_at([schema], path)))
        if not listed:
            return names
        known = [each for each in (*_FIRST, *listed, *_LAST) if each in listed]
        middle = [each for each in known if each not in (*_FIRST, *_LAST)]
        ranked = [each for each in _FIRST if each in listed], middle, [each for each in _LAST if each in listed]
        ranks = {name: rank for rank, name in enumerate(name for group in ranked for name in group)}
        own = [each for each in names if each == MERGES or (each.startswith("x-") and each not in ranks)]
        others = [each for each in names if each not in ranks and each not in own]
        return [*own, *sorted((each for each in names if each in ranks), key=ranks.__getitem__), *others]

    return order


def _at(schemas: Sequence[Any], path: tuple[str, ...]) -> list[Mapping[str, Any]]:
    found = [each for schema in schemas for each in _alternatives(schema)]
    for step in path:
        below: list[Any] = []
        for each in found:
            if step == "*":
                below.append(each.get("items"))
            elif step in each.get("properties", {}):
                below.append(each["properties"][step])
            else:
                below.append(each.get("additionalProperties"))
        found = [one for each in below for one in _alternatives(each)]
    return found


def _alternatives(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, Mapping):
        yield schema
        for each in schema.get("anyOf", ()):
            yield from _alternatives(each)


def _properties(schemas: Sequence[Mapping[str, Any]]) -> dict[str, None]:
    return {name: None for each in schemas for name in each.get("properties", {})}
