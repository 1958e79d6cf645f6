"""What a plain scalar means: the core schema of YAML 1.2, in which `no`, `on` and dates are strings.

The API speaks JSON, so the numbers JSON cannot say (infinity, not-a-number) are refused here.
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
# A number starts with one of these; everything else is a string at first sight.
_NUMBER_START = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

# Python refuses to convert longer runs of digits, and no field of the API needs them.
_MOST_DIGITS = 300


class BadNumberError(ValueError):
    """Written like a number, but no JSON number."""


def scalar(text: str) -> Scalar:
    """The value of a plain scalar. Raises BadNumberError for a number that JSON does not have."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if _NOT_JSON.fullmatch(text):
        raise BadNumberError(text)
    if _INTEGER.fullmatch(text):
        return int(_short(text))
    if _BASED.fullmatch(text):
        return int(_short(text), 0)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise BadNumberError(text)
        return number
    return text


def _short(text: str) -> str:
    if len(text) > _MOST_DIGITS:
        raise BadNumberError(text)
    return text
