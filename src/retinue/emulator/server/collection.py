"""What every collection has in common: ids, pages, and five endpoints that create, list, find, change and delete.

To host another kind of object: a Collection, a function that makes the object from a checked body, and
``standard_endpoints``.
"""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from retinue.emulator.server.api_errors import ApiError, not_found, unsupported_value, wrong_prefix, wrong_type
from retinue.emulator.server.request_checks import Check, integer
from retinue.emulator.server.service import Answer, Call, Endpoint, Handler, OnStored, Rendered
from retinue.emulator.server.storage import JsonObject, Stored

_LONG = (
    *("skill_", "skillver_", "agent_", "envtmpl_", "automation_", "vault_", "cred_"),
    *("resp_", "conv_", "fs_", "fc_", "fco_", "ci_", "rs_", "cntr_"),
)
"""48 hex digits: recorded for skills, published for responses and conversations, seen in use for agents and templates,
assumed for automations and vaults. The prefixes of automations and credentials are assumed too."""


_ALPHABET = string.ascii_letters + string.digits


def random_id(prefix: str) -> str:
    """A new id: 24 characters for assistants and threads, 22 for files, 48 hex digits for the newer kinds, else 32."""
    match prefix:
        case "asst_" | "thread_" | "msg_" | "run_" | "step_":
            return prefix + _letters(24)
        case "file-":
            return prefix + _letters(22)
        case _ if prefix in _LONG:
            return prefix + secrets.token_hex(24)
        case _:
            return prefix + secrets.token_hex(16)


