"""A live object → the declaration that its author would have written. The inverse of resolving."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from retinue.kinds.kind import Field, Kind
from retinue.model.canonical import same
from retinue.model.live import Live
from retinue.model.values import Gone, Ref
from retinue.planning.matching import SETTLED, Named, live_spec
from retinue.planning.resolve import matches, replaced


def write_back(live: Live, kind: Kind, named: Named) -> dict[str, Any]:
    """What to declare so that a plan finds no difference, in the order of the kind's schema.

    What is left at its default is left out. Objects that have a name in `named` are referred to by it, others by their
    ids; files stand by their ids, since what is in them cannot be read back (DOC files: the API refuses to download
    what was uploaded for assistants). Whether all of it can be declared is for a reading of the result to say.
    """
    written = kind.compose(_chosen(live, kind, named))
    for reference in kind.references:
        if not reference.inline:
            for path, value in list(matches(written, reference.pattern)):
                written = replaced(written, path, _named(value, allow_id=reference.allow_id))
    order = {name: index for index, name in enumerate(kind.schema["properties"])}
    return dict(sorted(written.items(), key=lambda pair: order.get(pair[0], len(order))))


def _chosen(live: Live, kind: Kind, named: Named) -> dict[str, Any]:
    """The fields that somebody chose a value for, under names."""
    spec, held = live_spec(live, kind, named), kind.read(live.raw)
    chosen: dict[str, Any] = {}
    for each in kind.fields:
        if each.hidden or each.policy:
            continue
        value = spec[each.name]
        if kind.attachments and each.name == kind.attachments.field:
            value = {file.id: {"id": file.id} for file in live.files if file.status in SETTLED}
        elif each.uploads:
            value = _by_id(held[each.name])
        elif each.per_key:
            value = dict(_keys(each, value))
        if value is not None and not same(value, each.default) and not any(_gone(value)):
            chosen[each.name] = value
    return chosen


def _by_id(files: Any) -> Any:
    return {file_id: file_id for file_id in files} if isinstance(files, list) else files


def _keys(each: Field, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The keys that do not hold what they are reset to."""
    for key, part in value.items():
        if part is not None and not (key in each.key_defaults and same(part, each.key_defaults[key])):
            yield key, part


def _gone(value: Any) -> Iterator[bool]:
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _gone(each)
    else:
        yield isinstance(value, Gone)


def _named(value: Any, *, allow_id: bool) -> Any:
    if isinstance(value, Ref):
        return value.address.name
    return {"id": value} if allow_id and isinstance(value, str) else value
