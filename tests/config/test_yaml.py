"""YAML is read as YAML 1.2 has it, with the place of every part, and within bounds."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from retinue.config.problems import Diagnostics
from retinue.config.source_text import Source
from retinue.config.yaml import parser
from retinue.config.yaml.constructor import Document
from retinue.config.yaml.parser import parse
from retinue.config.yaml.syntax_tree import Tree
from retinue.model.declared import Position

PARSERS = {"C library": parser.event_parser, "pure Python": parser._PurePythonParser}


@pytest.fixture(params=PARSERS)
def either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "event_parser", PARSERS[request.param])


def read(text: str) -> Document:
    diagnostics = Diagnostics()
    documents, complete = parse(Source("a.yaml", text), diagnostics)
    assert diagnostics.all == []
    assert complete
    return documents[0]


def mistakes_of(text: str) -> list[tuple[str, int, int]]:
    diagnostics = Diagnostics()
    parse(Source("a.yaml", text), diagnostics)
    places = [(each.code, each.position) for each in diagnostics.all]
    return [(code, place.line, place.column) for code, place in places if place]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("2026-01-31", "2026-01-31"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("+7", 7),
        ("1.10", 1.1),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        ("=", "="),
        ("'2024'", "2024"),
        ('"true"', "true"),
        ("!!str 2024", "2024"),
        ("gpt-4", "gpt-4"),
    ],
)
def test_plain_scalars_mean_what_the_core_schema_says(written: str, value: Any) -> None:
    if written == "-":
        written = "'-'"
    data = read(f"key: {written}\n").data
    assert data == {"key": value}
    assert type(data["key"]) is type(value)


# Line separators are left out: YAML folds them inside of quotes where JSON does not.
letters = st.characters(exclude_categories=("Cc", "Cn", "Cs", "Zl", "Zp")) | st.sampled_from("\n\t\"'\\")
texts = st.text(letters, max_size=20)
# A number in YAML 1.2 that is none in 1.1, which is why PyYAML does not quote it.
only_now_a_number = re.compile(r"[-+]?(0o[0-7]+|[0-9]+[eE][-+]?[0-9]+|[0-9]*\.?[0-9]+[eE][0-9]+|\.[0-9]+|[0-9]+\.)")


def values_of(strings: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9) | strings,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4),
        max_leaves=20,
    )


json_values = values_of(texts)


@given(values_of(texts.filter(lambda text: not only_now_a_number.fullmatch(text.strip()))))
def test_what_pyyaml_writes_is_read_back(value: Any) -> None:
    assert read(yaml.safe_dump({"value": value}, allow_unicode=True)).data == {"value": value}


@given(json_values)
def test_json_is_yaml(value: Any) -> None:
    assert read(json.dumps({"value": value}, ensure_ascii=False)).data == {"value": value}


@given(json_values)
def test_every_value_has_a_place_where_it_can_be_read_again(value: Any) -> None:
    """The text from the place of a value on is that value: positions never drift, whatever stands before."""
    text = json.dumps({"before": value, "after": {"list": [1, value]}}, ensure_ascii=False)
    document = read(text)
    for path in (("before",), ("after", "list", 1)):
        place = document.tree.at(path)
        assert place.line == 1
        found, _ = json.JSONDecoder().raw_decode(text[place.column - 1 :])
        assert found == value
        node = document.tree.node(path)
        assert node is not None
        assert json.loads(text[node.start : node.end]) == value


TREE = """\
assistants:
  tutor:
    model: gpt-4o
    tools:
      - code_interpreter
      - file_search:
          vector_store: handbook
    metadata: {a: b}
