"""Files that are being created or deleted, one line of JSON for each thing that happens to them.

Files carry no tag, so that a crash in between would leave one that nobody knows.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retinue.errors import cannot_write
from retinue.model.canonical import digest
from retinue.model.steps import AccountInfo
from retinue.state.cache import account_name

_ID = re.compile(r"[\w-]+")


@dataclass(slots=True)
class Journalled:
    """A file that is being created or deleted. `id` is None while the answer to its upload is outstanding.

    `size` is in bytes, `started` in Unix seconds by the account's clock.
    """

    key: str
    filename: str
    size: int
    sha256: str
    purpose: str
    started: float
    id: str | None = None
    doomed: bool = False


@dataclass(slots=True)
class UploadJournal:
    """The journal of one account and stack. Safe in many threads of one process."""

    path: Path
    entries: dict[str, Journalled] = field(default_factory=dict)
    _keys: dict[str, set[str]] = field(default_factory=dict)
    """The keys of the entries of each file id: an apply of many files closes them one by one."""
    adopted: set[str] = field(default_factory=set)
    """The ids of files that another machine was about to delete. They are not written down here: the account tells."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, directory: Path, account: AccountInfo, stack: str) -> UploadJournal:
        """What an earlier process left. Whole lines only: a crash may have cut the last one short."""
        journal = cls(directory / f"files.{digest([account_name(account), stack])}.jsonl")
        for line in _lines(journal.path):
            journal._replay(line)
        for entry in journal.entries.values():
            journal._index(entry)
        return journal

    def open(self, entry: Journalled) -> None:
        """Note a file before it is created or deleted. Raises RetinueError when that cannot be written: should this
        process end now, nobody would know the file."""
        with self._lock:
            try:
                self._append(asdict(entry))
            except OSError as error:
                hint = "let the directory be written, and see that the disk is not full"
                raise cannot_write(self.path, error, hint=hint) from error
            self.entries[entry.key] = entry
            self._index(entry)

    def adopt(self, entry: Journalled) -> None:
        """Take up what another machine was about to delete, unless it is known."""
        with self._lock:
            if entry.id is not None and not self._keys.get(entry.id):
                self.entries[entry.key] = entry
                self._index(entry)
                self.adopted.add(entry.id)

    def uploaded(self, key: str, file_id: str) -> None:
        with self._lock:
            self.entries[key].id = file_id
            self._index(self.entries[key])
            with suppress(OSError):  # it is found by its name
                self._append({"key": key, "id": file_id})

    def close(self, key: str) -> None:
        """The file is where it belongs, or gone: it can be found, or need not be."""
        with self._lock:
            entry = self.entries.pop(key, None)
            if entry is not None and entry.id is not None:
                self._keys.get(entry.id, set()).discard(key)
            with suppress(OSError):
                self._append({"key": key, "closed": True})
                if not self.entries:
                    self.path.unlink(missing_ok=True)

    def close_file(self, file_id: str) -> None:
        with self._lock:
            keys = self._keys.pop(file_id, set())
        for key in keys:
            self.close(key)

    def _index(self, entry: Journalled) -> None:
        if entry.id is not None:
            self._keys.setdefault(entry.id, set()).add(entry.key)

    def _append(self, line: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    def _replay(self, line: Mapping[str, Any]) -> None:
        key = str(line.get("key"))
        if line.get("closed"):
            self.entries.pop(key, None)
        elif key in self.entries:
            self.entries[key].id = str(line["id"]) if _ID.fullmatch(str(line.get("id"))) else None
        else:
            with suppress(TypeError):
                if _is_ours(line):
                    self.entries[key] = Journalled(**line)


def _is_ours(line: Mapping[str, Any]) -> bool:
    """Whether a line is as we write it: a damaged one is no reason to delete anything."""
    live_id = line.get("id")
    return (
        all(isinstance(line.get(each), str) for each in ("key", "filename", "sha256", "purpose"))
        and all(isinstance(line.get(each), int | float) for each in ("size", "started"))
        and (live_id is None or (isinstance(live_id, str) and _ID.fullmatch(live_id) is not None))
        and isinstance(line.get("doomed", False), bool)
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return
    for line in text.splitlines():
        with suppress(ValueError, RecursionError):
            value = json.loads(line)
            if isinstance(value, dict):
                yield value
