"""Files on an account that does not keep what it was given with them: noted so that they are known again.

Notes stand where there is room for them: in the file's own attributes what it was given, where the account made others
of them, and how it was cut, where the account does not tell; in the store's marks which file it is, where the account
keeps no attributes at all; in the tag the digest of what it made of them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
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
    RECORD_KEY,
    TagError,
    is_ours,
    read_file_records,
    write_file_records,
)
from retinue.model.values import FileRef
from retinue.providers.openai.file_sync import FileSync
from retinue.providers.openai.marks import forget_keys, mark, our_marks
from retinue.providers.openai.stores.plain import PlainStore
from retinue.providers.openai.work import Work


@dataclass(frozen=True, slots=True)
class UnkeptFiles:
    """What is noted of the files that `sync` brought into an object of `store`."""

    store: PlainStore[WithFiles]
    sync: FileSync

    def note(self, work: Work, step: Step, live: Live) -> None:
        """See to it that files are known again on an account that does not keep what was given with them."""
        sync, form = self.sync, self.store.form
        ours = {file_id: pair for file_id, pair in sync.indexed.items() if pair[0].after is not None}
        bare = {file_id: change for file_id, (change, file) in ours.items() if file.path is None}
        for file_id, (change, file) in ours.items():
            if file_id not in bare:
                self._note_given(file_id, change, file)
        before = records_of(live, form)
        recorded = {file_id: file for file_id, file in before.items() if file_id not in sync.gone}
        if bare or len(recorded) < len(before):
            recorded = self._record(recorded, bare)
        unkept = [
            FieldChange(
                (form.files, change.path, "attributes"), change.attributes, file.attributes, "config", change.position
            )
            for change, file in ours.values()
            if change.path not in sync.failures and not same(file.attributes, change.attributes)
        ]
        tag = work.tag(step)
        if unkept or bare or form.files in tag.returned:
            paths = {file.path for file in recorded.values()}
            kept = as_kept(without_sizes((step.after or {}).get(form.files, {})), bare=paths)
            work.tags[step.key] = replace(tag, returned={**tag.returned, form.files: digest(kept)})
            work.unkept[step.key] = (*work.unkept.get(step.key, ()), *unkept)

    def _note_given(self, file_id: str, change: FileChange, file: LiveFile) -> None:
        """Write down how a file was cut, where the account does not tell, and what attributes it was given, where it
        made others of them."""
        form, notes = self.store.form, dict[str, str]()
        if not same(file.chunking, change.chunking):
            notes[CHUNKING_ATTRIBUTE] = canonical_json(form.wire_chunking(change.chunking or {}))
        if not same(file.attributes, change.attributes):
            notes[GIVEN_ATTRIBUTE] = digest(change.attributes) + digest(file.attributes)
        if not notes:
            return
        body = {"attributes": {**self.sync.attributes(change, file_id), **notes}}
        path = f"{form.files_path.format(id=self.sync.id)}/{file_id}"
        with suppress(AccountError):  # there may be no room for one more
            self.store.account.update(path, body, beta=form.beta)

    def _record(self, recorded: Mapping[str, FileRef], bare: Mapping[str, FileChange]) -> dict[str, FileRef]:
        """Record files in the store's own marks, as many as there is room for. Gives all that are recorded."""
        store, form = self.store, self.store.form
        live = store.find(self.sync.id, patient=True)
        if live is None:
            raise StaleError("it was deleted while its files were brought in", hint="run the command again")
        fresh = {file_id: change.after for file_id, change in bare.items() if change.after}
        files = {**recorded, **fresh}
        others = [key for key in form.marks_of(live.answer) if not key.startswith(RECORD_KEY)]
        while fresh and len(_pairs(files)) > (form.marks.room or 0) - len(others):
            file_id = fresh.popitem()[0]
            del files[file_id]
            why = f"the account keeps no attributes of files, and there is room to remember {len(files)} of them"
            self.sync.give_up(bare[file_id], file_id, why)
        body: dict[str, Any] = {}
        marks = {key: each for key, each in our_marks(live, form).items() if not key.startswith(RECORD_KEY)}
        mark(body, form, live, {**marks, **_pairs(files)})
        path = store.path(live.id, live.within)
        answer = store.account.update(path, body, beta=form.beta)
        keys: Iterable[str] = set(our_marks(live, form)) - set(body[form.marks.field])
        forget_keys(store.account, form, path, keys, answer)
        return files


def _pairs(files: Mapping[str, FileRef]) -> dict[str, str]:
    return write_file_records({file.path: (file_id, file.sha256) for file_id, file in files.items()})


def records_of(live: Live, form: WithFiles) -> dict[str, FileRef]:
    """The files that the object's own marks record, by their ids."""
    with suppress(TagError):
        return read_file_records(form.marks_of(live.answer))
    return {}


def given_digest(attributes: Mapping[str, Any]) -> str | None:
    """The digest of the attributes that the account was given, where it made those of them that are there."""
    note = str(attributes.get(GIVEN_ATTRIBUTE) or "")
    public = {key: value for key, value in attributes.items() if not is_ours(key)}
    return note[:DIGEST_LENGTH] if note and note[DIGEST_LENGTH:] == digest(public) else None
