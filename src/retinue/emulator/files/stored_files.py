"""Files: bytes with a name and a purpose. No hash, no metadata, no update, as in the API.

An upload is a file sent in parts: pending for an hour, then it is complete, cancelled or expired.
"""

from __future__ import annotations

import hashlib

from retinue.emulator.server.api_errors import ApiError, invalid, missing_parameter, no_such_file
from retinue.emulator.server.collection import Bounds, Collection, create, page, require
from retinue.emulator.server.request_checks import Field, array, choice, integer, record, text
from retinue.emulator.server.service import Call, Endpoint, Rendered
from retinue.emulator.server.storage import JsonObject, Stored

FILES = Collection("file", "file-", "file", "file_id", bounds=Bounds(10_000, 10_000))

PURPOSES = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
"""In the order the API lists them when it refuses another (recorded)."""

MAX_BYTES = 512 * 1024 * 1024
_BATCH_LIFETIME = 30 * 86_400
_READABLE = ("batch", "vision", "assistants_output", "batch_output", "fine-tune-results")
"""Purposes whose content may be downloaded; the API refuses the others."""

expires_after = record(
    {"anchor": Field(choice("created_at"), required=True), "seconds": Field(integer(3600, 2_592_000), required=True)}
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
    """Delete the file, and its bytes once that is certain."""
    call.remove(stored)
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


UPLOADS = Collection("upload", "upload_", "upload", "upload_id", checks_prefix=False)
PARTS = Collection("upload.part", "part_", "part", "part_id", checks_prefix=False)

MAX_UPLOAD_BYTES = 8 * 1024**3
MAX_PART_BYTES = 64 * 1024**2
_BLOCK = 1 << 20
_UPLOAD_LIFETIME = 3600


def _create_upload(call: Call) -> JsonObject:
    asked = call.body
    expires_at = call.now + _UPLOAD_LIFETIME
    body: JsonObject = {
        "id": call.new_id(UPLOADS.prefix),
        "object": "upload",
        "bytes": asked["bytes"],
        "created_at": call.now,
        "filename": asked["filename"],
        "purpose": asked["purpose"],
        "status": "pending",
        "expires_at": expires_at,
    }
    return create(call, UPLOADS, body, expires_at=expires_at, hidden={"expires_after": asked.get("expires_after")})


def _add_part(call: Call) -> JsonObject:
    upload = _require_pending(call)
    sent = call.file("data")
    if sent is None:
        raise missing_parameter("data")
    if sent.size > MAX_PART_BYTES:
        raise invalid(
            f"Invalid 'data': a part may have at most {MAX_PART_BYTES} bytes, this one has {sent.size}.", "data"
        )
    body: JsonObject = {
        "id": call.new_id(PARTS.prefix),
        "object": "upload.part",
        "created_at": call.now,
        "upload_id": upload.id,
    }
    create(call, PARTS, body, parent=upload.id)
    call.storage.keep_blob(sent.path, body["id"])
    return body


def _complete_upload(call: Call) -> JsonObject:
    upload = _require_pending(call)
    part_ids = call.body["part_ids"]
    for part_id in part_ids:
        require(call, PARTS, part_id, parent=upload.id)
    scratch = call.storage.scratch()
    digest = hashlib.md5(usedforsecurity=False)
    with scratch.open("wb") as whole:
        for part_id in part_ids:
            with call.storage.blob(part_id).open("rb") as part:
                while piece := part.read(_BLOCK):
                    whole.write(piece)
                    digest.update(piece)
        size = whole.tell()
    try:
        _check_whole(call, upload, size=size, md5=digest.hexdigest())
    except BaseException:
        scratch.unlink()
        raise
    file = add_file(
        call,
        filename=upload.body["filename"],
        size=size,
        purpose=upload.body["purpose"],
        expiry=upload.hidden["expires_after"],
    )
    call.storage.keep_blob(scratch, file["id"])
    return _end_upload(call, upload, "completed", file=file)


def _check_whole(call: Call, upload: Stored, *, size: int, md5: str) -> None:
    expected = upload.body["bytes"]
    if size != expected:
        raise invalid(f"The upload declared {expected} bytes but its parts have {size} bytes.", "part_ids")
    if call.body.get("md5", md5).lower() != md5:
        raise invalid("The md5 checksum does not match the contents of the upload.", "md5")


def _cancel_upload(call: Call) -> JsonObject:
    return _end_upload(call, _require_pending(call), "cancelled")


def _end_upload(call: Call, upload: Stored, status: str, *, file: JsonObject | None = None) -> JsonObject:
    upload.body["status"] = status
    upload.expires_at = None
    if file is not None:
        upload.body["file"] = file
    call.storage.save(upload)
    _drop_parts(call, upload)
    return upload.body


def _drop_parts(call: Call, upload: Stored) -> None:
    for part in call.storage.select(PARTS.object, parent=upload.id):
        call.storage.remove(part)
        call.storage.drop_blob(part.id)


def expire_upload(call: Call, upload: Stored) -> None:
    _end_upload(call, upload, "expired")


def _require_pending(call: Call) -> Stored:
    upload = require(call, UPLOADS, call.path["id"])
    status = upload.body["status"]
    if status != "pending":
        raise invalid(f"Upload '{upload.id}' is {status}, and only a pending upload can be changed.")
    return upload


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
    Endpoint(
        "POST",
        "/uploads",
        _create_upload,
        body=record(
            {
                "filename": Field(text(minimum=1), required=True),
                "purpose": Field(choice(*PURPOSES), required=True),
                "bytes": Field(integer(0, MAX_UPLOAD_BYTES), required=True),
                "mime_type": Field(text(), required=True),
                "expires_after": expires_after,
            }
        ),
    ),
    Endpoint("POST", "/uploads/{id}/parts", _add_part, body=record({}), form=True),
    Endpoint(
        "POST",
        "/uploads/{id}/complete",
        _complete_upload,
        body=record({"part_ids": Field(array(text()), required=True), "md5": text()}),
    ),
    Endpoint("POST", "/uploads/{id}/cancel", _cancel_upload),
)
