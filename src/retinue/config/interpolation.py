"""`${{ var.NAME }}`, `${{ env.NAME }}`, `${{ secret.NAME }}` and others in strings, and in the data of files.

Where values come from is the work of `variables`, and of `scope` for those of one declaration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, Protocol

from retinue.config.problems import Diagnostics, did_you_mean, listed
from retinue.config.yaml.syntax_tree import Tree
from retinue.kinds.kind import Kind
from retinue.model.declared import Position, Problem
from retinue.model.paths import fits, show
from retinue.model.values import Path, Secret

OPEN = "${{"
OUTSIDE = ("env", "secret")
"""Namespaces whose values come from the environment, where keys and passwords come from."""
LOCAL = ("with", "matrix", "self")
"""Namespaces that hold for one declaration each."""
NAMESPACES = ("var", *OUTSIDE, *LOCAL, "environment")
INCLUDE = "include"
"""What an expression begins with that stands for the text of other files, in texts that are rendered."""

SHORT = 500
"""Characters of a text whose expressions are remembered."""
MOST_FAULTS = 8
"""How many mistakes of one text are told: whoever writes more of them has made one mistake many times."""
MOST_FILLED = 1_000_000
"""Characters that a text may grow to, far above what the API takes: variables of variables grow without limit."""
MOST_FILLED_IN_ALL = 64 * MOST_FILLED

_OPENING = re.compile(r"(?<!\$)\$+\{\{")
_MARKS = re.compile(r"\$\{\{|\}\}")
_NAME = r"(?P<name>[A-Za-z_][A-Za-z0-9_-]*)(?P<path>(?:\.[A-Za-z0-9_-]+)*)"
_EXPRESSION = re.compile(rf"(?P<namespace>[A-Za-z]+)\.{_NAME}")
_INCLUDE = re.compile(rf"""{INCLUDE}\s+(?:"(?P<double>[^"]+)"|'(?P<single>[^']+)')""")


# What is easily written for an expression, or in front of one: `$${{ var.x }}`, `{{ var.x }}`, `${ var.x }`.
_SLIP = re.compile(
    r"(?P<form>(?<!\$)(?:\$\$)+\{\{|(?<![\${])\{\{|(?<!\$)\$\{(?!\{))"
    rf"\s*(?P<namespace>{'|'.join(NAMESPACES)})\.{_NAME}\s*\}}\}}?"
)
_DOLLARS = re.compile(r"\$+(?=\{\{)")


class Fault(NamedTuple):
    """A mistake at an offset of the string."""

    offset: int
    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """`namespace.name`, or `namespace.name.key` for a part of a map. `offset` is where it starts in the string. One
    that takes files in has INCLUDE as its namespace, and their path as its name."""

    namespace: str
    name: str
    offset: int
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.namespace == INCLUDE:
            return f'{INCLUDE} "{self.name}"'
        return ".".join((self.namespace, self.name, *self.path))

    def part_of(self, value: Any) -> Any:
        """What the expression means of the value of its name. Raises UnfilledError where the map has no such key."""
        for at, key in enumerate(self.path):
            if not isinstance(value, Mapping) or key not in value:
                whole = ".".join((self.namespace, self.name, *self.path[:at]))
                if not isinstance(value, Mapping):
                    message = f"'{whole}' is no map, so it has no '{key}'"
                    raise UnfilledError(Fault(self.offset, "unknown-variable", message, f"write {OPEN} {whole} }}}}"))
                message = f"there is no '{key}' in '{whole}'"
                hint = did_you_mean(key, value, otherwise=f"there are: {listed(value)}") if value else "write it there"
                raise UnfilledError(Fault(self.offset, "unknown-variable", message, hint))
            value = value[key]
        return value


class UnfilledError(Exception):
    """There is no value for an expression. Without a fault, the reason is reported elsewhere."""

    def __init__(self, fault: Fault | None = None) -> None:
        super().__init__(fault.message if fault else "")
        self.fault = fault


Lookup = Callable[[Expression], Any]