def _letters(count: int) -> str:
    # All at once: the system is asked once for each call, which takes longer than anything else about an id.
    return "".join(_ALPHABET[each % len(_ALPHABET)] for each in secrets.token_bytes(count))


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
    # Few of many: found by their ids, and sorted then, rather than looked for in the order of all.
    order = "seq" if ids is None else "+seq"
    direction = "DESC" if newest_first != backwards else "ASC"
    rows = call.storage.db.execute(
        f"SELECT id, body FROM objects WHERE {where} AND unlisted = 0 ORDER BY {order} {direction} LIMIT ?",  # noqa: S608
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


@dataclass(frozen=True, slots=True)
class Collection:
    """One kind of object the account stores."""

    object: str
    """The value of the member ``object``; also the name of the collection in the storage."""
    prefix: str
    """How ids begin, such as ``asst_``."""
    noun: str
    """What the API calls it in ``No … found with id``."""
    id_param: str
    """The name of the path parameter, as refusals name it."""
    bounds: Bounds = TWENTY
    checks_prefix: bool = True
    """An id that does not begin like one is refused with 400 instead of 404."""

    @property
    def deleted(self) -> str:
        return f"{self.object}.deleted"


def create(
    call: Call,
    collection: Collection,
    body: JsonObject,
    *,
    parent: str = "",
    facet: str = "",
    hidden: JsonObject | None = None,
    expires_at: int | None = None,
    polls: int | None = None,
) -> JsonObject:
    """Store a new object; the quirks that concern new objects start counting here."""
    if "metadata" in body and call.quirks.adds_metadata:
        body["metadata"] = {**call.quirks.adds_metadata, **body["metadata"]}
    call.storage.insert(
        collection.object,
        body,
        parent=parent,
        facet=facet,
        hidden=hidden,
        expires_at=expires_at,
        polls=polls,
        unlisted=call.quirks.list_lag,
        unreadable=call.quirks.read_after_create_404,
    )
    return body


def require(call: Call, collection: Collection, object_id: str, *, parent: str = "") -> Stored:
    """The object with this id, or the refusal that there is none."""
    stored = call.storage.find(collection.object, object_id, parent=parent)
    if stored is None:
        raise _absent(collection, object_id)
    return stored


def retrieve(call: Call, collection: Collection, object_id: str, *, parent: str = "") -> Stored:
    """As ``require``, for a GET by id."""
    stored = require(call, collection, object_id, parent=parent)
    if stored.unreadable > 0:
        stored.unreadable -= 1
        call.storage.save(stored)
        absent = _absent(collection, object_id)
        absent.keeps_writes = True
        raise absent
    return stored


def replaced_pairs(call: Call, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Metadata or attributes after an update. Whether the API replaces or merges is not known; here it replaces."""
    return {**old, **new} if call.quirks.merge_metadata else new


def asked_changes(call: Call, stored: Stored) -> JsonObject:
    """What the body of an update asks for, with the metadata the object is going to have."""
    asked = dict(call.body)
    if "metadata" in asked:
        asked["metadata"] = replaced_pairs(call, stored.body["metadata"], asked["metadata"])
    return asked


class Narrowing(TypedDict, total=False):
    """Which objects of a collection a list has."""

    facet: str | None
    ids: Sequence[str] | None
    metadata: Mapping[str, str] | None


def deletion(collection: Collection, object_id: str) -> JsonObject:
    return {"id": object_id, "object": collection.deleted, "deleted": True}


def _nothing(_call: Call, _what: object) -> None:
    pass


def _root(_call: Call) -> str:
    return ""


def _everything(_call: Call) -> Narrowing:
    return {}


@dataclass(frozen=True, slots=True)
class _Handlers:
    """The five things that are done with a collection."""

    collection: Collection
    create: Handler
    update: OnStored
    id_name: str
    parent: Callable[[Call], str]
    narrow: Callable[[Call], Narrowing]
    settle: Callable[[Call, str], None]
    forget: OnStored

    def create_one(self, call: Call) -> Answer:
        self.parent(call)
        return self.create(call)

    def list_all(self, call: Call) -> Rendered:
        within = self.parent(call)
        self.settle(call, "")
        return page(call, self.collection.object, parent=within, bounds=self.collection.bounds, **self.narrow(call))

    def retrieve_one(self, call: Call) -> JsonObject:
        within = self.parent(call)
        self.settle(call, call.path[self.id_name])
        return retrieve(call, self.collection, call.path[self.id_name], parent=within).body

    def update_one(self, call: Call) -> JsonObject:
        stored = self._require(call)
        self.update(call, stored)
        call.storage.save(stored)
        return stored.body

    def delete_one(self, call: Call) -> JsonObject:
        stored = self._require(call)
        self.forget(call, stored)
        call.remove(stored)
        return deletion(self.collection, stored.id)

    def _require(self, call: Call) -> Stored:
        return require(call, self.collection, call.path[self.id_name], parent=self.parent(call))


def standard_endpoints(
    collection: Collection,
    path: str,
    *,
    create: Handler,
    creates: Check,
    update: OnStored,
    updates: Check,
    beta: str | None = None,
    status: int = 200,
    form: bool = False,
    id_name: str = "id",
    reserved: tuple[str, ...] = (),
    parent: Callable[[Call], str] = _root,
    narrow: Callable[[Call], Narrowing] = _everything,
    settle: Callable[[Call, str], None] = _nothing,
    forget: OnStored = _nothing,
) -> tuple[Endpoint, ...]:
    """Create, list, retrieve, update and delete.

    ``status`` is that of a creation, ``id_name`` names the id in the path. ``parent`` gives the id of the object these
    belong to, or refuses; ``narrow`` says which objects a list has. ``settle`` runs before a read, with the id that is
    read or "" for a list; ``forget`` runs before a delete.
    """
    each = _Handlers(collection, create, update, id_name, parent, narrow, settle, forget)
    one = f"{path}/{{{id_name}}}"
    return (
        Endpoint("POST", path, each.create_one, body=creates, beta=beta, status=status, form=form),
        Endpoint("GET", path, each.list_all, beta=beta),
        Endpoint("GET", one, each.retrieve_one, beta=beta, reserved=reserved),
        Endpoint("POST", one, each.update_one, body=updates, beta=beta, reserved=reserved),
        Endpoint("DELETE", one, each.delete_one, beta=beta, reserved=reserved),
    )


def _absent(collection: Collection, object_id: str) -> ApiError:
    if collection.checks_prefix and not object_id.startswith(collection.prefix):
        return wrong_prefix(collection.id_param, object_id, collection.prefix.rstrip("_-"))
    return not_found(collection.noun, object_id)
