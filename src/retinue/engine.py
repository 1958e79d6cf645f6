"""Read this first: the story of an apply, told once. It is the Python API, too; the command line only asks and prints.

open      files ─ config.load ─→ declarations ─ resolve ─→ declared ─ open_account ─→ Session
plan      account ─ look ─→ live ─ make_plan(declared, live) ─→ Plan
approve   Plan ─ Approval, guards ─→ it may be carried out, or an error that says why not
apply     approve ─ hold the lease ─ steps ─→ events ─ plan again, which must be empty ─→ Applied
resume    an approved Plan ─ plan ─→ what is left of it ─ apply
destroy   plan the deletion of everything ─ apply
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType

from retinue.applying import NOBODY, Applied, Audience, carry_out, outcome, wait_for_lease
from retinue.content.manifest import Summary
from retinue.errors import (
    AccountError,
    BlockedError,
    LeaseError,
    OvertakenError,
    StaleError,
    UsageError,
)
from retinue.model.declared import Declared
from retinue.model.live import Live
from retinue.model.selector import ALL, Selection
from retinue.model.steps import Block, Plan, Removal
from retinue.model.tag import is_retired
from retinue.model.values import Address
from retinue.planning.documents.plan_digest import plan_digest
from retinue.planning.new_stack import new_stack_warnings
from retinue.planning.plan_blocks import unknown_ids
from retinue.planning.planner import closure, make_plan, summaries
from retinue.planning.policy import (
    UNASKED,
    USUAL,
    Approval,
    FailOn,
    Limits,
    fail_on_blocks,
    is_approved,
    refusals,
)
from retinue.planning.selection import candidates, check_targets, pick, planned_targets, with_kinds, with_live
from retinue.planning.storage_cost import storage_change
from retinue.session import (
    Reading,
    Session,
    Where,
    account_blocks,
    check,
    check_everywhere,
    check_models,
    load_from,
    open_session,
    read,
)

__all__ = [
    "Applied",
    "Approval",
    "Audience",
    "Reading",
    "Session",
    "Where",
    "apply",
    "approve",
    "check",
    "check_everywhere",
    "decide",
    "destroy",
    "guard",
    "load_from",
    "open_session",
    "outcome",
    "plan",
    "plan_again",
    "plan_destroy",
    "read",
    "resume",
]

# ── planning ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def plan(
    session: Session,
    *,
    targets: Sequence[Address] = (),
    selection: Selection = ALL,
    fail_on: Sequence[FailOn] = (),
    allow_missing: bool = False,
    reread: Collection[Address] = (),
) -> Plan:
    """What an apply would do now. With `targets`, only for those and what they depend on; nothing is deleted then. A
    `selection` says the same by patterns, labels or files. Raises UsageError when there is no such thing. Warnings that
    `fail_on` names block it. So does an account where most of the stack is gone, unless `allow_missing`.

    What is attached to an object is not read where its tag and the account's counts say that it is as declared, unless
    it is to be `reread`, or all of it is (`Session.full_refresh`).
    """
    remembered = len(session.cache.ids)
    trusted = {} if session.full_refresh else summaries(session.reading.declared, session.kinds, without=reread)
    resolved = session.reading.resolved
    selection = with_kinds(selection, candidates(resolved.declared), resolved.left_out) if selection else selection
    targets = planned_targets(selection, resolved.declared, session.kinds, resolved.left_out) if selection else targets
    made = decide(
        session,
        targets,
        selection=selection,
        allow_missing=allow_missing,
        limits=session.project.guards,
        trusted=trusted,
        models=True,
    )
    siblings = {each.stack: each.environment for each in session.project.siblings if each.stack != made.stack}
    # Where this machine or the account remembers the stack, it is not made from nothing.
    if siblings and not remembered and session.lock.seen is None:
        made = replace(made, warnings=(*made.warnings, *new_stack_warnings(made, session.live, siblings)))
    with suppress(AccountError):  # what there is to say of models is worth a warning, and not worth a plan
        made = replace(made, warnings=(*made.warnings, *check_models(session)))
    session.planned = replace(made, blocks=(*made.blocks, *fail_on_blocks(made.warnings, fail_on)))
    return session.planned


def plan_destroy(session: Session, *, targets: Sequence[Address] = (), selection: Selection = ALL) -> Plan:
    """The deletion of everything the stack owns, or of the `targets`, or of what a `selection` says."""
    return decide(session, targets, selection=selection, destroy=True)


def plan_again(
    session: Session,
    before: Plan,
    *,
    fail_on: Sequence[FailOn] = (),
    allow_missing: bool = False,
    reread: Collection[Address] = (),
) -> Plan:
    """A plan for the same as another one, from the account as it is now."""
    if before.destroy:
        made = plan_destroy(session, targets=before.targets)
    else:
        made = plan(session, targets=before.targets, fail_on=fail_on, allow_missing=allow_missing, reread=reread)
    session.planned = replace(made, selection=before.selection)
    return session.planned


def decide(
    session: Session,
    targets: Sequence[Address] = (),
    *,
    selection: Selection = ALL,
    destroy: bool = False,
    allow_missing: bool = False,
    limits: Limits | None = None,
    trusted: Mapping[Address, Summary] = MappingProxyType({}),
    models: bool = False,
) -> Plan:
    """Read the account and compare, and warn of what is beyond `limits`. With `models`, it is asked for those, too,
    which `check_models` is going to need. Raises BlockedError when the account is not
    the one that the project names. The `selection` is what the `targets` were made of; to destroy, they are made of it
    here, since what is declared no more may be meant, too. Contents that are `trusted` are not read where tags say that
    they are in place."""
    reading, project = session.reading, session.project
    if targets and not destroy:
        check_targets(reading.declared, targets, session.kinds)
    remembered = len(session.cache.ids)
    needed, handovers = ({}, ()) if destroy else (reading.resolved.needed, reading.handovers)
    session.look(needed=needed, handovers=handovers, contents=trusted, models=models)
    if destroy and selection:
        among = with_live(reading.declared, session.live, project.stack)
        selection = with_kinds(selection, among)
        targets = sorted(pick(selection, among, session.kinds))

    def make() -> Plan:
        declared, live = _rewritten(session) if session.rewritten is not None else (reading.declared, session.live)
        return make_plan(
            declared,
            live,
            session.kinds,
            stack=project.stack,
            account=session.account.info,
            targets=targets,
            environment=project.environment,
            chosen_by=project.chosen_by,
            warnings=(*(() if destroy else reading.warnings), *session.notes),
            handovers=reading.handovers,
            destroy=destroy,
            limits=limits,
        )

    made = make()
    if _look_closer(session, made):
        made = make()
    made = replace(_with_parts(session, made), selection=selection)
    if project.prices:
        made = replace(made, storage=storage_change(made.steps, session.live, session.kinds, project.prices))
    blocks = () if destroy or allow_missing else tuple(account_blocks(session, remembered))
    if not blocks:
        _remember(session, made)
    session.planned = replace(made, blocks=(*blocks, *made.blocks, *_preflight(session, made)))
    return session.planned


def _rewritten(session: Session) -> tuple[list[Declared], list[Live]]:
    """What a look at the objects that were written over is about: those, and what they refer to. The others are as the
    plan found them, and comparing them once more would come to the same."""
    declared = {each.address: each for each in session.reading.declared}
    ids = session.rewritten or frozenset()
    about = closure((each.tag.address for each in session.live if each.id in ids and each.tag), declared, session.kinds)
    live = [each for each in session.live if each.id in ids or (each.tag and each.tag.address in about)]
    return [each for address, each in declared.items() if address in about], live


def _look_closer(session: Session, made: Plan) -> bool:
    """Read what nobody read yet and the plan is about: what is attached to objects that are to be deleted, since it
    names all that goes, and what it changes of files that are known from notes. Whether anything is not as was said."""
    steps = {step.id: step for step in made.steps if step.home is None and (step.action == "delete" or step.files)}
    doubtful = {each.id for each in session.live if each.id in steps and (each.noted or each.unread is not None)}
    if not doubtful:
        return False
    from retinue.providers.thread_pool import threads

    account = session.providers[None]

    def read(live: Live) -> Live:
        if live.id not in doubtful:
            return live
        step = steps[live.id]
        if step.action == "delete":
            return account.whole(replace(live, unread=None, noted=False))
        return account.closer(step, live) if live.noted else live

    before = {each.id: each.files for each in session.live}
    with threads(session.parallelism, "read") as pool:
        session.live = tuple(pool.map(read, session.live))
    return any(each.files != before[each.id] for each in session.live)


def _with_parts(session: Session, made: Plan) -> Plan:
    """The plan with what goes from the account that a snapshot does not read."""
    account, known = session.providers[None], {each.id: each for each in session.live}
    steps, parts = list(made.steps), made.parts
    for at, step in enumerate(steps):
        if step.home is None and step.id in known and step.address.kind in account.judges:
            number, gone = account.parts(step, known[step.id])
            steps[at], parts = replace(step, removes=(*step.removes, *gone)), parts + number
    return replace(made, steps=tuple(steps), parts=parts, removes=tuple(_of_our_own(session, made)))


def _of_our_own(session: Session, made: Plan) -> Iterator[Removal]:
    """What an apply takes away that is Retinue's own: markers that are needed no more, and files that an apply left
    which was cut off, unless this one has use for them."""
    lock, held = session.lock, session.held_files()
    if session.locks(made):
        owned = session.owned_ids()
        ending = not owned - {step.id for step in made.steps if step.leaves} and not any(
            step.brings for step in made.steps
        )
        for each in (*([lock.seen] if ending and lock.seen else []), *lock.spare):
            yield Removal("marker", each.stack, each.id)
    for entry in session.journal.entries.values():
        if entry.id is None or entry.id not in held:
            yield Removal("file", entry.filename or entry.id or "", entry.id)


def _preflight(session: Session, made: Plan) -> Iterator[Block]:
    """What each provider has against the steps that are about it."""
    known = {each.id: each for each in session.live}
    wanted = {(each.kind, each.id) for each in made.given if each.id not in known}
    if wanted:
        yield from unknown_ids(made.given, session.providers[None].missing(wanted), session.kinds)
    for home, provider in session.providers.items():
        steps = [step for step in made.steps if step.home == home and step.address.kind in provider.judges]
        if steps:
            yield from provider.preflight(steps, known)


def _remember(session: Session, made: Plan) -> None:
    """Note the ids of what is ours, so that a list that lags behind later does not make it seem gone."""
    seen = {
        live.tag.address: live.id
        for live in session.live
        if live.tag and live.tag.stack == made.stack and live.home is None and not is_retired(live.tag)
    }
    cache, info = session.cache, session.account.info
    declared = {each.address for each in session.reading.declared}
    gone = {address: live_id for address, live_id in cache.gone.items() if address in declared}
    known = (cache.ids, cache.gone, cache.organization, cache.project)
    if cache.dirty or known != (seen, gone, info.organization, info.project):
        cache.gone = gone
        for address, live_id in seen.items():
            cache.remember(address, live_id)
        cache.organization, cache.project = info.organization, info.project
        cache.save()


# ── approving ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def approve(session: Session, made: Plan, approval: Approval = UNASKED, *, audience: Audience = NOBODY) -> None:
    """Come to terms about a plan: tell it, hold it against what was approved, and ask a person if one is to be asked.

    Raises StaleError when another plan was approved, BlockedError when something forbids this one, or it does what
    nobody agreed to, LeaseError when somebody is applying the stack already.
    """
    if not is_approved(approval, made, session.live):
        audience.differs(made, approval.plan)
        message = f"the plan to carry out is {plan_digest(made)}, and {approval.approved} was approved"
        raise StaleError(f"{message}; nothing was changed", hint="look at what differs, and have the new plan approved")
    audience.planned(made)
    if approval.plan is not None and made.steps and plan_digest(made) != approval.approved:
        left, whole = len(made.steps), len(approval.plan.steps)
        audience.note(
            f"going on with the approved plan: {left} of its {whole} steps {'is' if left == 1 else 'are'} left"
        )
    guard(made, approval, session.project.guards)
    holder = session.lock.holder()
    if holder is not None and session.locks(made):
        raise session.lock.taken(holder)
    if approval.person and not made.empty:
        audience.confirm(made)


def guard(made: Plan, approval: Approval, limits: Limits = USUAL) -> None:
    """Raises BlockedError unless the plan may be carried out: nothing forbids it, somebody else's edit is overwritten
    only when a person is asked, approved this very plan or said so, and objects go only as far as somebody agreed."""
    blocks = list(refusals(made, approval, limits))
    if blocks:
        # Where something else is in the way, too, an option would not be enough.
        options = [each.override for each in blocks if each.override] if all(each.override for each in blocks) else []
        hint = f"look at the plan, then run again with {' and '.join(options)}" if options else None
        hint = next((each.hint for each in blocks if each.hint), hint)
        if any(each.code == "drift" for each in blocks):
            chosen = f" -e {made.environment}" if made.environment else ""
            keep = f"'retinue drift{chosen} --accept ADDRESS' writes them into the files instead"
            hint = f"{hint}; {keep}" if hint else keep
        raise BlockedError("\n".join(each.message for each in blocks), hint=hint)


# ── applying ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def apply(
    session: Session,
    made: Plan,
    *,
    approval: Approval = UNASKED,
    audience: Audience = NOBODY,
    replan: Callable[[], Plan] | None = None,
    wait_lease: float = 0.0,
    wait_timeout: float | None = None,
) -> Applied:
    """Carry out a plan that was just made, as far as the approval reaches, then plan again: nothing must be left.

    Before anything is written, raises what `approve` raises, UsageError when the plan is for another stack or
    environment, StaleError when the account is not as the plan found it, LeaseError while somebody else applies the
    stack, OvertakenError when somebody applied it since. For the last two it waits, up to `wait_lease` seconds in all,
    and goes on with a new plan. `replan` makes that, and the last one; without it, it is for the same targets. It
    waits up to `wait_timeout` seconds for the files of each object to be indexed, or else as long as it is declared;
    what is not ready then is left to the next apply. What failed on the way is in the events; `outcome` turns them into
    an error.
    """
    _check_place(session, made, "what is to be applied")
    again = replan or (lambda: plan_again(session, made))
    deadline, asked = session.account.clock() + wait_lease, approval
    if session.planned is not made:
        fresh = again()
        if plan_digest(fresh) != plan_digest(made):
            message = "the account is not as the plan found it: a new plan is another one; nothing was changed"
            raise StaleError(message, hint="plan again; resume(Approval(plan=…)) goes on with what is left of a plan")
        made = fresh
    while True:
        try:
            approve(session, made, asked, audience=audience)
            return carry_out(session, made, audience, again, wait_timeout)
        except (LeaseError, OvertakenError) as error:
            left = deadline - session.account.clock()
            if left <= 0:
                raise
            if isinstance(error, LeaseError):
                audience.note(f"waiting up to {left:.0f}s: {error.message}")
                if not wait_for_lease(session, left):
                    raise
            audience.note("planning again, since somebody else applied the stack")
        if approval.person and not audience.asks:
            # The person saw the plan that is outdated now, and cannot be asked about another.
            asked = replace(approval, person=False, plan=approval.plan or made)
        made = again()


def resume(
    session: Session,
    approval: Approval,
    *,
    audience: Audience = NOBODY,
    fail_on: Sequence[FailOn] = (),
    allow_missing: bool = False,
    wait_lease: float = 0.0,
    wait_timeout: float | None = None,
) -> Applied:
    """Carry out the saved plan of an approval, or what is left of it, as `apply` does.

    Raises UsageError when it is about another stack or environment than the session.
    """
    if approval.plan is None:
        raise UsageError("no plan was saved that could be carried out", hint="name one: Approval(plan=…)")
    saved = approval.plan
    _check_place(session, saved, approval.title)

    # What it saw of files, it may have seen by a closer look.
    reread = {step.address for step in saved.steps if step.files}

    def make() -> Plan:
        return plan_again(session, saved, fail_on=fail_on, allow_missing=allow_missing, reread=reread)

    return apply(
        session,
        make(),
        approval=approval,
        audience=audience,
        replan=make,
        wait_lease=wait_lease,
        wait_timeout=wait_timeout,
    )


def _check_place(session: Session, made: Plan, title: str) -> None:
    theirs, ours = (made.stack, made.environment), (session.project.stack, session.project.environment)
    if theirs != ours:
        elsewhere = "without -e" if ours[1] else "with -C and the directory of its project"
        way = f"with -e {theirs[1]}" if theirs[1] else elsewhere
        message = f"{title} is a plan for {_place(*theirs)}, and this is {_place(*ours)}"
        raise UsageError(message, hint=f"run the command {way}")


def _place(stack: str, environment: str | None) -> str:
    return f"the stack '{stack}'" + (f" in the environment '{environment}'" if environment else "")


def destroy(
    session: Session,
    *,
    selection: Selection = ALL,
    approval: Approval = UNASKED,
    audience: Audience = NOBODY,
    wait_lease: float = 0.0,
) -> Applied:
    """Delete everything that the stack owns, or what a `selection` says, as `apply` does. It takes an approval:
    `Approval(destroy=True)`."""
    made = plan_destroy(session, selection=selection)
    return apply(session, made, approval=approval, audience=audience, wait_lease=wait_lease)
