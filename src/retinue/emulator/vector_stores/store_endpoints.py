"""Vector stores: named sets of indexed files that expire when nobody uses them; their files, one by one and in batches.

The id of an attachment is the id of the file. A batch is many files attached in one request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from retinue.emulator.server.api_errors import invalid, missing_parameter, unsupported_value
from retinue.emulator.server.collection import (
    Collection,
    asked_changes,
    create,
    deletion,
    page,
    replaced_pairs,
    require,
    retrieve,
    standard_endpoints,
)
from retinue.emulator.server.request_checks import (
    Field,
    array,
    attributes,
    choice,
    integer,
    metadata,
    nullable,
    record,
    text,
)
from retinue.emulator.server.service import Answer, Call, Endpoint, Rendered
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.vector_stores import store_index
from retinue.emulator.vector_stores.store_index import STORE_FILES, attach, chunking_strategy, uncount

BATCHES = Collection("vector_store.file_batch", "vsfb_", "vector store file batch", "batch_id", checks_prefix=False)
"""Its name was recorded; the published description says ``files_batch``."""

MAX_BATCH = 2000
"""Files of a batch: what the published description says; the retrieval guide says 500."""

STORES = Collection(store_index.STORE, "vs_", "vector store", "vector_store_id")

_expires_after = record(
    {"anchor": Field(choice("last_active_at"), required=True), "days": Field(integer(1, 365), required=True)}
)

_attachment = record(
    {"file_id": Field(text(), required=True), "chunking_strategy": chunking_strategy, "attributes": attributes}
)
_STATUSES = ("in_progress", "completed", "failed", "cancelled")


def require_store(call: Call, store_id: str = "") -> Stored:
    """A store, that of the path if none is named, ready for use. An expired one can be looked at and deleted, not
    used."""
    stored = require(call, STORES, store_id or call.path["id"])
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
        "file_counts": store_index.no_counts(),
        "status": "completed",
        "expires_after": asked.get("expires_after"),
        "expires_at": None,
        "last_active_at": call.now,
        "metadata": asked.get("metadata", {}),
    }
    create(call, STORES, body)
    stored = require(call, STORES, body["id"])
    for file_id in dict.fromkeys(asked.get("file_ids", [])):
        store_index.attach(
            call, stored, file_id, strategy=asked.get("chunking_strategy"), attributes={}, param="file_ids"
        )
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
    stored.body.update(status="expired", usage_bytes=0, file_counts=store_index.no_counts())
    stored.expires_at = None
    call.storage.save(stored)


def empty_store(call: Call, stored: Stored) -> None:
    """Let go of files and batches; the files themselves stay in the account."""
    store_index.forget_all(call, stored)
    call.storage.remove_all(BATCHES.object, stored.id)


def _update(call: Call, stored: Stored) -> None:
    asked = asked_changes(call, stored)
    stored.body.update(asked)
    if "expires_after" in asked and stored.body["status"] != "expired":
        _set_expiry(stored)


def _settle(call: Call, store_id: str) -> None:
    if store_id:
        store_index.settle(call, parent=store_id)
    else:
        store_index.settle(call)


def _page_attached(call: Call, *, ids: Sequence[str] | None = None) -> Rendered:
    """A page of the attachments of a store, or of those of one batch in it."""
    wanted = call.query.get("filter")
    if wanted is not None and wanted not in _STATUSES:
        raise unsupported_value("filter", wanted, _STATUSES)
    return page(call, STORE_FILES.object, parent=call.path["id"], facet=wanted, ids=ids)


def _attach(call: Call) -> JsonObject:
    store = require_store(call)
    asked = call.body
    body = attach(
        call, store, asked["file_id"], strategy=asked.get("chunking_strategy"), attributes=asked.get("attributes", {})
    )
    touch(call, store)
    return body


def _list_attached(call: Call) -> Rendered:
    require(call, STORES, call.path["id"])
    store_index.settle(call, parent=call.path["id"])
    return _page_attached(call)


def _retrieve_attached(call: Call) -> Answer:
    store = require(call, STORES, call.path["id"])
    store_index.settle(call, parent=store.id, id=call.path["file_id"])
    return store_index.shown(retrieve(call, STORE_FILES, call.path["file_id"], parent=store.id).body)


def _update_attached(call: Call) -> JsonObject:
    attached = _require_attached(call)
    attached.body["attributes"] = replaced_pairs(call, attached.body["attributes"], call.body["attributes"])
    call.storage.save(attached)
    return attached.body


def _detach(call: Call) -> JsonObject:
    store = require(call, STORES, call.path["id"])
    attached = require(call, STORE_FILES, call.path["file_id"], parent=store.id)
    uncount(store, attached)
    call.storage.save(store)
    store_index.forget(call, attached)
    return deletion(STORE_FILES, attached.id)


def _attached_content(call: Call) -> JsonObject:
    """The parsed text, whole; nothing while the file is not completed."""
    attached = _require_attached(call)
    parts = []
    if attached.facet == "completed":
        parts = [{"type": "text", "text": store_index.whole_text(call, attached)}]
    return {"object": "vector_store.file_content.page", "data": parts, "has_more": False, "next_page": None}


def _require_attached(call: Call) -> Stored:
    store = require(call, STORES, call.path["id"])
    store_index.settle(call, parent=store.id, id=call.path["file_id"])
    return require(call, STORE_FILES, call.path["file_id"], parent=store.id)


def _create_batch(call: Call) -> JsonObject:
    store = require_store(call)
    wanted = _wanted(call.body)
    for each in wanted:
        attach(
            call, store, each["file_id"], strategy=each.get("chunking_strategy"), attributes=each.get("attributes", {})
        )
    touch(call, store)
    ids = list(dict.fromkeys(each["file_id"] for each in wanted))
    body: JsonObject = {
        "id": call.new_id(BATCHES.prefix),
        "object": BATCHES.object,
        "created_at": call.now,
        "status": "in_progress",
        "vector_store_id": store.id,
        "file_counts": _counts(call, store.id, ids),
    }
    return create(call, BATCHES, body, parent=store.id, hidden={"file_ids": ids})


def _wanted(asked: JsonObject) -> list[dict[str, Any]]:
    """One _attachment per file. With ``files`` the attributes and chunking next to it are ignored (documented)."""
    if "files" in asked and "file_ids" in asked:
        raise invalid("You can specify either 'file_ids' or 'files', not both.", "files")
    if "files" in asked:
        return list(asked["files"])
    if "file_ids" not in asked:
        raise missing_parameter("file_ids")
    shared: dict[str, Any] = {key: asked[key] for key in ("attributes", "chunking_strategy") if key in asked}
    return [{"file_id": each, **shared} for each in asked["file_ids"]]


def _counts(call: Call, store_id: str, ids: list[str]) -> JsonObject:
    found = Counter(call.storage.facets(STORE_FILES.object, store_id, ids))
    found["cancelled"] += len(ids) - found.total()  # detached since
    return {**store_index.no_counts(), **found, "total": len(ids)}


def _refresh(call: Call, batch: Stored) -> None:
    """Count again as long as the batch is in progress; after that it stays. A file detached meanwhile is cancelled."""
    if batch.body["status"] != "in_progress":
        return
    batch.body["file_counts"] = _counts(call, batch.parent, batch.hidden["file_ids"])
    if batch.body["file_counts"]["in_progress"] == 0:
        batch.body["status"] = "completed"


def _retrieve_batch(call: Call) -> Answer:
    batch = retrieve(call, BATCHES, call.path["batch_id"], parent=_store_id(call))
    _settle_batch(call, batch)
    _refresh(call, batch)
    if call.writes:
        call.storage.save(batch)
    return store_index.shown(batch.body)


def _cancel_batch(call: Call) -> JsonObject:
    """Files still in progress become cancelled. A batch that is over stays as it is."""
    batch = require(call, BATCHES, call.path["batch_id"], parent=_store_id(call))
    _refresh(call, batch)
    if batch.body["status"] == "in_progress":
        for file_id in batch.hidden["file_ids"]:
            attached = call.storage.find(STORE_FILES.object, file_id, parent=batch.parent)
            if attached is not None and attached.facet == "in_progress":
                store_index.finish(call, attached, "cancelled")
        batch.body.update(status="cancelled", file_counts=_counts(call, batch.parent, batch.hidden["file_ids"]))
    call.storage.save(batch)
    return batch.body


def _list_batch(call: Call) -> Rendered:
    batch = require(call, BATCHES, call.path["batch_id"], parent=_store_id(call))
    _settle_batch(call, batch)
    return _page_attached(call, ids=batch.hidden["file_ids"])


def _settle_batch(call: Call, batch: Stored) -> None:
    if batch.body["status"] == "in_progress":
        store_index.settle(call, parent=batch.parent)


def _store_id(call: Call) -> str:
    return require(call, STORES, call.path["id"]).id


ENDPOINTS = (
    *standard_endpoints(
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
    ),
    Endpoint("POST", "/vector_stores/{id}/files", _attach, body=_attachment),
    Endpoint("GET", "/vector_stores/{id}/files", _list_attached),
    Endpoint("GET", "/vector_stores/{id}/files/{file_id}", _retrieve_attached),
    Endpoint(
        "POST",
        "/vector_stores/{id}/files/{file_id}",
        _update_attached,
        body=record({"attributes": Field(attributes, required=True)}),
    ),
    Endpoint("DELETE", "/vector_stores/{id}/files/{file_id}", _detach),
    Endpoint("GET", "/vector_stores/{id}/files/{file_id}/content", _attached_content),
    Endpoint(
        "POST",
        "/vector_stores/{id}/file_batches",
        _create_batch,
        body=record(
            {
                "file_ids": array(text(), minimum=1, maximum=MAX_BATCH),
                "files": array(_attachment, minimum=1, maximum=MAX_BATCH),
                "chunking_strategy": chunking_strategy,
                "attributes": attributes,
            }
        ),
    ),
    Endpoint("GET", "/vector_stores/{id}/file_batches/{batch_id}", _retrieve_batch),
    Endpoint("POST", "/vector_stores/{id}/file_batches/{batch_id}/cancel", _cancel_batch),
    Endpoint("GET", "/vector_stores/{id}/file_batches/{batch_id}/files", _list_batch),
)
