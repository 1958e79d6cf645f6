"""Files of the account that nothing holds and that may be the stack's: which, and how it is known.

A file carries no tag (decision 28), so only what was noted of an upload says for certain whose it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Literal

from retinue.content.manifest import file_ref, same_content
from retinue.kinds.fields import UploadsField
from retinue.kinds.kind import Kinds
from retinue.kinds.stores import WithFiles
from retinue.model.canonical import same
from retinue.model.declared import Declared
from retinue.model.live import Live
from retinue.model.values import FileRef
from retinue.planning.marker import Lease
from retinue.providers.openai.answers import Json, seconds
from retinue.providers.openai.client import Account
from retinue.providers.openai.uploads import CLOCK_SKEW, FILES_PAGE
from retinue.state.cache import IDS, Cache
from retinue.state.upload_journal import Journalled, UploadJournal

Certainty = Literal["ours", "likely", "alike"]
"""`ours`: this machine noted that it uploaded the file. `likely`: a declared file has its name and size, and it came in
while an apply of the stack ran that was cut off. `alike`: a declared file has its name, and nothing else is known."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """A file that nothing holds. `size` is in bytes, `created` in Unix seconds by the account's clock; `recorded` says
    where what is known of it stands. `entry` is the key of the journal's entry that does not know its id yet."""

    id: str
    name: str
    size: int
    purpose: str
    created: float
    certainty: Certainty
    recorded: str
    reason: str
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to go by: the notes of this machine, the lease of an apply that was `cut_off`, and the files that
    are declared. `held` are the ids that objects are known to hold, `staying` those that the stack's go on to hold as
    they are; `holding` asks the account about the others."""

    cache: Cache
    journal: UploadJournal
    declared: Collection[FileRef]
    purposes: Collection[str]
    held: Collection[str]
    staying: Collection[str]
    holding: Callable[[Collection[str]], set[str]]
    cut_off: Lease | None = None


def find_orphans(account: Account, known: Known) -> list[Orphan]:
    """The files that nothing holds and that are or may be the stack's, the certain ones first, each sort by age.

    Raises AccountError when the account cannot be read: what cannot be looked at counts as held.
    """
    listed = _listed(account, known)
    named: dict[str, list[FileRef]] = {}
    for file in known.declared:
        named.setdefault(PurePosixPath(file.path).name, []).append(file)
    noted = dict(_noted(known, listed))
    sought = {file_id for file_id, raw in listed.items() if file_id in noted or raw.get("filename") in named}
    sought -= set(known.held)
    sought -= known.holding(sought)
    entries = dict(_lost(known, {file_id: listed[file_id] for file_id in sought - set(noted)}))
    answerless: Told = ("ours", known.journal.path.name, "it was uploaded, and its answer lost, by an apply cut off")
    found = []
    for file_id in sought:
        raw, entry = listed[file_id], entries.get(file_id)
        told = noted.get(file_id) or (answerless if entry else _guess(raw, named, known.cut_off))
        found.append(_orphan(raw, told, entry))
    order: Mapping[Certainty, int] = {"ours": 0, "likely": 1, "alike": 2}
    return sorted(found, key=lambda each: (order[each.certainty], each.created, each.id))


def _listed(account: Account, known: Known) -> dict[str, Json]:
    """The files of the purposes that the stack uses, and those that were noted, by id."""
    found: dict[str, Json] = {}
    for purpose in sorted(known.purposes):
        found.update({str(raw["id"]): raw for raw in account.pages("/files", page=FILES_PAGE, purpose=purpose)})
    noted = {each.id for each in known.journal.entries.values() if each.id} | set(known.cache.files.lost)
    for file_id in sorted(noted - set(found)):
        raw = account.find(f"/files/{file_id}")
        if raw is not None:
            found[file_id] = raw
    return found


def purposes(kinds: Kinds) -> set[str]:
    """The purposes of the files that stacks bring in."""
    found = {field.purpose for kind in kinds.values() for field in kind.uploads}
    return found | {kind.store.purpose for kind in kinds.values() if isinstance(kind.store, WithFiles)}


def declared_files(declared: Iterable[Declared], kinds: Kinds) -> Iterator[FileRef]:
    """Every file that declarations bring in."""
    for each in declared:
        for field in kinds[each.address.kind].at(each.home).fields:
            files = each.spec.get(field.name) or {}
            if field.content:
                yield from (file_ref(path, entry) for path, entry in files.items() if "id" not in entry)
            elif isinstance(field, UploadsField):
                yield from (file for file in files.values() if isinstance(file, FileRef))


def staying_files(declared: Iterable[Declared], live: Iterable[Live], kinds: Kinds) -> Iterator[str]:
    """The ids of the files that the stack's objects hold as it is declared: no apply brings those in once more."""
    wanted = {each.address: each for each in declared}
    for each in live:
        said = wanted.get(each.tag.address) if each.tag else None
        if said is None:
            continue
        for field in kinds[each.kind].at(said.home).fields:
            files = said.spec.get(field.name) or {}
            if field.content:
                for file in each.files:
                    entry = files.get(file.path, {})
                    if same_content(file.sha256, entry.get("sha256", "")) and same(file.chunking, entry["chunking"]):
                        yield file.id
            elif isinstance(field, UploadsField):
                for path, (file_id, sha256) in field.carried(each).items():
                    if isinstance(files.get(path), FileRef) and same_content(sha256, files[path].sha256):
                        yield file_id


