"""Live objects → the same objects under the declarations' names: whose they are, which one has an address, and ids
replaced by addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from retinue.kinds.kind import Field, Kind, Kinds
from retinue.kinds.paths import Pattern
from retinue.model.canonical import same
from retinue.model.declared import Declared
from retinue.model.live import Live, LiveFile
from retinue.model.values import Address, FileRef, Gone, Ref
from retinue.planning.tag import is_ours, is_retired, owned_keys, read_file_records

SETTLED = ("completed", "in_progress")
"""File statuses that lead to a searchable file; the others (failed, cancelled) do not (SPEC VectorStoreFileObject)."""


@dataclass(slots=True)
class Named:
    """The live side of a plan. `owned` holds one object for each address; `extra` are further ones with its tag.

    `addresses` maps the ids of `owned`; `known` are the ids of all objects that exist and stay.
    """

    stack: str
    owned: dict[Address, Live] = field(default_factory=dict)
    extra: dict[Address, list[Live]] = field(default_factory=dict)
    unreadable: list[Live] = field(default_factory=list)
    foreign: Counter[str] = field(default_factory=Counter)
    retired: Counter[str] = field(default_factory=Counter)
    unowned: list[Live] = field(default_factory=list)
    addresses: dict[str, Address] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def forget(self, keep: Collection[Address]) -> None:
        """Refer only to objects with these addresses by name; to all others by their ids."""
        self.addresses = {live_id: address for live_id, address in self.addresses.items() if address in keep}

    def of(self, address: Address) -> list[Live]:
        """Every object with the address, the one to keep first."""
        return [self.owned[address], *self.extra.get(address, ())]

    def name(self, live_id: Any) -> Any:
        """An id of ours as a reference, and a dead one as such."""
        if not isinstance(live_id, str):
            return live_id
        address = self.addresses.get(live_id)
        return Ref(address) if address else live_id if live_id in self.known else Gone(live_id)


def name_declared(declared: Declared, kind: Kind, named: Named) -> Declared:
    """A declaration that gives the id of an object of this very stack means that object's address."""

    def addressed(live_id: Any) -> Any:
        return Ref(named.addresses[live_id]) if isinstance(live_id, str) and live_id in named.addresses else live_id

    spec = {name: over_ids(kind.field(name), value, addressed) for name, value in declared.spec.items()}
    live = named.owned.get(declared.address)
    # The newest version by its number is the newest one, as long as no newer one is to come.
    newest = kind.versions and live and spec.get(kind.versions.default) == live.raw.get("newest")
    if newest and kind.versions and live and same(spec[kind.versions.files], kind.read(live.raw)[kind.versions.files]):
        spec[kind.versions.default] = None
    return replace(declared, spec=spec)


def over_ids(field: Field, value: Any, change: Callable[[Any], Any]) -> Any:
    """The value of a field with whatever stands where it holds ids changed: an id, a reference, a dead id."""
    return _over_ids(value, field.ref_at, change) if field.refs else value


def _over_ids(value: Any, at: Pattern, change: Callable[[Any], Any]) -> Any:
    first = at[0] if at else "*"
    if isinstance(value, Mapping):
        return {key: _over_ids(each, at[1:], change) if first in ("*", key) else each for key, each in value.items()}
    if isinstance(value, list):
        return [_over_ids(each, at[1:], change) if first == "*" else each for each in value]
    return value if at or value is None else change(value)


def name_live(live: Iterable[Live], declared: Mapping[Address, Declared], kinds: Kinds, stack: str) -> Named:
    """Sort the account's objects by ownership and settle which one has each address."""
    named = Named(stack)
    candidates: dict[Address, list[Live]] = {}
    for each in live:
        named.known.add(each.id)
        if each.tag_error is not None:
            named.unreadable.append(each)
        elif each.tag is None:
            named.unowned.append(each)
        elif each.tag.stack != stack:
            named.foreign[each.kind] += 1
        elif is_retired(each.tag):
            named.retired[each.kind] += 1
        else:
            candidates.setdefault(each.tag.address, []).append(each)
    referenced = _referenced(candidates.values(), kinds)
    for address, several in candidates.items():
        first, *rest = _best_first(several, declared.get(address), kinds, referenced)
        named.owned[address] = first
        named.addresses[first.id] = address
        if rest:
            # They are on their way out: whoever still points at one has lost what it pointed at.
            named.extra[address] = rest
            named.known.difference_update(each.id for each in rest)
    return named


def _best_first(several: Sequence[Live], wanted: Declared | None, kinds: Kinds, referenced: set[str]) -> list[Live]:
    """The object to keep, then the others. An interrupted replacement leaves two: the finished one is to be kept."""

    def rank(live: Live) -> tuple[object, ...]:
        kind = kinds[live.kind].at(live.home)
        elsewhere = wanted is not None and wanted.home != live.home
        spent = is_spent(live, kind)
        comparable = wanted if wanted and not elsewhere else None
        wrong = len(fixed_differences(live, comparable, kind)) if comparable else 0
        other = len(_differences(live, comparable, kind)) if comparable else 0
        files = sum(1 for each in live.files if each.path)
        born = live.raw.get("created_at") or 0
        return (elsewhere, spent, wrong, live.id not in referenced, -files, other, born, live.id)

    return sorted(several, key=rank)


