"""Marks in a text are found wherever the pieces of it begin and end."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.emulator.turns.text_marks import MarkedText, mark
from retinue.emulator.turns.turn_events import Annotation, Source

NOTES, PLOT = Source("file-1", "notes.md"), Source("file-2", "plot.png", "file_path")
SOURCES = {"【4:0†notes.md】": NOTES, "sandbox:/mnt/data/plot.png": PLOT}
TEXT = "See 【4:0†notes.md】, 【9:9†no】 and [the plot](sandbox:/mnt/data/plot.png). sandbox:/mnt/data/plot.png."


def read(pieces: Sequence[str], sources: dict[str, Source] = SOURCES) -> tuple[str, list[Annotation], list[str]]:
    """The text, its annotations, and what was shown of it piece by piece."""
    marked = MarkedText(sources)
    shown = [each for piece in pieces for each, _ in marked.grow(piece)]
    shown += [each for each, _ in marked.end()]
    return marked.text, marked.annotations, shown


def cut(text: str, at: Sequence[int]) -> list[str]:
    places = sorted({0, len(text), *(each % (len(text) + 1) for each in at)})
    return [text[begin:end] for begin, end in itertools.pairwise(places)]


@given(st.lists(st.integers(0, 200), max_size=20))
def test_a_text_is_the_same_however_it_is_cut(at: list[int]) -> None:
    text, annotations, shown = read(cut(TEXT, at))
    assert text == "".join(shown) == TEXT
    assert [each.source for each in annotations] == [NOTES, PLOT, PLOT]
    for each in annotations:
        assert each.text == TEXT[each.start : each.end]
        assert each.text in shown  # whole, by itself


@given(st.text(alphabet="a【】†s:/ \n", max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_nothing_is_lost_or_added(text: str, at: list[int]) -> None:
    assert read(cut(text, at))[0] == text


@given(st.text(max_size=60))
def test_nothing_is_held_back_where_nothing_can_be_named(text: str) -> None:
    marked = MarkedText({})
    assert "".join(each for each, _ in marked.grow(text)) == text


def test_what_is_too_long_to_be_a_mark_is_not_held_back() -> None:
    marked = MarkedText(SOURCES)
    assert list(marked.grow("【" + "x" * 100)) == []
    assert "".join(each for each, _ in marked.grow("x" * 300)) == "【" + "x" * 400


@pytest.mark.parametrize("name", ["notes.md", "a【b】c.md", "line\nbreak.md", "†.md"])
def test_every_name_of_a_file_can_be_marked(name: str) -> None:
    marked = mark(4, 0, name)
    _, annotations, _ = read(["As ", marked, "."], {marked: NOTES})
    assert [each.text for each in annotations] == [marked]


ODD = ("a b.txt", "a b.txt (1)", "par(en).txt", "b]r.txt", "q'uote.txt", "dot.txt.", "sub/dir x/f.txt")


@given(st.lists(st.integers(0, 500), max_size=40))
def test_files_with_names_in_which_a_path_would_end_are_found(at: list[int]) -> None:
    sources = {f"sandbox:/mnt/data/{name}": Source(name, name, "file_path") for name in ODD}
    text = "".join(f"[it](sandbox:/mnt/data/{name})\n" for name in ODD) + "sandbox:/mnt/data/a b"
    found, annotations, shown = read(cut(text, at), sources)
    assert found == "".join(shown) == text
    assert [each.source.filename for each in annotations] == list(ODD)
    assert all(text[each.start : each.end] == each.text for each in annotations)
