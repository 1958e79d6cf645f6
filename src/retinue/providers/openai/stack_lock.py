"""The marker of a stack in its account: found, made, and who may write. One apply at a time holds its lease."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from retinue.errors import AccountError, BlockedError, LeaseError, OvertakenError, StaleError
from retinue.kinds.kind import Kinds
from retinue.kinds.stores import Plain
from retinue.planning.marker import (
    GOING_KEY,
    UNKNOWN,
    Lease,
    Marker,
    MarkerError,
    first_of,
    inventory_of,
    is_marker,
    marked_stack,
    new_nonce,
    read_marker,
    write_marker,
)
from retinue.providers.openai.client import Account, AmbiguousError
from retinue.providers.openai.create_once import Attempt, settle
from retinue.providers.openai.read_after_create import look
from retinue.providers.openai.snapshot import MISSING_SCOPE
from retinue.state.cache import Cache

TERM = 600.0
"""How long a lease holds that nobody renews, in seconds: longer than any one request with its retries should take."""
RENEW_AFTER = TERM / 3
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
REFUSED = frozenset({400, 401, 403, 404, 405})
"""How an account says that this key may not write a marker, or that it has no place for one."""


@dataclass(slots=True)
class StackLock:
    """What is known of the markers of one stack, and the lease while this process holds it.

    `seen` is the marker as the plan saw it, `spare` are further ones, which an interrupted start left behind. `on_note`
    hears what a person should know. `stop` is set when somebody else took the lease over: `lost` says who.
    """

    account: Account
    kinds: Kinds
    cache: Cache
    owner: str = "somebody"
    hosts: list[str] = field(default_factory=list)
    seen: Marker | None = None
    spare: list[Marker] = field(default_factory=list)
    on_note: Callable[[str], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)
    lost: LeaseError | None = None
    _held: Marker | None = None
    _in_use: bool = False
    """Whether somebody else was at work when the plan was made: it may have seen half of that."""
    _renew_at: float = 0.0
    _busy: threading.Lock = field(default_factory=threading.Lock)

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def sight(self, served: Collection[str], markers: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Take in what a listing of the account showed. Raises BlockedError for a marker that cannot be read."""
        forms = [(form.marker.rank, name) for name, form in self._forms.items() if form.marker]
        self.hosts = [name for _, name in sorted(forms) if name in served]
        found = [self._read(raw, kind) for kind, raw in markers if self._is_of_stack(raw)]
        noted = self.cache.lock.marker
        if noted and noted[1] not in {each.id for each in found} and noted[0] in self.kinds:
            unlisted = self._find(*noted)
            found += [unlisted] if unlisted else []
        found = first_of(found)
        self.seen, self.spare = (found[0] if found else None), found[1:]
        self._in_use = self.holder() is not None
        self.cache.lock.marker = (self.seen.kind, self.seen.id) if self.seen else None

    @property
    def marked(self) -> set[str]:
        """The kinds of the markers that are known of."""
        return {each.kind for each in (self.seen, self._held, *self.spare) if each}

    def holder(self) -> Lease | None:
        """Who is applying the stack now, other than a run of this very directory that was killed."""
        lease = self.seen.held_at(self.account.server_time()) if self.seen else None
        return lease if lease and lease.nonce != self.cache.lock.lease else None

    def cut_off(self) -> Lease | None:
        """The lease of an apply that came to no end, as the plan saw it: it ran out without being given back, or a run
        of this very directory left it behind."""
        return self.seen.lease if self.seen and self.holder() is None else None

    def _unfinished_since(self) -> float:
        """When the apply began whose work was left to this one: what it uploaded is known by that time, and should this
        one be cut off as well, it must still be. One of this very directory may have taken over from another machine,
        so it counts as well."""
        left = self.cut_off()
        return left.began if left is not None and left.began is not None else math.inf

    def look_again(self) -> None:
        """Read the marker anew."""
        if self.seen is not None:
            self.seen = self._find(self.seen.kind, self.seen.id)

    def _is_of_stack(self, raw: Mapping[str, Any]) -> bool:
        return marked_stack(raw.get("metadata") or {}) == self.cache.stack

    def _read(self, raw: Mapping[str, Any], kind: str) -> Marker:
        try:
            return read_marker(raw, raw.get("metadata") or {}, kind)
        except MarkerError as error:
            raise BlockedError(
                f"the marker of the stack ({raw['id']}) cannot be read: {error}",
                hint="use the version of retinue that wrote it; or delete it, and the next apply makes it anew",
            ) from error

    def _find(self, kind: str, marker_id: str, *, patient: bool = False) -> Marker | None:
        form, path = self._forms[kind], f"{self._forms[kind].path}/{marker_id}"
        raw = look(self.account, self.cache, marker_id, path, form.beta, patient=patient)
        ours = raw is not None and is_marker(raw.get("metadata") or {}) and self._is_of_stack(raw)
        return self._read(raw, kind) if raw is not None and ours else None

    @property
    def _forms(self) -> dict[str, Plain]:
        """How objects are kept that may be a marker, by kind."""
        return {name: kind.store for name, kind in self.kinds.items() if isinstance(kind.store, Plain)}

    # ── the lease ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def acquire(self, floor: int, *, alone: bool, check: Callable[[], None] = lambda: None) -> None:
        """Take the lease before the first write. `floor` is how many objects the stack will own at least; `alone` says
        that no other run of this directory is alive, so that a lease which one left behind is over. `check` is called
        when nobody holds the lease, before anything is written.

        Raises LeaseError while somebody else holds it, OvertakenError when somebody applied since the plan was made.
        """
        self.lost = None
        now = self.account.server_time()
        lease = Lease(new_nonce(secrets.token_hex(8), min(self._unfinished_since(), now)), now + TERM, self.owner)
        earlier = self.cache.lock.lease if alone else ""
        self._check(check, earlier)
        begun = self.account.clock()
        try:
            marker = self._take(lease, floor, earlier) if self.seen else self._make(lease, floor)
        except AccountError as error:
            if error.status not in REFUSED and error.code != MISSING_SCOPE:
                raise
            self.on_note(f"there is no marker of the stack, and nothing keeps others from applying it: {error.message}")
            return
        if marker is None:
            return
        # Whoever read before our write is done writing when their two requests have taken as long as ours, several
        # times. What takes long, such as looking at the account again, comes before the marker is read.
        took = self.account.clock() - begun
        self.account.sleep(min(max(3 * took, SHORTEST_PAUSE), LONGEST_PAUSE))
        self._verify(marker, lease, earlier)
        self._held = marker
        self._renew_at = (marker.lease or lease).ends - TERM + RENEW_AFTER
        self.account.on_answer = self.keep
        self.account.announce = self.announce

    def _check(self, check: Callable[[], None], earlier: str) -> None:
        """Look whether the account is as the plan found it. Where it is not since somebody applies the stack, or did,
        that is what is to be told, and may be waited for."""
        try:
            check()
        except StaleError:
            if self.seen is not None:
                self._untouched(earlier)
            raise

    def _untouched(self, earlier: str) -> Marker:
        """The marker as it is now. Raises LeaseError and OvertakenError unless it is as the plan saw it."""
        planned = self.seen
        # The plan saw it moments ago, so a 404 may be the lag of its creation.
        current = self._find(planned.kind, planned.id, patient=True) if planned else None
        if planned is None or current is None:
            raise OvertakenError(
                "the marker of the stack was deleted after the plan was made", hint="run the command again"
            )
        holder = current.held_at(self.account.server_time())
        if holder and holder.nonce != earlier:
            raise self.taken(holder)
        if self._in_use or current.revision != planned.revision or _nonce(current) != _nonce(planned):
            raise _overtaken()  # who was cut off gave nothing back, and may have written a lot
        return current

    def _take(self, lease: Lease, floor: int, earlier: str) -> Marker | None:
        """Write the lease into the marker that is there."""
        current = self._untouched(earlier)
        self._note(lease)
        # What an apply that was cut off left behind stays noted until this one has cleared it up.
        self.account.going.update(dict.fromkeys(current.lease.going if current.lease else ()))
        lease = replace(lease, ends=self.account.server_time() + TERM, going=tuple(self.account.going))
        # Should this apply be cut off, its deletions must not look like objects that somebody else lost.
        current = replace(current, owned=floor, inventory=UNKNOWN)
        return self._write(self._of_this_account(current, lease))

    def _note(self, lease: Lease) -> None:
        """Before it is written: should this process be killed, the next one here knows the lease for its own."""
        self.cache.lock.lease = lease.nonce
        self.cache.save()

    def _make(self, lease: Lease, floor: int) -> Marker | None:
        """The first apply makes the marker, with the lease in it."""
        self._note(lease)
        refused: AccountError | None = None
        for kind in self.hosts:
            marker = self._of_this_account(Marker(self.cache.stack, kind=kind, owned=floor), lease)
            try:
                made = self._create(kind, marker)
            except AccountError as error:
                if error.status not in REFUSED and error.code != MISSING_SCOPE:
                    raise
                refused = error
                continue
            self.cache.lock.marker = (kind, made)
            self.cache.fresh.add(made)
            self.cache.save()
            return replace(marker, id=made)
        why = refused.message if refused else "the account has no place for it"
        self.on_note(f"the stack has no marker, so that nothing keeps others from applying it meanwhile: {why}")
        return None

    def _create(self, kind: str, marker: Marker) -> str:
        form = self._forms[kind]
        body = {
            **{
                key: value.format(stack=marker.stack)
                for key, value in (form.marker.body if form.marker else {}).items()
            },
            "metadata": write_marker(marker),
        }
        nonce = marker.lease.nonce if marker.lease else ""

        def find() -> str | None:
            mine = [each for each in self._listed(kind) if each.lease and each.lease.nonce == nonce]
            return mine[0].id if mine else None

        def attempt() -> Attempt:
            try:
                return str(self.account.create(form.path, body, beta=form.beta)["id"])
            except AmbiguousError as error:
                return error, find

        return settle(self.account, attempt)

    def _listed(self, kind: str) -> list[Marker]:
        form = self._forms[kind]
        pages = self.account.pages(form.path, page=form.page, beta=form.beta)
        return [self._read(raw, kind) for raw in pages if self._is_of_stack(raw)]

    def _verify(self, marker: Marker, lease: Lease, earlier: str) -> None:
        """Read back what was written: whoever is in the marker holds it."""
        if self.seen is None:
            self._verify_first(marker, earlier)
            return
        now = self._find(marker.kind, marker.id)
        if now is None or now.lease is None or now.lease.nonce != lease.nonce:
            raise self.taken(now.lease if now else None)

    def _verify_first(self, marker: Marker, earlier: str) -> None:
        """A marker that was made must be the only one. Of two made at once neither goes on: both see the other."""
        others = [each for each in self._listed(marker.kind) if each.id != marker.id]
        rivals = [each for each in others if not (each.lease and each.lease.nonce == earlier)]
        if rivals:
            self._delete(marker)
            holder = next((each.lease for each in rivals if each.held_at(self.account.server_time())), None)
            raise self.taken(holder) if holder else _overtaken()

    def taken(self, holder: Lease | None) -> LeaseError:
        """The error for somebody else's lease."""
        who = f": {holder.owner}" if holder else ""
        ends = f", until {datetime.fromtimestamp(holder.ends, UTC):%H:%M:%S} UTC unless renewed" if holder else ""
        return LeaseError(
            f"another apply of the stack '{self.cache.stack}' is under way{who}{ends}",
            hint="wait for it with --wait-lease 15m, or run the command again later",
            ends=holder.ends if holder else None,
        )

    def keep(self) -> None:
        """Renew the lease when it is time. Called after every answer of the account, by any thread: whoever works keeps
        it, whoever hangs loses it."""
        if self._held is None or self.account.server_time() < self._renew_at or not self._busy.acquire(blocking=False):
            return
        try:
            held = self._held
            self._renew_at = self.account.server_time() + RENEW_AFTER / 4
            now = self._find(held.kind, held.id)
            if now is None or now.lease is None or held.lease is None or now.lease.nonce != held.lease.nonce:
                self._held, self.lost = None, self.taken(now.lease if now else None)
                self.stop.set()
                return
            lease = replace(held.lease, ends=self.account.server_time() + TERM)
            self._held = self._write(replace(held, lease=lease))
            self._renew_at = self.account.server_time() + RENEW_AFTER
        except AccountError:
            pass  # it holds for a while; the next answer is the next occasion
        finally:
            self._busy.release()

    def announce(self) -> None:
        """Write down in the lease which files are about to be deleted. Without it, an apply that is cut off in between
        leaves what only this machine knows of; so that is no reason to stop."""
        self.keep()
        with self._busy, suppress(AccountError):
            held = self._held
            if held is not None and held.lease is not None:
                ends, going = self.account.server_time() + TERM, tuple(self.account.going)
                self._held = self._write(replace(held, lease=replace(held.lease, ends=ends, going=going)))
                self._renew_at = ends - TERM + RENEW_AFTER

    def release(self, ids: Collection[str], *, finished: bool = True) -> None:
        """Give the lease back, and remember what the stack owns now. A stack that owns nothing needs no marker.

        Unless everything is `finished` the lease stays as one that is over: should this directory be thrown away, as
        pipelines do, whoever applies next knows since when files may have come in that nothing holds, and which were to
        be deleted. A failure is left to the end of the lease.
        """
        self.account.on_answer, self.account.announce = None, lambda: None
        held, self._held = self._held, None
        if held is None:
            return
        left, over = tuple(self.account.going), None
        if held.lease and (left or not finished):
            over = replace(held.lease, ends=self.account.server_time(), going=left)
        try:
            if not ids and over is None:
                for each in (held, *self.spare):
                    self._delete(each)
                self.seen, self.spare, self.cache.lock.marker = None, [], None
            else:
                known = replace(held, owned=len(ids), inventory=inventory_of(ids))
                self.seen = self._write(replace(known, revision=held.revision + 1, lease=over))
                for each in self.spare:
                    self._delete(each)
            if over is None:
                self.cache.lock.lease = ""
        except AccountError as error:
            self.on_note(f"the lease of the stack could not be given back and ends by itself: {error.message}")
        self.cache.save()

    def needs_tidying(self, owned: Collection[str]) -> bool:
        """Whether the marker tells of an apply that is over: it holds a lease that a run of this directory left behind,
        or one that is over and names files, which are gone by now; or the stack is gone, as the last apply meant it to
        be."""
        if self.seen is None or self.holder() is not None:
            return False
        lease = self.seen.lease
        left = lease is not None and (lease.nonce == self.cache.lock.lease or bool(lease.going))
        return (not owned and not self.seen.owned) or left

    def tidy(self, owned: Collection[str]) -> None:
        """Give back what a run of this directory left behind. To be called when no other one is alive."""
        self.look_again()
        if self.needs_tidying(owned):
            self._held = self.seen
            self.release(owned)

    def leave(self) -> None:
        """Say nothing more to the account: requests may be under way, and nobody waits for them.

        The lease ends by itself, and the next apply of this directory knows it for its own.
        """
        self.account.on_answer, self.account.announce = None, lambda: None
        held, self._held = self._held, None
        if held is not None and held.lease is not None:
            ends = datetime.fromtimestamp(held.lease.ends, UTC)
            self.on_note(f"the lease of the stack holds until {ends:%H:%M:%S} UTC, or until the next apply from here")

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _of_this_account(self, marker: Marker, lease: Lease) -> Marker:
        info = self.account.info
        return replace(marker, organization=info.organization, project=info.project, lease=lease)

    def _write(self, marker: Marker) -> Marker:
        form = self._forms[marker.kind]
        written = write_marker(marker)
        self.account.update(f"{form.path}/{marker.id}", {"metadata": written}, beta=form.beta)
        return replace(marker, keys=sum(1 for key, value in written.items() if key.startswith(GOING_KEY) and value))

    def _delete(self, marker: Marker) -> None:
        form = self._forms[marker.kind]
        self.account.delete(f"{form.path}/{marker.id}", beta=form.beta)


def _nonce(marker: Marker) -> str:
    return marker.lease.nonce if marker.lease else ""


def _overtaken() -> OvertakenError:
    return OvertakenError("somebody else applied the stack after the plan was made", hint="run the command again")
