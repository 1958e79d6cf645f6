"""account → [Live]: everything a plan needs to know about what is there, in as few requests as it takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any

from retinue.errors import AccountError, CredentialError
from retinue.model.declared import Diagnostic
from retinue.model.live import Live
from retinue.planning.marker import is_marker
from retinue.planning.model_catalog import Model
from retinue.planning.moves import concerning
from retinue.providers.openai.answers import AnswerError, Json
from retinue.providers.openai.client import Account
from retinue.providers.openai.model_list import list_models
from retinue.providers.openai.retry_policy import HOPELESS_RETRIES
from retinue.providers.openai.stores.plain import PlainStore
from retinue.providers.openai.uploads import FILES_PAGE
from retinue.providers.port import Snapshot, Wanted
from retinue.providers.thread_pool import threads
from retinue.state.cache import Cache

NOT_SERVED = frozenset({400, 403, 404, 405, 410, 501})
"""How an account says that it does not have a collection: unknown, gone, not in the beta, or not for this key."""
MISSING_SCOPE = "missing_scope"
"""The code of a key that was restricted to other collections; it comes with 401 or 403."""

LONG, STRETCHES = 4, 8
"""Pages from which on a list is asked for in stretches, and how many of those."""

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
    reading = _Reading(account, stores, cache, wanted, Snapshot(), concerning(wanted.handovers))
    top = [store for store in stores.values() if store.form.listed and wanted.covers(store.kind.name)]
    with threads(wanted.parallelism, "read") as pool:
        models = pool.submit(_models, account, wanted.models) if wanted.models else None
        listed = reading.judged(top, reading.listed(top, pool))
        unserved = frozenset(store.kind.name for store, found in zip(top, listed, strict=True) if found is None)
        found = {live.id: live for several in listed for live in several or ()}
        for inner in pool.map(lambda pair: reading.listed_within(*pair), reading.inner(_by_kind(found.values()))):
            found.update({live.id: live for live in inner})
        found.update({live.id: live for live in others})
        reading.add_unlisted(found, unserved, pool.map)
        ours = [
            live for live in found.values() if (live.tag and live.tag.stack == cache.stack) or reading.concerns(live)
        ]
        for live in reading.whole([live for live in ours if live.home is None], pool.map):
            found[live.id] = live
        _note_missing(account, stores, found, ours)
    reading.seen.live = list(found.values())
    if models is not None:
        reading.seen.models = models.result()
    return reading.seen


def _models(account: Account, used: Collection[str]) -> tuple[Model, ...] | AccountError | None:
    """What there is to say of models is no reason to stop."""
    try:
        return list_models(account, used)
    except AccountError as error:
        return error


def look_again(
    account: Account,
    stores: Stores,
    cache: Cache,
    wanted: Wanted,
    sought: Sequence[Live],
    order: Mapping[str, Sequence[str]],
) -> dict[str, Live]:
    """Some objects that were seen, as they are now, by their ids; those that are gone are left out. Several that stand
    beside one another in the `order` of their list are read by the page."""
    reading = _Reading(account, stores, cache, wanted, Snapshot(), concerning(wanted.handovers))
    found: dict[str, Live] = {}
    for kind, ids in _by_kind(live for live in sought if live.within is None).items():
        for raw in stores[kind].together(ids, order.get(kind, ())):
            found[str(raw["id"])] = stores[kind].read(raw)
    with threads(wanted.parallelism, "read") as pool:
        single = [live for live in sought if live.id not in found]
        for live, now in zip(
            single, pool.map(lambda each: stores[each.kind].find(each.id, each.within), single), strict=True
        ):
            if now is None:
                cache.vanished(live.id)
            else:
                found[live.id] = now
        ours = [live for live in found.values() if live.tag and live.tag.stack == cache.stack]
        found.update({live.id: live for live in reading.whole(ours, pool.map)})
    _note_missing(account, stores, found, ours)
    return found


@dataclass(slots=True)
class _Stretch:
    """A part of a list. `to` is the last object of it, where another one goes on; None at the end of the list."""

    live: list[Live] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    markers: list[tuple[str, Json]] = field(default_factory=list)
    to: str | None = None
    error: AccountError | None = None


_Page = tuple[PlainStore[Any], str | None, list[Json] | AccountError | str | None]
"""What came of one stretch, by the object that it begins behind: a page, why there is none, or where it ended."""


@dataclass(slots=True)
class _Reading:
    """One reading of an account."""

    account: Account
    stores: Stores
    cache: Cache
    wanted: Wanted
    seen: Snapshot
    concerns: Callable[[Live], bool]

    def listed(self, stores: Sequence[PlainStore[Any]], pool: Executor) -> list[list[Live] | AccountError]:
        """All objects of each kind, or why there are none to be had. Pages are asked for in the pool, and read here
        while the next ones are on their way; a long list is asked for in several stretches at once, each from behind
        an object that it had when it was seen last."""
        pages: SimpleQueue[_Page] = SimpleQueue()
        lists: dict[str, dict[str | None, _Stretch]] = {store.kind.name: {None: _Stretch()} for store in stores}
        under_way = []
        for store in sorted(stores, key=lambda each: not self._is_used(each)):
            known = [each for each in self.cache.cursors.get(store.kind.name, ()) if each not in self.cache.deleted]
            lists[store.kind.name].update((each, _Stretch()) for each in known)
            under_way += [pool.submit(self._ask, store, each, frozenset(known), pages) for each in (None, *known)]
        left = len(under_way)
        while left:
            store, after, page = pages.get()
            stretch = lists[store.kind.name][after]
            if page is None or isinstance(page, str):
                left, stretch.to = left - 1, page
            elif isinstance(page, AccountError):
                stretch.error = page
            elif stretch.error is None:
                self._read(store, page, stretch)
        for each in under_way:
            each.result()
        return [self._joined(store, lists[store.kind.name]) for store in stores]

    def _ask(
        self, store: PlainStore[Any], after: str | None, cursors: Collection[str], pages: SimpleQueue[_Page]
    ) -> None:
        """Hand the objects of a kind over, a page at a time, up to the next one that another stretch begins behind;
        then that one's id, None at the end of the list."""
        page: list[Json] = []
        to: str | None = None
        # Nobody waits long for what nobody asked for.
        retries = None if self._is_used(store) else HOPELESS_RETRIES
        try:
            if cursors:
                listed = store.pages(retries=retries, **({"after": after} if after else {}))
            else:
                ours = sum(1 for address in tuple(self.cache.ids) if address.kind == store.kind.name)
                listed = store.all(retries=retries, known=ours)
            for raw in listed:
                page.append(raw)
                if raw["id"] in cursors and raw["id"] != after:
                    to = str(raw["id"])
                    break
                if len(page) == store.form.page:
                    pages.put((store, after, page))
                    page = []
            pages.put((store, after, page))
        except AccountError as error:
            pages.put((store, after, error))
        finally:
            pages.put((store, after, to))

    def _read(self, store: PlainStore[Any], page: Sequence[Json], stretch: _Stretch) -> None:
        stretch.order += [str(raw["id"]) for raw in page]
        listed = [raw for raw in page if self._counts(raw) and store.form.may_be_owned(raw)]
        try:
            stretch.live += [store.read(raw) for raw in listed if not is_marker(raw.get("metadata") or {})]
        except AccountError as error:
            stretch.error = error
            return
        stretch.markers += [(store.kind.name, raw) for raw in listed if is_marker(raw.get("metadata") or {})]

    def _joined(self, store: PlainStore[Any], stretches: Mapping[str | None, _Stretch]) -> list[Live] | AccountError:
        """The list from its beginning, each stretch followed by the one that it led to. One that none leads to began
        behind an object that is gone, and nothing in it is believed."""
        whole, stretch, passed = _Stretch(), stretches[None], set[str]()
        while stretch.error is None:
            whole.live += stretch.live
            whole.order += stretch.order
            whole.markers += stretch.markers
            if stretch.to is None:
                self._note(store, whole)
                return whole.live
            if stretch.to in passed:
                message = f"the account's list for GET {self.account.full_path(store.form.path)} leads back into itself"
                return AccountError(message, hint="the server may not know 'after': use one that pages through lists")
            passed.add(stretch.to)
            stretch = stretches[stretch.to]
        return stretch.error

    def _note(self, store: PlainStore[Any], whole: _Stretch) -> None:
        name, order, page = store.kind.name, whole.order, store.form.page
        self.seen.served.add(name)
        self.seen.order[name] = order
        self.seen.markers += whole.markers
        each = -(-len(order) // (page * STRETCHES)) * page  # whole pages, so that nothing is asked for twice
        self.cache.note_cursors(name, order[each - 1 : -1 : each] if len(order) > page * LONG else ())

    def _is_used(self, store: PlainStore[Any]) -> bool:
        """Whether the stack declares objects of the kind, or is known to have some."""
        return store.kind.name in self.wanted.needed or store.kind.name in self.wanted.used

    def judged(
        self, stores: Sequence[PlainStore[Any]], tried: Sequence[list[Live] | AccountError]
    ) -> list[list[Live] | None]:
        """What was listed, and None for kinds that the account does not serve, or not to this key.

        An odd answer for a kind that the stack does not use stops nobody, and is told. Raises AccountError about all
        that is used and was not answered, or when nothing of the API answers.
        """
        failed = [(store, each) for store, each in zip(stores, tried, strict=True) if isinstance(each, AccountError)]
        if len(failed) == len(stores):
            self._check_address(failed)
        errors = []
        for store, error in failed:
            name, unserved = store.kind.name, error.status in NOT_SERVED or error.code == MISSING_SCOPE
            if name in self.wanted.needed or (not unserved and self._is_used(store)):
                errors.append(self._not_served(store, error))
            elif not unserved:
                self._tell(store, error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            hints = dict.fromkeys(each.hint for each in errors if each.hint)
            message = "\n".join(dict.fromkeys(each.message for each in errors))
            raise AccountError(message, hint="; ".join(hints), status=errors[0].status)
        return [None if isinstance(each, AccountError) else each for each in tried]

    def _not_served(self, store: PlainStore[Any], error: AccountError) -> AccountError:
        """What to say to those who need a kind. A request that it finds wrong is no sign that the account lacks it."""
        if error.status not in NOT_SERVED or isinstance(error, CredentialError):
            return error
        where, what = self.account.info.url or self.account.info.name, store.kind.section.replace("_", " ")
        verb = "refuses to list" if error.status == 400 else "does not serve"
        return AccountError(
            f"the account at {where} {verb} {what}: {error.message}; declared: {self.wanted.needed[store.kind.name]}",
            hint=store.form.elsewhere or f"use an account that serves {store.form.path}, such as 'account: local'",
            status=error.status,
            request_id=error.request_id,
        )

    def _tell(self, store: PlainStore[Any], error: AccountError, within: str | None = None) -> None:
        """Warn that an odd answer is taken for an account without the kind."""
        what = store.kind.section.replace("_", " ")
        asked = f"GET {self.account.full_path(store.form.collection(within))}"
        told = error.message if asked in error.message else f"{error.message} ({asked})"
        hint = "nothing that is declared needs them, and what the stack may have had of them is left alone"
        self.seen.notes.append(Diagnostic("warning", "odd-answer", f"{what} count as not served: {told}", hint=hint))

    def _check_address(self, failed: Sequence[tuple[PlainStore[Any], AccountError]]) -> None:
        """Raises AccountError when no collection answers because nothing of the API does."""
        errors = [error for _, error in sorted(failed, key=lambda each: each[0].kind.name not in self.wanted.needed)]
        plain = [each for each in errors if each.status in NOT_SERVED or each.code == MISSING_SCOPE]
        strange = [each for each in errors if isinstance(each, AnswerError) or 300 <= (each.status or 0) < 400]
        trouble = [each for each in errors if each not in plain and each not in strange]
        if trouble:
            raise trouble[0]
        if any(isinstance(each, CredentialError) for each in plain) or not (strange or self.wanted.needed):
            return
        with suppress(AccountError):
            if isinstance(self.account.get("/models", retries=0).get("data"), list):
                return
        where = self.account.info.url or self.account.info.name
        raise AccountError(
            f"nothing of the API answers at {where}: {errors[0].message}",
            hint=errors[0].hint if "base_url" in (errors[0].hint or "") else self.account.address_hint(),
            status=errors[0].status,
        ) from errors[0]

    def whole(self, several: Iterable[Live], each_of: Mapper) -> Iterator[Live]:
        """Those of the objects of which something is read apart from them, with that, unless it is known to be what is
        declared."""
        asked = []
        for live in several:
            store, wanted = self.stores[live.kind], None
            if live.tag and live.tag.stack == self.cache.stack and not self.concerns(live):
                wanted = self.wanted.contents.get(live.tag.address)
            if wanted and store.holds_just(live, wanted):
                yield replace(live, unread=wanted.files)
            elif known := store.known(live) if wanted else None:
                yield known
            elif store.apart:
                asked.append(live)
        yield from each_of(lambda each: self.stores[each.kind].whole(each), asked)

    def _counts(self, raw: Json) -> bool:
        """Lists go on showing for a while what this process deleted."""
        return raw["id"] not in self.cache.deleted

    def inner(self, ids: Mapping[str, Sequence[str]]) -> list[tuple[PlainStore[Any], str]]:
        """The collections that stand within listed objects, with the objects' ids."""
        nested = [each for each in self.stores.values() if not each.form.listed and self.wanted.covers(each.kind.name)]
        return [(store, within) for store in nested for within in store.containers(ids) if within is not None]

    def listed_within(self, store: PlainStore[Any], within: str) -> list[Live]:
        """All objects in the collection below one object; none when that was deleted a moment ago."""
        try:
            return [store.read(raw) for raw in store.pages(within) if self._counts(raw)]
        except AccountError as error:
            if error.status == 404:
                return []
            if self._is_used(store):
                raise
            self._tell(store, error, within)
            return []

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
