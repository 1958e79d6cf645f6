"""What the schemas of authors refer to: bundled where it is in the project, a mistake with its place anywhere else."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from retinue.config import Loaded

from .conftest import Files, Load

OPENAPI = """\
openapi: 3.1.0
info: {title: Shop}
components:
  schemas:
    Event:
      type: object
      properties:
        place: {$ref: '#/components/schemas/Place'}
        parent: {$ref: '#/components/schemas/Event'}
    Place: {type: object, properties: {city: {$ref: 'types/city.json'}}}
    "a/b c": {type: string}
"""
CITY = '{"$schema": "x", "$id": "https://example.com/city.json", "type": "string", "minLength": 1}'
MORE: Files = {
    "retinue.yaml": "stack: demo\ninclude: assistants/f.yaml\n",
    "assistants/openapi.yaml": OPENAPI,
    "assistants/types/city.json": CITY,
    "assistants/types/loop.json": """
        {"type": "object", "properties": {"next": {"$ref": "#"}, "to": {"$ref": "../a.json"}}}
    """,
    "assistants/a.json": '{"anyOf": [{"type": "null"}, {"$ref": "types/loop.json"}]}',
    "assistants/anchors.json": '{"$defs": {"x": {"$anchor": "here", "type": "number"}}}',
}


def declared(loaded: Load, schema: str, more: Files = MORE, *, field: str = "parameters") -> Loaded:
    text = f"functions:\n  f:\n    {field}: {schema}\nassistants: {{a: {{model: x, tools: [{{function: f}}]}}}}\n"
    return loaded({"assistants/f.yaml": text, **more})


def sent(found: Loaded) -> Any:
    assert [each for each in found.diagnostics if each.severity == "error"] == []
    (function,) = (each for each in found.declarations if each.address.kind == "function")
    return function.spec["parameters"]


def references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [each for one in schema for each in references(one)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    return own + [each for one in schema.values() for each in references(one)]


def at(schema: Any, reference: str) -> Any:
    for step in reference.removeprefix("#").split("/")[1:]:
        schema = schema[step.replace("~1", "/").replace("~0", "~")]
    return schema


# A schema, values that it takes, and values that it does not.
BUNDLED: dict[str, tuple[str, list[Any], list[Any]]] = {
    "a file": ("{type: object, properties: {c: {$ref: types/city.json}}}", [{"c": "x"}], [{"c": ""}]),
    "a file by a dot": ("{type: object, properties: {c: {$ref: ./types/city.json}}}", [{"c": "x"}], [{"c": ""}]),
    "a part of OpenAPI": (
        "{type: object, properties: {e: {$ref: 'openapi.yaml#/components/schemas/Event'}}}",
        [{"e": {"place": {"city": "x"}, "parent": {}}}],
        [{"e": {"parent": {"place": {"city": ""}}}}],
    ),
    "an escaped name": (
        "{type: object, properties: {e: {$ref: 'openapi.yaml#/components/schemas/a~1b%20c'}}}",
        [{"e": "x"}],
        [{"e": 1}],
    ),
    "files in a circle": (
        "{type: object, properties: {l: {$ref: types/loop.json}}}",
        [{"l": {"next": {"to": None}}}],
        [{"l": {"next": {"to": 1}}}],
    ),
    "itself": (
        "{type: object, properties: {n: {$ref: '#'}}, additionalProperties: false}",
        [{"n": {}}],
        [{"n": {"m": 1}}],
    ),
    "its own definition": (
        "{type: object, properties: {n: {$ref: '#/$defs/n'}}, $defs: {n: {type: number}}}",
        [{"n": 1}],
        [{"n": "1"}],
    ),
    "its own property": (
        "{type: object, properties: {a: {type: number}, b: {$ref: '#/properties/a'}}}",
        [{"b": 1}],
        [{"b": "1"}],
    ),
    "an anchor": (
        "{type: object, properties: {a: {$ref: '#n'}}, $defs: {n: {$anchor: n, type: number}}}",
        [{"a": 1}],
        [{"a": "1"}],
    ),
    "an anchor of a file": ("{type: object, properties: {a: {$ref: 'anchors.json#here'}}}", [{"a": 1}], [{"a": "1"}]),
    "own components": (
        "{type: object, properties: {a: {$ref: '#/components/schemas/A'}}, components: {schemas: {A: {type: number}}}}",
        [{"a": 1}],
        [{"a": "1"}],
    ),
    "a name that is taken": (
        "{properties: {a: {$ref: types/city.json}, b: {$ref: '#/$defs/city'}}, $defs: {city: {type: number}}}",
        [{"a": "x", "b": 1}],
        [{"a": 1}, {"b": "x"}],
    ),
    "in every place": (
        "{type: object, anyOf: [{properties: {a: {items: {not: {$ref: types/city.json}}}}}]}",
        [{"a": [1]}],
        [{"a": ["x"]}],
    ),
}


@pytest.mark.parametrize("how", BUNDLED)
@pytest.mark.parametrize("where", ["inline", "file"])
def test_what_a_schema_refers_to_is_bundled(how: str, where: str, loaded: Load) -> None:
    schema, good, bad = BUNDLED[how]
    more = {**MORE, "assistants/top.yaml": schema + "\n"}
    found = declared(loaded, "{file: top.yaml}" if where == "file" else schema, more)
    assert found.diagnostics == ()
    bundled = sent(found)
    assert all(each.startswith("#") for each in references(bundled)), bundled
    assert _COMPONENTS not in bundled
    validator = Draft202012Validator(bundled)
    assert all(validator.is_valid(each) for each in good)
    assert not any(validator.is_valid(each) for each in bad)


_COMPONENTS = "components"

NOWHERE = {
    "#/components/schemas/Event": "there is no '#/components/schemas/Event' in this schema",
    "#/$defs/x": "there is no '#/$defs/x' in this schema",
    "#nowhere": "there is no '#nowhere' in this schema",
    "openapi.yaml#/components/schemas/Evnt": "there is no '#/components/schemas/Evnt' in 'assistants/openapi.yaml'",
    "openapi.yaml#/info/title": "what 'openapi.yaml#/info/title' leads to is no schema",
    "types/town.json": "there is no file 'types/town.json'",
    "../../x.json": "leads out of the project",
    "/etc/x.json": "is an absolute path",
    "https://example.com/x.json": "is not in the project, and nothing is fetched",
    "http://example.com/x.json#/a": "is not in the project, and nothing is fetched",
    "file:///etc/passwd": "is not in the project, and nothing is fetched",
    "urn:x:y": "is not in the project, and nothing is fetched",
}
PLACES = {
    "a function": "functions:\n  f: {parameters: @}\nassistants: {a: {model: x, tools: [{function: f}]}}\n",
    "an unused function": "functions:\n  f: {parameters: @}\n",
    "a strict one": "functions:\n  f: {strict: true, parameters: @}\n",
    "a tool": "assistants:\n  a: {model: x, tools: [{function: {name: f, parameters: @}}]}\n",
    "an answer": """
