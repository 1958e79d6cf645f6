"""retinue.yaml: found, read, and settled for one environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from retinue.config.filling import Filling
from retinue.config.handovers import HANDOVERS
from retinue.config.mistakes import Mistakes, did_you_mean, listed, near
from retinue.config.nodes import Tree
from retinue.config.overlays import overlay_files
from retinue.config.patterns import pattern_hint
from retinue.config.project_schema import DEFAULT_INCLUDE, with_overlays
from retinue.config.reading import Desk, Document
from retinue.config.stacks import Home, check_stacks
from retinue.config.validation import Validator
from retinue.config.values import Choice, Given, project_variables
from retinue.config.variables import Variables
from retinue.kinds.kind import Kinds
from retinue.model.declared import Position
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


@dataclass(frozen=True, slots=True)
class Outline:
    """What is known of a project even where it cannot be used without an environment, for want of a variable."""

    root: FilePath
    stack: str | None
    environments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settled:
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


def find(start: FilePath) -> FilePath | None:
    """The project file of the directory `start` or of the nearest one above; `start` may also be the file itself."""
    if start.is_file():
        return start
    start = start.absolute()
    return next((file for each in (start, *start.parents) if (file := each / PROJECT_FILE).is_file()), None)


def settle(
    desk: Desk,
    name: str,
    environment: str | None,
    given: Given,
    environ: Mapping[str, str],
    kinds: Kinds,
) -> Settled:
    """Read the project file. Its mistakes are reported; what is right of it is used to look for more."""
    before = _errors(desk.mistakes)
    documents, complete = desk.documents(name)
    if len(documents) > 1:
        where = documents[1].tree.at(())
        desk.mistakes.error("too-many", f"{name} must be one document", where, "remove the line '---'")
    if not documents or not isinstance(documents[0].data, dict):
        if documents:
            where = documents[0].tree.at(())
            desk.mistakes.error("wrong-type", f"{name} must be a mapping", where, "start it with 'stack: NAME'")
        elif complete:
            where = Position(name, 1, 1)
            desk.mistakes.error("missing-field", f"'stack' is missing in {name}", where, "add 'stack: …'")
        return Settled(None, Variables({}, environ, None, desk.mistakes))
    return _Settling(desk, documents[0], environment, given, environ, kinds).settled(name, before)


class _Settling:
    """One reading of the project file for one environment."""

    def __init__(
        self,
        desk: Desk,
        document: Document,
        environment: str | None,
        given: Given,
        environ: Mapping[str, str],
        kinds: Kinds,
    ) -> None:
        self._desk = desk
        self._document = document
        self._data: dict[str, Any] = document.data
        self._tree = document.tree
        self._name = environment
        self._environment: dict[str, Any] = {}
        self._given = given
        self._environ = environ
        self._kinds = kinds
        self._overlays = overlay_files(desk.folder)

    def settled(self, name: str, before: int) -> Settled:
        mistakes = self._desk.mistakes
        problems = Validator(self._schema()).problems(self._data, self._tree, name)
        mistakes.place((each for each in problems if not self._tree.faulty(each.path)), self._tree)
        self._choose_environment()
        chosen = Choice(self._name, self._environment, known=self._name is None or self._name in self._known())
        variables = project_variables(self._data, self._tree, chosen, self._given, mistakes)
        lookup = Variables(variables, self._environ, self._tree, mistakes, stand_ins=self._given.stand_ins)
        lookup.check_all()
        filling = Filling(self._tree, lookup, mistakes)
        included = self._included(filling)
        stack = self._stack(filling)
        account, position = self._account(filling)
        self._check_stacks(stack, account)
        overlays = tuple(self._overlays.get(self._name or "", ()))
        changed = None
        if self._environment:
            changed = (self._environment, self._tree.below(("environments", str(self._name))))
        outline = Outline(self._desk.folder.root, stack, tuple(self._known()))
        if stack is None or _errors(mistakes) > before:
            return Settled(None, lookup, included, changed, overlays, outline)
        project = Project(
            root=self._desk.folder.root,
            stack=stack,
            account=account,
            include=tuple(glob for glob, _ in included),
            environment=self._name,
            environments=outline.environments,
            account_position=position,
            api=self._api(filling),
            guards=self._guards(),
        )
        return Settled(project, lookup, included, changed, overlays, outline)

    def _schema(self) -> dict[str, Any]:
        # What stands below a name is checked once it is laid over the declaration.
        entries = {kind.section: {"type": ["object", "null"]} for kind in self._kinds.values()}
        return with_overlays({**entries, **{section: {} for section in HANDOVERS}})

    def _known(self) -> list[str]:
        """The environments: those that the project file names, and those that have a file."""
        named = _mapping(self._data.get("environments"))
        return [*named, *(each for each in self._overlays if each not in named and NAME.fullmatch(each))]

    def _choose_environment(self) -> None:
        known = self._known()
        self._warn_of_stray_overlays()
        if self._name is None:
            return
        if self._name in known:
            self._environment = _mapping(_mapping(self._data.get("environments")).get(self._name))
            return
        declared = f"declared: {listed(known)}" if known else "declare it under 'environments:' in retinue.yaml"
        hint = did_you_mean(self._name, known, otherwise=declared)
        self._desk.mistakes.error("unknown-environment", f"there is no environment '{self._name}'", None, hint)

    def _warn_of_stray_overlays(self) -> None:
        """A file whose name is almost that of an environment was probably meant for that one."""
        named = _mapping(self._data.get("environments"))
        for name, files in self._overlays.items():
            if name in named:
                continue
            alike = near(name, [each for each in named if each not in self._overlays])
            if alike or not NAME.fullmatch(name):
                message = f"there is no environment '{name}' in {PROJECT_FILE}"
                hint = f"did you mean '{alike[0]}'?" if alike else pattern_hint(f"^{NAME.pattern}$")
                self._desk.mistakes.warning("stray-overlay", message, Position(files[0], 1, 1), hint)

    # ── stacks ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _check_stacks(self, stack: str | None, account: Any) -> None:
        homes = [home for name in self._known() if (home := self._home(name))]
        plain = None
        if self._name is None and stack is not None:
            plain = Home(None, stack, account, self._tree.at(("stack",)))
        check_stacks(homes, self._desk.mistakes, plain=plain)

    def _home(self, environment: str) -> Home | None:
        """Where another environment's objects would live, as far as it can be known without choosing it."""
        unheard = Mistakes()
        desk = Desk(self._desk.folder, unheard, self._desk.excerpts)
        other = _Settling(desk, self._document, environment, self._given, self._environ, self._kinds)
        other._environment = _mapping(_mapping(self._data.get("environments")).get(environment))
        chosen = Choice(environment, other._environment)
        variables = project_variables(self._data, self._tree, chosen, self._given, unheard)
        lookup = Variables(variables, self._environ, self._tree, unheard, stand_ins=self._given.stand_ins)
        filling = Filling(self._tree, lookup, unheard)
        stack, (account, _) = other._stack(filling), other._account(filling)
        if stack is None or filling.unfilled:
            return None
        path: Path = ("environments", environment, "stack")
        return Home(environment, stack, account, self._tree.at(path))

    # ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _setting(self, name: str) -> tuple[Any, Path | None]:
        """A setting of the environment, else of the project, and where it was written."""
        if self._environment.get(name) is not None:
            return self._environment[name], ("environments", str(self._name), name)
        if self._data.get(name) is not None:
            return self._data[name], (name,)
        return None, None

    def _stack(self, filling: Filling) -> str | None:
        written, path = self._setting("stack")
        if path is None or not isinstance(written, str):
            return None
        stack = filling.shown(written, path, why=_PRINTED)
        if filling.covers(path):
            return None
        if self._name is not None and path == ("stack",):
            stack = f"{stack}-{self._name}"
        if NAME.fullmatch(str(stack)):
            return str(stack)
        if not _reported(written):
            hint = pattern_hint(f"^{NAME.pattern}$")
            self._desk.mistakes.error("bad-name", f"the stack cannot be called '{stack}'", self._tree.at(path), hint)
        return None

    def _account(self, filling: Filling) -> tuple[Any, Position | None]:
        written, path = self._setting("account")
        if path is None:
            return "local", None
        return filling.shown(written, path, why=_PRINTED), self._tree.at(path)

    def _api(self, filling: Filling) -> str | None:
        written, path = self._setting("api")
        return None if path is None else str(filling.shown(written, path, why=_PRINTED))

    def _guards(self) -> Limits:
        """Limits are taken one by one: an environment that sets one leaves the others as the project has them."""
        return Limits(**{**_mapping(self._data.get("guards")), **_mapping(self._environment.get("guards"))})

    def _included(self, filling: Filling) -> tuple[tuple[str, Position | None], ...]:
        written, path = self._setting("include")
        if path is None:
            return tuple((each, None) for each in DEFAULT_INCLUDE)
        globs = filling.shown(written, path, why=_PRINTED)
        entries = [((*path, index), each) for index, each in enumerate(globs)] if isinstance(globs, list) else []
        listed = entries or [(path, globs)]
        named = [(place, each) for place, each in listed if isinstance(each, str) and each]
        return tuple((each, self._tree.at(place)) for place, each in named if not filling.covers(place))


def _reported(stack: str) -> bool:
    """Whether the schema has refused the name already, as it was written."""
    return "${{" not in stack and not NAME.fullmatch(stack)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _errors(mistakes: Mistakes) -> int:
    return sum(1 for each in mistakes.diagnostics if each.severity == "error")
