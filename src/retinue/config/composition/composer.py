"""Entries → declarations as they are to be read: all that one is made of, and each of the many it stands for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from retinue.config.composition.composed import ComposedTree, laid_over, own_nodes
from retinue.config.composition.layers import EXTENDS, Layers
from retinue.config.composition.matrix import Combination, axes_of, combinations, matrix_problems, suffix
from retinue.config.composition.merging import Merger
from retinue.config.composition.overlay import Overlay
from retinue.config.composition.parameters import WITH, Parameters
from retinue.config.interpolation import OPEN, Interpolator, fill
from retinue.config.problems import Diagnostics
from retinue.config.schema.declaration_schema import COMPOSITION
from retinue.config.schema.validator import Validator
from retinue.config.scope import Scope
from retinue.config.sections import Entry
from retinue.config.variables import Variables
from retinue.config.yaml.syntax_tree import Tree
from retinue.model.declared import LeftOut, Problem
from retinue.model.values import Address, Path

MATRIX = "matrix"
_FORM = Validator({"type": "object", "properties": {word: COMPOSITION[word] for word in (EXTENDS, WITH, MATRIX)}})
_PRINTED = "addresses are made of it"


@dataclass(frozen=True, slots=True)
class Instance:
    """A declaration in all its parts, with the values of its expressions."""

    entry: Entry
    scope: Scope


class Composer:
    """Makes instances of entries. `complete` is False when a mistake keeps some of them, and their names, unknown."""

    def __init__(self, layers: Layers, overlay: Overlay, lookup: Variables, diagnostics: Diagnostics) -> None:
        self._layers = layers
        self._overlay = overlay
        self._lookup = lookup
        self._diagnostics = diagnostics
        self.complete = True

    @property
    def left_out(self) -> dict[Address, LeftOut]:
        """What is written, but not declared in the environment."""
        return self._overlay.left_out

    def instances(self, entry: Entry, *, added: bool = False) -> Iterator[Instance]:
        """What an entry comes to in the environment: nothing, one declaration or many. One that is `added` is declared
        for the environment only."""
        whole = self._whole(entry) if isinstance(entry.data, dict) else entry
        changed = self._in_environment(whole, added=added)
        if changed is None:
            return
        whole = changed
        if not isinstance(whole.data, dict):
            yield Instance(whole, Scope.of(_address(whole), self._lookup))
            return
        if whole.data.keys().isdisjoint((EXTENDS, WITH, MATRIX)):
            yield self._instance(whole, {}, usable=True)
            return
        written = {word: whole.data[word] for word in (EXTENDS, WITH, MATRIX) if word in whole.data}
        problems = _FORM.problems(written, whole.tree, f"the {whole.kind.title} '{whole.name}'")
        self._diagnostics.place(problems, whole.tree)
        wrong = {each.path[0] for each in problems if each.path}
        whole = replace(whole, data=_less(whole.data, EXTENDS, MATRIX), broken=whole.broken or bool(wrong))
        if MATRIX in wrong:
            self.complete = False
            return
        if MATRIX not in written:
            yield self._instance(whole, {}, usable=WITH not in wrong)
            return
        for each, values in self._combined(whole, written[MATRIX]):
            laid = self._overlay.applied(each, self._scope(each, values))
            if laid is not None:
                yield self._instance(laid, values, usable=WITH not in wrong)

    def _in_environment(self, entry: Entry, *, added: bool) -> Entry | None:
        """The entry with what the environment changes in it; None where it is not there."""
        many = isinstance(entry.data, dict) and MATRIX in entry.data
        scope = None if many else self._scope(entry, {})
        if not added:
            return self._overlay.applied(entry, scope)
        return self._overlay.underlaid(entry, scope) if scope and isinstance(entry.data, dict) else entry

    def _scope(self, entry: Entry, matrix: Mapping[str, Any]) -> Scope:
        """The values that labels may be made of, before it is known what an environment changes."""
        scope = Scope.of(_address(entry), self._lookup, matrix)
        given = entry.data.get(WITH) if isinstance(entry.data, dict) and "labels" in entry.data else None
        if not isinstance(given, dict):
            return scope
        return Parameters.fill(given, entry.tree, scope, self._lookup.written, Diagnostics())

    def _instance(self, entry: Entry, matrix: Mapping[str, Any], *, usable: bool) -> Instance:
        scope = Scope.of(_address(entry), self._lookup, matrix)
        given = entry.data.get(WITH)
        if WITH in entry.data:
            entry = replace(entry, data=_less(entry.data, WITH))
        if usable and isinstance(given, dict):
            scope = Parameters.fill(given, entry.tree, scope, self._lookup.written, self._diagnostics)
        if isinstance(entry.tree, ComposedTree):
            entry.tree.lookup = scope
        return Instance(entry, scope)

    def _whole(self, entry: Entry) -> Entry:
        """An entry with what it is made of: defaults, then templates."""
        below, sound = self._layers.below(entry, self._overlay.extends(entry))
        merger = Merger(entry.kind, self._diagnostics, nulls="kept" if below is None else "refused")
        if below is None and not merger.has_maps(entry.data):
            return entry if sound else replace(entry, broken=True)
        whole = laid_over(entry, merger.merged(below, entry.part), (entry.tree,))
        return replace(whole, broken=not sound)

    # ── matrices ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _combined(self, entry: Entry, written: Mapping[str, Any]) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
        """The entry once for each combination of its matrix, with the name and the values of that."""
        interpolator = Interpolator(entry.tree, self._lookup, self._diagnostics)
        matrix = interpolator.shown(written, (MATRIX,), why=_PRINTED)
        problems = [] if interpolator.unfilled else [*_not_lists(matrix)]
        problems += [] if interpolator.unfilled or problems else [*matrix_problems(matrix)]
        self._place(problems, entry.tree)
        if interpolator.unfilled or problems:
            self.complete = False
            return
        found, vain = combinations(matrix)
        self._place(vain, entry.tree)
        axes, own = axes_of(matrix), own_nodes(entry.tree)
        top, key = entry.part.node, entry.tree.key()
        taken: set[str] = set()
        for each in found:
            name = self._name(entry, each, axes)
            if name is None:
                self.complete = False
                return
            if name in taken:
                self._refuse_twice(entry, name)
                return
            taken.add(name)
            places: dict[str, Path] = {of: (MATRIX, *path) for of, path in each.places.items()}
            tree = ComposedTree(top, key, own, places, len(found) - 1, alone=() if len(found) > 1 else own)
            yield replace(entry, name=name, tree=tree, merged=True), each.values

    def _name(self, entry: Entry, combination: Combination, axes: Mapping[str, Any]) -> str | None:
        """What an instance is called; None, reported, where nothing can be made of it."""
        place = entry.tree.at((), key=True)
        if OPEN not in entry.name:
            ending = suffix(combination, axes)
            if ending is not None:
                return f"{entry.name}-{ending}"
            message = f"'{entry.name}' is no name for many: not all values of its matrix are single ones"
            hint = 'write the name as a pattern, such as "bot-${{ matrix.language.code }}"'
            self._diagnostics.error("bad-name", message, place, hint)
            return None
        filled = fill(entry.name, Scope(self._lookup, {MATRIX: combination.values}))
        for fault in filled.faults:
            self._diagnostics.error(fault.code, fault.message, place, fault.hint)
        if not filled.complete:
            return None
        return filled.value if isinstance(filled.value, str) else json.dumps(filled.value)

    def _refuse_twice(self, entry: Entry, name: str) -> None:
        message = f"two combinations of the matrix are called '{name}'"
        hint = 'put what tells them apart into the name, such as "${{ matrix.topic }}-${{ matrix.language }}"'
        self._diagnostics.error("duplicate-name", message, entry.tree.at((), key=True), hint)
        self.complete = False

    def _place(self, problems: Iterable[Problem], tree: Tree) -> None:
        self._diagnostics.place((replace(each, path=(MATRIX, *each.path)) for each in problems), tree)


def _not_lists(matrix: Mapping[str, Any]) -> Iterator[Problem]:
    """The axes that are no lists, once their expressions are filled."""
    for name, values in axes_of(matrix).items():
        if not isinstance(values, list) or not values:
            message, hint = f"'{name}' must be a list of values", "write [A, B], or an expression that gives a list"
            yield Problem("wrong-type", (name,), message, hint)


def _less(data: Mapping[str, Any], *words: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in words}


def _address(entry: Entry) -> Address:
    return Address(entry.kind.name, entry.name)
