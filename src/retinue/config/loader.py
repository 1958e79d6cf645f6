"""The way from a directory to declarations: the project file, the files it includes, their sections, their entries."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retinue.config.composition.composed import ComposedTree, of_declaration
from retinue.config.composition.composer import Composer, Instance
from retinue.config.composition.layers import Defaults, Layers, no_defaults
from retinue.config.composition.overlay import Overlay
from retinue.config.composition.parameters import WITH
from retinue.config.content_files import find_content
from retinue.config.environment_overlays import overlay_files
from retinue.config.handover_sections import read_handovers
from retinue.config.included_files import declaration_files
from retinue.config.inclusions import Inclusions
from retinue.config.interpolation import OPEN, Interpolator, secrets_in_the_open
from retinue.config.json_schemas import JsonSchemas
from retinue.config.problems import Diagnostics, pattern_hint
from retinue.config.project import PROJECT_FILE, Outline, Project, ProjectFile, find, read_project
from retinue.config.project_files import Digests, Folder
from retinue.config.schema.declaration_schema import declaration, without_composition
from retinue.config.schema.validator import Validator
from retinue.config.sections import Entry, Sections
from retinue.config.source_text import Excerpts
from retinue.config.splices import Splicer
from retinue.config.text_files import TextFiles
from retinue.config.variables import Given, Variables, read_var_files
from retinue.config.yaml.parser import FileReader
from retinue.config.yaml.syntax_tree import Tree
from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import Declaration, Diagnostic, Handover, LeftOut
from retinue.model.values import NAME, Address

_NONE: Mapping[str, str] = MappingProxyType({})


SEAL = "RETINUE_DIGEST_KEY"
"""Names a key for the digests of what is hidden: without it they are slow to try values against, with it impossible."""


@dataclass(frozen=True)
class Loaded:
    """Everything the files say, and everything that is wrong with them.

    `project` is None when retinue.yaml is missing or holds a mistake. `complete` is False when a file could not be read
    to its end: names it declares may be missing, so a reference to one is not known to be wrong.
    `seal` is the key for the digests of what is hidden, `outline` what is known of the project without its variables.
    `defaults` says what a declaration of a kind has in a folder that does not say otherwise.
    """

    project: Project | None
    declarations: tuple[Declaration, ...]
    diagnostics: tuple[Diagnostic, ...]
    excerpts: Excerpts
    complete: bool = True
    handovers: tuple[Handover, ...] = ()
    variables: Variables = field(default_factory=lambda: Variables({}, {}, None, Diagnostics()))
    seal: bytes = b""
    outline: Outline | None = None
    defaults: Defaults = no_defaults
    left_out: Mapping[Address, LeftOut] = field(default_factory=dict)
    asked: Collection[str] = ()


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
    digests: Digests | None = None,
) -> Loaded:
    """Read the project that `start` belongs to. Mistakes are never raised: all of them are in the result.

    Unless `strict`, `variables` and `var_files` may have variables that the project does not declare. `instead` is what
    files of the project would hold. Where an environment variable of a namespace in
    `stand_ins` (`env`, `secret`) is not set, its name stands in its place. `digests` knows files that were read before.
    """
    file = find(start)
    if file is None:
        return _nothing(start)
    reader = FileReader(Folder(file.parent, instead, digests), Diagnostics(), Excerpts())
    given = Given(variables, read_var_files(reader, var_files), strict, stand_ins)
    project_file = read_project(reader, file.name, environment, given, environ, kinds)
    reading = _Reading(reader, project_file, kinds)
    included = declaration_files(reader.folder, project_file.included, reader.diagnostics, own_name=file.name)
    entries = reading.entries(included)
    declarations = tuple(reading.declarations(entries))
    handovers = tuple(read_handovers(reading.sections.handovers, project_file.lookup, reader.diagnostics))
    return Loaded(
        project_file.project,
        declarations,
        reader.excerpts.fill(reader.diagnostics.all),
        reader.excerpts,
        reader.complete and reading.composer.complete,
        handovers,
        project_file.lookup,
        environ.get(SEAL, "").encode("utf-8", "surrogateescape"),
        project_file.outline,
        reading.defaults,
        _less(reading.composer.left_out, declarations),
        reader.folder.asked,
    )


def _less(left_out: Mapping[Address, LeftOut], declared: Iterable[Declaration]) -> Mapping[Address, LeftOut]:
    """What is left out and not declared by another entry of its name."""
    there = {each.address for each in declared} if left_out else set()
    return {address: why for address, why in left_out.items() if address not in there}


def _nothing(start: Path) -> Loaded:
    diagnostics = Diagnostics()
    hint = "run 'retinue init' to make one, or change to a directory of your project"
    if (start / "retinue.yml").is_file():
        hint = "rename retinue.yml to retinue.yaml"
    diagnostics.error("no-project", f"there is no {PROJECT_FILE} in '{start.absolute()}' or above", None, hint)
    return Loaded(None, (), tuple(diagnostics.all), Excerpts())


class _Reading:
    """One reading of all files: their sections, what declarations are made of, and the declarations."""

    def __init__(self, reader: FileReader, project_file: ProjectFile, kinds: Kinds) -> None:
        self._reader = reader
        self._file = project_file
        self._kinds = kinds
        self._validators = {kind.name: Validator(declaration(kind)) for kind in kinds.values()}
        self._inclusions = Inclusions(reader, JsonSchemas(reader), TextFiles(reader))
        self._layers = Layers(kinds, project_file.lookup, reader.diagnostics)
        self._overlay = Overlay(reader.diagnostics)
        self.sections = Sections(reader, kinds, project_file.lookup)
        self.composer = Composer(self._layers, self._overlay, project_file.lookup, reader.diagnostics)

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def entries(self, included: list[str]) -> list[Entry]:
        """What the files declare, and, for later, what it is made of."""
        if self._file.written is not None:
            self._layers.add_project(self.sections.layers_of(*self._file.written))
        if self._file.environment is not None:
            self._overlay.add(self.sections.of_mapping(*self._file.environment))
        for name in self._file.overlays:
            self._overlay.add(self.sections.of_file(name))
        self._layers.add_environment(self.sections.taken_layers())
        content = find_content(self._reader, self._kinds, self._file.lookup, included, self._file.written)
        self.sections.tell_of_content(content)
        found: list[Entry] = []
        for name in content.declaring:
            found += self.sections.of_file(name, beside_content=content.beside_content(name))
            self._layers.add_file(self.sections.taken_layers())
        self._layers.complete()
        return found

    @property
    def defaults(self) -> Defaults:
        return self._layers.defaults

    def declarations(self, entries: Iterable[Entry]) -> Iterator[Declaration]:
        """The declarations, as they are in the environment."""
        for entry in entries:
            yield from self._instances(entry)
        complete = self._reader.complete and self.composer.complete
        for entry in self._overlay.rest(complete=complete):
            yield from self._instances(entry, added=complete, only_here=True)
        for name, position in self._layers.unused(self._in_environments()) if complete else ():
            message, hint = f"nothing extends the template '{name}'", "remove it, or name it under 'extends:'"
            self._reader.diagnostics.warning("unused-declaration", message, position, hint)

    def _instances(self, entry: Entry, *, added: bool = False, only_here: bool = False) -> Iterator[Declaration]:
        """The declarations that an entry stands for. A mistake that many of them share is told once."""
        diagnostics = self._reader.diagnostics
        starts: list[int] = []
        for instance in self.composer.instances(entry, added=only_here):
            starts.append(len(diagnostics.all))
            made = self._declaration(instance, added=added)
            if made is not None:
                yield made
        many = len(starts) > 1 or (isinstance(entry.data, dict) and "matrix" in entry.data)
        if starts and many and len(diagnostics.all) > starts[0]:
            diagnostics.fold(starts)

    def _in_environments(self) -> Iterator[Any]:
        """What any environment says, chosen or not: a template may be for another one."""
        written = self._file.written[0].get("environments") if self._file.written else None
        yield from written.values() if isinstance(written, dict) else ()
        for name in (each for files in overlay_files(self._reader.folder).values() for each in files):
            yield from (document.data for document in self._reader.peek(name).documents)

    # ── one declaration ───────────────────────────────────────────────────────────────────────────────────────────────

    def _declaration(self, instance: Instance, *, added: bool = False) -> Declaration | None:
        """The declaration; None where it is not enabled."""
        lookup, diagnostics = instance.scope, self._reader.diagnostics
        if not self._is_enabled(instance):
            address = Address(instance.entry.kind.name, instance.entry.name)
            self.composer.left_out[address] = LeftOut("not enabled", instance.entry.tree.at(("enabled",)))
            return None
        splicer = Splicer(of_declaration(instance.entry.tree, lookup, self._file.lookup.written), diagnostics)
        entry = instance.entry.spliced(splicer, lookup)
        kind, name, tree = entry.kind, entry.name, entry.tree
        named = self._check_name(kind, name, tree)
        sound = named and not entry.broken
        interpolator = Interpolator(tree, lookup, diagnostics)
        interpolator.secret |= splicer.secret
        spec = interpolator.data(entry.data) if entry.has_expressions else entry.data
        label = f"the {kind.title} '{name}'"
        found = self._validators[kind.name].problems(spec, tree, label, secret=interpolator.secret)
        # What a template would have given is not missing, nor what was meant to change another one.
        lacking = entry.broken or (added and not named)
        found = [each for each in found if not (lacking and each.code == "missing-field")]
        many = isinstance(tree, ComposedTree) and tree.matrix
        told = self._overlay.judged(entry, found) if added and not many and named else found
        exposed = list(secrets_in_the_open(kind, spec)) if interpolator.secret else []
        silent = {each.path for each in exposed}
        interpolator.report(each for each in told if each.path not in silent)
        labels: Mapping[str, str] = {}
        if isinstance(spec, dict) and not exposed:  # one that is may be taken for the name of a file
            spec, labels = without_composition(spec)
            spec, complete, secret, texts = self._inclusions.include(kind, spec, tree, lookup, filling=interpolator)
            exposed = list(secrets_in_the_open(kind, spec)) if secret else []
            sound &= complete and not (found or interpolator.unfilled)
            if sound:
                self._tell_of_unread(instance)
        if exposed or not isinstance(spec, dict):
            diagnostics.place(exposed, tree)
            # Whatever else is wrong with it, no message about it may quote the secret.
            return Declaration(Address(kind.name, name), {}, tree, broken=True)
        return Declaration(Address(kind.name, name), spec, tree, not sound, labels, texts)

    def _is_enabled(self, instance: Instance) -> bool:
        """Whether it is declared at all: looked at first, since nothing else of it need make sense where it is not."""
        written = instance.entry.data.get("enabled", True) if isinstance(instance.entry.data, dict) else True
        if isinstance(written, str):
            written = Interpolator(instance.entry.tree, instance.scope, Diagnostics()).data(written, ("enabled",))
        return written is not False

    def _tell_of_unread(self, instance: Instance) -> None:
        """A value that nothing reads was probably meant for something that has another name."""
        tree = instance.entry.tree
        written = tree.node((WITH,))
        for key, _ in written.pairs if written is not None else ():
            own = not isinstance(tree, ComposedTree) or tree.is_own(key)
            if own and (WITH, key.text) not in instance.scope.asked:
                message, hint = f"nothing reads 'with.{key.text}'", f"write ${{{{ with.{key.text} }}}} where it belongs"
                self._reader.diagnostics.warning("unread-value", message, key.position, hint)

    def _check_name(self, kind: Kind, name: str, tree: Tree) -> bool:
        pattern = kind.pattern or f"^{NAME.pattern}$"
        if re.fullmatch(pattern, name):
            return True
        message, hint = f"'{name}' is not a valid name", pattern_hint(pattern)
        if OPEN in name:
            hint = "expressions stand in the name of what has a 'matrix'; give it one, or write the name out"
        self._reader.diagnostics.error("bad-name", message, tree.at((), key=True), hint)
        return False
