"""One declared and one live object → what differs, who moved it, and what has to be written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from retinue.kinds.kind import Field, Kind
from retinue.model.canonical import canonical_json, digest, same
from retinue.model.declared import Declared
from retinue.model.live import Live, LiveFile, Tag
from retinue.model.steps import Cause, FieldChange, FileAction, FileChange
from retinue.model.values import ABSENT, Address, FileRef, Gone, Path, Ref, Sealed
from retinue.planning.guards import file_witness
from retinue.planning.matching import SETTLED, file_ref, over_ids, primary_files
from retinue.planning.tag import (
    PROTECT,
    SYNCING,
    attribute,
    attribute_key,
    on_delete,
    owned_keys,
    sealed_digest,
    unset_key_cause,
    without_sizes,
)


@dataclass(slots=True)
class Comparison:
    """The differences of one object. `fixed` names the changed fields that the API takes on creation only.

    `unfinished`: an apply was interrupted before its tag could say that all is in place.
    """

    changes: list[FieldChange] = field(default_factory=list)
    files: list[FileChange] = field(default_factory=list)
    unset: list[str] = field(default_factory=list)
    forget_keys: list[tuple[str, str]] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    missing: Collection[Address] = ()
    former: Mapping[Address, Address] = field(default_factory=dict)
    unfinished: bool = False

    @property
    def in_sync(self) -> bool:
        return not (self.changes or self.files or self.unfinished)


def compare(
    declared: Declared,
    live: Live,
    spec: Mapping[str, Any],
    kind: Kind,
    missing: Collection[Address] = (),
    *,
    former: Mapping[Address, Address] | None = None,
) -> Comparison:
    """Compare what is declared with `spec`, the live object under names; only fields declared now or before count.

    `missing` are the declared addresses that have no live object: a reference to one that is lost is nobody's edit.
    `former` are the old addresses of what is renamed, which the last apply knew it by.
    """
    result = Comparison(missing=missing, former=former or {})
    for name, wanted in declared.lifecycle.heeded(declared.spec).items():
        each = kind.field(name)
        if kind.attachments and name == kind.attachments.field:
            continue
        if each.policy:
            continue
        if isinstance(wanted, Sealed):
            _compare_hidden(each, declared, wanted, live.tag, result)
        elif each.per_key:
            held = kind.read(live.raw)[name] if each.rest else spec[name]
            _compare_keys(each, declared, wanted, held, live.tag, result)
        elif not same(wanted, spec[name]):
            _compare_field(each, declared, wanted, spec[name], live.tag, result)
    _compare_unset(declared, live, spec, kind, result)
    if kind.attachments and not declared.lifecycle.ignores(kind.attachments.field):
        _compare_files(declared, live, spec, kind, result)
    flags = live.tag.flags if live.tag else frozenset()
    result.unfinished = SYNCING in flags
    if on_delete(live.tag) != declared.lifecycle.on_delete:
        path, before = ("lifecycle", "on_delete"), on_delete(live.tag)
        result.changes.append(
            FieldChange(path, before, declared.lifecycle.on_delete, "config", declared.position(("lifecycle",)))
        )
    protected = PROTECT in flags
    if protected != declared.lifecycle.protect:
        path = ("lifecycle", "protect")
        position = declared.position(("lifecycle",))
        result.changes.append(FieldChange(path, protected, declared.lifecycle.protect, "config", position))
    return result


def _compare_field(
    each: Field, declared: Declared, wanted: Any, live: Any, tag: Tag | None, result: Comparison
) -> None:
    lost = each.refs is not None and _lost(each, wanted, live, result.missing)
    known = [value if each.refs is None else _formerly(value, result.former) for value in (wanted, live)]
    cause: Cause = "config" if lost else attribute(tag, each.name, *known)
    result.changes += [
        FieldChange(path, before, after, cause, declared.position(path))
        for path, before, after in differences((each.name,), live, wanted)
    ]
    if not each.mutable:
        result.fixed.append(each.name)


def _formerly(value: Any, former: Mapping[Address, Address]) -> Any:
    """The value as it was when what it refers to had its old address."""
    if isinstance(value, Ref):
        return Ref(former.get(value.address, value.address))
    if isinstance(value, Mapping):
        return {key: _formerly(each, former) for key, each in value.items()}
    return [_formerly(each, former) for each in value] if isinstance(value, list) else value


def _compare_hidden(each: Field, declared: Declared, wanted: Sealed, tag: Tag | None, result: Comparison) -> None:
    """What the API never shows differs when it is not what we applied; somebody else's edit of it cannot be seen."""
    applied = tag.fields.get(each.name) if tag else None
    if tag and applied == sealed_digest(wanted, tag.stack, tag.address, each.name):
        return
    before = ABSENT if applied is None else Sealed()
    result.changes.append(FieldChange((each.name,), before, wanted, "config", declared.position((each.name,))))


