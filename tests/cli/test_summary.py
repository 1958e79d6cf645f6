"""`apply --summary FILE` adds how it went to a file, as Markdown, with the eight numbers of each store."""

from __future__ import annotations

from retinue import engine
from retinue.report.events.event_markdown import BUDGET, MOST_ROWS, render_result_markdown
from retinue.report.events.sync_counts import SyncCounts
from tests.cli.conftest import Shell

STORES = "vector_stores:\n  kb: {files: ['kb/*.md']}\n  other: {files: [other.md]}\n"
HEAD = (
    "| files | scanned | new | content changed | attributes changed | moved | deleted | failed | skipped |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
)


def test_every_store_has_its_numbers_and_all_have_theirs(shell: Shell) -> None:
    shell.write("s.yaml", STORES)
    for name in ("kb/one", "kb/two", "other"):
        shell.write(f"{name}.md", f"# {name}\n")
    page = shell.team.root / "summary.md"
    page.write_text("# Before\n\n", encoding="utf-8")
    assert shell("apply", "--yes", "--summary", str(page)).code == 0
    assert page.read_text(encoding="utf-8") == (
        "# Before\n\n## Apply of `test`\n\n**Apply complete: 2 added, 0 changed, 0 destroyed.**\n\n"
        f"{HEAD}"
        "| `vector_store.kb` | 2 | 2 | 0 | 0 | 0 | 0 | 0 | 0 |\n"
        "| `vector_store.other` | 1 | 1 | 0 | 0 | 0 | 0 | 0 | 0 |\n"
        "| in all | 3 | 3 | 0 | 0 | 0 | 0 | 0 | 0 |\n"
    )
    assert HEAD.count("|") == 2 * (len(SyncCounts._fields) + 2)


def test_what_failed_is_told_with_its_reason(shell: Shell) -> None:
    account = "account: {local: .retinue/local, quirks: {fail_files: [bad.md]}}"
    shell.write("retinue.yaml", f"stack: test\ninclude: ['*.yaml']\n{account}\n")
    shell.write("s.yaml", STORES)
    for name in ("kb/good", "kb/bad", "other"):
        shell.write(f"{name}.md", f"# {name}\n")
    page = shell.team.root / "summary.md"
    assert shell("apply", "--yes", "--summary", str(page)).code == 5
    text = page.read_text(encoding="utf-8")
    assert "| `vector_store.kb` | 2 | 1 | 0 | 0 | 0 | 0 | 1 | 0 |" in text
    assert "kb/bad.md: server_error: An internal error occurred." in text
    assert "**Apply incomplete: 2 added" in text


def test_a_file_that_cannot_be_written_is_said_and_changes_nothing(shell: Shell) -> None:
    shell.write("s.yaml", STORES)
    for name in ("kb/one", "other"):
        shell.write(f"{name}.md", f"# {name}\n")
    ended = shell("apply", "--yes", "--summary", str(shell.team.root / "no" / "summary.md"))
    assert ended.code == 0
    assert "cannot write" in ended.err
    assert shell.team.plan().empty


def test_it_fits_into_a_comment_whatever_happened(shell: Shell) -> None:
    """Paths and reasons stay text, and of too many only some are shown."""
    team, number = shell.team, MOST_ROWS + 5
    listed = "".join(f"  s{each}: {{files: [f/{each}.md]}}\n" for each in range(number))
    team.write("s.yaml", f"vector_stores:\n{listed}")
    for each in range(number):
        team.write(f"f/{each}.md", f"# {each}\n")
    applied = team.apply()
    text = render_result_markdown("`a`<b>", None, applied.events, "```\n" + "x" * 10 * BUDGET)
    assert len(text) < BUDGET + 1000
    assert "| 5 more objects | 5 | 5 |" in text
    assert f"| in all | {number} | {number} |" in text
    assert text.startswith("## Apply of `` `a`<b> ``\n")
    assert engine.outcome(applied) is None
