"""What a store holds: which file stands under which path, with its digest, attributes and chunking."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from retinue.model.canonical import RECORDED_SHA, digest
from retinue.model.live import LiveFile
from retinue.model.values import FileRef

SETTLED = ("completed", "in_progress")
"""File statuses that lead to a searchable file; the others (failed, cancelled) do not (SPEC VectorStoreFileObject)."""


class Summary(NamedTuple):
    """What a store is declared to hold, in short: the digest that a tag has of it, and how many files that are."""

    digest: str
    files: int


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
            "attributes": each.attributes,
            "chunking": each.chunking,
        }
        for path, each in sorted(primary_files(files).items())
    }


def same_content(live: str | None, declared: str) -> bool:
    """Whether a digest read from the account, of which there may be only the first digits, is the declared one."""
    return bool(live) and declared.startswith(str(live))


def as_kept(
    files: Mapping[str, Mapping[str, Any]], given: Mapping[str, str] = MappingProxyType({}), bare: Collection[str] = ()
) -> dict[str, Any]:
    """A manifest as two of them are compared where the account does not keep attributes as they are given. `given` are
    the digests of those that it made something else of, by path; of the paths that are `bare` it keeps none."""
    return {
        path: {
            "sha256": entry["sha256"][:RECORDED_SHA],
            "attributes": None if path in bare else given.get(path) or digest(entry["attributes"]),
            "chunking": None if path in bare else entry["chunking"],
        }
        for path, entry in files.items()
    }


def file_ref(path: str, entry: Mapping[str, Any]) -> FileRef:
    return FileRef(path, entry["sha256"], entry["size"])


def files_digest(files: Iterable[LiveFile]) -> str:
    """What a tag says of attached files, of which one stands under each path; empty where several do."""
    ours = [each for each in files if each.path is not None]
    spec = attached_spec(ours)
    return digest(without_sizes(spec)) if len(spec) == len(ours) else ""


def without_sizes(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Attached files as they are compared and digested: the size follows from the content. Those that are declared by
    their ids are not ours."""
    return {
        path: {"sha256": entry["sha256"], "attributes": entry["attributes"], "chunking": entry["chunking"]}
        for path, entry in files.items()
        if "id" not in entry
    }
