"""The values under `with`, filled: they may be made of one another, and of everything else a declaration knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from retinue.config.interpolation import Expression, Fault, Interpolator, UnfilledError, may_be_filled
from retinue.config.problems import Diagnostics
from retinue.config.scope import Scope
from retinue.config.splices import Spliced, Splicer, of_values
from retinue.config.variables import DEEPEST
from retinue.config.yaml.syntax_tree import Tree
from retinue.model.values import Path

WITH = "with"
_Written = Callable[[Expression], Spliced | None]


class Parameters(Scope):
    """Works each value out once; what is wrong with it is reported once. `around` knows all but these values, and
    `variables` the lists and maps of the project."""

    def __init__(
        self, written: Mapping[str, Any], tree: Tree, around: Scope, variables: _Written, diagnostics: Diagnostics
    ) -> None:
        self.exposed: set[tuple[str, str]] = set()
        super().__init__(around, {WITH: written}, exposed=self.exposed)
        self._written = written
        self._tree = tree
        self._scope = around
        self._variables = variables
        self._diagnostics = diagnostics
        self._trail: list[str] = []
        self._faulty: set[str] = set()
        self.values: dict[str, Any] = {}

    @classmethod
    def fill(
        cls, written: Mapping[str, Any], tree: Tree, around: Scope, variables: _Written, diagnostics: Diagnostics
    ) -> Scope:
        """The scope with these values in it. One that could not be filled is reported, and stays unfilled."""
        if not any(may_be_filled(each) for each in written.values()):
            return around.within(WITH, written)
        parameters = cls(written, tree, around, variables, diagnostics)
        for name in written:
            parameters.evaluate(name)
        return around.within(WITH, parameters.values, exposed=parameters.exposed, failed=parameters._faulty)

    def evaluate(self, name: str) -> bool:
        """Work one value out. False when it has none."""
        if name in self.values or name in self._faulty:
            return name in self.values
        self._trail.append(name)
        value, tree = self._written[name], self._tree
        path: Path = (WITH, name)
        node = tree.node(path) if isinstance(value, list | dict) else None
        splicer = Splicer(of_values(self, self._variables), self._diagnostics)
        spliced = splicer.spliced(value, node, self) if node is not None else None
        if spliced is not None and spliced.data is not value:
            value, tree, path = spliced.data, Tree(spliced.node, tree.key(path)), ()
        interpolator = Interpolator(tree, self, self._diagnostics)
        value = interpolator.data(value, path)
        self._trail.pop()
        if interpolator.unfilled or (node is not None and spliced is None):
            self._faulty.add(name)
            return False
        if interpolator.secret or splicer.secret:
            self.exposed.add((WITH, name))
        self.values[name] = value
        return True

    # ── the values that these may be made of ──────────────────────────────────────────────────────────────────────────

    def __call__(self, expression: Expression) -> Any:
        name = expression.name
        if expression.namespace != WITH or name not in self._written:
            return self._around(expression)
        if name in self._trail:
            circle = " → ".join((*self._trail[self._trail.index(name) :], name))
            message = f"the values under 'with' go round in a circle: {circle}"
            raise UnfilledError(Fault(expression.offset, "variable-cycle", message, "cut one of them"))
        if len(self._trail) > DEEPEST:
            message = f"values are made of one another more than {DEEPEST} deep"
            raise UnfilledError(Fault(expression.offset, "too-deep", message, "write some of them out"))
        self._scope.asked.add((WITH, name))
        if not self.evaluate(name):
            raise UnfilledError
        return self.values[name]
