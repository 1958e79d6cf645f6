"""The values of expressions that hold for one declaration: its name, its parameters, its place in a matrix."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from retinue.config.interpolation import OPEN, Expression, Fault, UnfilledError, Values
from retinue.config.problems import did_you_mean, listed
from retinue.model.values import Address

_HOW = {
    "with": "give it one under 'with:', or in the template",
    "matrix": "name it under 'matrix:'",
    "self": f"write {OPEN} self.name }}}} or {OPEN} self.address }}}}",
}


class Scope:
    """Values by namespace, around which those of the project stand; a namespace given here hides one further out.

    `exposed` are expressions, each as namespace and name, whose values may hold keys and passwords.
    """

    def __init__(
        self,
        around: Values,
        values: Mapping[str, Mapping[str, Any]],
        *,
        exposed: Collection[tuple[str, str]] = (),
    ) -> None:
        self._around = around
        self._values = values
        self._exposed = exposed

    @classmethod
    def of(cls, address: Address, around: Values) -> Scope:
        """The scope of a declaration that was made of nothing else."""
        return cls(around, {"self": {"name": address.name, "address": str(address)}, "with": {}, "matrix": {}})

    def narrowed(self, given: Mapping[str, Any]) -> Scope:
        """The same with parameters that come before those of the declaration."""
        parameters = {**self._values.get("with", {}), **given}
        exposed = {each for each in self._exposed if each[0] != "with" or each[1] not in given}
        return Scope(self._around, {**self._values, "with": parameters}, exposed=exposed)

    def __call__(self, expression: Expression) -> Any:
        values = self._values.get(expression.namespace)
        if values is None:
            return self._around(expression)
        if expression.name in values:
            return values[expression.name]
        how = _HOW.get(expression.namespace)
        known = f"there are: {listed(values)}" if values else how
        hint = did_you_mean(expression.name, values, otherwise=known)
        message = f"there is no value for '{expression.namespace}.{expression.name}'"
        raise UnfilledError(Fault(expression.offset, "unknown-variable", message, hint))

    def known(self, expression: Expression) -> bool:
        """Whether there is something of that name, whether or not it has a value."""
        values = self._values.get(expression.namespace)
        return self._around.known(expression) if values is None else expression.name in values

    def secret(self, expression: Expression) -> bool:
        """Whether a value may hold a key or a password."""
        if expression.namespace in self._values:
            return (expression.namespace, expression.name) in self._exposed
        return self._around.secret(expression)

    @property
    def room(self) -> int:
        """How many characters may still be filled in, in all of the project."""
        return self._around.room

    @room.setter
    def room(self, room: int) -> None:
        self._around.room = room
