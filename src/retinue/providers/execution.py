"""Plan → requests → a stream of events. Steps run side by side as far as their needs allow; deletions come last."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

from retinue.errors import Interrupted, RetinueError
from retinue.model.steps import Event, Plan, Status, Step
from retinue.planning.redaction import hide
from retinue.providers.port import Providers, Run, Runner
from retinue.providers.thread_pool import threads

OVER: frozenset[Status] = frozenset({"done", "incomplete", "failed", "skipped"})
"""The statuses that end a step."""


def execute(
    plan: Plan,
    providers: Providers,
    *,
    held: Collection[str] = (),
    hidden: Collection[str] = (),
    parallelism: int = 8,
    stop: threading.Event | None = None,
) -> Iterator[Event]:
    """Carry the plan out, and tell what happens as it happens.

    Whoever calls has made sure that the account is as the plan found it. A failed step stops only what needs it.
    When `stop` is set, what is under way is finished and nothing new is begun. `held` are the ids of files that live
    objects are known to hold, `hidden` the texts that no message may quote.
    """
    asked_to_stop = stop or threading.Event()

    def check() -> None:
        if asked_to_stop.is_set():
            raise Interrupted("stopped before it was finished", hint="run the command again to continue")

    known = frozenset({*plan.ids.values(), *(step.id for step in plan.steps if step.id)})
    runners: dict[str | None, Runner] = {}
    whole = False
    with threads(parallelism, "step") as pool, threads(parallelism, "file") as files:
        run = Run(dict(plan.ids), known, frozenset(held), check, files)
        try:
            for home, provider in providers.items():
                runners[home] = provider.begin(run)
            execution = _Execution(plan, runners, run, pool, asked_to_stop, hidden)
            yield from execution.events()
            execution.retag()
            whole = not asked_to_stop.is_set()
        finally:
            for runner in reversed(runners.values()):
                runner.close(complete=whole)


def _untold(done: int, total: int, detail: str) -> None:
    """The progress of what nobody waits for."""


def _enough(step: Step) -> frozenset[Status]:
    """How a step must have ended for one that needs it. What is to go stays while its successor lacks a file."""
    return frozenset({"done"}) if step.action == "delete" else frozenset({"done", "incomplete"})


@dataclass(slots=True)
class _Execution:
    """One run through the steps: which wait, which are under way, how the others ended."""

    plan: Plan
    runners: Mapping[str | None, Runner]
    run: Run
    pool: ThreadPoolExecutor
    stop: threading.Event
    hidden: Collection[str] = ()
    needs: dict[str, list[str]] = field(default_factory=dict)
    waiting: list[Step] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    ended: dict[str, Status] = field(default_factory=dict)
    bugs: list[Exception] = field(default_factory=list)
    happened: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)

    def events(self) -> Iterator[Event]:
        # A plan that was narrowed may lack what a step needs; that is in place already.
        planned = {step.key for step in self.plan.steps}
        self.needs = {step.key: [each for each in step.needs if each in planned] for step in self.plan.steps}
        for deleting in (False, True):
            self.waiting = [step for step in self.plan.steps if (step.action == "delete") is deleting]
            yield from self._phase()
        if self.bugs:
            raise self.bugs[0]

    def _phase(self) -> Iterator[Event]:
        while self.waiting or self.running:
            yield from self._skip_hopeless()
            for step in [] if self.stop.is_set() else self._ready():
                self.waiting.remove(step)
                self.running.add(step.key)
                yield Event(step, "started", step.id)
                self.pool.submit(self._work, step)
            if not self.running:
                break
            event = self.happened.get()
            if event.status in OVER:
                self.running.discard(event.step.key)
                self.ended[event.step.key] = event.status
            yield event
        for step in self.waiting:
            yield Event(step, "skipped", step.id, error="stopped before it was begun")

    def _ready(self) -> list[Step]:
        return [
            step for step in self.waiting if all(self.ended.get(need) in _enough(step) for need in self.needs[step.key])
        ]

    def _skip_hopeless(self) -> Iterator[Event]:
        """Steps that need one that failed are not begun, nor is what needs them in turn."""
        for step in list(self.waiting):
            failed = [need for need in self.needs[step.key] if self.ended.get(need) in OVER - _enough(step)]
            if failed:
                self.waiting.remove(step)
                self.ended[step.key] = "skipped"
                yield Event(step, "skipped", step.id, error=f"it needs '{failed[0]}', which did not succeed")

    def retag(self) -> None:
        """Bring the tags of objects that are in sync up to date. A failure is left to the next apply."""

        def write(step: Step) -> None:
            with suppress(RetinueError):
                self.runners[step.home].run(step, _untold)

        if not self.stop.is_set():
            list(self.pool.map(write, self.plan.retags))

    def _work(self, step: Step) -> None:
        """Carry one step out, in a thread of the pool."""
        begun = time.monotonic()

        def tell(event: Event) -> None:
            self.happened.put(replace(event, seconds=time.monotonic() - begun))

        def report(done: int, total: int, detail: str) -> None:
            tell(Event(step, "progress", step.id, done=done, total=total, detail=detail))

        try:
            live_id, failures, unkept = self.runners[step.home].run(step, report)
        except Interrupted as error:
            tell(Event(step, "incomplete", self.run.ids.get(step.address, step.id), error=error.message))
        except RetinueError as error:
            live_id = self.run.ids.get(step.address, step.id)
            tell(Event(step, "failed", live_id, error=error.message, hint=error.hint))
        except Exception as error:  # noqa: BLE001 - ours to fix: the other steps finish, then it is raised
            self.bugs.append(error)
            tell(Event(step, "failed", step.id, error=hide(f"a bug in retinue: {error!r}", self.hidden)))
        else:
            tell(Event(step, "incomplete" if failures else "done", live_id, failures=failures, unkept=unkept))
