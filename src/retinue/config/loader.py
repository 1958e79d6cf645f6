"""The way from a directory to declarations: the project file, the files it includes, their sections, their entries."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from glob import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retinue.config.content_files import ContentFiles, find_content
from retinue.config.environment_overlays import Merger, Part, environment_of
from retinue.config.globs import LEAVE_OUT, Exclusion, Pattern, left_out
from retinue.config.inclusions import Inclusions
from retinue.config.interpolation import Interpolator, Values, secrets_in_the_open
from retinue.config.json_schemas import JsonSchemas
from retinue.config.problems import Diagnostics, RefusedError, did_you_mean, listed, near, pattern_hint
from retinue.config.project import PROJECT_FILE, Outline, Project, find, read_project
from retinue.config.project_files import Digests, Excerpts, Folder
from retinue.config.schema.declaration_schema import HANDOVERS, declaration, without_composition
from retinue.config.schema.project_schema import DEFAULT_INCLUDE, PROJECT
from retinue.config.schema.validator import Validator
from retinue.config.scope import Scope
from retinue.config.splices import Splicer, of_project, of_values
from retinue.config.text_files import TextFiles
from retinue.config.variables import Given, Variables, read_var_files
from retinue.config.yaml.constructor import Document
from retinue.config.yaml.parser import FileReader
from retinue.config.yaml.syntax_tree import Tree
from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import MOST_GUESSES, Declaration, Diagnostic, Handover, Position, Problem, Verb
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
    sections, overlay = Sections(reader, kinds, project_file.lookup), Overlay(reader.diagnostics)
    if project_file.environment is not None:
        overlay.add(sections.of_mapping(*project_file.environment))
    for name in project_file.overlays:
        overlay.add(sections.of_file(name))
    included = declaration_files(reader.folder, project_file.included, reader.diagnostics, own_name=file.name)
    content = find_content(reader, kinds, project_file.lookup, included, project_file.written)
    sections.tell_of_content(content)
    declarations = tuple(_Declarations(reader, project_file.lookup, kinds).of_files(content, sections, overlay))
    handovers = tuple(read_handovers(sections.handovers, project_file.lookup, reader.diagnostics))
    return Loaded(
        project_file.project,
        declarations,
        reader.excerpts.fill(reader.diagnostics.all),
        reader.excerpts,
        reader.complete,
        handovers,
        project_file.lookup,
        environ.get(SEAL, "").encode("utf-8", "surrogateescape"),
        project_file.outline,
    )


def _nothing(start: Path) -> Loaded:
    diagnostics = Diagnostics()
    hint = "run 'retinue init' to make one, or change to a directory of your project"
    if (start / "retinue.yml").is_file():
        hint = "rename retinue.yml to retinue.yaml"
    diagnostics.error("no-project", f"there is no {PROJECT_FILE} in '{start.absolute()}' or above", None, hint)
    return Loaded(None, (), tuple(diagnostics.all), Excerpts())


def declaration_files(
    folder: Folder,
    included: Sequence[tuple[str, Position | None]],
    diagnostics: Diagnostics,
    *,
    own_name: str = PROJECT_FILE,
) -> list[str]:
    """The declaration files, sorted, each once. `included` are the globs, with the place where each was written."""
    found: set[str] = set()
    without = list(_exclusions(folder, included, diagnostics))
    wanted = [each for each in included if not each[0].startswith(LEAVE_OUT)]
    # Who only leaves something out means it to be left out of what there would be otherwise.
    refused: list[tuple[RefusedError, Position | None]] = []
    for glob, position in wanted or [(each, None) for each in DEFAULT_INCLUDE]:
        try:
            matched = folder.files("", glob, without=without)
        except RefusedError as error:
            refused.append((error, position))
            continue
        found.update(_without_overlays(matched.files, glob, position, diagnostics))
        refused += [(each, position) for each in matched.refused]
    for each, position in refused:
        # Nobody wrote the default globs, so nobody is wrong when one of them matches nothing.
        if position is not None or each.code != "no-match":
            out = f", or leave it out of 'include': '{LEAVE_OUT}{escape(each.link)}'" if each.link else ""
            hint = f"{each.hint}{out}" if each.hint else None
            diagnostics.error(each.code, each.message, position or Position(own_name, 1, 1), hint)
    found.discard(own_name)
    if not found and included and all(position is None for _, position in included):
        globs = listed((glob for glob, _ in included), conjunction="or")
        place = Position(own_name, 1, 1)
        diagnostics.warning("no-match", f"no file matches {globs}", place, "write a declaration, or set 'include:'")
    return sorted(found)


def _exclusions(
    folder: Folder, included: Sequence[tuple[str, Position | None]], diagnostics: Diagnostics
) -> Iterator[Exclusion]:
    """What `include` leaves out."""
    for glob, position in included:
        if glob.startswith(LEAVE_OUT):
            try:
                yield folder.exclusion("", glob.removeprefix(LEAVE_OUT))
            except RefusedError as refused:
                diagnostics.error(refused.code, refused.message, position, refused.hint)


def _without_overlays(
    files: list[str], glob: str, position: Position | None, diagnostics: Diagnostics
) -> Iterator[str]:
    """What a glob of `include` matches: overlays are found by their environment, and declare nothing without it."""
    if files == [glob] and environment_of(glob):
        message = f"'{glob}' is what an environment changes, which is found by its name"
        diagnostics.error("overlay-included", message, position, "take it out of 'include:', or move it")
    yield from (each for each in files if environment_of(each) is None)


def is_included(folder: Folder, include: Iterable[str], path: str) -> bool:
    """Whether a file, which need not be there, would be read as one of declarations."""
    globs = [each for each in include if not each.startswith(LEAVE_OUT)] or DEFAULT_INCLUDE
    out = [folder.exclusion("", each.removeprefix(LEAVE_OUT)) for each in include if each.startswith(LEAVE_OUT)]
    return any(Pattern(folder.inside("", each)).covers(path) for each in globs) and not left_out(path, out)


class _Declarations:
    """Checks the entries of files and makes declarations of them."""

    def __init__(self, reader: FileReader, lookup: Variables, kinds: Kinds) -> None:
        self._reader = reader
        self._lookup = lookup
        self._validators = {kind.name: Validator(declaration(kind)) for kind in kinds.values()}
        self._inclusions = Inclusions(reader, JsonSchemas(reader), TextFiles(reader))

    def of_files(self, files: ContentFiles, sections: Sections, overlay: Overlay) -> Iterator[Declaration]:
        """The declarations of the files, as they are in the environment."""
        for name in files.declaring:
            for entry in sections.of_file(name, beside_content=files.beside_content(name)):
                applied = overlay.applied(entry)
                if applied is not None:
                    yield self._declaration(applied, overlay)
        complete = self._reader.complete
        for entry in overlay.rest(complete=complete):
            yield self._declaration(entry, overlay, added=complete)

    def _declaration(self, entry: Entry, overlay: Overlay, *, added: bool = False) -> Declaration:
        kind, name = entry.kind, entry.name
        sound = self._check_name(kind, name, entry.tree)
        lookup = Scope.of(Address(kind.name, name), self._lookup)
        splicer = Splicer(of_values(lookup, self._lookup.written), self._reader.diagnostics)
        entry = entry.spliced(splicer, lookup)
        tree = entry.tree
        interpolator = Interpolator(tree, lookup, self._reader.diagnostics)
        interpolator.secret |= splicer.secret
        spec = interpolator.data(entry.data) if entry.has_expressions else entry.data
        label = f"the {kind.title} '{name}'"
        found = self._validators[kind.name].problems(spec, tree, label, secret=interpolator.secret)
        told = overlay.judged(entry, found) if added else found
        exposed = list(secrets_in_the_open(kind, spec)) if interpolator.secret else []
        silent = {each.path for each in exposed}
        interpolator.report(each for each in told if each.path not in silent)
        if isinstance(spec, dict) and not exposed:  # one that is may be taken for the name of a file
            spec, labels = without_composition(spec)
            spec, complete, secret, texts = self._inclusions.include(kind, spec, tree, lookup)
            exposed = list(secrets_in_the_open(kind, spec)) if secret else []
            sound &= complete and not (found or interpolator.unfilled)
        if exposed or not isinstance(spec, dict):
            self._reader.diagnostics.place(exposed, tree)
            # Whatever else is wrong with it, no message about it may quote the secret.
            return Declaration(Address(kind.name, name), {}, tree, broken=True)
        return Declaration(Address(kind.name, name), spec, tree, not sound, labels, texts)

    def _check_name(self, kind: Kind, name: str, tree: Tree) -> bool:
        pattern = kind.pattern or f"^{NAME.pattern}$"
        if re.fullmatch(pattern, name):
            return True
        message = f"'{name}' is not a valid name"
        self._reader.diagnostics.error("bad-name", message, tree.at((), key=True), pattern_hint(pattern))
        return False


# ── sections ──────────────────────────────────────────────────────────────────────────────────────────────────────────


# A schema in YAML that lies among declarations: one mistake, not one for every word of it.
_SCHEMA_WORDS = frozenset(("$schema", "properties"))
# How much a key must be like a section to be meant for one; more so where anything may lie.
_ALMOST, _FOREIGN = 0.7, 0.85
_TOP_KEY = re.compile(r"""^["']?([A-Za-z][\w-]*)["']?[ \t]*:""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a section, nothing in it checked. The top of `tree` is the entry, with its name as the key.

    A `merged` one was written in several places.
    """

    kind: Kind
    name: str
    data: Any
    tree: Tree
    merged: bool = False

    @property
    def has_expressions(self) -> bool:
        """Whether there may be any, or what is easily written for one. Most declarations have none, and looking for
        each costs more than all else."""
        return self.merged or self.tree.source().may_have_expressions

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
        known = (*self._kinds, *HANDOVERS)
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
            if any(key in self._kinds or key in HANDOVERS for key in self._keys(name)):
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

    def _of_document(self, data: dict[str, Any], tree: Tree) -> Iterator[Entry]:
        for section in data:
            if section not in (*self._kinds, *HANDOVERS) and not section.startswith("x-"):
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
        otherwise = f"known: {listed((*self._kinds, *HANDOVERS), most=20)}"
        if section in PROJECT["properties"]:
            otherwise = "settings stand in retinue.yaml"
        hint = did_you_mean(section, (*self._kinds, *HANDOVERS), otherwise=otherwise)
        self._reader.diagnostics.error(
            "unknown-section", f"unknown section '{section}'", tree.at((section,), key=True), hint
        )


# ── overlays ──────────────────────────────────────────────────────────────────────────────────────────────────────────


# Names this much alike are taken for one another by people, too.
_ALIKE = 0.9


class Overlay:
    """Everything that the chosen environment changes. Each entry is used up by the declaration it changes."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._entries: dict[tuple[str, str], Entry] = {}
        self._known: dict[str, list[str]] = {}
        self._guesses = MOST_GUESSES

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            first = self._entries.setdefault(entry.slot, entry)
            if first is not entry:
                self._diagnostics.error(
                    "duplicate-name",
                    f"the {entry.kind.title} '{entry.name}' is changed twice for one environment",
                    entry.tree.at((), key=True),
                    "put the two together",
                    related=(("first changed here", first.tree.at((), key=True)),),
                )
            elif not isinstance(entry.data, dict | None):
                message = f"what changes in '{entry.name}' must be a mapping"
                hint = "write fields below it, or null to take it out"
                self._diagnostics.error("wrong-type", message, entry.tree.at(()), hint)
                del self._entries[entry.slot]

    def applied(self, entry: Entry) -> Entry | None:
        """The declaration as it is in the environment; None when it is not there."""
        self._known.setdefault(entry.kind.name, []).append(entry.name)
        over = self._entries.pop(entry.slot, None)
        if over is None or not isinstance(entry.data, dict):
            return entry
        return None if over.data is None else self._merged(entry, over)

    def rest(self, *, complete: bool) -> Iterator[Entry]:
        """What is declared for this environment only. Unless `complete`, what is changed may be in a broken file."""
        for over in self._entries.values():
            if over.data is not None:
                yield self._merged(None, over)
            elif complete:
                message = f"there is no {over.kind.title} '{over.name}' to remove"
                hint = did_you_mean(over.name, self._names(over), otherwise="leave it out")
                self._diagnostics.error("nothing-to-remove", message, over.tree.at((), key=True), hint)

    def judged(self, over: Entry, problems: list[Problem]) -> list[Problem]:
        """What is wrong with an entry that is declared for this environment only: if it lacks something, it was
        probably meant to change a declaration, and so it was if it is named almost like one."""
        lacking = [each for each in problems if each.code == "missing-field" and not each.path]
        names = self._names(over)
        if not lacking:
            alike = near(over.name, names, cutoff=_ALIKE)
            message = f"the {over.kind.title} '{over.name}' is declared for this environment only"
            hint = f"did you mean '{alike[0]}'?" if alike else None
            warned = [Problem("similar-name", (), message, hint, severity="warning", key=True)] if alike else []
            return [*problems, *warned]
        whole = f"to declare it here only, write it whole: {lacking[0].message}"
        message = f"there is no {over.kind.title} '{over.name}' to change"
        problem = Problem("nothing-to-change", (), message, did_you_mean(over.name, names, otherwise=whole), key=True)
        return [problem, *(each for each in problems if each not in lacking)]

    def _names(self, over: Entry) -> list[str]:
        """The declarations that an entry may have been meant for."""
        self._guesses -= 1
        return self._known.get(over.kind.name, []) if self._guesses >= 0 else []

    def _merged(self, entry: Entry | None, over: Entry) -> Entry:
        base = _part(entry) if entry is not None else None
        data, node = Merger(over.kind, self._diagnostics).merged(base, _part(over))
        return Entry(over.kind, over.name, data, Tree(node, (entry or over).tree.key()), merged=True)


def _part(entry: Entry) -> Part:
    node = entry.tree.node(())
    assert node is not None  # noqa: S101 - the top of a tree is there
    return Part(entry.data, node)


# ── adopt, moved, release, takeover ───────────────────────────────────────────────────────────────────────────────────


def read_handovers(
    sections: Iterable[tuple[str, Any, Tree]], lookup: Values, diagnostics: Diagnostics
) -> Iterator[Handover]:
    """The entries of all sections, but for those with mistakes, which are reported. Null is an empty section."""
    for section, written, tree in sections:
        if written is None:
            continue
        interpolator = Interpolator(tree, lookup, diagnostics)
        entries = interpolator.shown(written, why="addresses and ids are printed", label=section)
        problems = Validator(HANDOVERS[section]).problems(entries, tree, f"'{section}'", secret=interpolator.secret)
        interpolator.report(problems)
        broken = {each.path[:1] for each in problems} | {path[:1] for path in interpolator.unfilled}
        if () not in broken:
            for index, entry in enumerate(entries):
                if (index,) not in broken:
                    yield _handover(section, entry, tree, index)


def _handover(section: Any, entry: Any, tree: Tree, index: int) -> Handover:
    verb: Verb = section
    position = tree.at((index,))
    if isinstance(entry, str):
        return Handover(verb, Address.parse(entry), position)
    if verb == "moved":
        return Handover(verb, Address.parse(entry["to"]), position, origin=Address.parse(entry["from"]))
    return Handover(verb, Address.parse(entry["address"]), position, id=entry.get("id"), stack=entry.get("from_stack"))
