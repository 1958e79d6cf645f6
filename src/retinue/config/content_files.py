"""Which of the included files are content of declarations, such as a file of a skill, and so declare nothing.

What a file takes in is known once it is read, and a file that is content takes nothing in. So a file declares if no
file that declares takes it in. Where files take in each other, nobody can tell, which is a mistake.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote

from retinue.config.composition.merging import Merger, Part
from retinue.config.environment_overlays import overlay_files
from retinue.config.globs import LEAVE_OUT, MAGIC, Exclusion, left_out
from retinue.config.interpolation import LOCAL, fill
from retinue.config.problems import Diagnostics, RefusedError
from retinue.config.splices import Splicer, of_project
from retinue.config.variables import Variables
from retinue.config.yaml.parser import FileReader
from retinue.config.yaml.syntax_tree import Tree
from retinue.kinds.kind import Inclusion, Kind, Kinds
from retinue.model.declared import Position
from retinue.model.paths import matches
from retinue.model.values import Path

_OVERLAYS = ""
"""Stands for the files of overlays, which nothing takes in."""
_YAML = (".yaml", ".yml")
_LOCAL = re.compile(rf"(?<!\$)\$\{{\{{\s*(?:{'|'.join(LOCAL)})\.[^}}]*\}}\}}")
"""An expression whose value differs by declaration."""


class Claim(NamedTuple):
    """What takes a file in, and where that is written."""

    owner: str
    position: Position


@dataclass(frozen=True, slots=True)
class ContentFiles:
    """The files that declare, sorted, and those that do not, each with what takes it in. `folders` are those that
    content is taken from: what else is in there may be anything. `circles` are files that take each other in."""

    declaring: Sequence[str]
    taken: Mapping[str, Claim]
    folders: frozenset[str]
    circles: Mapping[str, Claim]

    def beside_content(self, name: str) -> bool:
        """Whether a file is in, or below, a folder that content is taken from."""
        above = posixpath.dirname(name)
        while above and above not in self.folders:
            above = posixpath.dirname(above)
        return above in self.folders


def find_content(
    reader: FileReader,
    kinds: Kinds,
    lookup: Variables,
    included: Sequence[str],
    project: tuple[Mapping[str, Any], Tree] | None,
) -> ContentFiles:
    """Sort the included files. `project` is what the project file holds. Nothing is reported here."""
    return _Finder(reader, {kind.section: kind for kind in kinds.values()}, lookup, included).found(project)


@dataclass(slots=True)
class _Finder:
    reader: FileReader
    sections: Mapping[str, Kind]
    lookup: Variables
    included: Sequence[str]
    folders: set[str] = field(default_factory=set)
    # The same file may be included by one path and taken in by another.
    _by_real: dict[str, str] = field(default_factory=dict)
    _overlays: dict[tuple[str, str], list[Part]] = field(default_factory=dict)
    _layers: list[tuple[Mapping[str, Any], Tree]] = field(default_factory=list)

    def found(self, project: tuple[Mapping[str, Any], Tree] | None) -> ContentFiles:
        self._by_real = {self.reader.folder.real(name): name for name in reversed(self.included)}
        self._read_overlays(project)
        claims: dict[str, dict[str, Claim]] = {}
        taking: dict[str, set[str]] = {}
        folders: dict[str, set[str]] = {}
        for name in (_OVERLAYS, *self.included):
            self.folders = set()
            for content, claim in self._claims_of_overlays() if name == _OVERLAYS else self._claims_of(name):
                if content != name:
                    claims.setdefault(content, {}).setdefault(name, claim)
                    taking.setdefault(name, set()).add(content)
            folders[name] = self.folders
        declaring, chosen = _declaring((_OVERLAYS, *self.included), claims, taking)
        taken = {
            content: next(claim for name, claim in by.items() if name in declaring)
            for content, by in claims.items()
            if content not in declaring
        }
        named = {each for name in declaring for each in folders[name]}
        circles = {name: next(iter(claims[name].values())) for name in chosen}
        return ContentFiles([each for each in self.included if each in declaring], taken, frozenset(named), circles)

    # ── what is declared ──────────────────────────────────────────────────────────────────────────────────────────────

    def _read_overlays(self, project: tuple[Mapping[str, Any], Tree] | None) -> None:
        """What any environment changes: content in one of them is no declaration in another."""
        if project is not None:
            self._layers.append(project)
            environments = project[0].get("environments")
            for name, data in environments.items() if isinstance(environments, dict) else ():
                if isinstance(data, dict):
                    self._read_overlay(data, project[1].below(("environments", name)))
        for file in (each for files in overlay_files(self.reader.folder).values() for each in files):
            for document in self.reader.peek(file).documents:
                if isinstance(document.data, dict):
                    self._read_overlay(document.data, document.tree)

    def _read_overlay(self, data: Mapping[str, Any], tree: Tree) -> None:
        self._layers.append((data, tree))
        for section, name, part in self._entries(data, tree):
            self._overlays.setdefault((section, name), []).append(part)

    def _entries(self, data: Mapping[str, Any], tree: Tree) -> Iterator[tuple[str, str, Part]]:
        for section in data:
            if section in self.sections and self.sections[section].inclusions and isinstance(data[section], dict):
                below = tree.below((section,))
                for name, written in data[section].items():
                    part = self._whole(written, below, (name,))
                    if part is not None:
                        yield section, name, part

    def _whole(self, written: Any, tree: Tree, path: Path) -> Part | None:
        """A map with the lists and maps in place that variables give; None for anything else."""
        node = tree.node(path)
        if node is not None and tree.source().may_have_expressions:
            splicer = Splicer(of_project(self.lookup.written), Diagnostics())
            written, node = (splicer.spliced(written, node) or (written, node))[:2]
        return Part(written, node) if isinstance(written, dict) and node is not None else None

    def _claims_of_layers(self, data: Mapping[str, Any], tree: Tree) -> Iterator[tuple[str, Claim]]:
        """What defaults and templates take in, whether or not anything is made of them."""
        defaults, templates = data.get("defaults"), data.get("templates")
        for section, written in defaults.items() if isinstance(defaults, dict) else ():
            if section in self.sections:
                path: Path = ("defaults", section)
                yield from self._claims_of_part([self.sections[section]], "the defaults", written, tree, path)
        for name, written in templates.items() if isinstance(templates, dict) else ():
            kind = self.sections.get(name)
            if kind is None:
                label = f"the template '{name}'"
                yield from self._claims_of_part(self.sections.values(), label, written, tree, ("templates", name))
            for each in written if kind is not None and isinstance(written, dict) else ():
                path, label = ("templates", name, each), f"the template '{each}'"
                yield from self._claims_of_part([kind] if kind else [], label, written[each], tree, path)

    def _claims_of_part(
        self, kinds: Iterable[Kind], label: str, written: Any, tree: Tree, path: Path
    ) -> Iterator[tuple[str, Claim]]:
        part = self._whole(written, tree, path)
        for kind in kinds if part is not None else ():
            if kind.inclusions and part is not None:
                whole = Merger(kind, Diagnostics(), nulls="dropped").merged(None, part)
                yield from self._claims(kind, label, whole)

    def _claims_of_overlays(self) -> Iterator[tuple[str, Claim]]:
        """What is taken in by what is written for an environment, whatever it changes."""
        for (section, name), parts in self._overlays.items():
            kind = self.sections[section]
            for part in parts:
                whole = Merger(kind, Diagnostics()).merged(None, part)
                yield from self._claims(kind, f"{kind.name}.{name}", whole)
        for data, tree in self._layers:
            yield from self._claims_of_layers(data, tree)

    def _claims_of(self, file: str) -> Iterator[tuple[str, Claim]]:
        for document in self.reader.peek(file).documents:
            if isinstance(document.data, dict):
                for section, name, part in self._entries(document.data, document.tree):
                    kind = self.sections[section]
                    merger = Merger(kind, Diagnostics())
                    over = self._overlays.get((section, name), ())
                    own = merger.merged(None, part) if merger.has_maps(part.data) else part
                    for each in (own, *(merger.merged(own, other) for other in over)):
                        yield from self._claims(kind, f"{kind.name}.{name}", each)
                yield from self._claims_of_layers(document.data, document.tree)

    # ── what it takes in ──────────────────────────────────────────────────────────────────────────────────────────────

    def _claims(self, kind: Kind, owner: str, part: Part) -> Iterator[tuple[str, Claim]]:
        tree = Tree(part.node)
        for inclusion in kind.inclusions:
            for path, value in matches(part.data, inclusion.pattern):
                claim = Claim(owner, tree.at(path))
                for content in self._named(inclusion, value, tree, path):
                    included = self._by_real.get(self.reader.folder.real(content))
                    if included is not None:
                        yield included, claim

    def _named(self, inclusion: Inclusion, value: Any, tree: Tree, path: Path) -> Iterator[str]:
        """The files that a value names, as far as they are there."""
        base = _directory(tree, path)
        match inclusion.form:
            case "text":
                parts = enumerate(value) if isinstance(value, list) else [(None, value)]
                for index, each in parts:
                    if isinstance(each, dict):
                        where: Path = (*path, "file") if index is None else (*path, index, "file")
                        base = _directory(tree, where)
                        yield from self._files(base, each.get("file"), self._exclusions(base, each.get("exclude")))
            case "schema":
                yield from self._referred(value, _directory(tree, (*path, "file")))
            case "file" | "base64":
                yield from self._files(base, value)
            case "folder":
                written = value.get("path") if isinstance(value, dict) else value
                base = _directory(tree, (*path, "path"))
                without = self._exclusions(base, value.get("exclude") if isinstance(value, dict) else None)
                if isinstance(written, str) and written:
                    yield from self._files(base, f"{written.rstrip('/')}/**/*", without)
            case "files" if isinstance(value, list):
                yield from self._listed(inclusion, value, tree, path)

    def _referred(self, schema: Any, base: str) -> Iterator[str]:
        """The file that a schema stands in, and those that it refers to."""
        written = schema.get("file") if isinstance(schema, dict) else None
        waiting = (
            [(base, written)] if isinstance(written, str) else [(base, each) for each in references_to_files(schema)]
        )
        seen: set[str] = set()
        while waiting:
            directory, named = waiting.pop()
            for file in self._files(directory, named):
                if file not in seen:
                    seen.add(file)
                    yield file
                    found = (
                        each
                        for document in self.reader.peek(file).documents
                        for each in references_to_files(document.data)
                    )
                    waiting += [(posixpath.dirname(file), each) for each in found]

    def _listed(self, inclusion: Inclusion, value: list[Any], tree: Tree, path: Path) -> Iterator[str]:
        """The files of a list. Of those that are not fit to be content, the ones in folders apart from the declaration:
        a glob over everything must not take the declarations around it for content that nobody could take in."""
        out = [each for each in value if isinstance(each, str) and each.startswith(LEAVE_OUT)]
        for index, entry in enumerate(value):
            written = entry.get("path") if isinstance(entry, dict) else entry
            if not isinstance(written, str) or written in out:
                continue
            base = _directory(tree, (*path, index))
            exclusions = [*(each.removeprefix(LEAVE_OUT) for each in out)]
            own = self._exclusions(base, entry.get("exclude") if isinstance(entry, dict) else None)
            without = [*self._exclusions(base, exclusions), *own]
            names = list(self._files(base, written, without))
            folder = self._fixed(base, written)
            apart = bool(folder) and not f"{base}/".startswith(f"{folder}/")
            if apart:
                self.folders.add(folder)
            for name in names:
                if apart or inclusion.unfit is None or not inclusion.unfit(name, 1):
                    yield name

    def _fixed(self, base: str, written: str) -> str:
        """The folder that all files of a glob are in."""
        parts = written.split("/")[:-1]
        magic = next((index for index, each in enumerate(parts) if MAGIC.search(each)), len(parts))
        try:
            return self.reader.folder.inside(base, "/".join(parts[:magic]))
        except RefusedError:
            return ""

    def _files(self, base: str, written: Any, without: Sequence[Exclusion] = ()) -> Iterator[str]:
        """The YAML files that a path or a glob names; none where it names nothing, which is told when it is read."""
        if not isinstance(written, str) or not written:
            return
        # What differs by declaration may be anything: its files are all that fit.
        filled = fill(_LOCAL.sub("*", written), self.lookup)
        if not filled.complete or not isinstance(filled.value, str):
            return
        folder = self.reader.folder
        try:
            if folder.is_glob(base, filled.value):
                yield from folder.search(base, filled.value, without, _YAML).files
            elif (file := folder.file(base, filled.value)).lower().endswith(_YAML) and not left_out(file, without):
                yield file
        except RefusedError:
            return

    def _exclusions(self, base: str, written: Any) -> list[Exclusion]:
        found: list[Exclusion] = []
        for each in [written] if isinstance(written, str) else written or ():
            try:
                found += [self.reader.folder.exclusion(base, each)] if isinstance(each, str) and each else []
            except RefusedError:
                continue
        return found


def _directory(tree: Tree, path: Path) -> str:
    """The directory that paths are relative to; that of the project in what the command line gives."""
    source = tree.source(path)
    return "" if source.given else posixpath.dirname(source.name)


def references_to_files(schema: Any) -> Iterator[str]:
    """The files that the references of a schema, or of anything that holds schemas, lead to."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            named = value.get("$ref")
            if isinstance(named, str) and not named.startswith("#") and "://" not in named:
                yield unquote(named.partition("#")[0])
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _declaring(
    included: Sequence[str], claims: Mapping[str, Iterable[str]], taking: Mapping[str, Iterable[str]]
) -> tuple[set[str], list[str]]:
    """The files that no declaring file takes in; and of those that take each other in, the one that was chosen."""
    order = deque(sorted(included, key=lambda name: (name.count("/"), name)))
    undecided, declaring, chosen = set(included), set[str](), list[str]()
    waiting = {name: len(list(claims.get(name, ()))) for name in included}
    ready = deque(name for name in order if not waiting[name])
    while True:
        while ready:
            name = ready.popleft()
            if name not in undecided:
                continue
            undecided.discard(name)
            declaring.add(name)
            for content in undecided & set(taking.get(name, ())):
                undecided.discard(content)
                for other in taking.get(content, ()):
                    waiting[other] -= 1
                    if not waiting[other]:
                        ready.append(other)
        while order and order[0] not in undecided:
            order.popleft()
        if not order:
            return declaring, chosen
        chosen.append(order[0])
        ready.append(order.popleft())
