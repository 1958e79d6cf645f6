"""Plain data as YAML that a person can read and a program can load again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from retinue.report.ink import Line, indent, line, visible

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:[ ./-]?[A-Za-z0-9_])*")
_NOT_STRINGS = re.compile(r"(?i:y|n|yes|no|on|off|true|false|null)")


def yaml_lines(value: Any) -> list[Line]:
    """The lines of a value at the top of a document."""
    if isinstance(value, Mapping) and value:
        return [each for key, item in value.items() for each in _entry((f"{_scalar(str(key))}:", "place"), item)]
    if isinstance(value, list) and value:
        return [each for item in value for each in _item(item)]
    return [line(_scalar(value))]


def _entry(key: tuple[str, Any], value: Any) -> list[Line]:
    if isinstance(value, Mapping | list) and value:
        return [line(key), *indent(yaml_lines(value), 2)]
    if isinstance(value, str) and _is_block(value):
        sign = "|" if value.endswith("\n") else "|-"
        block = value.removesuffix("\n").split("\n")
        return [line(key, f" {sign}"), *indent((line(each) for each in block), 2)]
    return [line(key, f" {_scalar(value)}")]


def _item(value: Any) -> list[Line]:
    if isinstance(value, Mapping | list) and value:
        first, *more = yaml_lines(value)
        return [Line((("- ", "plain"), *first.parts)), *indent(more, 2)]
    return [line(f"- {_scalar(value)}")]


def _is_block(text: str) -> bool:
    """Whether a text of several lines survives being written as it is."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and bool(lines[0])
        and lines[0][0] != " "
        and bool(lines[-1])
        and all(visible(each) == each and each == each.rstrip(" ") and "\x85" not in each for each in lines)
    )


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value) and not _NOT_STRINGS.fullmatch(value):
        return value
    text = visible(json.dumps(value, ensure_ascii=False))
    # YAML 1.1 reads 5e-324 as a word; with a point it is a number.
    return text.replace("e", ".0e") if isinstance(value, float) and "." not in text else text
