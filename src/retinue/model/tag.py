"""The ownership tag and the file records in an object's metadata: written, parsed, and what they tell.

retinue          1;s=<stack>;a=<kind>.<name>;f=<field>:<digest>,…;k=<key digest><digest>…;l=<flag>,…;n=…;r=…;q=…
                 n: how many files were attached when all of them were in place
                 r and q: what the account made of a field of f, or of a key of k, where it is something else than was
                 applied: its place in that list, counted from 0 (one character), and the digest of what it answered
retinue.files    <file id> <sha256, 16 digits> <path>, one a line; continued in retinue.files.1, …
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from retinue.model.canonical import DIGEST_LENGTH, RECORDED_SHA, digest
from retinue.model.declared import Lifecycle, OnDelete
from retinue.model.values import Address, Cause, FileRef, once

TAG_KEY = "retinue"
PATH_ATTRIBUTE = "retinue.path"
SHA256_ATTRIBUTE = "retinue.sha256"
CHUNKING_ATTRIBUTE = "retinue.chunking"
GIVEN_ATTRIBUTE = "retinue.given"
SHARED_ATTRIBUTE = "retinue.shared"
RECORD_KEY = "retinue.files"
VERSION = "1"
MOST_CHARACTERS = 512
"""SPEC Metadata: the longest value."""
PROTECT = "protect"
SYNCING = "syncing"
KEEP = "keep"
RETIRE = "retire"
RETIRED = "retired"
"""The flags: the object may not be deleted; its attached files were not all in place when the tag was written; instead
of being deleted it is to be left, or let expire; it was let go and is waiting for its end."""

_KEY_DIGEST = 4
_PLACES = string.ascii_letters + string.digits
_LONGEST_FILE_ID = 40


class TagError(ValueError):
    """A tag is there but is not one that this version can read."""


def is_ours(key: str) -> bool:
    """Whether a metadata key or attribute belongs to Retinue rather than to the author."""
    return key == TAG_KEY or key.startswith(f"{TAG_KEY}.")


def lifecycle_flags(lifecycle: Lifecycle) -> frozenset[str]:
    """What must be known of a lifecycle when nobody declares it any more."""
    chosen = {PROTECT} if lifecycle.protect else set()
    return frozenset(chosen | ({lifecycle.on_delete} if lifecycle.on_delete != "delete" else set()))


def on_delete(tag: Tag | None) -> OnDelete:
    """What a tag says is to happen to its object when it is declared no more."""
    flags = tag.flags if tag else frozenset()
    return "keep" if KEEP in flags else "retire" if RETIRE in flags else "delete"


def is_retired(tag: Tag | None) -> bool:
    """Whether the object was let go and is only waiting for its end."""
    return tag is not None and RETIRED in tag.flags


@lru_cache(maxsize=4096)
def key_digest(field: str, key: str) -> str:
    return digest([field, key])[:_KEY_DIGEST]


def write_tag(tag: Tag) -> str:
    """The tag as a metadata value: within 512 characters even with every field, 15 keys and the longest names."""
    fields = ",".join(f"{name}:{value}" for name, value in sorted(tag.fields.items()))
    keys = "".join(f"{key}{value}" for key, value in sorted(tag.keys.items()))
    parts = [VERSION, f"s={tag.stack}", f"a={tag.address}", f"f={fields}"]
    parts += [f"k={keys}"] if keys else []
    parts += [f"l={','.join(sorted(tag.flags))}"] if tag.flags else []
    parts += [f"n={tag.attached}"] if tag.attached is not None else []
    for name, applied, returned in (("r", tag.fields, tag.returned), ("q", tag.keys, tag.returned_keys)):
        room = (MOST_CHARACTERS - len(";".join(parts)) - len(f";{name}=")) // (1 + DIGEST_LENGTH)
        placed = zip(_PLACES, sorted(applied), strict=False)
        places = [place + returned[each] for place, each in placed if each in returned]
        # What there is no room for would be seen as somebody's edit.
        parts += [f"{name}={''.join(places[:room])}"] if places[: max(room, 0)] else []
    return ";".join(parts)


def read_tag(text: str) -> Tag:
    """Parse a tag. Raises TagError for anything that is not one: half a tag must never pass for none."""
    version, *parts = text.split(";")
    if version != VERSION:
        raise TagError(f"its format is '{version[:20]}', and this version of retinue reads format {VERSION}")
    try:
        values = dict(part.split("=", 1) for part in parts)
        pairs = (entry.split(":", 1) for entry in values["f"].split(",") if entry)
        fields = {once(name): value for name, value in pairs}
        stack, address = once(values["s"]), Address.parse(values["a"])
    except (KeyError, ValueError) as error:
        raise TagError(f"'{text[:80]}' is not a complete tag") from error
    keys = values.get("k", "")
    width = _KEY_DIGEST + DIGEST_LENGTH
    if len(keys) % width or not stack or any(len(value) != DIGEST_LENGTH for value in fields.values()):
        raise TagError(f"'{text[:80]}' is not a complete tag")
    packed = {chunk[:_KEY_DIGEST]: chunk[_KEY_DIGEST:] for chunk in _chunks(keys, width)}
    flags = frozenset(flag for flag in values.get("l", "").split(",") if flag)
    try:
        returned, returned_keys = (_returned(values.get(each, ""), of) for each, of in (("r", fields), ("q", packed)))
    except (IndexError, ValueError) as error:
        raise TagError(f"'{text[:80]}' is not a complete tag") from error
    number = values.get("n", "")
    # A number that is none is no reason to take the stack for damaged: the files are listed.
    attached = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None
    return Tag(stack, address, fields, packed, flags, returned, returned_keys, attached)


def _chunks(text: str, width: int) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]


def _returned(text: str, applied: Mapping[str, str]) -> dict[str, str]:
    names, chunks = sorted(applied), _chunks(text, 1 + DIGEST_LENGTH)
    if any(len(each) != 1 + DIGEST_LENGTH for each in chunks):
        raise ValueError(text)
    return {names[_PLACES.index(each[0])]: each[1:] for each in chunks}


_STACK = re.compile(r";s=([a-z0-9_-]+);")


def named_stack(text: str) -> str | None:
    """Whose a tag is, as far as even one that cannot be read says so."""
    found = _STACK.search(text)
    return found[1] if found else None


def may_be_of(text: str, stack: str) -> bool:
    """Whether a tag that cannot be read, and that does not say whose it is, may be the stack's: it has the stack's name
    somewhere, begins as the stack's tag would and breaks off, or is of a format that this version does not know."""
    here = re.search(rf"(?<![a-z0-9_-]){re.escape(stack)}(?![a-z0-9_-])", text)
    version, semicolon, _ = text.partition(";")
    other = bool(semicolon) and version.isdigit() and version != VERSION
    return bool(here) or other or f"{VERSION};s={stack};".startswith(text)


