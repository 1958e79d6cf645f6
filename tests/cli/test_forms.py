"""`plan` in all its forms, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from retinue.cli import main
from tests.cli.conftest import Shell

FULL = Path("/dev/full")


def test_every_form_tells_of_the_same_plan(project: Shell) -> None:
    digest = json.loads(project("plan", "--json").out)["digest"]
    assert json.loads(project("plan", "--format", "json").out)["digest"] == digest
    for form, start in (("markdown", "# Plan for `test`\n"), ("github", "<!-- retinue plan: test -->\n")):
        done = project("plan", "--format", form)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(start)
        assert digest in done.out
        assert "Plan: 2 to add, 0 to change, 0 to destroy." in done.out


def test_a_page_is_written_besides(project: Shell) -> None:
    page = project.team.root / "plan.html"
    done = project("plan", "--html", str(page), "--detailed-exitcode")
    assert done.code == 2
    assert "Plan: 2 to add" in done.out
    assert done.err == f"wrote {page}\n"
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n")


def test_a_page_that_cannot_be_written_is_an_error(project: Shell) -> None:
    page = project.team.root / "missing" / "plan.html"
    done = project("plan", "--html", str(page))
    assert done.code == 1
    assert (
        done.err == f"error: cannot write '{page}': no such file or directory\n  hint: choose another file for --html\n"
    )


@pytest.mark.parametrize(
    "command",
    [("plan", "--out", "{}/plan.json"), ("plan", "--html", "{}/plan.html"), ("schema", "--out", "{}/schemas")],
)
def test_what_cannot_be_written_below_a_file_is_an_error(
    project: Shell, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    project.write("taken", "")
    monkeypatch.chdir(project.team.root)
    assert main([each.format("taken") for each in command]) == 1
    told = project.capture.readouterr().err
    assert "'taken/" in told
    assert "not a directory\n  hint: " in told


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
def test_output_that_nobody_can_take_is_an_error(project: Shell) -> None:
    command = [sys.executable, "-m", "retinue", "plan", "-C", str(project.team.root)]
    with FULL.open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr == "error: the output cannot be written: no space left on device\n  hint: send it somewhere else\n"
    )
