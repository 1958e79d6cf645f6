"""Objects with files attached: their files are read, brought in after the object, and let go before it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from retinue.content.manifest import as_kept, without_sizes
from retinue.errors import AccountError, StaleError
from retinue.kinds.stores import WithFiles
from retinue.model.canonical import DIGEST_LENGTH, canonical_json, digest, same
from retinue.model.live import Live, LiveFile
from retinue.model.steps import FieldChange, FileChange, Step
from retinue.model.tag import (
    CHUNKING_ATTRIBUTE,
    GIVEN_ATTRIBUTE,
    PATH_ATTRIBUTE,
    RECORD_KEY,
    SHA256_ATTRIBUTE,
    TagError,
    is_ours,
    read_file_records,
    write_file_records,
)
from retinue.model.values import FileRef
from retinue.providers.openai.answers import seconds
from retinue.providers.openai.file_sync import FileSync
from retinue.providers.openai.marks import forget_keys, mark, our_marks
from retinue.providers.openai.read_after_create import look
from retinue.providers.openai.stores.plain import PlainStore
from retinue.providers.openai.work import Report, Work
from retinue.providers.preconditions import check_files
from retinue.providers.thread_pool import threads
from retinue.state.cache import FileNote

Records = Mapping[str, FileRef | FileNote]
"""What stands for the marks of attached files, by their ids: the records of their store, or this machine's notes."""
MOST_ASKED = 500
"""How many objects are asked whether they hold a file: no list tells."""
FEW_ASKED = 10
"""Up to how many files are asked for one by one in each of them; for more, the list of what it holds is read."""


