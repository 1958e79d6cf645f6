"""The one rule by which what is said in one place is laid over what is said in another.

Maps merge key by key. Null takes out. Lists whose entries have an identity add up, and an entry of the same identity
merges its options; such a list may be written as a map from identity to options or null, where `"*": null` takes out
all there were. All else replaces.

Data and nodes are merged together, so that every part keeps the place it was written at. What is not changed is shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from retinue.config.interpolation import only_expression
from retinue.config.problems import Diagnostics, did_you_mean, listed
from retinue.config.yaml.syntax_tree import Node
from retinue.kinds.kind import Keyed, Kind
from retinue.model.paths import fits, matches
from retinue.model.values import Path

EVERYTHING = "*"
"""In the map form of a list: all entries that there were."""


class Part(NamedTuple):
    """A value, and the node it was made of."""

    data: Any
    node: Node


Nulls = Literal["refused", "dropped", "kept"]
"""What becomes of a null that stands over nothing: it is a mistake; nothing, since who writes a template does not know
what it is laid over; or a value that others judge, where nothing was below from the outset."""


class Merger:
    """Layers of one kind."""

    def __init__(self, kind: Kind, diagnostics: Diagnostics, *, nulls: Nulls = "refused") -> None:
        self._kind = kind
        self._diagnostics = diagnostics
        self._nulls = nulls

    def merged(self, base: Part | None, over: Part) -> Part:
        """What is below with what is laid over it; without anything below, what is laid over alone."""
        return self._merge(base, over, ())

    def has_maps(self, data: Any) -> bool:
        """Whether a list with identity is written as a map somewhere in a declaration."""
        return any(isinstance(value, dict) for each in self._kind.keyed for _, value in matches(data, each.pattern))

    def _merge(self, base: Part | None, over: Part, path: Path) -> Part:
        keyed = next((each for each in self._kind.keyed if fits(path, each.pattern)), None)
        if keyed is not None and base is not None:
            base, over = _as_list(base), _as_list(over)
        if keyed is not None and isinstance(over.data, list):
            return self._added(keyed, base, over, path)
        if not isinstance(over.data, dict):
            return over
        if keyed is not None:
            return self._entries(keyed, base, over, path)
        if base is None or not isinstance(base.data, dict) or self._is_other(base.data, over.data, path):
            base = Part({}, Node("mapping", over.node.source, over.node.start, over.node.end))
        return self._mapping(base, over, path)

    # ── maps ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _mapping(self, base: Part, over: Part, path: Path) -> Part:
        data: dict[str, Any] = {}
        node = Node("mapping", base.node.source, base.node.start, base.node.end)
        for name in (*base.data, *(each for each in over.data if each not in base.data)):
            before, after = _member(base, name), _member(over, name)
            if after is None:
                assert before is not None  # noqa: S101 - the name is of one of the two
                key, part = before
            elif after[1].data is not None:
                part = self._merge(before[1] if before else None, after[1], (*path, name))
                key = before[0] if before and part.node is not after[1].node else after[0]
            elif before is None and (self._nulls == "kept" or self._is_value((*path, name))):
                key, part = after
            else:
                if before is None and self._nulls == "refused":
                    self._refuse_removal(name, after[0], base.data)
                continue
            data[name] = part.data
            node.add(key, part.node)
        return Part(data, node)

    def _is_value(self, path: Path) -> bool:
        """Whether null may stand at a path, or nothing is known of it, as inside of a JSON Schema."""
        known = list(_schemas_at(self._kind.schema, path))
        return any(_takes_null(each) for each in known) if known else len(path) > 1

    def _is_other(self, base: Mapping[str, Any], over: Mapping[str, Any], path: Path) -> bool:
        """Whether the two are no versions of one thing, so that mixing their keys would make nonsense of both."""
        if any("file" in each for each in (base, over)):
            return any(fits(path, each.pattern) for each in self._kind.inclusions if each.form != "files")
        if "type" not in base or "type" not in over or base["type"] == over["type"]:
            return False
        return any("type" in each.get("properties", {}) for each in _schemas_at(self._kind.schema, path))

    def _refuse_removal(self, name: str, key: Node, known: Iterable[str]) -> None:
        written = list(known)
        otherwise = f"written there: {listed(written)}" if written else "leave it out"
        hint = did_you_mean(name, written, otherwise=otherwise)
        message = f"there is no '{name}' to remove"
        self._diagnostics.error("nothing-to-remove", message, key.position, hint)

    # ── lists with identity ───────────────────────────────────────────────────────────────────────────────────────────

    def _added(self, keyed: Keyed, base: Part | None, over: Part, path: Path) -> Part:
        """A list and another one. What stands twice in one of them is left for others to refuse."""
        if base is None or not isinstance(base.data, list):
            return over
        entries = _entries_of(base)
        places = {keyed.key(each.data): index for index, each in reversed(list(enumerate(entries)))}
        places.pop(None, None)
        for each in _entries_of(over):
            name = keyed.key(each.data)
            place = places.pop(name, None)
            if place is None:
                entries.append(each)
            else:
                entries[place] = self._same(keyed, str(name), entries[place], each, (*path, place))
        return _list_of(base.node, entries)

    def _same(self, keyed: Keyed, name: str, entry: Part, over: Part, path: Path) -> Part:
        """Two entries of one identity: the options of the latter over those of the former. A short form has none."""
        way = keyed.options(name)
        before, after = _at(entry, way), _at(over, way)
        if isinstance(over.data, str) or (after is not None and after.data is None):
            return entry
        if before is None or after is None or not (isinstance(before.data, dict) and isinstance(after.data, dict)):
            return over
        return _with(entry, way, self._mapping(before, after, (*path, *way)))

    def _entries(self, keyed: Keyed, base: Part | None, over: Part, path: Path) -> Part:
        written = base if base is not None and isinstance(base.data, list) else Part([], over.node)
        entries = _entries_of(written)
        if over.data.get(EVERYTHING, ...) is None:
            entries = []
        names = [keyed.key(each.data) for each in entries]
        for name in over.data:
            key, part = _member(over, name) or (over.node, over)
            place = names.index(name) if name in names else None
            if part.data is None:
                if name == EVERYTHING:
                    continue
                if place is not None:
                    del entries[place], names[place]
                elif self._nulls != "dropped":
                    self._refuse_removal(name, key, [each for each in names if each])
            elif not isinstance(part.data, dict):
                message = f"'{name}' must be a mapping of options, or null"
                hint = "write {} where it needs none; or a list instead of the map"
                self._diagnostics.error("wrong-type", message, part.node.position, hint)
            elif place is None:
                entries.append(self._entry(keyed, name, key, part, (*path, len(entries))))
                names.append(name)
            elif part.data:
                entries[place] = self._changed(keyed, name, entries[place], part, (*path, place))
        return _list_of(written.node, entries)

    def _changed(self, keyed: Keyed, name: str, entry: Part, over: Part, path: Path) -> Part:
        """An entry of the base with other options; a short form has nothing but its name, which stays where it is."""
        way = keyed.options(name)
        options = _at(entry, way)
        if options is None or not isinstance(options.data, dict):
            return self._entry(keyed, name, entry.node, over, path)
        return _with(entry, way, self._mapping(options, over, (*path, *way)))

    def _entry(self, keyed: Keyed, name: str, key: Node, over: Part, path: Path) -> Part:
        """An entry that the base does not have."""
        nothing = Part({}, Node("mapping", over.node.source, over.node.start, over.node.end))
        options = self._mapping(nothing, over, (*path, *keyed.options(name)))
        data = keyed.entry(name, options.data)
        return Part(data, _mirrored(data, options, key))


def _entries_of(part: Part) -> list[Part]:
    return [Part(*each) for each in zip(part.data, part.node.entries, strict=False)]


def _as_list(part: Part) -> Part:
    """What stands for a list that is known only later is one entry of a list, which becomes so many."""
    if not isinstance(part.data, str) or only_expression(part.data) is None:
        return part
    return _list_of(part.node, [part])


def _list_of(written: Node, entries: Iterable[Part]) -> Part:
    those = list(entries)
    node = Node("sequence", written.source, written.start, written.end)
    node.add(*(each.node for each in those))
    return Part([each.data for each in those], node)


def _member(part: Part, name: str) -> tuple[Node, Part] | None:
    found = part.node.pair(name) if name in part.data else None
    return (found[0], Part(part.data[name], found[1])) if found else None


def _at(part: Part, path: Path) -> Part | None:
    for step in path:
        found = _member(part, str(step)) if isinstance(part.data, dict) else None
        if found is None:
            return None
        part = found[1]
    return part


def _with(part: Part, path: Path, new: Part) -> Part:
    """A copy of `part` with `new` at `path`, which is there."""
    if not path:
        return new
    node = Node("mapping", part.node.source, part.node.start, part.node.end)
    data: dict[str, Any] = {}
    for name in part.data:
        key, inner = _member(part, name) or (part.node, part)
        changed = _with(inner, path[1:], new) if name == path[0] else inner
        data[name] = changed.data
        node.add(key, changed.node)
    return Part(data, node)


def _mirrored(data: Any, options: Part, key: Node) -> Node:
    """Nodes for an entry that was made of options: those are where they were written, all else is at their key."""
    if data is options.data:
        return options.node
    if not isinstance(data, dict):
        node = Node("scalar", key.source, key.start, key.end)
        node.text = str(data)
        return node
    node = Node("mapping", key.source, key.start, key.end)
    for name, value in data.items():
        found = options.node.pair(name) if name in options.data and options.data[name] is value else None
        named = Node("scalar", key.source, key.start, key.end)
        named.text = name
        node.add(*(found or (named, _mirrored(value, options, key))))
    return node


def _schemas_at(schema: Any, path: Path) -> Iterator[Mapping[str, Any]]:
    """The schemas that a value at `path` may have to fit."""
    if not isinstance(schema, Mapping):
        return
    for each in schema.get("anyOf", ()):
        yield from _schemas_at(each, path)
    if not path:
        yield schema
    elif isinstance(path[0], int):
        yield from _schemas_at(schema.get("items"), path[1:])
    else:
        named = schema.get("properties", {}).get(path[0], schema.get("additionalProperties"))
        yield from _schemas_at(named, path[1:])


def _takes_null(schema: Mapping[str, Any]) -> bool:
    types = schema.get("type", ())
    return "null" in types if not isinstance(types, str) else types == "null"