def _lost(each: Field, wanted: Any, live: Any, missing: Collection[Address]) -> bool:
    """Whether a reference differs only because its object is no more, which is nobody's edit of this one.

    Some servers leave the dead id in place, others take it out.
    """
    if each.ref_at:
        others = [over_ids(each, side, lambda _: None) for side in (wanted, live)]
        return same(*others) and any(isinstance(leaf, Gone) for leaf in _leaves(live))
    held = list(_leaves(live))
    if held:
        return all(isinstance(each, Gone) for each in held)
    return all(isinstance(each, Ref) and each.address in missing for each in _leaves(wanted))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def _compare_keys(
    each: Field,
    declared: Declared,
    wanted: Mapping[str, Any],
    live: Mapping[str, Any],
    tag: Tag | None,
    result: Comparison,
) -> None:
    for key, value in sorted(wanted.items()):
        before = live.get(key, ABSENT)
        if before is ABSENT or not same(value, before):
            path = (each.name, key)
            cause = attribute_key(tag, each.name, key, value, before)
            result.changes.append(FieldChange(path, before, value, cause, declared.position(path)))


def _compare_unset(declared: Declared, live: Live, spec: Mapping[str, Any], kind: Kind, result: Comparison) -> None:
    """Fields and keys that we applied once and that are declared no more go back to the API's default.

    One that somebody else changed meanwhile is a conflict: resetting it would overwrite their edit.
    """
    if live.tag is None:
        return
    # What is rendered is ours as a whole, so a field that nobody declared was put there by hand.
    names = {each.name for each in kind.fields if not each.per_key} if kind.bundle else set(live.tag.fields)
    for name in sorted(names):
        if name in declared.spec or not kind.has(name) or (kind.attachments and name == kind.attachments.field):
            continue
        if declared.lifecycle.ignores(name):
            continue
        each = kind.field(name)
        if each.hidden:
            default = None if each.default is None else Sealed(each.default)
            result.changes.append(FieldChange((name,), Sealed(), default, "unset", declared.position()))
            result.unset.append(name)
        elif not same(spec[name], each.default):
            applied = live.tag.fields.get(name)
            cause: Cause = "drift" if applied is None else "unset" if digest(spec[name]) == applied else "conflict"
            result.changes.append(FieldChange((name,), spec[name], each.default, cause, declared.position()))
            result.unset.append(name)
            if not each.mutable:
                result.fixed.append(name)
    for each in kind.fields:
        if each.per_key:
            wanted = declared.spec.get(each.name, {})
            owned = owned_keys(live.tag, each.name, spec[each.name])
            for key in sorted(spec[each.name] if kind.bundle else owned):
                if declared.lifecycle.ignores(each.name, key):
                    continue
                before, after = spec[each.name][key], each.key_defaults.get(key, ABSENT)
                if key not in wanted and (after is ABSENT or not same(before, after)):
                    cause = unset_key_cause(live.tag, each.name, key, before) if key in owned else "drift"
                    result.changes.append(FieldChange((each.name, key), before, after, cause, declared.position()))
                    result.forget_keys.append((each.name, key))


# ── attached files ────────────────────────────────────────────────────────────────────────────────────────────────────


def _compare_files(declared: Declared, live: Live, spec: Mapping[str, Any], kind: Kind, result: Comparison) -> None:
    name = kind.attachments.field if kind.attachments else ""
    owned = name in declared.spec or (live.tag is not None and name in live.tag.fields)
    declared_ids = {path for path, entry in declared.spec.get(name, {}).items() if "id" in entry}
    for file_id in sorted(declared_ids - {each.id for each in live.files}):
        result.files.append(attach(file_id, declared))
    ours = [each for each in live.files if each.path is not None and each.id not in declared_ids]
    if not owned and not ours:
        return
    wanted = {path: entry for path, entry in declared.spec.get(name, {}).items() if path not in declared_ids}
    moved = attribute(live.tag, name, without_sizes(wanted), without_sizes(spec[name]))
    primary = primary_files(ours)
    for path in sorted({*wanted, *(each.path for each in ours if each.path)}):
        attached = [each for each in ours if each.path == path]
        current = _as_declared(wanted.get(path), attached) or primary.get(path)
        change = _compare_file(path, wanted.get(path), current, attached, moved, declared)
        if change:
            result.files.append(change)
    if name not in declared.spec and result.files:
        result.unset.append(name)


