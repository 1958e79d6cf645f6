"""Files attached to a vector store. The id of an attachment is the id of the file."""

from __future__ import annotations

from collections.abc import Sequence

from retinue.local import indexing
from retinue.local.chunks import chunking_strategy
from retinue.local.collection import deletion, replaced_pairs, require, retrieve
from retinue.local.endpoint import Call, Endpoint, Rendered
from retinue.local.errors import unsupported_value
from retinue.local.extract import extract_text
from retinue.local.indexing import STORE_FILES, attach, uncount
from retinue.local.pages import page
from retinue.local.storage import JsonObject, Stored
from retinue.local.validate import Field, attributes, record, text
from retinue.local.vector_stores import STORES, require_store, touch

STATUSES = ("in_progress", "completed", "failed", "cancelled")

attachment = record(
    {"file_id": Field(text(), required=True), "chunking_strategy": chunking_strategy, "attributes": attributes}
)


def list_attached(call: Call, *, ids: Sequence[str] | None = None) -> Rendered:
    """A page of the attachments of a store, or of those of one batch in it."""
    wanted = call.query.get("filter")
    if wanted is not None and wanted not in STATUSES:
        raise unsupported_value("filter", wanted, STATUSES)
    return page(call, STORE_FILES.object, parent=call.path["id"], facet=wanted, ids=ids)


def _attach(call: Call) -> JsonObject:
    store = require_store(call)
    asked = call.body
    body = attach(
        call,
        store,
        asked["file_id"],
        strategy=asked.get("chunking_strategy"),
        attributes=asked.get("attributes", {}),
    )
    touch(call, store)
    return body


def _list(call: Call) -> Rendered:
    require(call, STORES, call.path["id"])
    indexing.settle(call, parent=call.path["id"])
    return list_attached(call)


def _retrieve(call: Call) -> JsonObject | Rendered:
    store = require(call, STORES, call.path["id"])
    indexing.settle(call, parent=store.id, id=call.path["file_id"])
    return indexing.shown(retrieve(call, STORE_FILES, call.path["file_id"], parent=store.id).body)


def _update(call: Call) -> JsonObject:
    attached = _require_attached(call)
    attached.body["attributes"] = replaced_pairs(call, attached.body["attributes"], call.body["attributes"])
    call.storage.save(attached)
    return attached.body


def _detach(call: Call) -> JsonObject:
    store = require(call, STORES, call.path["id"])
    attached = require(call, STORE_FILES, call.path["file_id"], parent=store.id)
    uncount(store, attached)
    call.storage.save(store)
    indexing.forget(call, attached)
    return deletion(STORE_FILES, attached.id)


def _content(call: Call) -> JsonObject:
    """The parsed text, whole; nothing while the file is not completed."""
    attached = _require_attached(call)
    file = call.storage.find("file", attached.id)
    parts = []
    if attached.facet == "completed" and file is not None:
        text = extract_text(file.body["filename"], call.storage.blob(attached.id).read_bytes())
        parts = [{"type": "text", "text": text}]
    return {"object": "vector_store.file_content.page", "data": parts, "has_more": False, "next_page": None}


def _require_attached(call: Call) -> Stored:
    store = require(call, STORES, call.path["id"])
    indexing.settle(call, parent=store.id, id=call.path["file_id"])
    return require(call, STORE_FILES, call.path["file_id"], parent=store.id)


ENDPOINTS = (
    Endpoint("POST", "/vector_stores/{id}/files", _attach, body=attachment),
    Endpoint("GET", "/vector_stores/{id}/files", _list),
    Endpoint("GET", "/vector_stores/{id}/files/{file_id}", _retrieve),
    Endpoint(
        "POST",
        "/vector_stores/{id}/files/{file_id}",
        _update,
        body=record({"attributes": Field(attributes, required=True)}),
    ),
    Endpoint("DELETE", "/vector_stores/{id}/files/{file_id}", _detach),
    Endpoint("GET", "/vector_stores/{id}/files/{file_id}/content", _content),
)
