"""Dumps and prompts next to exactly what is written of them and said about them.

A directory here holds the inputs in `input/`, a command with its output and exit code in `report.txt`, and the written
files in `expected/`. `RETINUE_UPDATE_GOLDENS=1 pytest tests/migrate` writes the latter two anew.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import pytest

from retinue import engine
from retinue.cli import main

HERE = Path(__file__).parent
CASES = sorted(each.name for each in HERE.iterdir() if (each / "input").is_dir())
UPDATE = bool(os.environ.get("RETINUE_UPDATE_GOLDENS"))


@pytest.mark.parametrize("case", CASES)
def test_the_migration_is_as_expected(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / case
    shutil.copytree(HERE / case / "input", place)
    golden = HERE / case / "report.txt"
    command, _, expected = golden.read_text(encoding="utf-8").partition("\n")
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "100")
    code = main(shlex.split(command.removeprefix("$ retinue ")))
    printed = capsys.readouterr()
    actual = f"{printed.out}\n{printed.err}\nexit code {code}\n".replace(str(tmp_path), "/home/ann")
    written = read_tree(place / "migrated")
    if UPDATE:
        golden.write_text(f"{command}\n{actual}", encoding="utf-8")
        shutil.rmtree(HERE / case / "expected", ignore_errors=True)
        for name, content in written.items():
            path = HERE / case / "expected" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return
    assert actual == expected
    assert written == read_tree(HERE / case / "expected")
    if any(name.endswith(".yaml") for name in written):
        assert_valid(place)


def read_tree(root: Path) -> dict[str, bytes]:
    return {str(each.relative_to(root)): each.read_bytes() for each in sorted(root.rglob("*")) if each.is_file()}


def assert_valid(place: Path) -> None:
    """What is written passes as part of a project, without even a warning."""
    (place / "retinue.yaml").write_text("stack: test\ninclude: ['*.yaml', migrated/*.yaml]\n")
    reading, found = engine.check(engine.Where(place, environ={}))
    assert found == ()
    assert reading is not None
