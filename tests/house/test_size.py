"""The house does not grow by itself."""

from __future__ import annotations

from tests.house.source import modules

MOST_FILES = 385
MOST_LINES = 65_000
"""When the packages were cut anew there were 200 files with 32,500 lines. What was built since has its line here:
accounts and networks that misbehave, hostile files and texts, documents that are really read (+20, +6,000); knowledge
at scale: an index of files, one policy of requests, files that several stores hold, what nothing uses (+8, +3,000);
large files in parts, files that move, what a killed apply was about to delete, how an apply went as a page (+2,
+800); code that models write, confined (+8, +1,600); threads and runs, one turn of a model with its tools, the
rehearsal model (+28, +3,500); responses and conversations (+10, +2,100); talking to what was applied, over two APIs
(+14, +1,700); what storage costs a day (+1); models behind endpoints, search by meaning (+12, +1,500); where
objects are declared, the work of runs and responses as one, containers, compaction (+5); declarations made of defaults,
templates and matrices (+12, +1,000)."""


def test_there_are_not_more_files() -> None:
    assert len(modules()) <= MOST_FILES, f"{len(modules())} files: merge what is no concept of its own"


def test_there_are_not_more_lines() -> None:
    lines = sum(path.read_text(encoding="utf-8").count("\n") for path in modules())
    assert lines <= MOST_LINES, f"{lines:,} lines: something says twice what could be said once"
