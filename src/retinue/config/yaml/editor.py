"""Edits of YAML texts that leave everything else as it is, to the character: comments, blank lines, quotes, anchors.

Libraries that read a whole text and write it again bring it back in their own layout, and with values where aliases
stood. So only what is new is written, and put into the text where the old value stood. Where a part of a declaration
stands in the texts, `find_site` knows.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from retinue.config.interpolation import escaped
from retinue.config.problems import Diagnostics
from retinue.config.source_text import Source
from retinue.config.yaml.parser import compose
from retinue.config.yaml.syntax_tree import Node
from retinue.config.yaml.writer import is_literal, literal_lines, write_block, write_flow, write_scalar
from retinue.model.values import Path

_KEY = re.compile(r"( *)[^\s#-][^#]*:\s*(?:#.*)?$")
_DASH = re.compile(r"( *)- ")
_INDENTED = re.compile(r"^( +)[^\s#-]", re.MULTILINE)
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
"""The anchor and the tag before a value."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a text: of what stands at `path` in its document `number`, counted from 0.

    `set` writes a value, beside its siblings where the last key is new; `append` adds one to a list; `remove` takes one
    out. Values are plain data; texts are taken literally.
    """

    action: Literal["set", "append", "remove"]
    number: int
    path: Path
    value: Any = None


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text with the edits made. Raises LookupError for an edit of what is not there."""
    unix = text.replace("\r\n", "\n")
    for each in edits:
        if each.action != "remove":
            unix = _written(unix, each)
    # From the last to the first, so that the places of the others stay what they are.
    removed = [each for each in edits if each.action == "remove"]
    for each in sorted(removed, key=lambda edit: [(isinstance(part, int), part) for part in edit.path], reverse=True):
        unix = _without(unix, each)
    return unix.replace("\n", "\r\n") if "\r\n" in text else unix


# ── finding the place ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Place:
    """A member of a collection in a text: `first` is its key, or itself in a list. `flow`: it stands within braces."""

    text: str
    parent: Node
    first: Node
    value: Node
    flow: bool

    @property
    def end(self) -> int:
        """Where the value ends; comments and blank lines below it are not part of it."""
        # An alias is the node it stands for, which is somewhere above.
        return max(_end(self.text, self.value), self.first.start + len(self.first.text))

    @property
    def column(self) -> int:
        """How many characters stand before the key, or before the dash of an entry."""
        line = self.text.rfind("\n", 0, self.first.start) + 1
        if self.parent.shape == "sequence" and not self.flow:
            return self.text.rindex("-", line, self.first.start + 1) - line
        return self.first.start - line


def _end(text: str, node: Node) -> int:
    if text[node.start : node.start + 1] in ("{", "["):
        return node.end
    below = [*(each for pair in node.pairs for each in pair), *node.entries]
    ends = [_end(text, each) for each in below if each.start >= node.start]
    return max(ends) if ends else node.start + len(text[node.start : node.end].rstrip())


def _find(text: str, number: int, path: Path) -> tuple[Node, bool]:
    """What stands at a path, and whether within braces."""
    node = compose(Source("", text), Diagnostics())[0][number]
    flow = text[node.start] in "{["
    for part in path:
        node = _child(node, part)[1]
        flow = flow or text[node.start : node.start + 1] in ("{", "[")
    return node, flow


def _child(node: Node, part: str | int) -> tuple[Node, Node]:
    if isinstance(part, int):
        return node.entries[part], node.entries[part]
    for key, value in node.pairs:
        if key.text == part and not key.merges:
            return key, value
    raise LookupError(f"there is no '{part}'")


def _place(text: str, edit: Edit) -> _Place:
    parent, flow = _find(text, edit.number, edit.path[:-1])
    return _Place(text, parent, *_child(parent, edit.path[-1]), flow)


def _members(text: str, parent: Node, *, flow: bool) -> list[_Place]:
    if parent.shape == "mapping":
        return [_Place(text, parent, key, value, flow) for key, value in parent.pairs]
    return [_Place(text, parent, each, each, flow) for each in parent.entries]


