"""The lock file as a place of objects: read, put, removed. Each write replaces the file in one step."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from retinue.errors import BlockedError, RetinueError, StaleError, cannot_write
from retinue.kinds.kind import Kind, Kinds
from retinue.kinds.stores import EDITED, Rendered
from retinue.model.tag import SYNCING, TAG_KEY, TagError, is_ours, read_tag, write_file_records, write_tag
from retinue.model.values import NAME, FileRef
from retinue.state.atomic_file import replace_file

FORMAT_VERSION = "1.0"
ENTRY = "entry"
"""Where an object that was read has its entry as it stands in the file."""
_RESTORE = "restore it from version control, or delete it: 'retinue apply' renders it anew"

_SCHEMAS = ("parameters", "schema")

Json = dict[str, Any]
Entry = Mapping[str, Any]


def lock_name(environment: str | None) -> str:
    """The file's name: one for each environment, so that each is committed and shipped on its own."""
    return f"retinue.lock.{environment}.json" if environment else "retinue.lock.json"


@dataclass(slots=True)
class LockFile:
    """The rendered objects of one stack. Safe in many threads of one process."""

    path: Path
    stack: str
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _known: tuple[tuple[int, int], Json] | None = None
    _texts: dict[str, tuple[Entry, str]] = field(default_factory=dict)

    def live(self, kinds: Kinds) -> Iterator[tuple[Kind, Json]]:
        """Every entry as its kind and the object it would be in the account: tag and file records in its metadata.

        Raises RetinueError when the file cannot be read, BlockedError when it belongs to another stack.
        """
        document = self._read()
        for kind in kinds.values():
            for name, entry in sorted(document.get(kind.section, {}).items()) if kind.homes else ():
                home = kind.at(str(entry.get("api")))
                if not home.store.rendered:
                    raise self._wrong(f"'{name}' has the api {entry.get('api')!r}")
                yield home, self._object(home, name, entry)

    def find(self, kind: Kind, name: str) -> Json | None:
        """One entry, in the form of `live`."""
        entry = self._read().get(kind.section, {}).get(name)
        return self._object(kind, name, entry) if entry is not None else None

    def put(self, kind: Kind, name: str, body: Mapping[str, Any], files: Mapping[str, FileRef]) -> str:
        """Render `body`, the account's form with our marks in its metadata, and write the entry; gives its id.

        `files` are those that were uploaded for it, by id.
        """
        entry = make_entry(kind, body, files)
        with self._lock:
            document = self._read()
            document.setdefault(kind.section, {})[name] = entry
            self._write(document)
        return self._id(kind, name)

    def remove(self, kind: Kind, name: str) -> None:
        """Take the entry out; without entries there is no file."""
        with self._lock:
            document = self._read()
            section = document.get(kind.section, {})
            section.pop(name, None)
            if not section:
                document.pop(kind.section, None)
            self._write(document)

    def rename(self, kind: Kind, name: str, new: str, tag: str) -> str:
        """Let an entry have another name and tag; gives its new id. Raises StaleError when it is not there any more."""
        with self._lock:
            document = self._read()
            entry = document.get(kind.section, {}).pop(name, None)
            if entry is None:
                raise StaleError(f"{self.path.name} has no '{name}' any more", hint="run the command again")
            document[kind.section][new] = {**entry, "tag": tag}
            self._write(document)
        return self._id(kind, new)

    # ── the document ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self) -> Json:
        """The document without its head, checked; empty when there is no file."""
        with self._lock:
            try:
                stat = self.path.stat()
                if self._known is None or self._known[0] != (stat.st_mtime_ns, stat.st_size):
                    document = json.loads(self.path.read_text(encoding="utf-8"))
                    self._known = ((stat.st_mtime_ns, stat.st_size), self._checked(document))
            except FileNotFoundError:
                return {}
            except (OSError, ValueError) as error:
                raise self._wrong(str(error)) from error
            return {section: dict(entries) for section, entries in self._known[1].items()}

    def _checked(self, document: Any) -> Json:
        version = document.get("format_version") if isinstance(document, dict) else None
        if not isinstance(version, str) or version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
            raise self._wrong(f"its format is {version!r}, and this version of retinue reads format {FORMAT_VERSION}")
        stack = document.get("stack")
        if stack != self.stack:
            raise BlockedError(
                f"{self.path.name} belongs to the stack '{stack}', and this is '{self.stack}'",
                hint="delete it if that stack is no more; give stacks that share a project an environment each",
            )
        sections = {key: value for key, value in document.items() if isinstance(value, dict)}
        if any(not isinstance(entry, dict) for entries in sections.values() for entry in entries.values()):
            raise self._wrong("it does not have the form that schemas/bundle.schema.json describes")
        return sections

    def _write(self, sections: Json) -> None:
        if not any(sections.values()):
            self.path.unlink(missing_ok=True)
            return
        try:
            replace_file(self.path, self._text(sections).encode())
            stat = self.path.stat()
            self._known = ((stat.st_mtime_ns, stat.st_size), sections)
        except OSError as error:
            raise cannot_write(self.path, error, hint="make it writable, and the directory that it is in") from error

    def _text(self, sections: Json) -> str:
        """Deterministic: sorted keys, one value a line. What did not change since the last write is not formatted anew,
        so that many entries, written one by one, take no more than their number."""
        parts = {"format_version": json.dumps(FORMAT_VERSION), "stack": json.dumps(self.stack)}
        for section, entries in sections.items():
            lines = [
                f"    {_dumps(name)}: {self._entry_text(section, name, entries[name])}" for name in sorted(entries)
            ]
            parts[section] = "{\n" + ",\n".join(lines) + "\n  }"
        return "{\n" + ",\n".join(f"  {_dumps(key)}: {parts[key]}" for key in sorted(parts)) + "\n}\n"

    def _entry_text(self, section: str, name: str, entry: Entry) -> str:
        known = self._texts.get(f"{section}/{name}")
        if known is None or known[0] is not entry:
            # A line end inside of a string is escaped, so these are all ends of lines.
            known = (entry, _dumps(_sorted(entry)).replace("\n", "\n    "))
            self._texts[f"{section}/{name}"] = known
        return known[1]

    def _object(self, kind: Kind, name: str, entry: Entry) -> Json:
        try:
            return {"id": self._id(kind, name), **_read_entry(kind, entry)}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._wrong(f"the entry '{name}' is not complete ({error!r})") from error

    def _id(self, kind: Kind, name: str) -> str:
        return f"{self.path.name}#/{kind.section}/{name}"

    def _wrong(self, why: str) -> RetinueError:
        return RetinueError(f"{self.path.name} cannot be read: {why}", hint=_RESTORE)


