"""The expressions of GitHub workflows, as far as ours use them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Any]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|==|!=|&&|\|\||[!(),]|[A-Za-z_][A-Za-z0-9_.-]*)")
_HOLE = re.compile(r"\$\{\{(.*?)\}\}")


def filled(text: Any, context: Context) -> Any:
    """A value of the file with its expressions replaced; one that is nothing else becomes its value."""
    if not isinstance(text, str):
        return text
    whole = re.fullmatch(r"\$\{\{(.*?)\}\}", text.strip())
    if whole:
        return evaluate(whole[1], context)
    return _HOLE.sub(lambda found: str(evaluate(found[1], context)), text)


def evaluate(text: str, context: Context) -> Any:
    return _Reader(text, context).everything()


class _Reader:
    def __init__(self, text: str, context: Context) -> None:
        self._context = context
        self._tokens: list[str] = []
        at = 0
        text = text.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            assert found, f"not understood: {text[at:]}"
            self._tokens.append(found[1])
            at = found.end()

    def everything(self) -> Any:
        value = self._either()
        assert not self._tokens, f"left over: {self._tokens}"
        return value

    def _next(self, *wanted: str) -> str | None:
        return self._tokens.pop(0) if self._tokens and self._tokens[0] in wanted else None

    def _either(self) -> Any:
        value = self._both()
        while self._next("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._next("&&"):
            other = self._compared()
            value = value and other
        return value

    def _compared(self) -> Any:
        value = self._one()
        operator = self._next("==", "!=")
        if operator is None:
            return value
        # GitHub compares strings without regard to their case.
        same = str(value).lower() == str(self._one()).lower()
        return same if operator == "==" else not same

    def _one(self) -> Any:
        if self._next("!"):
            return not self._one()
        if self._next("("):
            inner = self._either()
            assert self._next(")")
            return inner
        token = self._tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self._next("("):
            return self._called(token)
        place: Any = self._context
        for part in token.split("."):
            place = place.get(part, "") if isinstance(place, Mapping) else ""
        return place

    def _called(self, name: str) -> Any:
        arguments = []
        while not self._next(")"):
            arguments.append(self._either())
            self._next(",")
        functions: dict[str, Callable[..., Any]] = {
            "fromJSON": json.loads,
            "format": lambda text, *values: text.format(*values),
            "cancelled": lambda: False,
        }
        return functions[name](*arguments)
