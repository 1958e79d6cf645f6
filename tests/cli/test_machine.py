"""Machines that refuse: what cannot be written, what is damaged, what may not even be looked at.

It is told as what it is, with the path and a way out, and never as a bug of ours; and a plan writes nothing.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from retinue.errors import cannot_write, machine_error
from retinue.model.canonical import digest
from tests.cli.conftest import Shell
from tests.support.machine import as_anybody, run, shut
from tests.support.terminal import environment

pytest.importorskip("resource")

READS = 0o555
"""The mode that leaves reading and searching."""
PLAN = "Plan: 2 to add, 0 to change, 0 to destroy."


@pytest.fixture
def team(project: Shell) -> Path:
    project.write(
        "team.yaml",
        "assistants:\n  tutor: {model: gpt-4o}\nvector_stores:\n  handbook: {files: [handbook/*.md]}\n",
    )
    return project.team.root


def account(root: Path) -> Path:
    return root / ".retinue" / "local" / "account.sqlite3"


# ── what cannot be written ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_needs_no_writable_disk(team: Path) -> None:
    with shut(team, READS):
        planned, applied = run("plan", at=team), run("apply", "--yes", at=team)
    assert planned.returncode == 0
    assert PLAN in planned.stdout
    assert applied.returncode == 1
    assert f"cannot write '{team}/.retinue/lock': permission denied" in applied.stderr
    assert "hint: " in applied.stderr


def test_an_account_that_may_only_be_read_is_read(project: Shell, team: Path) -> None:
    assert project("apply", "--yes").code == 0
    project.write("team.yaml", "assistants:\n  tutor: {model: gpt-4o, name: Tutor}\n")
    with shut(team, READS):
        planned = run("plan", at=team)
        applied = run("apply", "--yes", "--allow-deletes", "1", at=team)
        shown = run("show", at=team)
    assert (planned.returncode, planned.stderr) == (0, "")
    assert "Plan: 0 to add, 1 to change, 1 to destroy." in planned.stdout
    assert applied.returncode == 1
    assert str(team / ".retinue") in applied.stderr
    assert shown.returncode == 0


@pytest.mark.parametrize("most", [0, 2_000, 20_000, 100_000])
def test_a_full_disk_is_told_as_one(project: Shell, team: Path, most: int) -> None:
    """Wherever it gets full: nothing is called a bug, a plan works, and what was left undone is done later."""
    planned, applied = run("plan", at=team, most=most), run("apply", "--yes", at=team, most=most)
    assert (planned.returncode, PLAN in planned.stdout) == (0, True)
    assert applied.returncode in (1, 5)
    assert str(team / ".retinue") in applied.stderr + applied.stdout
    assert "bug" not in applied.stderr
    assert "Traceback" not in applied.stderr
    assert run("plan", at=team, most=most).returncode == 0
    assert project("apply", "--yes").code == 0


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (errno.ENOSPC, "make room on the disk"),
        (errno.EDQUOT, "make room on the disk"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EROFS, "read-only"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EACCES, "choose another directory"),
        (errno.ENOENT, "choose another directory"),
    ],
)
def test_the_way_out_fits_the_reason(reason: int, words: str) -> None:
    error = OSError(reason, os.strerror(reason), "/some/place")
    told = cannot_write("/some/place", error, hint="choose another directory")
    assert words in (told.hint or "")
    assert "'/some/place'" in told.message
    general = machine_error(error)
    assert "'/some/place'" in general.message
    assert words in (general.hint or "") or reason in (errno.EACCES, errno.ENOENT)


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("/dev/full", "make room on the disk"),
        ("not/there/p.json", "name a file in a directory that is there"),
        ("x" * 300, "choose a shorter name"),
        (".", "name a file that you may write"),
    ],
)
def test_a_plan_that_cannot_be_saved_says_how_it_could(project: Shell, out: str, words: str) -> None:
    if out == "/dev/full" and not Path(out).exists():
        pytest.skip("there is no full device on this machine")
    told = project("plan", "--out", out)
    assert told.code != 0
    assert words in told.err or "is a directory" in told.err


@pytest.mark.parametrize("command", ["plan", "validate", "doctor", "init"])
def test_a_working_directory_that_is_gone_is_named(tmp_path: Path, command: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = "import os, sys; os.rmdir(os.getcwd()); from retinue.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, command],
        cwd=gone,
        env={**environment({}), "PWD": str(gone)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"error: the working directory '{gone}' is not there any more" in done.stderr
    assert "hint: change to one that is" in done.stderr


def test_an_upload_is_not_begun_that_cannot_be_noted(project: Shell, team: Path) -> None:
    """Nobody would know the file if the process ended then."""
    journal = team / ".retinue" / f"files.{digest(['local', 'test'])}.jsonl"
    journal.mkdir(parents=True)
    done = project("apply", "--yes")
    assert done.code == 5
    assert f"cannot write '{journal}': is a directory" in " ".join(done.out.split())
    assert project.team.listed("/files") == []


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_that_cannot_be_written_is_told_where_it_can(team: Path, stream: str) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no full device on this machine")
    for args, code in ((["plan"], 0), (["validate"], 0), (["--help"], 0), (["nonsense"], 64)):
        with full.open("wb") as device:
            done = subprocess.run(
                [sys.executable, "-m", "retinue", *args],
                cwd=team,
                env=environment({"RETINUE_TODAY": "2026-11-22"}),
                check=False,
                stdout=device if stream == "stdout" else subprocess.PIPE,
                stderr=device if stream == "stderr" else subprocess.PIPE,
            )
        says = stream == "stdout" and args != ["nonsense"]
        assert done.returncode == (1 if says else code), args
        if says:
            assert b"no space left on device" in done.stderr
            assert b"bug" not in done.stderr


# ── what is damaged, or something else ────────────────────────────────────────────────────────────────────────────────


def a_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("not what anybody thinks\n", encoding="utf-8")


@pytest.mark.parametrize("place", [".retinue", ".retinue/local", ".retinue/local/blobs"])
@pytest.mark.parametrize("command", ["plan", "apply", "destroy", "show", "drift"])
def test_a_file_where_a_directory_has_to_be(project: Shell, team: Path, place: str, command: str) -> None:
    a_file(team / place)
    done = project(command, *(["--yes"] if command in ("apply", "destroy") else []))
    assert done.code == 1
    assert f"'{team}/.retinue/local" in done.err
    assert "hint: a file stands where a directory has to be: rename '" in done.err


def garbage(path: Path) -> None:
    path.write_bytes(b"no database " * 100)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:6_000])


def without_objects(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE objects")
        db.commit()


def cut_off_objects(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE objects SET body = substr(body, 1, 5)")
        db.commit()


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [garbage, half, without_objects, cut_off_objects, a_directory])
@pytest.mark.parametrize("command", ["plan", "apply", "show", "drift"])
def test_a_damaged_account_is_told_as_one(
    project: Shell, team: Path, damage: Callable[[Path], None], command: str
) -> None:
    assert project("apply", "--yes").code == 0
    damage(account(team))
    done = project(command, *(["--yes"] if command == "apply" else []))
    assert done.code == 1
    assert "the local account " in done.err
    assert re.search("hint: (it can be made anew: )?delete '[^']*.retinue/local'|hint: let its files", done.err)


DEEP = b'{"local":' * 20_000
ODD = [b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"local": 3}', b'{"local": []}', b'{"local": {"test": 7}}', DEEP]


@pytest.mark.parametrize("content", ODD, ids=lambda each: str(each[:24]))
def test_notes_of_this_machine_that_are_damaged_are_done_without(project: Shell, team: Path, content: bytes) -> None:
    assert project("apply", "--yes").code == 0
    for name in ("ids.json", f"files.{digest(['local', 'test'])}.jsonl"):
        (team / ".retinue" / name).write_bytes(content)
    assert "No changes." in project("plan").out
    project.write("handbook/refunds.md", "# Refunds\n\nNever.\n")
    assert project("apply", "--yes").code == 0


LINES = [
    '{"key": "a"}',
    '{"key": "a", "filename": 1, "size": "x", "sha256": [], "purpose": {}, "started": "x"}',
    '{"key": "a", "filename": "x", "size": 1, "sha256": "x", "purpose": "assistants", "started": null, "id": [1]}',
    '{"key": "a", "filename": "x", "size": 1, "sha256": "x", "purpose": "p", "started": 1, "id": "../assistants/b", '
    '"doomed": true}',
    '{"key": [], "closed": true}',
]


@pytest.mark.parametrize("line", LINES)
def test_a_damaged_line_of_the_journal_deletes_nothing(project: Shell, team: Path, line: str) -> None:
    assert project("apply", "--yes").code == 0
    before = project.team.state()
    (team / ".retinue" / f"files.{digest(['local', 'test'])}.jsonl").write_text(f"{line}\n", encoding="utf-8")
    assert project("apply", "--yes").code == 0
    assert project.team.state() == before


# ── what may not be looked at, and names that are no text ─────────────────────────────────────────────────────────────


def test_files_that_may_not_be_read_are_named(team: Path) -> None:
    for mode in (0o000, 0o666):
        with shut(team, mode):
            done = run("validate", "-C", str(team), at=team.parent)
        assert done.returncode in (1, 64)
        assert str(team) in done.stderr
        assert "bug" not in done.stderr
    (team / "handbook" / "refunds.md").chmod(0)
    done = run("plan", at=team)
    assert (done.returncode, "'handbook/refunds.md'" in done.stderr) == (1, True)


def test_a_name_that_is_no_text_is_told_with_its_place(project: Shell, team: Path) -> None:
    try:
        name = os.fsencode(team / "handbook") + b"/\xff\xfe.md"
        with open(name, "wb") as stream:  # noqa: PTH123 - the name is no text
            stream.write(b"hello")
    except OSError:
        pytest.skip("names of files are always text on this machine")
    for args in (["validate"], ["plan"], ["apply", "--yes"], ["plan", "--json"], ["validate", "--json"]):
        done = project(*args)
        assert done.code == 1, args
        assert "is not UTF-8" in done.out + done.err
    assert "team.yaml:4:" in project("validate").err


VARIABLES = ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "SOMETHING_ELSE"]


@pytest.mark.parametrize("value", ["{shut}/below", "/" + "b" * 5_000, "x" * 100_000], ids=["shut", "long", "longer"])
def test_variables_that_name_what_may_not_be_looked_at(team: Path, tmp_path: Path, value: str) -> None:
    forbidden = tmp_path / "forbidden"
    (forbidden / "below").mkdir(parents=True)
    environ = dict.fromkeys(VARIABLES, value.format(shut=forbidden))
    with shut(forbidden, 0):
        for command in ("plan", "doctor"):
            done = run(command, at=team, environ=environ)
            assert (done.returncode, done.stderr) == (0, ""), command


def test_a_bug_is_told_as_one_wherever_variables_point(team: Path, tmp_path: Path) -> None:
    """What tells of a bug must not fall over what it looks at."""
    forbidden = tmp_path / "forbidden"
    (forbidden / "below").mkdir(parents=True)
    code = "import retinue.cli as cli\ncli.retinue.commands['plan'].callback = lambda **_: 1 / 0\ncli.entry()"
    environ = dict.fromkeys(VARIABLES, f"{forbidden}/below")
    with shut(forbidden, 0):
        done = subprocess.run(
            [*as_anybody(), sys.executable, "-c", code, "plan"],
            cwd=team,
            env=environment({**environ, "LONG": "/" + "c" * 5_000}),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 70
    assert "error: this is a bug in retinue" in done.stderr
    assert done.stderr.count("Traceback") == 1
