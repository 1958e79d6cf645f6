"""A vector store and the files in it: knowledge that file search looks through."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from retinue.kinds._shapes import (
    ATTRIBUTES,
    CHUNKING,
    EXCLUDE,
    FILE_ID,
    FURTHER,
    LARGEST_FILE,
    METADATA,
    empty,
    keyed_files,
)
from retinue.kinds.fields import Field, KeyedField, ManifestField, RunField
from retinue.kinds.kind import Expansion, Inclusion, Kind
from retinue.kinds.stores import MarkerForm, WithFiles
from retinue.model.canonical import suffix
from retinue.model.declared import Problem
from retinue.model.paths import without_defaults
from retinue.model.values import DURATION, Path

# REC CanApplyChunkingStrategy(Auto): `auto` comes back as static 800/400.
AUTO_CHUNKING = {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}

# DOC guides/retrieval, supported file types ("in sync with RETRIEVAL_SUPPORTED_EXTENSIONS").
_EXTENSIONS = ".c .cpp .cs .css .doc .docx .go .html .java .js .json .md .pdf .php .pptx .py .rb .sh .tex .ts .txt"
SEARCHABLE = frozenset(_EXTENSIONS.split())

LONGEST_PATH = 256
RETIREMENT = 30
"""How many days without use a retired store has left."""


@dataclass(frozen=True, eq=False)
class _Origins(Mapping[Path, Path]):
    """Where the files of a list were written. There may be a hundred thousand, and mostly there is nothing to say of
    any: it is put together when it is asked."""

    files: Sequence[str]
    entries: Sequence[int]

    @cached_property
    def _places(self) -> dict[Path, Path]:
        return {("files", file): ("files", entry) for file, entry in zip(self.files, self.entries, strict=True)}

    def __getitem__(self, path: Path) -> Path:
        return self._places[path]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self.files)


def expand(spec: Mapping[str, Any]) -> Expansion:
    """Give every file its attributes and chunking, and turn the list into a map by path."""
    expanded = {key: value for key, value in spec.items() if key not in ("files", "chunking")}
    if "files" in spec:
        default, none = chunking(spec.get("chunking", "auto")), dict[str, Any]()
        files = {
            entry.get("id") or entry["path"]: {"id": entry["id"]}
            if "id" in entry
            else {
                "sha256": entry["sha256"],
                "size": entry["size"],
                "attributes": dict(entry.get("attributes") or none) if "attributes" in entry else none,
                "chunking": chunking(entry["chunking"]) if "chunking" in entry else default,
            }
            for entry in spec["files"]
        }
        expanded["files"] = files
        return expanded, _Origins(tuple(files), [each["entry"] for each in spec["files"]])
    return expanded, {}


def compose(spec: Mapping[str, Any]) -> dict[str, Any]:
    """List the files, each with what is special about it."""
    written = {name: value for name, value in spec.items() if name != "files"}
    if "files" in spec:
        written["files"] = [_entry(path, entry) for path, entry in spec["files"].items()]
    return written


def _entry(path: str, entry: Mapping[str, Any]) -> Any:
    if "id" in entry:
        return {"id": entry["id"]}
    options = {
        **({"attributes": entry["attributes"]} if entry["attributes"] else {}),
        **({"chunking": entry["chunking"]} if entry["chunking"] != AUTO_CHUNKING else {}),
    }
    return {"path": path, **options} if options else path


def chunking(value: Any) -> dict[str, Any]:
    """The canonical chunking: both numbers, whether they were written, left to `auto`, or returned by the API."""
    if value == "auto" or value.get("type") == "auto":
        return dict(AUTO_CHUNKING)
    return dict(value.get("static", value))


def wire_chunking(value: Mapping[str, Any]) -> dict[str, Any]:
    """The API's chunking strategy; `auto` stays `auto`, since a server may know better than its numbers."""
    return {"type": "auto"} if value == AUTO_CHUNKING else {"type": "static", "static": dict(value)}


