"""The values of expressions that hold for one declaration: its name, its parameters, its place in a matrix."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from retinue.config.interpolation import OPEN, Expression, Fault, UnfilledError, Values
from retinue.config.problems import did_you_mean, listed
from retinue.model.values import Address

_NONE: Mapping[str, Any] = MappingProxyType({})
_HOW = {
    "with": "give it one under 'with:', or in the template",
    "matrix": "name it under 'matrix:'",
    "self": f"write {OPEN} self.name }}}} or {OPEN} self.address }}}}",
}


class Scope:
    """Values by namespace, around which those of the project stand; a namespace given here hides one further out.

    `exposed` are expressions, each as namespace and name, whose values may hold keys and passwords. `failed` are the
    names of values of which a mistake is known already. `asked` are the expressions that were looked up, but for those
    of `inner` parameters, which are not the declaration's.
    """

    def __init__(
        self,
        around: Values,
        values: Mapping[str, Mapping[str, Any]],
        *,
        address: Address | None = None,
        exposed: Collection[tuple[str, str]] = (),
        failed: Collection[tuple[str, str]] = (),
        inner: Collection[str] = (),
    ) -> None:
        self._around = around
        self._values = values
        self._address = address
        self._exposed = exposed
        self._failed = failed
        self._inner = inner
        self.asked: set[tuple[str, str]] = set()

    @classmethod
    def of(cls, address: Address, around: Values, matrix: Mapping[str, Any] = _NONE) -> Scope:
        """The scope of a declaration, without parameters."""
        itself = {"name": address.name, "address": str(address)}
        return cls(around, {"self": itself, "with": _NONE, "matrix": matrix}, address=address)

    def within(
        self,
        namespace: str,
        values: Mapping[str, Any],
        *,
        exposed: Collection[tuple[str, str]] = (),
        failed: Collection[str] = (),
    ) -> Scope:
        """The same with other values in one namespace."""
        inner = Scope(
            self._around,
            {**self._values, namespace: values},
            address=self._address,
            exposed={*self._exposed, *exposed},
            failed={*self._failed, *((namespace, name) for name in failed)},
        )
        inner.asked = self.asked
        return inner

    def narrowed(self, given: Mapping[str, Any]) -> Scope:
        """The same with parameters that come before those of the declaration."""
        parameters = {**self._values.get("with", {}), **given}
        exposed = {each for each in self._exposed if each[0] != "with" or each[1] not in given}
        values = {**self._values, "with": parameters}
        inner = Scope(
            self._around, values, address=self._address, exposed=exposed, failed=self._failed, inner=given.keys()
        )
        inner.asked = self.asked
        return inner

    def __call__(self, expression: Expression) -> Any:
        namespace, name = expression.namespace, expression.name
        values = self._values.get(namespace)
        if values is None:
            return self._around(expression)
        if namespace != "with" or name not in self._inner:
            self.asked.add((namespace, name))
        if name in values:
            return values[name]
        if (namespace, name) in self._failed:
            raise UnfilledError
        how = _HOW.get(namespace)
        known = f"there are: {listed(values)}" if values else how
        hint = did_you_mean(name, values, otherwise=known)
        whose = f"{self._address} has" if self._address else "there is"
        message = f"{whose} no value for '{namespace}.{name}'"
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
