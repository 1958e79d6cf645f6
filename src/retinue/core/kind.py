"""The vocabulary a kind module is written in. The engine reads these values and never asks for a kind by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from retinue.core.model import Path, Problem

Schema = Mapping[str, Any]
Pattern = tuple[str, ...]
"""A path in a declaration where `*` stands for any one key or index."""


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind: its name in specifications, diffs and tags, and how the API treats it.

    - `path`: where it stands in the API's body (default: under its own name).
    - `default`: the API's value when it is omitted, in canonical form; unsetting the field writes it.
    - `mutable`: False for a field the API takes on creation only: changing it means replacing the object.
    - `per_key`: a map that is owned key by key; keys nobody declared are preserved. `key_defaults` are the values of
      keys that are reset; a key without one is taken out of the map.
    - `limit`: the greatest number of characters of a text.
    - `canonical` / `wire`: the API's value ⇄ the value we compare. Canonical values have no server defaults in them,
      and lists whose items have an identity are maps.
    - `uploads`: the value is a list of file ids in the API; canonically a map of path → FileRef.
    - `refs`: the kind whose ids the value holds, everywhere in it or, with `ref_at`, at that path only.
    - `hidden`: the API takes it and never shows it, so that only digests of what was applied tell whether it differs;
      nothing of it is ever printed.
    - `rest`: what the body holds beyond the other fields, by name: what a later version of the API may have added. Only
      declared keys are compared and written.
    - `extendable`: a list in the API, canonically a map; `extra` may add items of types that this version does not
      know.
    - `policy`: for Retinue itself, such as how much to keep; neither compared nor sent.
    - `model`: the value is the id of a model, which the account may not have or may shut down.
    - `actions`: the value is not written but brought about: value → the path below the object that is posted to.
    - `carry_over`: (what will be written, what is live), both in the API's form → what to write so that parts of the
      live value that this version does not know survive.
    """

    name: str
    path: Pattern = ()
    default: Any = None
    mutable: bool = True
    per_key: bool = False
    key_defaults: Mapping[str, Any] = field(default_factory=dict)
    limit: int | None = None
    canonical: Callable[[Any], Any] = _same
    wire: Callable[[Any], Any] = _same
    uploads: Uploads | None = None
    refs: str | None = None
    ref_at: Pattern = ()
    hidden: bool = False
    policy: bool = False
    rest: bool = False
    extendable: bool = False
    model: bool = False
    actions: Mapping[Any, str] = field(default_factory=dict)
    carry_over: Callable[[Any, Any], Any] | None = None

    @property
    def comparable(self) -> bool:
        """Whether the whole value can be compared with the account's."""
        return not (self.per_key or self.hidden or self.policy)

    @property
    def body_path(self) -> Pattern:
        return self.path or (self.name,)


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
    canonical_chunking: Callable[[Any], dict[str, Any]] = _same
    wire_chunking: Callable[[Mapping[str, Any]], dict[str, Any]] = _same


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
    `marker` is how an empty object of the kind, which costs nothing, can be the marker of a stack. `elsewhere` says
    what to do on an account that does not serve the collection.
    """

    path: str
    beta: str | None = None
    marks: Marks = METADATA
    within: Within | None = None
    page: int = 100
    spent: tuple[str, str] | None = None
    elsewhere: str | None = None
    marker: MarkerForm | None = None

    def collection(self, within: str | None) -> str:
        """The path of the collection, below the object with the id `within` where there is one."""
        return self.path.format(within=within) if self.within else self.path

    def marks_of(self, raw: Mapping[str, Any]) -> Mapping[str, str]:
        """What Retinue, and where the place is shared others, noted on an object as the API returned it."""
        return self.marks.read(raw.get(self.marks.field))

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


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in declarations that names another declaration of `kind`.

    With `inline` the named declaration's own specification takes the place, otherwise a reference to its live id does.
    `{id: …}` in its place is a live id that nobody here owns, where `allow_id` says so.
    """

    pattern: Pattern
    kind: str
    inline: bool = False
    allow_id: bool = False


@dataclass(frozen=True, slots=True)
class Inclusion:
    """A place in declarations that may name files of the project instead of holding the value.

    - `text`: a string, `{file: path, render: bool}`, or a list of those, joined by a blank line → a string.
    - `schema`: `{file: path}` → the JSON Schema in it; inline or not, it must be one.
    - `file`: a path → `{path, sha256, size}`.
    - `base64`: a path → the content of the file, as text.
    - `folder`: a path → the content of each file below it (core.contents), by its path from there.
    - `files`: a list of globs and `{path: …, …}` entries → a list of `{path, sha256, size, …}`, one for each file.
    """

    pattern: Pattern
    form: Literal["text", "schema", "file", "files", "folder", "base64"]


@dataclass(frozen=True, slots=True)
class Keyed:
    """A list in declarations whose entries have an identity, so that an overlay may write it as a map.

    - `key`: an entry as its author wrote it → what identifies it, as plans name it; None for one of a wrong shape.
    - `options`: such a key → where in its entry the options stand that an overlay changes.
    - `entry`: a key and options → a whole entry.
    """

    pattern: Pattern
    key: Callable[[Any], str | None]
    options: Callable[[str], Pattern]
    entry: Callable[[str, Mapping[str, Any]], Any]


