"""One assistant → what is declared of it in another home, and a note on every field that it has."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retinue.commands.migrate.original import Known, Migrated, Migration, Note, Original, Translation
from retinue.commands.migrate.rules import AGENT_ARGUMENTS, AGENT_TOOLS, ARGUMENT_TOOLS, ARGUMENTS, SECTIONS, Home, rule
from retinue.commands.suggested_names import name_from, unique
from retinue.kinds._assistant_tools import (
    FILE_SEARCH_OPTIONS,
    RANKER_DEFAULTS,
    RANKING_OPTIONS,
    canonical_tools,
    tool_key,
)
from retinue.kinds._shapes import FUNCTION_PROPERTIES, canonical_function
from retinue.kinds.assistant import KIND, MOST_CODE_FILES, MOST_METADATA, canonical_response_format
from retinue.model.canonical import canonical_json, same
from retinue.model.paths import dig
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
_RESOURCES = {"file_search": "vector_store_ids", "code_interpreter": "file_ids"}
_DATED_RANKER = "default_2024_08_21"
# SDK responses/file_search_tool_param: the name of the same ranker in the Responses API.
_DATED_RANKER_THERE = "default-2024-11-15"

PROMPTS = "prompts"
_BYTE_ORDER_MARK = "\ufeff"
Function = Mapping[str, Any]


def draft(original: Original, home: Home, known: Known, *, model: str | None = None) -> Translation:
    """The declaration without its name and with its instructions as text. `model` stands in where there is none."""
    made = Translation(original, home, notes=list(original.notes))
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


def _simple(made: Translation, name: str, value: Any) -> None:
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


def _response_format(made: Translation, value: Any) -> None:
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


def _agent_argument(made: Translation, name: str, value: Any) -> None:
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


def _metadata(made: Translation, value: Any) -> None:
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


def _extra(made: Translation, value: Any) -> None:
    """Further arguments, which only what is for the Responses API already can have."""
    if not value:
        return
    if made.home == "responses":
        made.note("extra")
        made.spec["extra"] = value
    else:
        made.note("extra", by="unknown", value=value)


def _unknown(made: Translation, raw: Mapping[str, Any]) -> None:
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


# ── its tools, with the store and the files that they use ─────────────────────────────────────────────────────────────


class Tools:
    """Writes the tools of a draft, in the forms of declarations."""

    def __init__(self, made: Translation, known: Known) -> None:
        self._made = made
        self._known = known
        self._written: list[Any] = []
        self.further: list[Any] = []
        """Tools that only the Responses API has."""

    def read(self, tools: Any, resources: Any) -> None:
        held = {kind: self._ids(resources, kind) for kind in _RESOURCES}
        seen: set[str] = set()
        for tool in tools if isinstance(tools, list) else ():
            said = tool.get("type") if isinstance(tool, Mapping) else None
            kind = said if isinstance(said, str) else None
            if kind in ARGUMENT_TOOLS and self._made.home == "responses":
                self._made.note(f"tools.{kind}", by="extra.argument")
                self.further.append(tool)
                continue
            if kind in AGENT_TOOLS and self._made.home == "agents":
                self._for_agents(tool, str(kind))
                continue
            if kind not in ("function", "file_search", "code_interpreter") or not _has_options(tool, kind):
                self._made.note(f"tools.{kind or '?'}", by="unknown_tool", value=tool)
                continue
            key = tool_key(tool)
            if key in seen:
                self._made.note(f"tools.{key}", by="repeated_tool", value=tool)
                continue
            seen.add(key)
            self._options(tool, str(kind), key)
            if kind == "function":
                self._function(tool, key)
            elif kind == "file_search":
                self._file_search(tool, held.pop(kind))
            else:
                self._code_interpreter(held.pop(kind))
        for kind, ids in held.items():
            if ids:
                self._made.note(f"tool_resources.{kind}", by="resources", value=ids)
        self._unknown_resources(resources)
        for name, value, form in (("tools", tools, list), ("tool_resources", resources, Mapping)):
            if value is not None and not isinstance(value, form):
                self._made.note(name, by="unknown", value=value)
        if self._written:
            self._made.spec["tools"] = self._written

    def _ids(self, resources: Any, kind: str) -> list[str]:
        part = resources.get(kind) if isinstance(resources, Mapping) else None
        ids = part.get(_RESOURCES[kind]) if isinstance(part, Mapping) else None
        return [str(each) for each in ids] if isinstance(ids, list) else []

    def _unknown_resources(self, resources: Any) -> None:
        for kind, part in resources.items() if isinstance(resources, Mapping) else ():
            inner = part if isinstance(part, Mapping) else {"": part}
            for key, value in inner.items():
                if key != _RESOURCES.get(kind) and value not in (None, "", [], {}):
                    name = f"tool_resources.{kind}.{key}".rstrip(".")
                    self._made.note(name, by="unknown", value=value)

    def _options(self, tool: Mapping[str, Any], kind: str, key: str) -> None:
        """Report the options that this version does not know."""
        known = {"function": ("name", *FUNCTION_PROPERTIES), "file_search": FILE_SEARCH_OPTIONS}.get(kind, ())
        options = tool.get(kind) or {}
        parts = [
            ("", tool, ("type", kind)),
            ("", options, known),
            ("ranking_options.", _ranking(tool), RANKING_OPTIONS),
        ]
        for prefix, part, names in parts:
            for name, value in part.items():
                if name not in names and value is not None:
                    self._made.note(f"tools.{key}.{prefix}{name}", by="unknown", value=value)

    # ── one method for each type of tool ──────────────────────────────────────────────────────────────────────────────

    def _function(self, tool: Mapping[str, Any], key: str) -> None:
        name = f"tools.{key}"
        body = canonical_tools([tool])[key]
        if self._made.home == "agents":
            if not body.get("description"):
                self._made.note(name, by="tools.function.no_description", value=tool.get("function"))
                return
            if body.pop("strict", False):
                self._made.note(f"{name}.strict", by="tools.function.strict", value=True)
        not_strict = self._made.home == "responses" and not body.get("strict")
        self._made.note(name, by="tools.function.not_strict" if not_strict else "tools.function")
        if not_strict:
            body["strict"] = False
        ordered = {part: body[part] for part in ("description", "strict", "parameters") if part in body}
        self._written.append({"function": {"name": (tool.get("function") or {}).get("name"), **ordered}})

    def _for_agents(self, tool: Mapping[str, Any], kind: str) -> None:
        """A tool of a prompt that agents have under other names of its options (SDK persisted_agent_tool_param)."""
        if kind == "mcp" and not tool.get("server_url"):
            self._made.note(f"tools.{kind}", by="unknown_tool", value=tool.get("server_label"))
            return
        self._made.note(f"tools.{kind}", by="tools.mcp" if kind == "mcp" else "tools.web_search")
        options: dict[str, Any] = {}
        for name, value in tool.items():
            if name == "type" or value is None:
                continue
            if name == "filters" and isinstance(value, Mapping) and set(value) == {"allowed_domains"}:
                options["allowed_domains"] = value["allowed_domains"]
            elif name == "user_location" and isinstance(value, Mapping):
                options["location"] = {part: each for part, each in value.items() if part != "type" and each}
            elif name in AGENT_TOOLS[kind] and not (name == "allowed_tools" and not isinstance(value, list)):
                options[AGENT_TOOLS[kind][name]] = value
            elif name == "require_approval" and value == "never":
                continue  # agents do not ask
            else:
                secret = kind == "mcp" and name in ("authorization", "headers")
                by = "tools.mcp.authorization" if secret else "unknown"
                self._made.note(f"tools.{kind}.{name}", by=by, value="(not shown)" if secret else value)
        if kind == "mcp":
            url = options.pop("server_url")
            label = options.pop("server_label", "mcp")
            options = {"server_label": label, "transport": {"type": "http", "server_url": url}, **options}
            self._written.append({"mcp": options})
        else:
            self._written.append({"web_search": options} if options else "web_search")

    def _file_search(self, tool: Mapping[str, Any], ids: list[str]) -> None:
        field = "tools.file_search"
        if self._made.home == "responses" and not ids:
            self._made.note(field, by=f"{field}.no_store", value=dict(tool))
            return
        options = self._search_options(tool)
        if not self._made.note(field, value={**options, **({"vector_store_ids": ids} if ids else {})}):
            return
        ranker = _ranking(tool).get("ranker")
        if "ranking_options" in options and ranker != _DATED_RANKER_THERE:
            self._made.note(f"{field}.ranking_options")
        for more in ids[1:]:
            self._made.note(f"{field}.vector_store_ids", by="more_stores", value=more)
        if ids:
            options = {"vector_store": self._known.stores.get(ids[0], {"id": ids[0]}), **options}
        self._written.append({"file_search": options} if options else "file_search")

    def _search_options(self, tool: Mapping[str, Any]) -> dict[str, Any]:
        """What was chosen of max_num_results and ranking_options; a ranker is only written where it is not the rule."""
        options = dict(canonical_tools([tool])["file_search"])
        ranking = dict(options.pop("ranking_options", {}))
        ranker = _ranking(tool).get("ranker")
        ranking.pop("ranker", None)
        if ranker not in (None, *RANKER_DEFAULTS, _DATED_RANKER_THERE):
            self._made.note("tools.file_search.ranking_options.ranker", by="ranker", value=ranker)
        elif ranking and ranker in (_DATED_RANKER, _DATED_RANKER_THERE) and self._made.home == "responses":
            ranking = {"ranker": _DATED_RANKER, **ranking}
        return {**options, **({"ranking_options": ranking} if ranking else {})}

    def _code_interpreter(self, ids: list[str]) -> None:
        files = self._made.original.files
        kept = self._made.note("tools.code_interpreter")
        # Files that a stack uploaded are deleted with its assistant: what is to stay must not lean on them.
        stay = kept and not self._made.owned and len(ids) <= MOST_CODE_FILES
        if ids:
            self._made.note("tools.code_interpreter.files", by="files.stay" if stay else "files", value=ids)
        if files and not kept:
            self._made.note("tools.code_interpreter.files", by="files", value=list(files))
        if kept:
            listed: list[Any] = [posixpath.relpath(each, self._known.below) for each in files]
            listed += [{"id": each} for each in dict.fromkeys(ids)] if stay else []
            self._written.append({"code_interpreter": {"files": listed}} if listed else "code_interpreter")


def _has_options(tool: Mapping[str, Any], kind: str) -> bool:
    """Whether the options of a tool are where and what they are expected to be."""
    options = tool.get(kind) or {}
    if not isinstance(options, Mapping):
        return False
    return isinstance(options.get("ranking_options") or {}, Mapping)


def _ranking(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = dig(tool, ("file_search", "ranking_options")) or {}
    return found if tool.get("type") == "file_search" else {}


# ── all of them ───────────────────────────────────────────────────────────────────────────────────────────────────────


def make(originals: Sequence[Original], home: Home, known: Known, *, model: str | None = None) -> Migration:
    """Declarations for all of them. `model` is for prompts that name none."""
    kind, section = SECTIONS[home]
    drafts = [draft(each, home, known, model=model) for each in originals]
    functions = share(drafts, known.functions)
    names = _names(originals, known, otherwise=kind)
    migrated = tuple(_migrated(made, kind, name) for made, name in zip(drafts, names, strict=True))
    return Migration(home, section, migrated, functions)


def _migrated(made: Translation, kind: str, name: str) -> Migrated:
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


# ── functions that several of them have ───────────────────────────────────────────────────────────────────────────────


def share(drafts: Sequence[Translation], declared: Mapping[str, Function]) -> dict[str, Function]:
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


def _functions(made: Translation) -> Iterator[tuple[int, Function]]:
    for index, tool in enumerate(made.spec.get("tools", ())):
        if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping):
            yield index, tool["function"]


def _name(made: Translation, bodies: Mapping[str, str], *, by: str) -> None:
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