assistants:
  a: {model: x, response_format: {type: json_schema, json_schema: {name: f, schema: @}}}
""",
    "an agent's answer": "agents:\n  a: {model: x, text: {format: {type: json_schema, schema: @}}}\n",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("reference", NOWHERE)
def test_a_reference_that_leads_nowhere_is_a_mistake_at_its_place(place: str, reference: str, loaded: Load) -> None:
    schema = f"{{type: object, properties: {{e: {{$ref: '{reference}'}}}}}}"
    found = loaded({"assistants/f.yaml": PLACES[place].replace("@", schema), **MORE})
    wrong = [each for each in found.diagnostics if each.severity == "error"]
    assert [NOWHERE[reference] in each.message for each in wrong] == [True]
    (error,) = wrong
    assert error.position is not None
    assert error.hint
    line = (PLACES[place].replace("@", schema)).splitlines()[error.position.line - 1]
    assert line[error.position.column - 1 :].startswith(f"'{reference}'")


def test_a_reference_in_a_file_is_placed_there(loaded: Load) -> None:
    more: Files = {
        "assistants/top.json": '{\n "$ref": "x.json"\n}',
        "assistants/x.json": '{\n"items": {"$ref": "#/a"}\n}',
    }
    (error,) = (each for each in declared(loaded, "{file: top.json}", more).diagnostics if each.severity == "error")
    assert (error.code, str(error.position)) == ("dangling-reference", "assistants/x.json:2")


def test_what_is_wrong_with_a_bundled_schema_is_placed_in_its_file(loaded: Load) -> None:
    more: Files = {"assistants/x.json": '{\n"type": "strin"\n}'}
    found = declared(loaded, "{type: object, properties: {x: {$ref: x.json}}}", more)
    assert {str(each.position) for each in found.diagnostics if each.severity == "error"} == {"assistants/x.json:2"}


@pytest.mark.parametrize(
    "schema", ["{properties: {$ref: {type: string}}}", "{enum: [{$ref: nowhere}]}", "{const: {$ref: x}}"]
)
def test_what_only_looks_like_a_reference_is_none(schema: str, loaded: Load) -> None:
    assert declared(loaded, schema).diagnostics == ()


# ── older drafts ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("{properties: {a: {type: number, minimum: 0, exclusiveMinimum: true}}}", "'exclusiveMinimum' is a number now"),
        ("{properties: {a: {maximum: 0, exclusiveMaximum: false}}}", "'exclusiveMaximum' is a number now"),
        ("{definitions: {a: {}}, properties: {a: {$ref: '#/definitions/a'}}}", "'definitions' is '$defs' now"),
        ("{id: 'http://example.com/x', type: object}", "'id' is '$id' now"),
    ],
)
def test_older_drafts_are_taken_as_they_are_with_a_warning(schema: str, words: str, loaded: Load) -> None:
    found = declared(loaded, schema)
    assert [(each.severity, each.code) for each in found.diagnostics] == [("warning", "old-json-schema")]
    assert words in found.diagnostics[0].message
    (function,) = (each for each in found.declarations if each.address.kind == "function")
    assert not function.broken


def test_a_newer_mistake_beside_it_is_one(loaded: Load) -> None:
    found = declared(loaded, "{properties: {a: {exclusiveMinimum: true, type: strin}}}")
    assert (
        sorted(each.severity for each in found.diagnostics) == ["error", "error", "warning"][-len(found.diagnostics) :]
    )
