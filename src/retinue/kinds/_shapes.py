"""JSON Schema fragments and canonical forms that several kinds share, each with the source of its limits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from retinue.kinds.fields import RestField
from retinue.kinds.kind import Keyed, Schema
from retinue.model.declared import Problem
from retinue.model.paths import Pattern, without_defaults
from retinue.model.values import Path

FURTHER = RestField("extra")
"""Fields of the API that this version does not know."""


def in_any_order(value: Any, names: Collection[str]) -> Any:
    """The value with the lists of texts under these names sorted, each text once, wherever they stand: they are sets to
    the API."""
    if isinstance(value, Mapping):
        return {
            key: sorted(set(each)) if key in names and _are_texts(each) else in_any_order(each, names)
            for key, each in value.items()
        }
    return [in_any_order(each, names) for each in value] if isinstance(value, list) else value


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


EXCLUDE: Schema = {
    "description": "Globs and paths of files to leave out, relative to this file; without a '/', of any folder below.",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
    ],
}

TEXT_FILE: Schema = {
    "type": "object",
    "description": "The text of a file of the project, or of all that a glob matches, joined by blank lines.",
    "properties": {
        "file": {"type": "string", "minLength": 1, "description": "Path relative to this file, or a glob."},
        "exclude": EXCLUDE,
        "render": {"type": "boolean", "description": "Replace ${{ … }} in the text. Default: false."},
        "with": {
            "type": "object",
            "description": "Values for ${{ with.NAME }} in the text, by name. They come before the declaration's own.",
            "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_-]*$"},
        },
    },
    "required": ["file"],
    "additionalProperties": False,
}

TEXT: Schema = {
    "description": "A string, a file, or a list of strings and files joined by a blank line.",
    "anyOf": [
        {"type": "string"},
        TEXT_FILE,
        {"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "string"}, TEXT_FILE]}},
    ],
}

JSON_SCHEMA: Schema = {
    "type": "object",
    "description": "A JSON Schema, inline or from a file: {file: name.schema.json}.",
}

NAME_OR_ID: list[Schema] = [
    {"type": "string", "minLength": 1},
    {
        "type": "object",
        "properties": {"id": {"type": "string", "minLength": 1}},
        "required": ["id"],
        "additionalProperties": False,
    },
]
"""The name of a declaration, or the live id of something that nobody here keeps."""

FILE_ID: Schema = {
    "type": "object",
    "description": "A file of the account that nobody here keeps: it is never uploaded and never deleted.",
    "properties": {"id": {"type": "string", "minLength": 1, "description": "Its live id: file-…."}},
    "required": ["id"],
    "additionalProperties": False,
}

# SPEC Metadata: at most 16 pairs, keys of 64 and values of 512 characters; one pair is the ownership tag.
METADATA: Schema = {
    "type": "object",
    "description": "Your own key-value pairs. Values are strings. At most 15, since Retinue's ownership tag takes one.",
    "maxProperties": 15,
    "propertyNames": {"minLength": 1, "maxLength": 64, "not": {"pattern": "^retinue($|\\.)"}},
    "additionalProperties": {"type": "string", "maxLength": 512},
}

# SPEC VectorStoreFileAttributes: 16 keys of 64 characters, two of which are ours; the retrieval guide allows values of
# 256 characters where the description says 512, so the smaller limit is the safe one.
ATTRIBUTES: Schema = {
    "type": "object",
    "description": "Key-value pairs that searches can filter by. At most 14, since Retinue takes two.",
    "maxProperties": 14,
    "propertyNames": {"minLength": 1, "maxLength": 64, "not": {"pattern": "^retinue($|\\.)"}},
    "additionalProperties": {"anyOf": [{"type": "string", "maxLength": 256}, {"type": "number"}, {"type": "boolean"}]},
}

# SPEC StaticChunkingStrategy: 100 to 4096 tokens a chunk, overlap at most half of it.
CHUNKING: Schema = {
    "description": "How files are cut for search: 'auto' (800 tokens, 400 overlapping), or both numbers.",
    "anyOf": [
        {"enum": ["auto"]},
        {
            "type": "object",
            "properties": {
                "max_chunk_size_tokens": {"type": "integer", "minimum": 100, "maximum": 4096},
                "chunk_overlap_tokens": {"type": "integer", "minimum": 0, "maximum": 2048},
            },
            "required": ["max_chunk_size_tokens", "chunk_overlap_tokens"],
            "additionalProperties": False,
        },
    ],
}

# SPEC FunctionObject: a-z, A-Z, 0-9, underscores and dashes, at most 64 characters.
FUNCTION_NAME = "^[a-zA-Z0-9_-]{1,64}$"

FUNCTION_PROPERTIES: dict[str, Schema] = {
    "description": {
        "type": "string",
        "description": "What the function does; the model reads it to decide when to call.",
    },
    "strict": {"type": "boolean", "description": "Hold the model to the exact schema. Default: false."},
    "parameters": JSON_SCHEMA,
}

HANDLER: Schema = {
    "type": "string",
    "pattern": r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$",
    "description": "Python that 'retinue ask' and 'chat' call for it, as package.module:function. Never sent.",
}


# SDK resources/files.py: a file may be up to 512 MB.
LARGEST_FILE = 512 * 1024 * 1024


def empty(path: str, size: int) -> str | None:  # noqa: ARG001 - the signature of Inclusion.unfit
    """What a file is without content, which the API refuses."""
    return "empty" if size == 0 else None


def compose_files(files: Mapping[str, Any]) -> list[Any]:
    """Files by path or id, as an author lists them."""
    return [{"id": file} if isinstance(file, str) else path for path, file in files.items()]


NO_PARAMETERS: tuple[Schema, ...] = ({}, {"type": "object", "properties": {}})
"""How an empty parameter list may come back (REC: `{}` is echoed with type and properties)."""


def trimmed(value: Any) -> Any:
    """The server stores names without the blanks around them."""
    return value.strip() if isinstance(value, str) else value


def check_byte_length(spec: Mapping[str, Any], field: str, *, most: int) -> Iterable[Problem]:
    """A name that is measured in bytes of UTF-8, without the blanks around it."""
    size = len(str(spec.get(field, "")).strip().encode())
    if field in spec and not 1 <= size <= most:
        yield Problem(
            "too-large" if size else "too-short",
            (field,),
            f"'{field}' takes {size} bytes without the blanks around it, but the API takes 1 to {most}",
        )


def without(value: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A copy without what stands at `path`."""
    first, rest = str(path[0]), path[1:]
    if not rest:
        return {key: each for key, each in value.items() if key != first}
    inner = value.get(first)
    return {**value, first: without(inner, rest)} if isinstance(inner, Mapping) else dict(value)


