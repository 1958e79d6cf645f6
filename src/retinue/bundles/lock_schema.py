"""The JSON Schema of the lock file, the contract with applications in any language.

`python -m retinue.bundles.lock_schema schemas/` writes it. Within one major format version fields are only added.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from retinue.core.model import NAME

FILE_NAME = "bundle.schema.json"

_TEXT = {"type": "string"}
_ENTRY: dict[str, Any] = {
    "type": "object",
    "description": "One assistant.",
    "properties": {
        "api": {**_TEXT, "description": "The API whose arguments these are: responses."},
        "name": {**_TEXT, "description": "The name people see."},
        "description": {**_TEXT, "description": "What it is for."},
        "arguments": {
            "type": "object",
            "description": "What `responses.create` takes, without `input`; pass it on as it is.",
            "properties": {"model": _TEXT},
            "required": ["model"],
        },
        "digest": {
            **_TEXT,
            "pattern": "^sha256:[0-9a-f]{64}$",
            "description": "SHA-256 of the arguments as JSON with sorted keys and without white space.",
        },
        "files": {
            "type": "object",
            "description": "The files that were uploaded for it, by id.",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "path": {**_TEXT, "description": "The file of the project."},
                    "sha256": {**_TEXT, "description": "The digest of its content."},
                },
                "required": ["path", "sha256"],
            },
        },
        "tag": {**_TEXT, "description": "Retinue's own: whose it is, and digests of what was rendered."},
    },
    "required": ["api", "arguments", "digest", "files", "tag"],
}
LOCK: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:retinue:schema:bundle",
    "title": "The lock file, retinue.lock.json",
    "type": "object",
    "properties": {
        "format_version": {**_TEXT, "pattern": "^1\\.", "description": "MAJOR.MINOR."},
        "stack": {**_TEXT, "pattern": f"^{NAME.pattern}$", "description": "The stack that rendered it."},
        "assistants": {
            "type": "object",
            "description": "Every assistant with `api: responses`, by name.",
            "additionalProperties": _ENTRY,
        },
    },
    "required": ["format_version", "stack"],
}


def write(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE_NAME
    path.write_text(json.dumps(LOCK, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    write(Path(sys.argv[1]))
