"""Looking at what the stack has in its account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from retinue import engine
from retinue.errors import RetinueError
from retinue.model.declared import Declared
from retinue.model.live import Live
from retinue.model.printable import masked_data
from retinue.model.selector import Selection, Selector
from retinue.model.values import Address
from retinue.planning.documents.account_types import VERSION, ShowDocument, ShownObjectDocument
from retinue.planning.marker import UNKNOWN, Lease, Marker, inventory_of
from retinue.planning.matching import name_live
from retinue.planning.redaction import without
from retinue.planning.selection import check_left_out, pick, with_kinds, with_live
from retinue.session import Session


@dataclass(frozen=True, slots=True)
class Inventory:
    """The live objects of a stack by address, and how many others there are of each kind.

    Where several objects share an address, the one that a plan would keep comes first. `marker` is the object that
    remembers the stack, `holder` the lease of who is applying it now. `as_left` is whether the live objects are those
    that the last apply left, by the digest of their ids in the marker; None where that does not tell.
    """

    owned: Mapping[Address, tuple[Live, ...]]
    foreign: Mapping[str, int]
    unowned: Mapping[str, int]
    unreadable: tuple[Live, ...] = ()
    marker: Marker | None = None
    holder: Lease | None = None
    as_left: bool | None = None


def inventory(session: Session) -> Inventory:
    """What the stack has in the account now."""
    made = engine.decide(session)
    declared = {each.address: each for each in session.reading.declared}
    named = name_live(session.live, declared, session.kinds, session.project.stack)
    owned = {address: (live, *named.extra.get(address, ())) for address, live in sorted(named.owned.items())}
    marker, holder = session.lock.seen, session.lock.holder()
    told = marker is not None and marker.inventory != UNKNOWN
    as_left = marker.inventory == inventory_of(session.owned_ids()) if marker and told else None
    return Inventory(owned, made.foreign, made.unowned, tuple(named.unreadable), marker, holder, as_left)


def whole(session: Session, selector: Selector | None) -> Selector | None:
    """The selector, with the address in the place of a name alone. Raises UsageError for a name that none has, or
    several."""
    if selector is None:
        return None
    among = with_live(session.reading.declared, session.live, session.project.stack)
    return with_kinds(Selection((selector,)), among, session.reading.resolved.left_out).target[0]


def selected(session: Session, found: Inventory, selector: Selector) -> Inventory:
    """The part of it that a selector means. Raises UsageError where it means nothing, RetinueError where nothing of
    what it means is there."""
    among = with_live(session.reading.declared, session.live, session.project.stack)
    meant = pick(Selection((selector,)), among, session.kinds)
    owned = {address: live for address, live in found.owned.items() if address in meant}
    if not owned:
        message = f"the account has nothing of this stack that '{selector}' means"
        raise RetinueError(message, hint="'retinue show' lists what it has")
    return replace(found, owned=owned, unreadable=())


def owned(session: Session, found: Inventory, address: Address) -> tuple[Live, ...]:
    """The live objects at an address. Raises UsageError for one that is left out here, RetinueError where there is
    nothing."""
    live = found.owned.get(address)
    if live is None:
        check_left_out((Selector.of(address),), session.reading.resolved.left_out)
        raise RetinueError(f"the account has no {address} of this stack", hint="'retinue show' lists what it has")
    return live


def to_document(found: Inventory, declared: Mapping[Address, Declared]) -> ShowDocument:
    """The same as JSON data, with who is applying the stack, and what of it is no longer declared."""
    rows: list[ShownObjectDocument] = []
    for address, several in found.owned.items():
        said = declared.get(address)
        for live in several:
            state = live.status or "live" if said else "no longer declared"
            rows.append({"address": str(address), "id": live.id, "name": live.title or None, "state": state})
            if said and said.labels:
                rows[-1]["labels"] = dict(said.labels)
    rows += [
        {"address": "?", "id": live.id, "state": "unreadable tag", "name": live.title} for live in found.unreadable
    ]
    marker = found.marker
    return {
        "format_version": VERSION,
        "objects": rows,
        "foreign": dict(found.foreign),
        "unowned": dict(found.unowned),
        "marker": {"id": marker.id, "objects": marker.owned, "as_left": found.as_left} if marker else None,
        "applying": found.holder.owner if found.holder else None,
    }


def outputs(session: Session) -> dict[Address, str]:
    """Address → live id of every object of the stack."""
    return {address: live[0].id for address, live in inventory(session).owned.items()}


def handed_out(session: Session, live: Live) -> Any:
    """What an application needs of a live object: its id, or the arguments of the call where it is rendered."""
    return session.providers[live.home].handed_out(live)


def full(session: Session, live: Live) -> dict[str, Any]:
    """A live object as the account returned it, unknown fields included, with its attached files; of what is rendered
    instead of stored, the entry of the lock file. None of the texts that nobody may see is in it, though the account
    may have shown it."""
    shown: dict[str, Any] = without(session.providers[live.home].document(live), session.reading.resolved.hidden)
    masked: dict[str, Any] = masked_data(shown)
    return masked
