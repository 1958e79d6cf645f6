"""`retinue watch`: what counts as a change, when it is told, and that nothing is ever applied."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retinue.commands.watch import changes, look, written_to
from tests.support.terminal import command, environment

TEAM = "assistants:\n  tutor: {model: gpt-4o}\n"


class Done(Exception):  # noqa: N818 - no error: the last step of a script
    """The script of a test is over."""


def script(*steps: Callable[[], object]) -> Callable[[], None]:
    """Time passes: one step between two looks."""
    left: Iterator[Callable[[], object]] = iter(steps)

    def wait() -> None:
        step = next(left, None)
        if step is None:
            raise Done
        step()

    return wait


def nothing() -> None:
    """Nobody does anything."""


def seen(root: Path, *steps: Callable[[], object]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    try:
        for each in changes(root, (), script(*steps)):
            found.append(each)
    except Done:
        pass
    return found


def test_a_change_is_told_once_it_is_over(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text("1", encoding="utf-8")
    steps = [nothing, lambda: file.write_text("22"), lambda: file.write_text("333"), nothing, nothing, nothing]
    assert seen(tmp_path, *steps) == [("team.yaml",)]


def test_several_files_at_once_are_one_change(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "gone.md").write_text("", encoding="utf-8")

    def save() -> None:
        (tmp_path / "a.yaml").write_text("a", encoding="utf-8")
        (tmp_path / "b" / "c.md").write_text("c", encoding="utf-8")
        (tmp_path / "gone.md").unlink()

    assert seen(tmp_path, save, nothing, nothing) == [("a.yaml", "b/c.md", "gone.md")]


def test_a_log_of_it_in_the_project_is_no_change(tmp_path: Path) -> None:
    """Otherwise each round would be the reason for the next one."""
    with (tmp_path / "watch.log").open("w", encoding="utf-8") as log:
        log.write("first\n")
        log.flush()
        assert look(tmp_path, (), written_to([log.fileno(), 999])) == {}
        assert list(look(tmp_path)) == ["watch.log"]


def test_what_is_hidden_and_what_comes_and_goes_does_not_count(tmp_path: Path) -> None:
    for name in (".retinue", "node_modules", ".git"):
        (tmp_path / name).mkdir()
    swap = tmp_path / "swap~"

    def save_hidden() -> None:
        for name in (".retinue", "node_modules", ".git"):
            (tmp_path / name / "x").write_text("x", encoding="utf-8")

    assert seen(tmp_path, save_hidden, lambda: swap.write_text("x"), swap.unlink, nothing, nothing) == []


def test_what_changes_meanwhile_is_told_next(tmp_path: Path) -> None:
    found = changes(tmp_path, (), script(lambda: (tmp_path / "a").write_text("a"), nothing, nothing, nothing))
    assert next(found) == ("a",)
    (tmp_path / "b").write_text("b", encoding="utf-8")
    assert next(found) == ("b",)


def test_the_first_look_is_made_at_once_and_files_elsewhere_count(tmp_path: Path) -> None:
    root, other = tmp_path / "project", tmp_path / "vars.yaml"
    root.mkdir()
    found = changes(root, (other,), script(nothing, nothing, nothing))
    other.write_text("a: 1", encoding="utf-8")
    assert next(found) == (str(other),)


def test_what_projects_share_counts(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "tone.md").write_text("Be kind.\n", encoding="utf-8")
    assert list(look(tmp_path / "project", [tmp_path / "prompts"])) == ["../prompts/tone.md"]


def test_a_look_asks_once_for_each_file(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.md").write_text("x", encoding="utf-8")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert len(look(tmp_path)) == 20


def test_a_log_that_another_program_writes_is_no_reason_for_a_round(tmp_path: Path) -> None:
    """As by `retinue watch | tee watch.log`: what a round prints would be the reason for the next one."""
    (tmp_path / "retinue.yaml").write_text("stack: test\ninclude: team.yaml\n", encoding="utf-8")
    team = TEAM.replace("}", ", instructions: [{file: 'p/*.md'}]}")
    (tmp_path / "team.yaml").write_text(team, encoding="utf-8")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.md").write_text("One.", encoding="utf-8")
    with subprocess.Popen(
        command("watch", "-C", str(tmp_path), "--validate-only"),
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        told: list[str] = []

        def until(text: str) -> None:
            for line in iter(process.stdout.readline, ""):  # type: ignore[union-attr]
                told.append(line)
                (tmp_path / "watch.log").write_text("".join(told), encoding="utf-8")
                if text in line:
                    return

        until("waiting for changes")
        (tmp_path / "p" / "b.md").write_text("Two.", encoding="utf-8")  # what a glob was waiting for
        until("waiting for changes")
        (tmp_path / "p" / "a.md").unlink()
        until("waiting for changes")
        (tmp_path / "p" / "b.md").unlink()
        until("no-match")
        until("waiting for changes")
        process.send_signal(signal.SIGINT)
        until("stopped")
    rounds = [line for line in told if line.startswith("──")]
    assert [line.split()[2].strip(",") for line in rounds[1:]] == ["p/b.md", "p/a.md", "p/b.md"]
    assert process.returncode == 0


@pytest.mark.parametrize("only", [["--validate-only"], []])
def test_a_save_is_answered_and_nothing_is_applied(tmp_path: Path, only: list[str]) -> None:
    """A real process: it says what it sees, goes on after mistakes, and Ctrl-C ends it well."""
    (tmp_path / "retinue.yaml").write_text("stack: test\ninclude: team.yaml\n", encoding="utf-8")
    (tmp_path / "team.yaml").write_text(TEAM, encoding="utf-8")
    with subprocess.Popen(
        command("watch", "-C", str(tmp_path), *only),
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")

        def until(text: str) -> str:
            return next(line for line in lines if text in line)

        until("all files")
        until("Valid: 1 object declared." if only else "Plan: 1 to add")
        (tmp_path / "team.yaml").write_text(TEAM.replace("model", "modell"), encoding="utf-8")
        until("team.yaml")
        until("unknown-field")
        (tmp_path / "team.yaml").write_text(TEAM + "  helper: {model: gpt-4o}\n", encoding="utf-8")
        until("Valid: 2 objects declared." if only else "Plan: 2 to add")
        until("waiting for changes")
        process.send_signal(signal.SIGINT)
        until("stopped")
    assert process.returncode == 0
