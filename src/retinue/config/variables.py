"""The values behind `${{ var.NAME }}`, `${{ env.NAME }}`, `${{ secret.NAME }}`: command line, environment, default."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from retinue.config.filling import Filling
from retinue.config.interpolation import Expression, Fault, Unfilled
from retinue.config.mistakes import Mistakes, did_you_mean, listed
from retinue.config.nodes import Tree
from retinue.config.scalars import BadNumberError, scalar
from retinue.model.declared import Position
from retinue.model.values import Path, Secret

_TYPES = {"string": "a string", "number": "a number", "boolean": "true or false"}


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the project file. `path` is where the value in force was written, None when there is none; `tree`
    is the file it stands in, when that is another.

    `given` values come from the command line, as text. `typed` is set when the author says which type it must have.
    Without a value, `choices` are the environments that would give it one, and None says that a mistake is known.
    """

    name: str
    type: str
    value: Any = None
    path: Path | None = None
    given: bool = False
    typed: bool = False
    tree: Tree | None = None
    choices: tuple[str, ...] | None = ()


def type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, (int, float)) else "string"


class Variables:
    """Looks expressions up. Every variable is worked out once; what is wrong with it is reported once.

    Where an environment variable of a namespace in `stand_ins` is not set, its name stands in its place. Where there
    are any such namespaces, it also stands in for a variable that is empty: pipelines give forks no other. `asked` are
    those that were looked up, each with its namespace: `env` or `secret`. `secrets` are the values of all secrets
    among them.
    """

    def __init__(
        self,
        variables: Mapping[str, Variable],
        environ: Mapping[str, str],
        tree: Tree | None,
        mistakes: Mistakes,
        *,
        stand_ins: Collection[str] = (),
    ) -> None:
        self.asked: set[tuple[str, str]] = set()
        self._stand_ins = stand_ins
        self._variables = variables
        self._environ = environ
        self._tree = tree
        self._mistakes = mistakes
        self._values: dict[str, Any] = {}
        self._failed: set[str] = set()
        self._secret: set[str] = set()
        self._trail: list[str] = []
        self.secrets: set[str] = set()

    def origin(self, name: str) -> str:
        """Where the value in force of a variable comes from, in a few words."""
        variable = self._variables[name]
        tree = variable.tree or self._tree
        return str(tree.at(variable.path)) if tree is not None and variable.path is not None else "--var"

    def check_all(self) -> None:
        """Work every variable out, used or not, so that its mistakes are reported."""
        for name in self._variables:
            self._settle(name)

    def __call__(self, expression: Expression) -> Any:
        if expression.namespace == "secret":
            return Secret(self._environment_variable(expression))
        if expression.namespace == "env":
            return self._environment_variable(expression)
        name = expression.name
        if self._tree is None:
            raise Unfilled
        if name not in self._variables:
            declared = (
                f"declared: {listed(self._variables)}"
                if self._variables
                else "declare it under 'variables:' in retinue.yaml"
            )
            hint = did_you_mean(name, self._variables, otherwise=declared)
            raise Unfilled(Fault(expression.offset, "unknown-variable", f"there is no variable '{name}'", hint))
        if name in self._trail:
            circle = " → ".join((*self._trail[self._trail.index(name) :], name))
            raise Unfilled(
                Fault(
                    expression.offset,
                    "variable-cycle",
                    f"the variables go round in a circle: {circle}",
                    "cut one of them",
                )
            )
        if not self._settle(name):
            raise Unfilled
        return self._values[name]

    def secret(self, expression: Expression) -> bool:
        """Whether a value came from the environment, where keys and passwords come from, directly or through others."""
        return expression.namespace != "var" or expression.name in self._secret

    def _environment_variable(self, expression: Expression) -> str:
        namespace, name = expression.namespace, expression.name
        self.asked.add((namespace, name))
        value = self._environ.get(name)
        # A pipeline gives an empty text for what it does not have, so nothing is meant to be empty.
        if value:
            return self._text(expression, value)
        if namespace in self._stand_ins or (value is not None and self._stand_ins):
            return name
        message = f"the environment variable '{name}' is {'not set' if value is None else 'empty'}"
        raise Unfilled(Fault(expression.offset, "unset-environment-variable", message, f"run: export {name}=…"))

    def _text(self, expression: Expression, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            message = f"the environment variable '{expression.name}' does not hold text"
            raise Unfilled(Fault(expression.offset, "not-utf8", message, "encode it, such as in base64")) from None
        if expression.namespace == "secret":
            self.secrets.add(value)
        return value

    def _settle(self, name: str) -> bool:
        """Work one variable out. False when it has no value."""
        if name in self._values:
            return True
        if name in self._failed:
            return False
        self._trail.append(name)
        try:
            settled = self._work_out(self._variables[name])
        finally:
            self._trail.pop()
        if not settled:
            self._failed.add(name)
        return settled

    def _work_out(self, variable: Variable) -> bool:
        assert self._tree is not None  # noqa: S101 - without a project file there are no variables
        if variable.given:
            return self._convert(variable)
        if variable.path is None:
            if variable.choices is not None:
                place = self._tree.at(("variables", variable.name), key=True)
                self._report_missing(variable.name, variable.choices, place)
            return False
        filling = Filling(variable.tree or self._tree, self, self._mistakes)
        self._values[variable.name] = filling.data(variable.value, variable.path)
        if filling.secret:
            self._secret.add(variable.name)
        if filling.unfilled or not self._check_type(variable, variable.path):
            del self._values[variable.name]
            return False
        return True

    def _report_missing(self, name: str, choices: tuple[str, ...], place: Position) -> None:
        by_hand = f"give it one with --var {name}=…"
        hint = f"{by_hand}, in an environment, or as its default"
        if choices:
            hint = f"choose an environment that gives it one, such as -e {choices[0]}, or {by_hand}"
        self._mistakes.error("missing-variable", f"the variable '{name}' has no value", place, hint)

    def _check_type(self, variable: Variable, path: Path) -> bool:
        if not variable.typed or type_of(self._values[variable.name]) == variable.type:
            return True
        tree = variable.tree or self._tree
        assert tree is not None  # noqa: S101 - as above
        message = f"the variable '{variable.name}' must be {_TYPES[variable.type]}"
        self._mistakes.error("wrong-type", message, tree.at(path), "correct the value, or its 'type'")
        return False

    def _convert(self, variable: Variable) -> bool:
        """Read a value of the command line, which is always text, as the variable's type."""
        value: Any = variable.value
        if variable.type != "string":
            try:
                value = scalar(variable.value)
            except BadNumberError:
                value = None
            if type_of(value) != variable.type:
                message = f"--var {variable.name}: {_TYPES[variable.type]} is expected, not '{variable.value}'"
                self._mistakes.error("wrong-type", message, None)
                return False
        self._values[variable.name] = value
        return True
