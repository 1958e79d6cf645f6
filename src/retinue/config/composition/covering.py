"""What has to be written for a declaration to come to something, whatever stands below it: the inverse of merging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retinue.config.composition.merging import EVERYTHING
from retinue.kinds.kind import Keyed, Kind
from retinue.model.paths import dig, fits
from retinue.model.values import Path


def covering(kind: Kind, wanted: Mapping[str, Any], below: Mapping[str, Any], path: Path = ()) -> dict[str, Any]:
    """`wanted`, with null over what is below and not wanted, and with lists that would add up written as maps."""
    written: dict[str, Any] = {}
    for name, value in wanted.items():
        under, inner = below.get(name), (*path, name)
        keyed = next((each for each in kind.keyed if fits(inner, each.pattern)), None)
        if isinstance(value, list) and keyed is not None and under:
            written[name] = _instead(keyed, value)
        elif isinstance(value, dict) and isinstance(under, dict) and "file" not in {*value, *under}:
            written[name] = covering(kind, value, under, inner)
        else:
            written[name] = value
    return written | {name: None for name, value in below.items() if name not in wanted and value is not None}


def _instead(keyed: Keyed, entries: list[Any]) -> Any:
    """A list as a map that takes the place of another list; as it is, where an entry of it cannot stand in a map."""
    made: dict[str, Any] = {EVERYTHING: None}
    for entry in entries:
        name = keyed.key(entry)
        if name is None or (isinstance(entry, Mapping) and "id" in entry):
            return entries
        options = dig(entry, keyed.options(name)) if isinstance(entry, Mapping) else None
        made[name] = dict(options) if isinstance(options, Mapping) else {}
    return made
