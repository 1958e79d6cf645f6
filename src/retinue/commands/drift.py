"""The story of `retinue drift`: what somebody changed in the account since the last apply, and how that gets into the
declarations. Writes nothing to the account.

drift ─ choose ─→ changes ─ sites and edits ─→ texts ─ read and planned as if they were there ─→ written, all or none

A change that cannot be written, or would not read back as it is, is refused by itself and does not stop the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from retinue import engine
from retinue.commands.drift_edits import DriftEdits
from retinue.config import Loaded
from retinue.config.project_files import Folder
from retinue.errors import AccountError, DeclarationError, RetinueError, UsageError, reason_of, way_out
from retinue.model.declared import Diagnostic
from retinue.model.paths import show
from retinue.model.selector import ALL, Selection, Selector
from retinue.model.steps import FieldChange, Plan, Step
from retinue.model.values import Address, Path
from retinue.planning.documents.drift_document import drift_document
from retinue.planning.drift_detection import Drift, find_drift, narrowed
from retinue.planning.planner import make_plan
from retinue.planning.policy import FailOn, fail_on_blocks
from retinue.planning.selection import pick, with_kinds, with_live
from retinue.session import Reading, Session, Where, check_loaded, check_models, load_from
from retinue.state.atomic_file import replace_files

EVERYTHING = "all"
_LOOK = "'retinue drift' shows what somebody changed"


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def look_for_drift(session: Session, selection: Selection = ALL) -> Drift:
    """What differs from what was applied, or what of it is selected. Raises UsageError for a selector that means
    nothing."""
    made = engine.decide(session, models=True)
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
        kind, dot, rest = text.partition(".")
        name, _, path = rest.partition(".")
        found, way = Selector.parse(f"{kind}{dot}{name}"), tuple(path.split(".")) if path else ()
        return cls(found.address, way) if found.exact else cls(None, way, found)

    def each_of(self, session: Session, drift: Drift) -> Iterator[Wanted]:
        """One for each object that has drifted, where several are meant. Raises UsageError where none has."""
        if self.several is None:
            yield self._whole(session)
            return
        drifted = {each.address for each in drift.changed} | {each.address for each in drift.gone}
        meant = sorted(_selected(session, Selection((self.several,))) & drifted)
        if not meant:
            raise UsageError(f"nothing of '{self.several}' has drifted", hint=_LOOK)
        yield from (Wanted(each, self.path) for each in meant)

    def _whole(self, session: Session) -> Wanted:
        """The same where the address begins with the name of an object, and goes on into it."""
        if self.address is None or self.address.kind in session.kinds:
            return self
        among = with_live(session.reading.declared, session.live, session.project.stack)
        name = Selector.parse(self.address.kind)
        if not any(name.matches(each) for each in among):
            return self
        meant = with_kinds(Selection((name,)), among).target[0].address
        return Wanted(meant, (self.address.name, *self.path))

    def covers(self, address: Address, path: Path) -> bool:
        wanted = tuple(str(part) for part in self.path)
        return self.address in (None, address) and tuple(map(str, path[: len(wanted)])) == wanted

    def __str__(self) -> str:
        return ".".join([str(self.address), *map(str, self.path)]) if self.address else EVERYTHING


@dataclass(slots=True)
class Accepted:
    """What would be written: `files` by their paths in the project, as they are and as they will be.

    `changes` are the accepted differences, `left` says what was asked for and cannot be accepted by its nature,
    `affected` are the other objects that the files change, `refused` says what could not be written, with its place.
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
        self.refused += writing.reasons()
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

    def _written(self, changes: _Changes) -> DriftEdits:
        declarations = {each.address: each for each in self.loaded.declarations}
        project = self.session.project
        writing = DriftEdits(self.session, declarations, Folder(project.root, shared=project.shared))
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
