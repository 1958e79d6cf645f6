"""An assistant of the Assistants API v2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from retinue.kinds._assistant_tools import TOOL, canonical_tools, carry_over_unknown, read_entry, tool_key, wire_tools
from retinue.kinds._responses import EXTRA, RANKERS, responses_home
from retinue.kinds._shapes import (
    FUNCTION_NAME,
    FURTHER,
    JSON_SCHEMA,
    LARGEST_FILE,
    METADATA,
    TEXT,
    compose_files,
    empty,
    keyed_files,
    keyed_tools,
)
from retinue.kinds.fields import Field, KeyedField, UploadsField
from retinue.kinds.kind import Expansion, Inclusion, Kind, Reference
from retinue.kinds.stores import Plain
from retinue.kinds.strict_schema import strict_function_problems, strict_problems
from retinue.model.declared import Problem
from retinue.model.paths import without_defaults
from retinue.model.tag import file_record_keys
from retinue.model.values import FileRef, Path

# SPEC CreateAssistantRequest: tools maxItems 128, code_interpreter.file_ids maxItems 20.
MOST_TOOLS = 128
MOST_CODE_FILES = 20
MOST_METADATA = 15


def expand(spec: Mapping[str, Any]) -> Expansion:
    """Write the tools' shorthands out, and move what they carry by id to where the API wants it."""
    expanded = {key: value for key, value in spec.items() if key != "tools"}
    if "tools" not in spec:
        return expanded, {}
    tools: list[dict[str, Any]] = []
    origins: dict[Path, Path] = {}
    for index, entry in enumerate(spec["tools"]):
        kind, options = read_entry(entry)
        where: Path = ("tools", index) if isinstance(entry, str) else ("tools", index, kind)
        if kind == "function":
            tool: dict[str, Any] = {"type": kind, kind: options}
        elif kind == "file_search":
            if "vector_store" in options:
                expanded["vector_store_ids"] = [options.pop("vector_store")]
                origins["vector_store_ids",] = (*where, "vector_store")
            tool = {"type": kind, kind: options} if options else {"type": kind}
        else:
            if "files" in options:
                files = {each.get("id") or each["path"]: each for each in options["files"]}
                expanded["file_ids"] = {path: _file(each) for path, each in files.items()}
                for path, each in files.items():
                    origins["file_ids", path] = (*where, "files", each["entry"])
            tool = {"type": kind}
        tools.append(tool)
        origins.setdefault(("tools", tool_key(tool)), where)
    expanded["tools"] = tools
    return expanded, origins