def _dumps(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _sorted(value: Any, key: str = "") -> Any:
    if isinstance(value, list):
        return [_sorted(each) for each in value]
    # Models answer in the order of a schema's properties, so that order is kept.
    if not isinstance(value, Mapping) or key in _SCHEMAS:
        return value
    return {name: _sorted(value[name], name) for name in sorted(value)}


# ── one entry ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def make_entry(kind: Kind, body: Mapping[str, Any], files: Mapping[str, FileRef]) -> Json:
    """The entry for an object in the account's form."""
    store = _rendered(kind)
    metadata = body.get(store.marks.field) or {}
    declared = {key: value for key, value in metadata.items() if not is_ours(key)}
    arguments = store.render({**body, store.marks.field: declared})
    return {
        "api": kind.home,
        **{key: body[key] for key in store.kept if body.get(key) is not None},
        "arguments": arguments,
        "digest": digest_of(arguments),
        "files": {file_id: {"path": each.path, "sha256": each.sha256} for file_id, each in files.items()},
        "tag": metadata[TAG_KEY],
    }


def _read_entry(kind: Kind, entry: Entry) -> Json:
    store = _rendered(kind)
    arguments = entry["arguments"]
    body = store.read(arguments)
    tag, edited = str(entry["tag"]), _unlike(arguments, store.render(body))
    if edited and entry.get("digest") == digest_of(arguments):
        # Nobody touched it since it was written, so it was an earlier version that rendered otherwise.
        tag, edited = _to_do_again(tag), []
    files = {each["path"]: (file_id, str(each["sha256"])) for file_id, each in entry["files"].items()}
    records = write_file_records(files, next(each.record for each in kind.uploads)) if files else {}
    marks = {**records, TAG_KEY: tag}
    return {
        **body,
        **{key: entry[key] for key in store.kept if key in entry},
        store.marks.field: {**(body.get(store.marks.field) or {}), **marks},
        **({EDITED: edited} if edited else {}),
        ENTRY: dict(entry),
    }


def _rendered(kind: Kind) -> Rendered:
    if not isinstance(kind.store, Rendered):
        raise TypeError(f"a {kind.title} is not rendered")
    return kind.store


def _unlike(arguments: Mapping[str, Any], rendered: Mapping[str, Any]) -> list[str]:
    """The arguments that are not what they would be rendered to, by name."""
    return sorted(
        name for name in {*arguments, *rendered} if arguments.get(name) != rendered.get(name) or name not in arguments
    )


def _to_do_again(text: str) -> str:
    try:
        tag = read_tag(text)
    except TagError:
        return text  # which is reported as such
    return write_tag(replace(tag, flags=tag.flags | {SYNCING}))


def digest_of(arguments: Mapping[str, Any]) -> str:
    """What two programs can compare to see whether they use the same arguments, in any language."""
    text = json.dumps(arguments, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


FILE_NAME = "bundle.schema.json"

_TEXT = {"type": "string"}
_ENTRY: dict[str, Any] = {
    "type": "object",
    "description": "One assistant.",
    "properties": {
        "api": {**_TEXT, "description": "The API whose arguments these are: responses."},
        "name": {**_TEXT, "description": "The name people see."},
        "description": {**_TEXT, "description": "What it is for."},
        "arguments": {
            "type": "object",
            "description": "What `responses.create` takes, without `input`; pass it on as it is.",
            "properties": {"model": _TEXT},
            "required": ["model"],
        },
        "digest": {
            **_TEXT,
            "pattern": "^sha256:[0-9a-f]{64}$",
            "description": "SHA-256 of the arguments as JSON with sorted keys and without white space.",
        },
        "files": {
            "type": "object",
            "description": "The files that were uploaded for it, by id.",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "path": {**_TEXT, "description": "The file of the project."},
                    "sha256": {**_TEXT, "description": "The digest of its content."},
                },
                "required": ["path", "sha256"],
            },
        },
        "tag": {**_TEXT, "description": "Retinue's own: whose it is, and digests of what was rendered."},
    },
    "required": ["api", "arguments", "digest", "files", "tag"],
}
LOCK: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:retinue:schema:bundle",
    "title": "The lock file, retinue.lock.json",
    "type": "object",
    "properties": {
        "format_version": {**_TEXT, "pattern": "^1\\.", "description": "MAJOR.MINOR."},
        "stack": {**_TEXT, "pattern": f"^{NAME.pattern}$", "description": "The stack that rendered it."},
        "assistants": {
            "type": "object",
            "description": "Every assistant with `api: responses`, by name.",
            "additionalProperties": _ENTRY,
        },
    },
    "required": ["format_version", "stack"],
}


def write(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE_NAME
    path.write_text(json.dumps(LOCK, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    write(Path(sys.argv[1]))
