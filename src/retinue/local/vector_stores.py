"""Vector stores: named sets of indexed files that expire when nobody uses them."""

from __future__ import annotations

from typing import Any

from retinue.local import indexing
from retinue.local.chunks import chunking_strategy
from retinue.local.collection import Collection, create, replaced_pairs, require, standard_endpoints
from retinue.local.endpoint import Call
from retinue.local.errors import invalid
from retinue.local.storage import JsonObject, Stored
from retinue.local.validate import Field, array, choice, integer, metadata, nullable, record, text

BATCH = "vector_store.file_batch"
"""Recorded; the published description says ``files_batch``."""

STORES = Collection(indexing.STORE, "vs_", "vector store", "vector_store_id")

_expires_after = record(
    {"anchor": Field(choice("last_active_at"), required=True), "days": Field(integer(1, 365), required=True)}
)


def require_store(call: Call) -> Stored:
    """The store of the path, ready for use. An expired store can be looked at and deleted, not used."""
    stored = require(call, STORES, call.path["id"])
    if stored.body["status"] == "expired":
        raise invalid(f"Vector store '{stored.id}' has expired.", "vector_store_id")
    return stored


def add_store(call: Call, asked: JsonObject) -> JsonObject:
    """Make a store and attach the files it was asked to have."""
    body: JsonObject = {
        "id": call.new_id(STORES.prefix),
        "object": STORES.object,
        "created_at": call.now,
        "name": asked.get("name"),
        "description": asked.get("description"),
        "usage_bytes": 0,
        "file_counts": indexing.no_counts(),
        "status": "completed",
        "expires_after": asked.get("expires_after"),
        "expires_at": None,
        "last_active_at": call.now,
        "metadata": asked.get("metadata", {}),
    }
    create(call, STORES, body)
    stored = require(call, STORES, body["id"])
    for file_id in dict.fromkeys(asked.get("file_ids", [])):
        indexing.attach(call, stored, file_id, strategy=asked.get("chunking_strategy"), attributes={}, param="file_ids")
    touch(call, stored)
    return stored.body


def touch(call: Call, stored: Stored) -> None:
    """Note that the store was used, which puts off its expiry, and save it."""
    stored.body["last_active_at"] = call.now
    _set_expiry(stored)
    call.storage.save(stored)


def _set_expiry(stored: Stored) -> None:
    policy = stored.body["expires_after"]
    expires_at = None if policy is None else stored.body["last_active_at"] + policy["days"] * 86_400
    stored.body["expires_at"] = stored.expires_at = expires_at


def expire_store(call: Call, stored: Stored) -> None:
    """The store remains, as ``expired``; its files are gone from it (retrieval guide)."""
    empty_store(call, stored)
    stored.body.update(status="expired", usage_bytes=0, file_counts=indexing.no_counts())
    stored.expires_at = None
    call.storage.save(stored)


def empty_store(call: Call, stored: Stored) -> None:
    """Let go of files and batches; the files themselves stay in the account."""
    for attached in call.storage.select(indexing.STORE_FILES.object, parent=stored.id):
        indexing.forget(call, attached)
    for batch in call.storage.select(BATCH, parent=stored.id):
        call.storage.remove(batch)


def _update(call: Call, stored: Stored) -> None:
    asked: dict[str, Any] = dict(call.body)
    if "metadata" in asked:
        asked["metadata"] = replaced_pairs(call, stored.body["metadata"], asked["metadata"])
    stored.body.update(asked)
    if "expires_after" in asked and stored.body["status"] != "expired":
        _set_expiry(stored)


def _settle(call: Call, store_id: str) -> None:
    if store_id:
        indexing.settle(call, parent=store_id)
    else:
        indexing.settle(call)


ENDPOINTS = standard_endpoints(
    STORES,
    "/vector_stores",
    create=lambda call: add_store(call, call.body),
    creates=record(
        {
            "file_ids": array(text(), maximum=500),
            "name": text(),
            "description": text(),
            "expires_after": _expires_after,
            "chunking_strategy": chunking_strategy,
            "metadata": metadata,
        }
    ),
    update=_update,
    # description and files are absent on purpose: UpdateVectorStoreRequest is closed and has neither.
    updates=record({"name": nullable(text()), "expires_after": nullable(_expires_after), "metadata": metadata}),
    settle=_settle,
    forget=empty_store,
)
