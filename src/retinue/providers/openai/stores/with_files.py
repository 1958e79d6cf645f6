"""Objects with files attached: their files are read, brought in after the object, and let go before it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

from retinue.content.manifest import Summary, files_digest
from retinue.kinds.stores import WithFiles
from retinue.model.live import Live, LiveFile
from retinue.model.steps import Step
from retinue.model.tag import (
    CHUNKING_ATTRIBUTE,
    PATH_ATTRIBUTE,
    RECORD_KEY,
    SHA256_ATTRIBUTE,
    SHARED_ATTRIBUTE,
    SYNCING,
    Tag,
    is_ours,
)
from retinue.model.values import FileRef
from retinue.providers.openai.answers import seconds
from retinue.providers.openai.both_ends import from_both_ends
from retinue.providers.openai.file_sync import STUCK, FileSync
from retinue.providers.openai.marks import our_marks
from retinue.providers.openai.read_after_create import look
from retinue.providers.openai.stores.file_listing import SIDE_BY_SIDE, Listing, counted, read_again
from retinue.providers.openai.stores.plain import PlainStore
from retinue.providers.openai.stores.unkept_files import UnkeptFiles, given_digest, records_of
from retinue.providers.openai.work import Report, Work
from retinue.providers.port import WAIT_TIMEOUT
from retinue.providers.preconditions import check_files
from retinue.providers.thread_pool import threads
from retinue.state.cache import FileNote

Records = Mapping[str, FileRef | FileNote]
"""What stands for the marks of attached files, by their ids: the records of their store, or this machine's notes."""

RECENT = 5.0
"""Seconds for which a look at files counts that a plan took, before it is taken once more."""


