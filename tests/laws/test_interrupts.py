"""Somebody asks to stop while any request is under way: what is told of it is what has become of the account."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from retinue import engine
from retinue.errors import Interrupted
from retinue.kinds import all_kinds
from retinue.model.steps import Plan
from retinue.planning.policy import Approval
from retinue.report.events.event_text import last_events, steps_by_status, tally
from tests.laws.conftest import LIVE_KINDS, Sample
from tests.laws.test_faults import prepare
from tests.laws.test_laws import orphans
from tests.support.breaking import copied, telling
from tests.support.team import Team


@dataclass
class Person(engine.Audience):
    """Asks to stop when told to."""

    stop: threading.Event = field(default_factory=threading.Event)

    def working(self) -> AbstractContextManager[threading.Event]:
        return nullcontext(self.stop)


class Stopping(httpx2.BaseTransport):
    """Has somebody ask to stop while request number `at` (from 1) is under way."""

    def __init__(self, inner: httpx2.BaseTransport, at: int, stop: threading.Event) -> None:
        self.inner, self.left, self.stop = inner, at, stop
        self._lock = threading.Lock()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        with self._lock:
            self.left -= 1
            if self.left == 0:
                self.stop.set()
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


def objects(team: Team) -> set[str]:
    return {str(each["id"]) for name in LIVE_KINDS for each in team.objects(all_kinds()[name])}


def run(team: Team, at: int, *, destroy: bool, parallelism: int = 4) -> engine.Applied:
    person = Person()
    with team.session(lambda inner: Stopping(inner, at, person.stop)) as session:
        session.parallelism = parallelism
        if destroy:
            return engine.destroy(session, approval=Approval(destroy=True), audience=person)
        return engine.apply(session, engine.plan(session), approval=Approval(person=True), audience=person)


def planned_destruction(team: Team) -> Plan:
    with team.session() as session:
        return engine.plan_destroy(session)


CHANGES = [(None, "full"), ("full", "edited"), ("full", "replaced"), ("full", None)]


@pytest.mark.slow
@pytest.mark.parametrize(("before", "variant"), CHANGES, ids=lambda each: str(each))
def test_an_interrupt_at_any_request_is_told_as_it_was(
    sample: Sample, tmp_path: Path, before: str | None, variant: str | None, chaos: bool
) -> None:
    prepared = prepare(sample, tmp_path / "prepared", before, variant or "full")
    whole = copied(prepared, tmp_path / "whole")
    run(whole, 0, destroy=variant is None, parallelism=1)
    stopped_early = 0
    for at in range(1, len(whole.calls) + 1) if chaos else telling(whole.calls):
        where = f"stopped at request {at}: {whole.calls[at - 1]}"
        team = copied(prepared, tmp_path / str(at))
        there = objects(team)
        applied = run(team, at, destroy=variant is None, parallelism=4)
        told, now = tally(applied.events), objects(team)
        assert (told["added"], told["destroyed"]) == (len(now - there), len(there - now)), where
        ends = {event.step.key: event.status for event in last_events(applied.events)}
        assert set(ends) == {step.key for step in applied.plan.steps}, where
        assert sum(steps_by_status(applied.events).values()) == len(ends), where
        if not applied.converged:
            assert isinstance(engine.outcome(applied), Interrupted), where
            stopped_early += 1
        left = {step.key for step in (team.plan() if variant else planned_destruction(team)).steps}
        assert not left & {key for key, status in ends.items() if status == "done"}, where
        assert {key for key, status in ends.items() if status == "pending"} <= left, where
        if chaos:
            again = team.apply() if variant else team.destroy()
            assert engine.outcome(again) is None, where
            assert orphans(team.state()) == [], where
    assert stopped_early
