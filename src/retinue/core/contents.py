"""The content of a file as a value that can be compared and shown: text as itself, anything else by its digest."""

from __future__ import annotations

import hashlib

from retinue.core.model import FileRef

LARGEST_TEXT = 100_000
"""Bytes up to which a text is shown as such."""


def content_value(path: str, content: bytes) -> str | FileRef:
    """What stands for a file in a specification. `path` is where the content can be had again."""
    if len(content) <= LARGEST_TEXT and b"\0" not in content:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return FileRef(path, hashlib.sha256(content).hexdigest(), len(content))
