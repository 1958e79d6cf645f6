"""The published description judges every exchange of the contract; where it is absent, the end of a run says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.description import ABSENT, VARIABLE, find_description

ROOT = Path(__file__).parents[2]


def end_of_a_run(directory: Path | None, *more: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    if directory is not None:
        environ[VARIABLE] = str(directory)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_models.py", *more]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_what_was_not_judged_is_said_last(tmp_path: Path) -> None:
    """Where the tests are spread over processes, too."""
    *_, said, advice, total = end_of_a_run(tmp_path, "-n", "1").splitlines()
    assert said == "NOT JUDGED by the published description: 6 tests in tests/contract."
    assert advice == f"Put it beside the checkout as ../shared/openapi, or name its directory in {VARIABLE}."
    assert "6 passed" in total


def test_nothing_is_said_when_all_was_judged() -> None:
    if find_description() is None:
        pytest.skip(ABSENT)
    assert "NOT JUDGED" not in end_of_a_run(None)
