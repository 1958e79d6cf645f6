"""The JSON Schema of one declaration: what its kind says, and what every object has besides."""

from __future__ import annotations

from typing import Any

from retinue.kinds.kind import Kind

LIFECYCLE = {
    "type": "object",
    "description": "What applies to the life of the object, rather than to the object.",
    "properties": {
        "protect": {
            "type": "boolean",
            "description": "Refuse every plan that would delete or replace it. Default: false.",
        },
        "on_delete": {
            "enum": ["delete", "retire", "keep"],
            "description": "What becomes of it when it is declared no more or replaced: it is deleted, let expire, or "
            "left without an owner. Default: delete.",
        },
        "ignore": {
            "type": "array",
            "description": "Fields, or metadata.KEY, that are written on creation only and are others' business then.",
            "items": {"type": "string", "minLength": 1},
        },
    },
    "additionalProperties": False,
}


EXTRA = {
    "type": "object",
    "description": "Fields of the API that Retinue does not know, by name: passed on and compared. At most 4.",
    "maxProperties": 4,
    "propertyNames": {"minLength": 1},
}


def declaration(kind: Kind) -> dict[str, Any]:
    """What one declaration of the kind must look like once its expressions are filled."""
    if not kind.stored:
        return dict(kind.schema)
    common = {"lifecycle": LIFECYCLE}
    if any(each.rest for each in kind.fields):
        common["extra"] = EXTRA
    if kind.homes:
        common["api"] = {
            "enum": [kind.home, *kind.homes],
            "description": f"Which API it is for. Default: that of retinue.yaml, else {kind.home}.",
        }
    return {**kind.schema, "properties": {**common, **kind.schema["properties"]}}
