"""The fields of a kind: where each stands in the API's body, and how it is compared, owned and reset.

A field of another sort is another class here, and nobody asks which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

from retinue.content.manifest import SETTLED, Summary, attached_spec, without_sizes
from retinue.content.manifest_diff import added_files, compare_manifest, manifest_changes, removed_files
from retinue.model.canonical import digest, same
from retinue.model.declared import Declared
from retinue.model.differences import differences
from retinue.model.live import Live
from retinue.model.paths import Pattern, dig
from retinue.model.sealed import sealed_digest
from retinue.model.steps import FieldChange, FileChange
from retinue.model.tag import (
    Tag,
    attribute,
    attribute_key,
    is_as_returned,
    is_key_as_returned,
    is_ours,
    key_digest,
    owned_keys,
    unset_key_cause,
)
from retinue.model.values import ABSENT, Address, Cause, FileRef, Gone, Path, Ref, Sealed

Convert = Callable[[Any], Any]
UNCHOSEN: Any = object()
"""Stands for the value of a field that nobody chose."""


@dataclass(slots=True)
class Comparison:
    """The differences of one declared and one live object. `fixed` names the changed fields that the API takes on
    creation only; `missing` are declared addresses without a live object, `former` the old address of what is renamed.

    `unfinished`: an apply was interrupted before its tag could say that all is in place. `whole`: what nobody declared
    was put there by hand.
    """

    declared: Declared
    live: Live
    whole: bool = False
    missing: Collection[Address] = ()
    former: Mapping[Address, Address] = field(default_factory=dict)
    changes: list[FieldChange] = field(default_factory=list)
    files: list[FileChange] = field(default_factory=list)
    unset: list[str] = field(default_factory=list)
    forget_keys: list[tuple[str, str]] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    unfinished: bool = False

    @property
    def in_sync(self) -> bool:
        return not (self.changes or self.files or self.unfinished)

    def note(self, path: Path, before: Any, after: Any, cause: Cause, at: Path | None = None) -> None:
        """Add a change, with the place of what declares it."""
        self.changes.append(FieldChange(path, before, after, cause, self.declared.position(path if at is None else at)))


@dataclass(slots=True)
class Claims:
    """What a tag is to say of a specification that was applied to `address` of `stack`."""

    stack: str
    address: Address
    fields: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind: its name in specifications, diffs and tags, and how the API treats it.

    - `path`: where it stands in the API's body (default: under its own name).
    - `default`: the API's value when it is omitted, in canonical form; unsetting the field writes it.
    - `mutable`: False for a field the API takes on creation only: changing it means replacing the object.
    - `limit`: the greatest number of characters of a text.
    - `canonical` / `wire`: the API's value ⇄ the value we compare; None where they are one. Canonical values have no
      server defaults in them, and lists whose items have an identity are maps.
    - `refs`: the kind whose ids the value holds, everywhere in it or, with `ref_at`, at that path only.
    - `extendable`: a list in the API, canonically a map; `extra` may add items of types that this version does not
      know.
    - `model`: the value is the id of a model, which the account may not have or may shut down.
    - `carry_over`: (what will be written, what is live), both in the API's form → what to write so that parts of the
      live value that this version does not know survive.
    """

    name: str
    path: Pattern = ()
    default: Any = None
    mutable: bool = True
    limit: int | None = None
    canonical: Convert | None = None
    wire: Convert | None = None
    refs: str | None = None
    ref_at: Pattern = ()
    extendable: bool = False
    model: bool = False
    carry_over: Callable[[Any, Any], Any] | None = None

    by_key: ClassVar[bool] = False
    """Whether it is a map that is owned key by key: keys nobody declared are preserved."""
    comparable: ClassVar[bool] = True
    """Whether the whole value can be compared with the account's."""
    shown: ClassVar[bool] = True
    """Whether the API shows it and we may."""
    in_body: ClassVar[bool] = True
    """Whether it travels in the object's own body."""
    rest: ClassVar[bool] = False
    """Whether it is what the body holds beyond the other fields."""
    content: ClassVar[bool] = False
    """Whether its differences are files rather than changes of a value."""

    @property
    def body_path(self) -> Pattern:
        return self.path or (self.name,)

    # ── the API's body ────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, raw: Mapping[str, Any], known: Collection[str]) -> Any:  # noqa: ARG002 - for what is not known
        """The canonical value in an object as the API returned it; ids stay ids."""
        value = dig(raw, self.body_path)
        return self.default if value is None else self.canonical(value) if self.canonical else value

    def fits(self, held: Any) -> bool:
        """Whether what was read of an object has the form in which it is compared: maps by names where maps are."""
        if isinstance(held, Mapping):
            return all(isinstance(key, str) for key in held)
        return not isinstance(self.default, Mapping)

    def put(self, value: Any, body: dict[str, Any]) -> None:
        """Put a canonical value into the API's body; the inverse of `read`."""
        place = body
        for key in self.body_path[:-1]:
            place[key] = place = dict(place.get(key) or {})
        place[self.body_path[-1]] = None if value is None else self.wire(value) if self.wire else value

    # ── declared and live values ──────────────────────────────────────────────────────────────────────────────────────

    def declare(self, value: Any, seal: bytes) -> Any:  # noqa: ARG002 - for what is hidden
        """The canonical form of a declared value."""
        return self.default if value is None else self.canonical(value) if self.canonical else value

    def over_ids(self, value: Any, change: Convert) -> Any:
        """The value with whatever stands where it holds ids changed: an id, a reference, a dead id."""
        return _over_ids(value, self.ref_at, change) if self.refs else value

    def references(self, value: Any) -> dict[str, str]:
        """The ids of other objects in a value of the account, with their kind."""
        found: dict[str, str] = {}
        if self.refs:
            self.over_ids(value, partial(_note, found, self.refs))
        return found

    def given_ids(self, value: Any) -> Iterator[tuple[str | None, str]]:
        """The live ids in a declared value, with the kind they are of, None for files; references are no ids yet."""
        yield from ((kind, live_id) for live_id, kind in self.references(value).items() if live_id)

    def named(self, live: Live, name: Convert) -> Any:
        """The value of a live object with names for ids, and without what is Retinue's own."""
        return self.over_ids(live.held[self.name], name)

    def chosen(self, live: Live) -> Any:
        """What to declare so that a live object stays as it is; UNCHOSEN where that goes without saying."""
        return self._unless_default(live.spec[self.name])

    def _unless_default(self, value: Any) -> Any:
        return UNCHOSEN if value is None or same(value, self.default) or any(_gone(value)) else value

    # ── ownership ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def claim(self, value: Any, claims: Claims) -> None:
        """Note digests of a value that is applied."""
        claims.fields[self.name] = digest(value)

    def claimed_paths(self, value: Any) -> list[Path]:  # noqa: ARG002 - for maps
        """The parts of a declared value that a tag speaks of one by one."""
        return [(self.name,)]

    def owned_paths(self, live: Live) -> list[Path]:  # noqa: ARG002 - for maps
        """What would be lost with a live object."""
        return [(self.name,)]

    def witness(self, held: Mapping[str, Any], path: Path) -> Iterator[tuple[str, str]]:  # noqa: ARG002 - for maps
        """A name and a digest for the live value at `path`: what a step is about to write over."""
        yield self.name, digest(held[self.name])

    def returned(self, wanted: Any, live: Any, tag: Tag) -> Iterator[tuple[Path, Any]]:
        """What the account answered, under names, to a write of the field, where that is not what was written."""
        if self.name in tag.fields and self.in_body and self.shown and not same(wanted, live):
            yield (self.name,), live

    # ── comparing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def compare(self, wanted: Any, found: Comparison) -> None:
        """Note how the live value differs from the one that is declared, and who moved it."""
        live = found.live.spec[self.name]
        if same(wanted, live):
            return
        known = [value if self.refs is None else _formerly(value, found.former) for value in (wanted, live)]
        if is_as_returned(found.live.tag, self.name, *known):
            return
        lost = self.refs is not None and _lost(self, wanted, live, found.missing)
        cause: Cause = "config" if lost else attribute(found.live.tag, self.name, *known)
        for path, before, after in differences((self.name,), live, wanted):
            found.note(path, before, after, cause)
        if not self.mutable:
            found.fixed.append(self.name)

    def compare_unset(self, found: Comparison) -> None:
        """A field that we applied once and that is declared no more goes back to the API's default. One that somebody
        else changed meanwhile is a conflict: resetting it would overwrite their edit."""
        live, tag = found.live.spec[self.name], found.live.tag
        if tag is None or same(live, self.default):
            return
        applied = tag.returned.get(self.name, tag.fields.get(self.name))
        cause: Cause = "drift" if applied is None else "unset" if digest(live) == applied else "conflict"
        found.note((self.name,), live, self.default, cause, ())
        found.unset.append(self.name)
        if not self.mutable:
            found.fixed.append(self.name)

    def compare_keys(self, found: Comparison) -> None:
        """The same for the keys of a map that is owned key by key."""

    def compare_content(self, found: Comparison) -> None:
        """Note which files differ, for a field that holds files."""

    def summary(self, value: Any) -> Summary | None:  # noqa: ARG002 - for what holds files
        """A declared value in short, for a field that holds files: by that it can be known as the one that a tag is
        about. None where it cannot."""
        return None

    def added(self, declared: Declared) -> Iterable[FileChange]:  # noqa: ARG002 - for what holds files
        """The files that are brought in when the object is created."""
        return ()

    def removed(self, live: Live) -> Iterable[FileChange]:  # noqa: ARG002 - for what holds files
        """The files that go when the object is deleted."""
        return ()

    def contrast(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Declared) -> Iterable[FileChange]:  # noqa: ARG002
        """How the files of two specifications differ; `at` knows their places."""
        return ()

    def records(self, value: Any) -> Mapping[str, FileRef]:  # noqa: ARG002 - for what holds files
        """The files of a declared value that are recorded in the object's marks, by path."""
        return {}


