"""Every fenced block of README, CONTRIBUTING and docs/ does what the page says.

`RETINUE_UPDATE_GOLDENS=1 pytest tests/docs` writes what the commands print into the pages; read the difference.
How blocks are run, and which comments they may carry, stands in `pages.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Block, fits, read_blocks, read_commands, starts_with_example
from tests.docs.runner import MismatchError, Runner, rewrite, runner


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_the_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    with runner(tmp_path, example=starts_with_example(page)) as running:
        try:
            for block in read_blocks(page):
                running.run(block)
        finally:
            if running.corrections and _updating():
                rewrite(page, running.corrections)


def _updating() -> bool:
    from tests.docs import runner as module

    return module.UPDATE


@pytest.mark.parametrize(
    ("expected", "printed", "fit"),
    [
        (("a", "b"), "a\nb\n", True),
        (("a",), "a\nb\n", False),
        (("a", "…"), "a\nb\nc\n", True),
        (("a", "…", "c"), "a\nc\n", True),
        (("a …",), "a b c\n", True),
        (("a …",), "a b\nc\n", False),
        (("id asst_12345678",), "id asst_abcdefgh\n", True),
        (("took (0.1s)",), "took (12.0s)\n", True),
        ((), "", True),
        ((), "something\n", False),
        (("a.c",), "abc\n", False),
    ],
)
def test_output_fits_leniently(expected: tuple[str, ...], printed: str, fit: bool) -> None:
    assert fits(expected, printed) is fit


def test_commands_and_their_output_are_told_apart() -> None:
    block = Block(ROOT / "x.md", 10, "console", "$ one\nout\n\n$ two \\\n> more\n$ three\n")
    found = [(each.text, each.output, each.first, each.last) for each in read_commands(block)]
    assert found == [
        ("one", ("out", ""), 11, 13),
        ("two \\\nmore", (), 14, 15),
        ("three", (), 16, 16),
    ]


def test_a_block_that_is_never_closed_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\ntrue\n")
    with pytest.raises(ValueError, match="never closed"):
        read_blocks(page)


def test_a_comment_nobody_knows_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- exlt: 4 -->\n")
    with pytest.raises(ValueError, match="unknown comment"):
        read_blocks(page)


def block_of(word: str, text: str, **comments: str) -> Block:
    return Block(ROOT / "x.md", 1, word, text, {key.replace("_", " "): each for key, each in comments.items()})


@pytest.fixture
def running(tmp_path: Path) -> Runner:
    (tmp_path / "work").mkdir()
    (tmp_path / "home").mkdir()
    return Runner(tmp_path / "work", tmp_path / "home")


def test_variables_and_the_directory_carry_over(running: Runner) -> None:
    running.run(block_of("console", "$ mkdir here && cd here\n$ export WORD='two words'\n"))
    running.run(block_of("console", '$ echo "$WORD" in ${PWD##*/}\ntwo words in here\n'))


def test_a_wrong_output_is_found(running: Runner) -> None:
    running_updates = block_of("console", "$ echo no\nyes\n")
    if not _updating():
        with pytest.raises(MismatchError, match="printed"):
            running.run(running_updates)


def test_a_wrong_exit_code_is_found(running: Runner) -> None:
    running.run(block_of("console", "$ exit 3\n", exit="3"))
    with pytest.raises(MismatchError, match="ended with 3 instead of 0"):
        running.run(block_of("console", "$ exit 3\n"))


def test_an_edit_must_find_its_place(running: Runner) -> None:
    running.run(block_of("text", "one\ntwo\n", file="a/b.txt"))
    running.run(block_of("diff", " one\n-two\n+three\n", file="a/b.txt"))
    assert (running.directory / "a/b.txt").read_text() == "one\nthree\n"
    with pytest.raises(MismatchError, match="stand 0 times"):
        running.run(block_of("diff", "-two\n", file="a/b.txt"))


def test_wrong_declarations_are_found(running: Runner) -> None:
    running.run(block_of("yaml", "assistants: {a: {model: m}}\n"))
    running.run(block_of("yaml", "instructions: hello\n", schema="assistant"))
    with pytest.raises(MismatchError, match="'instruction'"):
        running.run(block_of("yaml", "assistants: {a: {model: m, instruction: x}}\n"))


def test_a_make_target_must_exist(running: Runner) -> None:
    running.run(block_of("sh", "make test\n", not_run="it runs the tests"))
    with pytest.raises(MismatchError, match="no target"):
        running.run(block_of("sh", "make coffee\n", not_run="there is none"))


def test_a_question_is_answered_on_a_terminal(running: Runner) -> None:
    block = block_of(
        "console",
        "$ read -p 'only yes is accepted: ' word; echo got $word\nonly yes is accepted: yes\ngot yes\n",
        answer="yes",
    )
    running.run(block)
