"""The JSON Schemas that authors write, in declarations or in files of their own: checked, and put into one.

The API resolves no references to files, so what a schema refers to in the project is bundled into its `$defs`, parts of
OpenAPI documents likewise. A reference that leads nowhere, or to another host, is a mistake.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from retinue.config.problems import RefusedError
from retinue.config.schema.validator import schema_problems
from retinue.config.yaml.constructor import Document
from retinue.config.yaml.parser import FileReader, parse_file
from retinue.config.yaml.syntax_tree import Tree
from retinue.model.declared import Position, Problem
from retinue.model.values import Path

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_DEFINITIONS = "$defs"
# Where OpenAPI keeps schemas; a schema that is sent alone has no such place.
_COMPONENTS = "components"
_ONE = (
    "additionalItems additionalProperties contains contentSchema else if items not propertyNames then unevaluatedItems "
    "unevaluatedProperties"
)
_SCHEMA_AT = frozenset(_ONE.split())
_SCHEMAS_IN = frozenset(("allOf", "anyOf", "items", "oneOf", "prefixItems"))
_SCHEMAS_BY_NAME = frozenset(
    (_DEFINITIONS, "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties")
)
# Written otherwise since draft 6, and draft 2019-09.
_OLD_WORDS = {"id": "$id", "definitions": _DEFINITIONS}
_OF_DOCUMENTS = ("$schema", "$id", "id")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


def parts(schema: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The schemas right inside of one, each with its path."""
    for word, value in schema.items():
        if word in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
            yield from (((word, name), each) for name, each in value.items())
        elif word in _SCHEMAS_IN and isinstance(value, list):
            yield from (((word, index), each) for index, each in enumerate(value))
        elif word in _SCHEMA_AT:
            yield (word,), value


@dataclass(frozen=True, slots=True)
class _Source:
    """A document that schemas stand in. `top` is where its root is in the tree."""

    name: str
    data: Any
    tree: Tree
    top: Path = ()

    def at(self, path: Path) -> Position:
        return self.tree.at((*self.top, *path))


class JsonSchemas:
    """Reads schemas, each file once."""

    def __init__(self, reader: FileReader) -> None:
        self._reader = reader
        self._read: dict[str, Document | None] = {}
        self._loaded: dict[str, Document | None] = {}

    def load(self, name: str, asked: Position) -> Document | None:
        """The schema in a file, with all that it refers to; None, reported, when it is none."""
        if name not in self._loaded:
            document = self.document(name, asked)
            self._loaded[name] = self._checked(_Source(name, document.data, document.tree)) if document else None
        return self._loaded[name]

    def inline(self, schema: Mapping[str, Any], tree: Tree, path: Path) -> Any:
        """The schema that stands at `path` of a declaration, with all that it refers to; None, reported, when it is
        none."""
        document = self._checked(_Source(tree.source(path).name, schema, tree, path))
        return document.data if document else None

    def document(self, name: str, asked: Position) -> Document | None:
        """What is in a file, nothing in it checked."""
        if name not in self._read:
            self._read[name] = self._parsed(name, asked)
        return self._read[name]

    def _checked(self, source: _Source) -> Document | None:
        bundle = _Bundle(self._reader, self, source)
        bundled = bundle.schema()
        node = source.tree.node(())
        # What is put into the schema of one file is not put into the file.
        tree = Tree(node) if node is not None and not source.top else source.tree
        for name, (place, at) in bundle.origins.items():
            tree.graft((*source.top, _DEFINITIONS, name), _Below(place, at))
        problems = schema_problems(bundled, source.top)
        old = [each for each in problems if _is_switch(bundled, each, source)]
        for each in old:  # written as of draft 4, and taken by the API all the same
            name = str(each.path[-1])
            bound = name.removeprefix("exclusive").lower()
            message = f"this is JSON Schema of draft 4: '{name}' is a number now, in the place of '{bound}'"
            self._warn(message, tree.at(each.path))
        if len(old) < len(problems):
            self._reader.diagnostics.place((each for each in problems if each not in old), tree)
            return None
        self._warn_of_old_words(bundled, tree, source.top)
        return Document(bundled, tree) if bundle.sound else None

    def _warn_of_old_words(self, schema: Any, tree: Tree, top: Path) -> None:
        old = [word for word in _OLD_WORDS if isinstance(schema, Mapping) and word in schema]
        if old:
            now = " and ".join(f"'{word}' is '{_OLD_WORDS[word]}' now" for word in old)
            self._warn(f"this is JSON Schema of an older draft: {now}", tree.at((*top, old[0]), key=True))

    def _warn(self, message: str, position: Position) -> None:
        hint = "write it as draft 2020-12 does, since others may not take it"
        self._reader.diagnostics.warning("old-json-schema", message, position, hint)

    def _parsed(self, name: str, asked: Position) -> Document | None:
        source = self._reader.text(name, asked=asked)
        if source is None:
            return None
        before = len(self._reader.diagnostics.all)
        documents, complete = parse_file(source, self._reader.diagnostics, asked=asked)
        if len(self._reader.diagnostics.all) > before or not complete:
            return None
        if len(documents) != 1:
            message = f"one document is expected in '{source.name}', it has {len(documents)}"
            self._reader.diagnostics.error("bad-json-schema", message, asked, "write the schema into it")
            return None
        document = documents[0]
        if not isinstance(document.data, dict):
            message = "a JSON Schema is expected in this file, as a mapping"
            hint = "start it with 'type: object'"
            self._reader.diagnostics.error("bad-json-schema", message, document.tree.at(()), hint)
            return None
        return document


