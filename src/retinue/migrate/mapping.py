"""One assistant → what is declared of it in another home, and a note on every field that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retinue.core.canonical import same
from retinue.core.ownership import is_ours
from retinue.kinds.assistant import KIND, MOST_METADATA, canonical_response_format
from retinue.migrate.draft import Draft
from retinue.migrate.model import Home, Known, Original
from retinue.migrate.tables import AGENT_ARGUMENTS, ARGUMENTS
from retinue.migrate.tools import Tools

ORDER = (
    "name",
    "api",
    "description",
    "model",
    "reasoning_effort",
    "reasoning",
    "temperature",
    "top_p",
    "instructions",
    "tools",
    "response_format",
    "text",
    "service_tier",
    "extra",
    "metadata",
)
"""The fields of a declaration in the order in which people read them."""

_OF_THE_SERVER = frozenset({"id", "object", "created_at", "updated_at", "tool_resources"})
_LONGEST_AGENT_NAME = 128


def draft(original: Original, home: Home, known: Known, *, model: str | None = None) -> Draft:
    """The declaration without its name and with its instructions as text. `model` stands in where there is none."""
    made = Draft(original, home, notes=list(original.notes))
    raw = original.raw
    if home == "responses":
        made.spec["api"] = home
    made.note("model", by="model" if raw.get("model") else "model.given")
    made.spec["model"] = raw.get("model") or model
    if raw.get("instructions") is not None:
        made.note("instructions")
        made.spec["instructions"] = raw["instructions"]
    for name in ("name", "description", "temperature", "top_p", "reasoning_effort"):
        _simple(made, name, raw.get(name))
    _response_format(made, raw.get("response_format"))
    _metadata(made, raw.get("metadata"))
    tools = Tools(made, known)
    tools.read(raw.get("tools"), raw.get("tool_resources"))
    _extra(made, raw.get("extra"))
    _unknown(made, raw)
    if tools.further:
        further = made.spec.get("extra", {})
        made.spec["extra"] = {**further, "tools": [*further.get("tools", ()), *tools.further]}
    made.spec = {name: made.spec[name] for name in ORDER if name in made.spec}
    return made


def _simple(made: Draft, name: str, value: Any) -> None:
    """A field with one value. What the API fills in by itself was not chosen by anybody."""
    if value is None or same(value, KIND.field(name).default) or (made.home == "agents" and value == ""):
        return
    if made.home == "agents" and name == "name" and isinstance(value, str) and len(value) > _LONGEST_AGENT_NAME:
        made.note(name, by="name.too_long", value=value)
        return
    if not made.note(name, value=value):
        return
    if made.home == "agents" and name == "reasoning_effort":
        made.spec["reasoning"] = {"effort": value}
    else:
        made.spec[name] = value


def _response_format(made: Draft, value: Any) -> None:
    if value is None or value == "auto":
        return
    value = canonical_response_format(value)
    kind = value.get("type") if isinstance(value, Mapping) else None
    schema = value.get("json_schema") if isinstance(value, Mapping) else None
    if made.home == "agents" and kind == "json_object":
        made.note("response_format", by="response_format.json_object", value=value)
        return
    if made.home != "assistants-v2" and kind == "json_schema" and not _has_schema(schema):
        made.note("response_format", by="response_format.no_schema", value=value)
        return
    made.note("response_format")
    if made.home != "agents":
        made.spec["response_format"] = value
        return
    made.spec["text"] = {"format": {"type": kind, **({"schema": schema["schema"]} if schema else {})}}
    for part, inner in (schema or {}).items():
        if part == "schema":
            continue
        by = f"response_format.{part}" if part in ("name", "description", "strict") else "unknown"
        made.note(f"response_format.{part}", by=by, value=inner)


def _agent_argument(made: Draft, name: str, value: Any) -> None:
    """An argument of a prompt that an agent has a field for, or for some of its parts."""
    parts = AGENT_ARGUMENTS[name]
    if not parts:
        made.note(name)
        made.spec[name] = value
        return
    for part, inner in value.items() if isinstance(value, Mapping) else ():
        if inner is None:
            continue
        if part in parts:
            made.note(f"{name}.{part}")
            made.spec[name] = {**made.spec.get(name, {}), part: inner}
        else:
            made.note(f"{name}.{part}", by="unknown", value=inner)
    if not isinstance(value, Mapping):
        made.note(name, by="unknown", value=value)


def _has_schema(json_schema: Any) -> bool:
    return isinstance(json_schema, Mapping) and isinstance(json_schema.get("schema"), Mapping)


def _metadata(made: Draft, value: Any) -> None:
    if not isinstance(value, Mapping):
        if value is not None:
            made.note("metadata", by="unknown", value=value)
        return
    if any(is_ours(key) for key in value):
        made.note("metadata.retinue", by="tag")
    pairs = {key: each for key, each in value.items() if not is_ours(key)}
    for key in list(pairs)[MOST_METADATA:]:
        made.note(f"metadata.{key}", by="metadata.full", value=pairs.pop(key))
    if pairs and made.note("metadata", value=pairs):
        made.spec["metadata"] = pairs


def _extra(made: Draft, value: Any) -> None:
    """Further arguments, which only what is for the Responses API already can have."""
    if not value:
        return
    if made.home == "responses":
        made.note("extra")
        made.spec["extra"] = value
    else:
        made.note("extra", by="unknown", value=value)


def _unknown(made: Draft, raw: Mapping[str, Any]) -> None:
    known = {*_OF_THE_SERVER, "extra", *(each.body_path[0] for each in KIND.fields)}
    for name, value in raw.items():
        if name in known or value in (None, "", [], {}):
            continue
        if made.home == "agents" and name in AGENT_ARGUMENTS:
            _agent_argument(made, name, value)
        elif made.home == "responses" and name in ARGUMENTS:
            made.note(name, by="extra.argument")
            made.spec["extra"] = {**made.spec.get("extra", {}), name: value}
        else:
            made.note(name, by="unknown", value=value)