Expansion = tuple[dict[str, Any], dict[Path, Path]]
"""A specification in the API's shape, and for parts that moved, canonical path → path where the author wrote it."""


def _as_written(spec: Mapping[str, Any]) -> Expansion:
    return dict(spec), {}


def _no_problems(spec: Mapping[str, Any]) -> Iterable[Problem]:  # noqa: ARG001 - the signature of every check
    return ()


@dataclass(frozen=True, slots=True)
class Kind:
    """Everything that sets one kind apart, as data and at most a few pure functions.

    - `name` is the word in addresses, `section` the key in declaration files, `title` the words for people.
    - `schema` is the JSON Schema (Draft 2020-12) of one declaration as an author writes it, without `lifecycle`, which
      every kind with an `api` has.
    - `pattern` is what names must match; None for the project's own rule.
    - `api` is None for a kind that has no live object of its own and only appears inside others.
    - `keyed` are the lists that an overlay may write as maps.
    - `expand` turns shorthands into the API's shape; `compose` is its inverse: canonical fields, as an author writes
      them, Unseen where a declaration needs what the API never shows. `check` finds what the API would refuse.
    - `identity` shows a person which live object this is: a field's name.
    - `secrets` are the places in a declaration where `${{ secret.NAME }}` may stand: the API never shows them.
    - `assemble` has the last word on a body: (body, the whole specification with ids in it, the live object or
      None when it is created) → body.
    - `retire` gives, for a live specification, the fields that let the object end on its own after a while.
    - `homes` are other places for what is declared, by the value of `api` in a declaration; `home` is the name of this
      one. A kind in another home differs in fields and checks; a `bundle` means that it is rendered, not stored.
    """

    name: str
    section: str
    title: str
    schema: Schema
    api: Api | None = None
    fields: tuple[Field, ...] = ()
    references: tuple[Reference, ...] = ()
    inclusions: tuple[Inclusion, ...] = ()
    keyed: tuple[Keyed, ...] = ()
    attachments: Attachments | None = None
    versions: Versions | None = None
    pattern: str | None = None
    expand: Callable[[Mapping[str, Any]], Expansion] = _as_written
    compose: Callable[[Mapping[str, Any]], dict[str, Any]] = dict
    check: Callable[[Mapping[str, Any]], Iterable[Problem]] = _no_problems
    identity: str = "name"
    secrets: tuple[Pattern, ...] = ()
    assemble: Callable[[dict[str, Any], Mapping[str, Any], Mapping[str, Any] | None], dict[str, Any]] | None = None
    home: str | None = None
    homes: Mapping[str, Kind] = field(default_factory=dict)
    retire: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    bundle: Bundle | None = None
    _index: dict[str, Field] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._index.update({each.name: each for each in self.fields})

    def field(self, name: str) -> Field:
        """The field of that name. Raises KeyError when the kind has none."""
        return self._index[name]

    def has(self, name: str) -> bool:
        return name in self._index

    @property
    def holds_files(self) -> bool:
        """Whether objects of the kind have files, attached or by their ids."""
        return self.attachments is not None or any(each.uploads for each in self.fields)

    def at(self, home: str | None) -> Kind:
        """The kind as it is in one of its homes; in a home that it does not have, and for None, as it is here."""
        return self.homes.get(home, self) if home else self

    def read(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The canonical specification of an object as the API returned it; ids stay ids."""
        spec: dict[str, Any] = {}
        known = READ_ONLY | {each.body_path[0] for each in self.fields if not each.rest}
        for each in self.fields:
            if each.rest:
                spec[each.name] = {key: value for key, value in raw.items() if key not in known}
                continue
            value = dig(raw, each.body_path)
            spec[each.name] = each.default if value is None else each.canonical(value)
        return spec

    def write(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The API's body for the fields of a canonical specification; the inverse of `read`."""
        body: dict[str, Any] = {}
        for name, value in spec.items():
            each = self._index[name]
            if each.rest:
                body.update(value)
                continue
            place = body
            for key in each.body_path[:-1]:
                place[key] = place = dict(place.get(key) or {})
            place[each.body_path[-1]] = None if value is None else each.wire(value)
        return body


Kinds = Mapping[str, Kind]


def fits(path: Path, pattern: Pattern) -> bool:
    """Whether a path is one of those that a pattern stands for."""
    return len(path) == len(pattern) and all(want in ("*", part) for part, want in zip(path, pattern, strict=True))


def show(path: Path) -> str:
    """A path for people: keys with dots between them, indexes in brackets."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def dig(value: Any, path: Iterable[str]) -> Any:
    """The value at `path`, or None where any part of the way is missing."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def without_defaults(value: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without nulls and without keys that hold their default: what is left is what somebody chose."""
    return {
        key: each for key, each in value.items() if each is not None and not (key in defaults and each == defaults[key])
    }