@dataclass(frozen=True, slots=True)
class KeyedField(Field):
    """A map that is owned key by key; keys nobody declared are preserved. `key_defaults` are the values of keys that
    are reset; a key without one is taken out of the map."""

    default: Any = field(default_factory=dict)
    key_defaults: Mapping[str, Any] = field(default_factory=dict)

    by_key: ClassVar[bool] = True
    comparable: ClassVar[bool] = False

    def named(self, live: Live, name: Convert) -> Any:
        value = Field.named(self, live, name)
        return {key: each for key, each in value.items() if not is_ours(key)}

    def chosen(self, live: Live) -> Any:
        chosen = {
            key: part
            for key, part in live.spec[self.name].items()
            if part is not None and not (key in self.key_defaults and same(part, self.key_defaults[key]))
        }
        return self._unless_default(chosen)

    def claim(self, value: Any, claims: Claims) -> None:
        claims.keys.update({key_digest(self.name, key): digest(each) for key, each in value.items()})

    def claimed_paths(self, value: Any) -> list[Path]:
        return [(self.name, key) for key in value]

    def owned_paths(self, live: Live) -> list[Path]:
        return [(self.name, key) for key in owned_keys(live.tag, self.name, live.held[self.name])]

    def witness(self, held: Mapping[str, Any], path: Path) -> Iterator[tuple[str, str]]:
        if len(path) == 1:
            yield self.name, digest(held[self.name])
            return
        value = held[self.name].get(path[1], ABSENT)
        yield f"{self.name}/{path[1]}", "" if value is ABSENT else digest(value)

    def returned(self, wanted: Any, live: Any, tag: Tag) -> Iterator[tuple[Path, Any]]:
        for key, value in sorted(wanted.items()):
            answered = live.get(key, ABSENT)
            if key_digest(self.name, key) in tag.keys and not same(value, answered):
                yield (self.name, key), answered

    def compare(self, wanted: Any, found: Comparison) -> None:
        live = self._compared(found.live)
        for key, value in sorted(wanted.items()):
            before = live.get(key, ABSENT)
            if same(value, before) or is_key_as_returned(found.live.tag, self.name, key, value, before):
                continue
            cause = attribute_key(found.live.tag, self.name, key, value, before)
            found.note((self.name, key), before, value, cause)

    def _compared(self, live: Live) -> Mapping[str, Any]:
        value: Mapping[str, Any] = live.spec[self.name]
        return value

    def compare_unset(self, found: Comparison) -> None:
        """Nothing of it is owned as a whole."""

    def compare_keys(self, found: Comparison) -> None:
        tag, live = found.live.tag, found.live.spec[self.name]
        if tag is None:
            return
        wanted, lifecycle = found.declared.spec.get(self.name, {}), found.declared.lifecycle
        owned = owned_keys(tag, self.name, live)
        for key in sorted(live if found.whole else owned):
            before, after = live[key], self.key_defaults.get(key, ABSENT)
            if key in wanted or lifecycle.ignores(self.name, key) or (after is not ABSENT and same(before, after)):
                continue
            cause = unset_key_cause(tag, self.name, key, before) if key in owned else "drift"
            found.note((self.name, key), before, after, cause, ())
            found.forget_keys.append((self.name, key))


