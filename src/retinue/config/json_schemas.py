"""JSON Schemas that authors write: read from their files, and checked to be schemas at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from retinue.config.json_text import NotJson, read_json
from retinue.config.mistakes import Mistakes
from retinue.config.nodes import Tree
from retinue.config.reading import Desk, Document, parse
from retinue.config.texts import Source
from retinue.model.declared import Position, Problem
from retinue.model.values import Path

_TYPES = frozenset(("array", "boolean", "integer", "null", "number", "object", "string"))


class JsonSchemas:
    """Loads and checks schemas, each file once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._loaded: dict[str, Document | None] = {}

    def load(self, name: str, asked: Position) -> Document | None:
        """The schema in a file; None, reported, when it is none."""
        if name not in self._loaded:
            self._loaded[name] = self._read(name, asked)
        return self._loaded[name]

    def check(self, schema: Any, tree: Tree, path: Path = ()) -> bool:
        """Whether `schema`, which stands at `path`, is a JSON Schema; what is wrong with it is reported."""
        if _plainly_valid(schema):
            return True
        problems = _problems(schema, path)
        self._desk.mistakes.place(problems, tree)
        return not problems

    def _read(self, name: str, asked: Position) -> Document | None:
        source = self._desk.text(name, asked=asked)
        if source is None:
            return None
        read = self._json if name.lower().endswith(".json") else self._yaml
        document = read(source, asked)
        if document is None:
            return None
        if not isinstance(document.data, dict):
            message = "a JSON Schema is expected in this file, as a mapping"
            self._desk.mistakes.error("bad-json-schema", message, document.tree.at(()), "start it with 'type: object'")
            return None
        return document if self.check(document.data, document.tree) else None

    def _yaml(self, source: Source, asked: Position) -> Document | None:
        before = len(self._desk.mistakes.diagnostics)
        documents, complete = parse(source, self._desk.mistakes)
        if len(self._desk.mistakes.diagnostics) > before or not complete:
            return None
        if len(documents) != 1:
            message = f"one document is expected in '{source.name}', it has {len(documents)}"
            self._desk.mistakes.error("bad-json-schema", message, asked, "write the schema into it")
            return None
        return documents[0]

    def _json(self, source: Source, asked: Position) -> Document | None:
        mistakes = self._desk.mistakes
        try:
            return read_json_document(source)
        except NotJson as found:
            place, related = source.position(found.offset), (("named here", asked),)
            mistakes.error("bad-json", found.message, place, found.hint, related=related)
            return None


def read_json_document(source: Source) -> Document:
    """A JSON text with its places. Raises NotJson."""
    return Document(read_json(source), _places(source))


def _places(source: Source) -> Tree:
    """Where everything in a JSON text stands. JSON is YAML but for details, so YAML's nodes serve; the top if not."""
    from retinue.config.compose import compose
    from retinue.config.nodes import Node

    nodes, _ = compose(source, Mistakes())
    return Tree(nodes[0] if nodes else Node("mapping", source, 0, 0))


# ── is it a schema? ───────────────────────────────────────────────────────────────────────────────────────────────────


def _problems(schema: Any, path: Path) -> list[Problem]:
    """What the meta-schema of Draft 2020-12 has against it."""
    from jsonschema import Draft202012Validator

    from retinue.config.wording import Wording

    wording = Wording("the schema", lambda _: None)
    meta = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    try:
        found = [problem for error in meta.iter_errors(schema) for problem in wording.problems(error)]
    except RecursionError:
        return [Problem("too-deep", path, "the schema is nested too deep to check", "flatten it")]
    return [
        Problem("bad-json-schema", (*path, *each.path), f"not a JSON Schema: {each.message}", each.hint, key=each.key)
        for each in dict.fromkeys(found)
    ]


def _plainly_valid(schema: Any) -> bool:
    """A fast yes for schemas of common keywords with values of the right shape; anything else goes to jsonschema."""
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, dict):
        return False
    return all(word in _SHAPES and _SHAPES[word](value) for word, value in schema.items())


def _is_anything(_: Any) -> bool:
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value) and len(set(value)) == len(value)


def _is_type(value: Any) -> bool:
    return value in _TYPES if isinstance(value, str) else bool(value) and _is_names(value) and set(value) <= _TYPES


def _is_schemas(value: Any) -> bool:
    return isinstance(value, dict) and all(_plainly_valid(each) for each in value.values())


def _is_some_schemas(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_plainly_valid(each) for each in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_SHAPES: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("title", "description", "format", "pattern"), _is_text),
    **dict.fromkeys(("properties", "$defs"), _is_schemas),
    **dict.fromkeys(("items", "additionalProperties", "not", "propertyNames"), _plainly_valid),
    **dict.fromkeys(("anyOf", "oneOf", "allOf"), _is_some_schemas),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count),
    "type": _is_type,
    "required": _is_names,
    "enum": lambda value: isinstance(value, list),
    "const": _is_anything,
    "default": _is_anything,
}
