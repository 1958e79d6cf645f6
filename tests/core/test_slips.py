"""A suggestion that does not fit is worse than none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.cli import main
from retinue.config.problems import did_you_mean
from retinue.model.slips import is_slip, near

MEANT = [
    ("modle", "model"),
    ("modell", "model"),
    ("Model", "model"),
    ("instruction", "instructions"),
    ("assistent", "assistant"),
    ("assistents", "assistants"),
    ("vectorstores", "vector_stores"),
    ("vector-store", "vector_store"),
    ("code_interpretor", "code_interpreter"),
    ("search_file", "file_search"),
    ("reasoning", "reasoning_effort"),
    ("temp", "temperature"),
    ("token_path", "token_file_path"),
    ("prodution", "production"),
    ("atuo", "auto"),
    ("opneai", "openai"),
    ("functoin", "function"),
    ("vars", "var"),
    ("assistant.math-tuter", "assistant.math-tutor"),
    ("assistant.math", "assistant.math-tutor"),
    ("assistants.tutor", "assistant.tutor"),
    ("plna", "plan"),
    ("hanbook.md", "handbook.md"),
]
NOT_MEANT = [
    ("state", "stack"),
    ("defaults", "vaults"),
    ("assistant.billing-*", "assistant.billing-it"),
    ("billing-*", "billing-it"),
    ("assistant.billing-?t", "assistant.billing-it"),
    ("assistant.nobody", "assistant.tutor"),
    ("assistant.cat", "assistant.bot"),
    ("filesearch", "web_search"),
    ("label", "model"),
    ("env", "var"),
    ("plan", "stack"),
    ("file", "name"),
    ("top", "stop_all"),
    ("x", "y"),
    ("", "model"),
]


@pytest.mark.parametrize(("word", "known"), MEANT)
def test_a_slip_is_understood(word: str, known: str) -> None:
    assert is_slip(word, known)
    assert is_slip(known, word)


@pytest.mark.parametrize(("word", "known"), NOT_MEANT)
def test_another_word_is_no_slip(word: str, known: str) -> None:
    assert not is_slip(word, known)
    assert near(word, [known], cutoff=0.0) == []


def test_a_hint_names_what_fits_or_says_what_there_is() -> None:
    assert did_you_mean("modle", ["model", "name"]) == "did you mean 'model'?"
    assert did_you_mean("state", ["stack"], otherwise="known: 'stack'") == "known: 'stack'"


@pytest.mark.parametrize(
    ("typed", "meant", "other"),
    [(["plann"], "plan", "explain"), (["plan", "--targt", "x"], "--target", "--var"), (["frobnicate"], "", "migrate")],
)
def test_commands_and_options_are_suggested_by_the_same_rule(
    typed: list[str], meant: str, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed) == 64
    said = capsys.readouterr().err.splitlines()[-1]
    assert meant in said
    assert f"'{other}'" not in said


@given(st.from_regex(r"[a-z]{4,12}", fullmatch=True), st.data())
def test_one_letter_wrong_is_always_understood(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 1))
    for made in (
        word[:place] + word[place + 1 :],
        word[:place] + "q" + word[place:],
        word[:place] + "q" + word[place + 1 :],
    ):
        assert is_slip(made, word)
