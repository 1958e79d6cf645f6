"""One step for an object that is rendered rather than stored: its entry of the lock file, and the files it carries."""

from __future__ import annotations

from retinue.errors import StaleError
from retinue.kinds.kind import Kind
from retinue.model.live import Live
from retinue.model.steps import Step
from retinue.model.values import FileRef
from retinue.planning.guards import moved
from retinue.planning.tag import TAG_KEY, write_tag
from retinue.providers.bundle.lock_file import LockFile
from retinue.providers.openai.snapshot import read_live
from retinue.providers.openai.uploads import carried_ids, carry_files
from retinue.providers.openai.work import Work


def run_rendered(work: Work, lock: LockFile, step: Step, kind: Kind) -> str | None:
    """Carry `step` out; gives the entry's id."""
    if step.action == "move" and step.held and step.tag:
        work.ids[step.address] = lock.rename(kind, step.held.address.name, step.address.name, write_tag(step.tag))
        return work.ids[step.address]
    live = _current(lock, step, kind)
    if step.action == "release":
        lock.remove(kind, step.address.name)
        return step.id
    if step.action == "delete":
        if live is not None:
            # Files first: as long as the entry is there, it says which files are ours.
            for file_id in sorted(set(carried_ids(live, kind)) - set(step.shared_files)):
                work.account.delete(f"/files/{file_id}")
            lock.remove(kind, step.address.name)
        return step.id
    live_id = _render(work, lock, step, kind, live)
    work.ids[step.address] = live_id
    return live_id


def _current(lock: LockFile, step: Step, kind: Kind) -> Live | None:
    """The entry right before it is written. Raises StaleError when it is not as the plan saw it."""
    raw = lock.find(kind, step.address.name)
    live = read_live(raw, kind) if raw else None
    if live is not None and step.action == "create":
        raise StaleError("it was rendered after the plan was made", hint="run the command again")
    if live is None and step.action == "update":
        raise StaleError("its entry was removed after the plan was made", hint="run the command again")
    changed = moved(step.expects, live.raw, kind) if live else []
    if changed:
        listed = ", ".join(f"'{each}'" for each in changed)
        raise StaleError(f"{listed} changed in {lock.path.name} after the plan was made", hint="run the command again")
    return live


def _render(work: Work, lock: LockFile, step: Step, kind: Kind, live: Live | None) -> str:
    """Bring the files in, put the live ids in their places, write the entry, and let go of what it held before."""
    if step.tag is None:
        raise TypeError(f"the step '{step.key}' has no tag")
    spec = {name: value for name, value in (step.after or {}).items() if name not in step.unset}
    carried = carry_files(spec, kind, live, work.uploader)
    body = work.body(spec, kind, carried)
    if kind.api is not None:
        marks = kind.api.marks
        body[marks.field] = marks.write(body.get(marks.field), {TAG_KEY: write_tag(step.tag)})
    files: dict[str, FileRef] = {}
    for name, ids in carried.ids.items():
        pairs = zip(ids, spec[name].values(), strict=True)
        files.update({file_id: file for file_id, file in pairs if isinstance(file, FileRef)})
    doomed = {file_id: work.uploader.doom(file_id, purpose) for file_id, purpose in carried.stale.items()}
    if not carried.ids and live is not None:
        doomed |= {
            file_id: work.uploader.doom(file_id, purpose) for file_id, purpose in carried_ids(live, kind).items()
        }
    live_id = lock.put(kind, step.address.name, body, files)
    for file_id in carried.fresh:
        work.uploader.settled(file_id)
    for file_id, key in doomed.items():
        work.uploader.finish_discard(file_id, key)
    return live_id
