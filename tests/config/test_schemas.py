"""The published JSON Schemas are fresh, valid, and say about a file what `validate` says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from retinue.config.schema.declaration_schema import documents
from retinue.kinds import all_kinds

SCHEMAS = Path(__file__).parents[2] / "schemas"
DOCUMENTS = documents(all_kinds())

GOOD = {
    "assistants": {
        "tutor": {
            "model": "${{ var.model }}",
            "temperature": "${{ var.temperature }}",
            "reasoning_effort": "${{ var.effort }}",
            "lifecycle": {"protect": "${{ var.protect }}"},
            "tools": [
                "code_interpreter",
                {"file_search": {"vector_store": "handbook", "max_num_results": "${{ var.n }}"}},
            ],
        }
    },
    "functions": {"get_weather": {"strict": True, "parameters": {"type": "object"}}},
    "vector_stores": {"handbook": {"files": ["*.md"], "expires_after": {"days": 3}}},
    "x-anchors": [1, 2],
}
COMPOSED = {
    "defaults": {"assistants": {"model": "x", "tools": ["code_interpreter"]}},
    "templates": {
        "assistants": {"base": {"response_format": {"json_schema": {"strict": True}}, "with": {"language": "English"}}},
        "any": {"metadata": {"a": None}},
    },
    "assistants": {
        "tutor": {},
        "one": {"extends": ["base", "any"], "response_format": {"json_schema": {"name": "a"}}, "temperature": None},
        "${{ matrix.topic }}-bot": {
            "extends": "base",
            "with": {"language": "${{ matrix.language.name }}"},
            "matrix": {
                "topic": "${{ var.topics }}",
                "language": [{"code": "de", "name": "German"}, "x", 1, True],
                "exclude": [{"topic": "a"}],
                "include": [{"topic": "b", "tone": "calm"}],
            },
            "labels": {"team": "support"},
            "enabled": "${{ var.enabled }}",
            "tools": {"code_interpreter": None, "*": None},
        },
    },
}
BAD: list[Any] = [
    {"defaults": {"assistant": {}}},
    {"defaults": {"assistants": {"temperature": "warm"}}},
    {"templates": {"assistants": {"base": {"modle": "x"}}}},
    {"assistants": {"tutor": {"extends": 3}}},
    {"assistants": {"tutor": {"matrix": {"topic": []}}}},
    {"assistants": {"tutor": {"labels": {"team": []}}}},
    {"assistant": {}},
    {"assistants": {"tutor": []}},
    {"assistants": {"Tutor": {"model": "x"}}},
    {"assistants": {"tutor": {"model": "x", "temperature": "warm"}}},
    {"functions": {"f": {"lifecycle": {"protect": True}}}},
    {"vector_stores": {"s": {"expires_after": {"days": "three"}}}},
]


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_the_published_schema_is_fresh(name: str) -> None:
    """Write them with: make schemas"""
    written = (SCHEMAS / name).read_text(encoding="utf-8")
    assert written == json.dumps(DOCUMENTS[name], indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_schema_is_one_and_describes_itself(name: str) -> None:
    schema = DOCUMENTS[name]
    Draft202012Validator.check_schema(schema)
    assert {"$schema", "$id", "title"} <= set(schema)


def test_there_is_a_schema_for_the_project_for_declarations_and_for_every_kind() -> None:
    kinds = {f"{name}.schema.json" for name in all_kinds()}
    assert set(DOCUMENTS) == kinds | {"retinue.schema.json", "declarations.schema.json", "overlay.schema.json"}


def test_expressions_may_stand_where_numbers_booleans_and_choices_do() -> None:
    Draft202012Validator(DOCUMENTS["declarations.schema.json"]).validate(GOOD)


@pytest.mark.parametrize("name", ["declarations", "overlay"])
def test_what_is_composed_is_known_to_editors(name: str) -> None:
    Draft202012Validator(DOCUMENTS[f"{name}.schema.json"]).validate(COMPOSED)


def test_the_project_file_and_its_environments_may_say_what_declarations_are_made_of() -> None:
    layers = {"defaults": COMPOSED["defaults"], "templates": COMPOSED["templates"]}
    project = {"stack": "demo", **layers, "environments": {"production": layers}}
    Draft202012Validator(DOCUMENTS["retinue.schema.json"]).validate(project)


@pytest.mark.parametrize("document", BAD, ids=json.dumps)
def test_a_wrong_document_is_refused(document: Any) -> None:
    assert not Draft202012Validator(DOCUMENTS["declarations.schema.json"]).is_valid(document)


def test_writing_is_deterministic() -> None:
    assert json.dumps(documents(all_kinds())) == json.dumps(DOCUMENTS)
