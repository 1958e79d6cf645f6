"""One assistant → what is declared of it in another home, and a note on every field that it has."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from retinue.commands.migrate.original import Draft, Known, Migrated, Migration, Note, Original
from retinue.commands.migrate.rules import AGENT_ARGUMENTS, ARGUMENTS, SECTIONS, Home, rule
from retinue.commands.migrate.tools import Tools
from retinue.kinds._shapes import canonical_function
from retinue.kinds.assistant import KIND, MOST_METADATA, canonical_response_format
from retinue.model.canonical import canonical_json, same
from retinue.model.tag import TAG_KEY, TagError, is_ours, read_tag
from retinue.model.values import NAME

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


PROMPTS = "prompts"
_BYTE_ORDER_MARK = "\ufeff"


def make(originals: Sequence[Original], home: Home, known: Known, *, model: str | None = None) -> Migration:
    """Declarations for all of them. `model` is for prompts that name none."""
    kind, section = SECTIONS[home]
    drafts = [draft(each, home, known, model=model) for each in originals]
    functions = share(drafts, known.functions)
    names = _names(originals, known, otherwise=kind)
    migrated = tuple(_migrated(made, kind, name) for made, name in zip(drafts, names, strict=True))
    return Migration(home, section, migrated, functions)


def _migrated(made: Draft, kind: str, name: str) -> Migrated:
    spec, notes, prompt = dict(made.spec), made.notes, None
    text = spec.get("instructions")
    if isinstance(text, str) and text.strip():
        if "\r" in text or text.startswith(_BYTE_ORDER_MARK):
            found = rule(made.home, "carriage")
            notes.append(Note("instructions", found.outcome, found.message))
        else:
            spec["instructions"] = {"file": f"{PROMPTS}/{name}.md"}
            prompt = text
    return Migrated(made.original, kind, name, spec, tuple(notes), prompt)


def _names(originals: Sequence[Original], known: Known, *, otherwise: str) -> list[str]:
    """A name for each: those that are declared by one keep it, and the others make room."""
    kept = {str(each.name) for each in originals if each.origin} - known.names
    taken = set(known.names) | kept
    names: list[str] = []
    for each in originals:
        name = str(each.name) if each.origin and each.name in kept else unique(_wanted(each, otherwise), taken)
        taken.add(name)
        names.append(name)
    return names


def _wanted(original: Original, otherwise: str) -> str:
    """The name it had, the one in its ownership tag, or the one that people see."""
    for name in (original.name, _tagged(original.raw)):
        if name and NAME.fullmatch(name):
            return name
    shown = original.raw.get("name") or original.name
    return name_from(shown if isinstance(shown, str) else "", otherwise=otherwise)


def _tagged(raw: Mapping[str, Any]) -> str | None:
    metadata = raw.get("metadata")
    tag = metadata.get(TAG_KEY) if isinstance(metadata, Mapping) else None
    try:
        return read_tag(tag).address.name if isinstance(tag, str) else None
    except TagError:
        return None


def prompt_text(prompt: str) -> str:
    """A prompt as the text of its file, whose last line end is not part of what is read."""
    return prompt + "\n"


Function = Mapping[str, Any]


def share(drafts: Sequence[Draft], declared: Mapping[str, Function]) -> dict[str, Function]:
    """The functions to declare. Where one is used, or declared by the project already, its name takes its place.

    Of several functions with one name, the one that most assistants have is shared.
    """
    found: dict[str, list[Function]] = {}
    for made in drafts:
        for _, function in _functions(made):
            found.setdefault(str(function.get("name")), []).append(function)
    shared: dict[str, Function] = {}
    for name, functions in found.items():
        bodies = Counter(_body(each) for each in functions)
        body, users = bodies.most_common(1)[0]
        if name not in declared and users > 1:
            chosen = next(each for each in functions if _body(each) == body)
            shared[name] = {part: value for part, value in chosen.items() if part != "name"}
    for made in drafts:
        _name(made, {name: _body(each) for name, each in shared.items()}, by="tools.shared")
        _name(made, {name: _body(each, home=made.home) for name, each in declared.items()}, by="tools.declared")
    return shared


def _functions(made: Draft) -> Iterator[tuple[int, Function]]:
    for index, tool in enumerate(made.spec.get("tools", ())):
        if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping):
            yield index, tool["function"]


def _name(made: Draft, bodies: Mapping[str, str], *, by: str) -> None:
    for index, function in list(_functions(made)):
        name = str(function.get("name"))
        if bodies.get(name) == _body(function):
            made.spec["tools"][index] = {"function": name}
            made.note(f"tools.function/{name}", by=by)


def _body(function: Function, *, home: str = "") -> str:
    """What makes functions the same. Agents have no strict mode, so there it makes no difference."""
    body = canonical_function(function)
    if home == "agents":
        body.pop("strict", None)
    return canonical_json(body)


LONGEST = 63


def name_from(display: str, *, otherwise: str) -> str:
    """A valid name for what people call `display`; `otherwise` when nothing of it can stand in a name."""
    plain = unicodedata.normalize("NFKD", display)
    letters = "".join(each for each in plain if not unicodedata.combining(each)).lower()
    return re.sub(r"[^a-z0-9_]+", "-", letters).strip("-_")[:LONGEST].rstrip("-_") or otherwise


def unique(name: str, taken: Iterable[str]) -> str:
    """The name itself, or with the first number that makes it one of its own."""
    used = set(taken)
    number, made = 1, name
    while made in used:
        number += 1
        made = f"{name[: LONGEST - len(str(number)) - 1]}-{number}"
    return made
