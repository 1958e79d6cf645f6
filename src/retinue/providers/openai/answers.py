"""What an account may answer: how much, how deep, and in which shape. Whoever reads on relies on it.

A server may be broken, another one than was meant, or hostile: it is told by an error that names the request, and never
by a traceback, a list without an end or a terminal full of HTML.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from retinue.errors import AccountError
from retinue.planning.redaction import hide

Json = dict[str, Any]

LARGEST = 64 * 2**20
"""Bytes of an answer. Of a list that is longer, smaller pages are asked for: a hundred assistants whose instructions
are as long as the API takes, with every character escaped, are 154 MB."""
LARGEST_REFUSAL = 8 * 2**20
"""Bytes of an answer that is an error; people see a line of it, and what is more is not read."""
DEEPEST = 100
"""Levels of JSON."""
MOST_PAGES, FREE_PAGES, FEWEST = 3000, 200, 10
"""A list is read on up to so many pages, while they hold `FEWEST` objects on average, apart from some free ones."""
READ, SHOWN = 8192, 300
"""Characters of an answer that are looked at for an error, and those that are shown."""
MAPPINGS = ("metadata", "attributes", "chunking_strategy", "last_error", "file_counts")
"""Parts of objects that are looked into wherever they are; each may be null."""


class AnswerError(AccountError):
    """The account answered something else than the API's. `cut`: it could not be read at all, which may pass; `long`:
    it was more than anybody reads."""

    cut = False
    long = False


class ShapeError(ValueError):
    """What was expected instead of what was answered."""

    def __init__(self, expected: str, *, cut: bool = False) -> None:
        super().__init__(expected)
        self.cut = cut


@contextmanager
def shaped(expected: str) -> Iterator[None]:
    """Code that takes an answer apart: where it cannot, the answer is not what was expected. Raises ShapeError."""
    try:
        yield
    except ShapeError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        lacks = f", in which {error} is missing" if isinstance(error, KeyError) else ""
        raise ShapeError(f"{expected}{lacks}") from error


def parse(response: httpx2.Response) -> Json:
    """The JSON object in an answer; an empty one where the server says that there is none. Raises ShapeError."""
    if response.status_code == 204:
        return {}
    try:
        answer: Any = json.loads(response.content, parse_constant=_finite, parse_float=_finite)
    except RecursionError as error:
        raise ShapeError(_SHALLOW) from error
    except ValueError as error:
        raise ShapeError("a JSON object", cut=True) from error
    if not isinstance(answer, dict):
        raise ShapeError("a JSON object")
    if _is_deeper(answer, DEEPEST):
        raise ShapeError(_SHALLOW)
    if b"\\ud" in response.content.lower():
        # Half of a pair of surrogates is no character: it can be neither printed nor written.
        answer = json.loads(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))
    found: Json = answer
    return found


_SHALLOW = f"a JSON object of at most {DEEPEST} levels"


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is no number of JSON")
    return number


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        held = (each.values() if isinstance(each, dict) else each for each in level)
        level = [one for each in held for one in each if isinstance(one, dict | list)]
        if not level:
            return False
    return True


def check_object(raw: Any) -> Json:
    """One object as every kind has it. Raises ShapeError."""
    if not isinstance(raw, dict) or not _is_id(raw.get("id")):
        raise ShapeError("an object with an id")
    return check_parts(raw)


def check_parts(raw: Json) -> Json:
    """The parts of an object that are maps, as far as they are there. Raises ShapeError."""
    for name in MAPPINGS:
        if not isinstance(raw.get(name), dict | None):
            raise ShapeError(f"an object whose '{name}' is a map")
    return raw


def _is_id(value: Any) -> bool:
    """Whether a value can stand in a path, and be printed."""
    return isinstance(value, str) and 0 < len(value) < 1024 and value.isprintable() and not set(value) & set(" /?#\\%")


def check_page(answer: Json) -> list[Json]:
    """The objects of a page of a list. Raises ShapeError."""
    data = answer.get("data")
    if not isinstance(data, list):
        raise ShapeError("a list")
    if not isinstance(answer.get("has_more"), bool | None):
        raise ShapeError("a list whose 'has_more' is true or false")
    return [check_object(each) for each in data]


def seconds(value: Any) -> int:
    """A time in Unix seconds; 0 where the account tells it in another way, which nobody's object depends on."""
    return int(value) if isinstance(value, int | float) else 0


def excerpt(answer: Any, hidden: Collection[str] = ()) -> str:
    """An answer in a line that can be printed, shortened and without the hidden texts."""
    if isinstance(answer, bytes):
        answer = answer[:READ].decode("utf-8", "replace")
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False, default=repr)
    # What is cut may end with a part of something hidden that is too short to be recognised: it is cut once more.
    words = " ".join(hide(text[:READ], hidden)[: READ - SHOWN].split())
    printable = "".join(each if each.isprintable() else "�" for each in words)
    return printable if len(printable) <= SHOWN else f"{printable[:SHOWN]}…"


_SCOPE = re.compile(r"\b[a-z_]+(?:\.[a-z_]+)+\b")


def missing_scopes(message: str) -> tuple[str, ...]:
    """The scopes that the account says the key lacks; it names them in the sentence only."""
    _, found, rest = message.lower().partition("missing scope")
    return tuple(dict.fromkeys(_SCOPE.findall(rest))) if found else ()


def is_web_page(answer: Any) -> bool:
    """Whether somebody answered for a browser: a sign-in page, a proxy, or what lies beside the API."""
    start = answer[:200] if isinstance(answer, bytes) else str(answer)[:200].encode()
    return start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body"))