def canonical_function(function: Mapping[str, Any]) -> dict[str, Any]:
    """A function without its name and without what the server fills in (REC AssistantsTests: `strict: false`)."""
    known = {key: value for key, value in function.items() if key in FUNCTION_PROPERTIES}
    chosen = without_defaults(known, {"strict": False})
    if chosen.get("parameters") in NO_PARAMETERS:
        del chosen["parameters"]
    return chosen


def by_key(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A list as a map. Items of a type that this version does not know may share a key; none of them gets lost."""
    result: dict[str, Any] = {}
    for key, value in items:
        number = 1
        while (unique := key if number == 1 else f"{key}#{number}") in result:
            number += 1
        result[unique] = value
    return result


# ── lists that overlays may write as maps ─────────────────────────────────────────────────────────────────────────────


def keyed_tools(identified_by: Mapping[str, str]) -> Keyed:
    """The field `tools`: by type, and where there may be several of one type by the option that tells them apart."""

    def key(entry: Any) -> str | None:
        if isinstance(entry, str):
            return entry
        if not isinstance(entry, Mapping) or not entry:
            return None
        kind = str(entry.get("type") or next(iter(entry)))
        named = entry.get(kind)
        label = named.get(identified_by.get(kind, "")) if isinstance(named, Mapping) else named
        return f"{kind}/{label}" if label and kind in identified_by else kind

    def options(key: str) -> Pattern:
        return (key.partition("/")[0],)

    def entry(key: str, options: Mapping[str, Any]) -> Any:
        kind, _, label = key.partition("/")
        if label and kind in identified_by:
            # Without options it is named, as in `function: get_weather`.
            return {kind: {identified_by[kind]: label, **options} if options else label}
        return {kind: options} if options else kind

    return Keyed(("tools",), key, options, entry)


def keyed_files(*path: str) -> Keyed:
    """A list of paths and globs, by how they are written."""

    def key(entry: Any) -> str | None:
        written = entry.get("path", entry.get("id")) if isinstance(entry, Mapping) else entry
        return written if isinstance(written, str) else None

    def entry(key: str, options: Mapping[str, Any]) -> Any:
        return {"path": key, **options} if options else key

    return Keyed(path, key, lambda _: (), entry)
