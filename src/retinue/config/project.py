"""retinue.yaml: found, and read for one environment."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any

from retinue.config.environment_choice import EnvironmentChoice, check_environment, choose_environment, is_required
from retinue.config.environment_overlays import overlay_files
from retinue.config.interpolation import Interpolator
from retinue.config.problems import Diagnostics, RefusedError, near, pattern_hint
from retinue.config.project_files import Folder
from retinue.config.schema.declaration_schema import HANDOVERS, LAYERS
from retinue.config.schema.project_schema import DEFAULT_INCLUDE, with_overlays
from retinue.config.schema.validator import Validator
from retinue.config.source_text import Excerpts
from retinue.config.variables import Choice, Given, Variable, Variables, check_names, mapping, project_variables
from retinue.config.yaml.constructor import Document
from retinue.config.yaml.parser import FileReader
from retinue.config.yaml.syntax_tree import Tree
from retinue.kinds.kind import Kinds
from retinue.model.declared import MOST_GUESSES, ChosenBy, Position
from retinue.model.steps import Prices
from retinue.model.values import NAME, Path
from retinue.planning.policy import USUAL, Limits

PROJECT_FILE = "retinue.yaml"
_PRINTED = "what it comes to is printed and kept in plans"


@dataclass(frozen=True, slots=True)
class Project:
    """What retinue.yaml says for the chosen environment.

    `stack` is complete: with an environment it is STACK-ENVIRONMENT, unless the environment names its own. `account` is
    as written: 'local', 'openai', or a mapping. `account_position` is where that stands, None when it was left out.
    `api` is the home of declarations that do not choose one, `guards` how much one apply may do unseen.
    `prices` is None where none are given. `chosen_by` says who chose the environment; `siblings` are the stacks of the
    project without an environment and in the others, as far as they are known. `shared` are directories outside of it
    that paths may lead into.
    """

    root: FilePath
    stack: str
    account: str | Mapping[str, Any] = "local"
    include: tuple[str, ...] = DEFAULT_INCLUDE
    environment: str | None = None
    environments: tuple[str, ...] = ()
    account_position: Position | None = None
    api: str | None = None
    guards: Limits = USUAL
    prices: Prices | None = None
    chosen_by: ChosenBy | None = None
    siblings: tuple[EnvironmentStack, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """What is known of a project even where it cannot be used without an environment, for want of a variable. `stack`
    is the one without, `chosen` the one of the environment that is in force."""

    root: FilePath
    stack: str | None
    environments: tuple[str, ...]
    chosen: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """The project as far as it could be read; `project` is None when it holds a mistake.

    `included` are the globs with the place each was written, None for the default ones. `environment` is what the
    project file says of the chosen one, `overlays` are its files.
    """

    project: Project | None
    lookup: Variables
    included: tuple[tuple[str, Position | None], ...] = field(default=tuple((each, None) for each in DEFAULT_INCLUDE))
    environment: tuple[Mapping[str, Any], Tree] | None = None
    overlays: tuple[str, ...] = ()
    outline: Outline | None = None
    written: tuple[Mapping[str, Any], Tree] | None = None
    """What it holds as a whole, for whoever looks at all environments."""


def find(start: FilePath) -> FilePath | None:
    """The project file of the directory `start` or of the nearest one above; `start` may also be the file itself."""
    if start.is_file():
        return start
    # What is above `..` is not the directory that it leads out of.
    start = start.resolve() if ".." in start.parts else start.absolute()
    if (start / PROJECT_FILE).is_file():
        return start / PROJECT_FILE
    for each in start.parents:
        with suppress(PermissionError):  # nobody's project, as far as we may look
            if (each / PROJECT_FILE).is_file():
                return each / PROJECT_FILE
    return None


def shared_directories(file: FilePath) -> tuple[str, ...]:
    """The directories that a project file names under `shared`, nothing in it checked."""
    reader = FileReader(Folder(file.parent), Diagnostics(), Excerpts())
    found = (each.data.get("shared") for each in reader.peek(file.name).documents if isinstance(each.data, dict))
    return tuple(each for each in _listed(next(found, None)) if isinstance(each, str))


def _listed(written: Any) -> list[Any]:
    """A list, or the one entry that may stand in its place; nothing for what is refused."""
    return written if isinstance(written, list) else [written] if isinstance(written, str) else []


def read_project(
    reader: FileReader, name: str, environment: str | None, given: Given, environ: Mapping[str, str], kinds: Kinds
) -> ProjectFile:
    """Read the project file. Its mistakes are reported; what is right of it is used to look for more."""
    before = _errors(reader.diagnostics)
    documents, complete = reader.documents(name)
    if len(documents) > 1:
        where = documents[1].tree.at(())
        reader.diagnostics.error("too-many", f"{name} must be one document", where, "remove the line '---'")
    if not documents or not isinstance(documents[0].data, dict):
        if documents:
            where = documents[0].tree.at(())
            reader.diagnostics.error("wrong-type", f"{name} must be a mapping", where, "start it with 'stack: NAME'")
        elif complete:
            where = Position(name, 1, 1)
            reader.diagnostics.error("missing-field", f"'stack' is missing in {name}", where, "add 'stack: …'")
        return ProjectFile(None, Variables({}, environ, None, reader.diagnostics))
    return _ProjectReader(reader, documents[0], environment, given, environ, kinds).read(name, before)


class _ProjectReader:
    """One reading of the project file for one environment."""

    def __init__(
        self,
        reader: FileReader,
        document: Document,
        environment: str | None,
        given: Given,
        environ: Mapping[str, str],
        kinds: Kinds,
        overlays: Mapping[str, list[str]] | None = None,
    ) -> None:
        self._reader = reader
        self._document = document
        self._data: dict[str, Any] = document.data
        self._tree = document.tree
        self._choice = choose_environment(environment, document.data, environ)
        self._name = self._choice.name
        self._environment: dict[str, Any] = {}
        self._given = given
        self._environ = environ
        self._kinds = kinds
        self._overlays = overlay_files(reader.folder) if overlays is None else overlays

    def read(self, name: str, before: int) -> ProjectFile:
        diagnostics = self._reader.diagnostics
        problems = Validator(self._schema()).problems(self._data, self._tree, name)
        diagnostics.place((each for each in problems if not self._tree.faulty(each.path)), self._tree)
        self._share()
        self._choose_environment()
        chosen = Choice(self._name, self._environment, known=self._name is None or self._name in self._known())
        check_names(self._data, self._tree, self._given, diagnostics)
        variables = project_variables(self._data, chosen, self._given)
        lookup = self._lookup(variables, diagnostics)
        lookup.check_all()
        interpolator = Interpolator(self._tree, lookup, diagnostics)
        included = self._included(interpolator)
        stack = self._stack(interpolator)
        account, position = self._account(interpolator)
        siblings = self._check_stacks(stack, account)
        overlays = tuple(self._overlays.get(self._name or "", ()))
        changed = None
        if self._environment:
            changed = (self._environment, self._tree.below(("environments", str(self._name))))
        plain = stack
        if self._name is not None:
            plain = next((one.stack for one in siblings if one.environment is None), None)
        outline = Outline(self._reader.folder.root, plain, tuple(self._known()), stack)
        written = (self._data, self._tree)
        if stack is None or _errors(diagnostics) > before:
            return ProjectFile(None, lookup, included, changed, overlays, outline, written)
        project = Project(
            root=self._reader.folder.root,
            stack=stack,
            account=account,
            include=tuple(glob for glob, _ in included),
            environment=self._name,
            environments=outline.environments,
            account_position=position,
            api=self._api(interpolator),
            guards=self._guards(),
            prices=self._prices(),
            chosen_by=self._choice.by,
            siblings=tuple(siblings),
            shared=self._reader.folder.shared,
        )
        return ProjectFile(project, lookup, included, changed, overlays, outline, written)

    def _lookup(self, variables: Mapping[str, Variable], diagnostics: Diagnostics) -> Variables:
        return Variables(
            variables,
            self._environ,
            self._tree,
            diagnostics,
            stand_ins=self._given.stand_ins,
            environment=self._name,
            environments=self._known(),
            lacking=self._name is None and is_required(self._data),
        )

    def _schema(self) -> dict[str, Any]:
        entries = {kind.section: {"type": ["object", "null"]} for kind in self._kinds.values()}
        # What stands below a name is checked once it is laid over the declaration.
        return with_overlays({**entries, **{section: {} for section in HANDOVERS}}, {word: {} for word in LAYERS})

    def _known(self) -> list[str]:
        """The environments: those that the project file names, and those that have a file."""
        named = mapping(self._data.get("environments"))
        return [*named, *(each for each in self._overlays if each not in named and NAME.fullmatch(each))]

    def _choose_environment(self) -> None:
        known = self._known()
        self._warn_of_stray_overlays()
        check_environment(self._choice, known, self._data, self._tree, self._reader.diagnostics)
        if self._name in known:
            self._environment = mapping(mapping(self._data.get("environments")).get(self._name))

    def _warn_of_stray_overlays(self) -> None:
        """A file whose name is almost that of an environment was probably meant for that one."""
        named = mapping(self._data.get("environments"))
        without = [each for each in named if each not in self._overlays]
        stray = {name: files for name, files in self._overlays.items() if name not in named}
        for count, (name, files) in enumerate(stray.items()):
            alike = near(name, without) if count < MOST_GUESSES else []
            if alike or not NAME.fullmatch(name):
                message = f"there is no environment '{name}' in {PROJECT_FILE}"
                hint = f"did you mean '{alike[0]}'?" if alike else pattern_hint(f"^{NAME.pattern}$")
                self._reader.diagnostics.warning("stray-overlay", message, Position(files[0], 1, 1), hint)

    def _share(self) -> None:
        """Let paths lead into the directories that are named for it. Nothing is filled in: what may be read is written
        in the file itself."""
        written = self._data.get("shared")
        for index, each in enumerate(_listed(written)):
            try:
                if isinstance(each, str) and each:
                    self._reader.folder.share(each)
            except RefusedError as refused:
                path: Path = ("shared",) if isinstance(written, str) else ("shared", index)
                self._reader.diagnostics.error(refused.code, refused.message, self._tree.at(path), refused.hint)

    # ── stacks ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _check_stacks(self, stack: str | None, account: Any) -> list[EnvironmentStack]:
        """Report stacks that are shared; gives those of the same project that are not the chosen one."""
        stacks = [one for name in self._known() if (one := self._stack_of(name))]
        plain = None
        if self._name is None and stack is not None:
            plain = EnvironmentStack(None, stack, account, self._tree.at(("stack",)))
        check_stacks(stacks, self._reader.diagnostics, plain=plain)
        alone = self._stack_of(None)
        return [one for one in (*([alone] if alone else []), *stacks) if one.environment != self._name]

    def _stack_of(self, environment: str | None) -> EnvironmentStack | None:
        """Where another environment's objects would live, or the project's without one, as far as it can be known
        without choosing it."""
        unheard = Diagnostics()
        reader = FileReader(self._reader.folder, unheard, self._reader.excerpts)
        about = (self._document, environment, self._given, self._environ, self._kinds, self._overlays)
        other = _ProjectReader(reader, *about)
        other._choice, other._name = EnvironmentChoice(environment), environment
        other._environment = mapping(mapping(self._data.get("environments")).get(environment or ""))
        chosen = Choice(environment, other._environment)
        variables = project_variables(self._data, chosen, self._given)
        lookup = other._lookup(variables, unheard)
        interpolator = Interpolator(self._tree, lookup, unheard)
        stack, (account, _) = other._stack(interpolator), other._account(interpolator)
        if stack is None or interpolator.unfilled:
            return None
        path: Path = ("environments", environment, "stack") if environment else ("stack",)
        return EnvironmentStack(environment, stack, account, self._tree.at(path))

    # ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _setting(self, name: str) -> tuple[Any, Path | None]:
        """A setting of the environment, else of the project, and where it was written."""
        if self._environment.get(name) is not None:
            return self._environment[name], ("environments", str(self._name), name)
        if self._data.get(name) is not None:
            return self._data[name], (name,)
        return None, None

    def _stack(self, interpolator: Interpolator) -> str | None:
        written, path = self._setting("stack")
        if path is None or not isinstance(written, str):
            return None
        stack = interpolator.shown(written, path, why=_PRINTED)
        if interpolator.covers(path):
            return None
        if self._name is not None and path == ("stack",):
            stack = f"{stack}-{self._name}"
        if NAME.fullmatch(str(stack)):
            return str(stack)
        # Of an environment that is not there, no more is said than that.
        if not _reported(written) and (path != ("stack",) or self._name is None or self._name in self._known()):
            hint = pattern_hint(f"^{NAME.pattern}$")
            self._reader.diagnostics.error(
                "bad-name", f"the stack cannot be called '{stack}'", self._tree.at(path), hint
            )
        return None

    def _account(self, interpolator: Interpolator) -> tuple[Any, Position | None]:
        written, path = self._setting("account")
        if path is None:
            return "local", None
        account = interpolator.shown(written, path, why=_PRINTED)
        if isinstance(account, Mapping) and not interpolator.covers((*path, "local")):
            self._check_inside(account.get("local"), (*path, "local"))
        return account, self._tree.at(path)

    def _check_inside(self, directory: Any, path: Path) -> None:
        """The local account is written to: whoever uses a project does not expect that outside of it."""
        if isinstance(directory, str):
            try:
                self._reader.folder.check_links(inside := self._reader.folder.inside("", directory), directory)
                self._check_name(inside)
            except RefusedError as refused:
                hint = "name a directory of the project, such as .retinue/local"
                self._reader.diagnostics.error(refused.code, refused.message, self._tree.at(path), hint)

    def _check_name(self, directory: str) -> None:
        """Raises RefusedError for what no directory can be called, or for one that is only shared."""
        if directory.startswith("../"):
            message = f"'{directory}' is out of the project, and what is shared is only read"
            raise RefusedError("path-outside-project", message)
        for part in directory.split("/"):
            try:
                (self._reader.folder.root / part).lstat()
            except ValueError as error:
                message = "no directory has the character U+0000 in its name"
                raise RefusedError("invalid-value", message) from error
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    message = "the name of the directory is longer than the system takes"
                    raise RefusedError("invalid-value", message) from error

    def _api(self, interpolator: Interpolator) -> str | None:
        written, path = self._setting("api")
        return None if path is None else str(interpolator.shown(written, path, why=_PRINTED))

    def _guards(self) -> Limits:
        """Limits are taken one by one: an environment that sets one leaves the others as the project has them."""
        return Limits(**{**mapping(self._data.get("guards")), **mapping(self._environment.get("guards"))})

    def _prices(self) -> Prices | None:
        """Prices, too, are taken one by one."""
        written = {**mapping(self._data.get("prices")), **mapping(self._environment.get("prices"))}
        price = written.get("vector_store_gb_day")
        if price is None:
            return None
        # The shortest text of a number is the one that was written: 0.1 is a tenth.
        return Prices(**{**written, "vector_store_gb_day": Decimal(str(price))})

    def _included(self, interpolator: Interpolator) -> tuple[tuple[str, Position | None], ...]:
        written, path = self._setting("include")
        if path is None:
            return tuple((each, None) for each in DEFAULT_INCLUDE)
        globs = interpolator.shown(written, path, why=_PRINTED)
        entries = [((*path, index), each) for index, each in enumerate(globs)] if isinstance(globs, list) else []
        globs_at = entries or [(path, globs)]
        named = [(place, each) for place, each in globs_at if isinstance(each, str) and each]
        return tuple((each, self._tree.at(place)) for place, each in named if not interpolator.covers(place))


def _reported(stack: str) -> bool:
    """Whether the schema has refused the name already, as it was written."""
    return "${{" not in stack and not NAME.fullmatch(stack)


def _errors(diagnostics: Diagnostics) -> int:
    return sum(1 for each in diagnostics.all if each.severity == "error")


# ── stacks of several environments ────────────────────────────────────────────────────────────────────────────────────


_DEFAULTS: Mapping[str, Any] = {"local": {"local": ".retinue/local"}, "openai": {"api_key_env": "OPENAI_API_KEY"}}


@dataclass(frozen=True, slots=True)
class EnvironmentStack:
    """Where an environment's objects live: the stack, the account as it is written, and the place that says so.

    `environment` is None for the project without one.
    """

    environment: str | None
    stack: str
    account: Any
    position: Position


def check_stacks(
    stacks: Sequence[EnvironmentStack], diagnostics: Diagnostics, *, plain: EnvironmentStack | None
) -> None:
    """Report environments that share a stack in one account. `plain` is the project without an environment, when it is
    about to be used: sharing with it may be meant, since there is a choice never to use it."""
    first: dict[str, EnvironmentStack] = {}
    for one in stacks:
        other = first.setdefault(_key(one), one)
        if other is not one:
            diagnostics.error(
                "same-stack",
                f"the environments '{other.environment}' and '{one.environment}' have the stack '{one.stack}' in "
                "one account",
                one.position,
                "name another stack, or leave it out: each then has its own",
                related=((f"the stack of '{other.environment}'", other.position),),
            )
        elif plain is not None and _key(plain) == _key(one):
            message = f"without an environment, the stack is '{one.stack}', which is that of '{one.environment}'"
            diagnostics.warning("same-stack", message, one.position, f"add -e {one.environment}, or name another stack")


def _key(one: EnvironmentStack) -> str:
    """What two have in common that would undo one another."""
    return json.dumps([one.stack, _account(one.account)], sort_keys=True, default=str)


def _account(written: Any) -> Mapping[str, Any]:
    """An account with the defaults that say which one it is; what does not say so is left out."""
    account: Mapping[str, Any] = written if isinstance(written, Mapping) else _DEFAULTS.get(str(written), {})
    if "local" in account:
        return {"local": account["local"]}
    return {**_DEFAULTS["openai"], **account}
