"""One step of a plan → requests. Names become ids here, at the last moment; nothing is decided here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from retinue.errors import BlockedError, StaleError
from retinue.kinds.kind import Field, Kind
from retinue.kinds.paths import dig
from retinue.kinds.place import Api
from retinue.model.live import Live, LiveFile, Tag
from retinue.model.steps import Step
from retinue.planning.guards import moved
from retinue.planning.tag import TAG_KEY, is_ours, is_retired, provisional, write_tag
from retinue.providers.bundle.rendered import run_rendered
from retinue.providers.openai.client import Ambiguous, Json
from retinue.providers.openai.create_once import Attempt, settle
from retinue.providers.openai.file_sync import FileSync, Report
from retinue.providers.openai.marks import forget_keys, mark, our_marks, place
from retinue.providers.openai.preconditions import check_files, check_values
from retinue.providers.openai.snapshot import find_live, read_files
from retinue.providers.openai.stores import versioned as versions
from retinue.providers.openai.stores.versioned import put_marks
from retinue.providers.openai.uploads import Carried, carried_ids, carry_files
from retinue.providers.openai.work import Work


@dataclass(slots=True)
class StepRunner(Work):
    """Carries out single steps; one for each apply."""

    def run(self, step: Step, report: Report) -> tuple[str | None, dict[str, str]]:
        """Carry `step` out. Gives the live id, and path → reason for files that could not be brought in."""
        kind = self.kinds[step.address.kind].at(step.home)
        if kind.api is None:
            raise TypeError(f"a {kind.name} has no live object")
        self.check()
        if kind.bundle is not None and self.lock is not None:
            return run_rendered(self, self.lock, step, kind), {}
        if step.action == "delete":
            self._delete(step, kind, kind.api)
            return step.id, {}
        if step.action not in ("create", "update"):
            return run_tagging(self, step, kind, kind.api), {}
        make = self._create if step.action == "create" else self._update
        live_id = make(step, kind, kind.api)
        if is_retired(step.tag):
            self.memory.released(live_id)
        pending = _pending(step, kind)
        for name, value in pending.items():
            # What cannot be written is brought about: such a field has an endpoint for each of its values.
            self.check()
            path = f"{self.path(step, kind.api, live_id)}/{kind.field(name).actions[value]}"
            self.account.update(path, beta=kind.api.beta)
        failures = self._sync_files(step, kind, live_id, report)
        if (pending or step.files) and not failures:
            self._finish(step, kind, kind.api, live_id)
        return live_id, failures

    # ── create ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _create(self, step: Step, kind: Kind, api: Api) -> str:
        if kind.versions is not None:
            return versions.create(self, step, kind, api)
        spec = _in_body(step.after or {}, kind)
        carried = carry_files(spec, kind, None, self.uploader)
        body = self.body(spec, kind, carried)
        if kind.assemble is not None:
            body = kind.assemble(body, self.with_ids(spec), None)
        marks = {**carried.records, TAG_KEY: _tag_text(step, kind, None)}
        body[api.marks.field] = api.marks.write(body.get(api.marks.field), marks)
        path = api.collection(self.within(step, api))

        def attempt() -> Attempt:
            try:
                return str(self.account.create(path, body, beta=api.beta)["id"])
            except Ambiguous as error:
                return error, lambda: self.find_created(step, kind, api)

        live_id = settle(self.account, attempt)
        self.ids[step.address] = live_id
        self.memory.created(step.address, live_id)
        self._settle(carried)
        return live_id

    # ── update ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _update(self, step: Step, kind: Kind, api: Api) -> str:
        live = self._current(step, kind, api)
        if live is None:
            raise StaleError("it was deleted after the plan was made", hint="run the command again")
        check_values(step, live, kind)
        if kind.versions is not None:
            return versions.update(self, step, kind, api, live)
        names = _written_fields(step, kind)
        spec = {name: each for name, each in _in_body(step.after or {}, kind).items() if name in names}
        spec.update({name: {} for name in names - set(spec) if kind.field(name).per_key})
        carried = carry_files(spec, kind, live, self.uploader)
        body = self.body(spec, kind, carried)
        for name in spec:
            _carry_over(body, kind.field(name), live)
            _complete(body, kind.field(name), live, step)
        for name in sorted(names - set(spec)):
            _keep(body, kind.field(name).body_path, dig(live.raw, kind.field(name).body_path))
        if kind.assemble is not None:
            body = kind.assemble(body, self.with_ids(step.after), live.raw)
        mark(body, api, live, {**carried.records, TAG_KEY: _tag_text(step, kind, live)})
        doomed = {file_id: self.uploader.doom(file_id, purpose) for file_id, purpose in carried.stale.items()}
        answer = self.account.update(self.path(step, api, live.id), body, beta=api.beta)
        self._settle(carried)
        for file_id, key in doomed.items():
            self.uploader.finish_discard(file_id, key)
        keys = [key for field, key in step.forget_keys if field == api.marks.field]
        forget_keys(self.account, api, self.path(step, api, live.id), keys, answer)
        return live.id

    def _current(self, step: Step, kind: Kind, api: Api) -> Live | None:
        """The object as it is right before it is written; None when it is gone. Raises BlockedError when not ours."""
        live = find_live(self.account, self.memory, kind, str(step.id), self.within(step, api))
        if live is not None and not self.is_ours(live, step.address):
            raise BlockedError(f"{step.id} no longer carries the tag of {step.address}", hint="plan again to see why")
        return live

    def _settle(self, carried: Carried) -> None:
        """The object holds its new files now: they need no journal any more."""
        for file_id in carried.fresh:
            self.uploader.settled(file_id)

    # ── delete ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _delete(self, step: Step, kind: Kind, api: Api) -> None:
        """Files first: while the object is there it says which files are ours, so an interruption loses none."""
        live = self._current(step, kind, api)
        if live is not None:
            check_values(step, live, kind)
            files = carried_ids(live, kind)
            attached = read_files(self.account, live.id, kind, self.memory)
            check_files(step, attached)
            files.update({each.id: kind.attachments.purpose for each in attached if each.path and kind.attachments})
            doomed = sorted(set(files) - set(step.shared_files))
            for _ in self.pool.map(lambda file_id: self.account.delete(f"/files/{file_id}"), doomed):
                self.check()
            self.account.delete(self.path(step, api, live.id), beta=api.beta)
        self.memory.forget(step.id or "")

    # ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sync_files(self, step: Step, kind: Kind, live_id: str, report: Report) -> dict[str, str]:
        if not step.files:
            return {}
        if any(each.file_ids or each.live_id for each in step.files):
            check_files(step, read_files(self.account, live_id, kind, self.memory))
        sync = FileSync(self.account, kind, live_id, self.uploader, self.memory, self.pool, report, self.check)
        return sync.run(step.files)

    def _finish(self, step: Step, kind: Kind, api: Api, live_id: str) -> None:
        """Only now does the tag say that all is as declared; until then a difference is nobody's edit."""
        live = self._current(replace(step, id=live_id), kind, api)
        if live is None or step.tag is None:
            raise StaleError("it was deleted while it was being brought about", hint="run the command again")
        body: Json = {}
        mark(body, api, live, {**our_marks(live, api), TAG_KEY: write_tag(step.tag)})
        self.account.update(self.path(step, api, live_id), body, beta=api.beta)


