"""A matrix → its combinations, each with its name: the product of the axes, less `exclude`, more `include`.

Exclusions and inclusions are those of GitHub's workflows: an exclusion names some of the values of a combination; an
inclusion adds its values to every combination of which it changes no value of an axis, and is a combination of its own
where there is none. Pure.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retinue.config.problems import did_you_mean, listed
from retinue.model.declared import MOST_GUESSES, Problem
from retinue.model.values import Path

EXCLUDE, INCLUDE = "exclude", "include"
MOST = 100_000
"""How many declarations one may stand for."""


@dataclass(slots=True)
class Combination:
    """Values by name; `places` says where in the matrix each was written."""

    values: dict[str, Any]
    places: dict[str, Path] = field(default_factory=dict)


def axes_of(matrix: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    return {name: values for name, values in matrix.items() if name not in (EXCLUDE, INCLUDE)}


def matrix_problems(matrix: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a matrix whose form is right; paths are in it."""
    axes = axes_of(matrix)
    for name, values in axes.items():
        for index, value in enumerate(values):
            if any(_same(value, other) for other in values[:index]) if index < MOST_GUESSES else False:
                message = f"{json.dumps(value)} stands twice in '{name}'"
                yield Problem("duplicate-value", (name, index), message, "take one of them out")
    known = f"the axes are {listed(axes)}" if axes else "there is no axis: name one, or leave it out"
    for index, entry in enumerate(matrix.get(EXCLUDE) or ()):
        for name in entry:
            if name not in axes:
                hint = did_you_mean(name, axes, otherwise=known)
                message = f"the matrix has no axis '{name}' to exclude something of"
                yield Problem("unknown-field", (EXCLUDE, index, name), message, hint, key=True)
    size = math.prod(len(values) for values in axes.values())
    if size > MOST:
        message = f"the matrix has {size:,} combinations, and at most {MOST:,} are made"
        yield Problem("too-many", (), message, "split it up")


def combinations(matrix: Mapping[str, Any]) -> tuple[list[Combination], list[Problem]]:
    """All combinations in the order of the axes, those of inclusions last; and what is told of entries in vain."""
    axes = axes_of(matrix)
    excluded = list(matrix.get(EXCLUDE) or ())
    useful: set[int] = set()
    found: list[Combination] = []
    indexed = [list(enumerate(values)) for values in axes.values()]
    for chosen in itertools.product(*indexed) if axes else ():
        values = {name: value for name, (_, value) in zip(axes, chosen, strict=True)}
        without = {index for index, each in enumerate(excluded) if _covers(each, values)}
        useful |= without
        if not without:
            places: dict[str, Path] = {name: (name, index) for name, (index, _) in zip(axes, chosen, strict=True)}
            found.append(Combination(values, places))
    _include(found, matrix.get(INCLUDE) or (), axes)
    problems = [
        Problem(
            "left-out",
            (EXCLUDE, index),
            "this leaves nothing out: no combination has these values",
            "correct it, or remove it",
            severity="warning",
        )
        for index, _ in enumerate(excluded)
        if index not in useful
    ]
    return found, problems


def _include(found: list[Combination], included: Sequence[Mapping[str, Any]], axes: Mapping[str, Any]) -> None:
    of_axes = len(found)
    for index, entry in enumerate(included):
        fixed = {name: value for name, value in entry.items() if name in axes}
        fitting = [each for each in found[:of_axes] if all(_same(each.values[name], fixed[name]) for name in fixed)]
        places: dict[str, Path] = {name: (INCLUDE, index, name) for name in entry}
        for each in fitting:
            each.places.update({name: place for name, place in places.items() if name not in axes})
            each.values.update({name: value for name, value in entry.items() if name not in axes})
        if not fitting:
            ordered = {**{name: entry[name] for name in axes if name in entry}, **entry}
            found.append(Combination(ordered, places))


def _covers(part: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(name in values and _same(value, values[name]) for name, value in part.items())


def _same(one: Any, other: Any) -> bool:
    """Whether a value is the one that is written; of a map, some keys may be written. 1 is not true."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(name in other and _same(value, other[name]) for name, value in one.items())
    return type(one) is type(other) and one == other


def suffix(combination: Combination, axes: Mapping[str, Any]) -> str | None:
    """What a combination is called beside its declaration: the values of its axes, or all that it has where it has none
    of an axis, with dashes between them; None where one of them is no single value."""
    named = [value for name, value in combination.values.items() if name in axes]
    named = named or list(combination.values.values())
    if any(isinstance(each, Mapping | list) or each is None for each in named):
        return None
    return "-".join(each if isinstance(each, str) else json.dumps(each) for each in named)
