"""Plan → requests → a stream of events. Steps run side by side as far as their needs allow; deletions come last."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

from retinue.content.manifest_diff import common_contents
from retinue.errors import AccountError, CredentialError, Interrupted, RetinueError
from retinue.model.steps import OVER, Event, Plan, Status, Step
from retinue.planning.redaction import hide
from retinue.providers.port import Providers, Run, Runner
from retinue.providers.thread_pool import threads


def execute(
    plan: Plan,
    providers: Providers,
    *,
    held: Collection[str] = (),
    hidden: Collection[str] = (),
    parallelism: int = 8,
    wait_timeout: float | None = None,
    stop: threading.Event | None = None,
    untidy: Callable[[AccountError], None] = lambda _: None,
) -> Iterator[Event]:
    """Carry the plan out, and tell what happens as it happens.

    Whoever calls has made sure that the account is as the plan found it. A failed step stops only what needs it.
    When `stop` is set, requests under way are finished and nothing new is begun; so it is when the account refuses the
    key, which it would do again. `held` are the ids of files that live objects are known to hold, `hidden` the texts
    that no message may quote; `wait_timeout` is how long, in seconds, the files of an object are waited for
    (Run). `untidy` hears why something that nobody uses any more could not be cleared away at the end.
    """
    asked_to_stop = stop or threading.Event()
    known = frozenset({*plan.ids.values(), *(step.id for step in plan.steps if step.id)})
    runners: dict[str | None, Runner] = {}
    whole, common = False, common_contents(step.files for step in plan.steps)
    with threads(parallelism, "step") as pool, threads(parallelism, "file") as files:
        run = Run(dict(plan.ids), known, frozenset(held), checking(asked_to_stop), files, wait_timeout, common)
        try:
            for home, provider in providers.items():
                runners[home] = provider.begin(run)
            execution = _Execution(plan, runners, run, pool, parallelism, asked_to_stop, hidden)
            yield from execution.events()
            execution.retag()
            whole = not execution.over
        except BaseException:
            asked_to_stop.set()  # whoever does not wait for what is under way wants nothing more of it
            raise
        finally:
            for runner in reversed(runners.values()):
                try:
                    runner.close(complete=whole)
                except AccountError as error:  # how the steps went is to be told all the same
                    untidy(error)


def checking(stop: threading.Event) -> Callable[[], None]:
    """What is called between two requests: raises Interrupted once somebody asked to stop."""

    def check() -> None:
        if stop.is_set():
            raise Interrupted("stopped before it was finished", hint="run the command again to continue")

    return check


def _untold(done: int, total: int, detail: str) -> None:
    """The progress of what nobody waits for."""


def _enough(step: Step) -> frozenset[Status]:
    """How a step must have ended for one that needs it. What is to go stays while its successor lacks a file."""
    return frozenset({"done"}) if step.action == "delete" else frozenset({"done", "incomplete"})


@dataclass(slots=True)
class _Execution:
    """One run through the steps: which wait for what, which are under way, how the others ended.

    No more than `most` are under way: what is told to have begun has begun, and what waits need not be called back.
    """

    plan: Plan
    runners: Mapping[str | None, Runner]
    run: Run
    pool: ThreadPoolExecutor
    most: int
    stop: threading.Event
    hidden: Collection[str] = ()
    waiting: dict[str, Step] = field(default_factory=dict)
    needs: dict[str, set[str]] = field(default_factory=dict)
    needed_by: dict[str, list[str]] = field(default_factory=dict)
    ready: list[tuple[int, Step]] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    ended: dict[str, Status] = field(default_factory=dict)
    refused: bool = False
    bugs: list[Exception] = field(default_factory=list)
    happened: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be begun."""
        return self.refused or self.stop.is_set()

    def events(self) -> Iterator[Event]:
        # A plan that was narrowed may lack what a step needs; that is in place already.
        planned = {step.key: number for number, step in enumerate(self.plan.steps)}
        for step in self.plan.steps:
            self.needs[step.key] = {each for each in step.needs if each in planned}
            for need in self.needs[step.key]:
                self.needed_by.setdefault(need, []).append(step.key)
        for deleting in (False, True):
            yield from self._phase([step for step in self.plan.steps if (step.action == "delete") is deleting], planned)
        if self.bugs:
            raise self.bugs[0]

    def _phase(self, steps: Sequence[Step], order: Mapping[str, int]) -> Iterator[Event]:
        self.waiting = {step.key: step for step in steps}
        for step in steps:
            yield from self._look_at(step.key, order)
        while self.ready or self.running:
            while self.ready and len(self.running) < self.most and not self.over:
                _, step = heapq.heappop(self.ready)
                self.running.add(step.key)
                yield Event(step, "started", step.id)
                self.pool.submit(self._work, step)
            if not self.running:
                break
            event = self.happened.get()
            yield event
            if event.status in OVER:
                self.running.discard(event.step.key)
                yield from self._end(event, order)
        left = [*(step for _, step in self.ready), *self.waiting.values()]
        self.ready = []
        for step in sorted(left, key=lambda each: order[each.key]):
            yield Event(step, "pending", step.id)

    def _end(self, event: Event, order: Mapping[str, int]) -> Iterator[Event]:
        """A step came to its end: what needed it is ready now, or cannot be done any more."""
        self.ended[event.step.key] = event.status
        for key in self.needed_by.get(event.step.key, ()):
            yield from self._look_at(key, order)

    def _look_at(self, key: str, order: Mapping[str, int]) -> Iterator[Event]:
        """A waiting step whose needs are met is ready; one that needs what did not succeed is skipped, and so on."""
        step = self.waiting.get(key)
        if step is None:
            return
        enough = _enough(step)
        open_ = {need for need in self.needs[key] if self.ended.get(need) not in enough}
        hopeless = sorted((need for need in open_ if need in self.ended), key=lambda need: order[need])
        if hopeless:
            del self.waiting[key]
            stopped = self.ended[hopeless[0]] in ("interrupted", "pending")
            why = None if stopped else f"it needs '{hopeless[0]}', which did not succeed"
            skipped = Event(step, "pending" if stopped else "skipped", step.id, error=why)
            yield skipped
            yield from self._end(skipped, order)
        elif not open_:
            del self.waiting[key]
            heapq.heappush(self.ready, (order[key], step))

    def retag(self) -> None:
        """Bring the tags of objects that are in sync up to date. A failure is left to the next apply."""

        def write(step: Step) -> None:
            with suppress(RetinueError):
                if not self.over:
                    self.runners[step.home].run(step, _untold)

        list(self.pool.map(write, self.plan.retags))

    def _work(self, step: Step) -> None:
        """Carry one step out, in a thread of the pool."""
        begun = time.monotonic()
        if self.over:
            self.happened.put(Event(step, "pending", step.id))
            return

        def tell(event: Event) -> None:
            self.happened.put(replace(event, seconds=time.monotonic() - begun))

        def report(done: int, total: int, detail: str) -> None:
            tell(Event(step, "progress", step.id, done=done, total=total, detail=detail))

        try:
            live_id, failures, unkept = self.runners[step.home].run(step, report)
        except Interrupted as error:
            tell(Event(step, "interrupted", self._known_id(step), error=error.message))
        except RetinueError as error:
            self.refused |= isinstance(error, CredentialError)
            tell(Event(step, "failed", self._known_id(step), error=error.message, hint=error.hint))
        except Exception as error:  # noqa: BLE001 - ours to fix: the other steps finish, then it is raised
            self.bugs.append(error)
            what = hide(f"a bug in retinue: {error!r}", self.hidden)
            tell(Event(step, "failed", self._known_id(step), error=what))
        else:
            tell(Event(step, "incomplete" if failures else "done", live_id, failures=failures, unkept=unkept))

    def _known_id(self, step: Step) -> str | None:
        """The id of the object as far as there is one: a creation that got as far has left it among the others."""
        live_id = self.run.ids.get(step.address) if step.action == "create" else None
        return step.id if live_id is None or live_id in self.run.known else live_id
