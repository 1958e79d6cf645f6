"""The smallest differences between two canonical values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retinue.model.canonical import canonical_json, same
from retinue.model.values import ABSENT, FileRef, Gone, Path, Ref, Sealed

Difference = tuple[Path, Any, Any]
"""Where, the value before, the value after; ABSENT where there is none."""


def differences(path: Path, before: Any, after: Any) -> tuple[Difference, ...]:
    """The smallest differences between two values of the field at `path`, in the order of their paths.

    Maps are compared key by key and lists item by item; a part that exists on one side only is one difference. What
    came into a list is named by its place afterwards, and what went from it by the one it had.
    """
    if same(before, after):
        return ()
    if type(before) is not type(after) or not isinstance(before, Mapping | list):
        return ((path, before, after),)
    found = _deep(before, after)
    whole: tuple[Difference, ...] = ((path, before, after),)
    return tuple(sorted(((*path, *inner), old, new) for inner, old, new in found)) if found else whole


def _deep(before: Any, after: Any) -> list[Difference]:
    # deepdiff takes 0.2 s to import, and an unchanged account never needs it.
    from deepdiff import DeepDiff

    leaves: dict[str, Any] = {}
    tree = DeepDiff(
        _opaque(before, leaves),
        _opaque(after, leaves),
        view="tree",
        threshold_to_diff_deeper=0,
        ignore_numeric_type_changes=True,
        ignore_private_variables=False,
    )
    return [
        (tuple(change.path(output_format="list")), _restore(change.t1, leaves), _restore(change.t2, leaves))
        for changes in tree.values()
        for change in changes
    ]


def _opaque(value: Any, leaves: dict[str, Any]) -> Any:
    """Put a string in the place of what must not be taken apart (references) or taken for a number (booleans)."""
    if isinstance(value, Mapping):
        return {key: _opaque(each, leaves) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_opaque(each, leaves) for each in value]
    if isinstance(value, bool | Ref | FileRef | Gone | Sealed):
        token = f"\0{canonical_json(value)}"
        leaves[token] = value
        return token
    return value


def _restore(value: Any, leaves: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: _restore(each, leaves) for key, each in value.items()}
    if isinstance(value, list):
        return [_restore(each, leaves) for each in value]
    if isinstance(value, str):
        return leaves.get(value, value)
    # deepdiff's own word for "not there"
    return ABSENT if type(value).__name__ == "NotPresent" else value
