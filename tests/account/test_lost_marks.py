"""Somebody replaces the attributes of an attached file as a whole, and our marks go with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.team import Team

STORE = "vector_stores:\n  kb:\n    files: [{path: a.md, attributes: {topic: returns}}, b.md]\n"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path)
    team.write("a.md", "Money comes back within thirty days.\n")
    team.write("b.md", "We open at nine.\n")
    team.write("kb.yaml", STORE)
    team.full_refresh = True
    assert team.apply().converged
    return team


def attached(team: Team) -> dict[str, dict[str, Any]]:
    (store,) = team.listed("/vector_stores")
    return {each["id"]: each["attributes"] for each in team.listed(f"/vector_stores/{store['id']}/files")}


def replace_attributes(team: Team, attributes: dict[str, Any]) -> str:
    """What a dashboard does. Gives the file's id."""
    (store,) = team.listed("/vector_stores")
    (file_id,) = [file_id for file_id, each in attached(team).items() if "topic" in each]
    team.send("post", f"/vector_stores/{store['id']}/files/{file_id}", {"attributes": attributes})
    return file_id


@pytest.mark.parametrize("attributes", [{"topic": "shipping"}, {"topic": "returns"}, {}], ids=str)
def test_the_file_is_known_and_its_marks_come_back(team: Team, attributes: dict[str, Any]) -> None:
    before = attached(team)
    file_id = replace_attributes(team, attributes)
    (step,) = team.plan().steps
    (change,) = step.files
    assert (change.action, change.path, change.cause) == ("attributes", "a.md", "drift")
    assert change.reason == "somebody took its marks away"
    applied = team.apply()
    assert applied.converged
    assert attached(team) == before
    assert file_id in before
    assert len(team.listed("/files")) == 2


def test_a_destroy_leaves_nothing_of_it(team: Team) -> None:
    replace_attributes(team, {})
    team.destroy()
    assert team.listed("/files") == []


def test_new_content_takes_its_place(team: Team) -> None:
    replace_attributes(team, {})
    team.write("a.md", "Money comes back within sixty days.\n")
    assert team.apply().converged
    assert len(attached(team)) == len(team.listed("/files")) == 2
    assert team.plan().empty


def test_what_a_file_lost_while_another_was_changed_comes_back(team: Team) -> None:
    replace_attributes(team, {})
    team.write("b.md", "We open at ten.\n")
    assert team.apply().converged
    assert len(attached(team)) == len(team.listed("/files")) == 2
    assert team.plan().empty


def test_once_another_machine_applied_other_files_the_note_is_not_believed(team: Team, tmp_path: Path) -> None:
    """It may have left the file to others, and does not know of our note."""
    here = (tmp_path / ".retinue" / "ids.json").read_bytes()
    file_id = replace_attributes(team, {})
    team.forget_memory()
    team.write("kb.yaml", "vector_stores:\n  kb:\n    files: [b.md]\n")
    assert team.apply().converged
    (tmp_path / ".retinue" / "ids.json").write_bytes(here)
    assert team.plan().empty
    team.destroy()
    assert [each["id"] for each in team.listed("/files")] == [file_id]


def test_notes_of_the_first_version_are_read(team: Team, tmp_path: Path) -> None:
    """They had the digests alone."""
    path = tmp_path / ".retinue" / "ids.json"
    noted = json.loads(path.read_text())
    (stacks,) = noted.values()
    stacks["test"]["files"] = {
        live_id: {file_id: note[0] for file_id, note in files.items()}
        for live_id, files in stacks["test"]["files"].items()
    }
    del stacks["test"]["files_under"]
    path.write_text(json.dumps(noted))
    assert team.plan().empty
