"""The house does not grow by itself."""

from __future__ import annotations

from tests.house.source import modules

MOST_FILES = 200
MOST_LINES = 32_570
"""As many as version 0.1.0 had, which could do less."""


def test_there_are_not_more_files() -> None:
    assert len(modules()) <= MOST_FILES, f"{len(modules())} files: merge what is no concept of its own"


def test_there_are_not_more_lines() -> None:
    lines = sum(path.read_text(encoding="utf-8").count("\n") for path in modules())
    assert lines <= MOST_LINES, f"{lines:,} lines: something says twice what could be said once"
