"""Long output is paged on a terminal and nowhere else, and whatever becomes of the pager changes no exit code."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from retinue.cli.pager import page_pieces
from retinue.cli.terminal import Terminal
from tests.support.terminal import command, in_terminal

SCREEN = replace(Terminal.detect(), shared=True, width=80)
"""As if stdout were a terminal of 80 columns and 24 lines."""
LONG = [f"line {number}\n" for number in range(24)]
NOTED = "import os, sys; text = sys.stdin.read(); open({file!r}, 'w').write(text + os.environ['LESS'])"
CLOSING = "import sys; sys.stdin.readline()"
FAILING = "raise SystemExit(3)"


def python(code: str) -> str:
    """A pager."""
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


@pytest.fixture(autouse=True)
def paged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the pager notes what it was given."""
    for name in ("CI", "PAGER", "LESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("RETINUE_PAGER", python(NOTED.format(file=str(tmp_path / "paged.txt"))))
    return tmp_path / "paged.txt"


def test_what_is_longer_than_the_screen_is_paged(paged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page_pieces(LONG, SCREEN)
    # Colours are shown, and what was read stays on the screen.
    assert paged.read_text(encoding="utf-8") == "".join(LONG) + "FRX"
    assert capsys.readouterr().out == ""


def test_a_line_longer_than_the_screen_takes_several(paged: Path) -> None:
    page_pieces(["x" * 80 * 23], SCREEN)
    assert not paged.exists()
    page_pieces(["x" * 80 * 24], SCREEN)
    assert paged.exists()


def test_keys_and_escape_sequences_are_no_more_shown_in_a_pager(paged: Path) -> None:
    page_pieces([*LONG, "sk-proj-Abcdefghijklmnop0123 and \x1b[2J\n"], SCREEN)
    assert not {"Abcdefghijklmnop0123", "\x1b[2J"} & set(paged.read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    "environ",
    [
        {"CI": "true"},
        {"TERM": "dumb"},
        {"RETINUE_PAGER": ""},
        {"RETINUE_PAGER": "cat"},
        {"RETINUE_PAGER": "no-such-pager-anywhere -x"},
        {"RETINUE_PAGER": "'"},
    ],
    ids=repr,
)
def test_there_is_none_where_nobody_wants_one_or_has_one(
    environ: Mapping[str, str], paged: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    page_pieces(LONG, SCREEN)
    assert capsys.readouterr().out == "".join(LONG)
    assert not paged.exists()


def test_what_fits_goes_into_a_pipe_or_is_not_to_be_paged_is_printed(
    paged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page_pieces(LONG[1:], SCREEN)
    page_pieces(LONG, replace(SCREEN, shared=False))
    page_pieces(LONG, SCREEN, wanted=False)
    assert capsys.readouterr().out == "".join([*LONG[1:], *LONG, *LONG])
    assert not paged.exists()


def test_the_usual_pager_is_used_and_ours_comes_first(paged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", python(FAILING))
    page_pieces(LONG, SCREEN)
    assert paged.exists()
    paged.unlink()
    monkeypatch.setenv("PAGER", python(NOTED.format(file=str(paged))))
    monkeypatch.delenv("RETINUE_PAGER")
    page_pieces(LONG, SCREEN)
    assert paged.exists()


@pytest.mark.parametrize("code", [CLOSING, FAILING])
def test_a_pager_that_ends_early_or_fails_is_no_error(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RETINUE_PAGER", python(code))
    page_pieces([*LONG, "x" * 1_000_000], SCREEN)
    assert capsys.readouterr() == ("", "")


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "retinue.yaml").write_text("stack: paged\ninclude: [bots.yaml]\n", encoding="utf-8")
    bots = "".join(f"  bot-{number}: {{model: gpt-{number}}}\n" for number in range(40))
    (root / "bots.yaml").write_text(f"assistants:\n{bots}", encoding="utf-8")
    return root


pty = pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")


@pty
@pytest.mark.slow
def test_a_plan_is_paged_and_keeps_its_exit_code(project: Path, paged: Path) -> None:
    ended = in_terminal(command("plan", "-C", str(project), "--detailed-exitcode"), environ={})
    assert ended.code == 2
    assert "40 to add" in paged.read_text(encoding="utf-8")
    assert b"40 to add" not in ended.written


@pty
@pytest.mark.slow
def test_the_plan_of_an_apply_is_printed_above_its_question(project: Path, paged: Path) -> None:
    """Who answers sees what the answer is about, and scrolls back for the rest."""
    answer = {b"Only 'yes' is accepted": b"no\r"}
    ended = in_terminal(command("apply", "-C", str(project)), environ={}, then=answer)
    assert ended.written.index(b"40 to add") < ended.written.index(b"Only 'yes' is accepted")
    assert b"assistant.bot-39" in ended.written
    assert ended.code == 1
    assert not paged.exists()
