"""What this machine knew of an account when it last looked: a cache of ids and the like, one file a project.

It may be deleted at any time, and nothing in it is believed without asking the account.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from retinue.model.steps import AccountInfo
from retinue.model.values import Address
from retinue.state.atomic_file import replace_file
from retinue.state.file_notes import FileNotes

IDS = "ids.json"
LONGEST_REASON = 300


class FileNote(NamedTuple):
    """An attached file of ours. `path` is empty where nobody noted it; one that is `shared` may be attached to other
    objects, too."""

    sha256: str
    path: str = ""
    shared: bool = False


NOBODYS = FileNote("")
"""A file that we attached and that somebody else keeps."""


@dataclass(slots=True)
class FileIndex:
    """The files that we attached to each object, by their ids. `lost` are those that were found detached, id → sha256:
    the account may still have them, and attaching one again beats uploading it.

    `failed` says of files that could not be indexed, by object and path, which content that was and why.

    `under` is what the tag of the object said of its files when they were noted: a digest, empty where it says nothing.
    `trusted` are the objects of which it said the same in this process.
    """

    of: dict[str, dict[str, FileNote]] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    failed: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    under: dict[str, str] = field(default_factory=dict)
    trusted: set[str] = field(default_factory=set)

    def attach(self, live_id: str, file_id: str, note: FileNote) -> None:
        self.of.setdefault(live_id, {})[file_id] = note

    def note(self, live_id: str, said: str, files: Mapping[str, FileNote]) -> None:
        """The object holds these, and its tag `said` that of its files."""
        self.of[live_id], self.under[live_id] = dict(files), said

    def noted(self, live_id: str, said: str) -> Mapping[str, FileNote]:
        """What is known of files that lost their marks. Nothing, once somebody else applied other files, as what the
        tag `said` tells: they may have left one to others."""
        if said and self.under.get(live_id) == said:
            self.trusted.add(live_id)
        known = self.of.get(live_id, {}) if live_id in self.trusted else {}
        return {file_id: note for file_id, note in known.items() if note.path}

    def lose(self, live_id: str, file_id: str) -> None:
        """Somebody else detached the file, or the object lost it by expiring."""
        note = self.of.get(live_id, {}).pop(file_id, None)
        if note and note.sha256:
            self.lost[file_id] = note.sha256

    def detach(self, live_id: str, file_id: str) -> None:
        self.of.get(live_id, {}).pop(file_id, None)


@dataclass(slots=True)
class VersionNotes:
    """`unsettled` are objects whose new version may not be the default yet; `looked_at` says of objects that are not
    ours which version was looked at and which tag it had (empty: none): versions do not change."""

    unsettled: set[str] = field(default_factory=set)
    looked_at: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class LockNote:
    """The kind and id of the stack's marker, and the lease in it that a run of this directory took."""

    marker: tuple[str, str] | None = None
    lease: str = ""