def attribute(tag: Tag | None, name: str, declared: Any, live: Any) -> Cause:
    """Who moved a field that differs: the three-way decision of the last applied, the declared and the live value."""
    return _attribute(tag.fields, tag.returned, name, declared, live) if tag else "config"


def attribute_key(tag: Tag | None, name: str, key: str, declared: Any, live: Any) -> Cause:
    """The same for one key of a field that is owned key by key. `live` is ABSENT when the key is not there."""
    return _attribute(tag.keys, tag.returned_keys, key_digest(name, key), declared, live) if tag else "config"


def _attribute(applied: Mapping[str, str], returned: Mapping[str, str], name: str, declared: Any, live: Any) -> Cause:
    before = applied.get(name)
    if before is None or digest(live) == returned.get(name, before):
        return "config"
    return "drift" if digest(declared) == before else "conflict"


def is_as_returned(tag: Tag | None, name: str, declared: Any, live: Any) -> bool:
    """Whether a field differs only in what the account made of the value when it was applied."""
    return tag is not None and _as_returned(tag.fields, tag.returned, name, declared, live)


def is_key_as_returned(tag: Tag | None, name: str, key: str, declared: Any, live: Any) -> bool:
    """The same for one key of a field that is owned key by key. `live` is ABSENT when the key is not there."""
    return tag is not None and _as_returned(tag.keys, tag.returned_keys, key_digest(name, key), declared, live)


