"""Files that an object carries by id (code_interpreter's): which are there, which to upload, which to let go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retinue.account.uploads import Uploader
from retinue.core.canonical import RECORDED_SHA
from retinue.core.kind import Kind, dig
from retinue.core.model import FileRef, Live
from retinue.core.ownership import is_ours, read_file_records, write_file_records


@dataclass(slots=True)
class Carried:
    """The ids for the fields that hold files, the metadata pairs that record them, and what happens after the write."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    stale: dict[str, str] = field(default_factory=dict)


def carry_files(spec: Mapping[str, Any], kind: Kind, live: Live | None, uploader: Uploader) -> Carried:
    """Bring in every file that `spec` wants and the live object does not have with the same content."""
    carried = Carried()
    for each in kind.fields:
        if each.uploads is None:
            continue
        present = recorded_files(live, kind, each.uploads.record)
        if each.name not in spec:
            carried.records.update(_records_of(present, each.uploads.record))
            continue
        wanted: dict[str, tuple[str, str]] = {}
        for path, file in spec[each.name].items():
            file_id, content = present.get(path, ("", ""))
            if content != file.sha256[:RECORDED_SHA] or uploader.account.find(f"/files/{file_id}") is None:
                file_id = uploader.upload(file, each.uploads.purpose)
                carried.fresh.append(file_id)
            wanted[path] = (file_id, file.sha256)
        kept = {file_id for file_id, _ in wanted.values()}
        carried.ids[each.name] = [file_id for file_id, _ in wanted.values()]
        carried.records.update(_records_of(wanted, each.uploads.record))
        carried.stale.update({old: each.uploads.purpose for old, _ in present.values() if old and old not in kept})
    return carried


def _records_of(files: Mapping[str, tuple[str, str]], key: str) -> dict[str, str]:
    return write_file_records(files, key) if files else {}


def recorded_files(live: Live | None, kind: Kind, record: str) -> dict[str, tuple[str, str]]:
    """Path → (file id, first digits of its sha256) of the files that a live object carries and that we made."""
    if live is None or kind.api is None:
        return {}
    files: dict[str, FileRef] = read_file_records(live.raw.get(kind.api.tag_in) or {}, record)
    return {file.path: (file_id, file.sha256) for file_id, file in files.items()}


def carried_ids(live: Live, kind: Kind) -> dict[str, str]:
    """File id → purpose, of every file that we made for a live object."""
    return {
        file_id: each.uploads.purpose
        for each in kind.fields
        if each.uploads
        for file_id, _ in recorded_files(live, kind, each.uploads.record).values()
    }


def foreign_metadata(live: Live, kind: Kind) -> dict[str, Any]:
    """The metadata pairs of a live object that are not ours; writing must not lose them."""
    metadata = dig(live.raw, (kind.api.tag_in,)) if kind.api else None
    return {key: value for key, value in (metadata or {}).items() if not is_ours(key)}