class WithFilesStore(PlainStore[WithFiles]):
    """The objects of one kind, with a collection of files below each."""

    __slots__ = ()

    def whole(self, live: Live) -> Live:
        return replace(live, files=self.files(live))

    def files(self, live: Live) -> tuple[LiveFile, ...]:
        """The files attached to a live object. One that we attached and that is not listed is asked for by itself."""
        path, cache, live_id = self._files(live.id), self.cache, live.id
        pages = self.account.pages(path, page=self.form.page, beta=self.form.beta)
        said = live.tag.fields.get(self.form.files, "") if live.tag else ""
        records: Records = {**cache.files.noted(live_id, said), **self._recorded(live)}
        found = {each["id"]: self.read_file(each, records) for each in pages if each["id"] not in cache.deleted}
        for file_id in sorted(set(cache.files.of.get(live_id, {})) - set(found)):
            raw = look(self.account, cache, file_id, f"{path}/{file_id}", self.form.beta)
            if raw is None:
                cache.files.lose(live_id, file_id)
            else:
                found[file_id] = self.read_file(raw, records)
        cache.files.note(
            live_id, said, {each.id: FileNote(each.sha256 or "", each.path) for each in found.values() if each.path}
        )
        return tuple(found.values())

    def holds(self, file_id: str) -> bool:
        there = [f"{self._files(str(raw['id']))}/{file_id}" for raw in self.pages()]
        return len(there) > MOST_ASKED or any(self.account.find(path, beta=self.form.beta) for path in there)

    def holding(self, file_ids: Collection[str]) -> set[str]:
        stores, wanted = [str(raw["id"]) for raw in self.pages()], set(file_ids)
        if not wanted or len(stores) > MOST_ASKED:
            return wanted
        with threads(8, "hold") as pool:
            return {each for held in pool.map(lambda store: self._held_by(store, wanted), stores) for each in held}

    def _held_by(self, live_id: str, wanted: set[str]) -> set[str]:
        """Which of these files an object holds. Few are asked for one by one, since the object may have very many."""
        path = self._files(live_id)
        if len(wanted) <= FEW_ASKED:
            return {each for each in wanted if self.account.find(f"{path}/{each}", beta=self.form.beta)}
        pages = self.account.pages(path, page=self.form.page, beta=self.form.beta)
        return {str(each["id"]) for each in pages} & wanted

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
            given=_given(attributes),
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
        live = (
            self.find(live_id, patient=True) or Live(live_id, self.kind.name)
            if step.id
            else Live(live_id, self.kind.name)
        )
        if any(each.file_ids or each.live_id for each in step.files):
            check_files(step, self.whole(live))
        sync = FileSync(
            self.account, self.form, self.read_file, live_id, work.uploader, self.cache, work.pool, report, work.check
        )
        sync.run(step.files)
        self._note_unkept_files(work, step, live, sync)
        self.cache.files.under[live_id] = work.tag(step).fields.get(self.form.files, "")
        return sync.failures

    def _note_unkept_files(self, work: Work, step: Step, live: Live, sync: FileSync) -> None:
        """See to it that files are known again on an account that does not keep what was given with them."""
        name, indexed = self.form.files, sync.indexed
        ours = {file_id: pair for file_id, pair in indexed.items() if pair[0].after is not None}
        bare = {file_id: change for file_id, (change, file) in ours.items() if file.path is None}
        for file_id, (change, file) in ours.items():
            if file_id not in bare:
                self._note_given(sync, file_id, change, file)
        recorded = {file_id: file for file_id, file in self._recorded(live).items() if file_id not in sync.gone}
        if bare or len(recorded) < len(self._recorded(live)):
            recorded = self._record(sync, recorded, bare)
        unkept = [
            FieldChange(
                (name, change.path, "attributes"), change.attributes, file.attributes, "config", change.position
            )
            for change, file in ours.values()
            if change.path not in sync.failures and not same(file.attributes, change.attributes)
        ]
        tag = work.tag(step)
        if unkept or bare or name in tag.returned:
            paths = {file.path for file in recorded.values()}
            kept = as_kept(without_sizes((step.after or {}).get(name, {})), bare=paths)
            work.tags[step.key] = replace(tag, returned={**tag.returned, name: digest(kept)})
            work.unkept[step.key] = (*work.unkept.get(step.key, ()), *unkept)

    def _note_given(self, sync: FileSync, file_id: str, change: FileChange, file: LiveFile) -> None:
        """Write down how a file was cut, where the account does not tell, and what attributes it was given, where it
        made others of them."""
        notes: dict[str, str] = {}
        if not same(file.chunking, change.chunking):
            notes[CHUNKING_ATTRIBUTE] = canonical_json(self.form.wire_chunking(change.chunking or {}))
        if not same(file.attributes, change.attributes):
            notes[GIVEN_ATTRIBUTE] = digest(change.attributes) + digest(file.attributes)
        if not notes:
            return
        body = {"attributes": {**sync.attributes(change), **notes}}
        with suppress(AccountError):  # there may be no room for one more
            self.account.update(f"{self._files(sync.id)}/{file_id}", body, beta=self.form.beta)

    def _record(
        self, sync: FileSync, recorded: Mapping[str, FileRef], bare: Mapping[str, FileChange]
    ) -> dict[str, FileRef]:
        """Record files in the store's own marks, as many as there is room for. Gives all that are recorded."""
        live = self.find(sync.id, patient=True)
        if live is None:
            raise StaleError("it was deleted while its files were brought in", hint="run the command again")
        fresh = {file_id: change.after for file_id, change in bare.items() if change.after}
        files = {**recorded, **fresh}
        others = [key for key in self.form.marks_of(live.answer) if not key.startswith(RECORD_KEY)]
        while fresh and len(self._pairs(files)) > (self.form.marks.room or 0) - len(others):
            file_id = fresh.popitem()[0]
            del files[file_id]
            why = f"the account keeps no attributes of files, and there is room to remember {len(files)} of them"
            sync.give_up(bare[file_id], file_id, why)
        body: dict[str, Any] = {}
        marks = {key: each for key, each in our_marks(live, self.form).items() if not key.startswith(RECORD_KEY)}
        mark(body, self.form, live, {**marks, **self._pairs(files)})
        path = self.path(live.id, live.within)
        answer = self.account.update(path, body, beta=self.form.beta)
        forget_keys(
            self.account, self.form, path, set(our_marks(live, self.form)) - set(body[self.form.marks.field]), answer
        )
        return files

    @staticmethod
    def _pairs(files: Mapping[str, FileRef]) -> dict[str, str]:
        return write_file_records({file.path: (file_id, file.sha256) for file_id, file in files.items()})

    def _recorded(self, live: Live) -> dict[str, FileRef]:
        with suppress(TagError):
            return read_file_records(self.form.marks_of(live.answer))
        return {}

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

    def doomed_files(self, step: Step, live: Live) -> set[str]:
        whole = self.whole(live)
        check_files(step, whole)
        return PlainStore.doomed_files(self, step, live) | {each.id for each in whole.files if each.path}


def _given(attributes: Mapping[str, Any]) -> str | None:
    """The digest of the attributes that the account was given, where it made those of them that are there."""
    note = str(attributes.get(GIVEN_ATTRIBUTE) or "")
    public = {key: value for key, value in attributes.items() if not is_ours(key)}
    return note[:DIGEST_LENGTH] if note and note[DIGEST_LENGTH:] == digest(public) else None