def reusable(account: Account, known: Known) -> dict[str, str]:
    """The files that an apply which was cut off elsewhere brought in and did not attach, each with its digest.

    They are known as uploads without an answer are: by name, size and time, and by nobody holding them. Where more are
    alike than are missing, or declared files of different content are, none is taken.
    """
    lease = known.cut_off
    if lease is None or lease.began is None:
        return {}
    digests: dict[tuple[Any, Any], list[str]] = {}
    for file in known.declared:
        digests.setdefault((PurePosixPath(file.path).name, file.size), []).append(file.sha256)
    noted = {each.id for each in known.journal.entries.values()} | set(known.cache.files.lost)
    held, found = Counter[tuple[Any, Any]](), dict[tuple[Any, Any], list[str]]()
    for purpose in sorted(known.purposes):
        for raw in account.pages("/files", page=FILES_PAGE, purpose=purpose):
            traits, file_id = (raw.get("filename"), raw.get("bytes")), str(raw["id"])
            if traits not in digests or len(set(digests[traits])) > 1:
                continue
            if file_id in known.staying:
                held[traits] += 1
            elif file_id in known.held:
                continue
            elif file_id not in noted and _came_in_during(lease, raw):
                found.setdefault(traits, []).append(file_id)
    free = {file_id for ids in found.values() for file_id in ids}
    free -= known.holding(free)
    mine: dict[str, str] = {}
    for traits, ids in found.items():
        left = [each for each in ids if each in free]
        if len(left) <= len(digests[traits]) - held[traits]:
            mine.update(dict.fromkeys(left, digests[traits][0]))
    return mine


def _came_in_during(lease: Lease, raw: Json) -> bool:
    """Whether a file was created while a lease held."""
    created = seconds(raw.get("created_at"))
    return lease.began is not None and lease.began - CLOCK_SKEW <= created <= lease.ends + CLOCK_SKEW


Told = tuple[Certainty, str, str]


def _noted(known: Known, listed: Collection[str]) -> Iterator[tuple[str, Told]]:
    """What this machine wrote down of files whose ids it learned."""
    for file_id in known.cache.files.lost:
        if file_id in listed:
            yield file_id, ("ours", IDS, "it was attached here, and somebody detached it or the store expired")
    for entry in known.journal.entries.values():
        if entry.id in listed:
            doing = "it was to be deleted" if entry.doomed else "it was uploaded and not attached"
            where = "marker" if entry.id in known.journal.adopted else known.journal.path.name
            yield entry.id or "", ("ours", where, f"{doing} when an apply was cut off")


def _lost(known: Known, free: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Uploads whose answer was lost, each with the key of its entry: known by name, size, purpose and time, where no
    more are like that than are missing, as decision 6 has it."""
    lost: dict[tuple[Any, ...], list[Journalled]] = {}
    for entry in known.journal.entries.values():
        if entry.id is None:
            lost.setdefault((entry.filename, entry.size, entry.purpose), []).append(entry)
    alike: dict[tuple[Any, ...], list[str]] = {}
    for file_id, raw in free.items():
        traits = (raw.get("filename"), raw.get("bytes"), raw.get("purpose"))
        if traits in lost and seconds(raw.get("created_at")) >= min(each.started for each in lost[traits]) - CLOCK_SKEW:
            alike.setdefault(traits, []).append(file_id)
    for traits, ids in alike.items():
        if len(ids) <= len(lost[traits]):
            yield from zip(ids, (each.key for each in lost[traits]), strict=False)


def _guess(raw: Json, named: Mapping[str, Iterable[FileRef]], cut_off: Lease | None) -> Told:
    """What the account and the declarations let one think of a file that this machine knows nothing of."""
    files = list(named[str(raw.get("filename"))])
    same = next((each for each in files if each.size == raw.get("bytes")), None)
    if same is None:
        return "alike", "declarations", f"'{files[0].path}' is called the same and has another size now"
    fits = f"'{same.path}' has its name and size"
    if cut_off is None or not _came_in_during(cut_off, raw):
        return "alike", "declarations", fits
    who = f"of {cut_off.owner} that began at {datetime.fromtimestamp(cut_off.began or 0.0, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return "likely", "marker", f"{fits}, and it came in during the apply {who} and was cut off"


def _orphan(raw: Json, told: Told, entry: str | None) -> Orphan:
    size, created = raw.get("bytes"), seconds(raw.get("created_at"))
    name, purpose = str(raw.get("filename") or ""), str(raw.get("purpose") or "")
    return Orphan(str(raw["id"]), name, size if isinstance(size, int) else 0, purpose, created, *told, entry)
