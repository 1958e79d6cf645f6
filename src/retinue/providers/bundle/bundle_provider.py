"""The Responses home: objects that are rendered into the lock file instead of being stored in an account."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from retinue.errors import StaleError
from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import Declared
from retinue.model.live import Live
from retinue.model.steps import Block, Removal, Step
from retinue.model.tag import TAG_KEY, Tag, write_tag
from retinue.model.values import FileRef
from retinue.planning.marker import Lease
from retinue.providers.bundle.lock_file import ENTRY, LockFile
from retinue.providers.live_reader import read_live
from retinue.providers.openai.openai_provider import OpenAIProvider
from retinue.providers.openai.uploads import carried_ids, carry_files
from retinue.providers.openai.work import Work
from retinue.providers.port import Capabilities, Outcome, Report, Run, Snapshot, Wanted
from retinue.providers.preconditions import check_values

HOME = "responses"
AGAIN = "run the command again"


@dataclass(slots=True)
class BundleProvider:
    """The entries of a lock file. What they name, stores and files, lives in the `account`."""

    lock: LockFile
    kinds: Kinds
    account: OpenAIProvider

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(lock=False)

    @property
    def judges(self) -> Collection[str]:
        return ()

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def missing(self, ids: Collection[tuple[str | None, str]]) -> set[tuple[str | None, str]]:
        return self.account.missing(ids)

    def snapshot(self, wanted: Wanted, others: Sequence[Live] = ()) -> Snapshot:  # noqa: ARG002 - it is all in one file
        return Snapshot(live=[self._read(raw, kind) for kind, raw in self.lock.live(self.kinds)])

    def again(self, seen: Sequence[Live], ids: Collection[str], wanted: Wanted) -> Iterable[Live]:
        now = {live.id: live for live in self.snapshot(wanted).live}
        return [now.get(live.id, live) for live in seen if live.id in now or live.id not in ids]

    def closer(self, step: Step, live: Live) -> Live:  # noqa: ARG002 - it is all in one file
        return live

    def find(self, step: Step, owner: Tag | None) -> Live | None:
        return self.entry(step, owner.address.name if owner else step.address.name)

    def entry(self, step: Step, name: str) -> Live | None:
        kind = self.kind(step)
        raw = self.lock.find(kind, name)
        return self._read(raw, kind) if raw else None

    def kind(self, step: Step) -> Kind:
        return self.kinds[step.address.kind].at(step.home)

    def _read(self, raw: Mapping[str, Any], kind: Kind) -> Live:
        return replace(read_live(raw, kind, raw.get(kind.store.marks.field) or {}), home=kind.home)

    def parts(self, step: Step, live: Live) -> tuple[int, tuple[Removal, ...]]:  # noqa: ARG002 - it has none
        return 0, ()

    def preflight(self, steps: Iterable[Step], known: Mapping[str, Live]) -> Iterator[Block]:  # noqa: ARG002
        """Nothing of it is anybody else's."""
        yield from ()

    def left_behind(self, declared: Iterable[Declared], live: Collection[Live], cut_off: Lease) -> nullcontext[None]:  # noqa: ARG002
        """What it names are files of the account."""
        return nullcontext()

    def glimpse(self, steps: Sequence[Step]) -> Mapping[str, Live]:  # noqa: ARG002 - a file is read at once
        return {}

    def whole(self, live: Live) -> Live:
        return live

    def contents(self, live: Live) -> dict[str, bytes]:  # noqa: ARG002 - it has none
        return {}

    def pages(self, kind: str) -> Iterator[dict[str, Any]]:
        return (raw for each, raw in self.lock.live(self.kinds) if each.name == kind)

    def document(self, live: Live) -> dict[str, Any]:
        return {"id": live.id, **live.answer[ENTRY]}

    def handed_out(self, live: Live) -> Any:
        return live.answer[ENTRY]["arguments"]

    # ── carrying out ──────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, run: Run) -> BundleRunner:
        return BundleRunner(self, self.account.work(run))


@dataclass(slots=True)
class BundleRunner:
    """Writes single entries; one for each apply."""

    provider: BundleProvider
    work: Work

    def run(self, step: Step, report: Report) -> Outcome:  # noqa: ARG002 - no files of its own
        """Carry `step` out; gives the entry's id."""
        lock, kind, ids = self.provider.lock, self.provider.kind(step), self.work.ids
        self.work.check()
        if step.action == "move" and step.held and step.tag:
            ids[step.address] = lock.rename(kind, step.held.address.name, step.address.name, write_tag(step.tag))
            return Outcome(ids[step.address])
        live = self._current(step)
        if step.action == "release":
            lock.remove(kind, step.address.name)
            return Outcome(step.id)
        if step.action == "delete":
            if live is not None:
                # Files first: as long as the entry is there, it says which files are ours.
                for file_id in sorted(set(carried_ids(live, kind)) - set(step.shared_files)):
                    self.work.account.delete(f"/files/{file_id}")
                lock.remove(kind, step.address.name)
            return Outcome(step.id)
        ids[step.address] = self._render(step, kind, live)
        return Outcome(ids[step.address])

    def close(self, *, complete: bool) -> None:
        """Each step has written the file."""

    def _current(self, step: Step) -> Live | None:
        """The entry right before it is written. Raises StaleError when it is not as the plan saw it."""
        live = self.provider.entry(step, step.address.name)
        if live is not None and step.action == "create":
            raise StaleError("it was rendered after the plan was made", hint=AGAIN)
        if live is None and step.action == "update":
            raise StaleError("its entry was removed after the plan was made", hint=AGAIN)
        if live is not None:
            check_values(step, live, self.provider.kinds, where=self.provider.lock.path.name)
        return live

    def _render(self, step: Step, kind: Kind, live: Live | None) -> str:
        """Bring the files in, put the live ids in their places, write the entry, and let go of what it held before."""
        if step.tag is None:
            raise TypeError(f"the step '{step.key}' has no tag")
        work, marks = self.work, kind.store.marks
        spec = {name: value for name, value in (step.after or {}).items() if name not in step.unset}
        carried = carry_files(spec, kind, live, work.uploader)
        body = work.body(spec, kind, carried)
        body[marks.field] = marks.write(body.get(marks.field), {TAG_KEY: write_tag(step.tag)})
        files: dict[str, FileRef] = {}
        for name, ids in carried.ids.items():
            pairs = zip(ids, spec[name].values(), strict=True)
            files.update({file_id: file for file_id, file in pairs if isinstance(file, FileRef)})
        stale = carried.stale if carried.ids or live is None else {**carried.stale, **carried_ids(live, kind)}
        with work.uploader.letting_go(stale):
            live_id = self.provider.lock.put(kind, step.address.name, body, files)
            for file_id in carried.fresh:
                work.uploader.settled(file_id)
            for file_id in stale:
                work.uploader.finish_discard(file_id)
        return live_id
