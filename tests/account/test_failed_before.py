"""A plan that brings in again what could not be indexed before says why it was not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue.emulator.server.quirks import NONE, Quirks
from retinue.planning.documents.plan_digest import plan_digest
from tests.support.team import Team

WHY = "indexing failed before: server_error: An internal error occurred."


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path, Quirks(fail_files=("bad.md", "worse.md")))
    team.write("s.yaml", "vector_stores:\n  kb:\n    files: [kb/*.md]\n")
    for name in ("good", "bad", "worse"):
        team.write(f"kb/{name}.md", f"# {name}\n")
    assert not team.apply().succeeded
    return team


def reasons(team: Team) -> dict[str, str | None]:
    return {each.path: each.reason for step in team.plan().steps for each in step.files}


def test_the_reason_is_the_servers(team: Team) -> None:
    assert reasons(team) == {"kb/bad.md": WHY, "kb/worse.md": WHY}


def test_another_content_has_not_failed_before(team: Team) -> None:
    team.write("kb/bad.md", "# Another\n")
    assert reasons(team) == {"kb/bad.md": None, "kb/worse.md": WHY}


def test_so_has_nothing_that_was_indexed_meanwhile(team: Team) -> None:
    team.quirks = Quirks(fail_files=("worse.md",))
    assert not team.apply().succeeded
    assert reasons(team) == {"kb/worse.md": WHY}
    team.quirks = NONE
    assert team.apply().converged
    assert team.plan().empty
    assert "failed" not in (team.root / ".retinue" / "ids.json").read_text(encoding="utf-8")


def test_a_replacement_that_failed_says_so_too(team: Team) -> None:
    team.quirks = NONE
    assert team.apply().converged
    team.write("kb/good.md", "# Edited\n")
    team.quirks = Quirks(fail_files=("good.md",))
    assert not team.apply().succeeded
    (change,) = (each for step in team.plan().steps for each in step.files)
    assert (change.action, change.reason) == ("replace", WHY)


def test_a_plan_that_somebody_approved_elsewhere_is_the_same(team: Team) -> None:
    """What this machine knows says something, and does nothing."""
    here = plan_digest(team.plan())
    team.forget_memory()
    assert reasons(team) == {"kb/bad.md": None, "kb/worse.md": None}
    assert plan_digest(team.plan()) == here
