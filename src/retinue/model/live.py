"""What an account has: objects, the files attached to them, and the tag that says whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retinue.model.values import Address


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A file attached to a live object. `path` and `sha256` are ours, read from its attributes; None: not ours.

    `created_at` is in Unix seconds, `status` is the API's.
    """

    id: str
    path: str | None
    sha256: str | None
    status: str
    created_at: int
    size: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)
    chunking: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """The ownership mark in a live object's metadata: whose it is, and digests of what was applied last.

    `fields` maps a field's name to the digest of its value; `keys` maps the digest of a key to the digest of its value,
    for fields that are owned key by key.
    """

    stack: str
    address: Address
    fields: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Live:
    """One object as the account has it. `raw` is the API's own answer, unknown fields included.

    `tag_error` says why the tag could not be read, if there is one and it does not parse. `files` are the attached
    files, read only for objects of this stack; their chunking is canonical. `missing` are ids of files that it carries
    and that the account no longer has. `home` is where it lives, when that is not the account. `within` is the id of
    the object in whose collection it stands.
    """

    id: str
    kind: str
    raw: Mapping[str, Any]
    tag: Tag | None = None
    tag_error: str | None = None
    files: tuple[LiveFile, ...] = ()
    missing: frozenset[str] = frozenset()
    home: str | None = None
    within: str | None = None