def _as_returned(applied: Mapping[str, str], returned: Mapping[str, str], name: str, declared: Any, live: Any) -> bool:
    return name in returned and digest(live) == returned[name] and digest(declared) == applied.get(name)


def remembering(tag: Tag, before: Tag | None, content: Collection[str] = ()) -> Tag:
    """The tag with what an earlier one says that the account made of values which are still the same, or are files,
    which it will make the same of: those fields are `content`. So it is with how many are attached."""
    if before is None:
        return tag
    if all(tag.fields.get(each) == before.fields.get(each) for each in content):
        tag = replace(tag, attached=before.attached)
    if not (before.returned or before.returned_keys):
        return tag
    pairs = ((tag.fields, before.fields, before.returned), (tag.keys, before.keys, before.returned_keys))
    fields, keys = (
        {each: was[each] for each in was if now.get(each) == old.get(each) or (each in content and each in now)}
        for now, old, was in pairs
    )
    return replace(tag, returned={**fields, **tag.returned}, returned_keys={**keys, **tag.returned_keys})


def unset_key_cause(tag: Tag, name: str, key: str, live: Any) -> Cause:
    """Why a key that is declared no more is reset: it still holds what we applied, or somebody changed it since."""
    place = key_digest(name, key)
    return "unset" if tag.returned_keys.get(place, tag.keys.get(place)) == digest(live) else "conflict"


def owned_keys(tag: Tag | None, name: str, live: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of a live map that were applied by us. A key that is gone needs no name any more."""
    return tuple(key for key in live if tag and not is_ours(key) and key_digest(name, key) in tag.keys)


# ── file records ──────────────────────────────────────────────────────────────────────────────────────────────────────


def write_file_records(files: Mapping[str, tuple[str, str]], key: str = RECORD_KEY) -> dict[str, str]:
    """Metadata pairs that record path → (file id, sha256), as few as hold them."""
    lines = [f"{file_id} {sha256[:RECORDED_SHA]} {_escaped(path)}" for path, (file_id, sha256) in sorted(files.items())]
    values: list[str] = []
    for line in lines:
        if values and len(values[-1]) + 1 + len(line) <= MOST_CHARACTERS:
            values[-1] += f"\n{line}"
        else:
            values.append(line)
    return {key if index == 0 else f"{key}.{index}": value for index, value in enumerate(values)}


def read_file_records(metadata: Mapping[str, str], key: str = RECORD_KEY) -> dict[str, FileRef]:
    """File id → the file it was made from, with the first digits of its sha256. Raises TagError when unreadable."""
    records: dict[str, FileRef] = {}
    for name, value in metadata.items():
        if value and (name == key or name.startswith(f"{key}.")):
            for line in value.split("\n"):
                file_id, _, rest = line.partition(" ")
                sha256, _, path = rest.partition(" ")
                if not (file_id and path and len(sha256) == RECORDED_SHA):
                    raise TagError(f"its file record '{line[:80]}' is not complete")
                records[file_id] = FileRef(_unescaped(path), sha256)
    return records


def _escaped(path: str) -> str:
    """A path on one line; a file's name may hold any character but a slash."""
    return path.replace("\\", "\\\\").replace("\n", "\\n")


def _unescaped(line: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], line)


def file_record_keys(files: Mapping[str, Any]) -> int:
    """How many metadata pairs the records of these paths take, whatever ids the account gives."""
    ours = [path for path, file in files.items() if not isinstance(file, str)]
    return len(write_file_records(dict.fromkeys(ours, ("x" * _LONGEST_FILE_ID, "0" * 64))))


@dataclass(frozen=True, slots=True)
class Tag:
    """The ownership mark in a live object's metadata: whose it is, and digests of what was applied last.

    `fields` maps a field's name to the digest of its value; `keys` maps the digest of a key to the digest of its value,
    for fields that are owned key by key. `returned` and `returned_keys` map those that the account did not keep as
    given to the digest of what it answered to the write. `attached` is how many files, whosever, were attached when all
    of ours were in place: what the account counted, and nothing that was applied, so that tags are the same without it.
    """

    stack: str
    address: Address
    fields: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    returned: Mapping[str, str] = field(default_factory=dict)
    returned_keys: Mapping[str, str] = field(default_factory=dict)
    attached: int | None = field(default=None, compare=False)
