"""A live object → the declaration that its author would have written. The inverse of resolving."""

from __future__ import annotations

from typing import Any

from retinue.kinds.fields import UNCHOSEN
from retinue.kinds.kind import Kind
from retinue.model.live import Live
from retinue.model.values import Ref
from retinue.planning.resolve import matches, replaced


def write_back(live: Live, kind: Kind) -> dict[str, Any]:
    """What to declare so that a plan finds no difference, in the order of the kind's schema.

    What is left at its default is left out. Objects that have a name are referred to by it, others by their ids; files
    stand by their ids, since what is in them cannot be read back (DOC files: the API refuses to download what was
    uploaded for assistants). Whether all of it can be declared is for a reading of the result to say.
    """
    chosen = {each.name: each.chosen(live) for each in kind.fields}
    written = kind.compose({name: value for name, value in chosen.items() if value is not UNCHOSEN})
    for reference in kind.references:
        if not reference.inline:
            for path, value in list(matches(written, reference.pattern)):
                written = replaced(written, path, _named(value, allow_id=reference.allow_id))
    order = {name: index for index, name in enumerate(kind.schema["properties"])}
    return dict(sorted(written.items(), key=lambda pair: order.get(pair[0], len(order))))


def _named(value: Any, *, allow_id: bool) -> Any:
    if isinstance(value, Ref):
        return value.address.name
    return {"id": value} if allow_id and isinstance(value, str) else value
