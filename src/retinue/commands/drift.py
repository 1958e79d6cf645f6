"""The story of `retinue drift`: what somebody changed in the account since the last apply, and how that gets into the
declarations. Writes nothing to the account.

drift ─ choose ─→ changes ─ sites and edits ─→ texts ─ read and planned as if they were there ─→ written, all or none

A change that cannot be written, or would not read back as it is, is refused by itself and does not stop the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from retinue import engine
from retinue.commands.composed_texts import part_edits
from retinue.config import Loaded
from retinue.config.declaration_sites import Site, UnwritableError, find_parts, find_site
from retinue.config.project_files import Folder
from retinue.config.yaml.editor import Edit, edited
from retinue.errors import AccountError, DeclarationError, RetinueError, UsageError, reason_of, way_out
from retinue.kinds.kind import Keyed, Kind
from retinue.model.declared import Declaration, Declared, Diagnostic
from retinue.model.paths import fits, show
from retinue.model.selector import ALL, Selection, Selector
from retinue.model.steps import FieldChange, Plan, Step
from retinue.model.values import ABSENT, Address, FileRef, Gone, Path, Ref, Sealed
from retinue.planning.documents.drift_document import drift_document
from retinue.planning.drift_detection import Drift, find_drift, narrowed
from retinue.planning.matching import name_live
from retinue.planning.planner import make_plan
from retinue.planning.policy import FailOn, fail_on_blocks
from retinue.planning.selection import pick, with_live
from retinue.planning.write_back import write_back
from retinue.session import Reading, Session, Where, check_loaded, check_models, load_from
from retinue.state.atomic_file import replace_files

EVERYTHING = "all"
_LOOK = "'retinue drift' shows what somebody changed"


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def look_for_drift(session: Session, selection: Selection = ALL) -> Drift:
    """What differs from what was applied, or what of it is selected. Raises UsageError for a selector that means
    nothing."""
    made = engine.decide(session)
    remembered = {**session.cache.gone, **session.cache.ids}
    found = find_drift(made, session.live, remembered)
    return narrowed(found, _selected(session, selection)) if selection else found


def _selected(session: Session, selection: Selection) -> set[Address]:
    among = with_live(session.reading.declared, session.live, session.project.stack)
    return pick(selection, among, session.kinds)


def describe(
    session: Session,
    drift: Drift,
    *,
    selection: Selection = ALL,
    fail_on: Sequence[FailOn] = (),
    unowned: bool = False,
) -> dict[str, Any]:
    """The drift as a document, with what there is to say of models; warnings that `fail_on` names are blocks of it."""
    warnings: tuple[Diagnostic, ...] = ()
    with suppress(AccountError):  # what there is to say of models is worth a warning, and no failure
        warnings = check_models(session)
    warnings = (*session.notes, *warnings)
    blocks = tuple(fail_on_blocks(warnings, fail_on))
    return drift_document(drift, warnings=warnings, blocks=blocks, unowned=unowned, selection=selection)


# ── accepting ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be accepted: everything, an object, or a part of one."""

    address: Address | None = None
    path: Path = ()
    several: Selector | None = None

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """Read `all`, or a selector; behind an address or a pattern of some, the way to a field may stand, as in
        `kind.name.field.key`. Raises ValueError when the text is none of them."""
        if text == EVERYTHING:
            return cls()
        if ":" in text:
            return cls(several=Selector.parse(text))
        kind, _, rest = text.partition(".")
        name, _, path = rest.partition(".")
        found, way = Selector.parse(f"{kind}.{name}"), tuple(path.split(".")) if path else ()
        return cls(found.address, way) if found.exact else cls(None, way, found)

    def each_of(self, session: Session, drift: Drift) -> Iterator[Wanted]:
        """One for each object that has drifted, where several are meant. Raises UsageError where none has."""
        if self.several is None:
            yield self
            return
        drifted = {each.address for each in drift.changed} | {each.address for each in drift.gone}
        meant = sorted(_selected(session, Selection((self.several,))) & drifted)
        if not meant:
            raise UsageError(f"nothing of '{self.several}' has drifted", hint=_LOOK)
        yield from (Wanted(each, self.path) for each in meant)

    def covers(self, address: Address, path: Path) -> bool:
        wanted = tuple(str(part) for part in self.path)
        return self.address in (None, address) and tuple(map(str, path[: len(wanted)])) == wanted

    def __str__(self) -> str:
        return ".".join([str(self.address), *map(str, self.path)]) if self.address else EVERYTHING