def _as_declared(wanted: Mapping[str, Any] | None, attached: Iterable[LiveFile]) -> LiveFile | None:
    """The file whose content and chunking are those declared: of two that an earlier apply left, and that were made
    within the same second, it is the one to keep."""
    if wanted is None:
        return None
    settled = (each for each in attached if each.status in SETTLED and each.sha256 == wanted["sha256"])
    return next((each for each in settled if same(each.chunking, wanted["chunking"])), None)


def attach(file_id: str, declared: Declared) -> FileChange:
    """What brings in a file that somebody else keeps."""
    return FileChange("attach", file_id, live_id=file_id, position=declared.position(("files", file_id)))


def _compare_file(
    path: str,
    wanted: Mapping[str, Any] | None,
    live: LiveFile | None,
    attached: list[LiveFile],
    moved: Cause,
    declared: Declared,
) -> FileChange | None:
    ids = tuple(each.id for each in attached)
    before = FileRef(path, live.sha256 or "", live.size) if live else None
    if wanted is None:
        why = None if live else "its indexing did not succeed"
        return FileChange("remove", path, before, None, ids, reason=why, expects=file_witness(attached))
    position = declared.position(("files", path))
    cause: Cause = "config"
    live_id: str | None = None
    reason: str | None = None
    if live is None:
        failed = next((each for each in attached if each.error), None)
        action: FileAction = "add"
        cause = "config" if attached else moved
        reason = f"indexing failed before: {failed.error}" if failed else None
    elif live.sha256 != wanted["sha256"]:
        # Where the declarations changed too, nobody knows of a single file who changed it.
        action, cause = "replace", "drift" if moved == "drift" else "config"
    elif not same(live.chunking, wanted["chunking"]):
        action, cause, reason = "replace", moved, "its chunking changes"
    elif not same(live.attributes, wanted["attributes"]):
        action, cause, live_id = "attributes", moved, live.id
    elif live.status == "in_progress":
        action, live_id, reason = "wait", live.id, "it is still being indexed"
    elif len(attached) > 1:
        reason, left = "a leftover of an earlier apply", [each for each in attached if each.id != live.id]
        ids, expects = tuple(each.id for each in left), file_witness(left)
        return FileChange("remove", path, None, None, ids, reason=reason, expects=expects)
    else:
        return None
    return FileChange(
        action,
        path,
        before,
        file_ref(path, wanted),
        tuple(each for each in ids if each != live_id),
        live_id,
        wanted["attributes"],
        wanted["chunking"],
        reason,
        cause,
        position,
        file_witness(each for each in attached if action != "wait" or each.id != live_id),
    )


Difference = tuple[Path, Any, Any]
"""Where, the value before, the value after; ABSENT where there is none."""


def differences(path: Path, before: Any, after: Any) -> tuple[Difference, ...]:
    """The smallest differences between two values of the field at `path`, in the order of their paths.

    Maps are compared key by key and lists item by item; a part that exists on one side only is one difference.
    """
    if same(before, after):
        return ()
    if type(before) is not type(after) or not isinstance(before, Mapping | list):
        return ((path, before, after),)
    found = _deep(before, after)
    whole: tuple[Difference, ...] = ((path, before, after),)
    return tuple(sorted(((*path, *inner), old, new) for inner, old, new in found)) if found else whole


def _deep(before: Any, after: Any) -> list[Difference]:
    # deepdiff takes 0.2 s to import, and an unchanged account never needs it.
    from deepdiff import DeepDiff

    leaves: dict[str, Any] = {}
    tree = DeepDiff(
        _opaque(before, leaves),
        _opaque(after, leaves),
        view="tree",
        threshold_to_diff_deeper=0,
        ignore_numeric_type_changes=True,
        ignore_private_variables=False,
    )
    return [
        (tuple(change.path(output_format="list")), _restore(change.t1, leaves), _restore(change.t2, leaves))
        for changes in tree.values()
        for change in changes
    ]


def _opaque(value: Any, leaves: dict[str, Any]) -> Any:
    """Put a string in the place of what must not be taken apart (references) or taken for a number (booleans)."""
    if isinstance(value, Mapping):
        return {key: _opaque(each, leaves) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_opaque(each, leaves) for each in value]
    if isinstance(value, bool | Ref | FileRef | Gone | Sealed):
        token = f"\0{canonical_json(value)}"
        leaves[token] = value
        return token
    return value


def _restore(value: Any, leaves: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: _restore(each, leaves) for key, each in value.items()}
    if isinstance(value, list):
        return [_restore(each, leaves) for each in value]
    if isinstance(value, str):
        return leaves.get(value, value)
    # deepdiff's own word for "not there"
    return ABSENT if type(value).__name__ == "NotPresent" else value
