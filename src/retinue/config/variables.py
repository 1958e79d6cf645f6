"""The values behind `${{ var.NAME }}`, `${{ env.NAME }}`, `${{ secret.NAME }}`: command line, environment, default.

Those of `${{ environment.name }}` are here, too; what holds for one declaration only is in `scope`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from retinue.config.interpolation import (
    INCLUDE,
    LOCAL,
    MOST_FILLED_IN_ALL,
    OUTSIDE,
    Expression,
    Fault,
    Interpolator,
    UnfilledError,
    only_expression,
)
from retinue.config.problems import Diagnostics, did_you_mean, listed
from retinue.config.schema.project_schema import VARIABLE_TYPES
from retinue.config.source_text import Source
from retinue.config.splices import Spliced, Splicer, is_shallow, made_of, of_values, part_at
from retinue.config.yaml.constructor import BadNumberError, scalar
from retinue.config.yaml.parser import FileReader, NotJsonError, parse_file, read_json
from retinue.config.yaml.syntax_tree import Tree
from retinue.errors import reason_of
from retinue.model.declared import MOST_GUESSES, Position
from retinue.model.values import Path, Secret

DEEPEST = 64
"""How many values may be made of one another in a row."""
_TYPES = {"string": "a string", "number": "a number", "boolean": "true or false", "list": "a list", "map": "a map"}
_COLLECTIONS: dict[str, type[Any]] = {"list": list, "map": dict}


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
    for name, type_ in _COLLECTIONS.items():
        if isinstance(value, type_):
            return name
    return "number" if isinstance(value, (int, float)) else "string"


class Variables:
    """Looks expressions up. Every variable is worked out once; what is wrong with it is reported once.

    Where an environment variable of a namespace in `stand_ins` is not set, its name stands in its place. Where there
    are any such namespaces, it also stands in for a variable that is empty: pipelines give forks no other. `asked` are
    those that were looked up, each with its namespace: `env` or `secret`. `secrets` are the values of all secrets
    among them, and `room` is how many characters may still be filled in. `environment` is the name of the chosen one,
    None without one, `environments` are those that could be, and `lacking` says that it is told already that one has to
    be chosen.
    """

    def __init__(
        self,
        variables: Mapping[str, Variable],
        environ: Mapping[str, str],
        tree: Tree | None,
        diagnostics: Diagnostics,
        *,
        stand_ins: Collection[str] = (),
        environment: str | None = None,
        environments: Sequence[str] = (),
        lacking: bool = False,
    ) -> None:
        self._chosen = environment
        self._lacking = lacking
        self._environments = environments
        self.asked: set[tuple[str, str]] = set()
        self._stand_ins = stand_ins
        self._variables = variables
        self._environ = environ
        self._tree = tree
        self._diagnostics = diagnostics
        self._values: dict[str, Any] = {}
        self._written: dict[str, Spliced | None] = {}
        self._parts: dict[tuple[str, tuple[str, ...]], Spliced | None] = {}
        self._failed: set[str] = set()
        self._secret: set[str] = set()
        self._trail: list[str] = []
        self._assumed: set[str] = set()
        self.secrets: set[str] = set()
        self.room = MOST_FILLED_IN_ALL
        self._guesses = MOST_GUESSES

    def origin(self, name: str) -> str:
        """Where the value in force of a variable comes from, in a few words."""
        variable = self._variables[name]
        tree = variable.tree or self._tree
        return str(tree.at(variable.path)) if tree is not None and variable.path is not None else "--var"

    def check_all(self) -> None:
        """Work every variable out, used or not, so that its mistakes are reported."""
        for name in self._variables:
            self._evaluate(name)

    def __call__(self, expression: Expression) -> Any:
        if expression.namespace == "secret":
            return Secret(self._environment_variable(expression))
        if expression.namespace == "env":
            return self._environment_variable(expression)
        if expression.namespace == "environment":
            return self._environment_name(expression)
        if expression.namespace == INCLUDE:
            message = "an include stands in text files that are rendered"
            instead = f"write {{file: '{expression.name}', render: true}}, in a list if it is a part of a text"
            raise UnfilledError(Fault(expression.offset, "bad-expression", message, instead))
        name = expression.name
        if expression.namespace in LOCAL:
            message = f"there are no values under '{expression.namespace}' here"
            where = "they stand in declarations, and in what those take in: use a variable of the project"
            raise UnfilledError(Fault(expression.offset, "bad-expression", message, where))
        if self._tree is None:
            raise UnfilledError
        if name not in self._variables:
            declared = (
                f"declared: {listed(self._variables)}"
                if self._variables
                else "declare it under 'variables:' in retinue.yaml"
            )
            self._guesses -= 1
            near = self._variables if self._guesses >= 0 else ()
            hint = did_you_mean(name, near, otherwise=declared)
            raise UnfilledError(Fault(expression.offset, "unknown-variable", f"there is no variable '{name}'", hint))
        if name in self._trail:
            circle = " → ".join((*self._trail[self._trail.index(name) :], name))
            raise UnfilledError(
                Fault(
                    expression.offset,
                    "variable-cycle",
                    f"the variables go round in a circle: {circle}",
                    "cut one of them",
                )
            )
        if len(self._trail) > DEEPEST:
            message = f"variables are made of others more than {DEEPEST} deep"
            raise UnfilledError(Fault(expression.offset, "too-deep", message, "write some of them out"))
        if not self._evaluate(name):
            raise UnfilledError
        if name in self._assumed:
            self._assumed.update(self._trail)
        return self._values[name]

    def written(self, expression: Expression) -> Spliced | None:
        """The list or map that the expression of a variable stands for, as it was written; None where it stands for
        anything else, or has no value, which is told when it is filled in."""
        try:
            value = expression.part_of(self(expression))
        except UnfilledError:
            return None
        if not isinstance(value, list | dict):
            return None
        key = (expression.name, expression.path)
        if key not in self._parts:
            whole = self._whole(expression.name)
            self._parts[key] = part_at(whole, expression.path) if whole is not None else None
        return self._parts[key]

    def _whole(self, name: str) -> Spliced | None:
        """All of a variable that is a list or a map and has been worked out."""
        if name not in self._written:
            variable = self._variables[name]
            tree = (variable.tree or self._tree) if variable.path is not None else self._tree
            assert tree is not None  # noqa: S101 - without a project file there are no variables
            only = only_expression(variable.value) if isinstance(variable.value, str) and not variable.given else None
            found = self.written(only) if only is not None and only.namespace == "var" else None
            if found is None:  # a text from outside
                node = tree.node(variable.path or ()) if variable.path else tree.key(("variables", name))
                found = made_of(self._values[name], node, exposed=name in self._secret) if node is not None else None
            self._written[name] = found
        return self._written[name]

    def known(self, expression: Expression) -> bool:
        """Whether there is something of that name, whether or not it has a value."""
        if expression.namespace == "var":
            return expression.name in self._variables
        if expression.namespace in OUTSIDE:
            return bool(self._environ.get(expression.name))
        return expression.namespace == "environment" and expression.name == "name"

    def secret(self, expression: Expression) -> bool:
        """Whether a value came from the environment, where keys and passwords come from, directly or through others."""
        return expression.namespace in OUTSIDE or (expression.namespace == "var" and expression.name in self._secret)

    def _environment_name(self, expression: Expression) -> str:
        if expression.name != "name":
            message, hint = f"an environment has no '{expression.name}'", "write ${{ environment.name }}"
            raise UnfilledError(Fault(expression.offset, "bad-expression", message, hint))
        if self._chosen is not None:
            return self._chosen
        if self._lacking:
            raise UnfilledError
        hint = "declare one under 'environments:' in retinue.yaml, and choose it with -e"
        if self._environments:
            hint = f"choose one, such as -e {self._environments[0]}"
        message = "there is no environment to name, since none is chosen"
        raise UnfilledError(Fault(expression.offset, "missing-variable", message, hint))

    def _environment_variable(self, expression: Expression) -> str:
        namespace, name = expression.namespace, expression.name
        self.asked.add((namespace, name))
        value = self._environ.get(name)
        # A pipeline gives an empty text for what it does not have, so nothing is meant to be empty.
        if value:
            return self._text(expression, value)
        if namespace in self._stand_ins or (value is not None and self._stand_ins):
            self._assumed.update(self._trail)
            return name
        message = f"the environment variable '{name}' is {'not set' if value is None else 'empty'}"
        raise UnfilledError(Fault(expression.offset, "unset-environment-variable", message, f"run: export {name}=…"))

    def _text(self, expression: Expression, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            message = f"the environment variable '{expression.name}' does not hold text"
            raise UnfilledError(Fault(expression.offset, "not-utf8", message, "encode it, such as in base64")) from None
        if expression.namespace == "secret":
            self.secrets.add(value)
        return value

    def _evaluate(self, name: str) -> bool:
        """Work one variable out. False when it has no value."""
        if name in self._values:
            return True
        if name in self._failed:
            return False
        self._trail.append(name)
        try:
            evaluated = self._evaluated(self._variables[name])
        finally:
            self._trail.pop()
        if not evaluated:
            self._failed.add(name)
        return evaluated

    def _evaluated(self, variable: Variable) -> bool:
        assert self._tree is not None  # noqa: S101 - without a project file there are no variables
        if variable.given:
            return self._convert(variable)
        if variable.path is None:
            if variable.choices is not None:
                place = self._tree.at(("variables", variable.name), key=True)
                self._report_missing(variable.name, variable.choices, place)
            return False
        tree = variable.tree or self._tree
        interpolator, value, path = Interpolator(tree, self, self._diagnostics), variable.value, variable.path
        node = tree.node(path) if isinstance(value, list | dict) else None
        if node is not None:
            spliced = Splicer(of_values(self, self.written), self._diagnostics).spliced(value, node)
            if spliced is None:
                return False
            self._written[variable.name] = spliced
            interpolator = Interpolator(Tree(spliced.node, tree.key(path)), self, self._diagnostics)
            value, path = spliced.data, ()
        self._values[variable.name] = interpolator.data(value, path)
        if interpolator.secret:
            self._secret.add(variable.name)
            self._read_as_typed(variable)
        if interpolator.unfilled or not self._check_type(variable, variable.path):
            del self._values[variable.name]
            return False
        return True

    def _report_missing(self, name: str, choices: tuple[str, ...], place: Position) -> None:
        if choices and self._lacking:
            return
        by_hand = f"give it one with --var {name}=…"
        hint = f"{by_hand}, in an environment, or as its default"
        if choices:
            hint = f"choose an environment that gives it one, such as -e {choices[0]}, or {by_hand}"
        self._diagnostics.error("missing-variable", f"the variable '{name}' has no value", place, hint)

    def _read_as_typed(self, variable: Variable) -> None:
        """The environment has nothing but text: what it gives is read as the variable's type, as on the command line.
        A secret stays what it is."""
        value = self._values[variable.name]
        if variable.typed and isinstance(value, str) and not isinstance(value, Secret):
            stand_in = {"number": 0, "boolean": False, "list": [], "map": {}}.get(variable.type)
            found = _as_type(value, variable.type)
            if found is None and variable.name in self._assumed:
                found = stand_in
            self._values[variable.name] = value if found is None else found

    def _check_type(self, variable: Variable, path: Path) -> bool:
        if not variable.typed or type_of(self._values[variable.name]) == variable.type:
            return True
        tree = variable.tree or self._tree
        assert tree is not None  # noqa: S101 - as above
        message = f"the variable '{variable.name}' must be {_TYPES[variable.type]}"
        if variable.name in self._secret:
            message += ", and the environment does not give one"
        self._diagnostics.error("wrong-type", message, tree.at(path), "correct the value, or its 'type'")
        return False

    def _convert(self, variable: Variable) -> bool:
        """Read a value of the command line, which is always text, as the variable's type."""
        value = _as_type(variable.value, variable.type)
        if value is None:
            message = f"--var {variable.name}: {_TYPES[variable.type]} is expected, not '{variable.value}'"
            hint = {"list": """write JSON: '["a", "b"]'""", "map": """write JSON: '{"name": "value"}'"""}
            self._diagnostics.error("wrong-type", message, None, hint.get(variable.type))
            return False
        self._values[variable.name] = value
        return True