@dataclass(slots=True)
class Cache:
    """The cache of one account and stack below `directory`. Safe in many threads of one process.

    `ids` are our live objects, `gone` are objects that somebody else deleted, until they are there again;
    `organization` and `project` what the account answered for, `cursors` by kind some objects of a long list, in its
    order, between which it can be read at once. What this process created (`fresh`) and `deleted` is not
    written down: the account may take seconds to answer as if it had happened. A file that it took out of an object is
    `deleted` as the ids of both, with a slash between. `dirty`: more is known than was saved.
    """

    directory: Path
    account: str
    stack: str
    ids: dict[Address, str] = field(default_factory=dict)
    gone: dict[Address, str] = field(default_factory=dict)
    files: FileIndex = field(default_factory=FileIndex)
    versions: VersionNotes = field(default_factory=VersionNotes)
    lock: LockNote = field(default_factory=LockNote)
    cursors: dict[str, list[str]] = field(default_factory=dict)
    organization: str | None = None
    project: str | None = None
    fresh: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    dirty: bool = False
    _busy: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def load(cls, directory: Path, account: AccountInfo, stack: str) -> Cache:
        """What is known; nothing, where the file is missing or damaged."""
        cache = cls(directory, account_name(account), stack)
        noted = _read_json(directory / IDS)
        with suppress(LookupError, TypeError, ValueError, AttributeError):
            cache._take(noted[cache.account][stack])
            return cache
        return cls(directory, cache.account, stack)

    @property
    def notes(self) -> FileNotes:
        """The files of large objects, as the last apply from here left them."""
        return FileNotes(self.directory, (self.account, self.stack))

    def _take(self, noted: Mapping[str, Any]) -> None:
        self.ids = {Address.parse(address): str(live_id) for address, live_id in noted["objects"].items()}
        self.gone = {Address.parse(address): str(live_id) for address, live_id in noted.get("gone", {}).items()}
        attached = {
            str(live_id): {str(file_id): _file_note(each) for file_id, each in files.items()}
            for live_id, files in noted["files"].items()
        }
        failed = {
            str(live_id): {str(path): (str(sha256), str(why)) for path, (sha256, why) in files.items()}
            for live_id, files in noted.get("failed", {}).items()
        }
        self.files = FileIndex(attached, dict(noted["lost"]), failed, dict(noted.get("files_under", {})))
        looked_at = {str(key): list(each) for key, each in noted.get("looked_at", {}).items()}
        self.versions = VersionNotes(set(noted.get("unsettled", ())), looked_at)
        kind, marker_id = noted.get("marker") or ("", "")
        self.lock = LockNote((str(kind), str(marker_id)) if marker_id else None, str(noted.get("lease") or ""))
        self.cursors = {str(kind): list(map(str, each)) for kind, each in noted.get("cursors", {}).items()}
        self.organization, self.project = noted.get("organization"), noted.get("project")

    def save(self) -> None:
        """Write it down, replacing the file in one step. A cache that cannot be written is done without."""
        with self._busy, suppress(OSError):
            self.dirty = False
            everything = _read_json(self.directory / IDS)
            stacks = everything.get(self.account)
            noted = {**(stacks if isinstance(stacks, dict) else {}), self.stack: dict(self._noted())}
            everything[self.account] = noted
            self.directory.mkdir(parents=True, exist_ok=True)
            replace_file(self.directory / IDS, (json.dumps(everything, indent=1) + "\n").encode())

    def _noted(self) -> Iterator[tuple[str, Any]]:
        yield "objects", {str(address): live_id for address, live_id in sorted(self.ids.items())}
        yield "lost", self.files.lost
        yield "gone", {str(address): live_id for address, live_id in sorted(self.gone.items())}
        if self.lock.marker:
            yield "marker", list(self.lock.marker)
        for name, value in (("lease", self.lock.lease), ("organization", self.organization), ("project", self.project)):
            if value:
                yield name, value
        if self.cursors:
            yield "cursors", dict(sorted(self.cursors.items()))
        yield "looked_at", dict(sorted(self.versions.looked_at.items()))
        yield "unsettled", sorted(self.versions.unsettled)
        yield "files", {live_id: files for live_id, files in sorted(self.files.of.items()) if files}
        failed = {live_id: files for live_id, files in sorted(self.files.failed.items()) if files}
        if failed:
            yield "failed", failed
        yield "files_under", {live_id: each for live_id, each in sorted(self.files.under.items()) if each}

    def note_cursors(self, kind: str, ids: Sequence[str]) -> None:
        """Where the list of a kind can be read on from; nowhere, where it is short."""
        if self.cursors.get(kind, []) != list(ids):
            self.cursors = {name: each for name, each in self.cursors.items() if name != kind}
            self.cursors |= {kind: list(ids)} if ids else {}
            self.dirty = True

    # ── objects ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def remember(self, address: Address, live_id: str) -> None:
        with self._busy:
            self.ids[address] = live_id
            self.gone.pop(address, None)

    def created(self, address: Address, live_id: str) -> None:
        self.remember(address, live_id)
        self.fresh.add(live_id)

    def forget(self, live_id: str) -> None:
        """The object is deleted."""
        self.deleted.add(live_id)
        self.released(live_id)

    def released(self, live_id: str) -> None:
        """The object is not ours any more."""
        with self._busy:
            self.ids = {address: each for address, each in self.ids.items() if each != live_id}
            self.files.of.pop(live_id, None)
            self.files.under.pop(live_id, None)
            self.files.failed.pop(live_id, None)
        self.notes.drop(live_id)

    def vanished(self, live_id: str) -> None:
        """Somebody else deleted the object; the files that it held may still be there."""
        with self._busy:
            for file_id in list(self.files.of.get(live_id, {})):
                self.files.lose(live_id, file_id)
            self.gone.update({address: each for address, each in self.ids.items() if each == live_id})
        self.forget(live_id)

    # ── files and versions ────────────────────────────────────────────────────────────────────────────────────────────

    def attached(self, live_id: str, file_id: str, note: FileNote) -> None:
        """This process attached the file to the object."""
        with self._busy:
            self.files.attach(live_id, file_id, note)
            self.fresh.add(file_id)

    def detached(self, live_id: str, file_id: str) -> None:
        """This process took the file out."""
        with self._busy:
            self.files.detach(live_id, file_id)
            self.deleted.add(f"{live_id}/{file_id}")

    def failed_to_index(self, live_id: str, path: str, sha256: str, why: str) -> None:
        """The account could not index a file of the object; it was taken out again, and nothing there says so."""
        with self._busy:
            self.files.failed.setdefault(live_id, {})[path] = (sha256, why[:LONGEST_REASON])

    def indexed(self, live_id: str, path: str) -> None:
        with self._busy:
            self.files.failed.get(live_id, {}).pop(path, None)

    def note_version(self, live_id: str, version: str, tag: str) -> None:
        """The object, up to that version, has this tag (empty: none), and is not ours."""
        with self._busy:
            self.versions.looked_at[live_id] = [version, tag]
            self.dirty = True

    def unsettle(self, live_id: str) -> None:
        """A version of the object is about to be made. Written down at once: the process may be killed."""
        with self._busy:
            self.versions.unsettled.add(live_id)
        self.save()

    def settle(self, live_id: str) -> None:
        with self._busy:
            self.versions.unsettled.discard(live_id)


def account_name(account: AccountInfo) -> str:
    """What an account is called on this machine."""
    return account.url or account.name


def _file_note(noted: object) -> FileNote:
    """What is noted of a file. Version 0.1.0 noted its digest only."""
    sha256, path, shared = (*(noted if isinstance(noted, list) else (noted, "")), False)[:3]
    return FileNote(str(sha256), str(path), shared is True)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
