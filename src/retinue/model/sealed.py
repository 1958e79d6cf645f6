"""What a tag says of values that are shown nowhere; `kinds.fields.HiddenField` compares by it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from retinue.model.canonical import DIGEST_LENGTH, canonical_json
from retinue.model.tag import Tag
from retinue.model.values import Address, Sealed


def sealed_digest(sealed: Sealed, stack: str, address: Address, name: str) -> str:
    """What the tag says of a value that is shown nowhere. Who can read tags can try values out against it, so it is
    slow to compute, different for each field of each object, and with a key of the author's impossible to compute."""
    salt = f"{stack}/{address}/{name}/".encode() + sealed.key
    return slow_digest(canonical_json(sealed.value).encode("utf-8", "surrogatepass"), salt)


def reseal(tag: Tag, stack: str, address: Address, spec: Mapping[str, Any]) -> Tag:
    """The tag under another stack or address. What it says of values that are shown nowhere is said anew, as far as
    `spec`, what is declared, has those very values; otherwise a new name would look like new values."""
    fields = dict(tag.fields)
    for name, value in spec.items():
        known = fields.get(name) if isinstance(value, Sealed) else None
        if known is not None and known == sealed_digest(value, tag.stack, tag.address, name):
            fields[name] = sealed_digest(value, stack, address, name)
    return replace(tag, stack=stack, address=address, fields=fields)


@lru_cache(maxsize=4096)
def slow_digest(value: bytes, salt: bytes) -> str:
    """A digest that takes a while to compute."""
    hashed = hashlib.scrypt(value, salt=salt, n=2**13, r=8, p=1, dklen=5)
    return base64.urlsafe_b64encode(hashed).decode("ascii")[:DIGEST_LENGTH]
