"""The values everything passes around. They hold data; they decide nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Path = tuple[str | int, ...]
"""Where a value stands inside a specification: keys and list indexes from the top."""

Severity = Literal["error", "warning"]

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a declared file. `file` is relative to the project; line and column count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Places(Protocol):
    """Turns a path inside one declaration into a position; the nearest parent answers for a path that is absent."""

    def at(self, path: Path, *, key: bool = False) -> Position: ...


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The name of an object in the declarations, `kind.name`; it stays the same whatever id the account gives."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `kind.name`. Raises ValueError when the text is not of that form."""
        kind, dot, name = text.partition(".")
        if not (kind and dot and name):
            raise ValueError(f"'{text}' is not an address of the form kind.name")
        return cls(kind, name)


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Stands where the API wants the id of another declared object."""

    address: Address

    def __str__(self) -> str:
        return str(self.address)


@dataclass(frozen=True, slots=True, order=True)
class FileRef:
    """Stands where the API wants a file id: the content of a file of the project.

    `path` is relative to the project with forward slashes, `sha256` is in hex, `size` is in bytes.
    """

    path: str
    sha256: str
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, order=True)
class Gone:
    """A live id that points at nothing: the account no longer has the object."""

    id: str


class Secret(str):
    """A text with a secret in it, filled in from the environment. It is text to the checks of its form, and shown to
    nobody: only fields that the API never returns may hold one (core.resolve)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class Unseen:
    """Stands in what is written back for a live object where something is needed that the API never shows."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The value of a hidden field: carried to the account and shown nowhere.

    `key` goes into the digest that tells whether it changed, so that who reads the digest cannot try values out.
    """

    value: Any = field(default=None, repr=False, compare=False)
    key: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing to tell the person who wrote the files: what, where, and what to do about it.

    `excerpt` is the line of the file at `position`, without its line end. `related` are further places of the same
    problem, each with a few words. `details` say for programs what the message says for people, as JSON data.
    """

    severity: Severity
    code: str
    message: str
    position: Position | None = None
    hint: str | None = None
    excerpt: str | None = None
    related: tuple[tuple[str, Position], ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake found by pure code inside one declaration: it knows the path, its caller knows the file."""

    code: str
    path: Path
    message: str
    hint: str | None = None
    severity: Severity = "error"
    key: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """One entry of a section as its author wrote it: variables filled in, included files read, nothing resolved.

    `spec` is plain JSON data in the form of the kind's schema. A `broken` one has mistakes that are reported already:
    its name and what it refers to count, its content may have any shape.
    """

    kind: str
    name: str
    spec: Mapping[str, Any]
    places: Places
    broken: bool = False

    @property
    def address(self) -> Address:
        return Address(self.kind, self.name)


OnDelete = Literal["delete", "retire", "keep"]


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What an author says about the life of an object, rather than about the object.

    `ignore` names what is written on creation only and never looked at again: fields, or `field.key` of a field that is
    owned key by key. `on_delete` is what happens to an object that is declared no more or replaced: it is deleted, let
    expire (`retire`), or left without an owner (`keep`).
    """

    protect: bool = False
    on_delete: OnDelete = "delete"
    ignore: tuple[str, ...] = ()

    def ignores(self, name: str, key: str | None = None) -> bool:
        """Whether a field, or one key of it, is none of our business once the object exists."""
        return name in self.ignore or (key is not None and f"{name}.{key}" in self.ignore)

    def heeded(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a specification that is compared and written when the object exists."""
        rest = {name: value for name, value in spec.items() if not self.ignores(name)}
        for each in self.ignore:
            name, dot, key = each.partition(".")
            if dot and name in rest:
                rest[name] = {one: value for one, value in rest[name].items() if one != key}
        return rest


@dataclass(frozen=True, slots=True)
class Declared:
    """One object as the declarations want it. `spec` maps field names of the kind to canonical values.

    `home` is where it is to live, when that is another of the homes of its kind than the first.
    """

    address: Address
    spec: Mapping[str, Any]
    places: Places
    origins: Mapping[Path, Path] = field(default_factory=dict)
    lifecycle: Lifecycle = Lifecycle()
    home: str | None = None

    def position(self, path: Path = ()) -> Position:
        """Where the canonical `path` was written; the nearest enclosing part, or the entry itself, stands in."""
        for cut in range(len(path), 0, -1):
            origin = self.origins.get(path[:cut])
            if origin is not None:
                return self.places.at((*origin, *path[cut:]))
        return self.places.at(path, key=not path)


Verb = Literal["adopt", "moved", "release", "takeover"]
"""What an author says about whose an object is, by the section it stands in."""


@dataclass(frozen=True, slots=True)
class Handover:
    """One entry of `adopt:`, `moved:`, `release:` or `takeover:`: an object gets another owner or another name.

    `address` is the one that the object is to have; of a release, the one it has had. `origin` is the address it is
    moved from, `id` the live object to adopt, `stack` the one it is taken from.
    """

    verb: Verb
    address: Address
    position: Position
    origin: Address | None = None
    id: str | None = None
    stack: str | None = None


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
