"""The names that a matrix gives, at a glance, for the completion of shells: from the text of a declaration, which may
be half typed, and of the templates it extends. Of expressions, only those of the matrix and of variables of the project
file are known here; what a matrix really comes to is `config.composition.matrix`'s to say, which takes too long to
import.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

MOST = 10_000
"""Names that one declaration is good for: more help nobody."""

_KEY = re.compile(r"^( *)([\w.-]+|\"[^\"\n]*\"|'[^'\n]*'):(?=\s|$)[ \t]*", re.MULTILINE)
_ITEM = re.compile(r"^( *)-[ \t]+", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)
_PLAIN = r"(?:\$\{\{.*?\}\}|[^\s,\[\]{}:]|:(?=\S)|[ \t]+(?=[^\s,\[\]{}:]))+"
_TOKEN = re.compile(rf"\s*(?:([\[\]{{}},])|(:)(?=[\s\[{{]|$)|\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|({_PLAIN}))")
_DEEPEST = 8
"""How many variables, or templates, may be made of one another in a row."""
_VARIABLE = re.compile(r"\$\{\{\s*var\.([\w.-]+)\s*\}\}")
_EXPRESSION = re.compile(r"\$\{\{\s*matrix\.([\w.-]+)\s*\}\}")


class Surroundings(NamedTuple):
    """What a declaration may be made of: the text of a template by its name, where any is of use, and what variables of
    the project file hold."""

    template: Callable[[str], str | None] | None
    variables: Callable[[], Mapping[str, Any]]


def instances(name: str, declaration: str, around: Surroundings) -> list[str] | None:
    """What the declaration of this name stands for, as far as it can be told; None where it has no matrix."""
    try:
        laid = [each for each in _layers(declaration, around.template, _DEEPEST) if "matrix" in each]
        matrices = [field_of(_COMMENT.sub("", each), "matrix") for each in laid]
    except RecursionError:
        return None
    if not any(isinstance(each, Mapping) for each in matrices):
        return None
    matrix: dict[str, Any] = {}
    for each in reversed(matrices):
        matrix |= each if isinstance(each, Mapping) else {}
    matrix = {key: _filled(value, around.variables, _DEEPEST) for key, value in matrix.items()}
    named = (_named(name, each, _axes(matrix)) for each in itertools.islice(_combinations(matrix), MOST))
    return [each for each in named if each is not None]


def _layers(text: str, template: Callable[[str], str | None] | None, deepest: int) -> Iterator[str]:
    """The text of a declaration, and those of its templates, the strongest first."""
    yield text
    if template is None or not deepest or "extends" not in text:
        return
    names = field_of(_COMMENT.sub("", text), "extends")
    for each in reversed(names if isinstance(names, list) else [names]):
        below = template(each) if isinstance(each, str) else None
        yield from _layers(below, template, deepest - 1) if below is not None else ()


def _filled(value: Any, variables: Callable[[], Mapping[str, Any]], deepest: int) -> Any:
    """A value with the lists and maps of variables in it; a list in the place of an entry adds its entries."""
    expression = _VARIABLE.fullmatch(value) if isinstance(value, str) and deepest else None
    if expression:
        found = _at(variables(), expression[1])
        return value if found is None else _filled(found, variables, deepest - 1)
    if not isinstance(value, list):
        return value
    entries = ((each, _filled(each, variables, deepest)) for each in value)
    return [one for each, made in entries for one in (made if isinstance(made, list) and made != each else [made])]


def field_of(text: str, name: str) -> Any:
    """What stands in a mapping under this name; None where nothing does, or the text is no mapping."""
    if text.lstrip().startswith("{"):
        written = _flow(text)
        return written.get(name) if isinstance(written, Mapping) else None
    first = re.search(r"^( *)[^\s#]", text, re.MULTILINE)
    found = next((each for each in _field(name)(text) if first and each[1] == first[1]), None)
    if found is None:
        return None
    deeper = indented_below(text, found.end(), len(found[1]))
    return _block(deeper) if not found[2].strip() else _flow(found[2] + deeper)


@cache
def _field(name: str) -> Callable[[str], Iterator[re.Match[str]]]:
    return re.compile(rf"^( *){name}:(?=\s|$)[ \t]*(.*)$", re.MULTILINE).finditer


def _axes(matrix: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values for name, values in matrix.items() if name not in ("exclude", "include")}


def _combinations(matrix: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    axes = _axes(matrix)
    if not all(isinstance(each, list) for each in axes.values()):
        return
    excluded, included = (_maps(matrix.get(each)) for each in ("exclude", "include"))
    for values in itertools.product(*axes.values()) if axes else ():
        made = dict(zip(axes, values, strict=True))
        if not any(_covers(each, made) for each in excluded):
            extra = [each for each in included if _covers({key: each[key] for key in each if key in axes}, made)]
            yield dict(itertools.chain(made.items(), *(each.items() for each in extra)))
    for each in included:
        fixed = {name: value for name, value in each.items() if name in axes}
        if not axes or not all(value in axes[name] for name, value in fixed.items()):
            yield {**{name: each[name] for name in axes if name in each}, **each}


def _maps(entries: Any) -> list[Mapping[str, Any]]:
    return [each for each in entries if isinstance(each, Mapping)] if isinstance(entries, list) else []


def _covers(part: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(values.get(name) == value for name, value in part.items())


def _named(name: str, values: Mapping[str, Any], axes: Mapping[str, Any]) -> str | None:
    """The name of one combination: from a pattern, or the values of its axes behind dashes."""
    if "${{" in name:
        made = _EXPRESSION.sub(lambda found: str(_at(values, found[1])), name)
        return None if "${{" in made or "None" in made else made
    parts = [value for key, value in values.items() if key in axes] or list(values.values())
    if not all(isinstance(each, str) and "${{" not in each for each in parts):
        return None
    return "-".join((name, *parts))


def _at(values: Any, path: str) -> Any:
    for step in path.split("."):
        values = values.get(step) if isinstance(values, Mapping) else None
    return values


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _block(text: str) -> Any:
    """Keys or entries in lines, each in braces, on lines of its own, or a value."""
    start = next((each for each in (_ITEM.match(text.lstrip("\n")), _KEY.match(text.lstrip("\n"))) if each), None)
    if start is None:
        return _flow(text)
    pattern, column = start.re, len(start[1])
    found = [each for each in pattern.finditer(text) if len(each[1]) == column]
    ends = [*(each.start() for each in found[1:]), len(text)]
    if pattern is _ITEM:
        return [
            _block(" " * (each.end() - each.start()) + text[each.end() : end])
            for each, end in zip(found, ends, strict=True)
        ]
    values = (text[each.end() : end] for each, end in zip(found, ends, strict=True))
    return {each[2].strip("\"'"): _block(value) for each, value in zip(found, values, strict=True)}


def _flow(text: str) -> Any:
    """A value of which a part may stand in braces; as far as it is closed."""
    tokens = _TOKEN.finditer(text)
    return _value(tokens, next(tokens, None))


def _value(tokens: Iterator[re.Match[str]], first: re.Match[str] | None) -> Any:
    sign = first[1] if first else None
    if first is None or sign not in ("[", "{"):
        return None if first is None or sign else next((each for each in first.groups()[2:] if each is not None), "")
    entries: list[Any] = []
    values: dict[str, Any] = {}
    for each in tokens:
        if each[1] in ("]", "}"):
            break
        if each[2]:
            key = entries.pop() if entries else None
            values[str(key)] = _value(tokens, next(tokens, None))
        elif each[1] != ",":
            entries.append(_value(tokens, each))
    return values if sign == "{" else entries


def indented_below(text: str, start: int, column: int, *, most: int = -1) -> str:
    """The lines after the one of a place that are indented by more than so many columns, `most` of them at the most."""
    lines = []
    for line in text[start:].split("\n", most)[1 : most if most > 0 else None]:
        if line.strip() and len(line) - len(line.lstrip()) <= column:
            break
        lines.append(line)
    return "".join(f"\n{each}" for each in lines)
