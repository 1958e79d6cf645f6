"""The marker of a stack: one small object that remembers in which account the stack lives, how much it owned, and who
is applying it. Written, parsed, and what it tells.

retinue.marker     1;s=<stack>
retinue.account    <organization>/<project>, as far as the account says
retinue.inventory  <number of objects> <digest of their ids, or -> <number of the apply>
retinue.lease      <nonce> <end, Unix seconds> <owner>; empty when nobody applies

The nonce ends with when the apply began: `<random>-<Unix seconds>`. Versions up to 0.1.0 wrote the random part alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from retinue.model.canonical import digest
from retinue.model.steps import AccountInfo, Block

MARKER_KEY = "retinue.marker"
ACCOUNT_KEY = "retinue.account"
INVENTORY_KEY = "retinue.inventory"
LEASE_KEY = "retinue.lease"
VERSION = "1"
LONGEST_OWNER = 300
UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who is applying the stack. `ends` is in Unix seconds by the account's clock; `nonce` tells two runs apart."""

    nonce: str
    ends: float
    owner: str

    @property
    def began(self) -> float | None:
        """When the apply began, in Unix seconds by the account's clock; None where an older version does not tell."""
        _, _, began = self.nonce.partition("-")
        return float(began) if began.isdecimal() else None


def new_nonce(random: str, now: float) -> str:
    return f"{random}-{int(now)}"


@dataclass(frozen=True, slots=True)
class Marker:
    """What a marker remembers. `revision` counts the applies; `others` are metadata pairs that a server added."""

    stack: str
    id: str = ""
    kind: str = ""
    born: float = 0.0
    organization: str | None = None
    project: str | None = None
    owned: int = 0
    inventory: str = UNKNOWN
    revision: int = 0
    lease: Lease | None = None
    others: Mapping[str, str] = field(default_factory=dict)

    def held_at(self, now: float) -> Lease | None:
        """The lease that holds at a time by the account's clock."""
        return self.lease if self.lease and self.lease.ends > now else None


class MarkerError(ValueError):
    """A marker is there but is not one that this version can read."""


def is_marker(metadata: Mapping[str, Any]) -> bool:
    """Whether an object with this metadata is the marker of some stack rather than anybody's object."""
    return MARKER_KEY in metadata


def write_marker(marker: Marker) -> dict[str, str]:
    """The whole metadata of the marker."""
    lease = marker.lease
    return {
        **marker.others,
        MARKER_KEY: f"{VERSION};s={marker.stack}",
        ACCOUNT_KEY: f"{marker.organization or ''}/{marker.project or ''}",
        INVENTORY_KEY: f"{marker.owned} {marker.inventory} {marker.revision}",
        LEASE_KEY: f"{lease.nonce} {int(lease.ends)} {lease.owner[:LONGEST_OWNER]}" if lease else "",
    }


def marked_stack(metadata: Mapping[str, Any]) -> str | None:
    """The stack that a marker is about, whichever version wrote it."""
    parts = str(metadata.get(MARKER_KEY, "")).split(";")
    return next((part[2:] for part in parts if part.startswith("s=")), None)


def was_cut_off(metadata: Mapping[str, Any], stack: str, now: float) -> bool:
    """Whether a marker tells that the last apply of the stack was cut off: its lease ended without being given back."""
    with suppress(ValueError):
        lease = _read_lease(str(metadata.get(LEASE_KEY) or ""))
        return lease is not None and lease.ends <= now and marked_stack(metadata) == stack
    return False


def read_marker(raw: Mapping[str, Any], metadata: Mapping[str, Any], kind: str) -> Marker:
    """Parse a marker. Raises MarkerError for one that another version wrote, or nobody."""
    version, _, _ = str(metadata[MARKER_KEY]).partition(";")
    stack = marked_stack(metadata)
    if version != VERSION or not stack:
        raise MarkerError(f"its format is '{version[:20]}', and this version of retinue reads format {VERSION}")
    organization, _, project = str(metadata.get(ACCOUNT_KEY, "/")).partition("/")
    try:
        owned, inventory, revision = str(metadata.get(INVENTORY_KEY, f"0 {UNKNOWN} 0")).split(" ")
        marker = Marker(
            stack,
            id=str(raw["id"]),
            kind=kind,
            born=float(raw["created_at"]) if isinstance(raw.get("created_at"), int | float) else 0.0,
            organization=organization or None,
            project=project or None,
            owned=int(owned),
            inventory=inventory,
            revision=int(revision),
            lease=_read_lease(str(metadata.get(LEASE_KEY) or "")),
            others={key: value for key, value in metadata.items() if key not in _OURS},
        )
    except ValueError as error:
        raise MarkerError("what it remembers is damaged") from error
    return marker


_OURS = {MARKER_KEY, ACCOUNT_KEY, INVENTORY_KEY, LEASE_KEY}


def _read_lease(text: str) -> Lease | None:
    if not text:
        return None
    nonce, ends, *owner = text.split(" ", 2)
    return Lease(nonce, float(ends), owner[0] if owner else "")


def first_of(markers: Iterable[Marker]) -> list[Marker]:
    """Several markers of one stack, the one that counts first: everybody has to settle on the same one."""
    return sorted(markers, key=lambda each: (each.born, each.id))


def inventory_of(ids: Collection[str]) -> str:
    return digest(sorted(ids))


# ── what it tells ─────────────────────────────────────────────────────────────────────────────────────────────────────

MISSING_OVERRIDE = "--allow-missing"
_FAR_FEWER = 4


def missing_block(known: int, found: int, *, where: str, why: str) -> Block | None:
    """An account where (nearly) everything is gone is rather the wrong one, or not wholly read. One object that is gone
    was deleted by somebody, and comes back. `where` says who knows of the objects, `why` what may be behind it."""
    gone = known >= 2 and found == 0
    fewer = known >= _FAR_FEWER and found * 2 < known
    if not gone and not fewer:
        return None
    left = "none of them" if found == 0 else f"only {found} of them"
    return Block(
        "missing", f"{where} {known} objects of the stack, and {left} can be found: {why}", override=MISSING_OVERRIDE
    )


def account_block(before: AccountInfo, now: AccountInfo, *, where: str) -> Block | None:
    """The stack lived in another organization or project before, as far as both are known."""
    told = different(before.organization, before.project, now)
    if told is None:
        return None
    word, old, new = told
    return Block(
        "another-account",
        f"{where} the stack in {word} '{old}', and the account answers for '{new}'",
        override=MISSING_OVERRIDE,
    )


def different(organization: str | None, project: str | None, now: AccountInfo) -> tuple[str, str, str] | None:
    """Which of the two differs, its expected and its actual value; None as far as nothing is known to differ.

    Accounts name an organization by its id or by a short name: two names of different forms say nothing.
    """
    if project and now.project and project != now.project:
        return "project", project, now.project
    comparable = organization and now.organization and organization[:4] == now.organization[:4] == "org-"
    if comparable and organization and now.organization and organization != now.organization:
        return "organization", organization, now.organization
    return None
