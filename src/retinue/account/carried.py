"""Files that an object carries by id (code_interpreter's): which are there, which to upload, which to let go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

from retinue.account.uploads import Uploader
from retinue.core.canonical import RECORDED_SHA
from retinue.core.kind import Field, Kind
from retinue.core.model import FileRef, Live
from retinue.core.ownership import read_file_records, write_file_records
from retinue.core.place import Uploads


@dataclass(slots=True)
class Carried:
    """The ids for the fields that hold files, the metadata pairs that record them, and what happens after the write."""

    ids: dict[str, Any] = default(default_factory=dict)
    records: dict[str, str] = default(default_factory=dict)
    fresh: list[str] = default(default_factory=list)
    stale: dict[str, str] = default(default_factory=dict)


def carry_files(spec: Mapping[str, Any], kind: Kind, live: Live | None, uploader: Uploader) -> Carried:
    """Bring in every file that `spec` wants and the live object does not have with the same content."""
    carried = Carried()
    for each in kind.fields:
        if each.uploads is None:
            continue
        present = recorded_files(live, kind, each)
        if each.name not in spec:
            carried.records.update(_records_of(present, each.uploads))
            continue
        wanted: dict[str, tuple[str, str]] = {}
        theirs = {path: file for path, file in spec[each.name].items() if isinstance(file, str)}
        for path, file in spec[each.name].items():
            if path in theirs:
                continue
            file_id, content = present.get(path, ("", ""))
            if content != file.sha256[:RECORDED_SHA] or uploader.account.find(f"/files/{file_id}") is None:
                file_id = uploader.upload(file, each.uploads.purpose)
                carried.fresh.append(file_id)
            wanted[path] = (file_id, file.sha256)
        kept = {file_id for file_id, _ in wanted.values()} | set(theirs.values())
        placed = {path: theirs.get(path) or wanted[path][0] for path in spec[each.name]}
        carried.ids[each.name] = placed if each.uploads.placed else list(placed.values())
        carried.records.update(_records_of(wanted, each.uploads))
        carried.stale.update({old: each.uploads.purpose for old, _ in present.values() if old and old not in kept})
    return carried


def _records_of(files: Mapping[str, tuple[str, str]], uploads: Uploads) -> dict[str, str]:
    if uploads.placed:  # the object itself says where each file lies, and room is short
        files = {str(number): files[path] for number, path in enumerate(sorted(files))}
    return write_file_records(files, uploads.record) if files else {}


def recorded_files(live: Live | None, kind: Kind, field: Field) -> dict[str, tuple[str, str]]:
    """Path → (file id, first digits of its sha256) of the files that a live object carries and that we made."""
    if live is None or kind.api is None or field.uploads is None:
        return {}
    files: dict[str, FileRef] = read_file_records(kind.api.marks_of(live.raw), field.uploads.record)
    if field.uploads.placed:
        placed = kind.read(live.raw)[field.name]
        return {
            path: (file_id, files[file_id].sha256)
            for path, file_id in placed.items()
            if isinstance(file_id, str) and file_id in files
        }
    return {file.path: (file_id, file.sha256) for file_id, file in files.items()}


def carried_ids(live: Live, kind: Kind) -> dict[str, str]:
    """File id → purpose, of every file that we made for a live object."""
    return {
        file_id: each.uploads.purpose
        for each in kind.fields
        if each.uploads
        for file_id, _ in recorded_files(live, kind, each).values()
    }