@dataclass(frozen=True, slots=True)
class WithFilesStore(PlainStore[WithFiles]):
    """The objects of one kind, with a collection of files below each. `listed` are the files of objects as this process
    listed them last, by the objects' ids; `looked_at` are those that were read again since, and when, in seconds of the
    account's clock."""

    listed: dict[str, Listing] = field(default_factory=dict)
    looked_at: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict)

    apart: ClassVar[bool] = True

    def whole(self, live: Live) -> Live:
        return replace(live, files=self.files(live), failed=dict(self.cache.files.failed.get(live.id, {})))

    def holds_just(self, live: Live, wanted: Summary) -> bool:
        """Whether the tag says that the declared files were all in place, and the account that as many are now."""
        tag = live.tag
        if tag is None or live.spent or SYNCING in tag.flags or tag.fields.get(self.form.files) != wanted.digest:
            return False
        # A store that never had a file has a tag that was written with it.
        attached = 0 if tag.attached is None and not wanted.files else tag.attached
        return attached is not None and attached == _settled(live)

    def known(self, live: Live) -> Live | None:
        tag, page = live.tag, self.form.page
        if tag is None or live.spent or SYNCING in tag.flags or self.form.files in tag.returned:
            return None
        said, attached = tag.fields.get(self.form.files, ""), tag.attached
        # What one page shows is asked for as fast as it is looked up.
        if attached is None or attached <= page or attached != _settled(live):
            return None
        files = self.cache.notes.load(live.id, said, attached)
        if files is None or files_digest(files) != said:
            return None
        self.listed[live.id] = Listing(attached, files)
        return replace(live, files=files, noted=True)

    def files(self, live: Live) -> tuple[LiveFile, ...]:
        """The files attached to a live object. One that we attached and that is not listed is asked for by itself."""
        path, cache, live_id = self._files(live.id), self.cache, live.id
        pages = from_both_ends(self.account, path, page=self.form.page, beta=self.form.beta)
        said = live.tag.fields.get(self.form.files, "") if live.tag else ""
        records = self._records(live)
        found = {
            each["id"]: self.read_file(each, records)
            for each in pages
            if f"{live_id}/{each['id']}" not in cache.deleted
        }
        # With a list that shows less than the account counts, what it lacks may have been attached moments ago.
        total = counted(live.answer)
        lagging = total is not None and len(found) < total
        for file_id in sorted(set(cache.files.of.get(live_id, {})) - set(found)):
            raw = look(self.account, cache, file_id, f"{path}/{file_id}", self.form.beta, patient=lagging)
            if raw is None:
                cache.files.lose(live_id, file_id)
            else:
                found[file_id] = self.read_file(raw, records)
        cache.files.note(
            live_id,
            said,
            {each.id: FileNote(each.sha256 or "", each.path, each.shared) for each in found.values() if each.path},
        )
        self.listed[live_id] = Listing(counted(live.answer), tuple(found.values()))
        self.looked_at.pop(live_id, None)
        return self.listed[live_id].files

    def again(self, live: Live, step: Step, *, recent: bool = False) -> Live:
        """The object with its files once more, those read anew that the step takes out or writes over. All are listed
        where their number is another than when they were listed last, where one is gone, and where all are to go."""
        listing, total = self.listed.get(live.id), counted(live.answer)
        if listing is None or total is None or total != listing.total or step.action == "delete":
            return self.whole(live)
        wanted = {
            file_id for each in step.files for file_id in (*each.touched, *([each.live_id] if each.live_id else []))
        }
        theirs = {each.live_id for each in step.files if each.action == "attach"}
        when, looked_at = self.looked_at.get(live.id, (0.0, frozenset()))
        if recent and wanted - theirs <= looked_at and self.account.clock() - when <= RECENT:
            return replace(live, files=listing.files)
        self.looked_at[live.id] = self.account.clock(), frozenset(wanted - theirs)
        fresh = self._read_again(live, wanted - theirs)
        if fresh.keys() != wanted - theirs:
            return self.whole(live)
        return replace(live, files=tuple(fresh.get(each.id, each) for each in listing.files))

    def _read_again(self, live: Live, ids: Collection[str]) -> dict[str, LiveFile]:
        """Some of the files that were listed, as they are now."""
        listing, read = (
            self.listed.get(live.id, Listing(None, ())),
            partial(self.read_file, records=self._records(live)),
        )
        path, page, beta = self._files(live.id), self.form.page, self.form.beta
        return read_again(self.account, path, listing, ids, page=page, beta=beta, read=read)

    def _records(self, live: Live) -> Records:
        """What is noted of the files of an object, by their ids."""
        said = live.tag.fields.get(self.form.files, "") if live.tag else ""
        return {**self.cache.files.noted(live.id, said), **records_of(live, self.form)}

    def holding(self, file_ids: Collection[str]) -> set[str]:
        """Those of these files that some object of the kind holds. One that this machine knows of is asked first, which
        mostly settles the matter, and all of them about the rest."""
        with threads(SIDE_BY_SIDE, "hold") as pool:
            noted = zip(file_ids, pool.map(self._is_held_as_noted, file_ids), strict=True)
            found = {file_id for file_id, held in noted if held}
            wanted = set(file_ids) - found
            for held in pool.map(lambda raw: self._held_by(raw, wanted), self.pages() if wanted else ()):
                found |= held
        return found

    def _is_held_as_noted(self, file_id: str) -> bool:
        noted = [live_id for live_id, files in list(self.cache.files.of.items()) if file_id in files]
        return any(self.account.find(f"{self._files(live_id)}/{file_id}", beta=self.form.beta) for live_id in noted)

    def _taken_from(self, live_id: str, file_ids: Collection[str]) -> set[str]:
        """Those of the files that this process took out of an object: it need not ask whether they are gone."""
        return {each for each in file_ids if f"{live_id}/{each}" in self.cache.deleted}

    def _held_by(self, raw: Mapping[str, Any], wanted: Collection[str]) -> set[str]:
        """Which of these files an object holds: asked for one by one, unless reading all of its files is less."""
        wanted = set(wanted) - self._taken_from(str(raw["id"]), wanted)
        if not wanted:
            return set()
        path, total = self._files(str(raw["id"])), counted(raw)
        if total is not None and len(wanted) > total // self.form.page + 1:
            pages = self.account.pages(path, page=self.form.page, beta=self.form.beta)
            return {str(each["id"]) for each in pages} & set(wanted)
        return {each for each in wanted if self.account.find(f"{path}/{each}", beta=self.form.beta)}

    def read_file(self, raw: Mapping[str, Any], records: Records = MappingProxyType({})) -> LiveFile:
        """One attached file. Its path and digest are in its attributes. In the `records` they are of those that have
        none: of all, where the account keeps no attributes, and of one that lost them, where this machine noted it.
        Without them it is not ours.

        Raises AnswerError for an answer of another shape.
        """
        where = self._files(str(raw.get("vector_store_id")))
        with self.account.door("GET", where, raw, expected="an attached file that can be read"):
            return self._file(raw, records)

    def _file(self, raw: Mapping[str, Any], records: Records) -> LiveFile:
        attributes = raw.get("attributes") or {}
        path, error = attributes.get(PATH_ATTRIBUTE), raw.get("last_error") or {}
        known = None if PATH_ATTRIBUTE in attributes else records.get(str(raw["id"]))
        usage = raw.get("usage_bytes")
        return LiveFile(
            id=str(raw["id"]),
            path=known.path if known else path if isinstance(path, str) and path else None,
            sha256=known.sha256 if known else str(attributes.get(SHA256_ATTRIBUTE, "")) or None,
            status=str(raw.get("status")),
            created_at=seconds(raw.get("created_at")),
            attributes={key: value for key, value in attributes.items() if not is_ours(key)},
            chunking=self._chunking(raw.get("chunking_strategy"), attributes, known=known is None),
            error=f"{error.get('code')}: {error.get('message')}" if error else None,
            recorded=isinstance(known, FileRef),
            unmarked=isinstance(known, FileNote),
            given=given_digest(attributes),
            shared=SHARED_ATTRIBUTE in attributes or isinstance(known, FileRef) or (known is not None and known.shared),
            usage=usage if isinstance(usage, int) else None,
        )

    def _chunking(
        self, told: Mapping[str, Any] | None, attributes: Mapping[str, Any], *, known: bool
    ) -> Mapping[str, Any]:
        """How a file was cut. Where the account does not tell, our own note does; without one it was left to it, or,
        where no note of ours could be kept, it is not `known`.

        SPEC OtherChunkingStrategyResponseParam: `other` is for files of which it is not known.
        """
        if not told or told.get("type") == "other":
            if not known:
                return {}
            told = {"type": "auto"}
            with suppress(KeyError, ValueError):
                told = json.loads(attributes[CHUNKING_ATTRIBUTE])
        chunking: Mapping[str, Any] = self.form.canonical_chunking(told)
        return chunking

    def _files(self, live_id: str) -> str:
        return self.form.files_path.format(id=live_id)

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def follow_up(self, work: Work, step: Step, live_id: str, report: Report) -> dict[str, str]:
        if not step.files:
            return {}
        self.cache.notes.drop(live_id)
        live = self._written(work, step, live_id)
        if any(each.file_ids or each.live_id for each in step.files):
            check_files(step, self.again(live, step))
        own = self.form.patience(step.after or {})
        wait_timeout = work.wait_timeout if work.wait_timeout is not None else own or WAIT_TIMEOUT
        sync = FileSync(
            self.account,
            self.form,
            self.read_file,
            partial(self._read_again, live),
            live_id,
            work.uploader,
            self.cache,
            work.pool,
            report,
            work.check,
            wait_timeout,
            work.common,
            max(STUCK, own or 0),
            {each.id for each in self.listed.get(live_id, Listing(None, ())).files if each.shared},
        )
        sync.run(step.files)
        UnkeptFiles(self, sync).note(work, step, live)
        self._take_in(live_id, sync)
        self.cache.files.under[live_id] = work.tag(step).fields.get(self.form.files, "")
        return sync.failures

    def _written(self, work: Work, step: Step, live_id: str) -> Live:
        """The object as it was written a moment ago, with its counts."""
        live = work.written.get(step.key)
        if step.id and (live is None or counted(live.answer) is None):
            live = self.find(live_id, patient=True)
        return live or Live(live_id, self.kind.name)

    def _take_in(self, live_id: str, sync: FileSync) -> None:
        """What was listed of an object, with what became of it."""
        before = self.listed.get(live_id, Listing(None, ()))
        now = {file_id: file for file_id, (_, file) in sync.indexed.items() if file_id not in sync.gone}
        kept = [now.pop(each.id, each) for each in before.files if each.id not in sync.gone]
        self.listed[live_id] = Listing(None, (*kept, *sorted(now.values(), key=lambda each: each.created_at)))

    def finished(self, tag: Tag, live: Live) -> Tag:
        return replace(tag, attached=_settled(live))

    def finish(self, work: Work, step: Step, live_id: str) -> Tag:
        """When the tag is written, and not before, what it says is noted here."""
        tag = PlainStore.finish(self, work, step, live_id)
        files, said = self.listed.pop(live_id, Listing(None, ())).files, tag.fields.get(self.form.files, "")
        if tag.attached == len(files) > self.form.page and files_digest(files) == said:
            self.cache.notes.save(live_id, said, files)
        return tag

    def records(self, live: Live) -> dict[str, str]:
        return {key: each for key, each in our_marks(live, self.form).items() if key.startswith(RECORD_KEY)}

    def given_files(self, step: Step) -> set[str]:
        files = (step.after or {}).get(self.form.files, {})
        return {path for path, entry in files.items() if "id" in entry}

    def unmark_files(self, work: Work, live: Live, only: Collection[str] | None = None) -> None:
        below = self._files(live.id)

        def unmark(file: LiveFile) -> None:
            work.check()
            body = {"attributes": dict(file.attributes)}
            answer = self.account.update(f"{below}/{file.id}", body, beta=self.form.beta)
            left = [key for key in answer.get("attributes") or {} if is_ours(key)]
            if left:
                # Whether attributes are replaced or merged is not documented; where merged, emptying is left.
                body = {"attributes": {**file.attributes, **dict.fromkeys(left, "")}}
                self.account.update(f"{below}/{file.id}", body, beta=self.form.beta)

        marked = [each for each in self.files(live) if each.path and (only is None or each.id in only)]
        for _ in work.pool.map(unmark, marked):
            pass
        for each in marked:
            self.cache.files.detach(live.id, each.id)

    def delete(self, work: Work, step: Step, live: Live) -> None:
        """What may be attached to others as well goes when it is known that it is not, at the end of the apply."""
        doomed = self.doomed_files(step, live) - set(step.shared_files)
        shared = doomed & {each.id for each in self.listed[live.id].files if each.shared}
        with work.uploader.letting_go(dict.fromkeys(sorted(shared), self.form.purpose)):
            for _ in work.pool.map(lambda file_id: self.account.delete(f"/files/{file_id}"), sorted(doomed - shared)):
                work.check()
            self.account.delete(self.path(live.id, live.within), beta=self.form.beta)
        for file_id in shared:
            work.uploader.leave(file_id)

    def doomed_files(self, step: Step, live: Live) -> set[str]:
        whole = self.whole(live)
        check_files(step, whole)
        return PlainStore.doomed_files(self, step, live) | {each.id for each in whole.files if each.path}


def _settled(live: Live) -> int | None:
    """How many files an object has, where the account counts all of them as completed; None otherwise."""
    total = counted(live.answer)
    return total if total is not None and live.answer["file_counts"].get("completed") == total else None