@dataclass(slots=True)
class Accepted:
    """What would be written: `files` by their paths in the project, as they are and as they will be.

    `changes` are the accepted differences, `left` says what was asked for and cannot be accepted by its nature,
    `affected` are the other objects that the files change, `refused` is what could not be written, with its place.
    """

    files: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    changes: list[tuple[Address, FieldChange]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    affected: tuple[Address, ...] = ()
    refused: list[Diagnostic] = field(default_factory=list)
    pairs: _Changes = field(default_factory=list)


_Changes = list[tuple[Step, FieldChange]]


def accept(where: Where, session: Session, drift: Drift, wanted: Sequence[Wanted]) -> Accepted:
    """Prepare everything that would be written, read back and planned. Nothing is written yet.

    Raises UsageError when there is no such drift, DeclarationError when nothing of it can be accepted.
    """
    left: list[str] = []
    wanted = [one for each in wanted for one in each.each_of(session, drift)]
    attempts = _Attempts(where, session, drift, load_from(where))
    chosen = list(_choose(drift, wanted, left))
    accepted = attempts.most_of(chosen)
    if accepted.refused and not accepted.changes:
        raise DeclarationError.of(accepted.refused)
    accepted.left += [text for text in left if text not in accepted.left]
    return accepted


@dataclass(slots=True)
class _Attempts:
    """Tries to write changes, and tells those that cannot be written from the others."""

    where: Where
    session: Session
    drift: Drift
    loaded: Loaded
    refused: list[Diagnostic] = field(default_factory=list)

    def most_of(self, changes: _Changes) -> Accepted:
        writing = self._written(changes)
        self.refused += (each for _, each in writing.refused)
        unwritable = {id(pair[1]) for pair, _ in writing.refused}
        accepted = self._with(Accepted(), [each for each in changes if id(each[1]) not in unwritable])
        accepted.refused = list(self.loaded.excerpts.fill(self.refused))
        return accepted

    def _with(self, accepted: Accepted, more: _Changes) -> Accepted:
        """What was accepted so far, with as many more changes as read back as they are. Halves find the others."""
        if not more:
            return accepted
        both = [*accepted.pairs, *more]
        writing = self._written(both)
        changes = [(step.address, change) for step, change in both]
        try:
            found = Accepted(writing.files(), changes, list(writing.left), pairs=both)
            _verify(self.where, self.session, self.drift, found)
        except RetinueError as error:
            if len(more) > 1:
                half = len(more) // 2
                return self._with(self._with(accepted, more[:half]), more[half:])
            self.refused.append(self._refusal(more[0], error))
            return accepted
        return found

    def _refusal(self, pair: tuple[Step, FieldChange], error: RetinueError) -> Diagnostic:
        step, change = pair
        declared = next(each for each in self.session.reading.declared if each.address == step.address)
        why = error.diagnostics[0].message if error.diagnostics else error.message
        message = f"{step.address}.{show(change.path)} cannot be accepted: {why}"
        hint = error.hint or "'retinue apply' sets it back; or edit the declaration by hand"
        return Diagnostic("error", "not-acceptable", message, declared.position(change.path), hint)

    def _written(self, changes: _Changes) -> _Writing:
        declarations = {each.address: each for each in self.loaded.declarations}
        project = self.session.project
        writing = _Writing(self.session, declarations, Folder(project.root, shared=project.shared))
        for step, change in changes:
            writing.take_over(step, change)
        return writing


# ── choosing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _choose(drift: Drift, wanted: Sequence[Wanted], left: list[str]) -> Iterator[tuple[Step, FieldChange]]:
    """The differences that are asked for; why others cannot be had is added to `left`."""
    for each in wanted:
        found = [
            (step, change)
            for step in drift.changed
            for change in step.changes
            if each.covers(step.address, change.path)
        ]
        why = list(_left(drift, each))
        if not found and (why or each.address is not None):
            raise UsageError(
                "; ".join(why) if why else f"{each} has not drifted",
                hint=_LOOK,
            )
        left += [text for text in why if text not in left]
        yield from (pair for pair in found if not _taken(pair, wanted[: wanted.index(each)]))


def _taken(pair: tuple[Step, FieldChange], before: Iterable[Wanted]) -> bool:
    return any(each.covers(pair[0].address, pair[1].path) for each in before)


def _left(drift: Drift, wanted: Wanted) -> Iterator[str]:
    """What was asked for and cannot be taken over into the declarations by its nature."""
    for step in drift.changed:
        if step.files and wanted.covers(step.address, ("files",)[: len(wanted.path)]):
            yield f"the files of {step.address} are those of the project: 'retinue apply' brings them back"
    for each in drift.gone:
        if wanted.covers(each.address, ()):
            yield f"{each.address} is gone: remove its declaration to accept that, or let 'retinue apply' make it again"


# ── one change ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Writing:
    """The edits so far. `refused` is everything that cannot be written, with its place; `left` are texts in files that
    could not hold what is written elsewhere now."""

    session: Session
    declarations: Mapping[Address, Declaration]
    folder: Folder
    edits: dict[str, list[Edit]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[tuple[Step, FieldChange], Diagnostic]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def take_over(self, step: Step, change: FieldChange) -> None:
        declared = next(each for each in self.session.reading.declared if each.address == step.address)
        try:
            self._write(declared, step, change)
        except UnwritableError as error:
            message = f"{step.address}.{show(change.path)} cannot be accepted: {error.message}"
            refusal = Diagnostic("error", "not-acceptable", message, error.position, error.hint)
            self.refused.append(((step, change), refusal))

    def _write(self, declared: Declared, step: Step, change: FieldChange) -> None:
        if change.field not in declared.spec:
            hint = "'retinue apply' resets it; declare it to keep it"
            raise UnwritableError("it is not declared any more", declared.position(), hint)
        kind = self.session.kinds[step.address.kind].at(step.home)
        declaration = self.declarations[step.address]
        origin, rest = _origin(declared, change.path)
        if kind.field(change.field).refs is not None:
            # Where several ids may stand in the API, the author may have to write one.
            rest = tuple(part for part in rest if isinstance(part, str))
        place: Path = (*origin, *rest)
        if origin == change.path[: len(origin)] or rest:
            value = ABSENT if change.before is ABSENT else _plain(change.before, declared, change.path)
        else:
            value = self._as_authors_write(declaration, kind, step.address, place)
        if not _is_text(value):
            message, hint = "it holds half of a surrogate pair, which no file can hold", "'retinue apply' sets it back"
            raise UnwritableError(message, declared.position(change.path), hint)
        if value is ABSENT or (value is None and len(place) == 1):
            self._remove(declaration, kind, place)
        elif self._set_parts(declaration, place, change.after, value):
            pass
        elif change.after is ABSENT and _keyed(kind, place[:-1]):
            self._append(declaration, kind, step.address, place)
        else:
            self._set(declaration, place, value)

    def _as_authors_write(self, declaration: Declaration, kind: Kind, address: Address, place: Path) -> Any:
        """What stands at a place of the declaration that would be written for the live object; ABSENT for nothing."""
        declared = {each.address: each for each in self.session.reading.declared}
        named = name_live(self.session.live, declared, self.session.kinds, self.session.project.stack)
        return _walk(write_back(named.owned[address], kind), declaration.spec, kind, place)

    def _remove(self, declaration: Declaration, kind: Kind, place: Path) -> None:
        # An entry of a list goes as a whole, whatever of it says what it is.
        entry = next((place[: at + 1] for at in range(1, len(place)) if _keyed(kind, place[:at])), place)
        site = self._site(declaration, entry if _is_identity(declaration, kind, place, entry) else place)
        if site.covers:
            self._add(site, _nested(site, None))
        elif not site.missing:
            self._add(site, Edit("remove", site.number, site.path))

    def _append(self, declaration: Declaration, kind: Kind, address: Address, place: Path) -> None:
        """An entry that somebody added to a list whose entries have an identity."""
        entries = self._as_authors_write(declaration, kind, address, place[:-1])
        keyed = _keyed(kind, place[:-1])
        found = [each for each in entries if keyed and keyed.key(each) == place[-1]] if entries is not ABSENT else []
        site = self._site(declaration, place[:-1])
        if not found or (site.missing and not site.covers):
            raise UnwritableError("it cannot be written as it is", site.position, "write it by hand")
        if site.missing:  # it adds up with what is below
            self._add(site, _nested(site, [found[0]]))
        else:
            self._add(site, Edit("append", site.number, site.path, found[0]))

    def _set_parts(self, declaration: Declaration, place: Path, declared: Any, value: Any) -> bool:
        """Edit the parts of a text that is put together of several; whether it is one."""
        kinds, known = self.session.kinds, self.declarations.values()
        parts = find_parts(declaration, place, kinds, self.folder)
        if not parts or not isinstance(declared, str) or not isinstance(value, str):
            return False
        found = part_edits(declaration, parts, declared, value, declarations=known, kinds=kinds, folder=self.folder)
        for part, text in found:
            site = part.site
            if site is None or (site.text is not None and not _fits_a_file(text)):
                message = f"no file holds the line ends of {part.name} as they are now"
                raise UnwritableError(message, part.node.position, "edit it by hand")
            _refuse_foreign(site)
            if site.text is not None:
                self._write_text(site, text)
            else:
                ended = f"{text}\n" if part.node.text.endswith("\n") else text
                self._add(site, Edit("set", site.number, site.path, ended))
        return True

    def _set(self, declaration: Declaration, place: Path, value: Any) -> None:
        site = self._site(declaration, place)
        if site.text is not None and isinstance(value, str) and not _fits_a_file(value):
            said = f"'{site.text}' as it is: no file holds such line ends or marks, so the text stands in place now"
            self.left += [said] if said not in self.left else []
            site = self._site(declaration, place, in_place=True)
        if site.text is not None:
            self._write_text(site, value)
        elif site.missing and isinstance(site.missing[0], int):
            self._add(site, Edit("append", site.number, site.path, value))
        elif len(site.missing) <= 1 or site.covers:
            self._add(site, _nested(site, value))
        else:
            message = f"there is no '{site.missing[0]}' to write it into"
            raise UnwritableError(message, site.position, "write it by hand")

    def _site(self, declaration: Declaration, place: Path, *, in_place: bool = False) -> Site:
        known = (self.declarations, self.session.kinds, self.folder)
        site = find_site(declaration, place, *known, in_place=in_place)
        _refuse_foreign(site)
        return site

    def _add(self, site: Site, edit: Edit) -> None:
        self.texts.setdefault(site.source.name, site.source.text)
        known = self.edits.setdefault(site.source.name, [])
        if edit not in known:
            known.append(edit)

    def _write_text(self, site: Site, value: Any) -> None:
        assert site.text is not None  # noqa: S101 - the caller looked
        if not isinstance(value, str):
            raise UnwritableError(f"it is a text in '{site.text}', and now is none", site.position, "write it by hand")
        before = self.folder.read(site.text).decode("utf-8")
        self.texts[site.text] = before
        end = "\r\n" if "\r\n" in before else "\n"
        mark = "\ufeff" if before.startswith("\ufeff") else ""
        # The line end that ends a file is no part of its text.
        text = f"{value}\n" if before.endswith("\n") or value.endswith("\n") else value
        self.edits[site.text] = [Edit("set", 0, (), mark + text.replace("\n", end))]

    def files(self) -> dict[str, tuple[bytes, bytes]]:
        """Path → the content as it is, and as it will be."""
        made = {}
        for name, edits in self.edits.items():
            before = self.folder.read(name)
            whole = next((each for each in edits if not each.path), None)
            if whole is not None:
                after = str(whole.value)
            else:
                mark = "\ufeff" if before.startswith(b"\xef\xbb\xbf") else ""
                try:
                    after = mark + edited(self.texts[name], edits)
                except (ValueError, LookupError, TypeError, AttributeError) as error:
                    hint = "edit it by hand, and run 'retinue drift' again"
                    raise RetinueError(f"'{name}' cannot be edited: {error}", hint=hint) from error
            made[name] = (before, after.encode("utf-8"))
        return made


def _refuse_foreign(site: Site) -> None:
    """Raises UnwritableError for what is not the project's own."""
    name = site.text or site.source.name
    if name.startswith("../"):
        raise UnwritableError(f"'{name}' may be shared with other projects", site.position, f"edit '{name}' by hand")
    if site.source.given and site.text is None:
        raise UnwritableError(f"'{name}' is given on the command line", site.position, f"edit '{name}' by hand")


def _nested(site: Site, value: Any) -> Edit:
    """What sets the value at a site, with the maps that are missing around it."""
    for part in reversed(site.missing[1:]):
        value = {part: value}
    return Edit("set", site.number, (*site.path, *site.missing[:1]), value)


def _fits_a_file(text: str) -> bool:
    """Whether a text comes back from a file as it is: line ends are made alike there, and a mark is dropped."""
    return "\r" not in text and not text.startswith("\ufeff")


def _is_text(value: Any) -> bool:
    """Whether all of a value can be written to a file."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= each <= "\udfff" for each in value)
    if isinstance(value, Mapping):
        return all(_is_text(each) for pair in value.items() for each in pair)
    return all(_is_text(each) for each in value) if isinstance(value, list) else True


def _origin(declared: Declared, path: Path) -> tuple[Path, Path]:
    """Where the author wrote the longest known part of a canonical path, and the rest of the path."""
    for cut in range(len(path), 0, -1):
        origin = declared.origins.get(path[:cut])
        if origin is not None:
            return origin, path[cut:]
    return path[:1], path[1:]


def _keyed(kind: Kind, place: Path) -> Keyed | None:
    """What identifies the entries of the list at a place of a declaration."""
    return next((each for each in kind.keyed if fits(place, each.pattern)), None)


def _is_identity(declaration: Declaration, kind: Kind, place: Path, entry: Path) -> bool:
    """Whether what stands at `place` is all that its entry of a list says, so that the entry goes with it."""
    if place == entry:
        return True
    keyed, written = _keyed(kind, entry[:-1]), _at(declaration.spec, entry)
    options = keyed.options(keyed.key(written) or "") if keyed else ()
    return place[len(entry) :] == tuple(options)


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _plain(value: Any, declared: Declared, path: Path) -> Any:
    """A canonical value as its author writes it. Raises UnwritableError for what stands for something else."""
    if isinstance(value, Ref):
        return value.address.name
    if isinstance(value, Gone | FileRef | Sealed):
        message = f"it names {value.id}, which is gone" if isinstance(value, Gone) else "it is a file of the project"
        raise UnwritableError(message, declared.position(path), "'retinue apply' sets it back")
    if isinstance(value, Mapping):
        return {key: _plain(each, declared, path) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, declared, path) for each in value]
    return value


def _walk(live: Any, declared: Any, kind: Kind, place: Path, done: Path = ()) -> Any:
    """What stands at a place of a declaration in one that was written for the live object. Entries of lists are found
    by what identifies them."""
    if not place:
        return live
    part, rest = place[0], place[1:]
    if isinstance(part, int):
        keyed = _keyed(kind, done)
        if not isinstance(live, list) or not isinstance(declared, list) or keyed is None:
            return ABSENT
        wanted = keyed.key(declared[part])
        found = next((each for each in live if keyed.key(each) == wanted), ABSENT)
        return ABSENT if found is ABSENT else _walk(found, declared[part], kind, rest, (*done, part))
    if not isinstance(live, Mapping) or part not in live:
        return ABSENT
    below = declared.get(part) if isinstance(declared, Mapping) else None
    return _walk(live[part], below, kind, rest, (*done, part))


# ── looking at the result ─────────────────────────────────────────────────────────────────────────────────────────────


def _verify(where: Where, session: Session, drift: Drift, accepted: Accepted) -> None:
    """Read and plan as if the files were written. Raises RetinueError when that is not what was asked for."""
    instead = {name: after for name, (_, after) in accepted.files.items()}
    reading, found = check_loaded(load_from(where, instead=instead))
    if reading is None:
        raise DeclarationError.of([each for each in found if each.severity == "error"])
    made = _planned(session, reading)
    taken = {address for address, _ in accepted.changes}
    before = {(step.address, change.path) for step in drift.plan.steps for change in step.changes}
    for step in made.steps:
        for change in step.changes:
            same = [path for address, path in _paths(accepted) if address == step.address]
            asked = any(_overlap(change.path, path) for path in same)
            if asked or (step.address in taken and (step.address, change.path) not in before):
                name = f"{step.address}.{show(change.path)}"
                message = f"{name} cannot be accepted: written into the files, it would not read back as it is"
                raise RetinueError(message, hint="edit the declaration by hand")
    old = {each.address: each.spec for each in session.reading.declared}
    accepted.affected = tuple(
        each.address for each in reading.declared if each.address not in taken and old.get(each.address) != each.spec
    )


def _paths(accepted: Accepted) -> Iterator[tuple[Address, Path]]:
    for address, change in accepted.changes:
        yield address, change.path


def _overlap(one: Path, other: Path) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _planned(session: Session, reading: Reading) -> Plan:
    return make_plan(
        reading.declared,
        session.live,
        session.kinds,
        stack=reading.project.stack,
        account=session.account.info,
        environment=reading.project.environment,
        handovers=reading.handovers,
    )


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_accepted(accepted: Accepted, root: FilePath) -> None:
    """Replace the files. Raises RetinueError, with nothing replaced, when one has changed meanwhile or cannot be
    written."""
    try:
        for name, (before, _) in accepted.files.items():
            if (root / name).read_bytes() != before:
                raise RetinueError(f"'{name}' changed meanwhile; nothing was written", hint="run the command again")
        replace_files({root / name: after for name, (_, after) in accepted.files.items()})
    except OSError as error:
        message = f"'{error.filename}' cannot be written: {reason_of(error)}"
        raise RetinueError(message, hint=way_out(error, "make it writable")) from error
