"""File batches: many files attached to a vector store in one request."""

from __future__ import annotations

from collections import Counter
from typing import Any

from retinue.local import indexing
from retinue.local.chunks import chunking_strategy
from retinue.local.collection import Collection, create, require, retrieve
from retinue.local.endpoint import Call, Endpoint, Rendered
from retinue.local.errors import invalid, missing_parameter
from retinue.local.indexing import STORE_FILES, attach
from retinue.local.storage import JsonObject, Stored
from retinue.local.store_files import attachment, list_attached
from retinue.local.validate import array, attributes, record, text
from retinue.local.vector_stores import BATCH, STORES, require_store, touch

BATCHES = Collection(BATCH, "vsfb_", "vector store file batch", "batch_id", checks_prefix=False)

MAX_FILES = 2000
"""What the published description says; the retrieval guide says 500."""


def _create(call: Call) -> JsonObject:
    store = require_store(call)
    wanted = _wanted(call.body)
    for each in wanted:
        attach(
            call,
            store,
            each["file_id"],
            strategy=each.get("chunking_strategy"),
            attributes=each.get("attributes", {}),
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
    """One attachment per file. With ``files`` the attributes and chunking next to it are ignored (documented)."""
    if "files" in asked and "file_ids" in asked:
        raise invalid("You can specify either 'file_ids' or 'files', not both.", "files")
    if "files" in asked:
        return list(asked["files"])
    if "file_ids" not in asked:
        raise missing_parameter("file_ids")
    shared: dict[str, Any] = {key: asked[key] for key in ("attributes", "chunking_strategy") if key in asked}
    return [{"file_id": each, **shared} for each in asked["file_ids"]]


def _counts(call: Call, store_id: str, ids: list[str]) -> JsonObject:
    statuses = {each.id: each.facet for each in call.storage.select(STORE_FILES.object, parent=store_id)}
    found = Counter(statuses.get(each, "cancelled") for each in ids)
    return {**indexing.no_counts(), **found, "total": len(ids)}


def _refresh(call: Call, batch: Stored) -> None:
    """Count again as long as the batch is in progress; after that it stays. A file detached meanwhile is cancelled."""
    if batch.body["status"] != "in_progress":
        return
    batch.body["file_counts"] = _counts(call, batch.parent, batch.hidden["file_ids"])
    if batch.body["file_counts"]["in_progress"] == 0:
        batch.body["status"] = "completed"


def _retrieve(call: Call) -> JsonObject | Rendered:
    batch = retrieve(call, BATCHES, call.path["batch_id"], parent=_store_id(call))
    _settle(call, batch)
    _refresh(call, batch)
    if call.writes:
        call.storage.save(batch)
    return indexing.shown(batch.body)


def _cancel(call: Call) -> JsonObject:
    """Files still in progress become cancelled. A batch that is over stays as it is."""
    batch = require(call, BATCHES, call.path["batch_id"], parent=_store_id(call))
    _refresh(call, batch)
    if batch.body["status"] == "in_progress":
        for file_id in batch.hidden["file_ids"]:
            attached = call.storage.find(STORE_FILES.object, file_id, parent=batch.parent)
            if attached is not None and attached.facet == "in_progress":
                indexing.finish(call, attached, "cancelled")
        batch.body.update(status="cancelled", file_counts=_counts(call, batch.parent, batch.hidden["file_ids"]))
    call.storage.save(batch)
    return batch.body


def _list_files(call: Call) -> Rendered:
    batch = require(call, BATCHES, call.path["batch_id"], parent=_store_id(call))
    _settle(call, batch)
    return list_attached(call, ids=batch.hidden["file_ids"])


def _settle(call: Call, batch: Stored) -> None:
    if batch.body["status"] == "in_progress":
        indexing.settle(call, parent=batch.parent)


def _store_id(call: Call) -> str:
    return require(call, STORES, call.path["id"]).id


ENDPOINTS = (
    Endpoint(
        "POST",
        "/vector_stores/{id}/file_batches",
        _create,
        body=record(
            {
                "file_ids": array(text(), minimum=1, maximum=MAX_FILES),
                "files": array(attachment, minimum=1, maximum=MAX_FILES),
                "chunking_strategy": chunking_strategy,
                "attributes": attributes,
            }
        ),
    ),
    Endpoint("GET", "/vector_stores/{id}/file_batches/{batch_id}", _retrieve),
    Endpoint("POST", "/vector_stores/{id}/file_batches/{batch_id}/cancel", _cancel),
    Endpoint("GET", "/vector_stores/{id}/file_batches/{batch_id}/files", _list_files),
)
