"""A small vocabulary for describing a request body: checks that accept a value or raise the API's own refusal.

A check takes the value and its path in the request (``tools[0].function.name``) and returns the value to keep. Checks
know nothing of any one endpoint; the modules of the endpoints are written in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from retinue.emulator.server.api_errors import (
    invalid,
    missing_parameter,
    unknown_parameter,
    unsupported_value,
    wrong_type,
)

Check: TypeAlias = Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a record: how it is checked, and whether the request must have it."""

    check: Check
    required: bool = False


def record(fields: Mapping[str, Field | Check]) -> Check:
    """An object of exactly these members; the result has those that were sent.

    Closed is the rule: the published description says ``additionalProperties: false`` for every request body.
    """
    known = {name: each if isinstance(each, Field) else Field(each) for name, each in fields.items()}

    def check(value: Any, at: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise wrong_type(at or "body", "an object", value)
        prefix = f"{at}." if at else ""
        for name in value:
            if name not in known:
                raise unknown_parameter(f"{prefix}{name}")
        for name, each in known.items():
            if each.required and name not in value:
                raise missing_parameter(f"{prefix}{name}")
        return {name: each.check(value[name], f"{prefix}{name}") for name, each in known.items() if name in value}

    return check


def nullable(inner: Check) -> Check:
    return lambda value, at: None if value is None else inner(value, at)


def text(*, maximum: int | None = None, minimum: int = 0, pattern: str | None = None) -> Check:
    def check(value: Any, at: str) -> str:
        if not isinstance(value, str):
            raise wrong_type(at, "a string", value)
        if maximum is not None and len(value) > maximum:
            raise invalid(
                f"Invalid '{at}': string too long. Expected a string with maximum length {maximum}, "
                f"but got a string with length {len(value)} instead.",
                at,
                "string_above_max_length",
            )
        if len(value) < minimum:
            raise invalid(
                f"Invalid '{at}': empty string. Expected a string with minimum length {minimum}, "
                "but got an empty string instead.",
                at,
                "empty_string",
            )
        if pattern is not None and not re.fullmatch(pattern, value):
            raise invalid(
                f"Invalid '{at}': string does not match pattern. "
                f"Expected a string that matches the pattern '^{pattern}$'.",
                at,
                "invalid_value",
            )
        return value

    return check


def _require_at_most(maximum: int | None, members: Mapping[str, Any], at: str) -> None:
    if maximum is not None and len(members) > maximum:
        raise invalid(
            f"Invalid '{at}': too many properties. Expected an object with at most {maximum} properties, "
            f"but got an object with {len(members)} properties instead.",
            at,
            "object_above_max_properties",
        )


def string_map(*, maximum: int | None = None, key_maximum: int | None = None) -> Check:
    """An object whose members are all strings."""
    check_value, check_key = text(), text(minimum=1, maximum=key_maximum)

    def check(value: Any, at: str) -> dict[str, str]:
        members = any_object(value, at)
        _require_at_most(maximum, members, at)
        return {check_key(key, at): check_value(each, f"{at}.{key}") for key, each in members.items()}

    return check


def integer(minimum: int | None = None, maximum: int | None = None) -> Check:
    def check(value: Any, at: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(at, "an integer", value)
        _bounded(value, at, "integer", minimum, maximum)
        return value

    return check


def number(minimum: float | None = None, maximum: float | None = None) -> Check:
    """A number, kept as a float: ``1`` comes back as ``1.0`` (recorded for temperature and top_p)."""

    def check(value: Any, at: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(at, "a decimal", value)
        _bounded(value, at, "decimal", minimum, maximum)
        return float(value)

    return check


def _bounded(value: float, at: str, kind: str, minimum: float | None, maximum: float | None) -> None:
    if minimum is not None and not value >= minimum:
        message = f"{kind} below minimum value. Expected a value >= {minimum}, but got {value} instead."
        raise invalid(f"Invalid '{at}': {message}", at, f"{kind}_below_min_value")
    if maximum is not None and not value <= maximum:
        message = f"{kind} above maximum value. Expected a value <= {maximum}, but got {value} instead."
        raise invalid(f"Invalid '{at}': {message}", at, f"{kind}_above_max_value")


_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")


def hostname(value: Any, at: str) -> str:
    """An exact host in lower case: no scheme, port, path or wildcard."""
    name: str = text()(value, at)
    if not _HOST.fullmatch(name):
        raise invalid(f"Invalid '{at}': '{name}' is not a host name.", at, "invalid_value")
    return name.lower()


def boolean(value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise wrong_type(at, "a boolean", value)
    return value


def choice(*supported: str) -> Check:
    def check(value: Any, at: str) -> str:
        if not isinstance(value, str):
            raise wrong_type(at, f"one of {', '.join(repr(each) for each in supported)}", value)
        if value not in supported:
            raise unsupported_value(at, value, supported)
        return value

    return check


def array(item: Check, *, maximum: int | None = None, minimum: int = 0) -> Check:
    def check(value: Any, at: str) -> list[Any]:
        if not isinstance(value, list):
            raise wrong_type(at, "an array", value)
        if maximum is not None and len(value) > maximum:
            raise invalid(
                f"Invalid '{at}': array too long. Expected an array with maximum length {maximum}, "
                f"but got an array with length {len(value)} instead.",
                at,
                "array_above_max_length",
            )
        if len(value) < minimum:
            raise invalid(
                f"Invalid '{at}': empty array. Expected an array with minimum length {minimum}, "
                "but got an empty array instead.",
                at,
                "empty_array",
            )
        return [item(each, f"{at}[{index}]") for index, each in enumerate(value)]

    return check


def anything(value: Any, _at: str) -> Any:
    return value


TYPE = Field(anything, required=True)
"""The member ``type`` of a variant, which has checked it already."""


def any_object(value: Any, at: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong_type(at, "an object", value)
    return value


def variant(kinds: Mapping[str, Check], *, key: str = "type") -> Check:
    """An object whose member ``type`` says which of the checks describes it."""

    def check(value: Any, at: str) -> Any:
        where = f"{at}.{key}" if at else key
        if key not in any_object(value, at):
            raise missing_parameter(where)
        named = value[key]
        if not isinstance(named, str) or named not in kinds:
            raise unsupported_value(where, named, list(kinds))
        return kinds[named](value, at)

    return check


def _pairs(values: Check) -> Check:
    """At most 16 pairs with keys of at most 64 characters: what metadata and attributes have in common."""

    def check(value: Any, at: str) -> dict[str, Any]:
        if value is None:
            return {}
        _require_at_most(16, any_object(value, at), at)
        for key in value:
            if len(key) > 64:
                raise invalid(
                    f"Invalid '{at}': propertyName too long. Expected a string with maximum length 64, "
                    f"but got a string with length {len(key)} instead.",
                    at,
                    "string_above_max_length",
                )
        return {key: values(each, f"{at}.{key}") for key, each in value.items()}

    return check


_ATTRIBUTE_TEXT = text(maximum=512)


def _attribute(value: Any, at: str) -> Any:
    if isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str):
        raise wrong_type(at, "a string, number or boolean", value)
    return _ATTRIBUTE_TEXT(value, at)


metadata = _pairs(text(maximum=512))
"""Schema ``Metadata``: strings only; null means none and comes back as ``{}``."""


def required_pairs(value: Any, at: str) -> dict[str, Any]:
    """Metadata where the request may not say null: vaults, credentials and automations."""
    pairs: dict[str, Any] = metadata(any_object(value, at), at)
    return pairs


attributes = _pairs(_attribute)
"""Schema ``VectorStoreFileAttributes``: strings up to 512 characters, numbers, booleans; null comes back as ``{}``."""
