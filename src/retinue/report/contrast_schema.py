"""The JSON Schema of a comparison, the public contract of `retinue diff --json`. Its steps are those of plans."""

from __future__ import annotations

from typing import Any

from retinue.report.plan_schema import PLAN

FILE_NAME = "diff.schema.json"
_USED = ("position", "file", "value", "spec", "field_change", "file_change", "step")


def _object(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": description, "properties": properties, "required": list(properties)}


_COUNT = {"type": "integer", "minimum": 0}
_MAYBE = {"type": ["string", "null"]}
_SIDE = _object(
    "One of the two that are compared.",
    {
        "name": {"type": "string", "description": "An environment, a git revision, or 'the working tree'."},
        "stack": {**_MAYBE, "description": "Its stack; null where there is no project."},
        "environment": {**_MAYBE, "description": "The environment the declarations were read for."},
    },
)

DIFF: dict[str, Any] = {
    "$schema": PLAN["$schema"],
    "$id": "urn:retinue:schema:diff",
    "title": "A comparison of declarations",
    **_object(
        "How the declarations of `after` differ from those of `before`: the output of `retinue diff --json`.",
        {
            "format_version": {**PLAN["properties"]["format_version"]},
            "before": _SIDE,
            "after": _SIDE,
            "summary": _object(
                "Counts of objects.",
                {
                    "create": {**_COUNT, "description": "Only in `after`."},
                    "update": {**_COUNT, "description": "In both, and different."},
                    "delete": {**_COUNT, "description": "Only in `before`."},
                    "same": {**_COUNT, "description": "In both, and the same."},
                },
            ),
            "settings": {
                "type": "array",
                "description": "Differences of the stack, the account and the home, between revisions.",
                "items": {"$ref": "#/$defs/field_change"},
            },
            "steps": {
                "type": "array",
                "description": "What leads from one to the other, by address. Nobody carries these out.",
                "items": {"$ref": "#/$defs/step"},
            },
            "notes": {
                "type": "array",
                "description": "What could not be compared, and why.",
                "items": {"type": "string"},
            },
        },
    ),
    "$defs": {name: PLAN["$defs"][name] for name in _USED},
}
