"""The story: what plan, apply, destroy, show and output do, each a straight line. This is also the Python API.

plan     paths ─ source.load ─→ declarations ─ core.resolve ─→ declared
         account ─ take_snapshot ─→ live
         core.plan.make_plan(declared, live) ─→ Plan

apply    Plan ─ guards, approval ─→ apply_plan ─→ events ─→ plan again, which must be empty
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from retinue.approved import stale
from retinue.errors import AccountError, BlockedError, Interrupted, PartialError, RetinueError, UsageError
from retinue.guarding import account_blocks, check_account, hold
from retinue.kinds.kind import Kinds
from retinue.model.declared import Declared
from retinue.model.steps import Event, Plan
from retinue.model.values import Address
from retinue.models import check_models
from retinue.planning.matching import needed_kinds
from retinue.planning.planner import make_plan
from retinue.planning.policy import (
    USUAL,
    Approval,
    FailOn,
    Limits,
    fail_on_blocks,
    is_approved,
    limit_warnings,
    refusals,
)
from retinue.planning.tag import is_retired
from retinue.session import Reading, Session, Where, check, check_everywhere, load_from, open_session, read

__all__ = [
    "Applied",
    "Reading",
    "Session",
    "Where",
    "apply",
    "check",
    "check_everywhere",
    "decide",
    "guard",
    "load_from",
    "open_session",
    "outcome",
    "plan",
    "plan_destroy",
    "read",
]


def _ignore(event: Event) -> None:
    """For callers who do not follow along."""


@dataclass(frozen=True, slots=True)
class Applied:
    """How an apply went: its plan, everything that happened, and what is left to do.

    `remaining` is None when some step did not succeed, and when the account could not be read again: `unread` says why.
    `lost` says who took the stack's lease over meanwhile.
    """

    plan: Plan
    events: tuple[Event, ...] = ()
    remaining: Plan | None = None
    unread: RetinueError | None = None
    lost: RetinueError | None = None

    @property
    def converged(self) -> bool:
        """Whether a plan made afterwards was empty."""
        return self.remaining is not None and self.remaining.empty

    @property
    def succeeded(self) -> bool:
        """Whether every step that was begun came to its end, and every one was begun."""
        ended = {event.step.key: event.status for event in self.events}
        return all(ended.get(step.key) == "done" for step in self.plan.steps)


# ── planning ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def plan(
    session: Session,
    *,
    targets: Sequence[Address] = (),
    parallelism: int = 8,
    fail_on: Sequence[FailOn] = (),
    allow_missing: bool = False,
) -> Plan:
    """What an apply would do now. With `targets`, only for those and what they depend on; nothing is deleted then.
    Warnings that `fail_on` names block it. So does an account where most of the stack is gone, unless `allow_missing`.
    """
    made = decide(session, targets, parallelism, allow_missing=allow_missing)
    with suppress(AccountError):  # what there is to say of models is worth a warning, and not worth a plan
        made = replace(made, warnings=(*made.warnings, *check_models(session)))
    made = replace(made, warnings=(*made.warnings, *limit_warnings(made, session.project.guards)))
    return replace(made, blocks=(*made.blocks, *fail_on_blocks(made.warnings, fail_on)))


def plan_destroy(session: Session, *, parallelism: int = 8) -> Plan:
    """The deletion of everything the stack owns."""
    return decide(session, (), parallelism, destroy=True)


def decide(
    session: Session,
    targets: Sequence[Address],
    parallelism: int,
    *,
    destroy: bool = False,
    allow_missing: bool = False,
) -> Plan:
    """Read the account and compare. Raises BlockedError when it is not the one that the project names."""
    from retinue.providers.openai.preflight import unheld_blocks
    from retinue.providers.openai.snapshot import Sighting, take_snapshot

    declared = session.reading.declared
    _check_targets(declared, targets, session.kinds)
    session.account.limit(parallelism)
    needed = {} if destroy else needed_kinds(declared)
    remembered, sighting = len(session.memory.ids), Sighting()
    session.live = take_snapshot(
        session.account,
        session.kinds,
        session.memory,
        needed=needed,
        parallelism=parallelism,
        lock=session.lock,
        handovers=() if destroy else session.reading.handovers,
        sighting=sighting,
    )
    check_account(session)
    session.marking.sight(sighting)
    made = make_plan(
        declared,
        session.live,
        session.kinds,
        stack=session.project.stack,
        account=session.account.info,
        targets=targets,
        environment=session.project.environment,
        warnings=() if destroy else session.reading.warnings,
        handovers=session.reading.handovers,
        destroy=destroy,
    )
    blocks = () if destroy or allow_missing else tuple(account_blocks(session, remembered))
    if not blocks:
        _remember(session, made)
    unheld = unheld_blocks(session.account, session.kinds, made, session.live)
    return replace(made, blocks=(*blocks, *made.blocks, *unheld))


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
        if live.tag and live.tag.stack == made.stack and live.home is None and not is_retired(live.tag)
    }
    memory, info = session.memory, session.account.info
    declared = {each.address for each in session.reading.declared}
    gone = {address: live_id for address, live_id in memory.gone.items() if address in declared}
    known = (memory.ids, memory.gone, memory.organization, memory.project)
    if memory.news or known != (seen, gone, info.organization, info.project):
        memory.gone = gone
        for address, live_id in seen.items():
            memory.remember(address, live_id)
        memory.organization, memory.project = info.organization, info.project
        memory.save()


def guard(made: Plan, approval: Approval, limits: Limits = USUAL) -> None:
    """Raises BlockedError unless the plan may be carried out: nothing forbids it, somebody else's edit is overwritten
    only when a person is asked, approved this very plan or said so, and objects go only as far as somebody agreed."""
    blocks = list(refusals(made, approval, limits))
    if blocks:
        # Where something else is in the way, too, an option would not be enough.
        options = [each.override for each in blocks if each.override] if all(each.override for each in blocks) else []
        hint = f"look at the plan, then run again with {' and '.join(options)}" if options else None
        raise BlockedError("\n".join(each.message for each in blocks), hint=hint)


# ── applying ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def apply(
    session: Session,
    made: Plan,
    *,
    approval: Approval = Approval(),  # noqa: B008 - it is frozen
    on_event: Callable[[Event], object] = _ignore,
    parallelism: int = 8,
    stop: threading.Event | None = None,
    replan: Callable[[], Plan] | None = None,
) -> Applied:
    """Carry out a plan that was just made, as far as `approval` reaches, then plan again: nothing must be left.

    Before anything is written, raises BlockedError when something forbids the plan, or it does what nobody agreed to,
    StaleError when another plan was approved, LeaseError while somebody
    else applies the stack, StaleError when the account is not as the plan found it, OvertakenError when somebody
    applied since. What failed on the way is in the events; `outcome` turns them into an error.
    """
    if not is_approved(approval, made, session.live):
        raise stale(approval, made)
    guard(made, approval, session.project.guards)
    if not (made.steps or made.retags or session.memory.journal):
        return Applied(made, remaining=made)
    asked_to_stop = stop or threading.Event()
    with hold(session, made, asked_to_stop, parallelism=parallelism) as holding:
        events: list[Event] = []
        for event in _carried_out(session, made, parallelism, asked_to_stop):
            events.append(event)
            holding.note(event)
            on_event(event)
        applied = Applied(made, tuple(events), made if made.empty else None, lost=session.marking.lost)
        if made.empty or not applied.succeeded:
            return applied
        again = replan or (lambda: _again(session, made, parallelism))
        try:
            return replace(applied, remaining=again())
        except RetinueError as error:
            return replace(applied, unread=error)


def _again(session: Session, made: Plan, parallelism: int) -> Plan:
    """A plan of the same sort, from the account as it is now."""
    if made.destroy:
        return plan_destroy(session, parallelism=parallelism)
    return plan(session, targets=made.targets, parallelism=parallelism)


def _carried_out(session: Session, made: Plan, parallelism: int, stop: threading.Event) -> Iterator[Event]:
    from retinue.providers.openai.execution import apply_plan
    from retinue.providers.openai.uploads import carried_ids

    attached = {file.id for live in session.live for file in live.files}
    for live in session.live:
        attached.update(carried_ids(live, session.kinds[live.kind]))
    return apply_plan(
        made,
        session.account,
        session.kinds,
        session.memory,
        root=session.project.root,
        attached=tuple(attached),
        parallelism=parallelism,
        stop=stop,
        lock=session.lock,
    )


def outcome(applied: Applied, *, stopped: bool = False) -> RetinueError | None:
    """What an apply that did not fully succeed comes to; None when it did."""
    good = [event for event in applied.events if event.status == "done"]
    again = "run the same command again; it continues where this one stopped"
    if applied.lost is not None:
        message = (
            f"{applied.lost.message}, which took over; {len(good)} of {len(applied.plan.steps)} steps were carried out"
        )
        return PartialError(message, hint=again)
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
