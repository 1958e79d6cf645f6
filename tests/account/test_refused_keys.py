"""A key that the account refuses while an apply is under way: the next request would be refused, too."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from retinue import engine
from retinue.errors import PartialError
from retinue.report.events.event_text import steps_by_status
from tests.support.team import Team

BOTS = 20
SAID = "You have insufficient permissions. Missing scopes: api.assistants.write."


class Refusing(httpx2.BaseTransport):
    """Refuses to write assistants from number `at` (from 1) on."""

    def __init__(self, inner: httpx2.BaseTransport, at: int, status: int) -> None:
        self.inner, self.at, self.status = inner, at, status
        self.writes = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST" and request.url.path.startswith("/v1/assistants"):
            self.writes += 1
            if self.writes >= self.at:
                error = {"message": SAID, "type": "invalid_request_error", "param": None, "code": "missing_scope"}
                return httpx2.Response(self.status, json={"error": error}, request=request)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path)
    team.write("team.yaml", "assistants:\n" + "".join(f"  bot-{each}: {{model: gpt-4o}}\n" for each in range(BOTS)))
    return team


@pytest.mark.parametrize("status", [401, 403])
def test_an_apply_stops_at_once_and_names_the_scope(team: Team, status: int) -> None:
    made: list[Refusing] = []

    def wrap(inner: httpx2.BaseTransport) -> Refusing:
        made.append(Refusing(inner, 3, status))
        return made[0]

    applied = team.apply(wrap, parallelism=1)
    assert made[0].writes == 3
    counts = steps_by_status(applied.events)
    assert (counts["done"], counts["failed"], counts["pending"]) == (2, 1, BOTS - 3)
    (failed,) = [event for event in applied.events if event.status == "failed"]
    assert SAID.rstrip(".") in str(failed.error)
    assert failed.hint == "give the key the scope api.assistants.write, or use another one"
    assert isinstance(engine.outcome(applied), PartialError)
    again = team.apply()
    assert again.converged
    assert len(team.listed("/assistants")) == BOTS


def test_no_more_than_what_is_under_way_is_refused(team: Team) -> None:
    made: list[Refusing] = []

    def wrap(inner: httpx2.BaseTransport) -> Refusing:
        made.append(Refusing(inner, 1, 403))
        return made[0]

    applied = team.apply(wrap, parallelism=4)
    assert made[0].writes <= 4
    assert steps_by_status(applied.events)["pending"] >= BOTS - 4
