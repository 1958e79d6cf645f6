"""Uploads: a file sent in parts. Pending for an hour, then it is complete, cancelled or expired."""

from __future__ import annotations

import hashlib

from retinue.local.collection import Collection, create, require
from retinue.local.endpoint import Call, Endpoint
from retinue.local.errors import invalid, missing_parameter
from retinue.local.files import PURPOSES, add_file, expires_after
from retinue.local.storage import JsonObject, Stored
from retinue.local.validate import Field, array, choice, integer, record, text

UPLOADS = Collection("upload", "upload_", "upload", "upload_id", checks_prefix=False)
PARTS = Collection("upload.part", "part_", "part", "part_id", checks_prefix=False)

MAX_BYTES = 8 * 1024**3
MAX_PART_BYTES = 64 * 1024**2
_LIFETIME = 3600


def _create(call: Call) -> JsonObject:
    asked = call.body
    expires_at = call.now + _LIFETIME
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


def _complete(call: Call) -> JsonObject:
    upload = _require_pending(call)
    part_ids = call.body["part_ids"]
    for part_id in part_ids:
        require(call, PARTS, part_id, parent=upload.id)
    scratch = call.storage.scratch()
    digest = hashlib.md5(usedforsecurity=False)
    with scratch.open("wb") as whole:
        for part_id in part_ids:
            piece = call.storage.blob(part_id).read_bytes()
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
    return _finish(call, upload, "completed", file=file)


def _check_whole(call: Call, upload: Stored, *, size: int, md5: str) -> None:
    expected = upload.body["bytes"]
    if size != expected:
        raise invalid(f"The upload declared {expected} bytes but its parts have {size} bytes.", "part_ids")
    if call.body.get("md5", md5).lower() != md5:
        raise invalid("The md5 checksum does not match the contents of the upload.", "md5")


def _cancel(call: Call) -> JsonObject:
    return _finish(call, _require_pending(call), "cancelled")


def _finish(call: Call, upload: Stored, status: str, *, file: JsonObject | None = None) -> JsonObject:
    upload.body["status"] = status
    upload.expires_at = None
    if file is not None:
        upload.body["file"] = file
    call.storage.save(upload)
    drop_parts(call, upload)
    return upload.body


def drop_parts(call: Call, upload: Stored) -> None:
    for part in call.storage.select(PARTS.object, parent=upload.id):
        call.storage.remove(part)
        call.storage.drop_blob(part.id)


def expire_upload(call: Call, upload: Stored) -> None:
    _finish(call, upload, "expired")


def _require_pending(call: Call) -> Stored:
    upload = require(call, UPLOADS, call.path["id"])
    status = upload.body["status"]
    if status != "pending":
        raise invalid(f"Upload '{upload.id}' is {status}, and only a pending upload can be changed.")
    return upload


ENDPOINTS = (
    Endpoint(
        "POST",
        "/uploads",
        _create,
        body=record(
            {
                "filename": Field(text(minimum=1), required=True),
                "purpose": Field(choice(*PURPOSES), required=True),
                "bytes": Field(integer(0, MAX_BYTES), required=True),
                "mime_type": Field(text(), required=True),
                "expires_after": expires_after,
            }
        ),
    ),
    Endpoint("POST", "/uploads/{id}/parts", _add_part, body=record({}), form=True),
    Endpoint(
        "POST",
        "/uploads/{id}/complete",
        _complete,
        body=record({"part_ids": Field(array(text()), required=True), "md5": text()}),
    ),
    Endpoint("POST", "/uploads/{id}/cancel", _cancel),
)
