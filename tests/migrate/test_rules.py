"""Nothing is dropped silently, and every rule says what a reader needs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retinue.commands.migrate.mapping import make
from retinue.commands.migrate.original import Known, Original
from retinue.commands.migrate.rules import ANYWHERE, HOMES, TABLES, Home
from retinue.commands.migrate.sources import NotAnAssistantError, is_cut, read_data, read_text
from retinue.commands.suggested_names import name_from, unique
from retinue.config.yaml.constructor import scalar
from retinue.config.yaml.writer import Commented, write_yaml
from retinue.kinds.assistant import KIND
from retinue.model.values import NAME

SAID = {**{f"{home} {name}": rule for home in HOMES for name, rule in TABLES[home].items()}, **ANYWHERE}


@pytest.mark.parametrize("name", SAID)
def test_a_loss_has_a_reason_and_an_alternative_and_a_change_a_meaning(name: str) -> None:
    rule = SAID[name]
    assert bool(rule.instead) == (rule.outcome == "lost")
    assert rule.outcome == "carried" or rule.message
    for text in (rule.message, rule.instead):
        assert text == text.strip()
        assert not text.endswith(".")
        assert not text[:1].isupper() or text.startswith("API")


@pytest.mark.parametrize("home", HOMES)
def test_every_field_of_an_assistant_has_a_rule(home: Home) -> None:
    for field in KIND.fields:
        name = {"vector_store_ids": "tools.file_search", "file_ids": "files", "tools": "tools.function"}.get(field.name)
        # Further arguments of the Responses API have their own way.
        assert (name or field.name) in TABLES[home] or field.name == "extra"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab-$", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "name", "a"]), inner),
    max_leaves=6,
)
TOOL = st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "file_search", "code_interpreter", "mcp"])},
    optional=dict.fromkeys(("function", "file_search", "code_interpreter", "name", "vector_store_ids"), ANYTHING),
)
RAW = st.fixed_dictionaries(
    {"model": st.just("gpt-4o")},
    optional={
        **dict.fromkeys(("name", "metadata", "temperature", "response_format", "text", "reasoning", "new"), ANYTHING),
        "tools": ANYTHING | st.lists(TOOL, max_size=3),
        "tool_resources": ANYTHING
        | st.dictionaries(st.sampled_from(["file_search", "code_interpreter"]), ANYTHING, max_size=2),
    },
)


@given(raw=RAW, home=st.sampled_from(HOMES))
@example(raw={"tools": [{"type": []}]}, home="responses")
def test_whatever_a_dump_holds_is_accounted_for(raw: dict[str, Any], home: Home) -> None:
    original = read_data(raw, "dump.json")[0]
    notes = make([original], home, Known()).migrated[0].notes
    for field, value in original.raw.items():
        if isinstance(value, dict):
            value = {part: each for part, each in value.items() if each is not None}
        nothing = value in (None, "", [], {}, "auto", "gpt-4o") or (field == "temperature" and value == 1)
        held = [each.field for each in notes if each.field.partition(".")[0] == field]
        if field == "tool_resources":
            # Lists of ids go with their tool; a part that holds nothing is nothing.
            continue
        assert held or nothing, (field, value, notes)
        if field == "tools" and isinstance(value, list):
            assert len([each for each in held if each.count(".") <= 1]) >= len(value)


@given(display=st.text(), taken=st.sets(st.sampled_from(["agent", "agent-2", "a"])))
def test_a_name_is_valid_and_its_own(display: str, taken: set[str]) -> None:
    name = unique(name_from(display, otherwise="agent"), taken)
    assert NAME.fullmatch(name)
    assert name not in taken


def test_names_are_close_to_what_people_see() -> None:
    assert name_from("Fieldwren Support Désk (EU)", otherwise="x") == "fieldwren-support-desk-eu"
    assert name_from("日本", otherwise="agent") == "agent"
    assert name_from("\x1b[31mRed\x1b[0m de\x1b]0;title\x07sk\x1b(B", otherwise="x") == "red-desk"


@pytest.mark.parametrize("data", ["text", 3, [None], [[]], {"object": "thread"}, {"a": 1}, [{"model": "\ud800"}]])
def test_what_is_no_assistant_is_refused(data: Any) -> None:
    with pytest.raises(NotAnAssistantError):
        read_data(data, "dump.json")


def test_a_page_of_a_longer_list_is_noticed() -> None:
    assert is_cut({"data": [], "has_more": True})
    assert not is_cut({"data": [], "has_more": False})
    assert not is_cut([{"has_more": True}])


def test_instructions_that_a_text_file_would_change_stay_in_the_yaml() -> None:
    for text in ("a\r\nb", "\ufeffa", " "):
        made = make([Original({"model": "m", "instructions": text}, "x")], "agents", Known()).migrated[0]
        assert made.prompt is None
        assert made.spec["instructions"] == text


def test_a_prompt_is_the_text_of_its_file_without_the_last_line_end() -> None:
    assert read_text("One.\r\nTwo.\n", "prompts/tutor.v2.md") == Original(
        {"instructions": "One.\nTwo."}, "prompts/tutor.v2.md", name="tutor"
    )


@pytest.mark.parametrize("text", ["no", "1e3", "0o17", "~", "", " a", "a: b", "a #b", "-", "[", "2026-11-22", "é"])
def test_a_text_is_written_so_that_it_is_read_as_a_text(text: str) -> None:
    written = write_yaml({"key": text}).removeprefix("key: ").rstrip("\n")
    assert written.startswith('"') or scalar(written) == text


def test_comments_cannot_become_anything_else() -> None:
    written = write_yaml({"a": Commented({"b": 1}, "one\ntwo\x0b: three")}, comment="top\u2028x: y")
    assert all(line.startswith("#") for line in written.splitlines()[:-1])


def noted(original: dict[str, Any], home: Home, known: Known | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """The declaration, and what became of each field."""
    made = make([Original(original, "x")], home, known or Known()).migrated[0]
    return dict(made.spec), {note.field: note.outcome for note in made.notes}


def test_further_arguments_are_kept_where_there_are_arguments() -> None:
    original = {"model": "m", "extra": {"truncation": "auto"}}
    spec, notes = noted(original, "responses")
    assert spec["extra"] == {"truncation": "auto"}
    assert notes["extra"] == "carried"
    spec, notes = noted(original, "agents")
    assert "extra" not in spec
    assert notes["extra"] == "lost"


def test_a_name_that_is_too_long_for_an_agent_is_lost_and_not_cut() -> None:
    spec, notes = noted({"model": "m", "name": "x" * 129}, "agents")
    assert "name" not in spec
    assert notes["name"] == "lost"
    assert noted({"model": "m", "name": "x" * 128}, "agents")[0]["name"] == "x" * 128
    assert noted({"model": "m", "name": "x" * 129}, "responses")[0]["name"] == "x" * 129


@pytest.mark.parametrize(("home", "named"), [("agents", True), ("responses", False)])
def test_a_declared_function_that_differs_in_strictness_only_serves_agents(home: Home, named: bool) -> None:
    """Agents have no strict mode, so for them it is the same function."""
    parameters = {"type": "object", "properties": {}, "additionalProperties": False}
    function = {"name": "f", "description": "Do f.", "parameters": parameters}
    known = Known(functions={"f": {**function, "strict": True}})
    original = {"model": "m", "tools": [{"type": "function", "function": function}]}
    spec, _ = noted(original, home, known)
    assert (spec["tools"] == [{"function": "f"}]) is named