def retire(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Let the store expire when nobody has used it for a month, or sooner where it does already."""
    days = (spec.get("expires_after") or {}).get("days", RETIREMENT)
    return {"expires_after": {"days": min(days, RETIREMENT)}}


def unfit(path: str, size: int) -> str | None:
    """What a file is that the API would not index."""
    if suffix(path) not in SEARCHABLE:
        return "of a type that file search does not take"
    return empty(path, size)


def all_fit(paths: Collection[str], sizes: Collection[int]) -> bool:
    """Whether the API would index all of these files, as far as that is seen at once: the names end as they mostly do,
    none begins with a dot, and none is empty."""
    text = "\0".join(("", *paths, ""))
    first = _ending(next(iter(paths), ""))
    alike = text.count(f"{first}\0") == len(paths)  # as in most globs, and seen in a tenth of the time
    endings = {first} if alike else set(map(_ending, paths))
    return endings <= SEARCHABLE and "/." not in text and "\0." not in text and 0 not in sizes


def _ending(path: str) -> str:
    return path[path.rfind(".") :]


def check(spec: Mapping[str, Any]) -> Iterable[Problem]:
    files = spec.get("files", {})
    sizes = [entry.get("size", 1) for entry in files.values()]
    if max(map(len, files), default=0) <= LONGEST_PATH and all_fit(files, sizes):
        return
    for path, entry in files.items():
        if "id" in entry:
            continue
        where: Path = ("files", path)
        if suffix(path) not in SEARCHABLE:
            yield Problem(
                "unsupported-file",
                where,
                f"file search does not take '{path}'",
                f"it takes {', '.join(sorted(SEARCHABLE))}",
            )
        if entry["size"] == 0:
            yield Problem(
                "empty-file",
                where,
                f"'{path}' is empty, which the API refuses",
                "write something into it or leave it out",
            )
        if len(path) > LONGEST_PATH:
            message = f"the path of '{path[:60]}…' has {len(path)} characters, over {LONGEST_PATH}"
            yield Problem("path-too-long", where, message)


def check_written(spec: Mapping[str, Any]) -> Iterable[Problem]:
    """Chunks are checked where they are written, whether or not there is a file to cut."""
    if "chunking" in spec:
        yield from _check_overlap(chunking(spec["chunking"]), ("chunking",))
    own = {each["entry"]: each["chunking"] for each in spec.get("files", ()) if "chunking" in each}
    for entry, written in own.items():
        yield from _check_overlap(chunking(written), ("files", entry, "chunking"))


def _check_overlap(cut: Mapping[str, Any], where: Path) -> Iterable[Problem]:
    most = cut["max_chunk_size_tokens"] // 2
    if cut["chunk_overlap_tokens"] > most:
        message = (
            f"chunk_overlap_tokens is {cut['chunk_overlap_tokens']}, more than half of "
            f"max_chunk_size_tokens ({cut['max_chunk_size_tokens']})"
        )
        yield Problem("chunk-overlap", where, message, f"use at most {most}")


KIND = Kind(
    name="vector_store",
    section="vector_stores",
    title="vector store",
    # SPEC VectorStoreObject.status: an expired store keeps its object and loses its files (DOC guides/retrieval).
    store=WithFiles(
        path="/vector_stores",
        beta="assistants=v2",
        spent=("status", "expired"),
        # Storage is charged by what is in it (DOC guides/retrieval), so an empty store is free; it never expires.
        marker=MarkerForm(
            0,
            {
                "name": "retinue marker: {stack}",
                "description": "Remembers what the stack owns and who is applying it. Made anew when it is deleted.",
            },
        ),
        files_path="/vector_stores/{id}/files",
        batch_path="/vector_stores/{id}/file_batches",
        purpose="assistants",
        # The SDK says 2,000 and the retrieval guide 500: the smaller number is right under both.
        batch=500,
        canonical_chunking=chunking,
        wire_chunking=wire_chunking,
    ),
    schema={
        "type": "object",
        "description": "A vector store and the files in it.",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 256, "description": "The name people see."},
            "description": {
                "type": "string",
                "maxLength": 512,
                "description": "What it holds. The API takes it on creation only: changing it replaces the store.",
            },
            "expires_after": {
                "type": "object",
                "description": "Let the store expire when it has not been used for so many days.",
                "properties": {
                    "anchor": {"enum": ["last_active_at"]},
                    "days": {"type": "integer", "minimum": 1, "maximum": 365},
                },
                "required": ["days"],
                "additionalProperties": False,
            },
            "metadata": METADATA,
            "chunking": CHUNKING,
            "wait_timeout": {
                "type": "string",
                "pattern": f"^{DURATION.pattern}$",
                "description": "How long an apply waits for files to be indexed, such as 45m, where --wait-timeout "
                "does not say otherwise. Default: 30m.",
            },
            "files": {
                "type": "array",
                "description": "Globs and paths, relative to this file, and ids of files kept elsewhere. A '!' before "
                "a glob or a path leaves files out.",
                "items": {
                    "anyOf": [
                        {"type": "string", "minLength": 1},
                        {
                            "type": "object",
                            "properties": {
                                "path": {"type": "string", "minLength": 1, "description": "A path or a glob."},
                                "attributes": ATTRIBUTES,
                                "chunking": CHUNKING,
                                "exclude": EXCLUDE,
                            },
                            "required": ["path"],
                            "additionalProperties": False,
                        },
                        FILE_ID,
                    ]
                },
            },
        },
        "additionalProperties": False,
    },
    fields=(
        Field("name"),
        # SDK vector_store_update_params: only name, expires_after and metadata can change.
        Field("description", mutable=False),
        Field(
            "expires_after",
            canonical=lambda value: without_defaults(value, {"anchor": "last_active_at"}),
            wire=lambda value: {"anchor": "last_active_at", **value},
        ),
        KeyedField("metadata"),
        FURTHER,
        RunField("wait_timeout"),
        ManifestField("files"),
    ),
    inclusions=(Inclusion(("files",), "files", unfit, all_fit, LARGEST_FILE),),
    keyed=(keyed_files("files"),),
    expand=expand,
    compose=compose,
    check=check,
    check_written=check_written,
    retire=retire,
    # DOC "Building MCP servers for ChatGPT and API integrations": "in the dashboard here".
    dashboard="https://platform.openai.com/storage/vector_stores",
)
