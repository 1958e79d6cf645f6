"""Whoever sits at the command line, as the engine's audience: told of the plan, asked, shown the progress."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinue import engine
from retinue.cli.apply_output import append_summary
from retinue.cli.terminal import Terminal, size_now
from retinue.errors import BlockedError, RetinueError, UsageError

if TYPE_CHECKING:
    from types import FrameType

    from retinue.cli.apply_output import Telling
    from retinue.engine import Applied
    from retinue.model.steps import Event, Plan
    from retinue.planning.marker import Lease
    from retinue.planning.policy import FailOn
    from retinue.report.events.progress import Progress
    from retinue.session import Session


@dataclass(slots=True)
class CommandLine(engine.Audience):
    """Tells by `telling` on stdout, asks the `question` on a terminal, and shows on stderr what is under way."""

    session: Session
    telling: Telling
    question: str
    fail_on: tuple[FailOn, ...] = ()
    new_stack: bool = False
    _progress: Progress | None = None
    _steps: int = 0
    _looking: bool = False

    asks = True

    def planned(self, made: Plan) -> None:
        from retinue.planning.documents.plan_document import to_document

        self._steps = len(made.steps)
        self.telling.plan(to_document(made))
        note_unlisted(self.session, Terminal.detect(), self.fail_on)

    def differs(self, made: Plan, approved: Plan | None) -> None:
        from retinue.planning.documents.plan_diff import compare_plans
        from retinue.planning.documents.plan_document import to_document

        if approved is None:
            self.telling.plan(to_document(made))
        else:
            self.telling.other_plan(compare_plans(approved, made), to_document(made))

    def confirm(self, made: Plan) -> None:
        """Only a person can answer, and only with the whole word. Raises UsageError without a terminal, and
        BlockedError where nobody is there to say that a new stack is meant."""
        from retinue.planning.new_stack import new_stack_block

        beside = new_stack_block(made.warnings)
        if beside and self.new_stack:
            beside = None
        if beside and not Terminal.detect().interactive:
            raise BlockedError(beside.message, hint=beside.hint)
        if not Terminal.detect().interactive:
            raise UsageError(
                "there is no terminal to ask for approval", hint="read the plan, then run again with --yes"
            )
        question = f"This makes a new stack, '{made.stack}'. {self.question}" if beside else self.question
        answer = click.prompt(
            f"\n{question} Only 'yes' is accepted", default="", show_default=False, prompt_suffix=": ", err=True
        )
        if answer.strip() != "yes":
            raise RetinueError("cancelled; nothing was changed")

    def note(self, text: str) -> None:
        Terminal.detect().say(text)

    @contextmanager
    def working(self) -> Iterator[threading.Event]:
        from retinue.report.events.progress import Progress

        terminal, stream = Terminal.detect(), sys.stderr
        # What is printed for each event would come out in the middle of what moves.
        live = terminal.live and not (self.telling.streams and terminal.shared)
        size, color = lambda: size_now(stream), terminal.error_color
        reflows = "XTERM_VERSION" not in os.environ  # it alone cuts lines where others break them anew
        shown = Progress(stream, live=live, color=color, total=self._steps, size=size, reflows=reflows)

        def stopping() -> None:
            shown.stopping()
            terminal.say("stopping: finishing the requests under way (Ctrl-C again to stop at once)")

        with _stopping(stopping, lambda: self._looking) as stop, shown as self._progress:
            yield stop

    @contextmanager
    def looking(self) -> Iterator[None]:
        self._looking = True
        try:
            yield
        finally:
            self._looking = False

    def event(self, event: Event) -> None:
        self.telling.event(event)
        if self._progress is not None:
            self._progress.on_event(event)


def ended(applied: Applied, telling: Telling, summary: Path | None = None) -> int:
    """Tell how an apply went, also in a file; gives its exit code, or raises what the steps do not say."""
    failure = engine.outcome(applied)
    telling.result(applied, failure, stopped=applied.stopped)
    if summary is not None:
        append_summary(applied, failure, summary)
    if failure is None:
        return 0
    if applied.lost or applied.succeeded:
        raise failure
    return failure.exit_code


def note_unlisted(session: Session, terminal: Terminal, fail_on: tuple[FailOn, ...]) -> None:
    """A check that somebody asked for and that could not be made is not passed in silence."""
    if session.models_listed is False and any(each.about_models for each in fail_on):
        terminal.say("the account does not say which models it has: --fail-on could not look at them")


def note_holder(holder: Lease | None, terminal: Terminal) -> None:
    """A plan made while somebody applies the stack may be outdated before it is read."""
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
def _stopping(say: Callable[[], None], at_once: Callable[[], bool]) -> Iterator[threading.Event]:
    """While open, the first Ctrl-C (or a kill) asks to stop after what is under way, and `say` is called; the second
    stops at once, and so does the first where nothing is under way that must be finished."""
    stop, asked, signals = threading.Event(), queue.SimpleQueue[int | None](), 0

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        # It comes in the middle of anything, a lock or a line that is being written: another thread does the rest.
        nonlocal signals
        signals += 1
        if signals == 1:
            asked.put(number)
        if signals > 1 or at_once():
            raise KeyboardInterrupt

    def listen() -> None:
        if asked.get() is not None:
            stop.set()
            say()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    listener = threading.Thread(target=listen, name="retinue-stop", daemon=True)
    listener.start()
    before = {each: signal.signal(each, on_signal) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        asked.put(None)
        listener.join()
