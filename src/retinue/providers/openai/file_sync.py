"""The files attached to one object: upload, attach, wait until they can be searched, and only then let old ones go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from retinue.content.manifest_diff import content_key
from retinue.errors import AccountError, RetinueError
from retinue.kinds.stores import WithFiles
from retinue.model.live import LiveFile
from retinue.model.steps import REWRITTEN, FileChange
from retinue.model.tag import PATH_ATTRIBUTE, SHA256_ATTRIBUTE, SHARED_ATTRIBUTE
from retinue.providers.openai.client import Account, AmbiguousError
from retinue.providers.openai.create_once import Attempt, settle
from retinue.providers.openai.stores.file_listing import counted
from retinue.providers.openai.uploads import MOST_GOING, Uploader
from retinue.providers.openai.work import Report
from retinue.state.cache import NOBODYS, Cache, FileNote

FIRST_POLL = 0.1
LONGEST_POLL = 5.0
FEW = 8
MOST_ATTRIBUTES = 16
"""SPEC VectorStoreFileAttributes."""
NO_BATCHES = frozenset({404, 405, 410, 501})
"""How an account says that it does not know batches. Of an object that is gone, the next request says the same."""
REFUSALS = frozenset({400, 413, 415, 422})
"""How an account says that there is something about a file that it does not take."""
STUCK = 900.0
"""Seconds after which a file in progress counts as failed, while none beside it gets anywhere: the service may leave it
there for ever [V]."""


@dataclass(slots=True)
class Batch:
    """Files attached by one request. `done` is how many of them are indexed, or will not be, as far as is known."""

    ids: set[str]
    done: int = 0


@dataclass(slots=True)
class FileSync:
    """Carries out the file changes of one step on the object `id`. `check` raises when the person asked to stop;
    `read_again` gives those of the files, by their ids, that were there when they were listed last, as they are now;
    `wait_timeout` is how long they are waited for, and `stuck` how long one may be in progress while none beside it
    gets anywhere, in seconds. `common` are contents that other steps bring in as well, `shared` the ids of files that
    may be attached to other objects, too."""

    account: Account
    form: WithFiles
    read: Callable[[Mapping[str, Any]], LiveFile]
    read_again: Callable[[Collection[str]], Mapping[str, LiveFile]]
    id: str
    uploader: Uploader
    cache: Cache
    pool: Executor
    report: Report
    check: Callable[[], None]
    wait_timeout: float
    common: Collection[tuple[str, str]] = ()
    stuck: float = STUCK
    shared: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)
    indexed: dict[str, tuple[FileChange, LiveFile]] = field(default_factory=dict)
    """What was brought in, by the ids of the files, and what the account shows of it."""
    gone: set[str] = field(default_factory=set)
    """The ids of the files that were taken out."""
    batches: dict[str, Batch] = field(default_factory=dict)
    """What was attached by one request, by the ids that the account gave to those."""

    def run(self, changes: Sequence[FileChange]) -> dict[str, str]:
        """Carry the changes out; give path → reason of what failed. Removals wait until new files are searchable."""
        kept: dict[str, FileChange] = {}
        fresh = [each for each in changes if each.action in ("add", "replace")]
        theirs = [each for each in changes if each.action == "attach"]
        for each in [each for each in changes if each not in theirs]:
            if each.live_id and self._write_attributes(each.live_id, each):
                kept[each.live_id] = each
            elif each.live_id:
                fresh.append(replace(each, file_ids=(*each.file_ids, each.live_id)))
        placed = [*self._place(fresh), *self._place(theirs)]
        awaited = {**{file_id: change for change, file_id in placed}, **kept}
        good = self._wait(awaited)
        replaced = [change for file_id, change in awaited.items() if file_id in good]
        removed = [] if self.failures else [each for each in changes if each.action == "remove"]
        self._remove([file_id for change in (*replaced, *removed) for file_id in change.file_ids])
        return self.failures

    def _path(self, file_id: str = "") -> str:
        path = self.form.files_path.format(id=self.id)
        return f"{path}/{file_id}" if file_id else path

    # ── new files ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _place(self, changes: Sequence[FileChange]) -> list[tuple[FileChange, str]]:
        """Upload and attach, a batch at a time, so that an interruption leaves little to do again."""
        placed: list[tuple[FileChange, str]] = []
        for start in range(0, len(changes), self.form.batch):
            self.check()
            batch = list(self._upload(changes[start : start + self.form.batch], start, len(changes)))
            if batch:
                self.check()
                placed += self._attach(batch)
        return placed

    def _upload(self, changes: Sequence[FileChange], before: int, total: int) -> Iterator[tuple[FileChange, str]]:
        def upload(change: FileChange) -> str | RetinueError:
            try:
                self.check()
                if change.action == "attach" and change.live_id:
                    return change.live_id  # it is in the account
                if change.after is None:
                    raise TypeError(f"'{change.path}' has no content to upload")
                # Without room for the mark nobody would know that the file is not of this object alone.
                room = len(change.attributes) + 3 <= MOST_ATTRIBUTES
                shared_by = self.id if room and content_key(change.after) in self.common else None
                file_id = self.uploader.upload(change.after, self.form.purpose, shared_by=shared_by, alone=not room)
                if self.uploader.is_shared(file_id):
                    self.shared.add(file_id)
                return file_id
            except RetinueError as error:
                return error

        outcomes = self.pool.map(upload, changes)
        for number, (change, outcome) in enumerate(zip(changes, outcomes, strict=True), start=before + 1):
            if isinstance(outcome, RetinueError):
                self.check()
                self.failures[change.path] = outcome.message
            else:
                yield change, outcome
            self.report(number, total, "uploaded")

    def _attach(self, batch: Sequence[tuple[FileChange, str]]) -> list[tuple[FileChange, str]]:
        """Attach uploaded files by one request; one by one what an account does not attach like that. Gives those that
        it takes: what it refuses is reported and taken out again."""
        missing = self._attach_batch(batch) if self.account.batches else batch
        refused: dict[str, str] = {}

        def attach(pair: tuple[FileChange, str]) -> None:
            try:
                self._attach_one(*pair)
            except AccountError as error:
                if error.status not in REFUSALS:
                    raise
                refused[pair[1]] = error.message

        for _ in self.pool.map(attach, missing):
            self.check()
        attached = [pair for pair in batch if pair[1] not in refused]
        for change, file_id in batch:
            if file_id in refused:
                self.uploader.settled(file_id)
                self.give_up(change, file_id, refused[file_id])
        for change, file_id in attached:
            self.cache.attached(
                self.id,
                file_id,
                FileNote(change.after.sha256, change.path, file_id in self.shared) if change.after else NOBODYS,
            )
            self.uploader.settled(file_id)
        return attached

    def _attach_batch(self, batch: Sequence[tuple[FileChange, str]]) -> Sequence[tuple[FileChange, str]]:
        """Gives what is not attached afterwards. When the answer is lost, only that is sent again."""
        missing = batch
        for attempt in range(self.account.retries + 1):
            body = {"files": [self._entry(change, file_id) for change, file_id in missing]}
            try:
                made = self.account.create(self.form.batch_path.format(id=self.id), body, beta=self.form.beta)
            except AmbiguousError as error:
                self.account.sleep(float(2**attempt) / 2)
                missing = self._missing(missing)
                if not missing or error.done:
                    break
            except AccountError as error:
                if error.status not in NO_BATCHES | REFUSALS:
                    raise
                # One file that is refused refuses the batch: by itself it is told, and the others come in.
                self.account.batches = error.status in REFUSALS
                break
            else:
                if counted(made) == len(missing):
                    self.batches[str(made["id"])] = Batch({file_id for _, file_id in missing})
                    return ()
                # Some servers ignore `files`, and answer with a batch of nothing.
                missing = self._missing(missing)
                self.account.batches = not missing
                break
        return missing

    def _missing(self, batch: Sequence[tuple[FileChange, str]]) -> Sequence[tuple[FileChange, str]]:
        """What is not attached."""
        found = self.pool.map(self._find, [file_id for _, file_id in batch])
        return [pair for pair, file in zip(batch, found, strict=True) if file is None]

    def _attach_one(self, change: FileChange, file_id: str) -> None:
        """Attach one file. Doing it twice is doing it once: what is attached has the file's id."""

        def attempt() -> Attempt:
            try:
                return str(self.account.create(self._path(), self._entry(change, file_id), beta=self.form.beta)["id"])
            except AmbiguousError as error:
                return error, lambda: file_id if self._find(file_id) else None

        settle(self.account, attempt)

    def _entry(self, change: FileChange, file_id: str) -> dict[str, Any]:
        if change.action == "attach":
            return {"file_id": file_id}
        return {
            "file_id": file_id,
            "attributes": self.attributes(change, file_id),
            "chunking_strategy": self.form.wire_chunking(change.chunking or {}),
        }

    def attributes(self, change: FileChange, file_id: str) -> dict[str, Any]:
        """What a file is to carry: the author's attributes and our marks."""
        sha256 = change.after.sha256 if change.after else ""
        carried = {**change.attributes, PATH_ATTRIBUTE: change.path, SHA256_ATTRIBUTE: sha256}
        if file_id in self.shared and len(carried) < MOST_ATTRIBUTES:
            carried[SHARED_ATTRIBUTE] = "yes"
        return carried

    def _write_attributes(self, file_id: str, change: FileChange) -> bool:
        """Whether the account took the attributes. Whether it replaces or merges them is not documented; where it keeps
        one that was dropped, the file has to be attached anew."""
        if change.action not in REWRITTEN:
            return True
        self.check()
        wanted = self.attributes(change, file_id)
        if file_id in self.shared and SHARED_ATTRIBUTE not in wanted:
            return False  # without the mark, whoever takes it out of this object deletes it under the others
        answer = self.account.update(self._path(file_id), {"attributes": wanted}, beta=self.form.beta)
        taken = set(answer.get("attributes") or {}) <= set(wanted)
        if taken and change.action == "move" and change.after:
            self.cache.attached(self.id, file_id, FileNote(change.after.sha256, change.path, file_id in self.shared))
        return taken

    def _find(self, file_id: str) -> LiveFile | None:
        raw = self.account.find(self._path(file_id), beta=self.form.beta)
        return self.read(raw) if raw else None

    # ── indexing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _wait(self, files: dict[str, FileChange]) -> set[str]:
        """Wait until every file is indexed; give the ids of those that are. What failed is reported and taken out; what
        is not ready when the time is over is left to the next apply, unless it seems stuck."""
        pending, done = dict(files), 0
        pause = FIRST_POLL
        begun = moved = self.account.clock()
        while pending:
            self.check()
            seen = {each.id: each for each in self._states(pending)}
            self._settle(seen.values(), pending)
            before, done = done, len(files) - len(pending) + sum(each.done for each in self.batches.values())
            now = self.account.clock()
            if done != before:
                self.report(done, len(files), "indexed")
                pause, moved = FIRST_POLL, now
            left = min(begun + self.wait_timeout, moved + self.stuck) - now
            if pending and left <= 0:
                seen |= {each.id: each for each in self._in_batches(pending)}
                self._settle(seen.values(), pending)
                self._leave(pending, seen, idle=now - moved)
                break
            if pending:
                self.account.sleep(min(pause, left))
                pause = min(pause * 1.5, LONGEST_POLL)
        return {file_id for file_id, change in files.items() if change.path not in self.failures}

    def _leave(self, pending: Mapping[str, FileChange], seen: Mapping[str, LiveFile], *, idle: float) -> None:
        """Nobody waits any longer. What has been in progress for too long, while nothing went on, is given up."""
        now = self.account.server_time()
        for file_id, change in pending.items():
            since = seen[file_id].created_at if file_id in seen else 0
            if idle >= self.stuck or (since and now - since >= self.stuck and idle >= self.wait_timeout > 0):
                self.give_up(change, file_id, f"it was not indexed within {self.stuck / 60:.0f} minutes")
            else:
                self.failures[change.path] = "it is still being indexed, and the next apply goes on with it"

    def _settle(self, found: Iterable[LiveFile], pending: dict[str, FileChange]) -> None:
        """Take those that are under way no longer out of what is `pending`."""
        for each in found:
            if each.status == "in_progress" or each.id not in pending:
                continue
            change = pending.pop(each.id)
            if each.status == "completed":
                self.indexed[each.id] = change, each
                self.cache.indexed(self.id, change.path)
            else:
                self.give_up(change, each.id, each.error or f"its status is '{each.status}'")

    def _states(self, pending: Mapping[str, FileChange]) -> list[LiveFile]:
        """The state of the pending files: one by one while they are few, and else what their batches tell; of what is
        there since before, as it was listed.

        A file that the account does not know yet, or does not list yet, counts as in progress [V §10.3].
        """
        left = set(pending)
        if len(left) <= FEW:
            self.batches.clear()
            return [each for each in self.pool.map(self._find, pending) if each]
        found: list[LiveFile] = []
        for batch_id, batch in list(self.batches.items()):
            # What stands on one page is told by it at once, and else the batch knows first whether it is over.
            few = len(batch.ids) <= self.form.page
            if not batch.ids & left or (not few and self._is_under_way(batch_id, batch)):
                left -= batch.ids
                continue
            states = self._in_batch(batch_id)
            found += states
            if few and any(each.status == "in_progress" for each in states):
                left -= batch.ids
                continue
            left -= {each.id for each in states}
            del self.batches[batch_id]
        again = self.read_again(left) if left else {}
        left -= again.keys()
        if len(left) <= FEW:
            return [*found, *again.values(), *(each for each in self.pool.map(self._find, sorted(left)) if each)]
        pages = self.account.pages(self._path(), page=self.form.page, beta=self.form.beta)
        listed = (self.read(raw) for raw in pages)
        return [*found, *again.values(), *(each for each in listed if each.id in left)]

    def _is_under_way(self, batch_id: str, batch: Batch) -> bool:
        """Whether some files of a batch are still being indexed, as far as the account counts them."""
        path = f"{self.form.batch_path.format(id=self.id)}/{batch_id}"
        with suppress(AccountError):
            counts = (self.account.find(path, beta=self.form.beta) or {}).get("file_counts")
            under_way = counts.get("in_progress") if isinstance(counts, Mapping) else None
            if isinstance(under_way, int) and under_way:
                batch.done = max(len(batch.ids) - under_way, 0)
                return True
        return False

    def _in_batch(self, batch_id: str) -> list[LiveFile]:
        """The files of a batch; none where the account does not list them by batch."""
        path = f"{self.form.batch_path.format(id=self.id)}/{batch_id}/files"
        try:
            pages = self.account.pages(path, page=self.form.page, beta=self.form.beta)
            return [self.read(raw) for raw in pages]
        except AccountError as error:
            if error.status in NO_BATCHES:
                return []
            raise

    def _in_batches(self, pending: Collection[str]) -> list[LiveFile]:
        """The states of pending files in batches that are not over."""
        states = [each for batch_id in self.batches for each in self._in_batch(batch_id)]
        return [each for each in states if each.id in pending]

    def give_up(self, change: FileChange, file_id: str, why: str) -> None:
        """Take a file that cannot be searched out again: the old one serves on and the next apply starts anew."""
        self.failures[change.path] = why
        if change.after is not None:
            self.cache.failed_to_index(self.id, change.path, change.after.sha256, why)
        if change.action != "attach":
            # What this apply uploaded is found by the next one, wherever that runs (decision 28).
            self._remove([file_id], announced=change.action not in ("add", "replace"))

    # ── old files ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _remove(self, file_ids: Sequence[str], *, announced: bool = True) -> None:
        """Detach, then delete: the other order leaves the store's counts wrong for good [V §10.4]."""
        for start in range(0, len(file_ids), MOST_GOING):
            self.check()
            some = file_ids[start : start + MOST_GOING]
            with self.uploader.letting_go(dict.fromkeys(some, self.form.purpose), announced=announced):
                self._take_out(some)

    def _take_out(self, file_ids: Sequence[str]) -> None:
        def remove(file_id: str) -> RetinueError | None:
            try:
                self.check()
                self.account.delete(self._path(file_id), beta=self.form.beta)
                self.cache.detached(self.id, file_id)
                self.gone.add(file_id)
                if file_id in self.shared:
                    self.uploader.leave(file_id)
                else:
                    self.uploader.finish_discard(file_id)
            except RetinueError as error:
                return error
            return None

        for file_id, error in zip(file_ids, self.pool.map(remove, file_ids), strict=True):
            if isinstance(error, AccountError):
                self.failures[file_id] = error.message
            elif error is not None:
                raise error
