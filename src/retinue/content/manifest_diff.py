"""Two manifests, or a manifest and the files of a store → what is to be brought in, changed and taken out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from retinue.content.manifest import SETTLED, as_kept, file_ref, primary_files, same_content, without_sizes
from retinue.model.canonical import digest, same
from retinue.model.declared import Declared
from retinue.model.live import Live, LiveFile
from retinue.model.steps import FileAction, FileChange, Step
from retinue.model.tag import attribute
from retinue.model.values import Cause, FileRef


def compare_manifest(name: str, declared: Declared, live: Live) -> Iterator[FileChange]:
    """What has to be done so that the store holds the files that the field `name` declares, and none else of ours."""
    if live.unread is not None:
        return
    written: Mapping[str, Any] = declared.spec.get(name, {})
    owned = name in declared.spec or (live.tag is not None and name in live.tag.fields)
    declared_ids = {path for path, entry in written.items() if "id" in entry}
    for file_id in sorted(declared_ids - {each.id for each in live.files}):
        yield attach(file_id, declared)
    ours = [each for each in live.files if each.path is not None and each.id not in declared_ids]
    if not owned and not ours:
        return
    wanted = {path: entry for path, entry in written.items() if path not in declared_ids}
    by_path: dict[str, list[LiveFile]] = {}
    for each in ours:
        by_path.setdefault(str(each.path), []).append(each)
    differing = [path for path in sorted({*wanted, *by_path}) if not _is_as_declared(wanted.get(path), by_path, path)]
    if not differing:
        return
    held, primary = without_sizes(live.spec[name]), primary_files(ours)
    if live.tag is not None and name in live.tag.returned:
        given = {path: each.given for path, each in primary.items() if each.given}
        held = as_kept(held, given, {path for path, each in primary.items() if each.recorded})
    moved = attribute(live.tag, name, without_sizes(wanted), held)
    origins = _moves(wanted, by_path, differing) if moved == "config" else {}
    for path, each in origins.items():
        yield _move(path, wanted[path], each, declared)
    left = {*origins, *(str(each.path) for each in origins.values())}
    for path in differing:
        if path in left:
            continue
        attached = by_path.get(path, [])
        current = _as_declared(wanted.get(path), attached) or primary.get(path)
        change = _compare_file(path, wanted.get(path), current, attached, moved, declared)
        if change:
            yield _with_failure(change, live)


def _is_as_declared(wanted: Mapping[str, Any] | None, by_path: Mapping[str, Sequence[LiveFile]], path: str) -> bool:
    """Whether nothing is to be done about a path, as most often: who changed what is only asked where something is."""
    attached = by_path.get(path, ())
    if wanted is None or len(attached) != 1:
        return False
    (live,) = attached
    return (
        live.status == "completed"
        and not (live.unmarked or live.recorded)
        and same_content(live.sha256, wanted["sha256"])
        and same(live.chunking, wanted["chunking"])
        and same(live.attributes, wanted["attributes"])
    )


def _with_failure(change: FileChange, live: Live) -> FileChange:
    """The change of a file, with why it has to be tried again where the same content could not be indexed before."""
    sha256, why = live.failed.get(change.path, ("", ""))
    again = change.action in ("add", "replace") and change.after is not None and change.after.sha256 == sha256
    if not again or change.reason or change.cause != "config":
        return change
    return replace(change, reason=f"indexing failed before: {why}")


def _moves(
    wanted: Mapping[str, Any], by_path: Mapping[str, Sequence[LiveFile]], differing: Iterable[str]
) -> dict[str, LiveFile]:
    """The new paths of files that are declared in another folder now, each with the file. What a search tells of one is
    its name, which cannot be changed; how it is cut cannot either."""
    gone: dict[tuple[str, str], list[LiveFile]] = {}
    for path in differing:
        attached = by_path.get(path, ())
        if path not in wanted and len(attached) == 1 and _may_move(attached[0]):
            gone.setdefault((PurePosixPath(path).name, str(attached[0].sha256)), []).append(attached[0])
    found: dict[str, LiveFile] = {}
    for path in differing:
        if path in wanted and path not in by_path:
            alike = gone.get((PurePosixPath(path).name, wanted[path]["sha256"]), [])
            fitting = next((each for each in alike if same(each.chunking, wanted[path]["chunking"])), None)
            if fitting is not None:
                alike.remove(fitting)
                found[path] = fitting
    return found


def _may_move(file: LiveFile) -> bool:
    """Whether a file can be searched, and its account keeps its attributes."""
    return file.status == "completed" and not (file.recorded or file.unmarked)


def _move(path: str, wanted: Mapping[str, Any], file: LiveFile, declared: Declared) -> FileChange:
    return FileChange(
        "move",
        path,
        FileRef(str(file.path), file.sha256 or "", file.size),
        file_ref(path, wanted),
        live_id=file.id,
        attributes=wanted["attributes"],
        chunking=wanted["chunking"],
        reason=f"from {file.path}",
        position=declared.position(("files", path)),
        expects=file_witness([file]),
    )


def added_files(name: str, declared: Declared) -> Iterator[FileChange]:
    """All that a store which is created is to hold."""
    for path, entry in sorted(declared.spec.get(name, {}).items()):
        if "id" in entry:
            yield attach(path, declared)
            continue
        yield FileChange(
            "add",
            path,
            after=file_ref(path, entry),
            attributes=entry["attributes"],
            chunking=entry["chunking"],
            position=declared.position((name, path)),
        )


def common_contents(several: Iterable[Iterable[FileChange]]) -> frozenset[tuple[str, str]]:
    """What several steps bring in, of the changes of each, as the name and the sha256 of a file. The name counts, since
    searches tell it and it cannot be changed."""
    seen: set[tuple[str, str]] = set()
    common: set[tuple[str, str]] = set()
    for changes in several:
        wanted = {content_key(each.after) for each in changes if each.action in ("add", "replace") and each.after}
        common |= seen & wanted
        seen |= wanted
    return frozenset(common)


def content_key(file: FileRef) -> tuple[str, str]:
    """What two files have in common that can be one file of an account."""
    return PurePosixPath(file.path).name, file.sha256


def removed_files(live: Live) -> Iterator[FileChange]:
    """All of ours that goes with a store which is deleted."""
    for each in live.files:
        if each.path:
            yield FileChange("remove", each.path, file_ids=(each.id,), expects=file_witness([each]))


def _as_declared(wanted: Mapping[str, Any] | None, attached: Iterable[LiveFile]) -> LiveFile | None:
    """The file whose content and chunking are those declared: of two that an earlier apply left, and that were made
    within the same second, it is the one to keep."""
    if wanted is None:
        return None
    settled = (each for each in attached if each.status in SETTLED and same_content(each.sha256, wanted["sha256"]))
    return next((each for each in settled if not each.chunking or same(each.chunking, wanted["chunking"])), None)


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
    elif not same_content(live.sha256, wanted["sha256"]):
        # Where the declarations changed too, nobody knows of a single file who changed it.
        action, cause = "replace", "drift" if moved == "drift" else "config"
    elif (live.chunking or not (live.recorded or live.unmarked)) and not same(live.chunking, wanted["chunking"]):
        action, cause, reason = "replace", moved, "its chunking changes"
    elif live.unmarked or not _has_attributes(live, wanted["attributes"]):
        action, cause, live_id = "attributes", "drift" if live.unmarked else moved, live.id
        reason = "somebody took its marks away" if live.unmarked else None
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


def _has_attributes(live: LiveFile, wanted: Mapping[str, Any]) -> bool:
    """Whether a file has the declared attributes, as far as its account keeps them."""
    return live.recorded or same(live.attributes, wanted) or live.given == digest(wanted)


def file_witness(files: Iterable[LiveFile]) -> dict[str, str]:
    """Digests of the attributes of attached files, by their ids; nothing is lost of a file that has none."""
    return {each.id: digest(each.attributes) for each in files if each.attributes}


def manifest_changes(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], declared: Declared
) -> Iterator[FileChange]:
    """The differences of two specifications in the field `name`; `declared` knows their places."""
    before, after = old.get(name, {}), new.get(name, {})
    for path in sorted({*before, *after}):
        one, other = before.get(path), after.get(path)
        place = declared.position((name, path)) if other is not None or not new else None
        if other is None:
            yield FileChange("remove", path, file_ref(path, one), position=place)
            continue
        action = _action(one, other)
        if action is None:
            continue
        yield FileChange(
            action,
            path,
            file_ref(path, one) if one else None,
            file_ref(path, other),
            attributes=other["attributes"],
            chunking=other["chunking"],
            reason="its chunking differs" if one and action == "replace" and one["sha256"] == other["sha256"] else None,
            position=place,
        )


def _action(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> FileAction | None:
    if one is None:
        return "add"
    if one["sha256"] != other["sha256"] or not same(one["chunking"], other["chunking"]):
        return "replace"
    return None if same(one["attributes"], other["attributes"]) else "attributes"


def moved_files(step: Step, attached: Iterable[LiveFile]) -> list[str]:
    """The paths, sorted, where the store holds other files than the plan found under the paths that the step is about,
    or, for a deletion, under any path, or where a file has other attributes. Files that are to go and are gone already
    do no harm."""
    attached = tuple(attached)
    # What is attached by its id is somebody else's, and is not there yet.
    changes = [change for change in step.files if change.action != "attach"]
    planned: dict[str, set[str]] = {}
    for change in changes:
        planned.setdefault(change.path, set()).update((*change.file_ids, *([change.live_id] if change.live_id else [])))
    ours = {each.id: each.path for each in attached if each.path is not None}
    # Where leftovers go, the file that stays is not part of the change.
    left = {change.path for change in changes if change.action == "remove" and change.before is None}
    wanted = set(ours.values()) if step.action == "delete" else planned.keys() - left
    looked_at = {file_id: path for file_id, path in ours.items() if path in wanted}
    strange = {path for file_id, path in looked_at.items() if file_id not in planned.get(path, set())}
    kept = {change.path for change in changes if change.live_id and change.live_id not in ours}
    found = file_witness(attached)
    edited = {
        change.path
        for change in changes
        for file_id in change.touched
        if file_id in ours and found.get(file_id) != change.expects.get(file_id)
    }
    return sorted(strange | kept | edited)
