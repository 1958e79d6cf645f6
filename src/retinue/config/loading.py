"""The way from a directory to declarations: the project file, the files it includes, their sections, their entries."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from retinue.config.declaration_schema import declaration
from retinue.config.filling import Filling
from retinue.config.folder import Folder
from retinue.config.handovers import read_handovers
from retinue.config.inclusion import Inclusions
from retinue.config.interpolation import Values
from retinue.config.json_schemas import JsonSchemas
from retinue.config.mistakes import Mistakes, Refused, listed
from retinue.config.nodes import Tree
from retinue.config.overlays import Overlay, environment_of
from retinue.config.patterns import pattern_hint
from retinue.config.project import PROJECT_FILE, Outline, Project, Settled, find, settle
from retinue.config.reading import Desk
from retinue.config.sections import Entry, Sections
from retinue.config.texts import Excerpts
from retinue.config.validation import Validator
from retinue.config.values import Given, read_var_files
from retinue.config.variables import Variables
from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import Declaration, Diagnostic, Handover, Position
from retinue.model.values import NAME
from retinue.planning.redaction import secrets_in_the_open

_NONE: Mapping[str, str] = MappingProxyType({})


SEAL = "RETINUE_DIGEST_KEY"
"""Names a key for the digests of what is hidden: without it they are slow to try values against, with it impossible."""


@dataclass(frozen=True)
class Loaded:
    """Everything the files say, and everything that is wrong with them.

    `project` is None when retinue.yaml is missing or holds a mistake. `complete` is False when a file could not be read
    to its end: names it declares may be missing, so a reference to one is not known to be wrong.
    `seal` is the key for the digests of what is hidden, `outline` what is known of the project without its variables.
    """

    project: Project | None
    declarations: tuple[Declaration, ...]
    diagnostics: tuple[Diagnostic, ...]
    excerpts: Excerpts
    complete: bool = True
    handovers: tuple[Handover, ...] = ()
    variables: Variables = field(default_factory=lambda: Variables({}, {}, None, Mistakes()))
    seal: bytes = b""
    outline: Outline | None = None


def load(
    start: Path,
    *,
    environment: str | None = None,
    variables: Mapping[str, str] = _NONE,
    var_files: Iterable[Path] = (),
    environ: Mapping[str, str],
    kinds: Kinds,
    strict: bool = True,
    instead: Mapping[str, bytes] = MappingProxyType({}),
    stand_ins: Collection[str] = (),
) -> Loaded:
    """Read the project that `start` belongs to. Mistakes are never raised: all of them are in the result.

    Unless `strict`, `variables` and `var_files` may have variables that the project does not declare. `instead` is what
    files of the project would hold. Where an environment variable of a namespace in
    `stand_ins` (`env`, `secret`) is not set, its name stands in its place.
    """
    mistakes, excerpts = Mistakes(), Excerpts()
    file = find(start)
    if file is None:
        hint = "run 'retinue init' to make one, or change to a directory of your project"
        if (start / "retinue.yml").is_file():
            hint = "rename retinue.yml to retinue.yaml"
        mistakes.error("no-project", f"there is no {PROJECT_FILE} in '{start.absolute()}' or above", None, hint)
        return Loaded(None, (), tuple(mistakes.diagnostics), excerpts)
    desk = Desk(Folder(file.parent, instead), mistakes, excerpts)
    given = Given(variables, read_var_files(desk, var_files), strict, stand_ins)
    settled = settle(desk, file.name, environment, given, environ, kinds)
    sections, overlay = Sections(desk, kinds), Overlay(mistakes)
    if settled.environment is not None:
        overlay.add(sections.of_mapping(*settled.environment))
    for name in settled.overlays:
        overlay.add(sections.of_file(name))
    reader = _Declarations(desk, settled.lookup, kinds)
    declarations = reader.of_files(_included(desk, settled, file.name), sections, overlay)
    found = tuple(declarations)
    handovers = tuple(read_handovers(sections.handovers, settled.lookup, mistakes))
    told = excerpts.fill(mistakes.diagnostics)
    return Loaded(
        settled.project,
        found,
        told,
        excerpts,
        desk.complete,
        handovers,
        settled.lookup,
        environ.get(SEAL, "").encode("utf-8", "surrogateescape"),
        settled.outline,
    )


def _included(desk: Desk, settled: Settled, project_file: str) -> list[str]:
    """The declaration files, sorted, each once."""
    found: set[str] = set()
    for glob, position in settled.included:
        try:
            found.update(_without_overlays(desk, glob, position))
        except Refused as refused:
            # Nobody wrote the default globs, so nobody is wrong when one of them matches nothing.
            if position is not None or refused.code != "no-match":
                desk.mistakes.error(refused.code, refused.message, position, refused.hint)
    found.discard(project_file)
    if not found and settled.included and all(position is None for _, position in settled.included):
        globs = listed((glob for glob, _ in settled.included), conjunction="or")
        place = Position(project_file, 1, 1)
        desk.mistakes.warning("no-match", f"no file matches {globs}", place, "write a declaration, or set 'include:'")
    return sorted(found)


def _without_overlays(desk: Desk, glob: str, position: Position | None) -> list[str]:
    """What a glob of `include` matches: overlays are found by their environment, and declare nothing without it."""
    files = desk.folder.files("", glob)
    if files == [glob] and environment_of(glob):
        message = f"'{glob}' is what an environment changes, which is found by its name"
        desk.mistakes.error("overlay-included", message, position, "take it out of 'include:', or move it")
    return [each for each in files if environment_of(each) is None]


class _Declarations:
    """Checks the entries of files and makes declarations of them."""

    def __init__(self, desk: Desk, lookup: Values, kinds: Kinds) -> None:
        self._desk = desk
        self._lookup = lookup
        self._validators = {kind.name: Validator(declaration(kind)) for kind in kinds.values()}
        self._inclusions = Inclusions(desk, lookup, JsonSchemas(desk))

    def of_files(self, names: Iterable[str], sections: Sections, overlay: Overlay) -> Iterator[Declaration]:
        """The declarations of the files, as they are in the environment."""
        for name in names:
            for entry in sections.of_file(name):
                applied = overlay.applied(entry)
                if applied is not None:
                    yield self._declaration(applied, overlay)
        complete = self._desk.complete
        for entry in overlay.rest(complete=complete):
            yield self._declaration(entry, overlay, added=complete)

    def _declaration(self, entry: Entry, overlay: Overlay, *, added: bool = False) -> Declaration:
        kind, name, tree, mistakes = entry.kind, entry.name, entry.tree, self._desk.mistakes
        sound = self._check_name(kind, name, tree)
        filling = Filling(tree, self._lookup, mistakes)
        spec = filling.data(entry.data) if entry.has_expressions else entry.data
        label = f"the {kind.title} '{name}'"
        found = self._validators[kind.name].problems(spec, tree, label, secret=filling.secret)
        told = overlay.judged(entry, found) if added else found
        # Of a secret in the wrong place, more is said later.
        silent = {each.path for each in secrets_in_the_open(kind, spec)} if filling.secret else set()
        mistakes.place(
            (each for each in told if not (filling.covers(each.path) or tree.faulty(each.path) or each.path in silent)),
            tree,
        )
        if not isinstance(spec, dict):
            return Declaration(kind.name, name, {}, tree, broken=True)
        spec, complete = self._inclusions.include(kind, spec, tree)
        return Declaration(
            kind.name, name, spec, tree, broken=not (sound and complete) or bool(found) or bool(filling.unfilled)
        )

    def _check_name(self, kind: Kind, name: str, tree: Tree) -> bool:
        pattern = kind.pattern or f"^{NAME.pattern}$"
        if re.fullmatch(pattern, name):
            return True
        message = f"'{name}' is not a valid name"
        self._desk.mistakes.error("bad-name", message, tree.at((), key=True), pattern_hint(pattern))
        return False