# ── putting in ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _written(text: str, edit: Edit) -> str:
    if edit.action == "append":
        return _with(text, edit, edit.path)
    try:
        place = _place(text, edit)
    except LookupError:
        return _with(text, edit, edit.path[:-1])
    if not isinstance(edit.value, dict | list) and place.value.shape == "scalar":
        return _with_scalar(place, edit.value)
    if place.flow:
        return text[: place.value.start] + write_flow(edit.value) + text[place.value.end :]
    made = _member(place, edit.path[-1], edit.value)
    return text[: place.first.start] + made + text[place.end :]


def _member(place: _Place, key: str | int, value: Any) -> str:
    """A member of a block collection as it stands from its key, or from behind its dash."""
    whole = [value] if isinstance(key, int) else {key: value}
    block = textwrap.indent(_block(place.text, whole), " " * place.column)
    return block.strip().removeprefix("- ").lstrip() if isinstance(key, int) else block.strip()


def _with(text: str, edit: Edit, path: Path) -> str:
    """The text with another key or entry right below the last one of the collection at `path`. A comment belongs to
    what it stands above."""
    parent, _ = _find(text, edit.number, path)
    flow = text[parent.start : parent.start + 1] in ("{", "[") or _find(text, edit.number, path)[1]
    made: Any = [edit.value] if edit.action == "append" else {edit.path[-1]: edit.value}
    members = _members(text, parent, flow=flow)
    if not members:
        return _written(text, Edit("set", edit.number, path, made))
    last = members[-1]
    if flow:
        return text[: last.end] + ", " + write_flow(made)[1:-1] + text[last.end :]
    end = text.find("\n", last.end)
    above = f"{text}\n" if end < 0 else text[: end + 1]
    return above + textwrap.indent(_block(text, made), " " * last.column) + text[len(above) :]


def _with_scalar(place: _Place, value: Any) -> str:
    """The text with another scalar in the place of one, in its style as far as that can hold it."""
    text, node = place.text, place.value
    old = text[node.start : node.end].rstrip()
    properties = _PROPERTIES.match(old)
    start = node.start + (properties.end() if properties else 0)
    made = _scalar(place, old[start - node.start :], value)
    space = " " if text[start - 1 : start] == ":" else ""
    return text[:start] + space + made + text[node.start + len(old) :]


def _scalar(place: _Place, old: str, value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if is_literal(value) and not place.flow:
        sign, *lines = literal_lines(value)
        margin = " " * (place.column + _step(place.text))
        return "\n".join([sign, *(f"{margin}{each}" if each else "" for each in lines)])
    if old.startswith("'") and value.isprintable():
        return "'" + escaped(value).replace("'", "''") + "'"
    if old.startswith('"') or not place.flow:
        return write_scalar(value, quoted=old.startswith('"'))
    return write_flow(value)


# ── taking out ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _without(text: str, edit: Edit) -> str:
    """The text without a key or an entry. Comments above the next one belong to that."""
    place = _place(text, edit)
    members = _members(text, place.parent, flow=place.flow)
    index = next(index for index, each in enumerate(members) if each.first is place.first)
    if len(members) == 1:
        empty: Any = {} if place.parent.shape == "mapping" else []
        return _written(text, Edit("set", edit.number, edit.path[:-1], empty))
    line = text.rfind("\n", 0, place.first.start) + 1
    before = text[line : place.first.start].strip(" ")
    if not place.flow and before == ("-" if place.parent.shape == "sequence" else ""):
        below = text.find("\n", place.end)
        return text[:line] + (text[below + 1 :] if below >= 0 else "")
    if index + 1 < len(members):
        return text[: place.first.start] + text[members[index + 1].first.start :]
    return text[: members[index - 1].end] + text[place.end :]


# ── what is new ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _step(text: str) -> int:
    """How far a mapping is indented below its key."""
    found = _INDENTED.search(text)
    return len(found[1]) if found else 2


def _offset(text: str) -> int:
    """How far the first list below a key is indented."""
    above: str | None = None
    for line in text.splitlines():
        dash, key = _DASH.match(line), _KEY.match(line)
        if dash and above is not None:
            return max(len(dash[1]) - len(above), 0)
        if line.strip() and not line.lstrip().startswith("#"):
            above = key[1] if key else None
    return 2


def _block(text: str, value: Any) -> str:
    """A value from the first column, indented as the text is."""
    return write_block(value, step=_step(text), offset=_offset(text))
