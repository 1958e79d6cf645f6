"""The vocabulary a kind module is written in. The engine reads these values and never asks for a kind by name.

What fields there are and how they differ is in `fields.py`, how objects are kept in `stores.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from retinue.content.manifest import Summary
from retinue.kinds.fields import Claims, Field, UploadsField
from retinue.kinds.stores import READ_ONLY, Store
from retinue.model.declared import Declared, Lifecycle, Problem
from retinue.model.live import Live
from retinue.model.paths import Pattern
from retinue.model.slips import near
from retinue.model.steps import FileChange, Step
from retinue.model.tag import SYNCING, Tag, lifecycle_flags
from retinue.model.values import Address, Path

Schema = Mapping[str, Any]


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
    - `folder`: a path, or `{path: …, exclude: …}` → the content of each file below it (model.canonical), by its path
      from there.
    - `files`: a list of globs and `{path: …, …}` entries → a list of `{path, sha256, size, …}`, one for each file.

    `unfit` says what a file is that the API would not take, by its path and size; None for one that it takes. `all_fit`
    says of many at once that it is none of them, which is seen in less time; where it does not, each is to be asked
    about. `largest` is how many bytes a file may have.
    """

    pattern: Pattern
    form: Literal["text", "schema", "file", "files", "folder", "base64"]
    unfit: Callable[[str, int], str | None] | None = None
    all_fit: Callable[[Collection[str], Collection[int]], bool] = lambda _paths, _sizes: False
    largest: int | None = None


@dataclass(frozen=True, slots=True)
class Keyed:
    """A list in declarations whose entries have an identity: it adds up with what is below, and may be a map, too.

    - `key`: an entry as its author wrote it → what identifies it, as plans name it; None for one of a wrong shape.
    - `options`: such a key → where in its entry the options stand that an overlay changes.
    - `entry`: a key and options → a whole entry.
    """

    pattern: Pattern
    key: Callable[[Any], str | None]
    options: Callable[[str], Pattern]
    entry: Callable[[str, Mapping[str, Any]], Any]


Expansion = tuple[dict[str, Any], Mapping[Path, Path]]
"""A specification in the API's shape, and for parts that moved, canonical path → path where the author wrote it."""


def _as_written(spec: Mapping[str, Any]) -> Expansion:
    return dict(spec), {}


def _no_problems(spec: Mapping[str, Any]) -> Iterable[Problem]:  # noqa: ARG001 - the signature of every check
    return ()


INLINE = Store()