class Values(Protocol):
    """Looks expressions up, and knows which of them may hold keys and passwords."""

    def __call__(self, expression: Expression) -> Any: ...

    def secret(self, expression: Expression) -> bool: ...

    def known(self, expression: Expression) -> bool: ...

    room: int


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
    for piece in short_pieces(text) if len(text) <= SHORT else pieces(text):
        if isinstance(piece, Fault):
            faults.append(piece)
        elif isinstance(piece, str):
            values.append(piece)
        else:
            used.append(piece)
            try:
                values.append(piece.part_of(lookup(piece)))
            except UnfilledError as unfilled:
                complete = False
                faults += [unfilled.fault] if unfilled.fault else []
        if len(faults) >= MOST_FAULTS:
            break
    if faults or not complete:
        return Filled(text, tuple(used), tuple(faults), complete=False)
    if len(values) == 1:
        return Filled(values[0], tuple(used))
    texts = [as_text(each) for each in values]
    if None in texts:
        unfit = (no_text(each, value) for each, value in _valued(text, values) if as_text(value) is None)
        return Filled(text, tuple(used), tuple(islice(unfit, MOST_FAULTS)), complete=False)
    parts = [each for each in texts if each is not None]
    size = sum(map(len, parts))
    if size > max(MOST_FILLED, len(text)):
        fault = Fault(0, "too-large", f"this text grows to {size:,} characters", "put less into the variables")
        return Filled(text, tuple(used), (fault,), complete=False)
    joined = "".join(parts)
    hidden = isinstance(text, Secret) or any(isinstance(each, Secret) for each in values)
    return Filled(Secret(joined) if hidden else joined, tuple(used))


