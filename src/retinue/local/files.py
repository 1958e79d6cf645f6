"""Files: bytes with a name and a purpose. No hash, no metadata, no update, as in the API."""

from __future__ import annotations

from retinue.local.collection import Collection
from retinue.local.endpoint import Call, Endpoint, Rendered
from retinue.local.errors import ApiError, invalid, missing_parameter, no_such_file
from retinue.local.indexing import detach_everywhere
from retinue.local.pages import Bounds, page
from retinue.local.storage import JsonObject, Stored
from retinue.local.validate import Field, choice, integer, record, text

FILES = Collection("file", "file-", "file", "file_id", bounds=Bounds(10_000, 10_000))

PURPOSES = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
"""In the order the API lists them when it refuses another (recorded)."""

MAX_BYTES = 512 * 1024 * 1024
_BATCH_LIFETIME = 30 * 86_400
_READABLE = ("batch", "vision", "assistants_output", "batch_output", "fine-tune-results")
"""Purposes whose content may be downloaded; the API refuses the others."""

expires_after = record(
    {
        "anchor": Field(choice("created_at"), required=True),
        "seconds": Field(integer(3600, 2_592_000), required=True),
    }
)


def add_file(
    call: Call, *, filename: str, size: int, purpose: str, expiry: JsonObject | None, created_at: int | None = None
) -> JsonObject:
    """Store the object; the caller puts the bytes at its blob."""
    created = call.now if created_at is None else created_at
    seconds = expiry["seconds"] if expiry else _BATCH_LIFETIME if purpose == "batch" else None
    expires_at = None if seconds is None else created + seconds
    body: JsonObject = {
        "object": "file",
        "id": call.new_id(FILES.prefix),
        "purpose": purpose,
        "filename": filename,
        "bytes": size,
        "created_at": created,
        "expires_at": expires_at,
        "status": "processed",
        "status_details": None,
    }
    call.storage.insert(
        FILES.object,
        body,
        facet=purpose,
        expires_at=expires_at,
        unlisted=call.quirks.list_lag,
        unreadable=call.quirks.read_after_create_404,
    )
    return body


def require_file(call: Call, file_id: str, *, param: str = "id") -> Stored:
    stored = call.storage.find(FILES.object, file_id)
    if stored is None:
        raise no_such_file(file_id, param)
    return stored


def remove_file(call: Call, stored: Stored) -> None:
    """Delete the file and take it out of every vector store; the counts of the stores stay as they were (observed)."""
    detach_everywhere(call, stored.id)
    call.storage.remove(stored)
    call.storage.drop_blob(stored.id)


def _create(call: Call) -> JsonObject:
    sent = call.file("file")
    if sent is None:
        raise missing_parameter("file")
    purpose = call.body["purpose"]
    if purpose not in PURPOSES:
        listed = ", ".join(f"'{each}'" for each in PURPOSES)
        raise ApiError(400, f"'{purpose}' is not one of [{listed}] - 'purpose'", param="purpose", detail=True)
    if sent.size > MAX_BYTES:
        raise ApiError(413, f"File is too large: the maximum is {MAX_BYTES} bytes.", param="file")
    body = add_file(
        call, filename=sent.filename, size=sent.size, purpose=purpose, expiry=call.body.get("expires_after")
    )
    call.storage.keep_blob(sent.path, body["id"])
    return body


def _list(call: Call) -> Rendered:
    return page(call, FILES.object, bounds=FILES.bounds, facet=call.query.get("purpose"))


def _retrieve(call: Call) -> JsonObject:
    stored = require_file(call, call.path["id"])
    if stored.unreadable > 0:
        stored.unreadable -= 1
        call.storage.save(stored)
        absent = no_such_file(stored.id)
        absent.keeps_writes = True
        raise absent
    return stored.body


def _content(call: Call) -> Rendered:
    stored = require_file(call, call.path["id"])
    purpose = stored.body["purpose"]
    if purpose not in _READABLE:
        raise invalid(f"Not allowed to download files of purpose: {purpose}")
    return Rendered(call.storage.blob(stored.id).read_bytes(), "application/octet-stream")


def _delete(call: Call) -> JsonObject:
    stored = require_file(call, call.path["id"])
    remove_file(call, stored)
    return {"object": "file", "deleted": True, "id": stored.id}


ENDPOINTS = (
    Endpoint(
        "POST",
        "/files",
        _create,
        body=record({"purpose": Field(text(), required=True), "expires_after": expires_after}),
        form=True,
    ),
    Endpoint("GET", "/files", _list),
    Endpoint("GET", "/files/{id}", _retrieve),
    Endpoint("DELETE", "/files/{id}", _delete),
    Endpoint("GET", "/files/{id}/content", _content),
)
