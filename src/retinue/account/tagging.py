"""Writes that touch nothing but our marks: the tag of an object, and what says which file is which."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from retinue.account.client import Json
from retinue.account.marking import forget_keys, mark, our_marks, place
from retinue.account.snapshot import find_live, read_files
from retinue.account.versions import put_marks
from retinue.account.work import Work
from retinue.core.changes import Step
from retinue.core.guards import moved
from retinue.core.kind import Kind
from retinue.core.model import Live, LiveFile, Tag
from retinue.core.ownership import TAG_KEY, is_ours, write_tag
from retinue.core.place import Api
from retinue.errors import BlockedError, StaleError


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
