"""The JSON Schemas of what an author writes, for validation and, with expressions where they may stand, for editors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from retinue.config.problems import ADDRESS
from retinue.config.schema.project_schema import VARIABLE_NAME, with_overlays
from retinue.kinds.kind import Kind, Kinds
from retinue.model.values import NAME

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


LABEL = "^[A-Za-z0-9_][A-Za-z0-9_./-]{0,62}$"
"""What a label is called: no sign that a selector has a meaning for."""

SEVERAL = r"[*?\[]|^label:.|^file:."
"""A key that means several declarations: a pattern of names, a label, or the files that declare them."""

EXTRA = {
    "type": "object",
    "description": "Fields of the API that Retinue does not know, by name: passed on and compared. At most 4.",
    "maxProperties": 4,
    "propertyNames": {"minLength": 1},
}


_AXIS = {
    "type": "array",
    "minItems": 1,
    "items": {"type": ["string", "number", "boolean", "object"]},
}
_COMBINATION = {"type": "object", "minProperties": 1}
LAYERS = ("defaults", "templates")
"""Sections of what declarations are made of."""

COMPOSITION: dict[str, dict[str, Any]] = {
    "extends": {
        "description": "Templates it is made of: a name or a list of them, of which later ones are stronger.",
        "anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
        ],
    },
    "with": {
        "type": "object",
        "description": "Values for ${{ with.NAME }} in it and in its templates, by name.",
        "propertyNames": {"pattern": VARIABLE_NAME},
    },
    "matrix": {
        "type": "object",
        "description": "One declaration for each combination of these values, read as ${{ matrix.NAME }}.",
        "minProperties": 1,
        "propertyNames": {"pattern": VARIABLE_NAME},
        "properties": {
            "exclude": {
                "type": "array",
                "description": "Combinations to leave out: each names some of the values.",
                "items": _COMBINATION,
            },
            "include": {
                "type": "array",
                "description": "Further combinations, or more values for those that there are.",
                "items": _COMBINATION,
            },
        },
        "additionalProperties": {
            "description": "The values of one axis, or an expression that gives a list.",
            "anyOf": [_AXIS, {"type": "string"}],
        },
    },
    "labels": {
        "type": "object",
        "description": "What it is chosen by on the command line, such as label:team=support. Never sent.",
        "propertyNames": {"pattern": LABEL},
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    },
    "enabled": {
        "type": "boolean",
        "description": "false leaves it out, as if it were not declared. Default: true.",
    },
}
"""What every declaration may have beside the fields of its kind. None of it is sent or compared."""


def without_composition(spec: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A declaration without what none of its kind's fields is; and its labels."""
    labels = spec.get("labels") if isinstance(spec.get("labels"), Mapping) else {}
    rest = {name: value for name, value in spec.items() if name not in COMPOSITION}
    texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in (labels or {}).items()}
    return rest, texts


def declaration(kind: Kind) -> dict[str, Any]:
    """What one declaration of the kind must look like once its expressions are filled."""
    if not kind.stored:
        return {**kind.schema, "properties": {**COMPOSITION, **kind.schema["properties"]}}
    common = {"lifecycle": LIFECYCLE, **COMPOSITION}
    if any(each.rest for each in kind.fields):
        common["extra"] = EXTRA
    if kind.homes:
        common["api"] = {
            "enum": [kind.home, *kind.homes],
            "description": f"Which API it is for. Default: that of retinue.yaml, else {kind.home}.",
        }
    return {**kind.schema, "properties": {**common, **kind.schema["properties"]}}


# ── overlays ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_WHOLE = ("required", "minProperties", "if", "then", "else")
"""What a schema asks of a value as a whole; a part of one need not have it."""


def overlay(kind: Kind) -> dict[str, Any]:
    """What an environment may write below the name of a declaration: any part of it, and null for what it removes."""
    schema = _partial(declaration(kind))
    return _or_null(
        {**schema, "properties": _with_maps(kind, schema["properties"])}, "What changes in it; null takes it out."
    )