@dataclass(frozen=True, slots=True)
class RestField(KeyedField):
    """What the body holds beyond the other fields, by name: what a later version of the API may have added. Only
    declared keys are compared and written."""

    rest: ClassVar[bool] = True

    def read(self, raw: Mapping[str, Any], known: Collection[str]) -> Any:
        return {key: value for key, value in raw.items() if key not in known}

    def put(self, value: Any, body: dict[str, Any]) -> None:
        body.update(value)

    def named(self, live: Live, name: Convert) -> Any:  # noqa: ARG002 - nobody knows of ids in it
        value = live.held[self.name]
        return {key: value[key] for key in owned_keys(live.tag, self.name, value)}

    def _compared(self, live: Live) -> Mapping[str, Any]:
        value: Mapping[str, Any] = live.held[self.name]
        return value


@dataclass(frozen=True, slots=True)
class HiddenField(Field):
    """The API takes it and never shows it, so that only digests of what was applied tell whether it differs; nothing
    of it is ever printed. What an account shows of it all the same is left out."""

    comparable: ClassVar[bool] = False
    shown: ClassVar[bool] = False

    def declare(self, value: Any, seal: bytes) -> Any:
        return Sealed(Field.declare(self, value, seal), seal)

    def chosen(self, live: Live) -> Any:  # noqa: ARG002 - nobody knows it
        return UNCHOSEN

    def claim(self, value: Any, claims: Claims) -> None:
        claims.fields[self.name] = sealed_digest(value, claims.stack, claims.address, self.name)

    def witness(self, held: Mapping[str, Any], path: Path) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        yield from ()

    def compare(self, wanted: Any, found: Comparison) -> None:
        """It differs when it is not what we applied; somebody else's edit of it cannot be seen."""
        tag = found.live.tag
        applied = tag.fields.get(self.name) if tag else None
        if tag and applied == sealed_digest(wanted, tag.stack, tag.address, self.name):
            return
        found.note((self.name,), ABSENT if applied is None else Sealed(), wanted, "config")

    def compare_unset(self, found: Comparison) -> None:
        default = None if self.default is None else Sealed(self.default)
        found.note((self.name,), Sealed(), default, "unset", ())
        found.unset.append(self.name)


