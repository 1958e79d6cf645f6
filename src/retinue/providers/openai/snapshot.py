"""account → [Live]: everything a plan needs to know about what is there, in as few requests as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from retinue.errors import AccountError, CredentialError
from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import Handover
from retinue.model.live import Live, LiveFile, Tag
from retinue.planning.marker import is_marker
from retinue.planning.matching import reference_kinds
from retinue.planning.moves import concerns
from retinue.planning.tag import (
    PATH_ATTRIBUTE,
    SHA256_ATTRIBUTE,
    SYNCING,
    TAG_KEY,
    TagError,
    is_ours,
    read_file_records,
    read_tag,
)
from retinue.providers.bundle.lock_file import LockFile
from retinue.providers.openai.client import Account
from retinue.providers.openai.marks import place
from retinue.providers.openai.stores.version_content import NEWEST, with_content
from retinue.providers.openai.thread_pool import threads
from retinue.providers.openai.uploads import FILES_PAGE, carried_ids
from retinue.state.memory import Memory


@dataclass(slots=True)
class Sighting:
    """What a snapshot saw besides objects: which kinds the account serves, and the markers of all stacks."""

    served: set[str] = field(default_factory=set)
    markers: list[tuple[Kind, Mapping[str, Any]]] = field(default_factory=list)


def take_snapshot(
    account: Account,
    kinds: Kinds,
    memory: Memory,
    *,
    needed: Mapping[str, str],
    parallelism: int = 8,
    lock: LockFile | None = None,
    handovers: Sequence[Handover] = (),
    sighting: Sighting | None = None,
) -> tuple[Live, ...]:
    """Read every object of every kind, and the attached files of those of our stack.

    Lists lag behind creations, so an id that is remembered or referred to but not listed is asked for by itself.
    `needed` are the kinds in use, with who uses them: an account without their endpoints is an error, without others it
    is not. What was rendered into the lock file counts as ours, and what it refers to as referred to. What `handovers`
    may make ours is read like what is. Markers are nobody's objects: they go into `sighting`.
    """
    seen = sighting if sighting is not None else Sighting()
    rendered = [replace(read_live(raw, kind), home=kind.home) for kind, raw in lock.live(kinds)] if lock else []
    top = [kind for kind in kinds.values() if kind.api is not None and kind.api.within is None]
    with threads(parallelism, "read") as pool:
        tried = list(pool.map(lambda kind: _list(account, memory, kind, needed.get(kind.name), seen), top))
        listed = _all_served(tried)
        unserved = frozenset(kind.name for kind, found in zip(top, listed, strict=True) if found is None)
        found = {live.id: live for several in listed for live in several or () if live.id not in memory.deleted}
        for inner in pool.map(lambda pair: _list_within(account, *pair), _places(kinds, found.values())):
            found.update({live.id: live for live in inner if live.id not in memory.deleted})
        found.update({live.id: live for live in rendered})
        _add_unlisted(account, kinds, memory, found, unserved, pool.map, handovers)
        ours = [
            live
            for live in found.values()
            if (live.tag and live.tag.stack == memory.stack) or concerns(live, handovers)
        ]
        for live in pool.map(lambda each: read_whole(account, each, kinds[each.kind], memory), ours):
            found[live.id] = live
        _note_missing(account, kinds, found, ours)
    return tuple(found.values())


def _all_served(tried: Sequence[list[Live] | AccountError | None]) -> list[list[Live] | None]:
    """What was listed. Raises one AccountError about all that is needed and not served."""
    unserved = [each for each in tried if isinstance(each, AccountError)]
    if len(unserved) == 1:
        raise unserved[0]
    if unserved:
        hints = dict.fromkeys(each.hint for each in unserved if each.hint)
        raise AccountError(
            "\n".join(each.message for each in unserved), hint="; ".join(hints), status=unserved[0].status
        )
    return [each for each in tried if not isinstance(each, AccountError)]


def _list(
    account: Account, memory: Memory, kind: Kind, needed: str | None, seen: Sighting
) -> list[Live] | AccountError | None:
    """All objects of a kind. When the account does not serve the kind, or not to this key: what to say to those who
    need it, or None."""
    api = kind.api
    if api is None:
        return None
    try:
        pages = account.pages(api.path, page=api.page, beta=api.beta)
        listed = [raw for raw in pages if raw["id"] not in memory.deleted and api.may_be_owned(raw)]
        seen.served.add(kind.name)
        seen.markers += [(kind, raw) for raw in listed if is_marker(raw.get("metadata") or {})]
        return [_read(account, memory, raw, kind) for raw in listed if not is_marker(raw.get("metadata") or {})]
    except AccountError as error:
        if not needed and (error.status in NOT_SERVED or error.code == MISSING_SCOPE):
            return None
        if error.status not in NOT_SERVED or isinstance(error, CredentialError):
            raise
        where, what = account.info.url or account.info.name, kind.section.replace("_", " ")
        return AccountError(
            f"the account at {where} does not serve {what}: {error.message}; declared: {needed}",
            hint=api.elsewhere or f"use an account that serves {api.path}, such as 'account: local'",
            status=error.status,
            request_id=error.request_id,
        )


def _places(kinds: Kinds, found: Iterable[Live]) -> list[tuple[Kind, str]]:
    """The collections that stand within listed objects: their kinds, and the objects' ids."""
    inner = [kind for kind in kinds.values() if kind.api and kind.api.within is not None]
    return [
        (kind, live.id)
        for live in found
        for kind in inner
        if kind.api and kind.api.within is not None and kind.api.within.kind == live.kind
    ]


