"""The vocabulary a kind module is written in. The engine reads these values and never asks for a kind by name.

Where live objects stand and what is kept with them has words of its own: `place.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from retinue.kinds.paths import Pattern, dig
from retinue.kinds.place import READ_ONLY, Api, Attachments, Bundle, Uploads, Versions, same
from retinue.model.declared import Problem
from retinue.model.values import Path

Schema = Mapping[str, Any]


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
    canonical: Callable[[Any], Any] = same
    wire: Callable[[Any], Any] = same
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
