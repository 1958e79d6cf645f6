"""A JSON value that satisfies a JSON Schema, always the same one: the smallest that is easy to recognise.

For the rehearsal model, which must answer in a declared shape and has nothing to say. Covers what structured outputs
allow (types, enums, const, anyOf, references, required properties, items) and the common bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEPTH = 12
"""Levels after which what is optional is left out, so that a schema which contains itself ends."""

_FORMATS = {
    "date-time": "2000-01-01T00:00:00Z",
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "rehearsal@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/",
}


def make_instance(schema: Any, word: str) -> Any:
    """A value of the schema; texts are ``word`` where they may be any."""
    return _Maker(schema, word).make(schema, 0)


class _Maker:
    def __init__(self, root: Any, word: str) -> None:
        self._root = root
        self._word = word

    def make(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return self._word
        if "$ref" in schema:
            return self.make(self._resolve(schema["$ref"]), depth + 1)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                return self.make(self._simplest(schema[union], depth), depth + 1)
        if schema.get("allOf"):
            return self.make({**_merged(schema["allOf"]), **{k: v for k, v in schema.items() if k != "allOf"}}, depth)
        return self._typed(schema, depth)

    def _resolve(self, reference: Any) -> Any:
        found = self._root
        for part in str(reference).removeprefix("#").strip("/").split("/"):
            if not part:
                continue
            found = found.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, Mapping) else {}
        return found

    def _simplest(self, options: list[Any], depth: int) -> Any:
        """The first one; deep down, one that ends."""
        if depth < _DEPTH:
            return options[0]
        flat = [each for each in options if isinstance(each, Mapping) and each.get("type") not in ("object", "array")]
        return next((each for each in flat if "$ref" not in each), options[-1])

    def _typed(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        match kind[0] if isinstance(kind, list) and kind else kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "integer" | "number":
                return _number(schema, whole=kind != "number")
            case "boolean":
                return False
            case "null":
                return None
            case _:
                return self._text(schema)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = schema.get("required", [])
        wanted = {
            name: each for name, each in schema.get("properties", {}).items() if name in required or depth < _DEPTH // 3
        }
        return {name: self.make(each, depth + 1) for name, each in wanted.items()}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        most = schema.get("maxItems", max(least, 1))
        count = least if depth >= _DEPTH // 2 else min(max(least, 1), most)
        return [self.make(schema.get("items", {}), depth + 1) for _ in range(count)]

    def _text(self, schema: Mapping[str, Any]) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        text = self._word
        if len(text) < schema.get("minLength", 0):
            text += "." * (schema["minLength"] - len(text))
        return text[: schema.get("maxLength", len(text))]


def _number(schema: Mapping[str, Any], *, whole: bool) -> int | float:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    step = 1 if whole else 0.5
    number: int | float = 0
    if low is not None and number < low:
        number = low
    if "exclusiveMinimum" in schema and number <= schema["exclusiveMinimum"]:
        number = schema["exclusiveMinimum"] + step
    if high is not None and number > high:
        number = high
    if "exclusiveMaximum" in schema and number >= schema["exclusiveMaximum"]:
        number = schema["exclusiveMaximum"] - step
    multiple = schema.get("multipleOf")
    if multiple:
        number = -(-number // multiple) * multiple
    return int(number) if whole else number


def _merged(schemas: list[Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for each in schemas:
        if isinstance(each, Mapping):
            properties = {**merged.get("properties", {}), **each.get("properties", {})}
            required = [*merged.get("required", []), *each.get("required", [])]
            merged |= {**each, **({"properties": properties} if properties else {}), "required": required}
    return merged
