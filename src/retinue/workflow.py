"""The story: what plan, apply, destroy, show and output do, each a straight line. This is also the Python API.

plan     paths ─ source.load ─→ declarations ─ core.resolve ─→ declared
         account ─ take_snapshot ─→ live
         core.plan.make_plan(declared, live) ─→ Plan

apply    Plan ─ guards, approval ─→ apply_plan ─→ events ─→ plan again, which must be empty
"""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retinue.bundles.lock_file import LockFile, lock_name
from retinue.core.fail_on import FailOn, fail_on_blocks
from retinue.core.guards import drift_block
from retinue.core.kind import Kinds
from retinue.core.model import Address, Declared, Diagnostic, Event, Live, Plan
from retinue.core.models import Standing, model_warnings, standings, used_models
from retinue.core.names import name_live
from retinue.core.plan import make_plan
from retinue.core.resolve import resolve
from retinue.errors import (
    AccountError,
    BlockedError,
    DeclarationError,
    Interrupted,
    PartialError,
    RetinueError,
    UsageError,
)
from retinue.kinds import all_kinds
from retinue.source import Project, load

if TYPE_CHECKING:
    from retinue.account.client import Account
    from retinue.account.memory import Memory

MEMORY = Path(".retinue")
TODAY = "RETINUE_TODAY"


def _ignore(event: Event) -> None:
    """For callers who do not follow along."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which project, in which environment, with which variables. `environ` are the process's environment variables."""

    start: Path = Path()
    environment: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the files say: the project and what it declares. `warnings` do not keep anybody from applying."""

    project: Project
    declared: tuple[Declared, ...]
    warnings: tuple[Diagnostic, ...]


@dataclass(slots=True)
class Session:
    """A project and its account, open. `live` is what the last plan saw, `models_listed` whether the account said which
    models there are when it was asked. `today`, where given, stands for the day by the account's clock."""

    reading: Reading
    account: Account
    memory: Memory
    kinds: Kinds
    live: tuple[Live, ...] = ()
    today: date | None = None
    models_listed: bool | None = None

    @property
    def day(self) -> date:
        return self.today or datetime.fromtimestamp(self.account.server_time(), UTC).date()

    @property
    def project(self) -> Project:
        return self.reading.project

    @property
    def lock(self) -> LockFile:
        """Where what is rendered instead of stored is kept."""
        return LockFile(self.project.root / lock_name(self.project.environment), self.project.stack)


@dataclass(frozen=True, slots=True)
class Applied:
    """How an apply went: its plan, everything that happened, and what is left to do.

    `remaining` is None when some step did not succeed, and when the account could not be read again: `unread` says why.
    """

    plan: Plan
    events: tuple[Event, ...] = ()
    remaining: Plan | None = None
    unread: RetinueError | None = None

    @property
    def converged(self) -> bool:
        """Whether a plan made afterwards was empty."""
        return self.remaining is not None and self.remaining.empty

    @property
    def succeeded(self) -> bool:
        """Whether every step that was begun came to its end, and every one was begun."""
        ended = {event.step.key: event.status for event in self.events}
        return all(ended.get(step.key) == "done" for step in self.plan.steps)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def check(where: Where) -> tuple[Reading | None, tuple[Diagnostic, ...]]:
    """Read the declarations and find every mistake, offline. Without errors there is a reading to go on with."""
    kinds = all_kinds()
    loaded = load(
        where.start, environment=where.environment, variables=where.variables, environ=where.environ, kinds=kinds
    )
    home = loaded.project.api if loaded.project else None
    resolved = resolve(loaded.declarations, kinds, complete=loaded.complete, home=home)
    found = loaded.excerpts.fill((*loaded.diagnostics, *resolved.diagnostics))
    if loaded.project is None or any(each.severity == "error" for each in found):
        return None, found
    return Reading(loaded.project, resolved.declared, found), found


def read(where: Where) -> Reading:
    """Read the declarations. Raises DeclarationError with every mistake at once."""
    reading, found = check(where)
    if reading is None:
        raise DeclarationError.of(found)
    return reading


