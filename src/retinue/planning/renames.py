"""What looks renamed: an object that a plan deletes beside one that it creates and that is much like it. Pure.

Nothing is moved for it: a warning says what to write if it is one and the same (planning/moves.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from retinue.kinds.kind import Kind, Kinds
from retinue.model.canonical import canonical_json, same
from retinue.model.declared import Diagnostic, Position
from retinue.model.steps import Step

ALIKE = 0.75
"""How much of two specifications must be the same. Git takes half of a file for a rename, but here the model and the
tools of unrelated objects are often the same; at three quarters, the prompt or the files must be, too."""

_WORD = re.compile(r"\w+")


_CANDIDATES = 20
"""How many new objects one that goes is held against; of more, those that share its rarest words."""


def look_renamed(steps: Iterable[Step], kinds: Kinds) -> Iterator[Diagnostic]:
    """A warning for each object that would be deleted while one that is much like it would be created."""
    steps = list(steps)
    created = {step.address for step in steps if step.action != "delete"}
    made: dict[tuple[str, str | None], _Made] = {}
    for step in steps:
        if step.action == "create" and not step.replaces:
            made.setdefault((step.address.kind, step.home), _Made()).add(step, kinds[step.address.kind])
    pairs: list[tuple[float, Step, Step]] = []
    for old in steps:
        there = made.get((old.address.kind, old.home))
        if there and old.action == "delete" and not old.replaces and old.address not in created:
            words = _counted(_chosen(old.before or {}, kinds[old.address.kind]))
            pairs += [(-_likeness(words, other), old, new) for new, other in there.candidates(words)]
    told: set[str] = set()
    # What is declared in one line stands for many, of which all are renamed when a word of it is.
    renamed: dict[tuple[str, Position | None], list[_Renamed]] = {}
    for score, old, new in sorted(pairs, key=_most_alike):
        if -score < ALIKE or old.key in told or new.key in told:
            continue
        told |= {old.key, new.key}
        renamed.setdefault((new.address.kind, new.position), []).append(_Renamed(old, new, round(-score, 2)))
    warnings = [_look_renamed(each[0]) if len(each) == 1 else _all_look_renamed(each) for each in renamed.values()]
    yield from _in_one_list(warnings, [each for group in renamed.values() for each in group])


class _Renamed(NamedTuple):
    """An object that would go, the one that is much like it, and how much, from 0 to 1."""

    old: Step
    new: Step
    alike: float

    @property
    def details(self) -> dict[str, Any]:
        return {"from": str(self.old.address), "to": str(self.new.address), "alike": self.alike}


def _most_alike(pair: tuple[float, Step, Step]) -> tuple[Any, ...]:
    """What says most: how much two objects are alike, then how many parts of their names are the same."""
    score, old, new = pair
    parts = [Counter(re.split("[-_]", each.address.name)) for each in (old, new)]
    return round(score, 2), -(parts[0] & parts[1]).total(), old.address, new.address


def _moved(found: Iterable[_Renamed]) -> str:
    entries = ", ".join(f"{{from: {each.old.address}, to: {each.new.address}}}" for each in found)
    return f"moved: [{entries}]"


def _in_one_list(warnings: list[Diagnostic], found: Iterable[_Renamed]) -> Iterator[Diagnostic]:
    """The warnings, of which the first says what to write for all of them: a file has one `moved:`, and a value that
    several matrices share is renamed in all of them at once."""
    if len(warnings) < 2:
        yield from warnings
        return
    all_of_them = sorted(found, key=lambda each: each.old.address)
    entries = f"write '{_moved(all_of_them)}' into a file of declarations"
    yield replace(warnings[0], hint=f"to rename all {len(all_of_them):,} that look renamed in this plan, {entries}")
    for each in warnings[1:]:
        yield replace(each, hint=f"to rename instead, write what the warning of {warnings[0].position} says")


def _look_renamed(found: _Renamed) -> Diagnostic:
    old, new = found.old, found.new
    entry = _moved([found])
    return Diagnostic(
        "warning",
        "looks-renamed",
        f"{old.address} ({old.id}) would be deleted and {new.address}, which is much like it, created",
        new.position,
        f"to rename it instead, write '{entry}' into a file of declarations",
        details=found.details,
    )


def _all_look_renamed(found: Sequence[_Renamed]) -> Diagnostic:
    """One warning for all that are declared in one line, with all that has to be written."""
    found = sorted(found, key=lambda each: each.old.address)
    first = found[0]
    return Diagnostic(
        "warning",
        "looks-renamed",
        f"{len(found):,} objects would be deleted and {len(found):,}, which are much like them, created, such as "
        f"{first.new.address} for {first.old.address}",
        first.new.position,
        f"to rename them instead, write '{_moved(found)}' into a file of declarations",
        details={"moves": [each.details for each in found]},
    )


class _Made:
    """The objects of a kind that would be created, by their words."""

    def __init__(self) -> None:
        self._all: list[tuple[Step, Counter[str]]] = []
        self._with: dict[str, list[int]] = {}

    def add(self, step: Step, kind: Kind) -> None:
        words = _counted({name: value for name, value in (step.after or {}).items() if kind.has(name)})
        for each in words:
            self._with.setdefault(each, []).append(len(self._all))
        self._all.append((step, words))

    def candidates(self, words: Counter[str]) -> list[tuple[Step, Counter[str]]]:
        """Those that may be much like an object with these words: all of a few; of many, those that share with it what
        the fewest have."""
        if len(self._all) <= _CANDIDATES:
            return self._all
        found: dict[int, None] = {}
        for word in sorted(words, key=lambda each: (len(self._with.get(each, ())), each)):
            found.update(dict.fromkeys(self._with.get(word, ())[:_CANDIDATES]))
            if len(found) >= _CANDIDATES:
                break
        return [self._all[each] for each in list(found)[:_CANDIDATES]]


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    """From 0 to 1: the share of words that two specifications have in common, however they are ordered."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _counted(spec: Mapping[str, Any]) -> Counter[str]:
    return Counter(word for name in sorted(spec) for word in _words(name, spec[name]))


def _chosen(spec: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """What is not left at its default: that says nothing where another object does not speak of it."""
    return {name: value for name, value in spec.items() if kind.has(name) and not same(value, kind.field(name).default)}


def _words(name: str, value: Any) -> list[str]:
    return _WORD.findall(canonical_json({name: value})) if value is not None else []
