"""The way from a plan to its end: shown, asked for, carried out, told. `plan`, `apply` and `destroy` share it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from retinue.cli.terminal import Terminal
from retinue.errors import LeaseError, OvertakenError, RetinueError, UsageError

if TYPE_CHECKING:
    from types import FrameType

    from retinue.cli.telling import Telling
    from retinue.engine import Session
    from retinue.model.steps import Event, Plan
    from retinue.planning.policy import Approval, FailOn


def carry_out(
    session: Session,
    make: Callable[[Session], Plan],
    parallelism: int,
    telling: Telling,
    *,
    question: str,
    approval: Approval,
    fail_on: tuple[FailOn, ...] = (),
    wait_lease: float | None = None,
) -> int:
    """Plan by `make`, and go on as far as the approval reaches, telling of it; gives the exit code. A plan that is not
    the approved one raises StaleError. While somebody else applies the stack, it waits for `wait_lease` seconds, then
    plans anew."""
    from retinue import guarding

    terminal = Terminal.detect()
    deadline = session.account.clock() + (wait_lease or 0)
    while True:
        try:
            return _carry_out(
                session,
                make,
                parallelism,
                telling,
                question=question,
                approval=approval,
                fail_on=fail_on,
            )
        except (LeaseError, OvertakenError) as error:
            left = deadline - session.account.clock()
            if left <= 0:
                raise
            if isinstance(error, LeaseError):
                terminal.say(f"waiting up to {left:.0f}s: {error.message}")
                if not guarding.wait_for_lease(session, left):
                    raise
            terminal.say("planning again, since somebody else applied the stack")


def _carry_out(
    session: Session,
    make: Callable[[Session], Plan],
    parallelism: int,
    telling: Telling,
    *,
    question: str,
    approval: Approval,
    fail_on: tuple[FailOn, ...],
) -> int:
    from retinue import engine, guarding
    from retinue.approved import check_stack
    from retinue.report.progress import Progress

    terminal = Terminal.detect()
    watch_pauses(session, terminal)
    check_stack(approval, session)
    made = make(session)
    hold_against(approval, made, session, telling)
    note_unlisted(session, terminal, fail_on)
    engine.guard(made, approval, session.project.guards)
    guarding.check_free(session, made)
    if not made.empty and approval.person:
        _ask(terminal, question)
    with (
        stopping(terminal) as stop,
        Progress(sys.stderr, tty=terminal.live, color=terminal.error_color, width=terminal.error_width) as progress,
    ):

        def on_event(event: Event) -> None:
            telling.event(event)
            progress.on_event(event)

        # A pause ends as soon as somebody asks to stop.
        session.account.sleep = stop.wait
        session.marking.on_note = terminal.say
        applied = engine.apply(
            session,
            made,
            approval=approval,
            on_event=on_event,
            parallelism=parallelism,
            stop=stop,
            replan=lambda: make(session),
        )
    stopped = stop.is_set()
    failure = engine.outcome(applied, stopped=stopped)
    telling.result(applied, failure, stopped=stopped)
    if failure is None:
        return 0
    if applied.lost or (applied.succeeded and not stopped):
        raise failure
    return failure.exit_code  # the result has said it already, step by step


def hold_against(approval: Approval, made: Plan, session: Session, telling: Telling) -> None:
    """Tell the plan. When another one was approved, tell how that differs where it was saved, and raise StaleError."""
    from retinue.approved import stale
    from retinue.planning.documents.plan_diff import compare_plans
    from retinue.planning.documents.plan_document import to_document
    from retinue.planning.policy import is_approved

    document = to_document(made)
    if is_approved(approval, made, session.live):
        telling.plan(document)
        if approval.plan is not None and document["digest"] != approval.approved and made.steps:
            left, whole = len(made.steps), len(approval.plan.steps)
            are = "is" if left == 1 else "are"
            Terminal.detect().say(f"going on with the approved plan: {left} of its {whole} steps {are} left")
        return
    if approval.plan is None:
        telling.plan(document)
    else:
        telling.other_plan(compare_plans(approval.plan, made), document)
    raise stale(approval, made)


def _ask(terminal: Terminal, question: str) -> None:
    """Only a person can answer, and only with the whole word. Raises UsageError without a terminal."""
    if not terminal.interactive:
        raise UsageError("there is no terminal to ask for approval", hint="read the plan, then run again with --yes")
    answer = click.prompt(
        f"\n{question} Only 'yes' is accepted", default="", show_default=False, prompt_suffix=": ", err=True
    )
    if answer.strip() != "yes":
        raise RetinueError("cancelled; nothing was changed")


def note_unlisted(session: Session, terminal: Terminal, fail_on: tuple[FailOn, ...]) -> None:
    """A check that somebody asked for and that could not be made is not passed in silence."""
    if session.models_listed is False and any(each.about_models for each in fail_on):
        terminal.say("the account does not say which models it has: --fail-on could not look at them")


def note_holder(session: Session, terminal: Terminal) -> None:
    """A plan made while somebody applies the stack may be outdated before it is read."""
    holder = session.marking.holder()
    if holder is not None:
        terminal.say(f"an apply of this stack is under way: {holder.owner}")


def watch_pauses(session: Session, terminal: Terminal) -> None:
    """Say when the account makes us wait, so that nobody wonders; once, when several requests wait together."""
    silent_until = 0.0

    def say(seconds: float, reason: str) -> None:
        nonlocal silent_until
        if time.monotonic() < silent_until:
            return
        silent_until = time.monotonic() + seconds
        terminal.say(f"waiting {seconds:.0f}s: {reason}")

    session.account.on_wait = say


@contextmanager
def stopping(terminal: Terminal) -> Iterator[threading.Event]:
    """While open, the first Ctrl-C (or a kill) asks to stop after what is under way; the second stops at once."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        terminal.say("stopping: finishing the requests under way (Ctrl-C again to stop at once)")

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {each: signal.signal(each, on_signal) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
