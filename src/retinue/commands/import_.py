"""The story of `retinue import`: what lives in the account without an owner, and the declarations that adopt it.

account ─ scan ─→ [Live] ─ choose ─→ {Address: Live} ─ prepare ─→ texts, read back and compared before any is written
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from retinue.commands.drafts import Draft, Kept, file_names, free, judge, name_secrets, texts, unfit
from retinue.commands.suggested_names import name_from, unique
from retinue.config.composition.covering import covering
from retinue.config.globs import LEAVE_OUT
from retinue.config.included_files import is_included
from retinue.config.project_files import Folder
from retinue.config.schema.project_schema import DEFAULT_INCLUDE
from retinue.errors import BlockedError, RetinueError, UsageError, cannot_write
from retinue.kinds.kind import Kind
from retinue.model.declared import Handover, Position
from retinue.model.live import Live
from retinue.model.values import NAME, Address
from retinue.planning.matching import Named, name_live
from retinue.planning.moves import hand_over
from retinue.planning.write_back import write_back
from retinue.session import Session

_MAGIC = frozenset("*?[")
_NOWHERE = Position("", 0)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Declarations that could be written: `files` maps paths below the project's root to texts, the first of which
    holds the declarations. `kept` says what of each object is not declared, `skipped` why another cannot be at all.

    Of what the account never shows, `unseen` are the fields that are not declared, and `secrets` the environment
    variables that are to hold what is.
    """

    root: Path
    files: Mapping[str, str | bytes]
    adopted: Mapping[Address, Live]
    kept: Mapping[Address, Sequence[Kept]] = field(default_factory=dict)
    unseen: Mapping[Address, Sequence[str]] = field(default_factory=dict)
    secrets: Mapping[Address, Sequence[str]] = field(default_factory=dict)
    skipped: Mapping[Address, tuple[Live, str]] = field(default_factory=dict)


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def scan(session: Session) -> tuple[Live, ...]:
    """Every live object that is not this stack's, by kind and age."""
    session.look(needed=session.reading.resolved.needed)
    others = [live for live in session.live if not (live.tag and live.tag.stack == session.project.stack)]
    return tuple(sorted(others, key=lambda live: (live.kind, live.born, live.id)))


def found_document(found: Iterable[Live], session: Session) -> list[dict[str, Any]]:
    """What was found, as JSON data. `adopted_as` is where an entry of 'adopt:' waits for an apply."""
    waiting = _waiting(session)
    return [
        {
            "kind": live.kind,
            "id": live.id,
            "name": live.title or None,
            "created_at": live.born or None,
            "owner": {"stack": live.tag.stack, "address": str(live.tag.address)} if live.tag else None,
            "adopted_as": str(waiting[live.id]) if live.id in waiting else None,
            "problem": live.tag_error,
        }
        for live in found
    ]


def _waiting(session: Session) -> dict[str | None, Address]:
    """The objects that the declarations adopt already, by id."""
    return {each.id: each.address for each in session.reading.handovers if each.verb == "adopt"}


# ── choosing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def choose_all(session: Session, found: Iterable[Live]) -> dict[Address, Live]:
    """A name for every object that nobody owns or is about to, made of what people call it."""
    waiting = _waiting(session)
    taken = {each.address for each in session.reading.declared}
    chosen: dict[Address, Live] = {}
    for live in found:
        if live.tag is None and live.tag_error is None and live.id not in waiting:
            kind = session.kinds[live.kind]
            wanted = name_from(live.title or "", otherwise=kind.name.replace("_", "-"))
            used = {each.name for each in (*taken, *chosen) if each.kind == live.kind}
            chosen[Address(live.kind, unique(wanted, used))] = live
    return chosen


