"""Long documents are written bit by bit, and come to what they are as a whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.cli.terminal import Terminal
from retinue.model.printable import json_pieces, json_text
from retinue.planning.documents.plan_document import to_document
from retinue.report import render, render_pieces
from retinue.report.plan.plan_page import page_pieces
from tests.support import many
from tests.support.pages import render_page

TEXTS = st.text(alphabet='ab #[:"\\\x1b\n\u202e\ud800é', max_size=6)
DATA = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=9,
)


@given(DATA)
def test_json_comes_to_the_same_data_as_json_does(data: object) -> None:
    text = json_text(data)
    assert json.loads(text) == data
    plain = json.dumps(data, indent=2, ensure_ascii=False)
    assert text == plain or not plain.replace("\n", "").isprintable() or "##" in plain


@given(DATA)
def test_pieces_of_json_end_where_lines_do(data: object) -> None:
    first, *others = json_pieces(data)
    assert first + "".join(others) == json_text(data)
    assert all(each.startswith(("\n", ",\n", "[\n")) for each in others)


def test_no_piece_is_longer_than_a_few_prompts() -> None:
    """Of 20 long prompts, all of which change, neither JSON nor the page is ever there as a whole."""
    before, after = ("\n".join(f"{index}: {word}" for index in range(500)) for word in ("be quick", "be slow"))
    plan = many.plan(many.declared(20, words=after), many.live(many.declared(20, words=before)))
    document = to_document(plan)
    for number, step in enumerate(document["steps"]):  # each is another change, so that none stands for others
        (change,) = step["changes"]
        change["after"] += f"{number} more\n"
    for pieces, times in ((json_pieces(document), 6), (page_pieces(document), 60)):
        assert max(map(len, pieces)) < times * len(after)
    assert len(render_page(document)) > 20 * 2 * len(after)


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_what_is_printed_in_pieces_is_what_is_printed_at_once(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = to_document(many.plan(many.declared(150)))
    terminal = Terminal.detect()
    terminal.print(render("plan", document, form))  # type: ignore[arg-type]
    at_once = capsys.readouterr().out
    terminal.print_pieces(render_pieces("plan", document, form))  # type: ignore[arg-type]
    assert capsys.readouterr().out == at_once
    assert at_once.endswith("\n")
    assert not at_once.endswith("\n\n")
    terminal.print_pieces(["", ""])
    assert capsys.readouterr().out == ""
