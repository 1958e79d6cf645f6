"""What an account has: objects, the files attached to them, and the tag that says whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retinue.model.tag import Tag
from retinue.model.values import FileRef


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A file attached to a live object. `path` and `sha256` are ours, read from its attributes; None: not ours.

    `created_at` is in Unix seconds, `status` is the API's. One that is `recorded` in its store's own marks is on an
    account that keeps no attributes: nothing is known of them, and nothing of its chunking where that is empty. One
    that is `unmarked` lost our marks, and this machine remembers it. `given` is the digest of the attributes that the
    account was given, where it made those of them that are there. One that is `shared` may be attached to others, too,
    or nothing says that it is not. `usage` is what it takes up once indexed, in bytes, as the account bills it; None
    where that is not known. It says what is stored and nothing about what that is.
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
    recorded: bool = False
    unmarked: bool = False
    given: str | None = None
    shared: bool = False
    usage: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LiveVersions:
    """Which version of an object is the newest of ours, and which one is its default."""

    newest: str
    default: str


@dataclass(frozen=True, slots=True)
class Live:
    """One object as the account has it, read once when its answer came.

    `held` maps the fields of its kind to canonical values with live ids in them, `spec` the same with names for ids and
    without what is Retinue's own: planning gives it to the objects of the stack. `title` is what people call it,
    `status` the API's word for its state, `born` when it was made, in Unix seconds; a `spent` one was ended by the
    account and can only be replaced. `refers_to` maps the ids of other objects that it holds to their kinds, `recorded`
    the ids of the files that we made for it to what they were made from, by field.

    `tag_error` says why the tag could not be read, if there is one and it does not parse, `damaged_tag` is then
    what it says. `files` are the attached
    files, read only for objects of this stack; their chunking is canonical. Where they are `unread`, its tag and the
    account's own counts say that they are those declared, so many of ours; where they are `noted`, they are those that
    this machine knew after its last apply. `failed` are those that could not be indexed before, as far as this machine
    knows: by path, the digest and why. `missing` are ids of files that it carries and that the account no longer has.
    `home` is where it lives, when that is not the account. `within` is the id of the object in whose collection it
    stands, `usage` what all that it holds takes up, in bytes, where the account tells. `answer` is for the provider
    that read it, and for nobody else.
    """

    id: str
    kind: str
    held: Mapping[str, Any] = field(default_factory=dict)
    tag: Tag | None = None
    tag_error: str | None = None
    damaged_tag: str | None = None
    title: str | None = None
    status: str | None = None
    born: int = 0
    spent: bool = False
    refers_to: Mapping[str, str] = field(default_factory=dict)
    recorded: Mapping[str, Mapping[str, FileRef]] = field(default_factory=dict)
    versions: LiveVersions | None = None
    files: tuple[LiveFile, ...] = ()
    unread: int | None = None
    noted: bool = False
    failed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    home: str | None = None
    within: str | None = None
    usage: int | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def owned_files(self) -> int:
        """How many of its attached files are ours."""
        return sum(1 for each in self.files if each.path) if self.unread is None else self.unread

    @property
    def made_files(self) -> frozenset[str]:
        """The ids of the files that we made for it and that it carries by their ids."""
        return frozenset(file_id for records in self.recorded.values() for file_id in records)