def as_text(value: Any) -> str | None:
    """A value in the middle of a text; None for what can be no part of one."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, int | float) else None


def _valued(text: str, values: Iterable[Any]) -> Iterator[tuple[Expression, Any]]:
    """The expressions of a text, each with its value: `values` are those of all pieces."""
    for piece, value in zip(pieces(text), values, strict=True):
        if isinstance(piece, Expression):
            yield piece, value


def no_text(expression: Expression, value: Any) -> Fault:
    """What is wrong with a value in the middle of a text."""
    what = "a list" if isinstance(value, list) else "a map" if isinstance(value, Mapping) else "empty"
    message = f"'{expression}' is {what}, which cannot stand in a longer text"
    hint = "let it be all of the value, or write the text out"
    if isinstance(value, Mapping) and value:
        hint = f"name a part of it, such as {OPEN} {expression}.{next(iter(value))} }}}}"
    return Fault(expression.offset, "wrong-type", message, hint)


def only_expression(text: str) -> Expression | None:
    """The expression that a text is, and nothing else."""
    if not (text.startswith(OPEN) and text.endswith("}}")):
        return None
    found = short_pieces(text) if len(text) <= SHORT else tuple(pieces(text))
    return found[0] if len(found) == 1 and isinstance(found[0], Expression) else None


def escaped(text: str) -> str:
    """The string that `fill` turns into `text` whatever it contains."""
    return _DOLLARS.sub(lambda found: found[0] * 2, text)


def used_in(text: str) -> Iterator[Expression]:
    """The expressions of a text."""
    return (piece for piece in pieces(text) if isinstance(piece, Expression))


def has_expressions(text: str) -> bool:
    """Whether anything in it is to be filled."""
    return any(not isinstance(piece, str) for piece in pieces(text))


@lru_cache(maxsize=1024)
def short_pieces(text: str) -> tuple[str | Expression | Fault, ...]:
    """The pieces of a text that may well be filled again: what stands for many is read once for each of them."""
    return tuple(pieces(text))


def pieces(text: str) -> Iterator[str | Expression | Fault]:
    """The expressions of a text, what is wrong with them, and all that stands around them."""
    done = 0
    while opening := _OPENING.search(text, done):
        # Two dollars stand for one; an odd one before the sign makes it the characters themselves.
        dollars, literal = divmod(len(opening[0]) - len(OPEN), 2)
        plain = text[done : opening.start()] + "$" * dollars
        if plain:
            yield plain
        if literal:
            yield OPEN
            done = opening.end()
            continue
        end = text.find("}}", opening.end())
        if end < 0 or OPEN in text[opening.end() : end]:
            message, hint = (
                "this '${{' is never closed",
                "close it with '}}', or write $${{ for the characters themselves",
            )
            if _nests(text, opening.end()):
                message = "there is another expression in this one, and they do not nest"
                hint = "give the whole value a name under 'variables:' or 'with:', and write that name here"
            yield Fault(opening.end() - len(OPEN), "bad-expression", message, hint)
            done = opening.end()
            continue
        yield _expression(text[opening.end() : end], opening.end())
        done = end + 2
    if done < len(text):
        yield text[done:]


def _nests(text: str, start: int) -> bool:
    """Whether an expression is closed only behind others that stand in it."""
    depth = 1
    for mark in _MARKS.finditer(text, start, start + SHORT):
        depth += 1 if mark[0] == OPEN else -1
        if depth == 0:
            return True
    return False


def may_be_filled(value: Any) -> bool:
    """Whether there may be an expression in data, or what is easily written for one."""
    if isinstance(value, str):
        return "{{" in value or "${" in value
    if isinstance(value, Mapping):
        return any(may_be_filled(each) for each in value.values())
    return isinstance(value, list) and any(may_be_filled(each) for each in value)


class Slip(NamedTuple):
    """What looks like an expression at an offset of a text, and is none."""

    offset: int
    written: str
    message: str
    hint: str


def slips(text: str, known: Callable[[Expression], bool]) -> Iterator[Slip]:
    """What is probably meant to be the value of something that is `known`, the first few of it."""
    if "{" not in text:
        return
    for count, found in enumerate(_SLIP.finditer(text)):
        written = _as_expression(found)
        if count >= MOST_FAULTS or not known(written):
            continue
        meant = f"{OPEN} {written} }}}}"
        if found["form"].startswith("$$"):
            message = f"'{found[0]}' stands for the characters '{found[0][1:]}', and not for a value"
            yield Slip(found.start(), found[0], message, f"for a dollar before the value, write $${meant}")
        else:
            message = f"'{found[0]}' is no expression, and stays as it is"
            yield Slip(found.start(), found[0], message, f"write {meant} for the value")


def _expression(inner: str, start: int) -> Expression | Fault:
    body = inner.strip()
    offset = start + len(inner) - len(inner.lstrip())
    if not body:
        return Fault(offset, "bad-expression", "there is nothing in this expression", "write ${{ var.NAME }}")
    if taking_in := _INCLUDE.fullmatch(body):
        return Expression(INCLUDE, taking_in["double"] or taking_in["single"], offset)
    found = _EXPRESSION.fullmatch(body)
    if found is None and re.match(rf"{INCLUDE}\b", body):
        hint = f'write {OPEN} {INCLUDE} "PATH" }}}}'
        return Fault(offset, "bad-expression", f"'{body}' names no file to include", hint)
    if found is None:
        hint = "write ${{ var.NAME }}, ${{ env.NAME }} or ${{ secret.NAME }}, or $${{ for the characters themselves"
        return Fault(offset, "bad-expression", f"'{body}' is no expression", hint)
    namespace = found["namespace"]
    if namespace in OUTSIDE and found["path"]:
        hint = f"write ${{{{ {namespace}.{found['name']} }}}}: what the environment holds is text, and has no parts"
        return Fault(offset, "bad-expression", f"'{body}' is no expression", hint)
    if namespace not in NAMESPACES:
        hint = did_you_mean(namespace, NAMESPACES, otherwise=f"there are: {listed(NAMESPACES)}") or ""
        return Fault(offset, "bad-expression", f"there are no values under '{namespace}'", hint)
    return _as_expression(found, offset)


def _as_expression(found: re.Match[str], start: int = 0) -> Expression:
    path = tuple(found["path"].split(".")[1:])
    return Expression(found["namespace"], found["name"], start or found.start("namespace"), path)


# ── data of YAML files ────────────────────────────────────────────────────────────────────────────────────────────────


class Interpolator:
    """One pass over the data of one tree. `unfilled` are the paths that hold no value in the end.

    `secret` are those whose value may hold a key or a password.
    """

    def __init__(self, tree: Tree, lookup: Values, diagnostics: Diagnostics) -> None:
        self._tree = tree
        self._lookup = lookup
        self._diagnostics = diagnostics
        self.unfilled: set[Path] = set()
        self.secret: set[Path] = set()

    def data(self, value: Any, path: Path = ()) -> Any:
        """A copy of `value`, which stands at `path`, with its strings filled; keys stay as they are."""
        if isinstance(value, str):
            return self._string(value, path) if "{{" in value or "${" in value else value
        if isinstance(value, dict):
            return {key: self.data(each, (*path, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self.data(each, (*path, index)) for index, each in enumerate(value)]
        return value

    def shown(self, value: Any, path: Path = (), *, why: str, label: str = "") -> Any:
        """The same for what is printed or kept in clear: a secret in it is a mistake, and stays as it was written.

        `why` says what happens to it, `label` which section the paths are of.
        """
        filled = self.data(value, path)
        for each in list(secrets_in(filled, path)):
            self.unfilled.add(each)
            message = f"a secret may not stand in '{label}{show(each)}': {why}"
            hint = "write it out, or use ${{ env.NAME }} for what is no secret"
            self._diagnostics.error("secret-in-the-open", message, self._tree.at(each), hint)
        return _without_secrets(filled, value)

    def report(self, problems: Iterable[Problem]) -> None:
        """Report what is wrong with what was filled, but for what is reported already."""
        fresh = (each for each in problems if not (self.covers(each.path) or self._tree.faulty(each.path)))
        self._diagnostics.place(fresh, self._tree)

    def covers(self, path: Path) -> bool:
        """Whether `path` is, or stands inside, something that could not be filled."""
        return any(path[: len(each)] == each for each in self.unfilled)

    def _string(self, value: str, path: Path) -> Any:
        for slip in slips(value, self._lookup.known):
            place = self._place(value, path, slip.offset, slip.written)
            self._diagnostics.warning("likely-slip", slip.message, place, slip.hint)
        filled = fill(value, self._lookup)
        for fault in filled.faults:
            opening = max(value.rfind(OPEN, 0, fault.offset + len(OPEN)), 0)
            place = self._place(value, path, opening, OPEN, beyond=fault.offset - opening)
            self._diagnostics.error(fault.code, fault.message, place, fault.hint)
        if not filled.complete or not self._has_room(filled, path):
            self.unfilled.add(path)
        if any(self._lookup.secret(each) for each in filled.used):
            self.secret.add(path)
        return value if path in self.unfilled else filled.value

    def _has_room(self, filled: Filled, path: Path) -> bool:
        """Whether all that was filled is still of a size that somebody could have meant."""
        size = len(filled.value) if filled.used and isinstance(filled.value, str) else 0
        if isinstance(filled.value, dict | list):  # such as one in a setting: those in declarations are in place
            size = len(json.dumps(filled.value))
        if 0 <= self._lookup.room < size:
            message = f"variables fill more than {MOST_FILLED_IN_ALL:,} characters up to here"
            self._diagnostics.error("too-large", message, self._tree.at(path), "put less into them")
        enough = size <= self._lookup.room
        self._lookup.room -= size
        return enough

    def _place(self, value: str, path: Path, offset: int, mark: str, *, beyond: int = 0) -> Position:
        """Where a mark that stands at `offset` of a string stands in the file, and so many characters beyond it.

        Quotes, escapes and indentation set the two apart, so the mark is found by counting those before it.
        """
        node = self._tree.node(path)
        if node is None:
            return self._tree.at(path)
        found, written = node.start - 1, node.source.text
        for _ in range(value.count(mark, 0, offset) + 1):
            found = written.find(mark, found + 1, node.end)
            if found < 0:
                return node.position
        same = written[found : found + beyond] == value[offset : offset + beyond]
        return node.source.position(found + beyond if same else found)


def _without_secrets(filled: Any, written: Any) -> Any:
    """What was filled, with the written text where a secret came in."""
    if isinstance(written, dict):
        return {key: _without_secrets(each, written[key]) for key, each in filled.items()}
    if isinstance(written, list):
        return [_without_secrets(each, written[index]) for index, each in enumerate(filled)]
    return written if next(secrets_in(filled), None) is not None else filled


# ── where they may stand ──────────────────────────────────────────────────────────────────────────────────────────────


def secrets_in(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all secrets in a value."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from secrets_in(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from secrets_in(each, (*path, index))
    elif isinstance(value, Secret):
        yield path


def secrets_in_the_open(kind: Kind, spec: Mapping[str, Any]) -> Iterator[Problem]:
    """Secrets where the API would show them to everybody who may read the account."""
    places = ", ".join(f"'{'.'.join(pattern)}'" for pattern in kind.secrets)
    hint = f"secrets may stand in {places}" if places else "keep it in a credential of a vault"
    for path in secrets_in(spec):
        if not any(fits(path, pattern) for pattern in kind.secrets):
            place = f"in '{show(path)}'" if path else "here"
            message = f"a secret may not stand {place}: everybody who may read the account could read it"
            yield Problem("secret-in-the-open", path, message, hint)
