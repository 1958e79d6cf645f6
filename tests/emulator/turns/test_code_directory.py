"""The directory that code works in goes with its session, and that of a process that was killed with the next one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from retinue.emulator.turns import code_directory as module
from retinue.emulator.turns.code_directory import code_directory

HELD = """\
import sys, time
from retinue.emulator.turns.code_directory import code_directory
with code_directory() as directory:
    (directory / "people.csv").write_text("secret")
    print(directory, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(module, "_YOUNG", 0.0)
    return tmp_path


def test_it_is_gone_afterwards(temporary: Path) -> None:
    with code_directory() as first, code_directory() as second:
        assert first != second
        assert sorted(temporary.iterdir()) == sorted((first, second))
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no code runs there")
def test_that_of_a_process_which_was_killed_goes_with_the_next(temporary: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HELD], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            left = Path(process.stdout.readline().strip())
            with code_directory():
                assert (left / "people.csv").exists(), "it is in use"
        finally:
            process.kill()
    assert (left / "people.csv").exists()
    other = temporary / "retinue-code-of-nobody"
    other.symlink_to("/etc")
    with code_directory() as directory:
        assert not left.exists()
        assert sorted(temporary.iterdir()) == sorted((directory, other))
