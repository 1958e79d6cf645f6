"""A stack is renamed with everything it owns, and goes on as if it had always been called so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retinue import workflow
from retinue.cli import main
from retinue.core.changes import Plan
from retinue.kinds import all_kinds
from retinue.operations import restacking
from tests.laws.conftest import LIVE_KINDS, Sample
from tests.support.breaking import Breaking, meaning
from tests.support.faults import Mode
from tests.support.team import Team, Wrap


def rename(team: Team, wrap: Wrap = lambda inner: inner) -> workflow.Applied:
    """What the command does, watched, with one request at a time."""
    with team.session(wrap) as opened:
        session = restacking.begin(opened, "test", "school")

        def make() -> Plan:
            return restacking.plan_rename(session, "test", "school", parallelism=1)

        applied = workflow.apply(session, make(), replan=make, parallelism=1)
        if applied.succeeded:
            restacking.finish(session, "test", "school")
        return applied


def called(team: Team, name: str) -> None:
    team.write("retinue.yaml", f"stack: {name}\ninclude: ['*.yaml']\n")


@pytest.mark.parametrize("kind", LIVE_KINDS)
def test_everything_goes_on_under_the_new_name(kind: str, tmp_path: Path) -> None:
    """Values that are shown nowhere included: they are not taken for new ones."""
    team = Sample(kind).team(tmp_path)
    team.apply()
    number = len(team.plan().steps) + team.plan().in_sync
    before = meaning(comparable(team))
    applied = rename(team)
    assert applied.converged
    assert [step.action for step in applied.plan.steps] == ["move"] * number
    called(team, "school")
    again = team.plan()
    assert again.empty
    assert not again.blocks
    assert again.in_sync == number
    assert [each["metadata"]["retinue.marker"] for each in team.markers()] == ["1;s=school"]
    team.forget_memory()
    assert team.plan().empty
    called(team, "test")
    rename_back(team)
    assert meaning(comparable(team)) == before


def comparable(team: Team) -> dict[str, Any]:
    """The account without what is kept in versions: there, another tag is another version."""
    versioned = [kind.section for kind in all_kinds().values() if kind.versions]
    return {name: found for name, found in team.state().items() if name not in versioned}


def rename_back(team: Team) -> None:
    with team.session() as opened:
        session = restacking.begin(opened, "school", "test")
        made = restacking.plan_rename(session, "school", "test")
        workflow.apply(session, made, replan=lambda: restacking.plan_rename(session, "school", "test"))
        restacking.finish(session, "school", "test")


@pytest.mark.parametrize("mode", ["refused", "dead"])
def test_a_rename_taken_up_after_a_failure_at_any_request(tmp_path: Path, mode: Mode, chaos: bool) -> None:
    prepared = Team(tmp_path / "prepared", checked=False)
    prepared.write("all.yaml", "vaults: {a: {name: A}, b: {name: B}, c: {name: C}}\n")
    prepared.apply()
    for team, where in Breaking(prepared, tmp_path, mode, rename, chaos=chaos):
        assert rename(team).converged, where
        called(team, "school")
        assert team.plan().empty, where
        assert team.plan().in_sync == 3, where
        assert not team.plan().blocks, where
        assert [each["metadata"]["retinue.marker"] for each in team.markers()] == ["1;s=school"], where


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    team = Team(tmp_path)
    team.write("a.yaml", "assistants: {a: {api: responses, model: gpt-6-luna}}\nvaults: {v: {name: V}}\n")
    monkeypatch.chdir(tmp_path)
    assert main(["apply", "--yes"]) == 0
    return team


def test_the_lock_file_and_the_memory_get_the_name_too(project: Team, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["stack", "rename", "test", "school", "--yes"]) == 0
    printed = capsys.readouterr()
    assert "from stack test to stack school" in printed.out
    assert "Everything of the stack 'test' belongs to 'school' now." in printed.out
    assert "say 'stack: school'" in printed.err
    lock = (project.root / "retinue.lock.json").read_text()
    assert json.loads(lock)["stack"] == "school"
    assert "s=test" not in lock
    assert "test" not in json.loads((project.root / ".retinue" / "ids.json").read_text())["local"]
    called(project, "school")
    assert main(["plan", "--detailed-exitcode"]) == 0
    assert main(["stack", "rename", "test", "school", "--yes"]) == 0
    assert main(["plan", "--detailed-exitcode"]) == 0


def test_the_marker_follows_its_stack(project: Team) -> None:
    (before,) = project.markers()
    assert main(["stack", "rename", "test", "school", "--yes"]) == 0
    (after,) = project.markers()
    assert (after["id"], after["name"]) == (before["id"], "retinue marker: school")
    assert after["metadata"]["retinue.inventory"].startswith("1 ")
    assert after["metadata"]["retinue.lease"] == ""


def test_nobody_is_renamed_without_an_answer(project: Team, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stack", "rename", "test", "school"]) == 64
    assert "there is no terminal to ask" in capsys.readouterr().err
    assert "s=test" in project.listed("/vaults")[0]["metadata"]["retinue"]


def test_two_objects_with_one_address_are_in_the_way(project: Team, capsys: pytest.CaptureFixture[str]) -> None:
    project.send("post", "/vaults", {"name": "V", "metadata": {"retinue": "1;s=school;a=vault.v;f="}})
    assert main(["stack", "rename", "test", "school", "--yes"]) == 4
    assert "both 'test' and 'school' have an object called vault.v" in capsys.readouterr().err


def test_two_objects_of_one_name_in_the_old_stack_are_in_the_way(
    project: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    project.send("post", "/vaults", {"name": "V", "metadata": {"retinue": "1;s=test;a=vault.v;f="}})
    assert main(["stack", "rename", "test", "school", "--yes"]) == 4
    assert "two objects of the stack 'test' are called vault.v" in capsys.readouterr().err


def test_a_stack_that_is_joined_to_another_leaves_no_marker_of_its_own(tmp_path: Path) -> None:
    """As after a rename that was cut off, when somebody has applied under the new name already."""
    team = Team(tmp_path)
    team.write("a.yaml", "vaults: {v: {name: V}}\n")
    team.apply()
    called(team, "school")
    team.write("a.yaml", "vaults: {w: {name: W}}\n")
    team.apply()
    assert len(team.markers()) == 2
    called(team, "test")
    assert rename(team).converged
    assert [each["metadata"]["retinue.marker"] for each in team.markers()] == ["1;s=school"]


WRONG = {
    ("test", "test"): "the stack is called 'test' already",
    ("test", "Not A Name"): "a stack cannot be called 'Not A Name'",
    ("other", "school"): "this project's stack is 'test', neither 'other' nor 'school'",
}


@pytest.mark.parametrize("names", WRONG, ids=" ".join)
def test_names_that_cannot_be_meant_are_refused(
    project: Team, capsys: pytest.CaptureFixture[str], names: tuple[str, str]
) -> None:
    assert main(["stack", "rename", *names, "--yes"]) == 64
    assert WRONG[names] in capsys.readouterr().err
    assert "s=test" in project.listed("/vaults")[0]["metadata"]["retinue"]
