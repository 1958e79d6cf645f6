"""Paths into declarations and specifications, and values at them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinue.model.values import Path

Pattern = tuple[str, ...]
"""A path in a declaration where `*` stands for any one key or index."""


def fits(path: Path, pattern: Pattern) -> bool:
    """Whether a path is one of those that a pattern stands for."""
    return len(path) == len(pattern) and all(want in ("*", part) for part, want in zip(path, pattern, strict=True))


def show(path: Path) -> str:
    """A path for people: keys with dots between them, indexes in brackets."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def dig(value: Any, path: Iterable[str]) -> Any:
    """The value at `path`, or None where any part of the way is missing."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def without_defaults(value: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without nulls and without keys that hold their default: what is left is what somebody chose."""
    return {
        key: each for key, each in value.items() if each is not None and not (key in defaults and each == defaults[key])
    }