def _in_body(spec: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """The fields that travel in the object's own body."""
    elsewhere = _elsewhere(kind)
    return {name: value for name, value in spec.items() if name not in elsewhere}


def _elsewhere(kind: Kind) -> set[str]:
    """The fields that have endpoints of their own, and those that are Retinue's own business."""
    attached = {kind.attachments.field} if kind.attachments else set()
    above = {kind.api.within.field} if kind.api and kind.api.within else set()
    return attached | above | {each.name for each in kind.fields if each.actions or each.policy}


def _pending(step: Step, kind: Kind) -> dict[str, Any]:
    """The fields that have to be brought about after the write, with their values."""
    if step.action == "create":
        wanted = {name: value for name, value in (step.after or {}).items() if value != kind.field(name).default}
    else:
        changed = {change.field for change in step.changes}
        wanted = {name: value for name, value in (step.after or {}).items() if name in changed}
    return {name: value for name, value in wanted.items() if kind.field(name).actions}


def _tag_text(step: Step, kind: Kind, live: Live | None) -> str:
    """The tag to write with the object itself; it is silent about what comes after the write."""
    if step.tag is None:
        raise TypeError(f"the step '{step.key}' has no tag")
    pending = _pending(step, kind)
    if not (pending or step.files):
        return write_tag(step.tag)
    return write_tag(provisional(step.tag, kind, pending, live.tag if live else None))


def _written_fields(step: Step, kind: Kind) -> set[str]:
    """The changed fields, and those that share a part of the body with them: it may be replaced as a whole."""
    changed = {change.field for change in step.changes if kind.has(change.field)} | set(step.unset)
    changed |= {name for name, _ in step.forget_keys}
    parts = {kind.field(name).body_path[0] for name in changed if len(kind.field(name).body_path) > 1}
    shared = {each.name for each in kind.fields if each.body_path[0] in parts}
    return (changed | shared) - _elsewhere(kind)


def _complete(body: Json, field: Field, live: Live, step: Step) -> None:
    """A map that is owned key by key may be replaced as a whole: it is written with the keys that are not ours."""
    if field.rest:
        # What this version does not know cannot be reset to anything but nothing.
        body.update({key: None for name, key in step.forget_keys if name == field.name})
    elif field.per_key:
        forgotten = {key for name, key in step.forget_keys if name == field.name}
        reset = {key: value for key, value in field.key_defaults.items() if key in forgotten}
        before = {key: each for key, each in (dig(live.raw, field.body_path) or {}).items() if key not in forgotten}
        _keep(body, field.body_path, {**before, **(dig(body, field.body_path) or {}), **reset})


def _carry_over(body: Json, field: Field, live: Live) -> None:
    """Let what this version does not know of a live value survive its being written anew."""
    before, written = dig(live.raw, field.body_path), dig(body, field.body_path)
    if field.carry_over is not None and before is not None and written is not None:
        _keep(body, field.body_path, field.carry_over(written, before))


def _keep(body: Json, path: tuple[str, ...], value: Any) -> None:
    """Put the live value of a field that is not ours beside those that are written."""
    if value is not None:
        for key in path[:-1]:
            body = body.setdefault(key, {})
        body[path[-1]] = value


def run_tagging(work: Work, step: Step, kind: Kind, api: Api) -> str:
    """Carry an `adopt`, `move` or `release` out; gives the live id.

    Raises StaleError when the object is gone or no longer has the values that the tag would claim, BlockedError when
    somebody else has tagged it meanwhile.
    """
    live = find_live(work.account, work.memory, kind, str(step.id), step.within, asked=True)
    if live is None:
        raise StaleError("it was deleted after the plan was made", hint="run the command again")
    _check(step, live, kind)
    # What is declared by its id is not ours, whoever marked it once.
    theirs = _declared_ids(step, kind)
    if step.action == "release" or step.tag is None:
        # The files first: while the object carries our tag, an interrupted release is taken up again.
        _unmark_files(work, live, kind, api)
        _unmark(work, step, live, kind, api)
        work.memory.released(live.id)
        return live.id
    if theirs:
        _unmark_files(work, live, kind, api, only=theirs)
    marks = {**our_marks(live, api), TAG_KEY: write_tag(step.tag)}
    if kind.versions is not None:
        put_marks(work, step, api, live, marks)
        work.memory.remember(step.address, live.id)
        return live.id
    body: Json = {}
    mark(body, api, live, marks)
    work.account.update(place(api, live.id, live.within), body, beta=api.beta)
    work.memory.remember(step.address, live.id)
    return live.id


def _check(step: Step, live: Live, kind: Kind) -> None:
    # A write whose answer was lost is repeated: then the object carries the new tag already.
    if live.tag_error is not None or _owner(live.tag) not in (_owner(step.held), _owner(step.tag)):
        raise BlockedError(f"{live.id} carries another tag than the plan saw", hint="plan again to see whose it is")
    changed = moved(step.expects, live.raw, kind)
    if changed:
        listed = ", ".join(f"'{each}'" for each in changed)
        raise StaleError(f"{listed} changed in the account after the plan was made", hint="run the command again")


def _declared_ids(step: Step, kind: Kind) -> set[str]:
    files = (step.after or {}).get(kind.attachments.field, {}) if kind.attachments else {}
    return {path for path, entry in files.items() if "id" in entry}


def _owner(tag: Tag | None) -> tuple[Any, ...]:
    return (tag.stack, tag.address) if tag else ()


def _unmark_files(work: Work, live: Live, kind: Kind, api: Api, only: Collection[str] | None = None) -> None:
    """Take the marks off the attached files, or only off some."""
    if kind.attachments is None:
        return
    below = kind.attachments.path.format(id=live.id)

    def unmark(file: LiveFile) -> None:
        work.check()
        body = {"attributes": dict(file.attributes)}
        answer = work.account.update(f"{below}/{file.id}", body, beta=api.beta)
        left = [key for key in answer.get("attributes") or {} if is_ours(key)]
        if left:
            # Whether attributes are replaced or merged is not documented; where they are merged, emptying is left.
            body = {"attributes": {**file.attributes, **dict.fromkeys(left, "")}}
            work.account.update(f"{below}/{file.id}", body, beta=api.beta)

    attached = read_files(work.account, live.id, kind, work.memory)
    marked = [each for each in attached if each.path and (only is None or each.id in only)]
    for _ in work.pool.map(unmark, marked):
        pass


def _unmark(work: Work, step: Step, live: Live, kind: Kind, api: Api) -> None:
    if kind.versions is not None:
        put_marks(work, step, api, live, {})
        return
    body: Json = {}
    mark(body, api, live, {})
    path = place(api, live.id, live.within)
    forget_keys(work.account, api, path, our_marks(live, api), work.account.update(path, body, beta=api.beta))
