"""How long files are waited for, and what becomes of those that are not ready then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retinue import engine
from retinue.emulator.server.quirks import NONE, Quirks
from retinue.planning.policy import Approval
from retinue.providers.openai.file_sync import STUCK
from tests.support.team import Team

LEFT = "it is still being indexed, and the next apply goes on with it"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """A store that was applied, and a file of it that is to have new content."""
    team = Team(tmp_path)
    team.write("s.yaml", "vector_stores:\n  kb:\n    files: [kb/*.md]\n")
    for name in ("a", "b"):
        team.write(f"kb/{name}.md", f"# {name}\n\nOld.\n")
    assert team.apply().converged
    team.write("kb/a.md", "# a\n\nNew.\n")
    return team


def apply(team: Team, wait_timeout: float | None = None) -> engine.Applied:
    with team.session() as session:
        approval = Approval(person=True)
        return engine.apply(session, engine.plan(session), approval=approval, wait_timeout=wait_timeout)


def attached(team: Team) -> list[dict[str, Any]]:
    (store,) = team.listed("/vector_stores")
    return team.listed(f"/vector_stores/{store['id']}/files")


def failures(applied: engine.Applied) -> dict[str, str]:
    (event,) = [each for each in applied.events if each.status == "incomplete"]
    return dict(event.failures)


def searchable(team: Team) -> list[str]:
    return sorted(each["attributes"]["retinue.path"] for each in attached(team) if each["status"] == "completed")


def test_whoever_does_not_wait_leaves_the_rest_to_the_next_apply(team: Team) -> None:
    team.quirks, before = Quirks(stuck_files=("a.md",)), team.time.now
    applied = apply(team, 0)
    assert failures(applied) == {"kb/a.md": LEFT}
    assert engine.outcome(applied) is not None
    assert team.time.now - before < 1
    (change,) = team.plan().steps[0].files
    assert (change.action, change.path) == ("wait", "kb/a.md")
    assert len(attached(team)) == 3, "the old content is found as long as the new one is not"
    team.quirks = NONE
    assert apply(team, 60).converged
    assert "POST /files" not in team.calls
    assert searchable(team) == ["kb/a.md", "kb/b.md"]
    assert len(team.listed("/files")) == 2


def test_what_is_ready_at_the_first_look_is_done(team: Team) -> None:
    assert apply(team, 0).converged


def test_the_time_is_kept_and_what_is_slow_is_not_thrown_away(team: Team) -> None:
    team.quirks, before = Quirks(stuck_files=("a.md",)), team.time.now
    assert failures(apply(team, 60)) == {"kb/a.md": LEFT}
    assert 60 <= team.time.now - before < 62
    assert len(attached(team)) == 3


def test_a_file_that_is_stuck_is_given_up_in_the_end(team: Team) -> None:
    """However short the times are: it is taken out, the old one serves on, and the next apply starts anew."""
    team.quirks = Quirks(stuck_files=("a.md",))
    said = [failures(apply(team, STUCK / 3))["kb/a.md"] for _ in range(3)]
    assert said == [LEFT, LEFT, "it was not indexed within 15 minutes"]
    assert searchable(team) == ["kb/a.md", "kb/b.md"]
    assert len(attached(team)) == len(team.listed("/files")) == 2
    team.quirks = NONE
    assert apply(team, 60).converged
    assert len(team.listed("/files")) == 2


def test_one_that_gets_nowhere_is_not_waited_for_to_the_end(team: Team) -> None:
    team.quirks, before = Quirks(stuck_files=("a.md",)), team.time.now
    assert failures(apply(team, 10 * STUCK)) == {"kb/a.md": "it was not indexed within 15 minutes"}
    assert team.time.now - before < STUCK + 10


@pytest.mark.parametrize("many", [2, 20])
def test_those_that_were_ready_are_in_whatever_becomes_of_the_others(team: Team, many: int) -> None:
    """Also where they are of one batch, which is not over."""
    for number in range(many):
        team.write(f"kb/more-{number}.md", f"# {number}\n")
    team.quirks = Quirks(stuck_files=("a.md",))
    assert failures(apply(team, 60)) == {"kb/a.md": LEFT}
    assert len(set(searchable(team))) == many + 2
    team.quirks = NONE
    assert apply(team, 60).converged
    assert "POST /files" not in team.calls


def patient(team: Team, text: str) -> None:
    team.write("s.yaml", f"vector_stores:\n  kb:\n    wait_timeout: {text}\n    files: [kb/*.md]\n")


def test_a_store_may_say_how_long_it_is_waited_for(team: Team) -> None:
    """That is neither compared nor sent, and whoever says otherwise for one apply wins."""
    patient(team, "2m")
    assert [each.path for step in team.plan().steps for each in step.files] == ["kb/a.md"]
    assert [step.changes for step in team.plan().steps] == [()]
    team.quirks, before = Quirks(stuck_files=("a.md",)), team.time.now
    assert failures(apply(team)) == {"kb/a.md": LEFT}
    assert 120 <= team.time.now - before < 122
    before = team.time.now
    assert failures(apply(team, 10)) == {"kb/a.md": LEFT}
    assert 10 <= team.time.now - before < 12
    before = team.time.now
    assert failures(apply(team, 0)) == {"kb/a.md": LEFT}
    assert team.time.now - before < 1


def test_a_file_of_a_store_that_takes_long_is_not_stuck_before_its_time(team: Team) -> None:
    patient(team, "45m")
    team.quirks, before = Quirks(stuck_files=("a.md",)), team.time.now
    assert failures(apply(team)) == {"kb/a.md": "it was not indexed within 45 minutes"}
    assert 2700 <= team.time.now - before < 2710
    assert STUCK < 2700