def choose(session: Session, found: Iterable[Live], address: Address, live_id: str) -> dict[Address, Live]:
    """One object under the address that a person gave it.

    Raises UsageError for an address that cannot be declared, RetinueError when there is no such object.
    """
    kind = session.kinds.get(address.kind)
    if kind is None or not kind.stored:
        known = ", ".join(name for name, each in session.kinds.items() if each.stored)
        raise UsageError(f"'{address.kind}' is not a kind of live object", hint=f"kinds: {known}")
    if not NAME.fullmatch(address.name):
        raise UsageError(f"'{address.name}' is not a valid name", hint="use a-z, 0-9, _ and -, at most 63 of them")
    if any(each.address == address for each in session.reading.declared):
        raise UsageError(f"{address} is declared already", hint="choose another name, or write an entry of 'adopt:'")
    if live_id in _waiting(session):
        raise UsageError(f"{live_id} is adopted as {_waiting(session)[live_id]} already", hint="run 'retinue plan'")
    live = next((each for each in (*found, *session.live) if each.id == live_id), None)
    if live is None or live.kind != address.kind:
        wrong = f"{live_id} is of the kind '{live.kind}', and {address} would be of another" if live else None
        other = wrong or f"the account has no {kind.title} {live_id}"
        raise RetinueError(other, hint="'retinue import --scan' lists what there is")
    return {address: live}


# ── preparing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def prepare(
    session: Session, chosen: Mapping[Address, Live], *, out: str | None = None, from_stack: str | None = None
) -> Prepared:
    """Everything that would be written, read back and compared. Nothing is written yet.

    Raises BlockedError when an object is somebody's, UsageError when `out` is not in the project.
    """
    root = session.project.root
    below = _below(session, out)
    file = free(root, below, f"{next(iter(chosen)).name if len(chosen) == 1 else 'imported'}.yaml", set())
    drafts = {address: Draft(address, live) for address, live in chosen.items()}
    names = file_names(session) if any(session.kinds[each.kind].holds_files for each in chosen) else {}
    account = session.providers[None]
    whole = {each.id: account.whole(each) for each in chosen.values()}
    for draft in drafts.values():
        draft.contents = account.contents(whole[draft.live.id])
        kind = session.kinds[draft.address.kind]
        draft.skipped = unfit(draft.contents, root / below / kind.section / draft.address.name)
        draft.skipped = draft.skipped or _no_room(kind, draft.live)
    while True:
        taken: set[str] = set()
        kept = {address: draft for address, draft in drafts.items() if draft.skipped is None}
        live, named = _handed(session, {address: each.live for address, each in kept.items()}, whole, from_stack)
        for draft in kept.values():
            draft.live = next(each for each in live if each.id == draft.live.id)
            _write_back(session, draft, named)
            name_secrets(draft, taken)
        files = texts(session, file, list(kept.values()), names, from_stack)
        _check_places(session, file, files)
        if not judge(session, files, kept, named):
            break
    covered = [_cover(session, draft, file) for draft in kept.values()]
    if any(covered):
        files = texts(session, file, list(kept.values()), names, from_stack)
    return Prepared(
        root,
        files if kept else {},
        {address: draft.live for address, draft in kept.items()},
        {address: tuple(draft.kept.values()) for address, draft in kept.items() if draft.kept},
        {address: draft.unseen for address, draft in kept.items() if draft.unseen},
        {address: draft.secrets for address, draft in kept.items() if draft.secrets},
        {address: (draft.live, draft.skipped) for address, draft in drafts.items() if draft.skipped is not None},
    )


def _no_room(kind: Kind, live: Live) -> str | None:
    """Why an object cannot carry a tag beside what others noted on it."""
    name, room = kind.store.marks.field, kind.store.room
    pairs = live.held.get(name)
    if room is None or live.tag is not None or not isinstance(pairs, Mapping) or len(pairs) < room:
        return None
    return f"it has {len(pairs)} pairs of {name}, all that the API takes, and its tag needs one: remove one first"


def _check_places(session: Session, file: str, files: Iterable[str]) -> None:
    """Raises UsageError when what comes from the account would be read as declarations. Where the declarations are, it
    is known to be their content."""
    project = session.project
    folder, include = Folder(project.root, shared=project.shared), project.include
    if is_included(folder, include, file):
        return
    for name in files:
        if is_included(folder, include, name):
            hint = "choose a directory where 'include:' matches the declarations, or none of the files: --out DIR"
            raise UsageError(f"'{name}' would be read as declarations, and '{file}' would not", hint=hint)


