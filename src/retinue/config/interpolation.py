"""`${{ var.NAME }}`, `${{ env.NAME }}`, `${{ secret.NAME }}` in strings, and in the data of files.

Where values come from is the work of `variables`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from retinue.config.problems import Diagnostics, did_you_mean
from retinue.config.project_files import Source
from retinue.config.yaml.syntax_tree import Tree
from retinue.kinds.kind import Kind
from retinue.model.declared import Problem
from retinue.model.paths import fits, show
from retinue.model.values import Path, Secret

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
            except UnfilledError as unfilled:
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
            return self._string(value, path) if OPEN in value else value
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
        filled = fill(value, self._lookup)
        for fault in filled.faults:
            position = self._tree.source(path).position(self._offset(value, path, fault.offset))
            self._diagnostics.error(fault.code, fault.message, position, fault.hint)
        if not filled.complete:
            self.unfilled.add(path)
        if any(self._lookup.secret(each) for each in filled.used):
            self.secret.add(path)
        return filled.value

    def _offset(self, value: str, path: Path, offset: int) -> int:
        """Where the character at `offset` of a string stands in the file.

        Quotes, escapes and indentation set the two apart, so the expression is found by counting those before it.
        """
        node = self._tree.node(path)
        if node is None:
            return 0
        opening = max(value.rfind(OPEN, 0, offset + len(OPEN)), 0)
        found = node.start - 1
        written = node.source.text
        for _ in range(value.count(OPEN, 0, opening) + 1):
            found = written.find(OPEN, found + 1, node.end)
            if found < 0:
                return node.start
        same = written[found : found + offset - opening] == value[opening:offset]
        return found + offset - opening if same else found


def _without_secrets(filled: Any, written: Any) -> Any:
    """What was filled, with the written text where a secret came in."""
    if isinstance(filled, dict):
        return {key: _without_secrets(each, written[key]) for key, each in filled.items()}
    if isinstance(filled, list):
        return [_without_secrets(each, written[index]) for index, each in enumerate(filled)]
    return written if isinstance(filled, Secret) else filled


def fill_text(source: Source, lookup: Lookup, diagnostics: Diagnostics) -> str | None:
    """The text of a whole file, filled; None when an expression has no value."""
    filled = fill(source.text, lookup)
    for fault in filled.faults:
        diagnostics.error(fault.code, fault.message, source.position(fault.offset), fault.hint)
    if not filled.complete:
        return None
    return filled.value if isinstance(filled.value, str) else json.dumps(filled.value)


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
