"""An approved plan, carried out: the lease, the steps, a look at what came of it, and how it went."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace

from retinue.errors import AccountError, Interrupted, PartialError, RetinueError
from retinue.model.declared import Declared
from retinue.model.steps import OVER, Event, Plan
from retinue.model.values import Address
from retinue.session import Session
from retinue.state.process_lock import process_lock

POLL = 10.0
"""How often a lease is looked at by whoever waits for it, in seconds, more or less."""


class Audience:
    """Who follows an apply, and whom it may ask. This one hears nothing; whoever wants to overrides a method."""

    asks = False
    """Whether `confirm` asks a person about every plan."""

    def planned(self, made: Plan) -> None:
        """The plan that is about to be carried out, before anybody is asked."""

    def differs(self, made: Plan, approved: Plan | None) -> None:
        """The plan is not the approved one, which is here if it was saved; nothing is carried out."""

    def confirm(self, made: Plan) -> None:
        """Ask a person. Raises RetinueError when they do not agree."""

    def note(self, text: str) -> None:
        """What a person should know, such as what is waited for."""

    def working(self) -> AbstractContextManager[threading.Event | None]:
        """Entered while the account is changed. What it gives may be set to stop after what is under way."""
        return nullcontext(None)

    def looking(self) -> AbstractContextManager[None]:
        """Entered, within `working`, while nothing is written: KeyboardInterrupt may end that at any time."""
        return nullcontext()

    def event(self, event: Event) -> None:
        """Something that happened to a step."""


NOBODY = Audience()


@dataclass(frozen=True, slots=True)
class Applied:
    """How an apply went: its plan, everything that happened, and what is left to do.

    `remaining` is None when some step did not succeed, and when the account could not be read again: `unread` says why.
    `lost` says who took the stack's lease over meanwhile, `stopped` whether somebody asked to stop.
    """

    plan: Plan
    events: tuple[Event, ...] = ()
    remaining: Plan | None = None
    unread: RetinueError | None = None
    lost: RetinueError | None = None
    stopped: bool = False

    @property
    def converged(self) -> bool:
        """Whether a plan made afterwards was empty."""
        return self.remaining is not None and self.remaining.empty

    @property
    def succeeded(self) -> bool:
        """Whether every step that was begun came to its end, and every one was begun."""
        ended = {event.step.key: event.status for event in self.events}
        return all(ended.get(step.key) == "done" for step in self.plan.steps)


def carry_out(
    session: Session, made: Plan, audience: Audience, again: Callable[[], Plan], wait_timeout: float | None
) -> Applied:
    """Hold the lease, carry the steps out, and plan again."""
    if not (made.steps or made.retags or session.journal.entries):
        _tidy(session)
        return Applied(made, remaining=made)
    session.planned = None  # what was planned is not what there will be
    applied = Applied(made)
    with audience.working() as asked, _stoppable(session, asked) as stop:
        session.lock.on_note = audience.note
        events: list[Event] = []
        declared = {each.address: each for each in session.reading.declared}
        try:
            with _lease(session, made, audience, stop, events) as owned:
                for told in _run(session, made, audience, stop, wait_timeout):
                    event = _placed(told, declared)
                    events.append(event)
                    _count(owned, event)
                    audience.event(event)
                applied = Applied(made, tuple(events), made if made.empty else None, lost=session.lock.lost)
                if applied.succeeded and not made.empty:
                    applied = _look_back(session, applied, audience, again, stop, stops=asked is not None)
        except Interrupted:
            pass  # before the first step was begun
        except KeyboardInterrupt:
            if asked is None:
                raise
            stop.set()
        if stop.is_set():
            heard = {event.step.key for event in events}
            events += [Event(step, "pending", step.id) for step in made.steps if step.key not in heard]
        return replace(applied, events=tuple(events), stopped=stop.is_set())


def _look_back(
    session: Session,
    applied: Applied,
    audience: Audience,
    again: Callable[[], Plan],
    stop: threading.Event,
    *,
    stops: bool,
) -> Applied:
    """Plan again from what the account has now: the objects that were written over, or, where something came or went,
    all of the kinds that have to do with it. Whoever asks to stop does not wait for it: nothing is written. Unless that
    is what the audience `stops`, KeyboardInterrupt is somebody else's."""
    session.focus, session.rewritten = session.concerned(applied.plan), session.overwritten(applied.plan)
    try:
        with audience.looking(), _reading(session, stop):
            return replace(applied, remaining=again())
    except RetinueError as error:
        return replace(applied, unread=error)
    except KeyboardInterrupt:
        if not stops:
            raise
        stop.set()
        return replace(applied, unread=Interrupted("stopped before it was looked at again"))
    finally:
        session.focus = session.rewritten = None


@contextmanager
def _stoppable(session: Session, asked: threading.Event | None) -> Iterator[threading.Event]:
    """While open, nothing is created and no pause goes on once the event it gives is set."""
    from retinue.providers.execution import checking

    account, stop = session.account, asked or threading.Event()
    before = account.sleep, account.before_creation
    if asked is not None:
        account.sleep = asked.wait
    account.before_creation = checking(stop)
    try:
        yield stop
    finally:
        account.sleep, account.before_creation = before


@contextmanager
def _reading(session: Session, stop: threading.Event) -> Iterator[None]:
    """While open, no request at all is sent once somebody asked to stop."""
    from retinue.providers.execution import checking

    session.account.before_request = checking(stop)
    try:
        yield
    finally:
        session.account.before_request = lambda: None