@contextmanager
def open_session(where: Where) -> Iterator[Session]:
    """Read the declarations and connect to their account. Raises DeclarationError or CredentialError; sends nothing."""
    reading = read(where)
    # openai takes half a second to import: only what talks to an account pays it.
    from retinue.account.memory import Memory
    from retinue.account.opening import open_account

    project = reading.project
    today = _today(where.environ)
    account = open_account(project.account, root=project.root, environ=where.environ)
    try:
        memory = Memory.load(project.root / MEMORY, account.info, project.stack)
        yield Session(reading, account, memory, all_kinds(), today=today)
    finally:
        account.close()


def _today(environ: Mapping[str, str]) -> date | None:
    """The day that somebody asked us to pretend it is, to look ahead or to repeat what was printed once."""
    text = environ.get(TODAY)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(f"{TODAY} is '{text}', which is not a date", hint=f"write {TODAY}=2027-01-31") from error


# ── planning ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def plan(
    session: Session, *, targets: Sequence[Address] = (), parallelism: int = 8, fail_on: Sequence[FailOn] = ()
) -> Plan:
    """What an apply would do now. With `targets`, only for those and what they depend on; nothing is deleted then.
    Warnings that `fail_on` names block it."""
    made = _plan(session, targets, parallelism)
    with suppress(AccountError):  # what there is to say of models is worth a warning, and not worth a plan
        made = replace(made, warnings=(*made.warnings, *check_models(session)))
    return replace(made, blocks=(*made.blocks, *fail_on_blocks(made.warnings, fail_on)))


def plan_destroy(session: Session, *, parallelism: int = 8) -> Plan:
    """The deletion of everything the stack owns."""
    return _plan(session, (), parallelism, destroy=True)


def _plan(session: Session, targets: Sequence[Address], parallelism: int, *, destroy: bool = False) -> Plan:
    from retinue.account.snapshot import take_snapshot

    declared = session.reading.declared
    _check_targets(declared, targets, session.kinds)
    session.account.limit(parallelism)
    needed = set() if destroy else {each.address.kind for each in declared if each.home is None}
    session.live = take_snapshot(
        session.account, session.kinds, session.memory, needed=needed, parallelism=parallelism, lock=session.lock
    )
    made = make_plan(
        declared,
        session.live,
        session.kinds,
        stack=session.project.stack,
        account=session.account.info,
        targets=targets,
        environment=session.project.environment,
        warnings=() if destroy else session.reading.warnings,
        destroy=destroy,
    )
    _remember(session, made)
    return made


def _check_targets(declared: Sequence[Declared], targets: Sequence[Address], kinds: Kinds) -> None:
    known = {str(each.address) for each in declared}
    for target in targets:
        if str(target) in known:
            continue
        kind = kinds.get(target.kind)
        if kind is not None and kind.api is None:
            hint = f"a {kind.title} lives inside the objects that use it: name one of those"
            raise UsageError(f"the target {target} has no object of its own", hint=hint)
        close = difflib.get_close_matches(str(target), known, n=1)
        hint = f"did you mean {close[0]}?" if close else "'retinue show' and the declarations name what there is"
        raise UsageError(f"the target {target} is not declared", hint=hint)


def _remember(session: Session, made: Plan) -> None:
    """Note the ids of what is ours, so that a list that lags behind later does not make it seem gone."""
    seen = {
        live.tag.address: live.id
        for live in session.live
        if live.tag and live.tag.stack == made.stack and live.home is None
    }
    if session.memory.ids != seen:
        for address, live_id in seen.items():
            session.memory.remember(address, live_id)
        session.memory.save()


def guard(made: Plan, *, person: bool, revert_drift: bool = False) -> None:
    """Raises BlockedError when the plan may not be carried out: nothing forbids it, and somebody else's edit is
    overwritten only when a `person` is asked or `revert_drift` was said."""
    blocks = list(made.blocks)
    drift = drift_block(made)
    if drift and not person and not revert_drift:
        blocks.append(drift)
    if blocks:
        hints = [f"look at the plan, then run again with {each.override}" for each in blocks if each.override]
        raise BlockedError("\n".join(each.message for each in blocks), hint="; ".join(hints) or None)