@dataclass(frozen=True, slots=True)
class _Below:
    """The places below a path of a document."""

    source: _Source
    path: Path

    def at(self, path: Path, *, key: bool = False) -> Position:
        return self.source.tree.at((*self.source.top, *self.path, *path), key=key)


@dataclass(slots=True)
class _Bundle:
    """One schema, and the definitions that are added to it. `origins` says where each of those was written."""

    reader: FileReader
    schemas: JsonSchemas
    root: _Source
    sound: bool = True
    origins: dict[str, tuple[_Source, Path]] = field(default_factory=dict)
    _names: dict[tuple[str, Path], str] = field(default_factory=dict)
    _waiting: deque[tuple[str, _Source, Path]] = field(default_factory=deque)

    def schema(self) -> Any:
        bundled = self._rewritten(self.root.data, self.root, ())
        defined: dict[str, Any] = {}
        while self._waiting:
            name, source, path = self._waiting.popleft()
            value = _value_at(source.data, path)
            defined[name] = self._rewritten(value, source, path)
            if not path:
                defined[name] = {key: each for key, each in defined[name].items() if key not in _OF_DOCUMENTS}
        if not defined:
            return bundled
        if any(source is self.root and path[:1] == (_COMPONENTS,) for source, path in self.origins.values()):
            bundled = {key: each for key, each in bundled.items() if key != _COMPONENTS}
        return {**bundled, _DEFINITIONS: {**bundled.get(_DEFINITIONS, {}), **defined}}

    def _rewritten(self, schema: Any, source: _Source, path: Path) -> Any:
        """A copy of a schema, which stands at `path` of a document, with its references as they are in the bundle."""
        if not isinstance(schema, dict):
            return schema
        copy = dict(schema)
        for word in _REFERENCES:
            if isinstance(schema.get(word), str):
                copy[word] = self._reference(schema[word], source, (*path, word))
        for inner, each in parts(schema):
            if isinstance(each, dict):
                holder = copy
                for step in inner[:-1]:
                    # Whatever holds the parts is copied before one of them is replaced.
                    if holder[step] is schema[step]:
                        holder[step] = schema[step].copy()
                    holder = holder[step]
                holder[inner[-1]] = self._rewritten(each, source, (*path, *inner))
        return copy

    def _reference(self, written: str, source: _Source, path: Path) -> str:
        """What a reference is in the bundle; itself, reported, when it leads nowhere."""
        asked, (named, _, fragment) = source.at(path), written.partition("#")
        if "://" in named or named.startswith("urn:"):
            if source is self.root and named in _ids(source.data):
                return written
            message = f"'{written}' is not in the project, and nothing is fetched"
            hint = "save it into the project, and refer to the file"
            self._refuse(RefusedError("dangling-reference", message, hint), asked)
            return written
        if named:
            found = self._file(unquote(named), asked)
            if found is None:
                return written
            source = self.root if found.name == self.root.name and not self.root.top else found
        target = _pointed(source.data, unquote(fragment))
        if target is None:
            where = f"'{source.name}'" if named or source is not self.root else "this schema"
            self._refuse(RefusedError("dangling-reference", f"there is no '#{fragment}' in {where}"), asked)
        elif not isinstance(_value_at(source.data, target), dict | bool):
            self._refuse(RefusedError("dangling-reference", f"what '{written}' leads to is no schema"), asked)
        elif source is self.root and target[:1] != (_COMPONENTS,):
            return f"#{fragment}"
        else:
            return f"#/{_DEFINITIONS}/{self._defined(source, target)}"
        return written

    def _file(self, named: str, asked: Position) -> _Source | None:
        try:
            name = self.reader.folder.file(posixpath.dirname(asked.file), named)
        except RefusedError as refused:
            self._refuse(refused, asked)
            return None
        document = self.schemas.document(name, asked)
        self.sound &= document is not None
        return _Source(name, document.data, document.tree) if document else None

    def _defined(self, source: _Source, target: Path) -> str:
        """The name of a definition for what stands at a path of a document."""
        key = (source.name if source is not self.root else "", target)
        if key not in self._names:
            wanted = str(target[-1]) if target else posixpath.basename(source.name).partition(".")[0]
            wanted = _NOT_IN_A_NAME.sub("_", wanted) or "schema"
            own = self.root.data.get(_DEFINITIONS)
            taken = {*self.origins, *(own if isinstance(own, dict) else ())}
            name, number = wanted, 1
            while name in taken:
                number += 1
                name = f"{wanted}_{number}"
            self._names[key] = name
            self.origins[name] = (source, target)
            self._waiting.append((name, source, target))
        return self._names[key]

    def _refuse(self, refused: RefusedError, asked: Position) -> None:
        self.sound = False
        hint = refused.hint or "correct it, or write the schema there"
        self.reader.diagnostics.error(refused.code, refused.message, asked, hint)


