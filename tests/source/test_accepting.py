"""The fast check never says yes where jsonschema says no, and says yes to what people write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from retinue.config.accepting import compiled
from retinue.config.declaration_schema import declaration
from retinue.config.folder import Folder
from retinue.config.json_schemas import _SHAPES, JsonSchemas, _plainly_valid
from retinue.config.mistakes import Mistakes
from retinue.config.nodes import Node, Tree
from retinue.config.project_schema import PROJECT
from retinue.config.reading import Desk
from retinue.config.texts import Excerpts, Source
from retinue.config.validation import _locatable
from retinue.kinds import all_kinds

SCHEMAS = {**{kind.name: declaration(kind) for kind in all_kinds().values()}, "retinue.yaml": PROJECT}

WORDS: list[Any] = [
    *("model", "tools", "type", "code_interpreter", "file_search", "function", "name", "parameters", "metadata", "a"),
    *(
        "files",
        "path",
        "attributes",
        "chunking",
        "max_chunk_size_tokens",
        "chunk_overlap_tokens",
        "auto",
        "vector_store",
    ),
    *("response_format", "json_schema", "json_object", "schema", "strict", "retinue", "retinue.x", "id", "lifecycle"),
    *(
        "expires_after",
        "days",
        "anchor",
        "last_active_at",
        "stack",
        "account",
        "local",
        "base_url",
        "https://x",
        "include",
    ),
    *(
        "variables",
        "default",
        "environments",
        "temperature",
        "instructions",
        "file",
        "render",
        "text",
        "object",
        "string",
    ),
    *(
        "properties",
        "required",
        "enum",
        "items",
        "anyOf",
        "$ref",
        "minLength",
        "const",
        "description",
        "title",
        "$defs",
    ),
]
scalars = st.sampled_from([*WORDS, "", None, True, False, 0, 1, 3, 2.0, -1, 100, 800, 1.5, 5000, "x" * 65, "x" * 600])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*WORDS, ""]), inner, max_size=5),
    max_leaves=25,
)


def in_place(schema: Any) -> st.SearchStrategy[Any]:
    """Values that come near to what a schema asks for, so that both answers are frequent."""
    if not isinstance(schema, dict):
        return values
    if "anyOf" in schema:
        return st.one_of(*(in_place(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"]) | scalars
    if "properties" in schema:
        fields = {name: in_place(each) for name, each in schema["properties"].items()}
        required = {name: fields.pop(name) for name in schema.get("required", ())}
        return st.fixed_dictionaries(required, optional=fields) | values
    if "items" in schema:
        return st.lists(in_place(schema["items"]), max_size=3)
    return values


@pytest.mark.parametrize("name", SCHEMAS)
def test_our_schemas_use_known_keywords_only(name: str) -> None:
    assert compiled(_locatable(SCHEMAS[name])) is not None


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_fast_check_agrees_with_jsonschema(name: str) -> None:
    schema = SCHEMAS[name]
    accepts = compiled(_locatable(schema))
    validator = Draft202012Validator(schema)
    assert accepts is not None

    @given(in_place(schema))
    def check(value: Any) -> None:
        assert accepts(value) == validator.is_valid(value)

    check()


@given(values)
def test_what_is_plainly_a_json_schema_is_one(value: Any) -> None:
    if isinstance(value, dict) and _plainly_valid(value):
        Draft202012Validator.check_schema(value)


def test_an_everyday_schema_is_plainly_one() -> None:
    assert _plainly_valid(
        {
            "type": "object",
            "properties": {
                "city": {"type": ["string", "null"], "description": "x", "minLength": 1, "enum": ["a", None]},
                "days": {"type": "array", "items": {"anyOf": [{"type": "integer", "minimum": 0}, {"const": "all"}]}},
            },
            "required": ["city"],
            "additionalProperties": False,
            "$defs": {"x": True},
        }
    )


def test_an_unknown_keyword_leaves_the_answer_to_jsonschema() -> None:
    schemas: list[Any] = [
        {"dependentRequired": {}},
        {"not": {"type": "string"}},
        {"if": {"type": "string"}},
        {"const": 1},
    ]
    assert [compiled(each) for each in schemas] == [None] * 4


@given(st.dictionaries(st.sampled_from([*_SHAPES, "propertyNames", "patternProperties", "if", "$id"]), values))
def test_what_is_no_json_schema_is_reported_and_never_raised(schema: dict[str, Any]) -> None:
    mistakes = Mistakes()
    desk = Desk(Folder(Path()), mistakes, Excerpts())
    tree = Tree(Node("mapping", Source("a.yaml", ""), 0, 0))
    valid = Draft202012Validator(Draft202012Validator.META_SCHEMA).is_valid(schema)
    assert JsonSchemas(desk).check(schema, tree) == valid
    assert bool(mistakes.diagnostics) != valid
