"""When an automation runs: checks of a cron expression, of a time zone and of a moment. Nothing is ever run here."""

from __future__ import annotations

import re
import zoneinfo
from typing import Any

from retinue.local.errors import invalid
from retinue.local.validate import text

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("", *_MONTHS)),
    ("day of week", 0, 7, _DAYS),
)
_PART = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?")


def cron(value: Any, at: str) -> str:
    """Five fields of numbers, names, ranges, lists and steps, kept as they came.

    "Standard" is all that is published of the dialect; macros such as ``@daily``, a sixth field, ``L``, ``W``, ``#``
    and ``?`` are refused.
    """
    expression: str = text(minimum=1, maximum=256)(value, at)
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise invalid(f"Invalid '{at}': expected five fields, but got {len(fields)}.", at, "invalid_value")
    for given, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        if not all(_is_part(part, low, high, names) for part in given.split(",")):
            raise invalid(f"Invalid '{at}': '{given}' is not a {name} of a cron expression.", at, "invalid_value")
    return expression


def _is_part(part: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    found = _PART.fullmatch(part)
    if found is None or (found[4] is not None and int(found[4]) == 0):
        return False
    if found[1]:
        return True
    first, last = (_number(each, names) for each in (found[2], found[3] or found[2]))
    return first is not None and last is not None and low <= first <= last <= high


def _number(word: str, names: tuple[str, ...]) -> int | None:
    if word.isascii() and word.isdigit():
        return int(word)
    return names.index(word.upper()) if word.upper() in names else None


def timezone(value: Any, at: str) -> str:
    """The name of an IANA time zone that this machine knows."""
    name: str = text(minimum=1, maximum=256)(value, at)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(f"Invalid '{at}': '{name}' is not an IANA time zone.", at, "invalid_value") from None
    return name
