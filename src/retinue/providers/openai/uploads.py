"""Files of the project → files of the account. Every upload and deletion is journalled, since a file carries no tag."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from dataclasses import field as default
from pathlib import Path, PurePosixPath
from typing import Any

from retinue.errors import AccountError, StaleError
from retinue.kinds.fields import UploadsField
from retinue.kinds.kind import Kind
from retinue.model.canonical import RECORDED_SHA
from retinue.model.live import Live
from retinue.model.tag import write_file_records
from retinue.model.values import FileRef
from retinue.providers.openai.answers import Json, seconds
from retinue.providers.openai.client import Account, AmbiguousError
from retinue.providers.openai.create_once import Attempt, settle
from retinue.providers.openai.file_source import FileSource
from retinue.providers.openai.part_uploads import send_parts
from retinue.providers.openai.read_after_create import look
from retinue.providers.openai.retry_policy import LOOKS
from retinue.state.cache import Cache
from retinue.state.upload_journal import Journalled, UploadJournal

FILES_PAGE = 10_000
"""SDK file_list_params: the greatest page of the list of files."""
MOST_GOING = 100
"""Files that are let go at once: the lease has room for the ids of so many."""
CLOCK_SKEW = 3
"""Seconds by which times of the account, which are whole seconds, may seem to lie before what caused them."""

YOUNG = 60
"""Seconds after its creation for which a file that answers 404 is asked for again."""


@dataclass(slots=True)
class Uploader:
    """Creates and deletes files for one apply. `spare` are those of an interrupted one, by name, digest and purpose.

    `root` is the project's directory; `held` are the ids of the files that our live objects held when it began, and
    `holding` says which of several files any object of the account holds now. `left` are files that were taken out of
    one object and that another one may hold.
    """

    account: Account
    cache: Cache
    journal: UploadJournal
    root: Path
    held: frozenset[str] = frozenset()
    holding: Callable[[Collection[str]], Collection[str]] = lambda _: ()
    spare: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    _made: dict[tuple[str, str, str], dict[str, set[str]]] = field(default_factory=dict)
    _shared: set[str] = field(default_factory=set)
    _alike: dict[tuple[str, int], threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _leaving: threading.Lock = field(default_factory=threading.Lock)

    def upload(self, file: FileRef, purpose: str, *, shared_by: str | None = None, alone: bool = False) -> str:
        """Create a file from the project's and return its id. A spare one of an interrupted apply is used first, or one
        that was just created with the same name and content for others that it is `shared_by`; each can hold it once.
        One that is to be held `alone` is none that anything holds.

        The file stays journalled until `settled`. Raises StaleError when the file changed after the plan was made.
        """
        name = PurePosixPath(file.path).name
        with self._lock:
            alike = self._alike.setdefault((name, file.size), threading.Lock())
        # A lost upload is known by its name and size only, so never two of the same are under way together.
        with alike:
            made = self._made.setdefault((name, file.sha256, purpose), {})
            for file_id, holders in made.items() if shared_by else ():
                if shared_by not in holders:
                    holders.add(str(shared_by))
                    return file_id
            file_id = self._spare((name, file.sha256, purpose), alone) or self._create(name, file, purpose)
            if shared_by:
                made[file_id] = {shared_by}
                self._shared.add(file_id)
            return file_id

    def is_shared(self, file_id: str) -> bool:
        """Whether several objects may hold a file that was uploaded; or one that was found detached."""
        return file_id in self._shared or file_id in self.cache.files.lost

    def _spare(self, traits: tuple[str, str, str], alone: bool) -> str | None:
        with self._lock:
            spares = self.spare.get(traits, [])
            held = set(self.holding(spares)) if alone and spares else ()
            free = [each for each in spares if each not in held]
            if not free:
                return None
            spares.remove(free[-1])
            return free[-1]

    def _create(self, name: str, file: FileRef, purpose: str) -> str:
        begun = self.account.server_time()
        with FileSource(self.root, file) as source:
            # Only completing an upload makes a file, so that before there is nothing to journal.
            parts = send_parts(self.account, self.root, source, purpose)
            if parts is not None:
                return settle(self.account, lambda: self._attempt(source, purpose, parts.complete, begun))

            def send() -> Json:
                return self.account.upload(name, source, purpose)

            return settle(self.account, lambda: self._attempt(source, purpose, send, self.account.server_time()))

    def _attempt(self, source: FileSource, purpose: str, send: Callable[[], Json], begun: float) -> Attempt:
        file = source.file
        name = PurePosixPath(file.path).name
        entry = Journalled(uuid.uuid4().hex, name, file.size, file.sha256, purpose, begun)
        self.journal.open(entry)
        try:
            self.journal.uploaded(entry.key, str(send()["id"]))
        except (AccountError, StaleError) as error:
            if isinstance(error, AmbiguousError) and source.problem is None:
                return error, lambda: self._find_lost(entry)
            self.journal.close(entry.key)
            if source.problem is not None:  # what was sent of it has no end, so that there is no such file
                raise source.problem from error
            raise
        return entry.id or ""

    def read(self, file: FileRef) -> bytes:
        """What is sent of a file of the project. Raises StaleError when it changed after the plan was made."""
        with FileSource(self.root, file) as source:
            return source.read()

    def settled(self, file_id: str) -> None:
        """The file is attached, so that it can be found without the journal."""
        self.journal.close_file(file_id)

    @contextmanager
    def letting_go(self, files: Mapping[str, str], *, announced: bool = True) -> Iterator[None]:
        """While open, these files, id → purpose, may be let go: once nothing holds them, nothing but the journal and,
        where it is `announced`, the lease of the stack would remember them. One object at a time, so that what goes has
        room there; at most `MOST_GOING` of them."""
        with self._leaving if announced and files else nullcontext():
            for file_id, purpose in files.items():
                entry = Journalled(uuid.uuid4().hex, "", 0, "", purpose, self.account.server_time(), file_id)
                self.journal.open(replace(entry, doomed=True))
            if announced and files:
                # What goes now comes first: there may not be room for all.
                before = [each for each in self.account.going if each not in files]
                self.account.going.clear()
                self.account.going.update(dict.fromkeys([*files, *before]))
                self.account.announce()
            yield

    def finish_discard(self, file_id: str) -> None:
        """Delete a file that was let go and that nothing holds any more."""
        self.account.delete(f"/files/{file_id}")
        self._forget(file_id)

    def _forget(self, file_id: str) -> None:
        self.journal.close_file(file_id)
        self.account.going.pop(file_id, None)

    def leave(self, file_id: str) -> None:
        """Let the end of the apply, when nothing is attached any more, decide about a file that was let go."""
        with self._lock:
            self.left.add(file_id)

    def discard_left(self) -> None:
        """Delete what was left and nothing holds."""
        held = set(self.holding(self.left))
        for file_id in self.left:
            if file_id not in held:
                self.account.delete(f"/files/{file_id}")
            self._forget(file_id)
        self.left.clear()

    # ── after an interruption ─────────────────────────────────────────────────────────────────────────────────────────

    def recover(self) -> None:
        """Settle what an earlier apply left in the journal: keep what is held, finish deletions, gather spares."""
        doomed = {entry.id for entry in self.journal.entries.values() if entry.doomed and entry.id}
        # Not all that holds one need have been looked at for a plan.
        holding = set(self.holding(doomed - self.held)) if doomed - self.held else set[str]()
        for each in sorted(doomed):
            if each in self.held or each in holding:
                self._forget(each)
            else:
                self.finish_discard(each)
        self.account.going.clear()  # the others that were noted are gone, or held
        for entry in list(self.journal.entries.values()):
            file_id = entry.id or self._find_left(entry)
            if file_id is None or file_id in self.held or not self._is_there(file_id, entry.started):
                self.journal.close(entry.key)
                continue
            # Whoever took up what was left behind may have found it as well, and each is used once.
            self.cache.files.lost.pop(file_id, None)
            spares = self.spare.setdefault((entry.filename, entry.sha256, entry.purpose), [])
            if file_id not in spares:
                spares.append(file_id)
        for file_id, sha256 in list(self.cache.files.lost.items()):
            found = None if file_id in self.held else self.account.find(f"/files/{file_id}")
            if found is None:
                del self.cache.files.lost[file_id]
            else:
                traits = (str(found.get("filename")), sha256, str(found.get("purpose")))
                self.spare.setdefault(traits, []).append(file_id)

    def _is_there(self, file_id: str, started: float) -> bool:
        """Whether the account has a file whose upload began then: one of moments ago may answer 404 for a while [V]."""
        young = self.account.server_time() - started < YOUNG
        return look(self.account, self.cache, file_id, f"/files/{file_id}", None, patient=young) is not None

    def discard_spares(self) -> None:
        """Delete what an interrupted apply uploaded and nothing wanted in the end.

        A file that somebody else detached may be of use to them, and stays.
        """
        for file_ids in self.spare.values():
            for file_id in set(file_ids) - set(self.cache.files.lost):
                self.account.delete(f"/files/{file_id}")
                self.journal.close_file(file_id)
        self.spare.clear()

    def _find_left(self, entry: Journalled) -> str | None:
        """The file of an upload that a killed apply began: looked for until no list can lag behind it any more."""
        found = self._find_lost(entry)
        for pause in LOOKS:
            if found or self.account.server_time() - entry.started > sum(LOOKS):
                break
            self.account.sleep(pause)
            found = self._find_lost(entry)
        return found

    def _find_lost(self, entry: Journalled) -> str | None:
        """The file that an upload without an answer left behind: of our name, size and time, and held by nobody.

        Where more are like that than we are looking for, one is somebody else's, and nobody can say which: none is
        taken.
        """
        alike = (entry.filename, entry.size, entry.purpose)
        sought = [each for each in self.journal.entries.values() if each.id is None]
        known = {each.id for each in self.journal.entries.values() if each.id} | self.held | self.cache.fresh
        found: list[str] = []
        for raw in self.account.pages("/files", page=FILES_PAGE, purpose=entry.purpose, order="desc"):
            if seconds(raw.get("created_at")) < entry.started - CLOCK_SKEW:
                break
            if (raw.get("filename"), raw.get("bytes")) == alike[:2] and raw["id"] not in known:
                found.append(raw["id"])
        held = self.holding(found)
        free = [file_id for file_id in found if file_id not in held]
        if not free or len(free) > sum((each.filename, each.size, each.purpose) == alike for each in sought):
            return None
        self.journal.uploaded(entry.key, free[0])
        return free[0]


@dataclass(slots=True)
class Carried:
    """The ids for the fields that hold files, the metadata pairs that record them, and what happens after the write."""

    ids: dict[str, Any] = default(default_factory=dict)
    records: dict[str, str] = default(default_factory=dict)
    fresh: list[str] = default(default_factory=list)
    stale: dict[str, str] = default(default_factory=dict)


def carry_files(spec: Mapping[str, Any], kind: Kind, live: Live | None, uploader: Uploader) -> Carried:
    """Bring in every file that `spec` wants and the live object does not have with the same content."""
    carried = Carried()
    for each in kind.uploads:
        present = each.carried(live) if live else {}
        if each.name not in spec:
            carried.records.update(_records_of(present, each))
            continue
        wanted: dict[str, tuple[str, str]] = {}
        theirs = {path: file for path, file in spec[each.name].items() if isinstance(file, str)}
        for path, file in spec[each.name].items():
            if path in theirs:
                continue
            file_id, content = present.get(path, ("", ""))
            if content != file.sha256[:RECORDED_SHA] or uploader.account.find(f"/files/{file_id}") is None:
                file_id = uploader.upload(file, each.purpose)
                carried.fresh.append(file_id)
            wanted[path] = (file_id, file.sha256)
        kept = {file_id for file_id, _ in wanted.values()} | set(theirs.values())
        placed = {path: theirs.get(path) or wanted[path][0] for path in spec[each.name]}
        carried.ids[each.name] = placed if each.placed else list(placed.values())
        carried.records.update(_records_of(wanted, each))
        carried.stale.update({old: each.purpose for old, _ in present.values() if old and old not in kept})
    return carried


def _records_of(files: Mapping[str, tuple[str, str]], field: UploadsField) -> dict[str, str]:
    if field.placed:  # the object itself says where each file lies, and room is short
        files = {str(number): files[path] for number, path in enumerate(sorted(files))}
    return write_file_records(files, field.record) if files else {}


def carried_ids(live: Live, kind: Kind) -> dict[str, str]:
    """File id → purpose, of every file that we made for a live object and that it carries."""
    return {file_id: each.purpose for each in kind.uploads for file_id, _ in each.carried(live).values()}