@dataclass(frozen=True, slots=True)
class PolicyField(Field):
    """For Retinue itself, such as how much to keep; neither compared nor sent."""

    comparable: ClassVar[bool] = False
    in_body: ClassVar[bool] = False

    def chosen(self, live: Live) -> Any:  # noqa: ARG002 - it is nowhere but in declarations
        return UNCHOSEN

    def claim(self, value: Any, claims: Claims) -> None:
        """The account holds nothing of it."""

    def compare(self, wanted: Any, found: Comparison) -> None:
        """It makes no difference to the account."""


@dataclass(frozen=True, slots=True)
class RunField(PolicyField):
    """For an apply, such as how long it waits: no plan speaks of what an account has of it, which is nothing."""

    shown: ClassVar[bool] = False

    def owned_paths(self, live: Live) -> list[Path]:  # noqa: ARG002 - nothing is lost
        return []


@dataclass(frozen=True, slots=True)
class ActionField(Field):
    """The value is not written but brought about: `actions` maps it to the path below the object that is posted to."""

    actions: Mapping[Any, str] = field(default_factory=dict)

    in_body: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class VersionField(Field):
    """The number of the version that is the default one; None for the newest of ours."""

    def claim(self, value: Any, claims: Claims) -> None:  # noqa: ARG002
        """A version cannot be changed, so its tag cannot say later which one is the default: it says "the newest"."""
        claims.fields[self.name] = digest(self.default)


@dataclass(frozen=True, slots=True)
class UploadsField(Field):
    """Files that an object carries by id; canonically a map of path → FileRef. Which file each id is stands in further
    marks of the object, under `record`.

    `placed`: the API's value says where each file is to lie; otherwise it is a plain list of ids.
    """

    default: Any = field(default_factory=dict)
    purpose: str = "assistants"
    record: str = "retinue.files"
    placed: bool = False

    def fits(self, held: Any) -> bool:
        if isinstance(held, list) and not self.placed:
            return all(isinstance(each, str) for each in held)
        return Field.fits(self, held)

    def named(self, live: Live, name: Convert) -> Any:  # noqa: ARG002 - files have no names of ours
        """The files by path, as far as the object's own records tell; an id nobody recorded stays an id."""
        held, records = live.held[self.name], live.recorded.get(self.name, {})
        if not held:
            return {}
        if isinstance(held, Mapping):
            # What a record has for a path may be no more than a number: the place is what people know the file by.
            return {
                place: replace(records[file_id], path=place)
                if isinstance(file_id, str) and file_id in records
                else file_id
                for place, file_id in held.items()
                if not (isinstance(file_id, str) and file_id in live.missing)
            }
        return {
            (records[file_id].path if file_id in records else file_id): records.get(file_id, file_id)
            for file_id in held
            if file_id not in live.missing
        }

    def chosen(self, live: Live) -> Any:
        files = live.held[self.name]
        return self._unless_default({each: each for each in files} if isinstance(files, list) else files)

    def given_ids(self, value: Any) -> Iterator[tuple[str | None, str]]:
        yield from ((None, file) for file in (value or {}).values() if isinstance(file, str))

    def records(self, value: Any) -> Mapping[str, FileRef]:
        return {path: file for path, file in (value or {}).items() if isinstance(file, FileRef)}

    def carried(self, live: Live) -> dict[str, tuple[str, str]]:
        """Path → (file id, first digits of its sha256) of the files that a live object carries and that we made."""
        files = live.recorded.get(self.name, {})
        if not self.placed:
            return {file.path: (file_id, file.sha256) for file_id, file in files.items()}
        return {
            path: (file_id, files[file_id].sha256)
            for path, file_id in live.held[self.name].items()
            if isinstance(file_id, str) and file_id in files
        }