def _list_within(account: Account, kind: Kind, within: str) -> list[Live]:
    """All objects in the collection below one object; none when that was deleted a moment ago."""
    api = kind.api
    if api is None:
        return []
    try:
        return [read_live(raw, kind) for raw in account.pages(api.collection(within), page=api.page, beta=api.beta)]
    except AccountError as error:
        if error.status == 404:
            return []
        raise


NOT_SERVED = frozenset({400, 403, 404, 405, 410, 501})
"""How an account says that it does not have a collection: unknown, gone, not in the beta, or not for this key."""
MISSING_SCOPE = "missing_scope"
"""The code of a key that was restricted to other collections; it comes with 401 or 403."""

Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def _add_unlisted(
    account: Account,
    kinds: Kinds,
    memory: Memory,
    found: dict[str, Live],
    unserved: frozenset[str],
    each_of: Mapper,
    handovers: Sequence[Handover],
) -> None:
    """Ask for every id that ought to be there and was not listed."""
    missing = {live_id: address.kind for address, live_id in memory.ids.items() if address.kind in kinds}
    missing |= {each.id: each.address.kind for each in handovers if each.id}
    for live in list(found.values()):
        if live.tag and live.tag.stack == memory.stack:
            missing.update(reference_kinds(live, kinds[live.kind]))
    wanted = [
        (live_id, kinds[name])
        for live_id, name in sorted(missing.items())
        if live_id not in found and live_id not in memory.deleted and name not in unserved
    ]
    around = list(found.values())
    sought = each_of(lambda pair: _find(account, memory, pair[0], pair[1], around), wanted)
    for (live_id, _), live in zip(wanted, sought, strict=True):
        if live is None:
            memory.vanished(live_id)
        else:
            found[live_id] = live


def _find(account: Account, memory: Memory, live_id: str, kind: Kind, around: Iterable[Live]) -> Live | None:
    """The object with that id. Where it may stand within several others, each of those is asked."""
    api = kind.api
    if api is None:
        return None
    inside: list[str | None] = [None]
    if api.within is not None:
        inside = [live.id for live in around if live.kind == api.within.kind]
    found = (find_live(account, memory, kind, live_id, within) for within in inside)
    return next((live for live in found if live is not None), None)


def _read(account: Account, memory: Memory, raw: dict[str, Any], kind: Kind, *, asked: bool = False) -> Live:
    """A live object, with its content where that is kept apart."""
    live = read_live(with_content(account, memory, raw, kind, asked=asked), kind)
    if kind.versions and live.tag and live.id in memory.unsettled:
        # Which version is the default was about to change: a difference in that is nobody's edit.
        fields = {name: value for name, value in live.tag.fields.items() if name != kind.versions.default}
        return replace(live, tag=replace(live.tag, fields=fields, flags=live.tag.flags | {SYNCING}))
    return live


def find_live(
    account: Account,
    memory: Memory,
    kind: Kind,
    live_id: str,
    within: str | None,
    *,
    patient: bool = False,
    asked: bool = False,
) -> Live | None:
    """One live object as it is now, with its content; None when it is gone. Raises AccountError."""
    if kind.api is None:
        return None
    raw = look(account, memory, live_id, place(kind.api, live_id, within), kind.api.beta, patient=patient)
    return _read(account, memory, raw, kind, asked=asked) if raw and kind.api.may_be_owned(raw) else None


def look(
    account: Account, memory: Memory, live_id: str, path: str, beta: str | None, *, patient: bool = False
) -> dict[str, Any] | None:
    """Read one object. What was created moments ago may answer 404 for a while [V], so it is asked for again.

    `patient`: it may have been created moments ago by somebody else.
    """
    for pause in (0.5, 1.0, 2.0) if patient or live_id in memory.fresh else ():
        raw = account.find(path, beta=beta)
        if raw is not None:
            return raw
        account.sleep(pause)
    return account.find(path, beta=beta)


