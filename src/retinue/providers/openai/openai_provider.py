"""An OpenAI-style account: the steps of a plan → requests. Names become ids here; nothing is decided here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from retinue.content.manifest_diff import moved_files
from retinue.errors import AccountError, BlockedError, StaleError
from retinue.kinds.kind import Kinds
from retinue.kinds.stores import Nested, Plain, Versioned, WithActions, WithFiles
from retinue.model.declared import Declared
from retinue.model.live import Live
from retinue.model.steps import Block, Removal, Step
from retinue.model.tag import Tag, is_retired
from retinue.model.values import FileRef
from retinue.planning.marker import Lease, cut_off_lease
from retinue.providers.openai.client import Account
from retinue.providers.openai.orphans import (
    Known,
    Orphan,
    declared_files,
    find_orphans,
    purposes,
    reusable,
    staying_files,
)
from retinue.providers.openai.snapshot import look_again, take_snapshot
from retinue.providers.openai.stores.actions import ActionStore
from retinue.providers.openai.stores.nested import NestedStore
from retinue.providers.openai.stores.plain import PlainStore
from retinue.providers.openai.stores.versioned import VersionedStore
from retinue.providers.openai.stores.with_files import WithFilesStore
from retinue.providers.openai.uploads import Uploader
from retinue.providers.openai.work import Work
from retinue.providers.port import Capabilities, Outcome, Report, Run, Snapshot, Wanted
from retinue.providers.preconditions import HANDOVERS, check_owner, check_values
from retinue.providers.thread_pool import threads
from retinue.state.cache import Cache
from retinue.state.upload_journal import Journalled, UploadJournal

STORES: Mapping[type[Plain], type[PlainStore[Any]]] = {
    Plain: PlainStore,
    Nested: NestedStore,
    Versioned: VersionedStore,
    WithFiles: WithFilesStore,
    WithActions: ActionStore,
}
"""The code for each shape of object. A new shape is a store class in `kinds/stores.py` and a module beside these."""
AGAIN = "run the command again"


class OpenAIProvider:
    """The objects of an account over HTTP. `root` is the project's directory, whose files may be uploaded."""

    capabilities = Capabilities()

    def __init__(self, account: Account, kinds: Kinds, cache: Cache, journal: UploadJournal, root: Path) -> None:
        self.account = account
        self.kinds = kinds
        self.cache = cache
        self.journal = journal
        self.root = root
        self._work: tuple[Run, Work] | None = None
        self._served: frozenset[str] = frozenset()
        self._order: Mapping[str, Sequence[str]] = {}

    @cached_property
    def stores(self) -> Mapping[str, PlainStore[Any]]:
        """The store of each kind that has objects in the account, by the kind's name."""
        return {
            name: STORES[type(kind.store)](kind, kind.store, self.account, self.cache)
            for name, kind in self.kinds.items()
            if isinstance(kind.store, Plain)
        }

    @property
    def judges(self) -> Collection[str]:
        return [name for name, store in self.stores.items() if store.form.numbers]

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def snapshot(self, wanted: Wanted, others: Sequence[Live] = ()) -> Snapshot:
        """Everything that is there, and the `others`, with what is known here of the files that they name.

        The account alone has to tell of an apply that was cut off elsewhere: its lease was not given back.
        """
        snapshot = take_snapshot(self.account, self.stores, self.cache, wanted, others)
        if wanted.only is not None:
            snapshot.served |= {name for name in self._served if not wanted.covers(name)}
        self._served = frozenset(snapshot.served)
        self._order = snapshot.order if wanted.only is None else {**self._order, **snapshot.order}
        stack, now = self.cache.stack, self.account.server_time()
        leases = [cut_off_lease(raw.get("metadata") or {}, stack, now) for _, raw in snapshot.markers]
        if any(leases):
            snapshot.live = [self._unsettled(live) for live in snapshot.live]
            self._take_up({file_id for lease in leases if lease for file_id in lease.going})
        return snapshot

    def _take_up(self, going: Collection[str]) -> None:
        """Journal the files that an apply was about to delete when it was cut off elsewhere, as far as they exist."""
        with threads(8, "look") as pool:
            found = [each for each in pool.map(lambda file_id: self.account.find(f"/files/{file_id}"), going) if each]
        for raw in found:
            name, purpose, begun = str(raw.get("filename") or ""), str(raw.get("purpose") or ""), self.account.clock()
            self.journal.adopt(Journalled(str(raw["id"]), name, 0, "", purpose, begun, str(raw["id"]), doomed=True))

    def again(self, seen: Sequence[Live], ids: Collection[str], wanted: Wanted) -> Iterator[Live]:
        sought = {live.id: live for live in seen if live.home is None and live.id in ids}
        found = look_again(self.account, self.stores, self.cache, wanted, list(sought.values()), self._order)
        yield from (found.get(live.id, live) for live in seen if live.id in found or live.id not in sought)

    def _unsettled(self, live: Live) -> Live:
        versions = live.versions
        if versions is None or versions.default == versions.newest or live.home is not None:
            return live
        ours = live.tag is not None and live.tag.stack == self.cache.stack
        return self.stores[live.kind].unsettled(live) if ours else live

    def find(self, step: Step, owner: Tag | None) -> Live | None:  # noqa: ARG002 - for what is found by its address
        store = self.stores[step.address.kind]
        # The plan saw it moments ago, so a 404 may be the lag of a creation that somebody else made; what is nobody's
        # yet is read as a whole.
        live = store.find(str(step.id), step.within, patient=True, asked=step.action in HANDOVERS)
        return store.again(live, step, recent=True) if live is not None and step.files else live

    def closer(self, step: Step, live: Live) -> Live:
        store = self.stores[live.kind]
        now = store.again(live, step)
        return replace(now if not moved_files(step, now.files) else store.whole(live), noted=False)

    def glimpse(self, steps: Sequence[Step]) -> Mapping[str, Live]:
        found: dict[str, Live] = {}
        for kind, store in self.stores.items():
            # What is nobody's yet is read as a whole, and so is what has files or versions.
            keys = {str(step.id): step.key for step in steps if step.address.kind == kind and _is_plain(step)}
            if type(store).whole is PlainStore.whole and len(keys) > 1:
                for raw in store.together(list(keys), self._order.get(kind, ())):
                    found[keys[raw["id"]]] = store.read(raw)
        return found

    def exists(self, kind: str | None, live_id: str) -> bool:
        """Whether the account has an object of a kind, or a file where that is None."""
        if kind is None:
            return self.account.find(f"/files/{live_id}") is not None
        return self.stores[kind].exists(live_id)

    def missing(self, ids: Collection[tuple[str | None, str]]) -> set[tuple[str | None, str]]:
        """Which of these ids, each with its kind or None for a file, are not there. What cannot be asked for is not
        judged."""

        def is_missing(each: tuple[str | None, str]) -> bool:
            with suppress(AccountError):
                return not self.exists(*each)
            return False

        with threads(8, "look") as pool:
            return {each for each, is_it in zip(ids, pool.map(is_missing, ids), strict=True) if is_it}

    def holding(self, file_ids: Collection[str]) -> set[str]:
        """Those of the files that any object of the account holds, whoever owns it."""
        served = [store for name, store in self.stores.items() if name in self._served]
        return {each for store in served for each in store.holding(file_ids)}

    def unused(self, declared: Iterable[Declared], live: Collection[Live], cut_off: Lease | None) -> list[Orphan]:
        """The files that nothing holds and that are or may be the stack's. Raises AccountError."""
        return find_orphans(self.account, self._known(declared, live, cut_off))

    def _known(self, declared: Iterable[Declared], live: Collection[Live], cut_off: Lease | None) -> Known:
        declared = list(declared)
        ours = [each for each in live if each.tag and each.tag.stack == self.cache.stack]
        return Known(
            self.cache,
            self.journal,
            tuple(declared_files(declared, self.kinds)),
            purposes(self.kinds),
            {file_id for each in live for file_id in (*each.made_files, *(file.id for file in each.files))},
            set(staying_files(declared, ours, self.kinds)),
            self.holding,
            cut_off,
        )

    @contextmanager
    def left_behind(self, declared: Iterable[Declared], live: Collection[Live], cut_off: Lease) -> Iterator[None]:
        """While open, what an apply that was cut off elsewhere uploaded is used where its content is wanted. What is
        not used stays in the account: it may be somebody else's."""
        lost, found = self.cache.files.lost, dict[str, str]()
        with suppress(AccountError):
            found = reusable(self.account, self._known(declared, live, cut_off))
        lost.update(found)
        try:
            yield
        finally:
            if found:
                for file_id in found:
                    lost.pop(file_id, None)
                self.cache.save()

    def preflight(self, steps: Iterable[Step], known: Mapping[str, Live]) -> Iterator[Block]:
        """Versions by number that the account does not have. What cannot be asked for is not judged."""
        for step in steps:
            store = self.stores[step.address.kind]
            live = known.get(step.id or "")
            with suppress(AccountError):
                if store.form.numbered(step, live):
                    block = store.form.unknown_version(step, store.version_numbers(live))
                    if block:
                        yield block

    def parts(self, step: Step, live: Live) -> tuple[int, tuple[Removal, ...]]:
        parts: tuple[int, tuple[Removal, ...]] = self.stores[step.address.kind].parts(step, live)
        return parts

    def whole(self, live: Live) -> Live:
        return self.stores[live.kind].whole(live)

    def contents(self, live: Live) -> dict[str, bytes]:
        return self.stores[live.kind].contents(live)

    def pages(self, kind: str) -> Iterator[dict[str, Any]]:
        return self.stores[kind].pages()

    def document(self, live: Live) -> dict[str, Any]:
        files = [
            {"id": each.id, "path": each.path, "status": each.status, "attributes": dict(each.attributes)}
            | {"error": each.error}
            for each in live.files
        ]
        return {**{name: _plain(value) for name, value in live.answer.items()}, **({"files": files} if files else {})}

    def handed_out(self, live: Live) -> str:
        return live.id

    # ── carrying out ──────────────────────────────────────────────────────────────────────────────────────────────────

    def work(self, run: Run) -> Work:
        """What is at hand while one apply is carried out; homes outside of the account share it for their files."""
        if self._work is None or self._work[0] is not run:
            uploader = Uploader(self.account, self.cache, self.journal, self.root, run.held, self.holding)
            given = (run.pool, run.ids, run.known, run.check, run.wait_timeout, run.common)
            work = Work(self.account, self.cache, uploader, *given)
            self._work = (run, work)
            uploader.recover()
        return self._work[1]

    def begin(self, run: Run) -> OpenAIRunner:
        return OpenAIRunner(self, self.work(run))


