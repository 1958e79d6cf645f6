"""Every sync ends with eight numbers, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from retinue import engine
from retinue.emulator.server.quirks import Quirks
from retinue.report.events.event_lines import event_line, result_line
from retinue.report.events.event_text import render_result
from tests.support.team import Team

NONE = dict.fromkeys(
    ("scanned", "new", "content_changed", "attributes_changed", "moved", "deleted", "failed", "skipped"), 0
)


def said(applied: engine.Applied) -> dict[str, Any]:
    """The numbers of the line about the store, which those of the result have to be."""
    lines = [json.loads(event_line(each)) for each in applied.events]
    (found,) = [each["files"] for each in lines if "files" in each]
    result = json.loads(result_line(applied.events, engine.outcome(applied)))
    assert result["files"] == found
    counts: dict[str, Any] = found
    assert list(counts) == list(NONE)
    parts = counts["new"] + counts["content_changed"] + counts["attributes_changed"] + counts["moved"]
    assert counts["scanned"] == parts + counts["failed"] + counts["skipped"]
    return counts


def test_each_file_is_counted_once(tmp_path: Path) -> None:
    team = Team(tmp_path)
    listed = "vector_stores:\n  kb:\n    files:\n      - kb/**/*.md\n"
    team.write("s.yaml", listed)
    for name in ("edited", "labelled", "cut", "moved", "gone", "same", "other"):
        team.write(f"kb/{name}.md", f"# {name}\n")
    first = team.apply()
    assert said(first) == {**NONE, "scanned": 7, "new": 7}
    # In words, what there is none of is left out.
    assert "  vector_store.kb: files: 7 scanned, 7 new\n\nApply complete" in render_result(first.events)

    more = "      - {path: kb/labelled.md, attributes: {year: 2026}}\n"
    cut = "      - {path: kb/cut.md, chunking: {max_chunk_size_tokens: 400, chunk_overlap_tokens: 100}}\n"
    team.write("s.yaml", listed + more + cut)
    team.write("kb/edited.md", "# Edited\n")
    team.write("kb/new.md", "# New\n")
    team.write("kb/deep/moved.md", "# moved\n")
    for name in ("moved", "gone"):
        (tmp_path / "kb" / f"{name}.md").unlink()
    applied = team.apply()
    assert applied.converged
    expected = {
        "scanned": 7,
        "new": 1,
        "content_changed": 2,
        "attributes_changed": 1,
        "moved": 1,
        "deleted": 1,
        "failed": 0,
        "skipped": 2,
    }
    assert said(applied) == expected
    assert (
        "  vector_store.kb: files: 7 scanned, 1 new, 2 content changed, 1 attributes changed, 1 moved, 1 deleted, "
        "2 skipped\n\nApply complete"
    ) in render_result(applied.events)


def test_what_failed_is_counted_and_named_and_then_nothing_is_deleted(tmp_path: Path) -> None:
    team = Team(tmp_path, quirks=Quirks(fail_files=("bad.md",)))
    team.write("s.yaml", "vector_stores:\n  kb:\n    files: [kb/*.md]\n")
    for name in ("gone", "same"):
        team.write(f"kb/{name}.md", f"# {name}\n")
    assert team.apply().converged
    (tmp_path / "kb" / "gone.md").unlink()
    for name in ("good", "bad"):
        team.write(f"kb/{name}.md", f"# {name}\n")
    applied = team.apply()
    assert said(applied) == {**NONE, "scanned": 3, "new": 1, "failed": 1, "skipped": 1}
    assert "kb/bad.md: server_error: An internal error occurred." in render_result(applied.events)


def test_a_step_about_no_files_has_no_numbers(tmp_path: Path) -> None:
    team = Team(tmp_path)
    team.write("s.yaml", "vector_stores:\n  kb: {name: Handbook}\n")
    applied = team.apply()
    assert all("files" not in json.loads(event_line(each)) for each in applied.events)
    assert "files:" not in render_result(applied.events)
