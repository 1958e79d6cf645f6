"""What this machine remembers between runs: ids, and uploads under way. Advisory: it may be deleted at any time, and
nothing in it is believed without asking the account."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retinue.errors import LeaseError
from retinue.model.canonical import digest
from retinue.model.steps import AccountInfo
from retinue.model.values import Address

IDS = "ids.json"
LOCK = "lock"


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
class Memory:
    """The memory of one account and stack below `directory`. Safe in many threads of one process.

    `ids` are our live objects, `files` the files attached to each by us: id → sha256. `lost` are those that were found
    detached: the account may still have them, and attaching one again beats uploading it. `gone` are objects that
    somebody else deleted, until they are there again. `marker` is the kind and id of the stack's marker, `lease` the
    lease in it that a run of this directory took, `organization` and `project` what the account answered for.
    `unsettled` are objects whose new version may not be the default yet; `looked_at` says of objects that are not ours
    which version was looked at and which tag it had: versions do not change. What this process created
    (`fresh`) and `deleted` is not written down: the account may take seconds to answer as if it had happened.
    """

    directory: Path
    account: str
    stack: str
    ids: dict[Address, str] = field(default_factory=dict)
    gone: dict[Address, str] = field(default_factory=dict)
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    marker: tuple[str, str] | None = None
    lease: str = ""
    organization: str | None = None
    project: str | None = None
    unsettled: set[str] = field(default_factory=set)
    looked_at: dict[str, list[str]] = field(default_factory=dict)
    journal: dict[str, Journalled] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    news: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, directory: Path, account: AccountInfo, stack: str) -> Memory:
        return cls.of(directory, f"{account.url or account.name}", stack)

    @classmethod
    def of(cls, directory: Path, account: str, stack: str) -> Memory:
        """The memory of an account, by what the memory calls it."""
        memory = cls(directory, account, stack)
        try:
            noted = _read_json(directory / IDS)[memory.account][stack]
            memory.ids = {Address.parse(address): str(live_id) for address, live_id in noted["objects"].items()}
            memory.files = {str(live_id): dict(files) for live_id, files in noted["files"].items()}
            memory.lost = dict(noted["lost"])
            memory.gone = {Address.parse(address): str(live_id) for address, live_id in noted.get("gone", {}).items()}
            kind, marker_id = noted.get("marker") or ("", "")
            memory.marker = (str(kind), str(marker_id)) if marker_id else None
            memory.lease = str(noted.get("lease") or "")
            memory.organization, memory.project = noted.get("organization"), noted.get("project")
            memory.unsettled = set(noted.get("unsettled", ()))
            memory.looked_at = {str(key): list(each) for key, each in noted.get("looked_at", {}).items()}
        except (LookupError, TypeError, ValueError, AttributeError):
            memory.ids, memory.files, memory.lost = {}, {}, {}
        for line in _read_lines(memory._journal):
            memory._replay(line)
        return memory

    # ── ids ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    def remember(self, address: Address, live_id: str) -> None:
        with self._lock:
            self.ids[address] = live_id
            self.gone.pop(address, None)

    def created(self, address: Address, live_id: str) -> None:
        self.remember(address, live_id)
        self.fresh.add(live_id)

    def forget(self, live_id: str) -> None:
        with self._lock:
            self.deleted.add(live_id)
            self.ids = {address: each for address, each in self.ids.items() if each != live_id}
            self.files.pop(live_id, None)

    def released(self, live_id: str) -> None:
        """The object is not ours any more; it is still there."""
        with self._lock:
            self.ids = {address: each for address, each in self.ids.items() if each != live_id}
            self.files.pop(live_id, None)

    def vanished(self, live_id: str) -> None:
        """Somebody else deleted the object; the files that it held may still be there."""
        with self._lock:
            self.lost.update(self.files.get(live_id, {}))
            self.gone.update({address: each for address, each in self.ids.items() if each == live_id})
        self.forget(live_id)

    def attached(self, live_id: str, file_id: str, sha256: str) -> None:
        """This process attached the file to the object."""
        with self._lock:
            self.files.setdefault(live_id, {})[file_id] = sha256
            self.fresh.add(file_id)

    def detached(self, live_id: str, file_id: str) -> None:
        """Somebody else detached the file, or the object lost it by expiring."""
        with self._lock:
            sha256 = self.files.get(live_id, {}).pop(file_id, None)
            if sha256:
                self.lost[file_id] = sha256

    def forget_file(self, live_id: str, file_id: str) -> None:
        """The file is attached to the object no more."""
        with self._lock:
            self.files.get(live_id, {}).pop(file_id, None)
            self.deleted.add(file_id)

    def save(self) -> None:
        """Write the ids, replacing the file in one step. A memory that cannot be written is done without."""
        with self._lock:
            self.news = False
            everything = _read_json(self.directory / IDS)
            stacks = everything.setdefault(self.account, {})
            stacks[self.stack] = {
                "objects": {str(address): live_id for address, live_id in sorted(self.ids.items())},
                "lost": self.lost,
                "gone": {str(address): live_id for address, live_id in sorted(self.gone.items())},
                **({"marker": list(self.marker)} if self.marker else {}),
                **({"lease": self.lease} if self.lease else {}),
                **({"organization": self.organization} if self.organization else {}),
                **({"project": self.project} if self.project else {}),
                "looked_at": dict(sorted(self.looked_at.items())),
                "unsettled": sorted(self.unsettled),
                "files": {live_id: files for live_id, files in sorted(self.files.items()) if files},
            }
            self._replace(everything)

    def _replace(self, everything: Mapping[str, Any]) -> None:
        temporary = self.directory / f"{IDS}.{os.getpid()}"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
            temporary.replace(self.directory / IDS)
        except OSError:
            temporary.unlink(missing_ok=True)

    def note_look(self, live_id: str, version: str, tag: str) -> None:
        """The object, up to that version, has this tag (empty: none), and is not ours."""
        with self._lock:
            self.looked_at[live_id] = [version, tag]
            self.news = True

    def unsettle(self, live_id: str) -> None:
        """A version of the object is about to be made. Written down at once: the process may be killed."""
        with self._lock:
            self.unsettled.add(live_id)
        self.save()

    def settle(self, live_id: str) -> None:
        with self._lock:
            self.unsettled.discard(live_id)

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """Keep other applies of this project on this machine out; gives whether that can be done here.

        Raises LeaseError when one is under way."""
        try:
            import fcntl
        except ImportError:  # not on Windows
            yield False
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / LOCK).open("w", encoding="utf-8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                message = "another apply of this project is under way on this machine"
                raise LeaseError(message, hint="wait for it to end, then run the command again") from error
            yield True

    # ── files under way ───────────────────────────────────────────────────────────────────────────────────────────────

    def open(self, entry: Journalled) -> None:
        """Note a file before it is created or deleted, so that a crash in between leaves a trace."""
        with self._lock:
            self.journal[entry.key] = entry
            self._append(asdict(entry))

    def uploaded(self, key: str, file_id: str) -> None:
        with self._lock:
            self.journal[key].id = file_id
            self._append({"key": key, "id": file_id})

    def close(self, key: str) -> None:
        """The file is where it belongs, or gone: it can be found, or need not be."""
        with self._lock:
            self.journal.pop(key, None)
            self._append({"key": key, "closed": True})
            if not self.journal:
                self._journal.unlink(missing_ok=True)

    def close_file(self, file_id: str) -> None:
        for entry in [each for each in self.journal.values() if each.id == file_id]:
            self.close(entry.key)

    @property
    def _journal(self) -> Path:
        return self.directory / _journal_name(self.account, self.stack)

    def _append(self, line: Mapping[str, Any]) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with self._journal.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
        except OSError:
            return

    def _replay(self, line: Mapping[str, Any]) -> None:
        key = str(line.get("key"))
        if line.get("closed"):
            self.journal.pop(key, None)
        elif key in self.journal:
            self.journal[key].id = line.get("id")
        else:
            try:
                self.journal[key] = Journalled(**line)
            except TypeError:
                return


def _journal_name(account: str, stack: str) -> str:
    return f"files.{digest([account, stack])}.jsonl"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Whole lines only: a crash may have cut the last one short."""
    lines = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            lines.append(value)
    return lines
