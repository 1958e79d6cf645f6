"""Where live objects of a kind stand and what is kept with them, marks, files, versions: vocabulary of kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from retinue.kinds.paths import dig


def same(value: Any) -> Any:
    """A value whose two forms are one."""
    return value


@dataclass(frozen=True, slots=True)
class Uploads:
    """Files that an object carries by id. Which file each id is stands in further marks of the object.

    `placed`: the API's value says where each file is to lie; otherwise it is a plain list of ids.
    """

    purpose: str
    record: str = "retinue.files"
    placed: bool = False


@dataclass(frozen=True, slots=True)
class Attachments:
    """Files attached to an object through a collection below it, each with attributes that say which file it is.

    `field` is the specification's field that lists them; `batch` the greatest number attached by one request;
    `canonical_chunking` / `wire_chunking` the API's chunking ⇄ the two numbers we compare.
    """

    field: str
    path: str
    batch_path: str
    purpose: str
    batch: int
    canonical_chunking: Callable[[Any], dict[str, Any]] = same
    wire_chunking: Callable[[Mapping[str, Any]], dict[str, Any]] = same


READ_ONLY = frozenset(("id", "object", "created_at", "updated_at"))
"""What every object has and nobody sets."""


def _pairs(value: Any) -> dict[str, str]:
    return dict(value or {})


def _with_pairs(value: Any, pairs: Mapping[str, str]) -> dict[str, Any]:
    return {**(value or {}), **pairs}


def _nothing(value: Any) -> Iterable[str]:  # noqa: ARG001 - the signature of every `lost`
    return ()


@dataclass(frozen=True, slots=True)
class Marks:
    """Where an object carries what Retinue notes on it: its ownership tag, and the records of its files.

    `field` is the part of the API's body; `read` takes the pairs of texts out of its value, those of others included
    where they share the place; `write` gives the value with the pairs in it. Without more, that is the metadata.
    `room` is how many pairs fit, everybody's counted; None where the place is nobody else's. `lost` names what else is
    in the value and would be lost if it was written as it was read.
    """

    field: str = "metadata"
    read: Callable[[Any], Mapping[str, str]] = _pairs
    write: Callable[[Any, Mapping[str, str]], Any] = _with_pairs
    room: int | None = 16
    lost: Callable[[Any], Iterable[str]] = _nothing

    @property
    def shared(self) -> bool:
        """Whether others put pairs of theirs beside ours."""
        return self.room is not None


METADATA = Marks()
"""SPEC Metadata: at most 16 pairs."""


@dataclass(frozen=True, slots=True)
class Within:
    """The objects stand in a collection below each object of `kind`, whose id is their `field`."""

    kind: str
    field: str


@dataclass(frozen=True, slots=True)
class MarkerForm:
    """The body of a marker, without its metadata; `{stack}` stands for the stack's name. The lowest `rank` that the
    account serves is used."""

    rank: int
    body: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Api:
    """Where live objects of a kind stand, and how their collection is read.

    `path` is below the account's base URL; where objects stand `within` others, `{within}` in it is the other's id.
    `marks` says where the ownership tag stands. `beta` is the value of the OpenAI-Beta header; `page` the greatest
    page size. `spent` is a field and the value it has once an object has ended on its own and can only be replaced.
    `theirs` is a place in an object and the value it has there when nobody may own it: such a one is as good as absent.
    `marker` is how an empty object of the kind, which costs nothing, can be the marker of a stack. `elsewhere` says
    what to do on an account that does not serve the collection.
    """

    path: str
    beta: str | None = None
    marks: Marks = METADATA
    within: Within | None = None
    page: int = 100
    spent: tuple[str, str] | None = None
    theirs: tuple[tuple[str, ...], str] | None = None
    elsewhere: str | None = None
    marker: MarkerForm | None = None

    def collection(self, within: str | None) -> str:
        """The path of the collection, below the object with the id `within` where there is one."""
        return self.path.format(within=within) if self.within else self.path

    def marks_of(self, raw: Mapping[str, Any]) -> Mapping[str, str]:
        """What Retinue, and where the place is shared others, noted on an object as the API returned it."""
        return self.marks.read(raw.get(self.marks.field))

    def may_be_owned(self, raw: Mapping[str, Any]) -> bool:
        """Whether an object as the API returned it is one that anybody may own."""
        return self.theirs is None or dig(raw, self.theirs[0]) != self.theirs[1]

    def within_of(self, raw: Mapping[str, Any]) -> str | None:
        """The id of the object that a live object stands within."""
        return str(raw[self.within.field]) if self.within else None


@dataclass(frozen=True, slots=True)
class Versions:
    """The object's content is a set of files, kept in immutable versions below it, one of which is the default.

    `files` is the field with the files of the newest version that is ours, path → content (core.contents); `default`
    the field that names another version as the default one, None for the newest; `keep` the one that says how many
    versions stay.
    """

    files: str
    default: str
    keep: str


EDITED = "edited"
"""The field of what is rendered that names the arguments somebody edited beyond what fields can say."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A home outside of the account: what applications send themselves, rendered into the lock file.

    `render` turns the body that the account would get, with live ids, into the arguments of a call; `read` is its
    inverse, and keeps what it does not know. `title` names the API of the call; `kept` are parts of the body that are
    no arguments and stand beside them.
    """

    render: Callable[[Mapping[str, Any]], dict[str, Any]]
    read: Callable[[Mapping[str, Any]], dict[str, Any]]
    title: str
    kept: tuple[str, ...] = ("name", "description")
