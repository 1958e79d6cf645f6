"""Which JSON Schemas the API takes with `strict: true`. Source: DOC guides/structured-outputs, supported schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinue.model.declared import Problem
from retinue.model.values import Path

COMPOSITION = ("allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else")
DEEPEST = 10
MOST_PROPERTIES = 5_000


def strict_problems(schema: Mapping[str, Any], where: Path) -> Iterable[Problem]:
    """Everything in `schema` that strict mode refuses. `where` is the path of the schema itself."""
    if schema.get("type") != "object" or "anyOf" in schema:
        yield _problem(
            where, "a strict schema must be an object at its top, and not an anyOf", "wrap it into an object"
        )
    yield from _walk(schema, where, depth=0)
    total = _count_properties(schema)
    if total > MOST_PROPERTIES:
        yield _problem(where, f"a strict schema may have {MOST_PROPERTIES:,} properties, this one has {total:,}", None)


def strict_function_problems(function: Mapping[str, Any], where: Path) -> Iterable[Problem]:
    """The same for the parameters of a function, which stand at `where`, if it is a strict one."""
    if function.get("strict"):
        yield from strict_problems(
            function.get("parameters") or {"type": "object", "additionalProperties": False}, where
        )


def _problem(where: Path, message: str, hint: str | None) -> Problem:
    return Problem("strict-schema", where, message, hint)


def _walk(schema: Any, where: Path, depth: int) -> Iterable[Problem]:
    if not isinstance(schema, Mapping):
        return
    if depth > DEEPEST:
        yield _problem(where, f"a strict schema may nest objects {DEEPEST} levels deep", "flatten it")
        return
    for word in COMPOSITION:
        if word in schema:
            yield _problem((*where, word), f"strict mode does not take '{word}'", "use anyOf, or set strict: false")
    if _is_object(schema):
        yield from _check_object(schema, where)
    for name, each in (schema.get("properties") or {}).items():
        yield from _walk(each, (*where, "properties", name), depth + 1)
    for definitions in ("$defs", "definitions"):
        for name, each in (schema.get(definitions) or {}).items():
            yield from _walk(each, (*where, definitions, name), 0)
    if "items" in schema:
        yield from _walk(schema["items"], (*where, "items"), depth)
    for index, each in enumerate(schema.get("anyOf") or ()):
        yield from _walk(each, (*where, "anyOf", index), depth)


def _is_object(schema: Mapping[str, Any]) -> bool:
    types = schema.get("type")
    return types == "object" or (isinstance(types, list) and "object" in types) or "properties" in schema


def _check_object(schema: Mapping[str, Any], where: Path) -> Iterable[Problem]:
    if schema.get("additionalProperties") is not False:
        yield _problem(
            where, "strict mode needs additionalProperties: false on every object", "add additionalProperties: false"
        )
    required = schema.get("required") or ()
    missing = [name for name in schema.get("properties") or () if name not in required]
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        yield _problem(
            where,
            f"strict mode needs every property in 'required'; missing: {names}",
            "add them, and make optional ones nullable: type: [string, 'null']",
        )


def _count_properties(schema: Any) -> int:
    if isinstance(schema, Mapping):
        own = len(schema["properties"]) if isinstance(schema.get("properties"), Mapping) else 0
        return own + sum(_count_properties(each) for each in schema.values())
    if isinstance(schema, list):
        return sum(_count_properties(each) for each in schema)
    return 0
