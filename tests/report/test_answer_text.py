"""An answer in pieces is the same text as in one, and lines are broken between words only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.cli.terminal import printed
from retinue.model.talk import Mark
from retinue.report.talk.answer_text import AnswerText, Footnotes

WORDS = (
    "::stop::x",
    "##[group]",
    "a",
    "std::string",
    "\x1b[2J",
    "\u202eevil",
    "password=",
    "hunter2hunter2!",
    "Füße",
    "日本",
)
texts = st.lists(st.sampled_from((*WORDS, " ", " ", "\n", "\t")), max_size=40).map("".join)


def in_pieces(text: str, sizes: list[int], width: int | None = None) -> str:
    made, shown = AnswerText(width), []
    for size in sizes:
        shown.append(made.add(text[:size]))
        text = text[size:]
    return "".join([*shown, made.add(text), made.end()])


@given(texts, st.lists(st.integers(1, 9), max_size=60))
def test_pieces_come_to_what_the_whole_comes_to(text: str, sizes: list[int]) -> None:
    whole = "\n".join(printed(each) for each in text.replace("\t", "    ").split("\n"))
    assert in_pieces(text, sizes).rstrip("\n") == whole.rstrip("\n")


@given(texts, st.lists(st.integers(1, 9), max_size=60), st.integers(10, 40))
def test_lines_are_broken_between_words(text: str, sizes: list[int], width: int) -> None:
    broken = in_pieces(text, sizes, width)
    assert broken.split() == in_pieces(text, sizes).split()


def test_a_name_of_a_key_hides_what_comes_in_a_later_piece() -> None:
    assert "hunter2" not in in_pieces("The password= hunter2hunter2! is it", [12, 2, 8])


@pytest.mark.parametrize(
    ("text", "mark", "placed"),
    [
        ("So it is【4:0†a.md】.", Mark("citation", "file-1", "【4:0†a.md】"), "So it is[1]."),
        ("See [it](sandbox:/mnt/data/a.csv)", Mark("file", "file-1", "sandbox:/mnt/data/a.csv"), "See [it](a.csv [1])"),
        ("So it is", Mark("citation", "file-1"), "So it is[1]"),
    ],
)
def test_marks_become_numbers(text: str, mark: Mark, placed: str) -> None:
    notes = Footnotes(lambda file_id: f"name of {file_id}")
    assert notes.placed(text, (mark,)) == placed
    assert notes.placed(text, (mark,)) == placed, "the same file has the same number"
    assert notes.text(color=False).startswith("[1] name of file-1")
