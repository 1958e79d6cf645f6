"""The house does not grow by itself."""

from __future__ import annotations

from tests.house.source import modules

MOST_FILES = 268
MOST_LINES = 46_500
"""When the packages were cut anew there were 200 files with 32,500 lines. What was built since has its line here:
accounts and networks that misbehave, hostile files and texts, documents that are really read (+20, +6,000); knowledge
at scale: an index of files, one policy of requests, files that several stores hold, what nothing uses (+8, +3,000);
threads and runs, one turn of a model with its tools, the rehearsal model (+28, +3,500); models behind endpoints, search
by meaning (+12, +1,500)."""


def test_there_are_not_more_files() -> None:
    assert len(modules()) <= MOST_FILES, f"{len(modules())} files: merge what is no concept of its own"


def test_there_are_not_more_lines() -> None:
    lines = sum(path.read_text(encoding="utf-8").count("\n") for path in modules())
    assert lines <= MOST_LINES, f"{lines:,} lines: something says twice what could be said once"
