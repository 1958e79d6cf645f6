"""Where assistants to migrate are found: in the declarations, on the account, in dumps and prompt files.

Dumps may have any of the known shapes: tolerant of the shape, inventing nothing. What a file is says its name; one
without a telling name is a dump where it reads as one, and else a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from retinue import engine
from retinue.commands.migrate.original import Note, Original
from retinue.commands.migrate.rules import Home
from retinue.config.problems import Diagnostics
from retinue.config.source_text import Source, UndecodableError, decode
from retinue.config.yaml.parser import NotJsonError, parse, read_json
from retinue.errors import AccountError, RetinueError
from retinue.kinds import all_kinds
from retinue.model.tag import TAG_KEY, TagError, read_tag
from retinue.model.values import Ref

_TEXT_FILES = frozenset({".md", ".markdown", ".txt", ".prompt"})
_JSON_FILES = frozenset({".json", ".jsonl", ".ndjson"})
_YAML_FILES = frozenset({".yaml", ".yml"})
# A name alone tells nothing: packages, services and workflows have one, too.
_TELLING = ("model", "instructions", "messages", "prompt", "tools")
_FRONT_MATTER = re.compile(r"\s*(---|\+\+\+)[ \t]*\r?\n(?:.*\n)??\1[ \t]*(?:\r?\n|$)", re.S)
# Files of packages and builds that are called like a text or have no suffix; what has another one is refused anyway.
_PACKAGE_FILE = re.compile(
    r"""\.[^.]*                                                  # .gitignore, .env
    | (?:requirements|constraints)(?:[-_.].*)?\.txt | (?:dev|test|tests|docs|build|prod)[-_.]requirements\.txt
    | (?:cmakelists|conanfile|meson_options|runtime)\.txt
    | (?:pip|gem|docker|container|(?:gnu)?make|just|rake|proc|jenkins|vagrant|brew|pod|cart|fast|app|guard|cap)file
    | (?:berks|tilt|earth|snake|task|caddy|puppet)file | workspace | build | sconstruct | sconscript
    | (?:licen[cs]e|copying|notice|codeowners)(?:\.txt|\.md)?""",
    re.VERBOSE,
)
_PINNED = re.compile(r"[A-Za-z0-9][\w.-]*(?:\[[^]]*\])? ?(?:===?|[<>~!]=|[<>]) ?[\w.*]+.*|-[rce] ?\S+|--[a-z-]+[ =]\S+")
_PLAIN_KEY = re.compile(r"[a-z][a-z0-9_]*")
_OBJECTS = (None, "assistant", "prompt", "prompt.version", "response")
_READ_BY = ("developer", "system")


@dataclass(frozen=True, slots=True)
class Found:
    """Assistants to migrate, and the vector stores of the account that they may use, by id."""

    originals: tuple[Original, ...]
    stores: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def read_declared(where: engine.Where, home: Home) -> Found:
    """The assistants that the project declares, but for those that are at home there already."""
    reading = engine.read(where)
    kind = all_kinds()["assistant"]
    originals: list[Original] = []
    stores: dict[str, str] = {}
    for each in reading.declared:
        if each.address.kind != kind.name or getattr(each, "home", None) == home:
            continue
        spec = dict(each.spec)
        files = spec.pop("file_ids", {})
        ids = [str(one) for one in spec.get("vector_store_ids", ())]
        stores |= {str(one): one.address.name for one in spec.pop("vector_store_ids", ()) if isinstance(one, Ref)}
        raw = kind.write({name: value for name, value in spec.items() if kind.has(name)})
        raw |= {name: value for name, value in spec.items() if not kind.has(name)}
        raw["tool_resources"] = {"file_search": {"vector_store_ids": ids}}
        place = str(each.position())
        originals.append(Original(raw, str(each.address), each.address.name, tuple(files), origin=place))
    return Found(tuple(originals), stores)


def read_live(where: engine.Where) -> Found:
    """The assistants of the project's account, whoever owns them, and the names of the stores that are the stack's."""
    with engine.open_session(where) as session:
        listed: dict[str, list[dict[str, Any]]] = {}
        for name in ("assistant", "vector_store"):
            try:
                listed[name] = list(session.providers[None].pages(name))
            except AccountError as error:
                if error.status != 404 or name != "assistant":
                    raise
                raise AccountError(
                    f"the account serves no assistants: {error.message}",
                    hint="give a JSON dump of them, or leave --live out to migrate what is declared here",
                    status=404,
                ) from error
        declared = {each.address for each in session.reading.declared}
        stores: dict[str, str] = {}
        for raw in listed["vector_store"]:
            try:
                tag = read_tag(str((raw.get("metadata") or {}).get(TAG_KEY) or ""))
            except TagError:
                continue
            if tag.stack == session.project.stack and tag.address in declared:
                stores[raw["id"]] = tag.address.name
    return Found(tuple(each for raw in listed["assistant"] for each in _read(raw, raw["id"])), stores)


def read_files(texts: Mapping[str, bytes]) -> Found:
    """The assistants in dumps and prompt files, by the names of the files. Raises RetinueError for what is neither."""
    originals: list[Original] = []
    warnings: list[str] = []
    for name, content in texts.items():
        try:
            source = decode(name, content)
        except UndecodableError as error:
            raise RetinueError(f"'{name}' cannot be read: {error.message}", hint=error.hint) from error
        data = _dump(source)
        if data is None:
            originals.append(read_text(source.text, name))
            continue
        if is_cut(data):
            warnings.append(f"'{name}' is one page of a longer list (has_more): dump the pages that follow, too")
        originals += _read(data, name)
    return Found(tuple(originals), {}, tuple(warnings))


def _read(data: Any, name: str) -> list[Original]:
    try:
        return read_data(data, name)
    except NotAnAssistantError as error:
        raise RetinueError(str(error), hint="give the answer of GET /assistants, or single assistants") from error


def _dump(source: Source) -> Any:
    """The data of a dump in JSON or YAML; None for a prompt. Raises RetinueError for what is neither."""
    suffix = PurePosixPath(source.name).suffix.lower()
    if not source.text.strip():
        raise RetinueError(f"'{source.name}' holds neither a dump nor a prompt", hint="give a dump of assistants")
    if suffix in _JSON_FILES:
        return _json(source)
    if suffix in _YAML_FILES:
        return _yaml(source)
    if _is_package_file(source):
        hint = "give a dump of assistants, or a prompt; rename it if it is one of these"
        raise RetinueError(f"'{source.name}' is a file of packages, of a build or of a repository", hint=hint)
    if suffix not in (*_TEXT_FILES, ""):
        hint = "give a dump in .json or .yaml, or a prompt in .md or .txt; rename it if it is one of these"
        raise RetinueError(f"'{source.name}' is of a type that is not known", hint=hint)
    if suffix == "" and source.text.lstrip().startswith(("{", "[")):
        return _json(source)
    if suffix == "" and _reads_as_yaml(source):
        return _yaml(source)
    if _FRONT_MATTER.match(source.text):
        hint = "remove what stands between the two lines, and say it where it belongs: --model NAME for the model"
        raise RetinueError(f"'{source.name}' begins with front matter, which is no part of a prompt", hint=hint)
    if _reads_as_yaml(source) and not source.text.lstrip().startswith("#"):
        hint = "if it is a dump, have its name end in .yaml or .json; if it is a prompt, begin it with a heading"
        raise RetinueError(f"'{source.name}' is no text, but data with the fields of an assistant", hint=hint)
    return None


def _is_package_file(source: Source) -> bool:
    """Whether a text is what tools of programmers read: by its name, or since it does nothing but pin packages."""
    lines = [line.strip() for line in source.text.splitlines()]
    said = [line for line in lines if line and not line.startswith("#")]
    pinned = bool(said) and all(map(_PINNED.fullmatch, said))
    return pinned or _PACKAGE_FILE.fullmatch(PurePosixPath(source.name).name.lower()) is not None


def _json(source: Source) -> Any:
    """The value of a JSON text, or the list of those in its lines."""
    try:
        return read_json(source)
    except NotJsonError as whole:
        try:
            return [read_json(Source(source.name, line)) for line in source.text.splitlines() if line.strip()]
        except NotJsonError:
            where = source.position(whole.offset)
            raise RetinueError(f"{where}: {whole.message}", hint=whole.hint) from whole


def _yaml(source: Source) -> Any:
    """The value of a YAML text, or the list of those in its documents."""
    found = Diagnostics()
    documents, _ = parse(source, found)
    if found.all:
        first = found.all[0]
        raise RetinueError(f"{first.position}: {first.message}", hint=first.hint)
    return documents[0].data if len(documents) == 1 else [each.data for each in documents]


def _reads_as_yaml(source: Source) -> bool:
    """Whether a text is nothing but mappings in YAML, with a field that tells an assistant and no other sort of key."""
    documents, _ = parse(source, found := Diagnostics())
    mappings = [each.data for each in documents if isinstance(each.data, dict) and not found.all]
    return bool(mappings) and all(
        len(mappings) == len(documents) and _tells(each) and all(map(_PLAIN_KEY.fullmatch, each)) for each in mappings
    )


# ── one dump ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class NotAnAssistantError(ValueError):
    """The data is something else than what assistants are dumped as."""


def read_data(data: Any, source: str) -> list[Original]:
    """The assistants of a list of the API, a bare list, or one object. Raises NotAnAssistantError."""
    if isinstance(data, Mapping) and isinstance(data.get("data"), list):
        data = data["data"]
    entries = data if isinstance(data, list) else [data]
    several = len(entries) > 1
    return [_original(each, f"{source}[{index}]" if several else source) for index, each in enumerate(entries)]


def is_cut(data: Any) -> bool:
    """Whether the data is one page of a list that goes on."""
    return isinstance(data, Mapping) and isinstance(data.get("data"), list) and data.get("has_more") is True


def read_text(text: str, source: str) -> Original:
    """A prompt that is nothing but its text. The line end that ends the file is not part of it."""
    text = text.replace("\r\n", "\n").removesuffix("\n")
    return Original({"instructions": text}, source, name=source.rpartition("/")[2].partition(".")[0])


def _original(entry: Any, where: str) -> Original:
    if not isinstance(entry, Mapping):
        raise NotAnAssistantError(f"{where} is no object, but {type(entry).__name__}")
    if entry.get("object") not in _OBJECTS:
        raise NotAnAssistantError(f"{where} is a '{entry['object']}', not an assistant")
    if not _tells(entry) and any(each.section in entry for each in all_kinds().values()):
        raise NotAnAssistantError(f"{where} holds declarations: without FILE, those of the project are migrated")
    if not _tells(entry):
        raise NotAnAssistantError(f"{where} has neither a model nor instructions")
    try:
        check_text(entry)
    except UnicodeEncodeError as error:
        raise NotAnAssistantError(f"{where} holds half of a surrogate pair, which is no text") from error
    raw, notes = _as_assistant(entry)
    return Original(raw, str(entry.get("id") or where), notes=tuple(notes))


def _tells(entry: Mapping[str, Any]) -> bool:
    """Whether an object has a field that an assistant or a prompt has, and hardly anything else."""
    tools = entry.get("tools")
    listed = isinstance(tools, list) and all(isinstance(each, Mapping) and "type" in each for each in tools)
    return any(key in entry for key in _TELLING if key != "tools") or (bool(tools) and listed)


def check_text(value: Any) -> None:
    """Raises UnicodeEncodeError for text that cannot be written to a file."""
    for each in _texts(value):
        each.encode("utf-8")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


# ── prompts of the dashboard and arguments of the Responses API ───────────────────────────────────────────────────────


def _as_assistant(entry: Mapping[str, Any]) -> tuple[dict[str, Any], list[Note]]:
    """The entry in the shape of the Assistants API. What has no place there keeps its own, and is reported later."""
    raw = dict(entry)
    notes: list[Note] = []
    _move(raw, "reasoning", "effort", "reasoning_effort", lambda value: value)
    _move(raw, "text", "format", "response_format", _response_format)
    if not raw.get("instructions"):
        _take_message(raw, notes)
    held = raw.get("tool_resources")
    if isinstance(raw.get("tools"), list) and (held is None or isinstance(held, Mapping)):
        resources = dict(held or {})
        raw["tools"] = [_tool(each, resources) for each in raw["tools"]]
        raw["tool_resources"] = resources
    return raw, notes


def _move(raw: dict[str, Any], part: str, key: str, name: str, change: Any) -> None:
    inner = raw.get(part)
    if not isinstance(inner, Mapping) or key not in inner or name in raw:
        return
    raw[name] = change(inner[key])
    rest = {other: value for other, value in inner.items() if other != key}
    raw.pop(part)
    if rest:
        raw[part] = rest


def _response_format(value: Any) -> Any:
    if not isinstance(value, Mapping) or "type" not in value or "json_schema" in value:
        return value
    if value["type"] == "text":
        return "auto"
    rest = {key: each for key, each in value.items() if key != "type"}
    return {"type": value["type"], **({"json_schema": rest} if rest else {})}


def _take_message(raw: dict[str, Any], notes: list[Note]) -> None:
    """A prompt object may hold its instructions as its one message by the developer or the system."""
    messages = raw.get("messages")
    if not isinstance(messages, list):
        return
    chosen = [each for each in messages if isinstance(each, Mapping) and each.get("role") in _READ_BY]
    text = _message_text(chosen[0]) if len(chosen) == 1 else None
    if text is None:
        return
    raw["instructions"] = text
    rest = [each for each in messages if each is not chosen[0]]
    raw.pop("messages")
    if rest:
        raw["messages"] = rest
    notes.append(Note("messages", "changed", f"the message of the {chosen[0]['role']} becomes the instructions"))


def _message_text(message: Mapping[str, Any]) -> str | None:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    if len(parts) == 1 and isinstance(parts[0], Mapping) and isinstance(parts[0].get("text"), str):
        return str(parts[0]["text"])
    return None


def _tool(tool: Any, resources: dict[str, Any]) -> Any:
    """A tool with its options where the Assistants API has them; flat ones are of the Responses API."""
    if not isinstance(tool, Mapping):
        return {"type": str(tool)} if isinstance(tool, str) else tool
    kind = tool.get("type")
    options = {key: value for key, value in tool.items() if key != "type"}
    if kind not in ("function", "file_search", "code_interpreter") or kind in tool or not options:
        return dict(tool)
    if kind == "function":
        return {"type": kind, "function": options}
    if kind == "file_search":
        _move_ids(options, "vector_store_ids", resources, kind)
        return {"type": kind, **({kind: options} if options else {})}
    container = options.get("container")
    if isinstance(container, Mapping):
        inner = {key: value for key, value in container.items() if (key, value) != ("type", "auto")}
        _move_ids(inner, "file_ids", resources, kind)
        options["container"] = inner
    return {"type": kind, **{key: value for key, value in options.items() if value not in ({}, None)}}


def _move_ids(options: dict[str, Any], key: str, resources: dict[str, Any], kind: str) -> None:
    if isinstance(options.get(key), list) and kind not in resources:
        resources[kind] = {key: options.pop(key)}