def _is_switch(schema: Any, problem: Problem, source: _Source) -> bool:
    """Whether the problem is about a value of draft 4, where it says how another one is meant."""
    path = problem.path[len(source.top) :]
    return path[-1:] in (("exclusiveMinimum",), ("exclusiveMaximum",)) and isinstance(_value_at(schema, path), bool)


def _ids(schema: Any) -> Iterator[str]:
    """The identifiers of a schema and of those in it."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            yield from (value[word].removesuffix("#") for word in ("$id", "id") if isinstance(value.get(word), str))
            waiting += (each for _, each in parts(value))


def _pointed(data: Any, fragment: str) -> Path | None:
    """The path that a fragment stands for: a JSON pointer, or an anchor; None when there is nothing."""
    if not fragment:
        return ()
    if not fragment.startswith("/"):
        return next(_anchored(data, fragment), None)
    value, path = data, list[str | int]()
    for token in fragment[1:].split("/"):
        step: str | int = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and str(step).isdecimal() and int(step) < len(value):
            step = int(step)
        elif not (isinstance(value, dict) and step in value):
            return None
        value = value[step]
        path.append(step)
    return tuple(path)


def _anchored(data: Any, anchor: str) -> Iterator[Path]:
    waiting: list[tuple[Path, Any]] = [((), data)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            if anchor in (value.get("$anchor"), value.get("$dynamicAnchor")) or f"#{anchor}" in (
                value.get("$id"),
                value.get("id"),
            ):
                yield path
            waiting += (((*path, *inner), each) for inner, each in parts(value))


def _value_at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data
