"""What a JSON Schema must say where ``strict`` is asked for, in the words of the API's refusals (published by users).

Only the two rules that schemas break most: every object is closed, and requires all of its properties.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retinue.emulator.server.api_errors import invalid
from retinue.emulator.server.storage import JsonObject

_NAMED = ("properties", "$defs", "definitions")
"""Members with schemas by name."""


def refuse_loose_tools(tools: list[JsonObject]) -> None:
    """Functions for which ``strict`` is asked in so many words."""
    for index, tool in enumerate(tools):
        if tool["type"] == "function" and tool.get("strict"):
            named = f"function '{tool['name']}'"
            _refuse(tool.get("parameters"), named, f"tools[{index}].parameters", "invalid_function_parameters")


def refuse_loose_format(text: JsonObject) -> None:
    shape = text.get("format", {})
    if shape.get("type") == "json_schema" and shape.get("strict"):
        named = f"response_format '{shape['name']}'"
        _refuse(shape["schema"], named, "text.format.schema", "invalid_json_schema")


def _refuse(schema: Any, named: str, param: str, code: str) -> None:
    for context, problem in _problems(schema, ()):
        raise invalid(f"Invalid schema for {named}: In context={context!r}, {problem}", param, code)


def _problems(schema: Any, context: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        if schema.get("additionalProperties") is not False:
            yield context, "'additionalProperties' is required to be supplied and to be false."
        missing = [each for each in schema.get("properties", {}) if each not in schema.get("required", ())]
        if missing:
            rule = "'required' is required to be supplied and to be an array including every key in properties."
            yield context, f"{rule} Missing '{missing[0]}'."
    for member in _NAMED:
        for name, each in schema.get(member, {}).items():
            yield from _problems(each, (*context, member, name))
    yield from _problems(schema.get("items"), (*context, "items"))
    for index, each in enumerate(schema.get("anyOf", ())):
        yield from _problems(each, (*context, "anyOf", str(index)))
