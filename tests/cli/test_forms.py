"""`plan` in all its forms, from the command line."""

from __future__ import annotations

import json
import re
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


def test_a_page_ends_to_show_texts_where_no_browser_would(project: Shell, tmp_path: Path) -> None:
    """Objects are named all the same, with how much changed, and where the rest is."""

    bots = "".join(f"  {name}: {{model: gpt-4o, instructions: {{file: {name}.md}}}}\n" for name in "ab")
    project.write("team.yaml", f"assistants:\n{bots}")
    for name in "ab":
        project.write(f"{name}.md", f"{name}\n")
    assert project("apply", "--yes").code == 0
    for name in "ab":
        project.write(f"{name}.md", f"{name * 2}\n" * 85_000)
    page = tmp_path / "plan.html"
    assert project("plan", "--detail", "summary", "--html", str(page)).code == 0
    text = page.read_text(encoding="utf-8")
    assert len(text) < 12_500_000
    assert [text.count(f"<ins>{name * 2}</ins>") for name in "ab"] == [85_000, 0]
    assert text.count("<code>--format json</code> has it") == 1
    assert text.count("+85,000 -1") == 2


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


def test_files_that_change_are_shown_by_their_places_and_by_sizes_that_are_known(shell: Shell) -> None:
    """What the account keeps of a file is a digest, and sometimes a number in the place of a path; never its size."""
    shell.write("kb/a.md", "first\n")
    shell.write("kb/b.md", "goes\n")
    text = """\
environment_templates:
  box: {name: Box, files: [{path: /workspace/a.md, file: kb/a.md}, {path: /workspace/b.md, file: kb/b.md}]}
assistants:
  bot: {model: gpt-4o, tools: [{code_interpreter: {files: [kb/a.md, kb/b.md]}}]}
"""
    shell.write("team.yaml", text)
    assert shell("apply", "--yes").code == 0
    shell.write("kb/a.md", "second one\n")
    shell.write("team.yaml", text.replace(", {path: /workspace/b.md, file: kb/b.md}", "").replace(", kb/b.md", ""))
    for form in ("text", "markdown"):
        planned = shell("plan", "--format", form).out
        lines = [each.split("  team.yaml")[0].strip("`- ") for each in planned.splitlines() if '."' in each]
        changed = r"sha256 [0-9a-f]{8}… -> [0-9a-f]{8}…  11 B"
        expected = [
            rf'[~!]? ?file_ids\\."kb/a\\.md": kb/a\\.md  {changed}',
            r'file_ids\\."kb/b\\.md": kb/b\\.md',
            rf'[~!]? ?files\\."/workspace/a\\.md": kb/a\\.md  {changed}',
            r'files\\."/workspace/b\\.md": /workspace/b\\.md',
        ]
        assert len(lines) == len(expected), planned
        for each, pattern in zip(lines, expected, strict=True):
            assert re.fullmatch(pattern.replace("\\\\", "\\"), each.strip()), each
