"""The JSON Schemas of everything an author writes, for validation and for editors.

`python -m retinue.config.schemas schemas/` writes them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retinue.config.declaration_schema import declaration
from retinue.config.handovers import HANDOVERS
from retinue.config.project_schema import with_overlays
from retinue.kinds.kind import Kind, Kinds
from retinue.model.values import NAME

DRAFT = "https://json-schema.org/draft/2020-12/schema"
EXPRESSION = {
    "type": "string",
    "pattern": r"^\$\{\{.*\}\}$",
    "description": "An expression: ${{ var.NAME }}, ${{ env.NAME }} or ${{ secret.NAME }}.",
}


def documents(kinds: Kinds) -> dict[str, dict[str, Any]]:
    """File name → schema, for editors: as in `declaration`, but with expressions where they may stand."""
    written = {kind.name: with_expressions(declaration(kind)) for kind in kinds.values()}
    changed = {kind.name: with_expressions(overlay(kind)) for kind in kinds.values()}
    project = {**with_overlays(_sections(kinds)), "$defs": changed}
    made = {"retinue.schema.json": _document("retinue", "The project file, retinue.yaml", project)}
    made["declarations.schema.json"] = _document("declarations", "A file of declarations", _file(kinds, written))
    made["overlay.schema.json"] = _document("overlay", "What an environment changes", _file(kinds, changed))
    for kind in kinds.values():
        made[f"{kind.name}.schema.json"] = _document(kind.name, f"One {kind.title}", written[kind.name])
    return made


def _document(name: str, title: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"$schema": DRAFT, "$id": f"urn:retinue:schema:{name}", "title": title, **schema}


def _sections(kinds: Kinds) -> dict[str, Any]:
    named = {
        kind.section: {
            "type": "object",
            "description": f"Every {kind.title} by name.",
            "propertyNames": {"pattern": kind.pattern or f"^{NAME.pattern}$"},
            "additionalProperties": {"$ref": f"#/$defs/{kind.name}"},
        }
        for kind in kinds.values()
    }
    return {**named, **HANDOVERS}


def _file(kinds: Kinds, definitions: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": _sections(kinds),
        "patternProperties": {"^x-": {"description": "Ignored: a place for anchors that aliases repeat."}},
        "additionalProperties": False,
        "$defs": dict(definitions),
    }


# ── overlays ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_WHOLE = ("required", "minProperties", "if", "then", "else")
"""What a schema asks of a value as a whole; a part of one need not have it."""


def overlay(kind: Kind) -> dict[str, Any]:
    """What an environment may write below the name of a declaration: any part of it, and null for what it removes."""
    schema = _partial(declaration(kind))
    properties = dict(schema["properties"])
    for each in kind.keyed:
        if len(each.pattern) == 1:
            name = each.pattern[0]
            by_key = {
                "type": "object",
                "description": "By what identifies an entry: what changes in it, or null to take it out.",
                "additionalProperties": {"type": ["object", "null"]},
            }
            described = {"description": "A list, which replaces the one there was, or a map of what changes in it."}
            properties[name] = {**described, "anyOf": [properties[name], by_key]}
    return _or_null({**schema, "properties": properties}, "What changes in it; null takes it out.")


def _partial(schema: Any) -> Any:
    """The schema without what only a whole value has, and with null for what is removed. Lists are replaced whole."""
    if not isinstance(schema, Mapping):
        return schema
    changed = {word: value for word, value in schema.items() if word not in _WHOLE}
    if "properties" in changed:
        changed["properties"] = {name: _or_null(_partial(each)) for name, each in changed["properties"].items()}
    if isinstance(changed.get("additionalProperties"), Mapping):
        changed["additionalProperties"] = _or_null(_partial(changed["additionalProperties"]))
    if "anyOf" in changed:
        changed["anyOf"] = [_partial(each) for each in changed["anyOf"]]
    return changed


def _or_null(schema: Mapping[str, Any], description: str | None = None) -> dict[str, Any]:
    text = description or schema.get("description")
    return {**({"description": text} if text else {}), "anyOf": [schema, {"type": "null"}]}


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
