"""What a hunk shows is exactly what changed, however long or strange the texts are."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.report.text.hunks import (
    Hunk,
    changes,
    compared_texts,
    diff_lines,
    diff_words,
    line_ends,
    split_lines,
    words,
)

LINES = st.lists(st.sampled_from(["", "a", "b", "the cat", "the dog", "a longer line of text", "}"]), max_size=30)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def sides(hunks: list[Hunk]) -> tuple[list[str], list[str]]:
    lines = [each for hunk in hunks for each in hunk.lines]
    return [each.text for each in lines if each.sign != "+"], [each.text for each in lines if each.sign != "-"]


@given(LINES, LINES)
def test_hunks_turn_one_text_into_the_other(before: list[str], after: list[str]) -> None:
    """Putting the added side of every hunk in the place of its removed side gives the new text: nothing is left out."""
    made = list(before)
    for hunk in reversed(diff_lines(before, after)):
        removed, added = sides([hunk])
        assert made[slice(*hunk.before)] == removed
        assert after[slice(*hunk.after)] == added
        made[slice(*hunk.before)] = added
    assert made == after


@given(LINES, LINES)
def test_full_context_shows_both_texts_whole(before: list[str], after: list[str]) -> None:
    """Without a limit to the context there is one hunk with every line of both, or none when they are equal."""
    hunks = diff_lines(before, after, context=None)
    assert len(hunks) == (before != after)
    assert before == after or sides(hunks) == (before, after)


@given(TEXT, TEXT)
def test_words_put_together_give_the_lines(before: str, after: str) -> None:
    """StackLock words loses no character, and equal lines have no mark."""
    removed, added = diff_words(before, after)
    assert "".join(each.text for each in removed) == before
    assert "".join(each.text for each in added) == after
    assert before != after or not any(each.changed for each in (*removed, *added))


@given(TEXT)
def test_words_lose_nothing(text: str) -> None:
    """Cutting a line into words keeps every character."""
    assert "".join(words(text)) == text


@given(TEXT)
def test_lines_lose_nothing(text: str) -> None:
    """A text is its lines and whether the last one ends."""
    lines, ends = split_lines(text)
    assert "\n".join([*lines, ""] if ends else lines) == text


def test_marks_never_tear_a_sign_apart() -> None:
    """Emoji with skin tones and joiners, flags, and letters with combining marks stay whole."""
    for text in ("👩🏽‍🏫", "🇩🇪", "1️⃣", "রাত্রি", "é", "❤️"):
        assert words(f"x {text} y") == ["x", " ", text, " ", "y"]


def test_one_word_is_marked_alone() -> None:
    """Only the edited word of a line is marked."""
    removed, added = diff_words("You are a personal tutor.", "You are a private tutor.")
    assert [each.text for each in removed if each.changed] == ["personal"]
    assert [each.text for each in added if each.changed] == ["private"]


def test_neighbouring_words_are_marked_together() -> None:
    """Two edited words with a blank between them are one edit for a reader."""
    removed, _ = diff_words("ask the old office first", "ask the new desk first")
    assert [each.text for each in removed if each.changed] == ["old office"]


def test_different_lines_have_no_marks() -> None:
    """Marks on what two unrelated lines share by chance would only confuse."""
    (hunk,) = diff_lines(["Never promise a grade."], ["Search in the handbook first, always."])
    assert all(not fragment.changed for each in hunk.lines for fragment in each.fragments)


def test_moved_versions_of_a_line_stand_together() -> None:
    """An edited line is shown next to its old version although a line was put before it."""
    (hunk,) = diff_lines(["Be kind to the student."], ["Be brief.", "Be polite to the student."])
    assert [(each.sign, each.text) for each in hunk.lines] == [
        ("+", "Be brief."),
        ("-", "Be kind to the student."),
        ("+", "Be polite to the student."),
    ]


def test_unique_lines_anchor_the_hunks() -> None:
    """Blank lines and brackets that occur everywhere do not pair up what does not belong together."""
    before = ["def one():", "    pass", "", "def two():", "    pass", ""]
    after = ["def one():", "    pass", "", "def new():", "    pass", "", "def two():", "    pass", ""]
    assert list(changes(before, after)) == [((3, 3), (3, 6))]


def test_texts_without_any_structure_are_compared_in_bounded_time() -> None:
    """Two long texts of few different lines, the worst there is, still end: the rest of them counts as changed."""
    before = [str(number * number % 7) for number in range(100_000)]
    after = [str(number * number % 11) for number in range(100_000)]
    spans = list(changes(before, after))
    assert spans[-1][0][1] <= len(before)
    assert spans[-1][1][1] <= len(after)


def test_edits_are_found_where_no_word_is_unique() -> None:
    """In a long text of common words, runs of words take the part of unique ones: only the edits are changes."""
    before = Random(1).choices(["the", "answer", "is", "kind", "of", "a", "student"], k=20_000)
    after = list(before)
    edited = range(500, 20_000, 1_700)
    for index in edited:
        after[index] = "NEW"
    assert list(changes(before, after)) == [((index, index + 1), (index, index + 1)) for index in edited]


@pytest.mark.parametrize(("end", "other"), [("\n", "\r\n"), ("\r\n", "\n")])
def test_a_change_is_found_among_lines_that_all_end_otherwise(end: str, other: str) -> None:
    before, after = end.join(["One", "two", "three"]), other.join(["One", "2", "three"])
    lines = [split_lines(each)[0] for each in compared_texts(before, after)]
    assert lines == [["One", "two", "three"], ["One", "2", "three"]]
    assert line_ends(before, after) == f"every line ended with {end!r}, and ends with {other!r}".replace("'", "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("One\ntwo\n", "One\r\ntwo\r\n"),  # nothing else differs: the ends are the change
        ("One\ntwo\r\n", "One\r\n2\r\n"),  # not all lines of the one
        ("One\rtwo\n", "One\r\n2\r\n"),  # an old Mac's
        ("One", "1\r\n"),
        ("One\ntwo", "One\n2"),
    ],
)
def test_other_texts_are_compared_as_they_are(before: str, after: str) -> None:
    assert compared_texts(before, after) == (before, after)
