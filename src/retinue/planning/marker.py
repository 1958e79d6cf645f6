"""The marker of a stack: one small object that remembers in which account the stack lives, how much it owned, and who
is applying it. Written, parsed, and what it tells.

retinue.marker     1;s=<stack>
retinue.account    <organization>/<project>, as far as the account says
retinue.inventory  <number of objects> <digest of their ids, or -> <number of the apply>
retinue.lease      <nonce> <end, Unix seconds> <owner>; empty when nobody applies
retinue.going      <file id> <file id> …, and so in retinue.going.1 and on: what whoever applies is about to delete

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
GOING_KEY = "retinue.going"
GOING_KEYS = 8
"""How many keys may hold ids of files: four are taken, and a server may add some to the sixteen that there are."""
VERSION = "1"
LONGEST_OWNER, LONGEST_VALUE = 300, 512
UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who is applying the stack. `ends` is in Unix seconds by the account's clock; `nonce` tells two runs apart;
    `going` are the files that are about to be deleted, as many as there is room for: once nothing holds them, nothing
    else in the account would tell whose they are."""

    nonce: str
    ends: float
    owner: str
    going: tuple[str, ...] = ()

    @property
    def began(self) -> float | None:
        """When the apply began, in Unix seconds by the account's clock; None where an older version does not tell."""
        _, _, began = self.nonce.partition("-")
        return float(began) if began.isdecimal() else None


def new_nonce(random: str, now: float) -> str:
    return f"{random}-{int(now)}"


@dataclass(frozen=True, slots=True)
class Marker:
    """What a marker remembers. `revision` counts the applies; `others` are metadata pairs that a server added. `keys`
    is how many there are for what is going: an account may keep those that are left out, so that they are emptied."""

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
    keys: int = 0

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
        **dict.fromkeys(_going_keys(marker.keys), ""),
        **_write_going(lease.going if lease else ()),
    }


def _going_keys(number: int) -> list[str]:
    return [f"{GOING_KEY}.{each}" if each else GOING_KEY for each in range(number)]


def _write_going(ids: Iterable[str]) -> dict[str, str]:
    """The pairs that hold the ids, the first of them as far as there is room."""
    texts: list[str] = []
    for each in ids:
        if texts and len(texts[-1]) + len(each) < LONGEST_VALUE:
            texts[-1] += f" {each}"
        elif len(texts) < GOING_KEYS:
            texts.append(each)
    return dict(zip(_going_keys(GOING_KEYS), texts, strict=False))


def _read_going(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(each for key in _going_keys(GOING_KEYS) for each in str(metadata.get(key) or "").split())


def marked_stack(metadata: Mapping[str, Any]) -> str | None:
    """The stack that a marker is about, whichever version wrote it."""
    parts = str(metadata.get(MARKER_KEY, "")).split(";")
    return next((part[2:] for part in parts if part.startswith("s=")), None)


def cut_off_lease(metadata: Mapping[str, Any], stack: str, now: float) -> Lease | None:
    """The lease of the last apply of the stack, where a marker tells that it was cut off: it ended without being given
    back."""
    with suppress(ValueError):
        lease = _read_lease(metadata)
        return lease if lease is not None and lease.ends <= now and marked_stack(metadata) == stack else None
    return None


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
            lease=_read_lease(metadata),
            others={key: value for key, value in metadata.items() if key not in _OURS},
            keys=sum(1 for key in _going_keys(GOING_KEYS) if metadata.get(key)),
        )
    except ValueError as error:
        raise MarkerError("what it remembers is damaged") from error
    return marker


_OURS = {MARKER_KEY, ACCOUNT_KEY, INVENTORY_KEY, LEASE_KEY, *_going_keys(GOING_KEYS)}


def _read_lease(metadata: Mapping[str, Any]) -> Lease | None:
    text = str(metadata.get(LEASE_KEY) or "")
    if not text:
        return None
    nonce, ends, *owner = text.split(" ", 2)
    return Lease(nonce, float(ends), owner[0] if owner else "", _read_going(metadata))


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
