"""Cursor pagination: ``limit``, ``order``, ``after``, ``before``. Pages are cut from stored JSON without parsing it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retinue.local.endpoint import Call, Rendered
from retinue.local.errors import unsupported_value, wrong_type
from retinue.local.validate import integer


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a page may be, and is when the request does not say."""

    maximum: int = 100
    default: int = 20
    minimum: int = 1


TWENTY = Bounds()


def page(
    call: Call,
    collection: str,
    *,
    parent: str = "",
    bounds: Bounds = TWENTY,
    facet: str | None = None,
    ids: Sequence[str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Rendered:
    """The part of a collection the query asks for, as ``{object: list, data, first_id, last_id, has_more}``.

    ``before`` gives the objects just ahead of the cursor, in the same order. A cursor that is not in the collection
    (any more) yields an empty page; what the API does there is not known.
    """
    limit = _limit(call, bounds)
    newest_first = _is_newest_first(call)
    backwards = "before" in call.query and "after" not in call.query
    where, values = _window(call, collection, parent, newest_first)
    if facet is not None:
        where += " AND facet = ?"
        values = [*values, facet]
    if ids is not None:
        where += " AND id IN (SELECT value FROM json_each(?))"
        values = [*values, json.dumps(list(ids))]
    for pair in (metadata or {}).items():
        where += " AND EXISTS (SELECT 1 FROM json_each(body, '$.metadata') WHERE key = ? AND value = ?)"
        values = [*values, *pair]
    direction = "DESC" if newest_first != backwards else "ASC"
    rows = call.storage.db.execute(
        f"SELECT id, body FROM objects WHERE {where} AND unlisted = 0 ORDER BY seq {direction} LIMIT ?",  # noqa: S608
        [*values, limit + 1],
    ).fetchall()
    _count_lag(call, collection, parent)
    shown = rows[:limit]
    if backwards:
        shown.reverse()
    return _render(shown, has_more=len(rows) > limit)


def _limit(call: Call, bounds: Bounds) -> int:
    given = call.query.get("limit")
    if given is None:
        return bounds.default
    try:
        limit = int(given)
    except ValueError:
        raise wrong_type("limit", "an integer", given) from None
    integer(bounds.minimum, bounds.maximum)(limit, "limit")
    return limit


def _is_newest_first(call: Call) -> bool:
    order = call.query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise unsupported_value("order", order, ["asc", "desc"])
    return order == "desc"


def _window(call: Call, collection: str, parent: str, newest_first: bool) -> tuple[str, list[str]]:
    where, values = "collection = ? AND parent = ?", [collection, parent]
    for cursor, beyond in (("after", "<" if newest_first else ">"), ("before", ">" if newest_first else "<")):
        if cursor in call.query:
            where += f" AND seq {beyond} "
            where += "(SELECT seq FROM objects WHERE collection = ? AND parent = ? AND id = ?)"
            values += [collection, parent, call.query[cursor]]
    return where, values


def _count_lag(call: Call, collection: str, parent: str) -> None:
    if call.writes:
        call.storage.db.execute(
            "UPDATE objects SET unlisted = unlisted - 1 WHERE collection = ? AND parent = ? AND unlisted > 0",
            [collection, parent],
        )


def _render(rows: list[tuple[str, str]], *, has_more: bool) -> Rendered:
    first, last = (rows[0][0], rows[-1][0]) if rows else (None, None)
    tail = json.dumps({"first_id": first, "last_id": last, "has_more": has_more})
    bodies = ",".join(body for _, body in rows)
    return Rendered(f'{{"object":"list","data":[{bodies}],{tail[1:]}'.encode())
