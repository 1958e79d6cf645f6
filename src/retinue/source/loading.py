"""The way from a directory to declarations: the project file, the files it includes, their sections, their entries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retinue.core.kind import Kind, Kinds
from retinue.core.model import NAME, Declaration, Diagnostic, Position
from retinue.source.declaration_schema import declaration
from retinue.source.filling import Filling
from retinue.source.folder import Folder
from retinue.source.inclusion import Inclusions
from retinue.source.interpolation import OPEN, Values
from retinue.source.json_schemas import JsonSchemas
from retinue.source.mistakes import Mistakes, Refused, did_you_mean, listed
from retinue.source.nodes import Tree
from retinue.source.patterns import pattern_hint
from retinue.source.project import PROJECT_FILE, Project, Settled, find, settle
from retinue.source.reading import Desk
from retinue.source.texts import Excerpts
from retinue.source.validation import Validator

# A schema in YAML that lies among declarations: one mistake, not one for every word of it.
_SCHEMA_WORDS = frozenset(("$schema", "properties"))
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Loaded:
    """Everything the files say, and everything that is wrong with them.

    `project` is None when retinue.yaml is missing or holds a mistake. `complete` is False when a file could not be read
    to its end: names it declares may be missing, so a reference to one is not known to be wrong.
    """

    project: Project | None
    declarations: tuple[Declaration, ...]
    diagnostics: tuple[Diagnostic, ...]
    excerpts: Excerpts
    complete: bool = True


def load(
    start: Path,
    *,
    environment: str | None = None,
    variables: Mapping[str, str] = _NONE,
    environ: Mapping[str, str],
    kinds: Kinds,
) -> Loaded:
    """Read the project that `start` belongs to. Mistakes are never raised: all of them are in the result."""
    mistakes, excerpts = Mistakes(), Excerpts()
    file = find(start)
    if file is None:
        hint = "run 'retinue init' to make one, or change to a directory of your project"
        if (start / "retinue.yml").is_file():
            hint = "rename retinue.yml to retinue.yaml"
        mistakes.error("no-project", f"there is no {PROJECT_FILE} in '{start.absolute()}' or above", None, hint)
        return Loaded(None, (), tuple(mistakes.diagnostics), excerpts)
    desk = Desk(Folder(file.parent), mistakes, excerpts)
    settled = settle(desk, file.name, environment, variables, environ)
    reader = _Declarations(desk, settled.lookup, kinds)
    declarations = [each for name in _included(desk, settled, file.name) for each in reader.of_file(name)]
    return Loaded(
        settled.project, tuple(declarations), excerpts.fill(mistakes.diagnostics), excerpts, complete=desk.complete
    )


def _included(desk: Desk, settled: Settled, project_file: str) -> list[str]:
    """The declaration files, sorted, each once."""
    found: set[str] = set()
    for glob, position in settled.included:
        try:
            found.update(desk.folder.files("", glob))
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


class _Declarations:
    """Reads files of declarations."""

    def __init__(self, desk: Desk, lookup: Values, kinds: Kinds) -> None:
        self._desk = desk
        self._lookup = lookup
        self._sections = {kind.section: kind for kind in kinds.values()}
        self._validators = {kind.name: Validator(declaration(kind)) for kind in kinds.values()}
        self._inclusions = Inclusions(desk, lookup, JsonSchemas(desk))

    def of_file(self, name: str) -> Iterator[Declaration]:
        documents, complete = self._desk.documents(name)
        if complete and not documents:
            hint = "write something into it, or remove it"
            self._desk.mistakes.warning("empty-document", "the file declares nothing", Position(name, 1, 1), hint)
        for document in documents:
            if isinstance(document.data, dict):
                yield from self._of_document(document.data, document.tree)
            else:
                hint = f"start with a section: {listed(self._sections, conjunction='or')}"
                message = "a file of declarations must be a mapping of sections"
                self._desk.mistakes.error("wrong-type", message, document.tree.at(()), hint)

    def _of_document(self, data: dict[str, Any], tree: Tree) -> Iterator[Declaration]:
        if _SCHEMA_WORDS & data.keys():
            message, hint = (
                "this is a JSON Schema, not a file of declarations",
                "move it to where 'include:' does not match",
            )
            self._desk.mistakes.error("wrong-type", message, tree.at(()), hint)
            return
        for section, entries in data.items():
            kind = self._sections.get(section)
            if kind is None:
                self._refuse_section(section, tree)
            elif isinstance(entries, dict):
                for name, spec in entries.items():
                    yield self._declaration(kind, name, spec, tree.below((section, name)))
            elif entries is not None:
                place, hint = tree.at((section,)), f"write '  NAME:' below '{section}:'"
                message = f"'{section}' must be a mapping of names to what each is"
                self._desk.mistakes.error("wrong-type", message, place, hint)

    def _refuse_section(self, section: str, tree: Tree) -> None:
        if section.startswith("x-"):
            return
        hint = did_you_mean(section, self._sections, otherwise=f"known: {listed(self._sections)}")
        self._desk.mistakes.error(
            "unknown-section", f"unknown section '{section}'", tree.at((section,), key=True), hint
        )

    def _declaration(self, kind: Kind, name: str, written: Any, tree: Tree) -> Declaration:
        mistakes = self._desk.mistakes
        sound = self._check_name(kind, name, tree)
        filling = Filling(tree, self._lookup, mistakes)
        spec = filling.data(written) if OPEN in tree.source.text else written
        label = f"the {kind.title} '{name}'"
        found = self._validators[kind.name].problems(spec, tree, label, secret=filling.secret)
        mistakes.place((each for each in found if not (filling.covers(each.path) or tree.faulty(each.path))), tree)
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
