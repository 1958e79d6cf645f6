"""The page on reliability says how much was tried: its commands exist, and try as many cases as it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")
TRIED = re.sub(r"^### What `make chaos` last came to\n.*?(?=^## )", "", PAGE, flags=re.DOTALL | re.MULTILINE)
LINES = re.findall(r"\| (\d+) \| `([^`]+)` \|$", TRIED, re.MULTILINE)


def test_every_line_has_a_command() -> None:
    rows = [each for each in TRIED.splitlines() if each.startswith("|")]
    heads = [each for each in rows if each.startswith(("| What was tried", "|---"))]
    assert len(LINES) == len(rows) - len(heads)
    assert len({command for _, command in LINES}) == len(LINES)


def collected(*options: str) -> dict[str, int]:
    """How many cases pytest finds, by the files they are in."""
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(collect, cwd=ROOT, capture_output=True, text=True, check=False)
    return Counter(line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line)


@pytest.mark.slow
def test_a_command_tries_as_many_cases_as_the_page_says() -> None:
    files = {command.removeprefix(".venv/bin/python -m pytest "): int(cases) for cases, command in LINES}
    chaos = files.pop("make chaos")
    assert collected(*files) == files
    (line,) = re.findall(
        r"^chaos:.*\n\t@\$\(BIN\)/python -m pytest (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert sum(collected(*shlex.split(line.replace("-n $(WORKERS)", ""))).values()) == chaos
