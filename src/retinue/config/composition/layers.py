"""What declarations are made of beside themselves: `defaults` by section and folder, and `templates` by name."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retinue.config.composition.merging import Merger, Part
from retinue.config.problems import Diagnostics, did_you_mean, listed
from retinue.config.schema.declaration_schema import HANDOVERS
from retinue.config.sections import Entry
from retinue.config.splices import Splicer, of_project
from retinue.config.variables import Variables
from retinue.config.yaml.syntax_tree import Tree
from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import Position
from retinue.model.paths import show
from retinue.model.values import Path

EXTENDS = "extends"
DEEPEST = 64
"""How many templates may extend one another in a row."""
_FIELDS = "write fields below it, such as '  name: …'"
_NOT_FOR_ALL = {
    EXTENDS: "name the templates in each declaration",
    "matrix": "write it into the declaration that stands for many",
}


Defaults = Callable[[Kind, str], Mapping[str, Any]]
"""What a declaration of a kind has in a folder that does not say otherwise."""


def no_defaults(_kind: Kind, _folder: str) -> Mapping[str, Any]:
    return {}


@dataclass(slots=True)
class _Template:
    """What a name stands for: as it is written, and what the environment changes in it."""

    position: Position
    parts: list[Part] = field(default_factory=list)
    used: bool = False

    @property
    def extends(self) -> tuple[str, ...]:
        written = [each.data[EXTENDS] for each in self.parts if EXTENDS in each.data]
        return names_of(written[-1]) if written else ()


class Layers:
    """Collects defaults and templates, and lays them one over another: each combination once."""

    def __init__(self, kinds: Kinds, lookup: Variables, diagnostics: Diagnostics) -> None:
        self._lookup = lookup
        self._kinds = {kind.section: kind for kind in kinds.values()}
        self._diagnostics = diagnostics
        self._project: dict[str, list[Part]] = {}
        self._folders: dict[str, dict[str, list[Part]]] = {}
        self._templates: dict[tuple[str | None, str], _Template] = {}
        self._changes: list[tuple[tuple[str | None, str], Part, Position]] = []
        self._defaults: dict[tuple[str, str], Part | None] = {}
        self._below: dict[tuple[str, str, tuple[str, ...]], tuple[Part | None, bool]] = {}

    # ── taking in ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def add_project(self, sections: Iterable[tuple[str, Any, Tree]]) -> None:
        """What holds for the whole project."""
        self._add(sections, self._project_default, self._declare)

    def add_environment(self, sections: Iterable[tuple[str, Any, Tree]]) -> None:
        """What the environment changes: its defaults are those of the project, and stronger."""
        self._add(sections, self._project_default, lambda *template: self._changes.append(template))

    def add_file(self, sections: Iterable[tuple[str, Any, Tree]]) -> None:
        """What holds for the folder of a file, and below it."""
        self._add(sections, self._folder_default, self._declare)

    def complete(self) -> None:
        """Everything was taken in: what environments change can be laid over what there is."""
        for slot, part, position in self._changes:
            template = self._templates.setdefault(slot, _Template(position))
            template.parts.append(part)

    def _add(
        self,
        sections: Iterable[tuple[str, Any, Tree]],
        default: Callable[[Kind, Part], None],
        declare: Callable[[tuple[str | None, str], Part, Position], None],
    ) -> None:
        for word, data, tree in sections:
            if data is None:
                continue
            if not isinstance(data, dict):
                what = "sections to fields" if word == "defaults" else "names to templates"
                self._refuse_form(f"'{word}' must be a mapping of {what}", tree, ())
                continue
            for name in data:
                kind = self._kinds.get(name)
                if word == "defaults":
                    self._read_default(kind, name, data, tree, default)
                elif kind is None:
                    self._read_template((None, name), data[name], tree, (name,), declare)
                elif isinstance(data[name], dict):
                    for each in data[name]:
                        self._read_template((kind.name, each), data[name][each], tree, (name, each), declare)
                elif data[name] is not None:
                    self._refuse_form(f"'{name}' must be a mapping of names to templates", tree, (name,))

    def _read_default(
        self,
        kind: Kind | None,
        name: str,
        data: Mapping[str, Any],
        tree: Tree,
        default: Callable[[Kind, Part], None],
    ) -> None:
        if kind is None:
            why = "has no defaults" if name in HANDOVERS else "is no section"
            hint = did_you_mean(name, self._kinds, otherwise=f"known: {listed(self._kinds, most=20)}")
            place = tree.at((name,), key=True)
            self._diagnostics.error("unknown-section", f"'{name}' {why}", place, hint)
        elif data[name] is None:
            return
        elif not isinstance(data[name], dict):
            self._refuse_form(f"the defaults of '{name}' must be a mapping of fields", tree, (name,), _FIELDS)
        else:
            part = self._part(tree, (name,), data[name])
            for word, hint in _NOT_FOR_ALL.items():
                if word in part.data:
                    message = f"'{word}' cannot be a default"
                    self._diagnostics.error("misplaced-field", message, tree.at((name, word), key=True), hint)
            default(kind, _without(part, _NOT_FOR_ALL))

    def _read_template(
        self,
        slot: tuple[str | None, str],
        data: Any,
        tree: Tree,
        path: Path,
        declare: Callable[[tuple[str | None, str], Part, Position], None],
    ) -> None:
        part = self._part(tree, path, data)
        if not isinstance(part.data, dict):
            self._refuse_form(f"the template '{slot[1]}' must be a mapping of fields", tree, path, _FIELDS)
            return
        if EXTENDS in part.data and not _are_names(part.data[EXTENDS]):
            message = "'extends' must be the name of a template, or a list of names"
            self._refuse_form(message, tree, (*path, EXTENDS), "write 'extends: NAME', or 'extends: [NAME, NAME]'")
            part = _without(part, (EXTENDS,))
        declare(slot, part, tree.at(path, key=True))

    def _declare(self, slot: tuple[str | None, str], part: Part, position: Position) -> None:
        first = self._templates.get(slot)
        if first is not None:
            self._diagnostics.error(
                "duplicate-name",
                f"the template '{slot[1]}' is written twice",
                position,
                "rename or remove one of them",
                related=(("first written here", first.position),),
            )
            return
        self._templates[slot] = _Template(position, [part])

    def _project_default(self, kind: Kind, part: Part) -> None:
        self._project.setdefault(kind.section, []).append(part)

    def _folder_default(self, kind: Kind, part: Part) -> None:
        folder = posixpath.dirname(part.node.source.name)
        there = self._folders.setdefault(folder, {}).setdefault(kind.section, [])
        for other in there:
            for path, one, two in _both(other, part):
                self._diagnostics.error(
                    "duplicate-default",
                    f"'{show(path)}' of {kind.section} has two defaults in one folder",
                    two,
                    "take one of them out: neither file is nearer than the other",
                    related=(("the other one", one),),
                )
        there.append(part)

    def _part(self, tree: Tree, path: Path, data: Any) -> Part:
        """What stands at a path, with the lists and maps in place that variables give."""
        node = tree.node(path)
        assert node is not None  # noqa: S101 - what has data has a node
        if not tree.source().may_have_expressions:
            return Part(data, node)
        splicer = Splicer(of_project(self._lookup.written), self._diagnostics)
        found = splicer.spliced(data, node, self._lookup)
        return Part(found.data, found.node) if found is not None else Part(data, node)

    def _refuse_form(self, message: str, tree: Tree, path: Path, hint: str = "write '  NAME: …' below it") -> None:
        self._diagnostics.error("wrong-type", message, tree.at(path), hint)

    # ── looking up ────────────────────────────────────────────────────────────────────────────────────────────────────

    def below(self, entry: Entry, extends: Entry) -> tuple[Part | None, bool]:
        """All that stands below an entry, merged, and whether all of it is there. `extends` says which templates."""
        written = extends.data.get(EXTENDS)
        if written is None:
            return self._defaults_of(entry.kind, entry.folder), True
        if not _are_names(written):
            return None, False  # which is refused where the form of all such things is
        names = names_of(written)
        missing = [each for each in names if self._template(entry.kind, each) is None]
        for name in missing:
            path: Path = (EXTENDS,) if isinstance(written, str) else (EXTENDS, written.index(name))
            known = [each for kind, each in self._templates if kind in (None, entry.kind.name)]
            otherwise = f"there are: {listed(known)}" if known else "write it below 'templates:'"
            hint = did_you_mean(name, known, otherwise=otherwise)
            message = f"there is no template '{name}' for {entry.kind.section}"
            self._diagnostics.error("unknown-template", message, extends.tree.at(path), hint)
        there = tuple(each for each in names if each not in missing)
        key = (entry.kind.name, entry.folder, there)
        if key not in self._below:
            self._below[key] = self._merged(entry.kind, entry.folder, there)
        below, sound = self._below[key]
        return below, sound and not missing

    def defaults(self, kind: Kind, folder: str) -> Mapping[str, Any]:
        """What every declaration of a kind has in a folder that does not say otherwise."""
        part = self._defaults_of(kind, folder)
        return part.data if part is not None else {}

    def unused(self, environments: Iterable[Any]) -> Iterator[tuple[str, Position]]:
        """The templates that nothing is made of, nor named in the `environments`."""
        those = [(name, each.position) for (_, name), each in self._templates.items() if not each.used]
        named = set(_named_in(environments)) if those else set()
        return (each for each in those if each[0] not in named)

    def _template(self, kind: Kind, name: str) -> _Template | None:
        return self._templates.get((kind.name, name)) or self._templates.get((None, name))

    def _merged(self, kind: Kind, folder: str, names: Sequence[str]) -> tuple[Part | None, bool]:
        part, mistakes = self._defaults_of(kind, folder), len(self._diagnostics.all)
        merger = Merger(kind, self._diagnostics, nulls="dropped")
        order: dict[str, _Template] = {}
        for name in names:
            self._collect(kind, name, (), order)
        sound = len(self._diagnostics.all) == mistakes
        for template in order.values():
            template.used = True
            for each in template.parts:
                part = merger.merged(part, _without(each, (EXTENDS,)))
        return part, sound

    def _collect(self, kind: Kind, name: str, trail: tuple[str, ...], order: dict[str, _Template]) -> None:
        """A template after those that it extends; each stands once, where it is named first."""
        template = self._template(kind, name)
        if template is None:
            return
        for each in template.extends:
            node_part = next(part for part in reversed(template.parts) if EXTENDS in part.data)
            tree = Tree(node_part.node)
            if len(trail) >= DEEPEST:
                message = f"templates extend one another more than {DEEPEST} deep"
                self._diagnostics.error("too-deep", message, tree.at((EXTENDS,)), "put some of them together")
            elif each == name or each in trail:
                circle = " → ".join((*(trail[trail.index(each) :] if each in trail else ()), name, each))
                message = f"templates extend each other in a circle: {circle}"
                self._diagnostics.error("reference-cycle", message, tree.at((EXTENDS,)), "cut one of them")
            elif self._template(kind, each) is None:
                message = f"there is no template '{each}' for {kind.section}"
                known = [known for of, known in self._templates if of in (None, kind.name)]
                hint = did_you_mean(each, known, otherwise=f"there are: {listed(known)}")
                self._diagnostics.error("unknown-template", message, tree.at((EXTENDS,)), hint)
            else:
                self._collect(kind, each, (*trail, name), order)
        order.setdefault(name, template)

    def _defaults_of(self, kind: Kind, folder: str) -> Part | None:
        """The defaults of a folder over those of the folders around it, and all of them over those of the project."""
        key = (kind.name, folder)
        if key not in self._defaults:
            merger = Merger(kind, self._diagnostics, nulls="dropped")
            part = self._defaults_of(kind, posixpath.dirname(folder)) if folder else None
            own = self._folders.get(folder, {}).get(kind.section, [])
            for each in own if folder else [*self._project.get(kind.section, []), *own]:
                part = merger.merged(part, each)
            self._defaults[key] = part
        return self._defaults[key]


def names_of(written: Any) -> tuple[str, ...]:
    """The templates that `extends` names, each once."""
    return (written,) if isinstance(written, str) else tuple(dict.fromkeys(written or ()))


def _are_names(written: Any) -> bool:
    return isinstance(written, str) or (isinstance(written, list) and all(isinstance(each, str) for each in written))


def _named_in(environments: Iterable[Any]) -> Iterator[str]:
    """The templates that entries of sections extend."""
    sections = (section for each in environments if isinstance(each, dict) for section in each.values())
    for section in sections:
        for entry in section.values() if isinstance(section, dict) else ():
            if isinstance(entry, dict) and _are_names(entry.get(EXTENDS)):
                yield from names_of(entry[EXTENDS])


def _without(part: Part, words: Iterable[str]) -> Part:
    return Part({name: value for name, value in part.data.items() if name not in words}, part.node)


def _both(one: Part, two: Part, path: Path = ()) -> Iterator[tuple[Path, Position, Position]]:
    """What both of two maps set, with both places."""
    for name in one.data:
        first, second = one.node.pair(name), two.node.pair(name)
        if name not in two.data or first is None or second is None:
            continue
        values = one.data[name], two.data[name]
        if all(isinstance(each, dict) for each in values):
            yield from _both(Part(values[0], first[1]), Part(values[1], second[1]), (*path, name))
        else:
            yield (*path, name), first[0].position, second[0].position