"""


@pytest.mark.usefixtures("either_parser")
def test_places_of_keys_values_and_what_is_absent() -> None:
    tree = read(TREE).tree.below(("assistants", "tutor"))
    assert tree.at(()) == Position("a.yaml", 3, 5)
    assert tree.at((), key=True) == Position("a.yaml", 2, 3)
    assert tree.at(("model",)) == Position("a.yaml", 3, 12)
    assert tree.at(("model",), key=True) == Position("a.yaml", 3, 5)
    assert tree.at(("tools", 1)) == Position("a.yaml", 6, 9)
    assert tree.at(("tools", 1, "file_search", "vector_store")) == Position("a.yaml", 7, 25)
    # What is not there is told by the key of the nearest part that is.
    assert tree.at(("name",)) == Position("a.yaml", 2, 3)
    assert tree.at(("metadata", "x")) == Position("a.yaml", 8, 5)
    assert tree.at(("tools", 7)) == Position("a.yaml", 4, 5)
    assert tree.at(("model", "deeper")) == Position("a.yaml", 3, 5)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_move_places(line_end: str) -> None:
    tree = read(TREE.replace("\n", line_end)).tree
    assert tree.at(("assistants", "tutor", "metadata", "a")) == Position("a.yaml", 8, 19)


def test_only_line_ends_of_editors_count_as_such() -> None:
    """U+2028 and U+0085 end a line for YAML 1.1 but for no editor, so a place after them would be off by one."""
    tree = read("a: 'one\u2028two\x85three'\nb: x\n").tree
    assert tree.at(("b",)) == Position("a.yaml", 2, 4)


def test_wide_characters_count_as_one() -> None:
    assert read("{数学: 😀😀, b: x}\n").tree.at(("b",)) == Position("a.yaml", 1, 13)


@pytest.mark.usefixtures("either_parser")
def test_merged_mappings_give_way_to_written_keys_and_to_earlier_ones() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*b, *a]\n  z: 3\n"
    document = read(text)
    assert document.data["c"] == {"x": 1, "y": 2, "z": 3}
    assert document.tree.at(("c", "x")) == Position("a.yaml", 1, 11)
    assert document.tree.at(("c", "y")) == Position("a.yaml", 2, 11)
    assert document.tree.at(("c", "z")) == Position("a.yaml", 5, 6)


def test_a_quoted_merge_key_is_a_key() -> None:
    assert read("'<<': {a: 1}\n").data == {"<<": {"a": 1}}


def test_anchors_may_be_used_again_and_end_with_their_document() -> None:
    documents, _ = parse(Source("a.yaml", "[&a 1, *a, &a 2, *a]\n"), Diagnostics())
    assert documents[0].data == [1, 1, 2, 2]
    assert mistakes_of("- &a 1\n---\n- *a\n") == [("yaml-syntax", 3, 3)]


def test_documents_before_a_mistake_are_kept() -> None:
    diagnostics = Diagnostics()
    documents, complete = parse(Source("a.yaml", "a: 1\n---\nb: 2\n---\nc: [\n"), diagnostics)
    assert [each.data for each in documents] == [{"a": 1}, {"b": 2}]
    assert not complete


@pytest.mark.usefixtures("either_parser")
@pytest.mark.parametrize("text", ["[" * 50_000, "- " * 50_000, "{a: " * 50_000, "[" * 100 + "]" * 100])
def test_no_nesting_exhausts_the_stack(text: str) -> None:
    assert [code for code, _, _ in mistakes_of(text)] == ["too-deep"]


@pytest.mark.usefixtures("either_parser")
def test_aliases_cannot_explode_but_may_repeat_much() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert [code for code, _, _ in mistakes_of(bomb)] == ["yaml-alias-expansion"]
    defaults = "x: &x {a: 1, b: 2, c: [3, 4]}\n" + "".join(f"k{n}: {{<<: *x, d: {n}}}\n" for n in range(5_000))
    assert len(read(defaults).data) == 5_001


def test_recursive_aliases_are_refused() -> None:
    assert mistakes_of("a: &a [*a]\n") == [("yaml-alias-recursion", 1, 8)]
    assert mistakes_of("&r\na: *r\n") == [("yaml-alias-recursion", 2, 4)]


def test_a_tree_without_a_key_answers_with_its_value() -> None:
    document = read("[1]\n")
    assert isinstance(document.tree, Tree)
    assert document.tree.at((), key=True) == Position("a.yaml", 1, 1)
