"""The published schema describes every document that plans are written as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from retinue.planning.documents.plan_document import to_document
from retinue.report.plan_schema import FILE_NAME, PLAN, write
from tests.plans.cases import CASES

ROOT = Path(__file__).parents[2]


def closed(schema: Any) -> Any:
    """The same schema with no room for fields that it does not describe."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(each) for key, each in schema.items()}
    if "properties" in schema and "type" in schema:
        made.setdefault("additionalProperties", False)
    return made


CLOSED = Draft202012Validator(closed(PLAN))


def test_schema_is_a_schema() -> None:
    """It is valid under the draft it names."""
    Draft202012Validator.check_schema(PLAN)


@pytest.mark.parametrize("name", CASES)
def test_schema_describes_every_field_of_a_plan(name: str) -> None:
    """No field of a document is missing from the schema, and none has another type."""
    make, _ = CASES[name]
    document = json.loads(json.dumps(to_document(make())))
    assert [error.message for error in CLOSED.iter_errors(document)] == []


def test_schema_lets_later_versions_add_fields() -> None:
    """A program that validates with today's schema reads the documents of tomorrow's minor version."""
    document = to_document(CASES["drift"][0]())
    document["steps"][0]["something_new"] = 1
    assert Draft202012Validator(PLAN).is_valid(document | {"format_version": "1.7"})
    assert not Draft202012Validator(PLAN).is_valid(document | {"format_version": "2.0"})


def test_published_schema_is_fresh(tmp_path: Path) -> None:
    """`schemas/` holds what the code says; `make schemas` writes it anew."""
    assert (ROOT / "schemas" / FILE_NAME).read_text(encoding="utf-8") == write(tmp_path).read_text(encoding="utf-8")