def _handed(
    session: Session, chosen: Mapping[Address, Live], whole: Mapping[str, Live], from_stack: str | None
) -> tuple[Sequence[Live], Named]:
    """The account as it will be once the chosen objects are adopted. `whole` are they, by id, as they were read."""
    said = [Handover("adopt", address, _NOWHERE, id=live.id) for address, live in chosen.items()]
    if from_stack is not None:
        said += [Handover("takeover", address, _NOWHERE, stack=from_stack) for address in chosen]
    handed = hand_over(session.live, said, session.project.stack)
    if handed.blocks:
        messages = [each.message.removesuffix(f" ({_NOWHERE})") for each in handed.blocks]
        hint = "with --from-stack, an object of another stack is taken over" if from_stack is None else None
        raise BlockedError("\n".join(messages), hint=hint)
    live = [replace(whole[each.id], tag=each.tag) if each.id in handed.claims else each for each in handed.live]
    named = name_live(live, {}, session.kinds, session.project.stack)
    named.forget({*chosen, *(each.address for each in session.reading.declared)})
    return live, named


def _write_back(session: Session, draft: Draft, named: Named) -> None:
    kind = session.kinds[draft.address.kind]
    written = write_back(named.translate(draft.live, kind), kind)
    if kind.homes and session.project.api not in (None, kind.home):
        written = {"api": kind.home, **written}
    draft.written = {key: value for key, value in written.items() if key not in draft.kept}


def _cover(session: Session, draft: Draft, file: str) -> bool:
    """Have a draft say otherwise than the defaults of its folder, which nobody wrote for it; whether it has to."""
    kind = session.kinds[draft.address.kind]
    below = session.reading.defaults(kind, posixpath.dirname(file))
    before, draft.written = draft.written, covering(kind, draft.written, below)
    return draft.written != before


def prepared_document(prepared: Prepared) -> list[dict[str, Any]]:
    """What was imported, as JSON data."""
    imported = [
        {
            "address": str(address),
            "id": live.id,
            "imported": True,
            "not_declared": [{"field": each.key, "reason": each.why} for each in prepared.kept.get(address, ())],
            "never_shown": list(prepared.unseen.get(address, ())),
            "secrets": list(prepared.secrets.get(address, ())),
        }
        for address, live in prepared.adopted.items()
    ]
    skipped = [
        {"address": str(address), "id": live.id, "imported": False, "reason": why}
        for address, (live, why) in prepared.skipped.items()
    ]
    return [*imported, *skipped]


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _below(session: Session, out: str | None) -> str:
    """The directory to write into, relative to the project: the one given, or where declarations are looked for."""
    if out is not None:
        target = Path(out).resolve()
        if not target.is_relative_to(session.project.root):
            raise UsageError(f"'{out}' is not in the project", hint="choose a directory of the project: --out DIR")
        return target.relative_to(session.project.root).as_posix()
    wanted = (each for each in session.project.include if not each.startswith(LEAVE_OUT))
    parts = PurePosixPath(next(wanted, DEFAULT_INCLUDE[0])).parts[:-1]
    fixed = [part for index, part in enumerate(parts) if not any(_MAGIC & set(each) for each in parts[: index + 1])]
    return PurePosixPath(*fixed).as_posix()


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def write(prepared: Prepared) -> tuple[Path, ...]:
    """Write the files. One that came into being meanwhile is left alone and ends the writing with a RetinueError."""
    written: list[Path] = []
    for name, text in prepared.files.items():
        path = prepared.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                stream.write(text if isinstance(text, bytes) else text.encode())
        except OSError as error:
            raise cannot_write(path, error, hint="choose another directory: --out DIR") from error
        written.append(path)
    return tuple(written)


def included(session: Session, prepared: Prepared) -> bool:
    """Whether the declarations stand where the project looks for some."""
    folder = Folder(prepared.root, shared=session.project.shared)
    return is_included(folder, session.project.include, next(iter(prepared.files)))
