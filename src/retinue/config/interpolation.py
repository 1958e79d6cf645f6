"""`${{ var.NAME }}`, `${{ env.NAME }}`, `${{ secret.NAME }}` in strings. Where values come from is not its work."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from retinue.config.mistakes import did_you_mean
from retinue.model.values import Secret

OPEN = "${{"
NAMESPACES = ("var", "env", "secret")

_OPENING = re.compile(r"\$?\$\{\{")
_EXPRESSION = re.compile(r"(?P<namespace>[A-Za-z]+)\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)")


class Fault(NamedTuple):
    """A mistake at an offset of the string."""

    offset: int
    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """`namespace.name`. `offset` is where the namespace starts in the string."""

    namespace: str
    name: str
    offset: int


class Unfilled(Exception):  # noqa: N818 - named for the state of the expression
    """There is no value for an expression. Without a fault, the reason is reported elsewhere."""

    def __init__(self, fault: Fault | None = None) -> None:
        super().__init__(fault.message if fault else "")
        self.fault = fault


Lookup = Callable[[Expression], Any]


class Values(Protocol):
    """Looks expressions up, and knows which of them may hold keys and passwords."""

    def __call__(self, expression: Expression) -> Any: ...

    def secret(self, expression: Expression) -> bool: ...


@dataclass(frozen=True, slots=True)
class Filled:
    """A string with its expressions replaced. `complete` is False when one of them has no value."""

    value: Any
    used: tuple[Expression, ...] = ()
    faults: tuple[Fault, ...] = ()
    complete: bool = True


def fill(text: str, lookup: Lookup) -> Filled:
    """Replace every expression. A string that is exactly one expression becomes that value, of whatever type."""
    if OPEN not in text:
        return Filled(text)
    values: list[Any] = []
    faults: list[Fault] = []
    used: list[Expression] = []
    complete = True
    for piece in _pieces(text):
        if isinstance(piece, Fault):
            faults.append(piece)
        elif isinstance(piece, str):
            values.append(piece)
        else:
            used.append(piece)
            try:
                values.append(lookup(piece))
            except Unfilled as unfilled:
                complete = False
                faults += [unfilled.fault] if unfilled.fault else []
    if faults or not complete:
        return Filled(text, tuple(used), tuple(faults), complete=False)
    if len(values) == 1:
        return Filled(values[0], tuple(used))
    joined = "".join(each if isinstance(each, str) else json.dumps(each) for each in values)
    return Filled(Secret(joined) if any(isinstance(each, Secret) for each in values) else joined, tuple(used))


def escaped(text: str) -> str:
    """The string that `fill` turns into `text` whatever it contains."""
    return text.replace(OPEN, "$" + OPEN)


def _pieces(text: str) -> Iterator[str | Expression | Fault]:
    done = 0
    while opening := _OPENING.search(text, done):
        if opening.start() > done:
            yield text[done : opening.start()]
        if opening[0].startswith("$$"):
            yield OPEN
            done = opening.end()
            continue
        end = text.find("}}", opening.end())
        if end < 0 or OPEN in text[opening.end() : end]:
            hint = "close it with '}}', or write $${{ for the characters themselves"
            yield Fault(opening.start(), "bad-expression", "this '${{' is never closed", hint)
            done = opening.end()
            continue
        yield _expression(text[opening.end() : end], opening.end())
        done = end + 2
    if done < len(text):
        yield text[done:]


def _expression(inner: str, start: int) -> Expression | Fault:
    body = inner.strip()
    offset = start + len(inner) - len(inner.lstrip())
    if not body:
        return Fault(offset, "bad-expression", "there is nothing in this expression", "write ${{ var.NAME }}")
    found = _EXPRESSION.fullmatch(body)
    if found is None:
        hint = "write ${{ var.NAME }}, ${{ env.NAME }} or ${{ secret.NAME }}, or $${{ for the characters themselves"
        return Fault(offset, "bad-expression", f"'{body}' is no expression", hint)
    namespace = found["namespace"]
    if namespace not in NAMESPACES:
        hint = did_you_mean(namespace, NAMESPACES, otherwise="use var.NAME, env.NAME or secret.NAME") or ""
        return Fault(offset, "bad-expression", f"there are no values under '{namespace}'", hint)
    return Expression(namespace, found["name"], offset)
