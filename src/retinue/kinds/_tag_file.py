"""Ownership marks of objects without metadata: a file whose path, which the API shows, says what metadata would."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote

FOLDER = "/workspace/.retinue/"
TEXT = b"This file says by its path whose the environment is. Retinue keeps it.\n"
_PART = 200
"""Characters of one part of a path, of which file systems take 255."""


def read(files: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """The pairs in the marker's path; none without one."""
    for each in files or ():
        path = str(each.get("path", ""))
        if path.startswith(FOLDER):
            pairs = (part.partition("=") for part in path.removeprefix(FOLDER).replace("/", "").split("&"))
            return {unquote(key): unquote(value) for key, _, value in pairs}
    return {}


def write(files: Iterable[Mapping[str, Any]] | None, pairs: Mapping[str, str]) -> list[dict[str, Any]]:
    """The list of files with a marker that holds the pairs, in the place of any other."""
    if not pairs:
        return others(files)
    text = "&".join(f"{quote(key, safe='.')}={quote(value, safe=';:,.=')}" for key, value in sorted(pairs.items()))
    path = FOLDER + "/".join(text[start : start + _PART] for start in range(0, len(text), _PART))
    marker = {"type": "inline", "path": path, "data": base64.b64encode(TEXT).decode("ascii")}
    return [*others(files), marker]


def others(files: Iterable[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """The files that are no markers."""
    return [dict(each) for each in files or () if not str(each.get("path", "")).startswith(FOLDER)]


def lost(files: Iterable[Mapping[str, Any]] | None) -> list[str]:
    """The files whose content somebody put into the template itself: it is never shown, so nobody can write it back."""
    return [str(each["path"]) for each in others(files) if each.get("type") == "inline" and "data" not in each]
