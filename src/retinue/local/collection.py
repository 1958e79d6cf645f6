"""What every kind of object has in common: it is created, found, listed, changed and deleted the same way.

To host another kind: a Collection, a function that makes the object from a checked body, and ``standard_endpoints``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from retinue.local.endpoint import Call, Endpoint, Rendered
from retinue.local.errors import ApiError, not_found, wrong_prefix
from retinue.local.pages import TWENTY, Bounds, page
from retinue.local.storage import JsonObject, Stored
from retinue.local.validate import Check


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
    create: Callable[[Call], JsonObject | Rendered]
    update: Callable[[Call, Stored], None]
    id_name: str
    parent: Callable[[Call], str]
    narrow: Callable[[Call], Narrowing]
    settle: Callable[[Call, str], None]
    forget: Callable[[Call, Stored], None]

    def create_one(self, call: Call) -> JsonObject | Rendered:
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
        call.storage.remove(stored)
        return deletion(self.collection, stored.id)

    def _require(self, call: Call) -> Stored:
        return require(call, self.collection, call.path[self.id_name], parent=self.parent(call))


def standard_endpoints(
    collection: Collection,
    path: str,
    *,
    create: Callable[[Call], JsonObject | Rendered],
    creates: Check,
    update: Callable[[Call, Stored], None],
    updates: Check,
    beta: str | None = None,
    status: int = 200,
    form: bool = False,
    id_name: str = "id",
    reserved: tuple[str, ...] = (),
    parent: Callable[[Call], str] = _root,
    narrow: Callable[[Call], Narrowing] = _everything,
    settle: Callable[[Call, str], None] = _nothing,
    forget: Callable[[Call, Stored], None] = _nothing,
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
