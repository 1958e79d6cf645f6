"""Values, paths and amounts of a plan document as short text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from retinue.report.ink import BLANK, Line, indent, line

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_/-]*")
_FIRST_LINES = 8
_SPECIAL = frozenset(("retinue.ref", "retinue.gone", "retinue.file", "retinue.sealed"))
LONG_LINE = 2_000
"""From so many characters on, the unchanged parts of a line are left out unless everything is asked for."""


def show_value(value: Any) -> str:
    """A value on one line: JSON with bare keys, and references as the addresses they stand for."""
    match value:
        case {"retinue.ref": address}:
            return str(address)
        case {"retinue.sealed": _}:
            return "(not shown)"
        case {"retinue.gone": gone}:
            return f"{gone} (deleted)"
        case {"retinue.file": path, "size": size}:
            return f"{path}  {show_size(size)}"
        case Mapping():
            return "{" + ", ".join(f"{show_key(key)}: {show_value(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(show_value(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def show_key(key: str) -> str:
    """A key as it is, or quoted when it has dots, blanks or other signs in it."""
    return key if _IDENTIFIER.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def show_path(path: Sequence[str | int]) -> str:
    """A path with dots between keys and list indexes in brackets: `tools.file_search`, `required[1]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + show_key(part)
    return text


def show_size(size: int) -> str:
    """A number of bytes in the largest unit that keeps it readable."""
    if size < 1000:
        return f"{size} B"
    amount = float(size)
    for unit in ("KB", "MB", "GB"):
        amount /= 1000
        if amount < 999.95 or unit == "GB":
            break
    return f"{amount:.1f} {unit}"


def show_place(position: Mapping[str, Any] | None) -> str | None:
    """Where something was declared, in the form that editors and terminals open."""
    return f"{position['file']}:{position['line']}" if position else None


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 file`, `2,000 lines`, `3 vector stores`."""
    noun = noun.replace("_", " ")
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def is_plain(value: Any) -> bool:
    """Whether a value has no parts of its own to show on further lines."""
    if isinstance(value, str):
        return "\n" not in value and len(value) < LONG_LINE
    if isinstance(value, Mapping):
        return not value or bool(_SPECIAL & value.keys())
    return not value if isinstance(value, list) else True


def nested_lines(value: Any, *, width: int, everything: bool) -> list[Line]:
    """The parts of a value on lines of their own, as they stand below the key that holds it."""
    if isinstance(value, str):
        return text_lines(value, everything=everything)
    lines: list[Line] = []
    if isinstance(value, Mapping):
        for key, each in value.items():
            if isinstance(each, Mapping) and each.get("retinue.file") == key:
                lines.append(line(show_value(each)))
                continue
            lines += keyed_lines(f"{show_key(key)}:", each, width=width, everything=everything)
    else:
        for each in value:
            lines += keyed_lines("-", each, width=width, everything=everything)
    return lines


def keyed_lines(key: str, value: Any, *, width: int, everything: bool) -> list[Line]:
    """`key value` on one line where it fits, else the key with the value's parts below it."""
    short = f"{key} {show_value(value)}" if fits(value, width - len(key) - 1) else None
    if short is not None:
        return [line(short)]
    return [line(key), *indent(nested_lines(value, width=width - 2, everything=everything), 2)]


def fits(value: Any, width: int) -> bool:
    """Whether a value reads well on one line: plain ones always, lists of plain ones when they are short."""
    if is_plain(value):
        return True
    return isinstance(value, list) and all(is_plain(each) for each in value) and len(show_value(value)) <= width


def text_lines(text: str, *, everything: bool) -> list[Line]:
    """A text of several lines in a gutter; the rest of a long one is counted."""
    lines = text.removesuffix("\n").split("\n")
    shown = lines if everything or len(lines) <= _FIRST_LINES + 1 else lines[:_FIRST_LINES]
    block = [line(("| ", "faint"), each if everything else beginning(each)) for each in shown]
    if len(shown) < len(lines):
        block.append(line((f"… {count(len(lines) - len(shown), 'more line')}", "faint")))
    return block or [BLANK]


def beginning(text: str) -> str:
    """A line, or the beginning of a very long one with the number of characters left out."""
    if len(text) < LONG_LINE:
        return text
    return f"{text[:200]}…({count(len(text) - 200, 'more character')})"
