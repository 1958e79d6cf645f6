"""A fast yes for valid data: a JSON Schema compiled into closures, for the keywords our schemas use.

jsonschema has the last word: what is not accepted here is validated again by it, which then says what is wrong. So a
false no costs time and a false yes would be a bug; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Accepts = Callable[[Any], bool]
Schema = Any

_ANNOTATIONS = frozenset(("$schema", "$id", "$comment", "title", "description", "default", "examples", "then", "else"))


def compiled(schema: Schema) -> Accepts | None:
    """A check that says yes only to valid data, or None when the schema uses a keyword that is not known here."""
    try:
        return _compile(schema)
    except KeyError:
        return None


def _compile(schema: Schema) -> Accepts:
    if isinstance(schema, bool):
        return _anything if schema else _nothing
    checks = [_KEYWORDS[word](schema, schema[word]) for word in schema if word not in _ANNOTATIONS]
    if len(checks) == 1:
        return checks[0]
    return lambda value: all(check(value) for check in checks)


def _anything(_: Any) -> bool:
    return True


def _nothing(_: Any) -> bool:
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_TYPES: dict[str, Accepts] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
}


def _type(_: Schema, names: str | list[str]) -> Accepts:
    if isinstance(names, str):
        return _TYPES[names]
    checks = [_TYPES[name] for name in names]
    return lambda value: any(check(value) for check in checks)


def _enum(_: Schema, values: list[Any]) -> Accepts:
    # Only strings: in JSON 1 is 1.0 and not true, which Python sees otherwise.
    strings = frozenset(each for each in values if isinstance(each, str))
    return lambda value: isinstance(value, str) and value in strings


def _object(schema: Schema, _: Any) -> Accepts:
    """`properties` and `additionalProperties` together, since the one decides what the other sees."""
    known = {name: _compile(each) for name, each in schema.get("properties", {}).items()}
    if "patternProperties" in schema:
        raise KeyError("patternProperties")
    extra = _compile(schema.get("additionalProperties", True))

    def check(value: Any) -> bool:
        return not isinstance(value, dict) or all(known.get(key, extra)(each) for key, each in value.items())

    return check


def _property_names(_: Schema, names: Schema) -> Accepts:
    check = _compile(names)
    return lambda value: not isinstance(value, dict) or all(check(key) for key in value)


def _required(_: Schema, names: list[str]) -> Accepts:
    return lambda value: not isinstance(value, dict) or all(name in value for name in names)


def _items(_: Schema, items: Schema) -> Accepts:
    check = _compile(items)
    return lambda value: not isinstance(value, list) or all(check(each) for each in value)


def _pattern(_: Schema, pattern: str) -> Accepts:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _any_of(_: Schema, branches: list[Schema]) -> Accepts:
    checks = [_compile(each) for each in branches]
    return lambda value: any(check(value) for check in checks)


def _all_of(_: Schema, branches: list[Schema]) -> Accepts:
    checks = [_compile(each) for each in branches]
    return lambda value: all(check(value) for check in checks)


def _not(_: Schema, schema: Schema) -> Accepts:
    # The inner check may say no to valid data, so its denial proves nothing, unless it is exact: a pattern is.
    if set(schema) - {"pattern"}:
        raise KeyError("not")
    check = _compile(schema)
    return lambda value: not check(value)


def _if(schema: Schema, condition: Schema) -> Accepts:
    # As above: the condition must be exact in both directions.
    exact = {"required", "properties"}
    if set(condition) - exact or any(set(each) - {"const"} for each in condition.get("properties", {}).values()):
        raise KeyError("if")
    applies = _compile(condition)
    then, otherwise = _compile(schema.get("then", True)), _compile(schema.get("else", True))
    return lambda value: then(value) if applies(value) else otherwise(value)


def _const(_: Schema, wanted: Any) -> Accepts:
    if not isinstance(wanted, str):
        raise KeyError("const")
    return lambda value: value == wanted


def _limit(measured: type | tuple[type, ...], fits: Callable[[Any, Any], bool]) -> Callable[[Schema, Any], Accepts]:
    def keyword(_: Schema, limit: Any) -> Accepts:
        return lambda value: not isinstance(value, measured) or isinstance(value, bool) or fits(value, limit)

    return keyword


_KEYWORDS: Mapping[str, Callable[[Schema, Any], Accepts]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "properties": _object,
    "additionalProperties": _object,
    "propertyNames": _property_names,
    "required": _required,
    "items": _items,
    "pattern": _pattern,
    "anyOf": _any_of,
    "allOf": _all_of,
    "not": _not,
    "if": _if,
    "minLength": _limit(str, lambda value, limit: len(value) >= limit),
    "maxLength": _limit(str, lambda value, limit: len(value) <= limit),
    "minItems": _limit(list, lambda value, limit: len(value) >= limit),
    "maxItems": _limit(list, lambda value, limit: len(value) <= limit),
    "minProperties": _limit(dict, lambda value, limit: len(value) >= limit),
    "maxProperties": _limit(dict, lambda value, limit: len(value) <= limit),
    "minimum": _limit((int, float), lambda value, limit: value >= limit),
    "maximum": _limit((int, float), lambda value, limit: value <= limit),
}
