"""What this repository offers to others: a composite action, and hooks for pre-commit."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from retinue.cli import main
from tests.pipelines.test_files import checked, program

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert main(["init", str(tmp_path / "project")]) == 0
    return tmp_path / "project"


def action() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return found


def run_action(project: Path, command: str, accept: str = "0") -> tuple[int, dict[str, str], str]:
    """The action's own script: its exit code, its outputs, and what was printed."""
    [step] = [each for each in action()["runs"]["steps"] if each.get("id") == "run"]
    output = project.parent / "output"
    output.write_text("")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=project,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(project.parent),
            "RUNNER_TEMP": str(project.parent),
            "GITHUB_OUTPUT": str(output),
            "RETINUE_COMMAND": command,
            "RETINUE_ACCEPT": accept,
            "RETINUE_TODAY": "2026-11-22",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, dict(line.split("=", 1) for line in output.read_text().splitlines()), done.stdout


def test_the_action_runs_a_command(project: Path) -> None:
    code, outputs, printed = run_action(project, "validate")
    assert (code, outputs["exit-code"]) == (0, "0")
    assert Path(outputs["stdout"]).read_text() == printed == "Valid: 2 objects declared.\n"


def test_the_action_ends_as_the_command_does(project: Path) -> None:
    assert run_action(project, "plan --detailed-exitcode")[0] == 2
    code, outputs, _ = run_action(project, "plan --detailed-exitcode", accept="0 2")
    assert (code, outputs["exit-code"]) == (0, "2")
    assert run_action(project, "plan --nonsense")[0] == 64
    assert run_action(project, "plan 'one quote too few")[0] == 64


def test_the_action_expands_nothing(project: Path) -> None:
    """What comes from a pull request must not become a command of the shell."""
    code, _, _ = run_action(project, "validate --var 'model=$(touch stolen) `touch stolen`; touch stolen'")
    assert code == 0
    assert not (project / "stolen").exists()


def test_the_action_is_one(tmp_path: Path) -> None:
    checked(program("check-jsonschema"), "--builtin-schema", "vendor.github-actions", "action.yml", cwd=ROOT)
    (tmp_path / "zizmor.yml").write_text(
        yaml.safe_dump({"rules": {"unpinned-uses": {"config": {"policies": {"actions/*": "ref-pin"}}}}})
    )
    checked(
        *(program("zizmor"), "--persona", "pedantic", "--no-progress", "--config", str(tmp_path / "zizmor.yml")),
        "action.yml",
        cwd=ROOT,
    )


def test_the_script_of_the_action_is_clean(tmp_path: Path) -> None:
    for number, step in enumerate(each for each in action()["runs"]["steps"] if "run" in each):
        path = tmp_path / f"{number}.sh"
        path.write_text(f"#!/usr/bin/env bash\nset -eo pipefail\n{step['run']}\n")
        checked(program("shellcheck"), str(path), cwd=tmp_path)


def test_every_input_and_output_says_what_it_is() -> None:
    found = action()
    for each in (*found["inputs"].values(), *found["outputs"].values()):
        assert each["description"]
    assert all("default" in each for each in found["inputs"].values())


def hooks() -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}


def run_hook(name: str, project: Path) -> int:
    """As pre-commit does: the entry, then the arguments."""
    hook = hooks()[name]
    command = [*shlex.split(hook["entry"]), *hook.get("args", ())]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, check=False).returncode


def test_the_hooks_have_what_pre_commit_asks_for() -> None:
    for each in hooks().values():
        assert {"id", "name", "description", "entry", "language"} <= set(each)
        assert each.get("always_run") or each["files"]
        assert each["language"] == "python"
        assert each["entry"].split()[0] == "retinue"


def test_the_hook_that_validates(project: Path) -> None:
    assert run_hook("retinue-validate", project) == 0
    (project / "assistants" / "wrong.yaml").write_text("assistants: {one: {modl: gpt-4o}}\n")
    assert run_hook("retinue-validate", project) == 1


def test_the_hook_that_keeps_schemas_fresh(project: Path) -> None:
    """pre-commit takes a change of files for a failure; without one the hook passes."""
    schema = project / "schemas" / "retinue.schema.json"
    before = schema.read_text()
    assert run_hook("retinue-schema", project) == 0
    assert schema.read_text() == before
    schema.write_text("{}\n")
    assert run_hook("retinue-schema", project) == 0
    assert schema.read_text() == before


def test_the_hook_that_formats(project: Path) -> None:
    """What it changes is a failure to pre-commit; a second run changes nothing."""
    file = project / "assistants" / "odd.yaml"
    file.write_text("assistants:\n    one: {name: One, model: gpt-4o}\n")
    assert run_hook("retinue-fmt", project) == 0
    once = file.read_text()
    assert "\n  one:" in once
    assert run_hook("retinue-fmt", project) == 0
    assert file.read_text() == once
