"""One spelling for every value: digests, and equality that does not see the difference between 1 and 1.0."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from retinue.model.values import ABSENT, FileRef, Gone, Ref, Sealed

DIGEST_LENGTH = 6
"""Characters of a digest: 36 bits in base64url."""

_SINGLE = struct.Struct("f")

RECORDED_SHA = 16
"""Hex digits of a file's sha256 that an object's metadata has room for; 64 bits decide whether content is the same."""


_LEAVES = frozenset((str, int, bool, type(None)))
_KEYS = frozenset((str,))


def plain(value: Any) -> Any:
    """The value as JSON data with sorted keys: references by address, files by content, whole floats as ints, numbers
    as they were before a server kept 32 bits of them."""
    if type(value) in _LEAVES:
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Ref):
        return {"retinue.ref": str(value.address)}
    if isinstance(value, FileRef):
        return {"retinue.file": value.sha256[:RECORDED_SHA]}
    if isinstance(value, Sealed):
        return {"retinue.sealed": True}
    if isinstance(value, Gone):
        return {"retinue.gone": value.id}
    if value is ABSENT:
        return {"retinue.absent": True}
    if isinstance(value, float):
        return int(value) if value.is_integer() else _number(value)
    return value


@lru_cache(maxsize=4096)
def _number(value: float) -> float:
    """The number that was meant: 0.7 is 0.699999988079071 on a server that keeps 32 bits. A number that is not exactly
    what 32 bits hold, as far as it is written, stays as it is."""
    try:
        (single,) = _SINGLE.unpack(_SINGLE.pack(value))
    except OverflowError:
        return value
    if value != single and all(value != float(f"{single:.{digits}g}") for digits in (8, 9, 10, 12, 15)):
        return value
    shorter = (float(f"{single:.{digits}g}") for digits in range(1, 18))
    return next(each for each in shorter if _SINGLE.pack(each) == _SINGLE.pack(value))


# A manifest of 100,000 files is most of what there is to plan for its store, so that what can be said at once is: what
# needs no translation is sorted by the encoder, and what is of one type is compared as it is.
_encoded = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_sorted = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True).encode


def canonical_json(value: Any) -> str:
    return _sorted(value) if _is_plain(value) else _encoded(plain(value))


def _is_plain(value: Any) -> bool:
    """Whether `plain` would do no more than sort the keys."""
    kind = type(value)
    if kind is dict:
        if not _KEYS.issuperset(map(type, value)):
            return False
        value = value.values()
    elif kind is not list:
        return kind in _LEAVES
    return _LEAVES.issuperset(map(type, value)) or all(map(_is_plain, value))


def digest(value: Any) -> str:
    """36 bits that tell values apart, as six characters; enough to attribute a change, never to decide equality."""
    hashed = hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(hashed[:5]).decode("ascii")[:DIGEST_LENGTH]


def same(one: Any, other: Any) -> bool:
    """Whether two canonical values mean the same to the API. Booleans are not numbers; 1 and 1.0 are equal."""
    if one is other:
        return True
    kind = type(one)
    if kind is type(other):
        if kind in _LEAVES:
            return bool(one == other)
        if kind is list:
            return len(one) == len(other) and all(map(same, one, other))
        if kind is dict and one.keys() == other.keys():
            return all(same(each, other[key]) for key, each in one.items())
    return canonical_json(one) == canonical_json(other)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

# What people write as text. A .bat needs the line ends that it has.
_TEXT_NAMES = (
    ".c .cfg .conf .cpp .cs .css .csv .go .h .hpp .htm .html .ini .ipynb .java .js .json .jsonl .jsx .kt .log .lua .m "
    ".markdown .md .php .pl .properties .py .r .rb .rs .rst .scala .sh .sql .svg .swift .tex .toml .ts .tsv .tsx .txt "
    ".vue .xml .yaml .yml"
)
_TEXT = frozenset(_TEXT_NAMES.split())


def suffix(path: str) -> str:
    """How a file's name ends, from its last dot on, in small letters: what says of which type it is. Empty where there
    is no such thing, as in `.profile`."""
    dot = path.rfind(".")
    end = path[dot:]
    return end.lower() if len(end) > 1 and dot > 0 and "/" not in end and path[dot - 1] != "/" else ""


def is_text_name(path: str) -> bool:
    """Whether a file is text by its name."""
    return suffix(path) in _TEXT


def as_uploaded(path: str, content: bytes) -> bytes:
    """The content of a file as it is digested and uploaded: the line ends of text are those of Unix, whatever a
    checkout made of them (`core.autocrlf`). What holds a zero byte, as UTF-16 does, is no text here."""
    if b"\r\n" not in content or b"\0" in content or not is_text_name(path):
        return content
    return content.replace(b"\r\n", b"\n")


LARGEST_TEXT = 100_000
"""Bytes up to which a text is shown as such."""


def content_value(path: str, content: bytes) -> str | FileRef:
    """What stands for a file in a specification. `path` is where the content can be had again."""
    content = as_uploaded(path, content)
    if len(content) <= LARGEST_TEXT and b"\0" not in content:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return FileRef(path, hashlib.sha256(content).hexdigest(), len(content))
