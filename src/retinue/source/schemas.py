"""The JSON Schemas of everything an author writes, for validation and for editors.

`python -m retinue.source.schemas schemas/` writes them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retinue.core.kind import Kinds
from retinue.core.model import NAME
from retinue.source.declaration_schema import declaration
from retinue.source.project_schema import PROJECT

DRAFT = "https://json-schema.org/draft/2020-12/schema"
EXPRESSION = {
    "type": "string",
    "pattern": r"^\$\{\{.*\}\}$",
    "description": "An expression: ${{ var.NAME }} or ${{ env.NAME }}.",
}


def documents(kinds: Kinds) -> dict[str, dict[str, Any]]:
    """File name → schema, for editors: as in `declaration`, but with expressions where they may stand."""
    written = {kind.name: with_expressions(declaration(kind)) for kind in kinds.values()}
    made = {"retinue.schema.json": _document("retinue", "The project file, retinue.yaml", PROJECT)}
    made["declarations.schema.json"] = _document("declarations", "A file of declarations", _sections(kinds, written))
    for kind in kinds.values():
        made[f"{kind.name}.schema.json"] = _document(kind.name, f"One {kind.title}", written[kind.name])
    return made


def _document(name: str, title: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"$schema": DRAFT, "$id": f"urn:retinue:schema:{name}", "title": title, **schema}


def _sections(kinds: Kinds, written: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            kind.section: {
                "type": "object",
                "description": f"Every {kind.title} by name.",
                "propertyNames": {"pattern": kind.pattern or f"^{NAME.pattern}$"},
                "additionalProperties": {"$ref": f"#/$defs/{kind.name}"},
            }
            for kind in kinds.values()
        },
        "patternProperties": {"^x-": {"description": "Ignored: a place for anchors that aliases repeat."}},
        "additionalProperties": False,
        "$defs": dict(written),
    }


def with_expressions(schema: Any) -> Any:
    """The schema, taking an expression wherever it asks for something other than a string or a collection."""
    if not isinstance(schema, Mapping):
        return schema
    changed = {word: _inside(word, value) for word, value in schema.items()}
    if changed.get("type") in ("number", "integer", "boolean") or "enum" in changed:
        described = {word: changed.pop(word) for word in ("description",) if word in changed}
        return {**described, "anyOf": [changed, EXPRESSION]}
    return changed


def _inside(word: str, value: Any) -> Any:
    if word == "properties":
        return {name: with_expressions(each) for name, each in value.items()}
    if word in ("items", "additionalProperties"):
        return with_expressions(value)
    if word == "anyOf":
        return [with_expressions(each) for each in value]
    return value


def text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write(directory: Path, schemas: Mapping[str, Mapping[str, Any]]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas.items():
        (directory / name).write_text(text(schema), encoding="utf-8")


if __name__ == "__main__":
    from retinue.kinds import all_kinds

    write(Path(sys.argv[1]), documents(all_kinds()))