def entry(kind: Kind) -> dict[str, Any]:
    """What an author may write below a name: what defaults and templates give need not be there, and null takes it
    out."""
    schema = {word: value for word, value in declaration(kind).items() if word not in _WHOLE}
    properties = {name: each if name in COMPOSITION else _or_null(each) for name, each in schema["properties"].items()}
    return {**schema, "properties": _with_maps(kind, properties)}


def _with_maps(kind: Kind, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, with maps where lists have entries with identity."""
    properties = dict(fields)
    for each in kind.keyed:
        if len(each.pattern) == 1:
            name = each.pattern[0]
            by_key = {
                "type": "object",
                "description": "By what identifies an entry: its options, or null to take it out; '*': null for all.",
                "additionalProperties": {"type": ["object", "null"]},
            }
            described = {"description": "A list, which is added to what there is, or a map of what changes in it."}
            properties[name] = {**described, "anyOf": [properties[name], by_key]}
    return properties


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


# ── adopt, moved, release, takeover ───────────────────────────────────────────────────────────────────────────────────

_ADDRESS = {"type": "string", "pattern": ADDRESS, "description": "kind.name, such as assistant.math-tutor."}


def _entries(description: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    item = {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "array", "description": description, "items": item}


HANDOVERS: dict[str, dict[str, Any]] = {
    "adopt": _entries(
        "Live objects that nobody owns and that become declared ones.",
        {"address": _ADDRESS, "id": {"type": "string", "minLength": 1, "description": "The live id: asst_…, vs_…."}},
    ),
    "moved": _entries(
        "Declared objects that have another name now; their live objects stay.",
        {"from": {**_ADDRESS, "description": "The old address."}, "to": {**_ADDRESS, "description": "The new one."}},
    ),
    "release": {
        "type": "array",
        "description": "Addresses that are declared no more and whose live objects stay, without an owner.",
        "items": _ADDRESS,
    },
    "takeover": _entries(
        "Objects of another stack that become this stack's.",
        {
            "address": _ADDRESS,
            "from_stack": {"type": "string", "pattern": f"^{NAME.pattern}$", "description": "The stack that has it."},
        },
    ),
}


# ── for editors ───────────────────────────────────────────────────────────────────────────────────────────────────────

DRAFT = "https://json-schema.org/draft/2020-12/schema"
EXPRESSION = {
    "type": "string",
    "pattern": r"^\$\{\{.*\}\}$",
    "description": "An expression, such as ${{ var.NAME }}, ${{ env.NAME }} or ${{ with.NAME }}.",
}


_EXPRESSION = "expression"


def documents(kinds: Kinds) -> dict[str, dict[str, Any]]:
    """File name → schema, for editors: as in `declaration`, but with expressions where they may stand."""
    changed = {kind.name: with_expressions(_referring(overlay(kind))) for kind in kinds.values()}
    parts = {_part(kind): changed[kind.name] for kind in kinds.values()}
    written = {kind.name: _of_templates(kind, with_expressions(_referring(entry(kind)))) for kind in kinds.values()}
    common = {word: with_expressions(_or_null(schema)) for word, schema in COMPOSITION.items()}
    changed |= common
    overlaid = {**_sections(kinds, overlaid=True), **_layers(kinds, of=lambda kind: kind.name)}
    project = {
        **with_overlays(_sections(kinds, overlaid=True), _layers(kinds, of=lambda kind: kind.name)),
        "$defs": changed,
    }
    made = {"retinue.schema.json": _document("retinue", "The project file, retinue.yaml", project)}
    file = _file({**_sections(kinds), **_layers(kinds, of=_part)}, {**written, **parts, **common})
    made["declarations.schema.json"] = _document("declarations", "A file of declarations", file)
    made["overlay.schema.json"] = _document("overlay", "What an environment changes", _file(overlaid, changed))
    for kind in kinds.values():
        one = with_expressions(declaration(kind))
        made[f"{kind.name}.schema.json"] = _document(kind.name, f"One {kind.title}", one)
    return made


def _referring(schema: Any) -> Any:
    """The schema of a declaration, or one beside null, with references where it says what all of them may have."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [_referring(each) for each in schema["anyOf"]]}
    if "properties" not in schema:
        return schema
    fields = {
        name: {"$ref": f"#/$defs/{name}"} if name in COMPOSITION else each
        for name, each in schema["properties"].items()
    }
    return {**schema, "properties": fields}


def _part(kind: Kind) -> str:
    return f"{kind.name}-part"


def _of_templates(kind: Kind, whole: Mapping[str, Any]) -> dict[str, Any]:
    """A declaration as it stands alone; where it extends templates, any part of one."""
    return {"if": {"required": ["extends"]}, "then": {"$ref": f"#/$defs/{_part(kind)}"}, "else": whole}


def _layers(kinds: Kinds, *, of: Callable[[Kind], str]) -> dict[str, Any]:
    """The sections of what declarations are made of; `of` says which definition has any part of a declaration."""
    stored = {kind.section: {"$ref": f"#/$defs/{of(kind)}"} for kind in kinds.values()}
    named = {
        section: {"type": ["object", "null"], "description": "Templates by name.", "additionalProperties": part}
        for section, part in stored.items()
    }
    return {
        "defaults": {
            "type": ["object", "null"],
            "description": "By section, what every declaration of this folder has that does not say otherwise.",
            "properties": stored,
            "additionalProperties": False,
        },
        "templates": {
            "type": ["object", "null"],
            "description": "By section or for any, what declarations may be made of by 'extends'.",
            "properties": named,
            "additionalProperties": {"type": "object"},
        },
    }


def _document(name: str, title: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    named = _by_name(schema)
    named["$defs"] = {**named.get("$defs", {}), _EXPRESSION: EXPRESSION}
    return {"$schema": DRAFT, "$id": f"urn:retinue:schema:{name}", "title": title, **named}


def _by_name(value: Any) -> Any:
    """The schema with a reference wherever an expression may stand: it may nearly everywhere."""
    if value is EXPRESSION:
        return {"$ref": f"#/$defs/{_EXPRESSION}"}
    if isinstance(value, Mapping):
        return {word: _by_name(each) for word, each in value.items()}
    return [_by_name(each) for each in value] if isinstance(value, list) else value


def _sections(kinds: Kinds, *, overlaid: bool = False) -> dict[str, Any]:
    """What stands under each section; what is `overlaid` may have keys that mean several, too."""
    several = rf"|{SEVERAL}" if overlaid else ""
    named = {
        kind.section: {
            "type": "object",
            "description": f"Every {kind.title} by name.",
            "propertyNames": {"pattern": rf"{kind.pattern or f'^{NAME.pattern}$'}|\$\{{\{{{several}"},
            "additionalProperties": {"$ref": f"#/$defs/{kind.name}"},
        }
        for kind in kinds.values()
    }
    return {**named, **HANDOVERS}


def _file(properties: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "patternProperties": {"^x-": {"description": "Ignored: a place for anchors that aliases repeat."}},
        "additionalProperties": False,
        "$defs": dict(definitions),
    }


def with_expressions(schema: Any) -> Any:
    """The schema, taking an expression wherever in it something other than a string is asked for."""
    return _filled(schema)[0]


def _filled(schema: Any) -> tuple[Any, bool]:
    """The same, and whether an expression may stand in the place of the whole that it does not take by itself."""
    if not isinstance(schema, Mapping):
        return schema, False
    changed = {word: _inside(word, value) for word, value in schema.items()}
    if "anyOf" in schema:
        branches = [_filled(each) for each in schema["anyOf"]]
        more = [EXPRESSION] if any(wants for _, wants in branches) else []
        return {**changed, "anyOf": [*(each for each, _ in branches), *more]}, False
    types = schema.get("type")
    return changed, "enum" in schema or (types is not None and "string" not in types)


def _or_expression(schema: Any) -> Any:
    changed, wants = _filled(schema)
    if not wants:
        return changed
    described = {word: changed.pop(word) for word in ("description",) if word in changed}
    return {**described, "anyOf": [changed, EXPRESSION]}


def _inside(word: str, value: Any) -> Any:
    if word == "properties":
        return {name: _or_expression(each) for name, each in value.items()}
    if word in ("items", "additionalProperties"):
        return _or_expression(value)
    return value
