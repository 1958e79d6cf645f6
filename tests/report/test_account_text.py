"""Tables of live objects, one object in full, ids for programs, and errors."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from retinue.errors import AccountError, RetinueError
from retinue.planning.documents.account_types import VERSION, ShowDocument, ShownObjectDocument
from retinue.report.account.account_text import render_env, render_object, render_objects, render_outputs
from retinue.report.diagnostics.diagnostic_text import render_error

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


def row(name: str | None, state: str = "live") -> ShownObjectDocument:
    return {"address": "assistant.math-tutor", "id": "asst_abcdefghijklmnopqrstuvwx", "name": name, "state": state}


def found(
    *rows: ShownObjectDocument, unowned: dict[str, int] | None = None, foreign: dict[str, int] | None = None
) -> ShowDocument:
    return {
        "format_version": VERSION,
        "objects": list(rows),
        "foreign": foreign or {},
        "unowned": unowned or {},
        "marker": None,
        "applying": None,
    }


def test_objects_are_a_table_with_counts_below() -> None:
    """Addresses and ids in columns, and what is not managed here in one sentence."""
    text = render_objects(found(row("Math Tutor"), row(None), unowned={"assistant": 3}, foreign={"vector_store": 1}))
    assert text == (
        "ADDRESS               ID                             STATE  NAME\n"
        "assistant.math-tutor  asst_abcdefghijklmnopqrstuvwx  live   Math Tutor\n"
        "assistant.math-tutor  asst_abcdefghijklmnopqrstuvwx  live\n"
        "\n"
        "Not managed here: 3 assistants without an owner; 1 vector store of other stacks.\n"
    )


def test_long_names_fold_and_ids_stay_whole() -> None:
    """A table fits 80 columns by folding names, in any script; an id can always be copied."""
    name = "数学の先生 " * 8
    text = render_objects(found(row(name)), width=80)
    assert max(cell_len(each) for each in text.splitlines()) <= 80
    assert "asst_abcdefghijklmnopqrstuvwx" in text
    assert text.count("数") == name.count("数")


def test_nothing_to_show_says_so() -> None:
    """An empty table is a sentence."""
    assert render_objects(found()) == "Nothing of this stack is in the account.\n"


def test_outputs_are_a_table() -> None:
    """Addresses with ids, nothing else."""
    assert render_outputs({"assistant.a": "asst_1"}) == "ADDRESS      ID\nassistant.a  asst_1\n"


@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_object_in_full_is_yaml(document: dict[str, Any]) -> None:
    """What is shown of an object loads again as the same data, so nothing is lost or made up."""
    assert yaml.safe_load(render_object(document)) == document


def test_object_in_full_reads_well() -> None:
    """Plain words have no quotes, texts stand as they are, and what YAML would misread is quoted."""
    document = {
        "id": "asst_1",
        "instructions": "Be kind.\n\n- Always.\n",
        "tools": [{"type": "function", "function": {"name": "no", "parameters": {}}}, {"type": "brand_new"}],
        "temperature": 1.0,
        "name": None,
    }
    assert render_object(document) == (
        "id: asst_1\n"
        "instructions: |\n"
        "  Be kind.\n"
        "\n"
        "  - Always.\n"
        "tools:\n"
        "  - type: function\n"
        "    function:\n"
        '      name: "no"\n'
        "      parameters: {}\n"
        "  - type: brand_new\n"
        "temperature: 1.0\n"
        "name: null\n"
    )


def test_env_lines_are_safe_for_a_shell() -> None:
    """Variables have the letters that shells allow, and values are quoted where they must be."""
    ids = {"assistant.math-tutor": "asst_1", "vector_store.handbook": "vs $(x)"}
    assert render_env(ids) == "RETINUE_ASSISTANT_MATH_TUTOR=asst_1\nRETINUE_VECTOR_STORE_HANDBOOK='vs $(x)'\n"


def test_env_lines_never_share_a_variable() -> None:
    """Two addresses that would be one variable are an error: an application must not get the wrong id."""
    with pytest.raises(ValueError, match=r"'assistant.a-b' and 'assistant.a_b' would both"):
        render_env({"assistant.a-b": "asst_1", "assistant.a_b": "asst_2"})


def test_error_has_message_request_and_hint() -> None:
    """An error says what went wrong, how the server calls the request, and what to do."""
    error = AccountError("no such model\x07", hint="choose another", request_id="req_1")
    assert render_error(error) == "error: no such model\\x07\n  request: req_1\n  hint: choose another\n"
    assert render_error(RetinueError("two\nlines")) == "error: two\n  lines\n"