def fixed_differences(live: Live, wanted: Declared, kind: Kind) -> list[str]:
    """The declared fields that differ and that the API takes on creation only."""
    return [name for name in _differences(live, wanted, kind) if not kind.field(name).mutable]


def _differences(live: Live, wanted: Declared, kind: Kind) -> list[str]:
    """The declared fields that differ, as far as they can be compared before ids have names."""
    spec = kind.read(live.raw)
    heeded = wanted.lifecycle.heeded(wanted.spec)
    comparable = [name for name in heeded if kind.field(name).comparable]
    return [name for name in comparable if not same(heeded[name], spec[name])]


def is_spent(live: Live, kind: Kind) -> bool:
    """Whether the account ended the object's life on its own, so that it can only be replaced."""
    spent = kind.api.spent if kind.api else None
    return spent is not None and live.raw.get(spent[0]) == spent[1]


def _referenced(groups: Iterable[Sequence[Live]], kinds: Kinds) -> set[str]:
    return {live_id for group in groups for live in group for live_id in referenced_ids(live, kinds[live.kind])}


def referenced_ids(live: Live, kind: Kind) -> set[str]:
    """The ids of other objects that a live object holds."""
    return set(reference_kinds(live, kind))


def reference_kinds(live: Live, kind: Kind) -> dict[str, str]:
    """The ids of other objects that a live object holds, with the kinds they are of."""
    found: dict[str, str] = {}
    spec = kind.read(live.raw) if any(each.refs for each in kind.fields) else {}
    for each in kind.fields:
        if each.refs:
            over_ids(each, spec[each.name], partial(_note, found, each.refs))
    return found


def _note(found: dict[str, str], kind: str, live_id: Any) -> None:
    found[str(live_id)] = kind


def needed_kinds(declared: Iterable[Declared]) -> dict[str, str]:
    """The kinds that the account has to serve, with the first that is declared of each and where."""
    found: dict[str, list[str]] = {}
    for each in declared:
        if each.home is None:
            found.setdefault(each.address.kind, []).append(f"{each.address} ({each.position()})")
    return {
        kind: first + (f" and {len(others)} more" if others else "") for kind, (first, *others) in sorted(found.items())
    }


# ── specifications under names ────────────────────────────────────────────────────────────────────────────────────────


def live_spec(live: Live, kind: Kind, named: Named) -> dict[str, Any]:
    """The canonical specification of a live object with names for ids and without what is Retinue's own.

    What an account shows of hidden fields all the same is left out: it would be printed.
    """
    spec = {name: value for name, value in kind.read(live.raw).items() if not kind.field(name).hidden}
    for each in (each for each in kind.fields if not each.hidden):
        if each.refs:
            spec[each.name] = over_ids(each, spec[each.name], named.name)
        if each.uploads:
            spec[each.name] = _recorded_files(spec[each.name], live, each, kind)
        if each.rest:
            owned = owned_keys(live.tag, each.name, spec[each.name])
            spec[each.name] = {key: spec[each.name][key] for key in owned}
        if each.per_key:
            spec[each.name] = {key: value for key, value in spec[each.name].items() if not is_ours(key)}
    if kind.attachments:
        spec[kind.attachments.field] = attached_spec(live.files)
    return spec


def recorded_ids(live: Live, kind: Kind) -> set[str]:
    """The ids of the files that a live object carries and that we made."""
    marks = kind.api.marks_of(live.raw) if kind.api else {}
    records = [read_file_records(marks, each.uploads.record) for each in kind.fields if each.uploads]
    return {file_id for found in records for file_id in found}


def _recorded_files(file_ids: Any, live: Live, each: Field, kind: Kind) -> dict[str, Any]:
    """Live file ids as a map of path → file, by the object's own records; an id nobody recorded stays an id."""
    if not file_ids or each.uploads is None or kind.api is None:
        return {}
    records = read_file_records(kind.api.marks_of(live.raw), each.uploads.record)
    if isinstance(file_ids, Mapping):
        return {
            path: records.get(file_id, file_id) if isinstance(file_id, str) else file_id
            for path, file_id in file_ids.items()
            if not (isinstance(file_id, str) and file_id in live.missing)
        }
    return {
        (records[file_id].path if file_id in records else file_id): records.get(file_id, file_id)
        for file_id in file_ids
        if file_id not in live.missing
    }


def primary_files(files: Iterable[LiveFile]) -> dict[str, LiveFile]:
    """The attached file that stands for each path: the newest that is, or will be, searchable."""
    chosen: dict[str, LiveFile] = {}
    for each in files:
        if each.path is None or each.status not in SETTLED:
            continue
        rival = chosen.get(each.path)
        if rival is None or (each.created_at, each.id) > (rival.created_at, rival.id):
            chosen[each.path] = each
    return chosen


def attached_spec(files: Iterable[LiveFile]) -> dict[str, Any]:
    """Attached files in the form of the declared field."""
    return {
        path: {
            "sha256": each.sha256 or "",
            "size": each.size,
            "attributes": dict(each.attributes),
            "chunking": dict(each.chunking),
        }
        for path, each in sorted(primary_files(files).items())
    }


def file_ref(path: str, entry: Mapping[str, Any]) -> FileRef:
    return FileRef(path, entry["sha256"], entry["size"])
