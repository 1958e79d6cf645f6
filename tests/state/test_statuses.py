"""Whether one process asks about files or two, what they find is the same."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from retinue.state.statuses import UNKNOWN, SecondProcess, packed


def files(directory: Path) -> list[str]:
    """Files that are there, with all sorts of names, and some that are not."""
    for each in range(50):
        (directory / f"{each} Grüße\n.md").write_text("x" * each)
    return [*(each.name for each in directory.iterdir()), "gone", "49 Grüße\n.md/below"]


def alone(directory: Path, paths: list[str]) -> list[bytes]:
    return list(packed(map(os.stat, [f"{directory}/{each}" for each in paths])))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 52])
def test_two_processes_find_what_one_does(tmp_path: Path, count: int) -> None:
    paths = files(tmp_path)[-count:] if count else []
    found = alone(tmp_path, paths)
    assert SecondProcess(str(tmp_path), paths).statuses() == b"".join(found)
    assert found.count(UNKNOWN) == min(count, 2)
    assert len(set(found)) == len(found) - (count > 1)


@pytest.mark.parametrize("program", ["", "/does/not/exist", "/bin/false", "/bin/echo", "/bin/cat"])
def test_without_the_second_process_one_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    paths = files(tmp_path)
    monkeypatch.setattr(sys, "executable", program)
    assert SecondProcess(str(tmp_path), paths).statuses() == b"".join(alone(tmp_path, paths))
