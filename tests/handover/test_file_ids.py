"""Files declared by their ids are the account's: attached where they are missing, never uploaded or deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.team import Team


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path)
    team.write("ours.md", "# Ours\n")
    return team


def upload(team: Team, name: str) -> str:
    with team.client() as client:
        return client.files.create(file=(name, b"# Theirs, written by hand"), purpose="assistants").id


def declare(team: Team, *entries: str) -> None:
    team.write("store.yaml", f"vector_stores:\n  store: {{name: Store, files: [{', '.join(entries)}]}}\n")


def attached(team: Team) -> list[str]:
    store = team.listed("/vector_stores")[0]["id"]
    return sorted(each["id"] for each in team.listed(f"/vector_stores/{store}/files"))


def test_a_file_is_attached_by_its_id_and_left_alone_by_all_else(team: Team) -> None:
    theirs = upload(team, "theirs.md")
    declare(team, "ours.md", f"{{id: {theirs}}}")
    assert team.apply().converged
    assert theirs in attached(team)
    assert len(attached(team)) == 2
    uploads = [call for call in team.calls if call == "POST /files"]
    assert len(uploads) == 1
    # Detached by hand, it is attached again; nothing is uploaded for it.
    store = team.listed("/vector_stores")[0]["id"]
    team.send("delete", f"/vector_stores/{store}/files/{theirs}")
    made = team.plan()
    assert [(file.action, file.path) for step in made.steps for file in step.files] == [("attach", theirs)]
    assert team.apply().converged
    assert "POST /files" not in team.calls
    # Declared no more, it stays where it is.
    declare(team, "ours.md")
    assert team.plan().empty
    assert theirs in attached(team)
    # And it survives the store.
    declare(team, "ours.md", f"{{id: {theirs}}}")
    team.destroy()
    assert [each["id"] for each in team.state()["files"]] == [theirs]


def test_a_file_that_was_ours_and_is_declared_by_its_id_stays(team: Team) -> None:
    """Our marks are still on it: it is not taken for one of ours that is declared no more."""
    declare(team, "ours.md")
    team.apply()
    (ours,) = attached(team)
    declare(team, f"{{id: {ours}}}")
    assert not [file for step in team.plan().steps for file in step.files]
    assert team.apply().converged
    assert attached(team) == [ours]


def test_a_file_that_the_account_does_not_have_blocks_the_plan(team: Team) -> None:
    declare(team, "{id: file-none}")
    assert "names the file 'file-none', which the account does not have" in team.plan().blocks[0].message


@pytest.mark.parametrize("api", ["assistants-v2", "responses"])
def test_code_interpreter_takes_files_by_their_ids(team: Team, api: str) -> None:
    theirs = upload(team, "theirs.csv")

    def write(*files: str) -> None:
        tool = f"code_interpreter: {{files: [{', '.join(files)}]}}"
        team.write("a.yaml", f"assistants: {{a: {{api: {api}, model: gpt-6-luna, tools: [{{{tool}}}]}}}}\n")

    write("ours.md", f"{{id: {theirs}}}")
    assert team.apply().converged
    assert team.plan().empty
    assert len(team.state()["files"]) == 2
    write(f"{{id: {theirs}}}")
    assert team.apply().converged
    assert [each["id"] for each in team.state()["files"]] == [theirs]
    write("ours.md")
    assert team.apply().converged
    team.destroy()
    assert [each["id"] for each in team.state()["files"]] == [theirs]