@dataclass(frozen=True, slots=True)
class Kind:
    """Everything that sets one kind apart, as data and at most a few pure functions.

    - `name` is the word in addresses, `section` the key in declaration files, `title` the words for people.
    - `schema` is the JSON Schema (Draft 2020-12) of one declaration as an author writes it, without `lifecycle`, which
      every kind with objects has.
    - `pattern` is what names must match; None for the project's own rule.
    - `store` says how its objects are kept; INLINE when it has none and only appears inside others.
    - `keyed` are the lists that add up where declarations are merged, and may be written as maps.
    - `expand` turns shorthands into the API's shape; `compose` is its inverse: canonical fields, as an author writes
      them, Unseen where a declaration needs what the API never shows. `check` finds what the API would refuse, and
      `check_written` what of that is gone once shorthands are turned.
    - `identity` shows a person which live object this is: a field's name.
    - `secrets` are the places in a declaration where `${{ secret.NAME }}` may stand: the API never shows them.
    - `assemble` has the last word on a body: (body, the whole specification with ids in it, the live object or
      None when it is created) → body.
    - `retire` gives, for a live specification, the fields that let the object end on its own after a while.
    - `talk` names the API that answers questions to its objects; None for a kind that cannot be asked anything.
    - `handlers` is the place of a name of Python code that carries a function out, beside the function's own name; it
      is for this machine, and never sent.
    - `dashboard` is the documented page of OpenAI's dashboard that shows such objects; None where none is documented.
    - `homes` are other places for what is declared, by the value of `api` in a declaration; `home` is the name of this
      one. A kind in another home differs in store, fields and checks.
    """

    name: str
    section: str
    title: str
    schema: Schema
    store: Store = INLINE
    fields: tuple[Field, ...] = ()
    references: tuple[Reference, ...] = ()
    inclusions: tuple[Inclusion, ...] = ()
    keyed: tuple[Keyed, ...] = ()
    pattern: str | None = None
    expand: Callable[[Mapping[str, Any]], Expansion] = _as_written
    compose: Callable[[Mapping[str, Any]], dict[str, Any]] = dict
    check: Callable[[Mapping[str, Any]], Iterable[Problem]] = _no_problems
    check_written: Callable[[Mapping[str, Any]], Iterable[Problem]] = _no_problems
    identity: str = "name"
    secrets: tuple[Pattern, ...] = ()
    assemble: Callable[[dict[str, Any], Mapping[str, Any], Mapping[str, Any] | None], dict[str, Any]] | None = None
    home: str | None = None
    homes: Mapping[str, Kind] = field(default_factory=dict)
    retire: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    talk: Literal["threads", "responses"] | None = None
    handlers: Pattern | None = None
    dashboard: str | None = None
    _index: dict[str, Field] = field(default_factory=dict, init=False, repr=False, compare=False)
    _known: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._index.update({each.name: each for each in self.fields})
        self._known.update(READ_ONLY, (each.body_path[0] for each in self.fields if not each.rest))

    def field(self, name: str) -> Field:
        """The field of that name. Raises KeyError when the kind has none."""
        return self._index[name]

    def has(self, name: str) -> bool:
        return name in self._index

    @property
    def stored(self) -> bool:
        """Whether its declarations come to objects of their own."""
        return self.store.stored

    @property
    def uploads(self) -> tuple[UploadsField, ...]:
        """The fields that carry files by their ids."""
        return tuple(each for each in self.fields if isinstance(each, UploadsField))

    @property
    def holds_files(self) -> bool:
        """Whether objects of the kind have files, attached or by their ids."""
        return any(each.content or isinstance(each, UploadsField) for each in self.fields)

    def at(self, home: str | None) -> Kind:
        """The kind as it is in one of its homes; in a home that it does not have, and for None, as it is here."""
        return self.homes.get(home, self) if home else self

    def read(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The canonical specification of an object as the API returned it; ids stay ids."""
        return {each.name: each.read(raw, self._known) for each in self.fields}

    def write(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The API's body for the fields of a canonical specification; the inverse of `read`."""
        body: dict[str, Any] = {}
        for name, value in spec.items():
            self._index[name].put(value, body)
        return body

    def declare(self, written: Mapping[str, Any], seal: bytes) -> tuple[*Expansion, list[Problem]]:
        """A declaration whose references are resolved → its canonical specification, where parts that moved were
        written (canonical path → path), and what the API would refuse. `seal` is the key for digests of hidden values.
        """
        expanded, origins = self.expand(written)
        expanded = self._with_extras(expanded)
        spec = {name: self._index[name].declare(value, seal) for name, value in expanded.items() if self.has(name)}
        problems = [*self._elsewhere(expanded), *self._too_long(spec)]
        return spec, origins, [*problems, *self.check_written(written), *self.check(expanded)]

    def _elsewhere(self, spec: Mapping[str, Any]) -> Iterator[Problem]:
        for name in spec:
            if not self.has(name):
                others = [f"'api: {each}'" for each, other in self.homes.items() if other.has(name)]
                hint = f"it belongs to {' or '.join(others)}" if others else None
                message = f"the field '{name}' has no meaning with 'api: {self.home}'"
                yield Problem("misplaced-field", (name,), message, hint, key=True)

    def _too_long(self, spec: Mapping[str, Any]) -> Iterator[Problem]:
        for name, value in spec.items():
            limit = self._index[name].limit
            if limit is not None and isinstance(value, str) and len(value) > limit:
                message = f"'{name}' has {len(value):,} characters, but the API takes {limit:,}"
                hint = f"cut {len(value) - limit:,} or more of them, or move knowledge into files"
                yield Problem("too-long", (name,), message, hint)

    def lifecycle_problems(self, lifecycle: Lifecycle) -> Iterator[Problem]:
        """Every mistake in it; paths are those of the declaration."""
        impossible = list(self.store.check_lifecycle(lifecycle, self.title))
        yield from impossible
        if lifecycle.on_delete == "retire" and self.retire is None and not impossible:
            yield Problem(
                "not-allowed-value",
                ("lifecycle", "on_delete"),
                f"nothing in the API lets this {self.title} end by itself, so it cannot be retired",
                "use 'keep' to leave it in the account, or 'delete'",
            )
        for index, entry in enumerate(lifecycle.ignore if self.store.may_ignore() else ()):
            path = ("lifecycle", "ignore", index)
            name, dot, key = entry.partition(".")
            if not self.has(name):
                close = near(name, self._index)
                names = ", ".join(each.name for each in self.fields if each.shown or each.in_body)
                hint = f"did you mean '{close[0]}'?" if close else f"there are: {names}"
                yield Problem("unknown-field", path, f"there is no field '{name}' to ignore", hint)
            elif dot and not (key and self._index[name].by_key):
                hint = f"ignore '{name}', or a key of a map such as 'metadata.KEY'"
                message = f"'{entry}' cannot be ignored apart from the rest of '{name}'"
                yield Problem("invalid-value", path, message, hint)

    @property
    def _rest(self) -> Field | None:
        """The field that holds the further parts of the body, where the kind takes any."""
        return next((each for each in self.fields if each.rest), None)

    def misplaced_extras(self, written: Mapping[str, Any]) -> list[Problem]:
        """Every mistake in `extra`; paths are those of the declaration."""
        rest = self._rest
        extra = written.get(rest.name) if rest else None
        if rest is None or not isinstance(extra, Mapping):
            return []
        known = self._known | {self.store.marks.field}
        return [
            Problem(
                "misplaced-field",
                (rest.name, name),
                f"'{name}' cannot be given as extra",
                "the API sets it" if name in READ_ONLY else "declare it by the fields of its own",
                key=True,
            )
            for name, value in extra.items()
            if name in known and not self._adds(name, value)
        ]

    def _with_extras(self, expanded: Mapping[str, Any]) -> dict[str, Any]:
        """Lists of the API that `extra` adds to, such as tools of an unknown type, joined with what is declared."""
        rest = self._rest
        if rest is None or not isinstance(expanded.get(rest.name), Mapping):
            return dict(expanded)
        extra = dict(expanded[rest.name])
        joined = {name: value for name, value in extra.items() if self._adds(name, value)}
        spec = {**expanded, rest.name: {name: value for name, value in extra.items() if name not in joined}}
        return spec | {name: [*(expanded.get(name) or []), *value] for name, value in joined.items()}

    def _adds(self, name: str, value: Any) -> bool:
        """Whether `value` is a list of further items for a list of the API."""
        return (
            self.has(name)
            and self._index[name].extendable
            and isinstance(value, list)
            and all(isinstance(each, Mapping) for each in value)
        )

    def given_ids(self, step: Step) -> Iterator[tuple[str | None, str]]:
        """The live ids that a step writes as they were declared, each with its kind, None for a file."""
        after = step.after if step.action in ("create", "update") else None
        changed = {change.field for change in step.changes}
        whole = step.action == "create" or self.store.rendered
        for each in self.fields if after is not None else ():
            if after is not None and each.name in after and (whole or each.name in changed):
                yield from each.given_ids(after[each.name])
        yield from ((None, change.path) for change in step.files if change.action == "attach")

    def added_files(self, wanted: Declared) -> tuple[FileChange, ...]:
        """What is to be done about the files of an object that is about to be created."""
        return tuple(change for each in self.fields for change in each.added(wanted))

    def make_tag(self, stack: str, address: Address, spec: Mapping[str, Any], lifecycle: Lifecycle) -> Tag:
        """The tag that says `spec`, what is heeded of a declaration, was applied to `address` of `stack`."""
        claims = Claims(stack, address)
        for name, value in spec.items():
            self._index[name].claim(value, claims)
        return Tag(stack, address, claims.fields, claims.keys, lifecycle_flags(lifecycle))

    def summary(self, declared: Declared) -> Summary | None:
        """The files that an object is declared to hold, in short; None where they have to be looked at."""
        heeded = (each for each in self.fields if each.content and not declared.lifecycle.ignores(each.name))
        found = [each.summary(declared.spec[each.name]) for each in heeded if each.name in declared.spec]
        return found[0] if len(found) == 1 else None

    def provisional(self, tag: Tag, pending: Collection[str], before: Tag | None) -> Tag:
        """The tag while something is still to be done after the write: it claims nothing of that, and says so.

        Attached files are not claimed; the `pending` fields, which have endpoints of their own, are claimed as
        `before`.
        """
        later = {*pending, *(each.name for each in self.fields if each.content)}
        fields = {name: value for name, value in tag.fields.items() if name not in later}
        fields |= {name: before.fields[name] for name in pending if before and name in before.fields}
        returned = {name: each for name, each in tag.returned.items() if name in fields and name not in pending}
        return replace(tag, fields=fields, flags=tag.flags | {SYNCING}, returned=returned)

    def witness(self, live: Live, paths: Iterable[Path]) -> dict[str, str]:
        """Digests of the live values at `paths` (a field, or field and key), in ids: what a step is about to write
        over."""
        known = (path for path in paths if str(path[0]) in self._index)
        return {name: value for path in known for name, value in self._index[str(path[0])].witness(live.held, path)}

    def moved(self, expects: Mapping[str, str], live: Live) -> list[str]:
        """What no longer holds of `expects`, by name."""
        now = self.witness(live, (tuple(each.split("/", 1)) for each in expects))
        return [name for name, value in expects.items() if now.get(name) != value]


Kinds = Mapping[str, Kind]