@dataclass(slots=True)
class OpenAIRunner:
    """Carries single steps out; one for each apply."""

    provider: OpenAIProvider
    work: Work

    def run(self, step: Step, report: Report) -> Outcome:
        """Carry `step` out."""
        store = self.provider.stores[step.address.kind]
        self.work.check()
        if step.action == "delete":
            self._delete(step, store)
            return Outcome(step.id)
        if step.action in HANDOVERS:
            return Outcome(self._hand_over(step, store))
        live_id = store.create(self.work, step) if step.action == "create" else self._update(step, store)
        if is_retired(step.tag):
            self.work.cache.released(live_id)
        failures = store.follow_up(self.work, step, live_id, report)
        if (store.pending(step) or step.files) and not failures:
            store.finish(self.work, step, live_id)
        return Outcome(live_id, failures, self.work.unkept.get(step.key, ()))

    def close(self, *, complete: bool) -> None:
        try:
            if complete:
                self.work.uploader.discard_left()
                self.work.uploader.discard_spares()
        finally:
            self.work.cache.save()

    def _update(self, step: Step, store: PlainStore[Any]) -> str:
        live = store.current(self.work, step)
        if live is None:
            raise StaleError("it was deleted after the plan was made", hint=AGAIN)
        check_values(step, live, self.provider.kinds)
        return store.update(self.work, step, live)

    def _delete(self, step: Step, store: PlainStore[Any]) -> None:
        live = store.current(self.work, step)
        if live is not None:
            check_values(step, live, self.provider.kinds)
            store.delete(self.work, step, live)
        self.work.cache.forget(step.id or "")

    def _hand_over(self, step: Step, store: PlainStore[Any]) -> str:
        """Carry an `adopt`, `move` or `release` out; gives the live id.

        Raises StaleError when the object is gone or no longer has the values that the tag would claim, BlockedError
        when somebody else has tagged it meanwhile.
        """
        work = self.work
        live = store.find(str(step.id), step.within, asked=True)
        if live is None:
            raise StaleError("it was deleted after the plan was made", hint=AGAIN)
        try:
            # A write whose answer was lost is repeated: then the object carries the new tag already.
            check_owner(step, live, step.held)
        except StaleError as error:
            message = f"{live.id} carries another tag than the plan saw"
            raise BlockedError(message, hint="plan again to see whose it is") from error
        check_values(step, live, self.provider.kinds)
        # What is declared by its id is not ours, whoever marked it once.
        theirs = store.given_files(step)
        if step.action == "release" or step.tag is None:
            # The files first: while the object carries our tag, an interrupted release is taken up again.
            store.unmark_files(work, live)
            store.take_tag(work, step, live)
            work.cache.released(live.id)
            return live.id
        if theirs:
            store.unmark_files(work, live, theirs)
        store.put_tag(work, step, live)
        work.cache.remember(step.address, live.id)
        return live.id


def _is_plain(step: Step) -> bool:
    return not step.files and step.within is None and step.action not in HANDOVERS


def _plain(value: Any) -> Any:
    """A value as data. Of a file that is no text, its digest and size stand for its content."""
    if isinstance(value, FileRef):
        return {"sha256": value.sha256, "size": value.size}
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value
