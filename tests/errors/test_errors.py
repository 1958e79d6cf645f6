"""Every mistake an author can make, and exactly what is said about it.

A directory here is a project with mistakes; its `expected.txt` shows a command, what it prints and its exit code.
`RETINUE_UPDATE_GOLDENS=1 pytest tests/errors` writes the expected output anew; a new directory starts without the file.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import pytest

from retinue.cli import main

HERE = Path(__file__).parent
CASES = sorted(each.name for each in HERE.iterdir() if each.is_dir() and not each.name.startswith(("_", ".")))
UPDATE = bool(os.environ.get("RETINUE_UPDATE_GOLDENS"))
DEFAULT_COMMAND = "$ retinue validate"


@pytest.mark.parametrize("case", CASES)
def test_every_mistake_is_reported_as_expected(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / case
    shutil.copytree(HERE / case, project, symlinks=True, ignore=shutil.ignore_patterns("expected.txt"))
    # What links of a case point at, outside of its project.
    shutil.copy(HERE / "outside.md", tmp_path)
    golden = HERE / case / "expected.txt"
    expected = golden.read_text(encoding="utf-8") if golden.exists() else ""
    command = expected.partition("\n")[0] or DEFAULT_COMMAND
    monkeypatch.chdir(project)
    code = run(command.removeprefix("$ "), monkeypatch)
    printed = capsys.readouterr()
    output = (printed.err + printed.out).replace(str(tmp_path), "/home/ann")
    actual = f"{command}\n{output}\nexit code {code}\n"
    if UPDATE:
        golden.write_text(actual, encoding="utf-8")
    assert actual == expected or UPDATE


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command line in the current directory. `NAME=value` before it sets an environment variable."""
    monkeypatch.setenv("COLUMNS", "120")
    words = shlex.split(command)
    while words[0] != "retinue":
        name, _, value = words.pop(0).partition("=")
        monkeypatch.setenv(name, value)
    return main(words[1:])


PROJECT = "stack: demo\n"


def test_a_prompt_may_have_256000_characters_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "assistants").mkdir()
    (tmp_path / "retinue.yaml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "assistants" / "tutor.yaml").write_text(
        "assistants:\n  tutor:\n    model: gpt-4o\n    instructions: {file: prompt.md}\n", encoding="utf-8"
    )
    prompt = tmp_path / "assistants" / "prompt.md"
    # Characters count, not bytes: the emoji have four each.
    prompt.write_text("🎓" * 256_000 + "\n", encoding="utf-8")
    assert run("retinue validate", monkeypatch) == 0
    assert capsys.readouterr().out == "Valid: 1 object declared.\n"
    prompt.write_text("x" * 256_001, encoding="utf-8")
    assert run("retinue validate", monkeypatch) == 1
    assert capsys.readouterr().err == (
        "assistants/tutor.yaml:4:19: error[too-long]: "
        "'instructions' has 256,001 characters, but the API takes 256,000\n"
        "    4 |     instructions: {file: prompt.md}\n"
        "      |                   ^\n"
        "  hint: cut 1 or more of them, or move knowledge into files\n"
        "\n"
        "1 error\n"
    )
