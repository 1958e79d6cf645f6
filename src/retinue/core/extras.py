"""What this version of Retinue has no field for: written under `extra`, passed on to the API, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from retinue.core.kind import Field, Kind
from retinue.core.model import Problem
from retinue.core.place import READ_ONLY


def rest_of(kind: Kind) -> Field | None:
    """The field that holds the further parts of the body, where the kind takes any."""
    return next((each for each in kind.fields if each.rest), None)


def with_extras(kind: Kind, expanded: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of the API that `extra` adds to, such as tools of an unknown type, joined with what is declared."""
    rest = rest_of(kind)
    if rest is None or not isinstance(expanded.get(rest.name), Mapping):
        return dict(expanded)
    extra = dict(expanded[rest.name])
    joined = {name: value for name, value in extra.items() if _adds(kind, name, value)}
    spec = {**expanded, rest.name: {name: value for name, value in extra.items() if name not in joined}}
    for name, value in joined.items():
        spec[name] = [*(expanded.get(name) or []), *value]
    return spec


def _adds(kind: Kind, name: str, value: Any) -> bool:
    """Whether `value` is a list of further items for a list of the API."""
    return (
        kind.has(name)
        and kind.field(name).extendable
        and isinstance(value, list)
        and all(isinstance(each, Mapping) for each in value)
    )


def check_extras(kind: Kind, written: Mapping[str, Any]) -> Iterator[Problem]:
    """Every mistake in `extra`; paths are those of the declaration."""
    rest = rest_of(kind)
    extra = written.get(rest.name) if rest else None
    if rest is None or not isinstance(extra, Mapping):
        return
    known = {each.body_path[0] for each in kind.fields if not each.rest} | READ_ONLY
    if kind.api:
        known.add(kind.api.marks.field)
    for name, value in extra.items():
        if name in known and not _adds(kind, name, value):
            hint = "the API sets it" if name in READ_ONLY else "declare it by the fields of its own"
            message = f"'{name}' cannot be given as extra"
            yield Problem("misplaced-field", (rest.name, name), message, hint, key=True)
