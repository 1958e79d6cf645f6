"""The sections of files, and their entries, nothing in them checked."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from retinue.config.composition.merging import Part
from retinue.config.content_files import ContentFiles
from retinue.config.globs import LEAVE_OUT
from retinue.config.interpolation import Values
from retinue.config.problems import did_you_mean, listed, near
from retinue.config.project import PROJECT_FILE
from retinue.config.schema.declaration_schema import HANDOVERS, LAYERS, declaration
from retinue.config.schema.project_schema import PROJECT
from retinue.config.splices import Splicer, of_project
from retinue.config.variables import Variables
from retinue.config.yaml.constructor import Document
from retinue.config.yaml.parser import FileReader
from retinue.config.yaml.syntax_tree import Tree
from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import MOST_GUESSES, Position

# A schema in YAML that lies among declarations: one mistake, not one for every word of it.
_SCHEMA_WORDS = frozenset(("$schema", "properties"))
# How much a key must be like a section to be meant for one; more so where anything may lie.
_ALMOST, _FOREIGN = 0.7, 0.85
_TOP_KEY = re.compile(r"""^["']?([A-Za-z][\w-]*)["']?[ \t]*:""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a section, nothing in it checked. The top of `tree` is the entry, with its name as the key.

    A `merged` one was written in several places. `broken` says that a mistake in what it is made of is known.
    """

    kind: Kind
    name: str
    data: Any
    tree: Tree
    merged: bool = False
    broken: bool = False

    @property
    def has_expressions(self) -> bool:
        """Whether there may be any, or what is easily written for one. Most declarations have none, and looking for
        each costs more than all else."""
        return self.merged or self.tree.source().may_have_expressions

    @property
    def part(self) -> Part:
        node = self.tree.node(())
        assert node is not None  # noqa: S101 - the top of a tree is there
        return Part(self.data, node)

    @property
    def folder(self) -> str:
        """The folder of the file it was written in."""
        return posixpath.dirname(self.tree.source().name)

    @property
    def slot(self) -> tuple[str, str]:
        return self.kind.name, self.name

    def spliced(self, splicer: Splicer, lookup: Values) -> Entry:
        """The entry with the lists and maps in place that its expressions stand for."""
        node = self.tree.node(()) if self.has_expressions else None
        found = splicer.spliced(self.data, node, lookup) if node is not None else None
        if found is None or found.data is self.data:
            return self
        return replace(self, data=found.data, tree=self.tree.with_top(found.node))


def _may_be(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a value has the form of a field: others use the word `handler`, too, for something of another form."""
    pattern = schema.get("pattern")
    return not (pattern and isinstance(value, str)) or re.search(pattern, value) is not None


class Sections:
    """Reads the entries of files."""

    def __init__(self, reader: FileReader, kinds: Kinds, lookup: Variables) -> None:
        self._reader = reader
        self._lookup = lookup
        self._kinds = {kind.section: kind for kind in kinds.values()}
        self.handovers: list[tuple[str, Any, Tree]] = []
        """The sections that say whose an object is to be, nothing in them checked."""
        self.layers: list[tuple[str, Any, Tree]] = []
        """The sections that other declarations are made of, nothing in them checked: `defaults` and `templates`."""

    def of_file(self, name: str, *, beside_content: bool = False) -> Iterator[Entry]:
        """The entries of a file. One in a folder of content that has no section is none of ours, whatever it is."""
        if self._is_foreign(name, beside_content=beside_content):
            return
        documents, complete = self._reader.documents(name)
        if complete and not documents:
            hint = "write something into it, or remove it"
            self._reader.diagnostics.warning("empty-document", "the file declares nothing", Position(name, 1, 1), hint)
        for document in documents:
            if isinstance(document.data, dict):
                yield from self._of_document(document.data, document.tree)
            else:
                hint = f"start with a section: {listed(self._kinds, conjunction='or')}"
                message = "a file of declarations must be a mapping of sections"
                self._reader.diagnostics.error("wrong-type", message, document.tree.at(()), hint)

    def _is_foreign(self, name: str, *, beside_content: bool) -> bool:
        """Whether a file was certainly never meant to declare anything, which is told: once for the file."""
        peeked = self._reader.peek(name)
        keys = self._keys(name)
        sections = [key for key in keys if self._section(key, cutoff=_FOREIGN if beside_content else _ALMOST)]
        if sections and not (peeked.complete and self._misses(keys, peeked.documents)):
            return False
        if not beside_content and not sections and any(key in PROJECT["properties"] for key in keys):
            return False
        if not keys and not (beside_content and (peeked.documents or peeked.found.all)):
            return False
        if peeked.found.all and not beside_content:
            return False
        others = [key for key in keys if key not in sections]
        called = [key for key in sections if not key.startswith("x-")]
        none = f"nothing in {listed(called, most=3)} is a declaration" if called else "no section"
        what = f"it has {listed(others, most=3)}, and {none}" if keys else "it has no section"
        is_schema = bool(_SCHEMA_WORDS & set(keys))
        hint = f"it is read since 'include' of {PROJECT_FILE} matches it: move it, or leave it out with '!{name}'"
        if beside_content:
            message = f"this file declares nothing: {'it is a JSON Schema' if is_schema else what}"
            self._reader.diagnostics.warning("foreign-file", message, Position(name, 1, 1), hint)
            return True
        fitting = [each for each in self._kinds.values() if set(keys) <= set(declaration(each)["properties"])]
        if fitting:
            hint = f"write '{fitting[0].section}:' and a name above it; otherwise {hint}"
        message = f"this is no file of declarations: {what}"
        if is_schema:
            message = "this is a JSON Schema, not a file of declarations"
        place = peeked.documents[0].tree.at((keys[0],), key=True) if peeked.documents else Position(name, 1, 1)
        self._reader.diagnostics.error("unknown-section", message, place, hint)
        return True

    def _keys(self, name: str) -> list[str]:
        """The keys at the top of all documents of a file; of one that cannot be read, those that seem to be."""
        peeked = self._reader.peek(name)
        found = [key for each in peeked.documents if isinstance(each.data, dict) for key in each.data]
        if not peeked.complete:
            source = self._reader.excerpts.source(name)
            found += _TOP_KEY.findall(source.text) if source else []
        return list(dict.fromkeys(found))

    def _section(self, key: str, *, cutoff: float) -> str | None:
        """The section that a key is, or almost is; itself where it is for what nobody reads."""
        known = (*self._kinds, *HANDOVERS, *LAYERS)
        if key in known or key.startswith("x-"):
            return key
        return next(iter(near(key, known, cutoff=cutoff)), None)

    def _misses(self, keys: Iterable[str], documents: Iterable[Document]) -> bool:
        """Whether a file has keys that are no sections and no slips, and nothing in its sections is like a declaration:
        other programs have files with `functions` and `agents`, too."""
        sections = {key: self._section(key, cutoff=_ALMOST) for key in keys}
        if all(section or key in PROJECT["properties"] for key, section in sections.items()):
            return False
        written = [
            (section, document.data[key])
            for key, section in sections.items()
            for document in documents
            if section and isinstance(document.data, dict) and key in document.data
        ]
        return not any(self._is_like(section, value) for section, value in written)

    def _is_like(self, section: str, value: Any) -> bool:
        """Whether what stands in a section, or almost one, may be meant for what stands there."""
        if section in HANDOVERS:
            return isinstance(value, list)
        if section in LAYERS:
            return isinstance(value, dict) and (section == "templates" or any(each in self._kinds for each in value))
        if section not in self._kinds or not value:
            return section in self._kinds and value in (None, {})
        kind, guesses = self._kinds[section], MOST_GUESSES
        known, required = declaration(kind)["properties"], kind.schema.get("required", ())
        for entry in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            if not isinstance(entry, dict) or not entry:
                continue
            fitting = sum(_may_be(known[key], each) for key, each in entry.items() if key in known)
            guesses -= 1
            if guesses >= 0:
                fitting += sum(bool(near(key, known)) for key in entry.keys() - known.keys())
            if 2 * fitting > len(entry) or (required and set(required) <= entry.keys()):
                return True
        return False

    def tell_of_content(self, files: ContentFiles) -> None:
        """Say which files with sections declare nothing, since they are content, and which nobody can tell."""
        for name, claim in files.taken.items():
            if any(key in self._kinds or key in HANDOVERS or key in LAYERS for key in self._keys(name)):
                message = f"this file declares nothing: it is content of {claim.owner} ({claim.position})"
                hint = f"move it if it is to declare something, or leave it out of 'include:' with '{LEAVE_OUT}{name}'"
                self._reader.diagnostics.warning("content-with-sections", message, Position(name, 1, 1), hint)
        for name, claim in files.circles.items():
            message = (
                f"'{name}' is content of {claim.owner}, whose file is content of it: nobody can tell which declares"
            )
            self._reader.diagnostics.error("reference-cycle", message, claim.position, "leave one of them out with '!'")

    def of_mapping(self, data: Mapping[str, Any], tree: Tree) -> Iterator[Entry]:
        """The entries of sections that stand among other things."""
        for section in data:
            if section in self._kinds:
                yield from self._of_section(self._kinds[section], data[section], tree.below((section,)))
            elif section in HANDOVERS:
                self.handovers.append((section, data[section], tree.below((section,))))
            elif section in LAYERS:
                self.layers.append((section, data[section], tree.below((section,))))

    def layers_of(self, data: Mapping[str, Any], tree: Tree) -> list[tuple[str, Any, Tree]]:
        """What the project file says of what declarations are made of."""
        return [(word, data[word], tree.below((word,))) for word in LAYERS if word in data]

    def taken_layers(self) -> list[tuple[str, Any, Tree]]:
        """What was read since this was last asked for."""
        taken, self.layers = self.layers, []
        return taken

    def _of_document(self, data: dict[str, Any], tree: Tree) -> Iterator[Entry]:
        for section in data:
            if section not in (*self._kinds, *HANDOVERS, *LAYERS) and not section.startswith("x-"):
                self._refuse_section(section, tree)
        yield from self.of_mapping(data, tree)

    def _of_section(self, kind: Kind, entries: Any, tree: Tree) -> Iterator[Entry]:
        if isinstance(entries, dict):
            for name, data in entries.items():
                splicer = Splicer(of_project(self._lookup.written), self._reader.diagnostics)
                yield Entry(kind, name, data, tree.below((name,))).spliced(splicer, self._lookup)
        elif entries is not None:
            hint = f"write '  NAME:' below '{kind.section}:'"
            message = f"'{kind.section}' must be a mapping of names to what each is"
            self._reader.diagnostics.error("wrong-type", message, tree.at(()), hint)

    def _refuse_section(self, section: str, tree: Tree) -> None:
        otherwise = f"known: {listed((*self._kinds, *HANDOVERS, *LAYERS), most=20)}"
        if section in PROJECT["properties"]:
            otherwise = "settings stand in retinue.yaml"
        hint = did_you_mean(section, (*self._kinds, *HANDOVERS, *LAYERS), otherwise=otherwise)
        self._reader.diagnostics.error(
            "unknown-section", f"unknown section '{section}'", tree.at((section,), key=True), hint
        )