def _note_missing(account: Account, kinds: Kinds, found: dict[str, Live], ours: Iterable[Live]) -> None:
    """A file can be deleted while an object goes on naming it. One list tells, where anything carries files at all."""
    carried = {live.id: carried_ids(live, kinds[live.kind]) for live in ours}
    wanted = {file_id: purpose for files in carried.values() for file_id, purpose in files.items()}
    known = {
        str(raw["id"])
        for purpose in sorted(set(wanted.values()))
        for raw in account.pages("/files", page=FILES_PAGE, purpose=purpose)
    }
    missing = {file_id for file_id in set(wanted) - known if account.find(f"/files/{file_id}") is None}
    for live_id, files in carried.items():
        if missing & set(files):
            found[live_id] = replace(found[live_id], missing=frozenset(missing & set(files)))


def read_live(raw: Mapping[str, Any], kind: Kind) -> Live:
    """One object as the account returned it, with its tag parsed. A tag that cannot be read is kept as an error."""
    tag: Tag | None = None
    problem: str | None = None
    try:
        kind.read(raw)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise AccountError(
            f"the account's {kind.title} {raw['id']} has a shape that cannot be read: {error!r}",
            hint="the server may not speak this API, or a newer one: look at it with a client of its own",
        ) from error
    marks = kind.api.marks_of(raw) if kind.api else {}
    text = marks.get(TAG_KEY)
    if text:  # where keys cannot be taken out, an empty one is what a release leaves
        try:
            tag = _read_marks(str(text), marks, kind)
        except TagError as error:
            tag, problem = None, str(error)
    within = kind.api.within_of(raw) if kind.api else None
    return Live(str(raw["id"]), kind.name, raw, tag, problem, within=within)


def _read_marks(text: str, marks: Mapping[str, Any], kind: Kind) -> Tag:
    """The tag, after making sure that everything we wrote beside it can be read too. Raises TagError."""
    tag = read_tag(text)
    if tag.address.kind != kind.name:
        raise TagError(f"it names a {tag.address.kind}")
    for each in kind.fields:
        if each.uploads:
            read_file_records(marks, each.uploads.record)
    return tag


def read_whole(account: Account, live: Live, kind: Kind, memory: Memory) -> Live:
    """The object with what is listed apart from it: its attached files, or the content of its newest version."""
    if kind.versions is not None and NEWEST not in live.raw:
        return _read(account, memory, dict(live.raw), kind, asked=True)
    return replace(live, files=read_files(account, live.id, kind, memory)) if kind.attachments else live


def read_files(account: Account, live_id: str, kind: Kind, memory: Memory) -> tuple[LiveFile, ...]:
    """The files attached to a live object. One that we attached and that is not listed is asked for by itself."""
    if kind.attachments is None or kind.api is None:
        return ()
    path = kind.attachments.path.format(id=live_id)
    pages = account.pages(path, page=kind.api.page, beta=kind.api.beta)
    found = {each.id: each for each in (read_file(raw, kind) for raw in pages) if each.id not in memory.deleted}
    for file_id in sorted(set(memory.files.get(live_id, {})) - set(found)):
        raw = look(account, memory, file_id, f"{path}/{file_id}", kind.api.beta)
        if raw is None:
            memory.detached(live_id, file_id)
        else:
            found[file_id] = read_file(raw, kind)
    memory.files[live_id] = {each.id: each.sha256 or "" for each in found.values() if each.path}
    return tuple(found.values())


def read_file(raw: Mapping[str, Any], kind: Kind) -> LiveFile:
    """One attached file. Its path and digest are in its attributes; without them it is not ours."""
    attributes = raw.get("attributes") or {}
    path = attributes.get(PATH_ATTRIBUTE)
    error = raw.get("last_error") or {}
    read_chunking = kind.attachments.canonical_chunking if kind.attachments else dict
    return LiveFile(
        id=str(raw["id"]),
        path=path if isinstance(path, str) and path else None,
        sha256=str(attributes.get(SHA256_ATTRIBUTE, "")) or None,
        status=str(raw.get("status")),
        created_at=int(raw.get("created_at") or 0),
        attributes={key: value for key, value in attributes.items() if not is_ours(key)},
        chunking=read_chunking(raw.get("chunking_strategy") or {"type": "auto"}),
        error=f"{error.get('code')}: {error.get('message')}" if error else None,
    )
