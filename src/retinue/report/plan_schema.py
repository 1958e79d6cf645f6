"""The JSON Schema of a plan document, the public contract of `retinue plan --json`.

`python -m retinue.report.plan_schema schemas/` writes it. Within one major format version fields are only added, so the
schema does not forbid unknown ones.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

FILE_NAME = "plan.schema.json"


def _object(description: str, properties: Mapping[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
    }


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _maybe(description: str) -> Schema:
    return {"type": ["string", "null"], "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _number(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}


def _list(description: str, items: Schema) -> Schema:
    return {"type": "array", "description": description, "items": items}


def _map(description: str, values: Schema) -> Schema:
    return {"type": "object", "description": description, "additionalProperties": values}


def _one_of(description: str, *words: str) -> Schema:
    return {"enum": list(words), "description": description}


def _def(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


ADDRESS = _text("The name of an object in the declarations: kind.name.", pattern=r"^[a-z_]+\..+$")
CAUSE = _one_of(
    "Why it differs: the configuration changed; the live value was edited outside (drift); both (conflict); or it is "
    "declared no more and goes back to the API's default (unset).",
    "config",
    "drift",
    "conflict",
    "unset",
)
SPEC_NOTE = "Canonical: lists whose items have an identity are maps, and ids are references."

POSITION = _object(
    "A place in a declared file.",
    {
        "file": _text("Relative to the project, with forward slashes."),
        "line": _number("Counted from 1."),
        "column": _number("Counted from 1."),
    },
)
FILE = _object(
    "A file of the project.",
    {
        "retinue.file": _text("Its path, relative to the project."),
        "sha256": _text("The digest of its content, in hex; as far as it is known."),
        "size": _number("In bytes."),
    },
)
VALUE: Schema = {
    "description": "Any JSON value. Four objects stand for something else: a reference to a declared object, a file "
    "of the project, a live id that points at nothing, and a value that is shown nowhere.",
    "anyOf": [
        _object("A reference to a declared object, in the place of its id.", {"retinue.ref": ADDRESS}),
        _def("file"),
        _object("An id of an object that the account no longer has.", {"retinue.gone": _text("The id.")}),
        _object("A value that is shown nowhere.", {"retinue.sealed": {"const": True}}),
        {"type": "object", "additionalProperties": _def("value")},
        {"type": "array", "items": _def("value")},
        {"type": ["string", "number", "boolean", "null"]},
    ],
}
SPEC = _map(f"The fields of an object by name. {SPEC_NOTE}", _def("value"))

FIELD_CHANGE = _object(
    "One difference inside an object.",
    {
        "path": {
            **_list("Where: keys and list indexes, beginning with the field.", {"type": ["string", "integer"]}),
            "minItems": 1,
        },
        "cause": CAUSE,
        "position": _or_null(_def("position")),
        "before": {**_def("value"), "description": "The live value. Left out when there is none; null is a value."},
        "after": {**_def("value"), "description": "The value to reach. Left out when there is none."},
    },
    optional=("before", "after"),
)
FILE_CHANGE = _object(
    "One difference in the files attached to an object.",
    {
        "action": _one_of(
            "`add`: upload and attach. `attach`: attach a file of the account, named by its id. "
            "`replace`: upload, attach, and detach the old one once the new one is indexed. "
            "`attributes`: write other attributes. `remove`: detach and delete. `wait`: it is still being indexed.",
            "add",
            "attach",
            "replace",
            "attributes",
            "remove",
            "wait",
        ),
        "path": _text("Relative to the project."),
        "before": _or_null(_def("file")),
        "after": _or_null(_def("file")),
        "file_ids": _list("The live files that go once the path can be searched as declared.", {"type": "string"}),
        "live_id": _maybe("The live file that stays, and is waited for or given new attributes."),
        "attributes": _map("The author's attributes of the file, complete.", {"type": ["string", "number", "boolean"]}),
        "chunking": _or_null(_map("How the file is cut for search.", _def("value"))),
        "reason": _maybe("Why, where the rest does not say."),
        "cause": CAUSE,
        "position": _or_null(_def("position")),
        "expects": _map(
            "By the id of a file: the digest of attributes that are written over or go with it. Left out without any.",
            {"type": "string"},
        ),
    },
    optional=("expects",),
)
STEP = _object(
    "One change of the plan. A replacement is an early creation and a late deletion that share an address.",
    {
        "key": _text("Names the step inside the plan."),
        "action": _one_of(
            "What is done. `adopt`, `move` and `release` touch only the ownership tag.",
            "create",
            "update",
            "delete",
            "adopt",
            "move",
            "release",
        ),
        "address": ADDRESS,
        "id": _maybe("The live id; null for a creation."),
        "reason": _maybe("Why, where the changes do not say."),
        "replaces": _flag("Whether the step is one half of a replacement."),
        "protected": _flag("Whether the object is protected from deletion."),
        "position": _or_null(_def("position")),
        "changes": _list("What differs, field by field.", _def("field_change")),
        "files": _list("What differs in the attached files.", _def("file_change")),
        "before": _or_null({**_def("spec"), "description": "The live specification; null for a creation."}),
        "after": _or_null({**_def("spec"), "description": "The specification to reach; null for a deletion."}),
        "expects": _map(
            "Digests of the live values about to be written over, by field or field/key; another one stops the step.",
            {"type": "string"},
        ),
        "unset": _list("Fields that go back to the API's default.", {"type": "string"}),
        "forget_keys": _list(
            "Field and key of what is reset in fields that are owned key by key.",
            {"type": "array", "prefixItems": [{"type": "string"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        ),
        "tag": _maybe("The ownership tag that is written with the step."),
        "needs": _list("Keys of the steps that must have succeeded first.", {"type": "string"}),
        "shared_files": _list("Files that outlive a deletion: another object carries them too.", {"type": "string"}),
        "home": _text("Where it lives, when that is not the account: 'responses' is the lock file."),
        "held": _text("The ownership tag that the object carries before it is moved, taken over or released."),
    },
    optional=("home", "held"),
)
DIAGNOSTIC = _object(
    "Something the author of the declarations should know.",
    {
        "severity": _one_of("How bad it is.", "error", "warning"),
        "code": _text("Stable; listed in the documentation."),
        "message": _text("One sentence."),
        "position": _or_null(_def("position")),
        "hint": _maybe("What to do about it."),
        "related": _list(
            "Further places of the same problem.",
            _object(
                "A place with a few words.",
                {"message": _text("What is there."), "position": _or_null(_def("position"))},
            ),
        ),
        "details": _map("What the message says, for programs; which keys there are follows from the code.", {}),
    },
    optional=("details",),
)
BLOCK = _object(
    "A reason why the plan may not be applied as it is.",
    {
        "code": _text("Stable."),
        "message": _text("What forbids it, and what to do."),
        "address": _or_null(ADDRESS),
        "override": _maybe("The option by which a person allows it all the same."),
    },
)
SUMMARY = _object(
    "Counts.",
    {
        "create": _number("Objects to be created, replacements included."),
        "update": _number("Objects to be updated."),
        "delete": _number("Objects to be deleted, replaced ones included."),
        "adopt": _number("Objects to be adopted or taken over; left out when there are none."),
        "move": _number("Objects whose address changes; left out when there are none."),
        "release": _number("Objects to be let go; left out when there are none."),
        "reverts": _number("Steps that would overwrite somebody else's edit."),
        "in_sync": _number("Objects that need nothing."),
        "foreign": _map("Live objects of other stacks, by kind.", _number("How many.")),
        "unowned": _map("Live objects without an owner, by kind.", _number("How many.")),
        "retired": _map("Live objects that were retired and end by themselves, by kind.", _number("How many.")),
    },
    optional=("adopt", "move", "release", "retired"),
)

PLAN: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:retinue:schema:plan",
    "title": "A plan of Retinue",
    **_object(
        "What an apply would do, in order: the output of `retinue plan --json`.",
        {
            "format_version": _text("The version of this format: major.minor.", pattern=r"^1\.[0-9]+$"),
            "digest": _text(
                "Names what the plan does and to which account, for approving it; equal plans have equal digests.",
                pattern=r"^pd1:[0-9a-f]{4}(-[0-9a-f]{4}){3}$",
            ),
            "stack": _text("The ownership boundary: one project in one environment."),
            "environment": _maybe("The environment the declarations were read for."),
            "account": _object(
                "Where the live objects are.",
                {
                    "name": _text("Its name in the project file."),
                    "url": _maybe("Its base URL, where the name does not say it."),
                    "organization": _maybe("The organization the key acts for."),
                    "project": _maybe("The project the key acts for."),
                },
            ),
            "complete": _flag("False when the plan was narrowed to targets; it then deletes nothing."),
            "targets": _list("The addresses the plan was narrowed to.", ADDRESS),
            "destroy": _flag("Whether it deletes everything the stack owns, whatever is declared."),
            "summary": SUMMARY,
            "steps": _list("In the order in which they may be carried out.", _def("step")),
            "warnings": _list("What does not stop an apply.", _def("diagnostic")),
            "blocks": _list("What does.", _def("block")),
            "ids": _map("Live ids of the objects that steps refer to, by address.", {"type": "string"}),
            "retags": _list(
                "Objects that are in sync and whose ownership tag is brought up to date. Nothing else changes.",
                _def("step"),
            ),
        },
    ),
    "$defs": {
        "position": POSITION,
        "file": FILE,
        "value": VALUE,
        "spec": SPEC,
        "field_change": FIELD_CHANGE,
        "file_change": FILE_CHANGE,
        "step": STEP,
        "diagnostic": DIAGNOSTIC,
        "block": BLOCK,
    },
}


def write(folder: Path) -> Path:
    """Write the schema into a folder, as `retinue schema --out` does."""
    path = folder / FILE_NAME
    path.write_text(json.dumps(PLAN, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    write(Path(sys.argv[1]))
