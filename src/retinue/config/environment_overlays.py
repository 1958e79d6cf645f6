"""What an environment changes: its overlay files, and overlays laid over declarations.

Data and nodes are merged together, so that every part keeps the place it was written at.

Maps merge key by key, null removes a key, and everything else replaces. A list whose entries have an identity may be
written as a map from identity to options, and then merges like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from retinue.config.problems import Diagnostics, did_you_mean, listed
from retinue.config.project_files import Folder
from retinue.config.yaml.syntax_tree import Node
from retinue.kinds.kind import Keyed, Kind
from retinue.model.paths import fits
from retinue.model.values import Path


class Part(NamedTuple):
    """A value, and the node it was made of."""

    data: Any
    node: Node


class Merger:
    """Overlays of one kind."""

    def __init__(self, kind: Kind, diagnostics: Diagnostics) -> None:
        self._kind = kind
        self._diagnostics = diagnostics

    def merged(self, base: Part | None, over: Part) -> Part:
        """The declaration with its overlay; without a base, what the overlay says alone."""
        return self._merge(base, over, ())

    def _merge(self, base: Part | None, over: Part, path: Path) -> Part:
        if not isinstance(over.data, dict):
            return over
        keyed = next((each for each in self._kind.keyed if fits(path, each.pattern)), None)
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
            elif after[1].data is None:
                if before is None:
                    self._refuse_removal(name, after[0], base.data)
                continue
            else:
                part = self._merge(before[1] if before else None, after[1], (*path, name))
                key = before[0] if before and part.node is not after[1].node else after[0]
            data[name] = part.data
            node.add(key, part.node)
        return Part(data, node)

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

    def _entries(self, keyed: Keyed, base: Part | None, over: Part, path: Path) -> Part:
        written = base if base is not None and isinstance(base.data, list) else Part([], over.node)
        entries = [Part(*each) for each in zip(written.data, written.node.entries, strict=False)]
        names = [keyed.key(each.data) for each in entries]
        for name in over.data:
            key, part = _member(over, name) or (over.node, over)
            place = names.index(name) if name in names else None
            if part.data is None:
                if place is None:
                    self._refuse_removal(name, key, [each for each in names if each])
                else:
                    del entries[place], names[place]
            elif not isinstance(part.data, dict):
                message, hint = f"'{name}' must be a mapping of options, or null", "write {} where it needs none"
                self._diagnostics.error("wrong-type", message, part.node.position, hint)
            elif place is None:
                entries.append(self._entry(keyed, name, key, part, (*path, len(entries))))
                names.append(name)
            elif part.data:
                entries[place] = self._changed(keyed, name, entries[place], part, (*path, place))
        node = Node("sequence", written.node.source, written.node.start, written.node.end)
        node.add(*(each.node for each in entries))
        return Part([each.data for each in entries], node)

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


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


DIRECTORY = "environments"


_FILE = re.compile(rf"{DIRECTORY}/(?P<name>[^/]+)\.ya?ml")


def environment_of(file: str) -> str | None:
    """The environment whose overlay a file of the project is; None for any other file."""
    found = _FILE.fullmatch(file)
    return found["name"] if found else None


def overlay_files(folder: Folder) -> dict[str, list[str]]:
    """The overlay files by environment."""
    found: dict[str, list[str]] = {}
    for name in folder.names(DIRECTORY):
        file = f"{DIRECTORY}/{name}"
        environment = environment_of(file)
        if environment is not None:
            found.setdefault(environment, []).append(file)
    return found