def _as_type(text: str, wanted: str) -> Any:
    """What a text from outside means for a variable of that type; None when it means nothing."""
    if wanted == "string":
        return text
    if wanted in _COLLECTIONS:
        return _as_collection(text, wanted)
    try:
        value = scalar(text)
    except BadNumberError:
        return None
    return value if value is not None and type_of(value) == wanted else None


def _as_collection(text: str, wanted: str) -> Any:
    """The list or map that a text is as JSON."""
    try:
        value = read_json(Source("", text))
    except NotJsonError:
        return None
    return value if isinstance(value, _COLLECTIONS[wanted]) and is_shallow(value) else None


# ── where their values come from ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Filed:
    """A value out of a file; it stands below its name at the top of `tree`."""

    value: Any
    tree: Tree


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says of variables: texts by name, and the values of files.

    Unless `strict`, some of them may not be declared. Environment
    variables of the namespaces in `stand_ins` need not be there.
    """

    texts: Mapping[str, str]
    filed: Mapping[str, Filed]
    strict: bool = True
    stand_ins: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen environment and what the project file says of it. One that is not `known` is a mistake already."""

    name: str | None
    data: Mapping[str, Any]
    known: bool = True


def project_variables(data: Mapping[str, Any], chosen: Choice, given: Given) -> dict[str, Variable]:
    """The variables of a project file, each with the value in force and the place where that was written."""
    written = mapping(data.get("variables"))
    found = {name: _variable(name, each, chosen, given) for name, each in written.items()}
    if not chosen.known:
        return {name: replace(each, choices=None) for name, each in found.items()}
    if chosen.name is None:
        return {name: replace(each, choices=_giving(name, data)) for name, each in found.items()}
    return found


