"""Objects with files attached: their files are read, brought in after the object, and let go before it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from retinue.kinds.stores import WithFiles
from retinue.model.live import Live, LiveFile
from retinue.model.steps import Step
from retinue.model.tag import PATH_ATTRIBUTE, SHA256_ATTRIBUTE, is_ours
from retinue.providers.openai.answers import seconds
from retinue.providers.openai.file_sync import FileSync
from retinue.providers.openai.read_after_create import look
from retinue.providers.openai.stores.plain import PlainStore
from retinue.providers.openai.work import Report, Work
from retinue.providers.preconditions import check_files

MOST_ASKED = 500
"""How many objects are asked whether they hold a file: no list tells."""


class WithFilesStore(PlainStore[WithFiles]):
    """The objects of one kind, with a collection of files below each."""

    __slots__ = ()

    def whole(self, live: Live) -> Live:
        return replace(live, files=self.files(live.id))

    def files(self, live_id: str) -> tuple[LiveFile, ...]:
        """The files attached to a live object. One that we attached and that is not listed is asked for by itself."""
        path, cache = self._files(live_id), self.cache
        pages = self.account.pages(path, page=self.form.page, beta=self.form.beta)
        found = {each.id: each for each in map(self.read_file, pages) if each.id not in cache.deleted}
        for file_id in sorted(set(cache.files.of.get(live_id, {})) - set(found)):
            raw = look(self.account, cache, file_id, f"{path}/{file_id}", self.form.beta)
            if raw is None:
                cache.files.lose(live_id, file_id)
            else:
                found[file_id] = self.read_file(raw)
        cache.files.of[live_id] = {each.id: each.sha256 or "" for each in found.values() if each.path}
        return tuple(found.values())

    def holds(self, file_id: str) -> bool:
        there = [f"{self._files(str(raw['id']))}/{file_id}" for raw in self.pages()]
        return len(there) > MOST_ASKED or any(self.account.find(path, beta=self.form.beta) for path in there)

    def read_file(self, raw: Mapping[str, Any]) -> LiveFile:
        """One attached file. Its path and digest are in its attributes; without them it is not ours.

        Raises AnswerError for an answer of another shape.
        """
        where = self._files(str(raw.get("vector_store_id")))
        with self.account.door("GET", where, raw, expected="an attached file that can be read"):
            return self._file(raw)

    def _file(self, raw: Mapping[str, Any]) -> LiveFile:
        attributes = raw.get("attributes") or {}
        path = attributes.get(PATH_ATTRIBUTE)
        error = raw.get("last_error") or {}
        return LiveFile(
            id=str(raw["id"]),
            path=path if isinstance(path, str) and path else None,
            sha256=str(attributes.get(SHA256_ATTRIBUTE, "")) or None,
            status=str(raw.get("status")),
            created_at=seconds(raw.get("created_at")),
            attributes={key: value for key, value in attributes.items() if not is_ours(key)},
            chunking=self.form.canonical_chunking(raw.get("chunking_strategy") or {"type": "auto"}),
            error=f"{error.get('code')}: {error.get('message')}" if error else None,
        )

    def _files(self, live_id: str) -> str:
        return self.form.files_path.format(id=live_id)

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def follow_up(self, work: Work, step: Step, live_id: str, report: Report) -> dict[str, str]:
        if not step.files:
            return {}
        if any(each.file_ids or each.live_id for each in step.files):
            check_files(step, Live(live_id, self.kind.name, files=self.files(live_id)))
        sync = FileSync(
            self.account, self.form, self.read_file, live_id, work.uploader, self.cache, work.pool, report, work.check
        )
        return sync.run(step.files)

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

        marked = [each for each in self.files(live.id) if each.path and (only is None or each.id in only)]
        for _ in work.pool.map(unmark, marked):
            pass

    def doomed_files(self, step: Step, live: Live) -> set[str]:
        whole = self.whole(live)
        check_files(step, whole)
        return PlainStore.doomed_files(self, step, live) | {each.id for each in whole.files if each.path}
