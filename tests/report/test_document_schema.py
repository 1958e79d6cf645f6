"""The published schemas are generated from the types of documents, resolve by themselves and describe every field."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from retinue.cli import main
from retinue.model.steps import Status
from retinue.planning.documents.document_schema import document_schema
from retinue.planning.documents.plan_document import to_document
from retinue.report.events.event_lines import plan_line
from tests.plans.cases import CASES

SCHEMAS = Path(__file__).parents[2] / "schemas"
PUBLISHED = sorted(path.name for path in SCHEMAS.iterdir())


def published(name: str) -> dict[str, Any]:
    """A schema as other programs get it."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return found


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


def mistakes(name: str, document: Any) -> list[str]:
    """What a document has that the published schema does not describe; an ordinary validator, nothing else at hand."""
    validator = Draft202012Validator(closed(published(name)))
    return [error.message for error in validator.iter_errors(json.loads(json.dumps(document)))]


def references(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {found for each in schema for found in references(each)}
    if not isinstance(schema, dict):
        return set()
    here = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
    return here | {found for each in schema.values() for found in references(each)}


def test_every_published_schema_is_a_schema() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--check-metaschema", *(str(SCHEMAS / name) for name in PUBLISHED)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["plan", "drift", "diff", "events", "show", "output", "models", "validate", "doctor"])
def test_a_published_schema_resolves_by_itself(name: str) -> None:
    schema = published(name)
    assert references(schema) == {f"#/$defs/{each}" for each in schema["$defs"]}


def test_published_schemas_are_fresh(tmp_path: Path) -> None:
    """`schemas/` holds what the code says; `make schemas` writes it anew."""
    assert main(["schema", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == PUBLISHED
    for name in PUBLISHED:
        assert (SCHEMAS / name).read_text(encoding="utf-8") == (tmp_path / name).read_text(encoding="utf-8"), name


@pytest.mark.parametrize("name", CASES)
def test_schemas_describe_every_field_of_a_plan(name: str) -> None:
    """No field of a document is missing from the schema, and none has another type; the same inside an event."""
    document = to_document(CASES[name][0]())
    assert mistakes("plan", document) == []
    assert mistakes("events", json.loads(plan_line(document))) == []


def test_schema_describes_a_step_of_an_object_that_stands_in_another() -> None:
    plan = CASES["drift"][0]()
    document = to_document(replace(plan, steps=(replace(plan.steps[0], within="vlt_1"),)))
    assert document["steps"][0]["within"] == "vlt_1"
    assert mistakes("plan", document) == []


def test_schema_lets_later_versions_add_fields() -> None:
    """A program that validates with today's schema reads the documents of tomorrow's minor version."""
    document = to_document(CASES["drift"][0]())
    document["steps"][0]["something_new"] = 1
    assert Draft202012Validator(published("plan")).is_valid(document | {"format_version": "1.7"})
    assert not Draft202012Validator(published("plan")).is_valid(document | {"format_version": "2.0"})


def test_schema_of_events_knows_every_status() -> None:
    """The statuses of events, of which progress has lines of its own."""
    described = published("events")["$defs"]["step_line"]["properties"]["status"]["enum"]
    assert {*described, "progress"} == {*get_args(Status)}
    assert {*published("events")["$defs"]["ended_steps"]["properties"]} == {*described} - {"started"}


def test_a_type_that_no_schema_describes_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="no schema describes"):
        document_schema("a", "A", set[str])
