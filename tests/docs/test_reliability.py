"""The page on reliability says how much was tried: its commands exist, and try as many cases as it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = re.findall(r"\| (\d+) \| `([^`]+)` \|$", (ROOT / "docs" / "reliability.md").read_text("utf-8"), re.MULTILINE)


def test_every_line_has_a_command() -> None:
    rows = [each for each in (ROOT / "docs" / "reliability.md").read_text("utf-8").splitlines() if each.startswith("|")]
    heads = [each for each in rows if each.startswith(("| What was tried", "|---"))]
    assert len(LINES) == len(rows) - len(heads)
    assert len({command for _, command in LINES}) == len(LINES)


@pytest.mark.slow
@pytest.mark.parametrize(("cases", "command"), LINES, ids=[command.split("/")[-1] for _, command in LINES])
def test_a_command_tries_as_many_cases_as_the_page_says(cases: str, command: str) -> None:
    if command == "make chaos":
        (line,) = re.findall(
            r"^chaos:.*\n\t@\$\(BIN\)/python -m pytest (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE
        )
        options = line.replace("-n $(WORKERS)", "")
    else:
        options = command.removeprefix(".venv/bin/python -m pytest ")
        assert (ROOT / options).is_file()
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *shlex.split(options)]
    done = subprocess.run(collect, cwd=ROOT, capture_output=True, text=True, check=False)
    assert re.search(rf"^{cases}(/\d+)? tests? collected|^{cases}/", done.stdout, re.MULTILINE), done.stdout[-300:]
