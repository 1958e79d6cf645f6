"""Looking at what the stack has in its account."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from retinue import engine
from retinue.model.live import Live
from retinue.model.values import Address, FileRef
from retinue.planning.marker import UNKNOWN, Lease, Marker, inventory_of
from retinue.planning.matching import name_live
from retinue.planning.redaction import without
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
    marker, holder = session.marking.seen, session.marking.holder()
    told = marker is not None and marker.inventory != UNKNOWN
    as_left = marker.inventory == inventory_of(session.owned_ids()) if marker and told else None
    return Inventory(owned, made.foreign, made.unowned, tuple(named.unreadable), marker, holder, as_left)


def to_document(found: Inventory, declared: Collection[Address]) -> dict[str, Any]:
    """The same as JSON data, with who is applying the stack, and what of it is no longer declared."""
    rows: list[dict[str, str | None]] = []
    for address, several in found.owned.items():
        for live in several:
            state = str(live.raw.get("status") or "live") if address in declared else "no longer declared"
            name = live.raw.get("name")
            rows.append({"address": str(address), "id": live.id, "name": str(name) if name else None, "state": state})
    rows += [
        {"address": "?", "id": live.id, "state": "unreadable tag", "name": live.raw.get("name")}
        for live in found.unreadable
    ]
    marker = found.marker
    return {
        "objects": rows,
        "foreign": dict(found.foreign),
        "unowned": dict(found.unowned),
        "marker": {"id": marker.id, "objects": marker.owned, "as_left": found.as_left} if marker else None,
        "applying": found.holder.owner if found.holder else None,
    }


def outputs(session: Session) -> dict[Address, str]:
    """Address → live id of every object of the stack."""
    return {address: live[0].id for address, live in inventory(session).owned.items()}


def handed_out(live: Live) -> Any:
    """What an application needs of a live object: its id, or the arguments of the call where it is rendered."""
    return live.id if live.home is None else live.raw["entry"]["arguments"]


def full(live: Live, hidden: Collection[str] = ()) -> dict[str, Any]:
    """A live object as the account returned it, unknown fields included, with its attached files.

    Of what is rendered instead of stored, the entry of the lock file. None of the `hidden` texts is in it, though the
    account may have shown it.
    """
    shown: dict[str, Any] = without(_full(live), hidden)
    return shown


def _full(live: Live) -> dict[str, Any]:
    if live.home is not None:
        return {"id": live.id, **live.raw["entry"]}
    files = [
        {
            "id": each.id,
            "path": each.path,
            "status": each.status,
            "attributes": dict(each.attributes),
            "error": each.error,
        }
        for each in live.files
    ]
    return {**{name: _plain(value) for name, value in live.raw.items()}, **({"files": files} if files else {})}


def _plain(value: Any) -> Any:
    """A value as data. Of a file that is no text, its digest and size stand for its content."""
    if isinstance(value, FileRef):
        return {"sha256": value.sha256, "size": value.size}
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value
