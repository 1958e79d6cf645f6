"""Two libraries look at data, and what they say together is what the thorough one says alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from retinue.config.json_schemas import JsonSchemas
from retinue.config.problems import Diagnostics
from retinue.config.project_files import Folder
from retinue.config.schema.declaration_schema import declaration
from retinue.config.schema.project_schema import PROJECT
from retinue.config.schema.validator import Validator
from retinue.config.source_text import Excerpts, Source
from retinue.config.yaml.parser import FileReader
from retinue.config.yaml.syntax_tree import Node, Tree
from retinue.kinds import all_kinds
from retinue.model.values import Secret

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
KEYWORDS = [
    *("title", "description", "format", "pattern", "properties", "$defs", "items", "additionalProperties", "not"),
    *("propertyNames", "anyOf", "oneOf", "allOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "type", "required", "enum"),
    *("const", "default", "patternProperties", "if", "$id", "$ref", "$schema", "$dynamicRef", "uniqueItems"),
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


TREE = Tree(Node("mapping", Source("a.yaml", ""), 0, 0))


@pytest.mark.parametrize("name", SCHEMAS)
def test_nothing_is_wrong_exactly_with_what_jsonschema_takes(name: str) -> None:
    """Whichever of the two looked at it."""
    schema = SCHEMAS[name]
    ours, theirs = Validator(schema), Draft202012Validator(schema)

    @given(in_place(schema))
    def check(value: Any) -> None:
        assert (not ours.problems(value, TREE, "it")) == theirs.is_valid(value)

    check()


def test_a_secret_is_a_string() -> None:
    problems = Validator({"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}}).problems
    assert not problems({"a": Secret("abc"), "b": "abc"}, TREE, "it")
    assert [each.code for each in problems({"a": Secret("abcd")}, TREE, "it")] == ["too-long"]


def test_a_number_is_compared_as_json_has_it() -> None:
    problems = Validator({"type": "array", "items": {"enum": [1, "a"]}}).problems
    assert not problems([1, 1.0, "a"], TREE, "it")
    assert problems([True], TREE, "it")


@given(st.dictionaries(st.sampled_from(KEYWORDS), values))
def test_what_is_no_json_schema_is_reported_and_never_raised(schema: dict[str, Any]) -> None:
    diagnostics = Diagnostics()
    reader = FileReader(Folder(Path()), diagnostics, Excerpts())
    valid = Draft202012Validator(Draft202012Validator.META_SCHEMA).is_valid(schema)
    taken = JsonSchemas(reader).inline(schema, TREE, ()) is not None
    wrong = {each.code for each in diagnostics.all if each.severity == "error"}
    assert taken == (not wrong)
    if valid:
        assert wrong <= {"dangling-reference", "missing-file", "path-outside-project", "is-directory"}
    else:
        assert diagnostics.all
        assert "bad-json-schema" in wrong or {"exclusiveMinimum", "exclusiveMaximum"} & set(schema)
