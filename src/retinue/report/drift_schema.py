"""The JSON Schema of drift, the public contract of `retinue drift --format json`."""

from __future__ import annotations

from typing import Any

from retinue.report.plan_schema import PLAN

FILE_NAME = "drift.schema.json"
_USED = ("position", "file", "value", "diagnostic", "block")
_COUNT = {"type": "integer", "minimum": 0}
_COUNTS = {"type": "object", "additionalProperties": _COUNT}
_ID = {"type": ["string", "null"]}
_TEXT = {"type": "string"}


def _object(description: str, properties: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [each for each in properties if each not in optional]
    return {"type": "object", "description": description, "properties": properties, "required": required}


def _described(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


def _list(description: str, items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "description": description, "items": items}


_POSITION = {"anyOf": [{"$ref": "#/$defs/position"}, {"type": "null"}], "description": "What declares it."}
_ADDRESS = _described(PLAN["$defs"]["step"]["properties"]["address"], "The name of the object: kind.name.")
_CAUSE = {
    "enum": ["drift", "conflict"],
    "description": "Whether only the live value changed since the last apply, or the declared one as well.",
}
_PATH = {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1}
_FILE = {"anyOf": [{"$ref": "#/$defs/file"}, {"type": "null"}]}

_CHANGE = _object(
    "A field that no longer holds what was applied.",
    {
        "path": _described(_PATH, "Where: keys and list indexes, beginning with the field."),
        "cause": _CAUSE,
        "position": _POSITION,
        "declared": {"$ref": "#/$defs/value", "description": "Left out when nothing is declared; null is a value."},
        "live": {"$ref": "#/$defs/value", "description": "Left out when there is none."},
    },
    optional=("declared", "live"),
)
_FILE_CHANGE = _object(
    "An attached file that is not as it was applied.",
    {
        "path": _described(_TEXT, "Relative to the project."),
        "what": {
            "enum": ["detached", "replaced", "chunking", "attributes", "added"],
            "description": "What somebody did with it.",
        },
        "cause": _CAUSE,
        "position": _POSITION,
        "declared": _FILE,
        "live": _FILE,
        "details": _object(
            "The attributes or the chunking, where these differ and not the content.",
            {"declared": {"$ref": "#/$defs/value"}, "live": {"$ref": "#/$defs/value"}},
        ),
    },
    optional=("details",),
)

DRIFT: dict[str, Any] = {
    "$schema": PLAN["$schema"],
    "$id": "urn:retinue:schema:drift",
    "title": "Drift of a stack",
    **_object(
        "What somebody changed in the account since the last apply: the output of `retinue drift --format json`.",
        {
            "format_version": PLAN["properties"]["format_version"],
            "drifted": {"type": "boolean", "description": "Whether there is anything."},
            "stack": PLAN["properties"]["stack"],
            "environment": PLAN["properties"]["environment"],
            "account": PLAN["properties"]["account"],
            "summary": _object(
                "Counts of objects.",
                {
                    "changed": _described(_COUNT, "With fields or files that no longer hold what was applied."),
                    "gone": _described(_COUNT, "That were ours and are not any more."),
                    "dangling": _described(_COUNT, "That name an object which is gone."),
                    "unreadable": _described(_COUNT, "With a tag that somebody damaged."),
                    "in_sync": _described(_COUNT, "That are as they are declared."),
                    "pending": _described(_COUNT, "That the declarations want otherwise, which is no drift."),
                    "unowned": _described(_COUNTS, "Without an owner, by kind."),
                    "foreign": _described(_COUNTS, "Of other stacks, by kind."),
                },
            ),
            "changed": _list(
                "Objects that somebody changed.",
                _object(
                    "One object.",
                    {
                        "address": _ADDRESS,
                        "id": _described(_ID, "Its live id."),
                        "position": _POSITION,
                        "changes": _list("Its fields.", _CHANGE),
                        "files": _list("Its attached files.", _FILE_CHANGE),
                    },
                ),
            ),
            "gone": _list(
                "Objects that are declared, were there, and are gone.",
                _object(
                    "One object.",
                    {
                        "address": _ADDRESS,
                        "id": _described(_ID, "The live id that it had."),
                        "reason": _described(_TEXT, "What became of it."),
                        "position": _POSITION,
                    },
                ),
            ),
            "dangling": _list(
                "References to objects that are gone.",
                _object(
                    "One reference.",
                    {
                        "address": _described(_ADDRESS, "The object that holds it."),
                        "id": _described(_ID, "Its live id."),
                        "path": _described(_PATH, "Where it stands."),
                        "dead": _described(_TEXT, "The id that the account no longer has."),
                        "rendered": {"type": "boolean", "description": "Whether it stands in the lock file."},
                        "position": _POSITION,
                    },
                ),
            ),
            "unreadable": _list("Which tags cannot be read, and why.", _TEXT),
            "owned": _list("The addresses of the stack that have a live object.", _ADDRESS),
            "unowned": {
                "type": ["array", "null"],
                "description": "The live objects without an owner, with --unowned; else null.",
                "items": _object(
                    "One object.",
                    {
                        "kind": _described(_TEXT, "Its kind."),
                        "id": _described(_TEXT, "Its live id."),
                        "name": _described(_ID, "What people call it."),
                    },
                ),
            },
            "warnings": PLAN["properties"]["warnings"],
            "blocks": PLAN["properties"]["blocks"],
        },
    ),
    "$defs": {name: PLAN["$defs"][name] for name in _USED},
}