# ── applying ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def apply(
    session: Session,
    made: Plan,
    *,
    on_event: Callable[[Event], object] = _ignore,
    parallelism: int = 8,
    stop: threading.Event | None = None,
    replan: Callable[[], Plan] | None = None,
) -> Applied:
    """Carry out a plan that was just made and approved, then plan again: nothing must be left.

    Raises BlockedError before anything is written when the plan may not be carried out. What failed on the way is in
    the events; `outcome` turns them into an error.
    """
    from retinue.account.applier import apply_plan
    from retinue.account.carried import carried_ids

    guard(made, person=True)
    attached = {file.id for live in session.live for file in live.files}
    for live in session.live:
        attached.update(carried_ids(live, session.kinds[live.kind]))
    events: list[Event] = []
    if made.steps or made.retags or session.memory.journal:
        for event in apply_plan(
            made,
            session.account,
            session.kinds,
            session.memory,
            root=session.project.root,
            attached=tuple(attached),
            parallelism=parallelism,
            stop=stop,
            lock=session.lock,
        ):
            events.append(event)
            on_event(event)
    applied = Applied(made, tuple(events), made if made.empty else None)
    if made.empty or not applied.succeeded:
        return applied
    again = replan or (lambda: plan(session, targets=made.targets, parallelism=parallelism))
    try:
        return replace(applied, remaining=again())
    except RetinueError as error:
        return replace(applied, unread=error)


def outcome(applied: Applied, *, stopped: bool = False) -> RetinueError | None:
    """What an apply that did not fully succeed comes to; None when it did."""
    good = [event for event in applied.events if event.status == "done"]
    again = "run the same command again; it continues where this one stopped"
    if stopped:
        return Interrupted(f"stopped: {len(good)} of {len(applied.plan.steps)} steps were carried out", hint=again)
    if not applied.succeeded:
        return PartialError(f"{len(good)} of {len(applied.plan.steps)} steps were carried out", hint=again)
    if applied.unread is not None:
        message = f"every step was carried out, but the account could not be read again: {applied.unread}"
        return PartialError(message, hint="run 'retinue plan' to see whether anything is left")
    if not applied.converged:
        return PartialError("the account has not settled: a new plan is not empty", hint="run 'retinue plan' to see it")
    return None


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Inventory:
    """The live objects of a stack by address, and how many others there are of each kind.

    Where several objects share an address, the one that a plan would keep comes first.
    """

    owned: Mapping[Address, tuple[Live, ...]]
    foreign: Mapping[str, int]
    unowned: Mapping[str, int]
    unreadable: tuple[Live, ...] = ()


def inventory(session: Session, *, parallelism: int = 8) -> Inventory:
    """What the stack has in the account now."""
    made = _plan(session, (), parallelism)
    declared = {each.address: each for each in session.reading.declared}
    named = name_live(session.live, declared, session.kinds, session.project.stack)
    owned = {address: (live, *named.extra.get(address, ())) for address, live in sorted(named.owned.items())}
    return Inventory(owned, made.foreign, made.unowned, tuple(named.unreadable))


def outputs(session: Session, *, parallelism: int = 8) -> dict[Address, str]:
    """Address → live id of every object of the stack."""
    return {address: live[0].id for address, live in inventory(session, parallelism=parallelism).owned.items()}


def models(session: Session) -> tuple[Standing, ...]:
    """Every model that the account lists or that declarations use, the most pressing first.

    Raises AccountError when the account cannot be reached.
    """
    from retinue.account.models import list_models

    used = used_models(session.reading.declared, session.kinds)
    session.models_listed = False
    offered = list_models(session.account, used)
    session.models_listed = offered is not None
    return standings(offered, used, session.day)


def check_models(session: Session) -> tuple[Diagnostic, ...]:
    """Warnings about the declared models. Asks nothing when there are none. Raises AccountError like `models`."""
    if not used_models(session.reading.declared, session.kinds):
        return ()
    return model_warnings(models(session), session.day)


def handed_out(live: Live) -> Any:
    """What an application needs of a live object: its id, or the arguments of the call where it is rendered."""
    return live.id if live.home is None else live.raw["entry"]["arguments"]


def full(live: Live) -> dict[str, Any]:
    """A live object as the account returned it, unknown fields included, with its attached files.

    Of what is rendered instead of stored, the entry of the lock file.
    """
    if live.home is not None:
        return {"id": live.id, **live.raw["entry"]}
    files = [
        {
            "id": each.id,
            "path": each.path,
            "status": each.status,
            "attributes": dict(each.attributes),
            "error": each.error,
        }
        for each in live.files
    ]
    return {**live.raw, **({"files": files} if files else {})}