@dataclass(frozen=True, slots=True)
class ManifestField(Field):
    """Files attached to the object through a collection below it; canonically a manifest (content.manifest)."""

    default: Any = field(default_factory=dict)

    in_body: ClassVar[bool] = False
    content: ClassVar[bool] = True

    def named(self, live: Live, name: Convert) -> Any:  # noqa: ARG002 - files have no names of ours
        return attached_spec(live.files)

    def chosen(self, live: Live) -> Any:
        return self._unless_default({file.id: {"id": file.id} for file in live.files if file.status in SETTLED})

    def claim(self, value: Any, claims: Claims) -> None:
        claims.fields[self.name] = digest(without_sizes(value))

    def witness(self, held: Mapping[str, Any], path: Path) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        """Files have witnesses of their own."""
        yield from ()

    def compare(self, wanted: Any, found: Comparison) -> None:
        """Files are no change of a value: see `compare_content`."""

    def compare_unset(self, found: Comparison) -> None:
        """Neither here."""

    def compare_content(self, found: Comparison) -> None:
        if found.declared.lifecycle.ignores(self.name):
            return
        found.files += compare_manifest(self.name, found.declared, found.live)
        if self.name not in found.declared.spec and found.files:
            found.unset.append(self.name)

    def summary(self, value: Any) -> Summary | None:
        # Those that are declared by their ids are in no digest.
        ids = any("id" in entry for entry in value.values())
        return None if ids else Summary(digest(without_sizes(value)), len(value))

    def added(self, declared: Declared) -> Iterable[FileChange]:
        return added_files(self.name, declared)

    def removed(self, live: Live) -> Iterable[FileChange]:
        return removed_files(live)

    def contrast(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Declared) -> Iterable[FileChange]:
        return manifest_changes(self.name, old, new, at)


# ── references in values ──────────────────────────────────────────────────────────────────────────────────────────────


def _over_ids(value: Any, at: Pattern, change: Convert) -> Any:
    first = at[0] if at else "*"
    if isinstance(value, Mapping):
        return {key: _over_ids(each, at[1:], change) if first in ("*", key) else each for key, each in value.items()}
    if isinstance(value, list):
        return [_over_ids(each, at[1:], change) if first == "*" else each for each in value]
    return value if at or value is None else change(value)


def _note(found: dict[str, str], kind: str, live_id: Any) -> None:
    if isinstance(live_id, str):
        found[live_id] = kind


def _formerly(value: Any, former: Mapping[Address, Address]) -> Any:
    """The value as it was when what it refers to had its old address."""
    if isinstance(value, Ref):
        return Ref(former.get(value.address, value.address))
    if isinstance(value, Mapping):
        return {key: _formerly(each, former) for key, each in value.items()}
    return [_formerly(each, former) for each in value] if isinstance(value, list) else value


def _lost(each: Field, wanted: Any, live: Any, missing: Collection[Address]) -> bool:
    """Whether a reference differs only because its object is no more, which is nobody's edit of this one.

    Some servers leave the dead id in place, others take it out.
    """
    if each.ref_at:
        others = [each.over_ids(side, lambda _: None) for side in (wanted, live)]
        return same(*others) and any(_gone(live))
    held = list(_leaves(live))
    if held:
        return all(isinstance(leaf, Gone) for leaf in held)
    return all(isinstance(leaf, Ref) and leaf.address in missing for leaf in _leaves(wanted))


def _gone(value: Any) -> Iterator[bool]:
    """For each leaf of a value, whether it is a dead id."""
    return (isinstance(leaf, Gone) for leaf in _leaves(value))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(each)
    else:
        yield value
