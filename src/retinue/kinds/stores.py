"""How a provider keeps one shape of object, as data: plain, nested, versioned, with files, rendered, or not at all.

What a store is asked before anything is sent, it answers here; the requests are in `providers/`, one module a shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from retinue.kinds.fields import Convert, Field
from retinue.model.canonical import same
from retinue.model.declared import Lifecycle, Problem
from retinue.model.live import Live
from retinue.model.paths import dig
from retinue.model.steps import Block, Step
from retinue.model.tag import Tag
from retinue.model.values import duration

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
class MarkerForm:
    """The body of a marker, without its metadata; `{stack}` stands for the stack's name. The lowest `rank` that the
    account serves is used."""

    rank: int
    body: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Store:
    """A kind whose declarations have no object of their own: they only appear inside others, as functions do.

    Every other store is one of the classes below.
    """

    stored: ClassVar[bool] = False
    """Whether there are objects that can be planned."""
    listed: ClassVar[bool] = False
    """Whether the account lists them by themselves."""
    rendered: ClassVar[bool] = False
    """Whether they live outside of the account, written as a whole, and by nobody else."""
    unfinished: ClassVar[str] = "an earlier apply did not finish"
    reason: ClassVar[str | None] = None
    """What a plan says of every creation."""
    billed: ClassVar[str | None] = None
    """The field with what accounts bill by size and day."""
    numbers: ClassVar[bool] = False
    """Whether declarations may name a version by its number, which has to exist."""
    fixed_field: ClassVar[str | None] = None
    """The field that says where the object stands, rather than what it is."""

    def collection(self, within: str | None) -> str:  # noqa: ARG002
        """The path of the collection of its objects; empty where there is none."""
        return ""

    @property
    def marks(self) -> Marks:
        """Where the ownership tag stands."""
        return METADATA

    @property
    def room(self) -> int | None:
        """How many pairs fit where the tag stands, everybody's counted; None where that is nobody's concern."""
        return None

    def as_sent(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What an application would send of a body, with live ids in it."""
        return dict(body)

    def check_lifecycle(self, lifecycle: Lifecycle, title: str) -> Iterator[Problem]:  # noqa: ARG002
        """What a declaration may not say of the life of an object that is kept like this."""
        yield from ()

    def may_ignore(self) -> bool:
        """Whether single fields can be left to others."""
        return True

    def settle(self, spec: Mapping[str, Any], live: Live) -> Mapping[str, Any]:  # noqa: ARG002
        """What a declaration means, given what is there."""
        return spec

    def unset_names(self, fields: Iterable[Field], tag: Tag) -> set[str]:  # noqa: ARG002
        """The fields that go back to their defaults where they are declared no more."""
        return set(tag.fields)

    def retag_after(self, declared: Mapping[str, Any], heeded: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """What is written with a tag that is brought up to date, and with nothing else."""
        return {self.marks.field: heeded.get(self.marks.field, {})}

    def numbered(self, step: Step, live: Live | None) -> str | None:  # noqa: ARG002
        """The version by number that a step is to make the default one, where it has to exist."""
        return None

    def unknown_version(self, step: Step, there: Iterable[str]) -> Block | None:  # noqa: ARG002
        """Why a step is blocked that wants a version which is not `there`."""
        return None


@dataclass(frozen=True, slots=True)
class Plain(Store):
    """Objects in a collection of their own.

    `path` is below the account's base URL. `beta` is the value of the OpenAI-Beta header; `page` the greatest page
    size. `spent` is a field and the value it has once an object has ended on its own and can only be replaced.
    `theirs` is a place in an object and the value it has there when nobody may own it: such a one is as good as absent.
    `marker` is how an empty object of the kind, which costs nothing, can be the marker of a stack. `elsewhere` says
    what to do on an account that does not serve the collection.
    """

    path: str
    beta: str | None = None
    tagged: Marks = METADATA
    page: ClassVar[int] = 100
    spent: tuple[str, str] | None = None
    theirs: tuple[tuple[str, ...], str] | None = None
    elsewhere: str | None = None
    marker: MarkerForm | None = None

    stored: ClassVar[bool] = True
    listed: ClassVar[bool] = True

    @property
    def marks(self) -> Marks:
        return self.tagged

    @property
    def room(self) -> int | None:
        return self.tagged.room

    def collection(self, within: str | None) -> str:  # noqa: ARG002 - for what is nested
        """The path of the collection, below the object with the id `within` where there is one."""
        return self.path

    def marks_of(self, raw: Mapping[str, Any]) -> Mapping[str, str]:
        """What Retinue, and where the place is shared others, noted on an object as the API returned it."""
        return self.marks.read(raw.get(self.marks.field))

    def may_be_owned(self, raw: Mapping[str, Any]) -> bool:
        """Whether an object as the API returned it is one that anybody may own."""
        return self.theirs is None or dig(raw, self.theirs[0]) != self.theirs[1]

    def is_spent(self, raw: Mapping[str, Any]) -> bool:
        """Whether the account ended the object's life on its own."""
        return self.spent is not None and raw.get(self.spent[0]) == self.spent[1]

    def within_of(self, raw: Mapping[str, Any]) -> str | None:  # noqa: ARG002 - for what is nested
        """The id of the object that a live object stands within."""
        return None


@dataclass(frozen=True, slots=True)
class Nested(Plain):
    """Objects in a collection below each object of the kind `parent`, whose id is their field `field`; `{within}` in
    the path is that id."""

    parent: str = ""
    field: str = ""

    listed: ClassVar[bool] = False

    @property
    def fixed_field(self) -> str:  # type: ignore[override]
        return self.field

    def collection(self, within: str | None) -> str:
        return self.path.format(within=within)

    def within_of(self, raw: Mapping[str, Any]) -> str | None:
        return str(raw[self.field])


@dataclass(frozen=True, slots=True)
class WithFiles(Plain):
    """Objects with files attached through a collection below them, each with attributes that say which file it is.

    `files` is the field that lists them; `files_path` and `batch_path` have the object's id for `{id}`; `batch` is the
    greatest number attached by one request; `canonical_chunking` / `wire_chunking` the API's chunking ⇄ the two numbers
    we compare; `wait` the field that says how long files are waited for.
    """

    files: ClassVar[str] = "files"
    wait: ClassVar[str] = "wait_timeout"
    billed: ClassVar[str] = files
    files_path: str = ""
    batch_path: str = ""
    purpose: str = "assistants"
    batch: int = 100
    canonical_chunking: Convert = dict
    wire_chunking: Convert = dict

    def patience(self, spec: Mapping[str, Any]) -> float | None:
        """How many seconds an object's files are waited for, where its declaration says so."""
        return duration(spec[self.wait]) if self.wait in spec else None


@dataclass(frozen=True, slots=True)
class WithActions(Plain):
    """Objects some of whose fields (ActionField) are brought about by endpoints of their own, after the write."""


@dataclass(frozen=True, slots=True)
class Versioned(Plain):
    """Objects whose content is a set of files, kept in immutable versions below them, one of which is the default.

    `files` is the field with the files of the newest version that is ours, path → content; `default` the field that
    names another version as the default one, None for the newest; `keep` the one that says how many versions stay.
    """

    files: ClassVar[str] = "files"
    default: ClassVar[str] = "version"
    keep: ClassVar[str] = "keep_versions"

    numbers: ClassVar[bool] = True

    def may_ignore(self) -> bool:
        return False

    def check_lifecycle(self, lifecycle: Lifecycle, title: str) -> Iterator[Problem]:
        for index in range(len(lifecycle.ignore)):
            yield Problem(
                "misplaced-field",
                ("lifecycle", "ignore", index),
                f"nothing of a {title} can be ignored: its versions are made and chosen as a whole",
                "take the line out",
            )

    def settle(self, spec: Mapping[str, Any], live: Live) -> Mapping[str, Any]:
        """The newest version by its number is the newest one, as long as no newer one is to come."""
        newest = live.versions.newest if live.versions else None
        if newest is None or spec.get(self.default) != newest:
            return spec
        return {**spec, self.default: None} if same(spec[self.files], live.held[self.files]) else spec

    def retag_after(self, declared: Mapping[str, Any], heeded: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """A tag stands in a version of its own, beside the files; which version is the default one must not change."""
        return {name: heeded[name] for name in (self.files, self.default) if name in heeded}

    def numbered(self, step: Step, live: Live | None) -> str | None:
        wanted: str | None = (step.after or {}).get(self.default)
        return None if live and live.versions and wanted == live.versions.default else wanted

    def unknown_version(self, step: Step, there: Iterable[str]) -> Block | None:
        """It has to be `there`, or the next one, which a change of the files makes."""
        wanted, known = (step.after or {}).get(self.default), sorted(there, key=int)
        made = step.action == "create" or any(change.field == self.files for change in step.changes)
        following = int(known[-1]) + 1 if known else 1
        if wanted in known or (made and wanted == str(following)):
            return None
        listed = ", ".join(known) or f"none yet, and the first is {following}"
        message = f"{step.place} wants version {wanted}, which the account does not have: there are {listed}"
        return Block("unknown-version", message, step.address)


EDITED = "edited"
"""The field of what is rendered that names the arguments somebody edited beyond what fields can say."""


@dataclass(frozen=True, slots=True)
class Rendered(Store):
    """A home outside of the account: what applications send themselves, rendered into the lock file.

    `render` turns the body that the account would get, with live ids, into the arguments of a call; `read` is its
    inverse, and keeps what it does not know. `title` names the API of the call, `home` the home in declarations; `kept`
    are parts of the body that are no arguments and stand beside them.
    """

    render: Callable[[Mapping[str, Any]], dict[str, Any]]
    read: Callable[[Mapping[str, Any]], dict[str, Any]]
    title: str
    home: str
    kept: ClassVar[tuple[str, ...]] = ("name", "description")

    def as_sent(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.render(body)

    stored: ClassVar[bool] = True
    rendered: ClassVar[bool] = True
    unfinished: ClassVar[str] = "it was rendered by another version"

    @property
    def reason(self) -> str:  # type: ignore[override]
        return f"rendered for {self.title}"

    def may_ignore(self) -> bool:
        return False

    def check_lifecycle(self, lifecycle: Lifecycle, title: str) -> Iterator[Problem]:  # noqa: ARG002
        if lifecycle.on_delete != "delete":
            yield Problem(
                "misplaced-field",
                ("lifecycle", "on_delete"),
                f"nothing can be left or retired with 'api: {self.home}'",
                "what is rendered ends with its declaration: take the line out",
            )
        for index in range(len(lifecycle.ignore)):
            # Its place in the lock file is written whole, and by nobody else.
            yield Problem(
                "misplaced-field",
                ("lifecycle", "ignore", index),
                f"nothing can be ignored with 'api: {self.home}'",
                "what is rendered follows its declaration: remove the field that is to be free instead",
            )

    def unset_names(self, fields: Iterable[Field], tag: Tag) -> set[str]:  # noqa: ARG002
        """What is rendered is ours as a whole, so a field that nobody declared was put there by hand."""
        return {each.name for each in fields if not each.by_key}

    def retag_after(self, declared: Mapping[str, Any], heeded: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """It is written as a whole, its tag included."""
        return declared