def _giving(name: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """The environments that give a variable a value."""
    environments = mapping(data.get("environments"))
    return tuple(each for each, details in environments.items() if name in mapping(mapping(details).get("variables")))


def _variable(name: str, written: Any, chosen: Choice, given: Given) -> Variable:
    details = written if isinstance(written, dict) else {"default": written}
    kind, typed = details.get("type"), True
    if kind not in VARIABLE_TYPES:
        kind, typed = type_of(details.get("default")), False
    if name in given.texts:
        return Variable(name, kind, given.texts[name], given=True)
    if name in given.filed:
        filed = given.filed[name]
        return Variable(name, kind, filed.value, (name,), typed=typed, tree=filed.tree)
    values = mapping(chosen.data.get("variables"))
    if name in values:
        return Variable(name, kind, values[name], ("environments", str(chosen.name), "variables", name), typed=typed)
    if "default" in details:
        inner: Path = ("default",) if isinstance(written, dict) else ()
        return Variable(name, kind, details["default"], ("variables", name, *inner), typed=typed)
    return Variable(name, kind)


def check_names(data: Mapping[str, Any], tree: Tree, given: Given, diagnostics: Diagnostics) -> None:
    """Only declared variables may be set, on the command line, in a file or by an environment, chosen or not."""
    declared = mapping(data.get("variables"))
    known = f"declared: {listed(declared)}" if declared else "declare it under 'variables:' in retinue.yaml"
    places: list[tuple[str, Position | None]] = []
    if given.strict:
        places += [(name, None) for name in given.texts]
        places += [(name, filed.tree.at((name,), key=True)) for name, filed in given.filed.items()]
    for environment, details in mapping(data.get("environments")).items():
        for name in mapping(mapping(details).get("variables")):
            path: Path = ("environments", environment, "variables", name)
            places.append((name, tree.at(path, key=True)))
    unknown = [each for each in places if each[0] not in declared]
    for count, (name, position) in enumerate(unknown):
        hint = did_you_mean(name, declared if count < MOST_GUESSES else (), otherwise=known)
        diagnostics.error("unknown-variable", f"there is no variable '{name}' to set", position, hint)


def mapping(value: Any) -> dict[str, Any]:
    """The value, or an empty mapping in the place of what should be one."""
    return value if isinstance(value, dict) else {}


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_var_files(reader: FileReader, files: Iterable[FilePath]) -> dict[str, Filed]:
    """The values of all the files; later files win. What is wrong with a file is reported, and its rest counts."""
    found: dict[str, Filed] = {}
    for file in files:
        source = _source(reader, file)
        for document in parse_file(source, reader.diagnostics)[0] if source else ():
            if not isinstance(document.data, dict):
                message, hint = f"'{file}' must be a map of variables", "write lines such as 'model: gpt-4o'"
                reader.diagnostics.error("wrong-type", message, document.tree.at(()), hint)
                continue
            for name, value in document.data.items():
                if isinstance(value, str | int | float | list | dict):
                    found[name] = Filed(value, document.tree)
                    continue
                message = f"the variable '{name}' must be one of: {', '.join(VARIABLE_TYPES)}"
                reader.diagnostics.error("wrong-type", message, document.tree.at((name,)), "write a value")
    return found


def _source(reader: FileReader, file: FilePath) -> Source | None:
    """The text of a file, which may lie outside of the project: whoever gives the command names it."""
    try:
        data = file.read_bytes()
    except OSError as error:
        message = f"'{file}' cannot be read: {reason_of(error)}"
        reader.diagnostics.error("unreadable-file", message, None, "correct --var-file")
        return None
    source = reader.decoded(str(file), data)
    if source is not None:
        source.given = True
    return source
