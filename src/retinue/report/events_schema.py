"""The JSON Schema of one line of `retinue apply --json`. Within one major format version fields are only added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from retinue.model.steps import Action, Status
from retinue.report.events.event_lines import FAILED, OUTCOMES
from retinue.report.plan_schema import PLAN

Schema = dict[str, Any]

FILE_NAME = "events.schema.json"


def _event(kind: str, description: str, properties: Mapping[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    every = {
        "format_version": {
            "type": "string",
            "pattern": r"^1\.[0-9]+$",
            "description": "The version of this format: major.minor.",
        },
        "type": {"const": kind},
    }
    return {
        "type": "object",
        "description": description,
        "properties": {**every, **properties},
        "required": [*every, *(name for name in properties if name not in optional)],
    }


def _number(description: str, **more: Any) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description, **more}


def _maybe(description: str) -> Schema:
    return {"type": ["string", "null"], "description": description}


STEP: dict[str, Schema] = {
    "key": {"type": "string", "description": "Names the step in the plan."},
    "action": {"enum": list(get_args(Action)), "description": "What is done."},
    "address": {"type": "string", "description": "The object it is done to: kind.name."},
    "seconds": {"type": "number", "minimum": 0, "description": "The time since the step began."},
}
STATUSES = [each for each in get_args(Status) if each != "progress"]
ENDS = [each for each in STATUSES if each != "started"]

EVENTS: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:retinue:schema:events",
    "title": "An event of Retinue",
    "description": "One line of `retinue apply --json`. The plan comes first, the result last.",
    "oneOf": [
        _event(
            "plan",
            "The plan that is about to be carried out.",
            {"plan": {"$ref": PLAN["$id"], "description": "The document of plan.schema.json."}},
        ),
        _event(
            "step",
            "A step began or came to an end.",
            {
                **STEP,
                "status": {
                    "enum": STATUSES,
                    "description": "`incomplete`: done, but for some files. `skipped`: another step had to succeed.",
                },
                "id": _maybe("The live id, as far as it is known."),
                "error": _maybe("Why it did not come to its end."),
                "hint": _maybe("What to do about it."),
                "failures": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "description": "Why a file could not be brought in, by its path.",
                },
            },
        ),
        _event(
            "progress",
            "Some of the files of a step are done.",
            {
                **STEP,
                "done": _number("Files that are done."),
                "total": _number("Files in all."),
                "detail": _maybe("What is done with them."),
            },
        ),
        _event(
            "result",
            "The end.",
            {
                "outcome": {"enum": [*OUTCOMES.values(), FAILED], "description": "The exit code as a word."},
                "exit_code": _number("What the command ends with."),
                "added": _number("Objects created."),
                "changed": _number("Objects changed."),
                "destroyed": _number("Objects deleted."),
                "adopted": _number("Objects adopted or taken over; left out when there are none."),
                "moved": _number("Objects that got another address; left out when there are none."),
                "released": _number("Objects let go; left out when there are none."),
                "steps": {
                    "type": "object",
                    "description": "How many steps ended in which way.",
                    "properties": {each: _number("How many.") for each in ENDS},
                    "required": ENDS,
                },
                "message": _maybe("What went wrong."),
                "hint": _maybe("What to do about it."),
                "diagnostics": {
                    "type": "array",
                    "items": {"$ref": f"{PLAN['$id']}#/$defs/diagnostic"},
                    "description": "The mistakes in the declarations, when it was they that stopped it.",
                },
            },
            optional=("adopted", "moved", "released"),
        ),
    ],
}
