"""account → [Live]: everything a plan needs to know about what is there, in as few requests as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retinue.errors import AccountError, CredentialError
from retinue.model.live import Live
from retinue.planning.marker import is_marker
from retinue.planning.moves import concerns
from retinue.providers.openai.client import Account, Json
from retinue.providers.openai.stores.plain import PlainStore
from retinue.providers.openai.uploads import FILES_PAGE
from retinue.providers.port import Snapshot, Wanted
from retinue.providers.thread_pool import threads
from retinue.state.cache import Cache

NOT_SERVED = frozenset({400, 403, 404, 405, 410, 501})
"""How an account says that it does not have a collection: unknown, gone, not in the beta, or not for this key."""
MISSING_SCOPE = "missing_scope"
"""The code of a key that was restricted to other collections; it comes with 401 or 403."""

Stores = Mapping[str, PlainStore[Any]]
Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def take_snapshot(
    account: Account, stores: Stores, cache: Cache, wanted: Wanted, others: Sequence[Live] = ()
) -> Snapshot:
    """Read every object of every kind, and the attached files of those of our stack.

    Lists lag behind creations, so an id that is remembered or referred to but not listed is asked for by itself. What
    the `others` refer to, objects of the stack elsewhere, counts as referred to. What handovers may make ours is read
    like what is. Markers are nobody's objects.
    """
    reading = _Reading(account, stores, cache, wanted, Snapshot())
    top = [store for store in stores.values() if store.form.listed]
    with threads(wanted.parallelism, "read") as pool:
        tried = list(pool.map(reading.listed, top))
        listed = _all_served(tried)
        unserved = frozenset(store.kind.name for store, found in zip(top, listed, strict=True) if found is None)
        found = {live.id: live for several in listed for live in several or ()}
        for inner in pool.map(lambda pair: reading.listed_within(*pair), reading.inner(_by_kind(found.values()))):
            found.update({live.id: live for live in inner})
        found.update({live.id: live for live in others})
        reading.add_unlisted(found, unserved, pool.map)
        ours = [
            live
            for live in found.values()
            if (live.tag and live.tag.stack == cache.stack) or concerns(live, wanted.handovers)
        ]
        here = [live for live in ours if live.home is None]
        for live in pool.map(lambda each: stores[each.kind].whole(each), here):
            found[live.id] = live
        _note_missing(account, stores, found, ours)
    reading.seen.live = list(found.values())
    return reading.seen


@dataclass(slots=True)
class _Reading:
    """One reading of an account."""

    account: Account
    stores: Stores
    cache: Cache
    wanted: Wanted
    seen: Snapshot

    def listed(self, store: PlainStore[Any]) -> list[Live] | AccountError | None:
        """All objects of a kind. When the account does not serve the kind, or not to this key: what to say to those who
        need it, or None."""
        kind, needed = store.kind, self.wanted.needed.get(store.kind.name)
        try:
            listed = [raw for raw in store.pages() if self._counts(raw) and store.form.may_be_owned(raw)]
            self.seen.served.add(kind.name)
            self.seen.markers += [(kind.name, raw) for raw in listed if is_marker(raw.get("metadata") or {})]
            return [store.read(raw) for raw in listed if not is_marker(raw.get("metadata") or {})]
        except AccountError as error:
            if not needed and (error.status in NOT_SERVED or error.code == MISSING_SCOPE):
                return None
            if error.status not in NOT_SERVED or isinstance(error, CredentialError):
                raise
            where, what = self.account.info.url or self.account.info.name, kind.section.replace("_", " ")
            return AccountError(
                f"the account at {where} does not serve {what}: {error.message}; declared: {needed}",
                hint=store.form.elsewhere or f"use an account that serves {store.form.path}, such as 'account: local'",
                status=error.status,
                request_id=error.request_id,
            )

    def _counts(self, raw: Json) -> bool:
        """Lists go on showing for a while what this process deleted."""
        return raw["id"] not in self.cache.deleted

    def inner(self, ids: Mapping[str, Sequence[str]]) -> list[tuple[PlainStore[Any], str]]:
        """The collections that stand within listed objects, with the objects' ids."""
        nested = [store for store in self.stores.values() if not store.form.listed]
        return [(store, within) for store in nested for within in store.containers(ids) if within is not None]

    def listed_within(self, store: PlainStore[Any], within: str) -> list[Live]:
        """All objects in the collection below one object; none when that was deleted a moment ago."""
        try:
            return [store.read(raw) for raw in store.pages(within) if self._counts(raw)]
        except AccountError as error:
            if error.status == 404:
                return []
            raise

    def add_unlisted(self, found: dict[str, Live], unserved: frozenset[str], each_of: Mapper) -> None:
        """Ask for every id that ought to be there and was not listed."""
        cache = self.cache
        missing = {live_id: address.kind for address, live_id in cache.ids.items() if address.kind in self.stores}
        missing |= {each.id: each.address.kind for each in self.wanted.handovers if each.id}
        for live in found.values():
            if live.tag and live.tag.stack == cache.stack:
                missing.update(live.refers_to)
        sought = [
            (live_id, self.stores[name])
            for live_id, name in sorted(missing.items())
            if live_id not in found and live_id not in cache.deleted and name in self.stores and name not in unserved
        ]
        around = _by_kind(found.values())
        results = each_of(lambda pair: _find(pair[1], pair[0], around), sought)
        for (live_id, _), live in zip(sought, results, strict=True):
            if live is None:
                cache.vanished(live_id)
            else:
                found[live_id] = live


def _by_kind(live: Iterable[Live]) -> dict[str, list[str]]:
    """The ids of objects by kind."""
    ids: dict[str, list[str]] = {}
    for each in live:
        ids.setdefault(each.kind, []).append(each.id)
    return ids


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


def _find(store: PlainStore[Any], live_id: str, around: Mapping[str, Sequence[str]]) -> Live | None:
    """The object with that id. Where it may stand within several others, each of those is asked."""
    found = (store.find(live_id, within) for within in store.containers(around))
    return next((live for live in found if live is not None), None)


def _note_missing(account: Account, stores: Stores, found: dict[str, Live], ours: Iterable[Live]) -> None:
    """A file can be deleted while an object goes on naming it. One list tells, where anything carries files at all."""
    carried = {live.id: {file_id for each in live.recorded.values() for file_id in each} for live in ours}
    purposes = {each.purpose for live in ours if carried[live.id] for each in stores[live.kind].kind.uploads}
    wanted = {file_id for files in carried.values() for file_id in files}
    known = {
        str(raw["id"])
        for purpose in sorted(purposes)
        for raw in account.pages("/files", page=FILES_PAGE, purpose=purpose)
    }
    missing = {file_id for file_id in wanted - known if account.find(f"/files/{file_id}") is None}
    for live_id, files in carried.items():
        if missing & files:
            found[live_id] = replace(found[live_id], missing=frozenset(missing & files))