def _run(
    session: Session, made: Plan, audience: Audience, stop: threading.Event, wait_timeout: float | None
) -> Iterator[Event]:
    from retinue.providers.execution import execute

    def untidy(error: AccountError) -> None:
        audience.note(f"files that nothing uses any more are left until the next apply: {error.message}")

    held = session.held_files()
    with _left_behind(session, made):
        yield from execute(
            made,
            session.providers,
            held=held,
            hidden=session.account.hidden,
            parallelism=session.parallelism,
            wait_timeout=wait_timeout,
            stop=stop,
            untidy=untidy,
        )


def _left_behind(session: Session, made: Plan) -> AbstractContextManager[None]:
    """While open, files are used that an apply left behind which was cut off on another machine."""
    cut_off = session.lock.cut_off()
    if cut_off is None or not made.steps:
        return nullcontext()
    return session.providers[None].left_behind(session.reading.declared, session.live, cut_off)


def outcome(applied: Applied) -> RetinueError | None:
    """What an apply that did not fully succeed comes to; None when it did."""
    good = [event for event in applied.events if event.status == "done"]
    carried = f"{len(good)} of {len(applied.plan.steps)} steps were carried out"
    again = "run the same command again; it continues where this one stopped"
    if applied.lost is not None:
        return PartialError(f"{applied.lost.message}, which took over; {carried}", hint=again)
    if applied.stopped and applied.succeeded and not applied.converged:
        message = "every step was carried out, and the look at what came of it was stopped"
        return Interrupted(message, hint="run 'retinue plan' to see whether anything is left")
    if applied.stopped and not applied.converged:
        return Interrupted(f"stopped: {carried}", hint=again)
    if not applied.succeeded:
        return PartialError(carried, hint=again)
    if applied.unread is not None:
        message = f"every step was carried out, but the account could not be read again: {applied.unread}"
        return PartialError(message, hint="run 'retinue plan' to see whether anything is left")
    if not applied.converged:
        return PartialError("the account has not settled: a new plan is not empty", hint="run 'retinue plan' to see it")
    return None


# ── one apply at a time ───────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _lease(
    session: Session, made: Plan, audience: Audience, stop: threading.Event, events: Sequence[Event]
) -> Iterator[set[str]]:
    """Hold the stack's lease while its plan is carried out; nothing to write to the account takes none. Gives the ids
    of what the stack owns, to be kept up to date. `stop` is set when somebody takes the lease over, `events` are what
    has happened to the steps.

    Raises Interrupted when somebody asked to stop before the first write."""
    from retinue.providers.execution import checking
    from retinue.providers.preconditions import check_plan

    owned = session.owned_ids()

    def look_again() -> None:
        stack, parallelism = session.project.stack, session.parallelism
        if any(step.id for step in made.steps):
            with audience.looking(), _reading(session, stop):
                check_plan(made, session.providers, session.kinds, stack=stack, parallelism=parallelism)
        checking(stop)()

    with process_lock(session.cache.directory) as alone:
        if not session.locks(made):
            look_again()
            yield owned
            if alone:
                session.lock.tidy(owned)
            return
        going = sum(1 for step in made.steps if step.leaves)
        lock = session.lock
        lock.stop = stop
        took_over = lock.cut_off() is not None

        def finished() -> bool:
            """What an apply that was cut off left is done with once everything declared is in place, and not before."""
            whole = not made.targets and Applied(made, tuple(events)).succeeded
            return not session.journal.entries and (whole or not took_over)

        lock.acquire(max(len(owned) - going, 0), alone=alone, check=look_again)
        try:
            yield owned
        except KeyboardInterrupt:
            lock.leave()
            raise
        except BaseException:
            lock.release(owned, finished=finished())
            raise
        lock.release(owned, finished=finished())


def _tidy(session: Session) -> None:
    """There is nothing to do: an apply from here that was cut off keeps nobody waiting any longer, and a stack that is
    gone leaves no marker. What this machine does not let us find out is left as it is."""
    owned = session.owned_ids()
    if session.lock.needs_tidying(owned):
        with suppress(RetinueError), process_lock(session.cache.directory) as alone:
            if alone:
                session.lock.tidy(owned)


def _placed(event: Event, declared: Mapping[Address, Declared]) -> Event:
    """The event with the places where what the account did not keep is declared: a step knows that of its object."""
    said = declared.get(event.step.address)
    if not event.unkept or said is None:
        return event
    return replace(event, unkept=tuple(replace(each, position=said.position(each.path)) for each in event.unkept))


def _count(owned: set[str], event: Event) -> None:
    """What the stack owns after an event."""
    step, live_id = event.step, event.id
    if live_id is None or step.home is not None or event.status not in OVER:
        return
    if step.leaves:
        owned -= {live_id} if event.status == "done" else set()
    elif step.action == "create" or (step.action in ("adopt", "move") and event.status == "done"):
        owned.add(live_id)


def wait_for_lease(session: Session, seconds: float) -> bool:
    """Wait until nobody else applies the stack, for so long at most; False when somebody still does."""
    account, lock = session.account, session.lock
    deadline = account.server_time() + seconds
    while account.server_time() < deadline:
        # Not in step with others who wait for the same moment.
        pause = POLL * (0.5 + random.random())  # noqa: S311 - nothing depends on its being unforeseeable
        account.sleep(min(pause, max(deadline - account.server_time(), 0.1)))
        lock.look_again()
        if lock.holder() is None:
            return True
    return False
