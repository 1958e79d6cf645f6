"""JSON as its standard has it, with mistakes in our own words and placed to the character."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from retinue.config.texts import Source

# The decoder's words differ between versions of Python; these do not.
_MEANINGS = (
    ("Expecting ',' delimiter", "a ',' is missing before this"),
    ("Expecting ':' delimiter", "a ':' is missing before this"),
    ("Expecting property name", "a key in double quotes is expected here"),
    ("Expecting value", "a value is expected here"),
    ("Extra data", "the value ends before this"),
    ("Invalid control character", "a string cannot go over the end of a line or hold a tab"),
    ("Invalid \\", "this escape is not JSON"),
    ("Unterminated string", "this string is never closed"),
)
_NOT_A_NUMBER = re.compile(r"(?<![\w\"])-?(?:NaN|Infinity)\b")


class NotJson(ValueError):  # noqa: N818 - named for what the text is
    """The text is not JSON at `offset`."""

    def __init__(self, offset: int, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.hint = hint


class _Refused(ValueError):  # noqa: N818 - as above
    """Something Python reads and JSON does not have; where it stands is found out by the caller."""


def read_json(source: Source) -> Any:
    """The value of a JSON text. Raises NotJson."""
    text = source.text
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates)
    except json.JSONDecodeError as error:
        raise _explained(error, text) from error
    except RecursionError as error:
        raise NotJson(0, "the values are nested too deep", "flatten them") from error
    except _Refused as error:
        found = _NOT_A_NUMBER.search(text)
        raise NotJson(found.start() if found else 0, str(error), None) from error
    except _Twice as error:
        places = [each.start() for each in re.finditer(re.escape(json.dumps(error.key, ensure_ascii=False)), text)]
        hint = "remove or rename one of the two"
        raise NotJson(places[-1] if places else 0, f"the key '{error.key}' stands twice in one object", hint) from error


class _Twice(ValueError):  # noqa: N818 - as above
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _refuse_constant(name: str) -> NoReturn:
    raise _Refused(f"'{name}' is no JSON value")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return data


def _explained(error: json.JSONDecodeError, text: str) -> NotJson:
    if not text.strip():
        return NotJson(0, "the file is empty", "write a JSON Schema into it")
    before = text[: error.pos].rstrip()
    comma = error.pos if "trailing comma" in error.msg else len(before) - 1
    if text[comma] == "," and text[comma + 1 :].lstrip().startswith(("}", "]")):
        return NotJson(comma, "a ',' cannot stand before the end of a list or an object", "remove it")
    message = next((meaning for words, meaning in _MEANINGS if error.msg.startswith(words)), error.msg.lower())
    return NotJson(error.pos, f"this is not JSON: {message}")