def compose(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tools back what they carry, and write those without options as words."""
    written = {name: value for name, value in spec.items() if name not in ("tools", "vector_store_ids", "file_ids")}
    stores, files = spec.get("vector_store_ids"), spec.get("file_ids")
    carried = {
        "file_search": {"vector_store": stores[0]} if stores else {},
        "code_interpreter": {"files": compose_files(files)} if files else {},
    }
    tools = [
        (tool["type"], {**carried.get(tool["type"], {}), **tool.get(tool["type"], {})})
        for tool in wire_tools(spec.get("tools", {}))
    ]
    if tools:
        written["tools"] = [{kind: options} if options else kind for kind, options in tools]
    return written


def _file(entry: Mapping[str, Any]) -> FileRef | str:
    """A file of the project, or the id of one that is kept elsewhere."""
    return str(entry["id"]) if "id" in entry else FileRef(entry["path"], entry["sha256"], entry["size"])


def canonical_response_format(value: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(value.get("json_schema"), Mapping):
        return {**value, "json_schema": without_defaults(value["json_schema"], {"strict": False})}
    return value


def check(spec: Mapping[str, Any]) -> Iterable[Problem]:
    yield from _check_tools(spec.get("tools", []))
    yield from _check_response_format(spec.get("response_format"))
    files = spec.get("file_ids", {})
    if len(files) > MOST_CODE_FILES:
        yield Problem(
            "too-many",
            ("tools", "code_interpreter"),
            f"{len(files)} files are given to code_interpreter, but the API takes {MOST_CODE_FILES}",
        )
    for path, file in files.items():
        if isinstance(file, str):
            continue
        if file.size == 0:
            yield Problem("empty-file", ("file_ids", path), f"'{path}' is empty, which the API refuses")
        if len(path) > 256:
            yield Problem(
                "path-too-long", ("file_ids", path), f"the path of '{path[:60]}…' is longer than 256 characters"
            )
    yield from _check_room(len(spec.get("metadata") or {}), files)


def _check_tools(tools: Iterable[Mapping[str, Any]]) -> Iterable[Problem]:
    seen: set[str] = set()
    for tool in tools:
        key = tool_key(tool)
        if key in seen:
            yield Problem(
                "duplicate-tool", ("tools", key), f"the tool '{key}' is listed twice", "remove one of the two"
            )
        seen.add(key)
        function = tool.get("function") or {}
        ranker = ((tool.get("file_search") or {}).get("ranking_options") or {}).get("ranker")
        if ranker in RANKERS.values():
            other = next(old for old, new in RANKERS.items() if new == ranker)
            message = f"the ranker '{ranker}' is called '{other}' with 'api: assistants-v2'"
            yield Problem("not-allowed-value", ("tools", key, "ranking_options", "ranker"), message, f"write '{other}'")
        yield from strict_function_problems(function, ("tools", key, "parameters"))


def _check_room(declared: int, files: Mapping[str, Any]) -> Iterable[Problem]:
    """Which file is which is recorded in metadata pairs, of which the API takes 16 and the tag needs one."""
    records = file_record_keys(files)
    if records > MOST_METADATA:
        yield Problem(
            "too-many",
            ("tools", "code_interpreter"),
            f"recording the paths of {len(files)} files takes {records} metadata pairs, but {MOST_METADATA} are free",
            "shorten the paths or give fewer files",
        )
    elif records and declared > MOST_METADATA - records:
        yield Problem(
            "too-many",
            ("metadata",),
            f"{declared} metadata pairs are declared, but recording {len(files)} code_interpreter files "
            f"leaves room for {MOST_METADATA - records}",
            "put some of them together in fewer, longer values",
        )


def _check_response_format(value: Any) -> Iterable[Problem]:
    if isinstance(value, Mapping) and value.get("type") == "json_schema" and value["json_schema"].get("strict"):
        schema = value["json_schema"].get("schema")
        if schema is not None:
            yield from strict_problems(schema, ("response_format", "json_schema", "schema"))


RESPONSE_FORMAT = {
    "description": "'auto', {type: text}, {type: json_object}, or {type: json_schema, json_schema: {name, schema, …}}.",
    "anyOf": [
        {"enum": ["auto"]},
        {
            "type": "object",
            "properties": {
                "type": {"enum": ["text", "json_object", "json_schema"]},
                "json_schema": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "pattern": FUNCTION_NAME},
                        "description": {"type": "string"},
                        "schema": JSON_SCHEMA,
                        "strict": {"type": "boolean"},
                    },
                    "required": ["name"],
                    "additionalProperties": False,
                },
            },
            "required": ["type"],
            "additionalProperties": False,
            "if": {"properties": {"type": {"const": "json_schema"}}},
            "then": {"required": ["json_schema"]},
            "else": {"properties": {"json_schema": False}},
        },
    ],
}

_STORED = Kind(
    name="assistant",
    home="assistants-v2",
    section="assistants",
    title="assistant",
    store=Plain(
        path="/assistants",
        beta="assistants=v2",
        elsewhere="OpenAI closed the Assistants API on 2026-08-26: write 'api: responses', or let 'retinue migrate' "
        "move the assistants; 'account: local' still has it",
    ),
    schema={
        "type": "object",
        "description": "An assistant: a model with instructions and tools.",
        "properties": {
            "model": {"type": "string", "minLength": 1, "description": "The id of the model."},
            "name": {"type": "string", "maxLength": 256, "description": "The name people see."},
            "description": {"type": "string", "maxLength": 512, "description": "What it is for, in a few words."},
            "instructions": TEXT,
            "tools": {
                "type": "array",
                "description": "What it may use, at most 128. Their order means nothing.",
                "maxItems": MOST_TOOLS,
                "items": TOOL,
            },
            "metadata": METADATA,
            "temperature": {
                "type": "number",
                "description": "How random answers are, from 0 to 2. Default: 1.",
                "minimum": 0,
                "maximum": 2,
            },
            "top_p": {
                "type": "number",
                "description": "The share of likely words to choose from, from 0 to 1. Default: 1.",
                "minimum": 0,
                "maximum": 1,
            },
            "response_format": RESPONSE_FORMAT,
            "reasoning_effort": {
                "enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
                "description": "How long a reasoning model thinks. Which values a model takes differs.",
            },
            "extra": EXTRA,
        },
        "required": ["model"],
        "additionalProperties": False,
    },
    fields=(
        Field("model", model=True),
        Field("name"),
        Field("description", limit=512),
        Field("instructions", limit=256_000),
        Field(
            "tools",
            default={},
            canonical=canonical_tools,
            wire=wire_tools,
            carry_over=carry_over_unknown,
            extendable=True,
        ),
        Field(
            "vector_store_ids", ("tool_resources", "file_search", "vector_store_ids"), default=[], refs="vector_store"
        ),
        UploadsField("file_ids", ("tool_resources", "code_interpreter", "file_ids"), default={}),
        KeyedField("metadata"),
        FURTHER,
        Field("temperature", default=1.0),
        Field("top_p", default=1.0),
        Field("response_format", default="auto", canonical=canonical_response_format),
        Field("reasoning_effort"),
    ),
    references=(
        Reference(("tools", "*", "function"), "function", inline=True),
        Reference(("tools", "*", "file_search", "vector_store"), "vector_store", allow_id=True),
    ),
    inclusions=(
        Inclusion(("instructions",), "text"),
        Inclusion(("tools", "*", "function", "parameters"), "schema"),
        Inclusion(("tools", "*", "code_interpreter", "files"), "files", empty, largest=LARGEST_FILE),
        Inclusion(("response_format", "json_schema", "schema"), "schema"),
    ),
    keyed=(keyed_tools({"function": "name"}), keyed_files("tools", "*", "code_interpreter", "files")),
    expand=expand,
    compose=compose,
    check=check,
    talk="threads",
    handlers=("tools", "*", "function", "handler"),
)
KIND = replace(_STORED, homes={"responses": responses_home(_STORED)})
