"""What answers of the Responses API cite as ``container_id``: where code ran, and the files that it wrote.

Each answer whose model runs code has a container of its own, which outlives its session for twenty minutes, to have its
files fetched. A file in it is a file of the account, too, and has its id. Shapes: SDK types/container_*_response.py and
types/containers/file_*_response.py; the published description has none of this.
"""

from __future__ import annotations

from retinue.emulator.files.stored_files import require_file
from retinue.emulator.server.api_errors import ApiError, invalid
from retinue.emulator.server.collection import Collection, create, deletion, page, require
from retinue.emulator.server.request_checks import any_object
from retinue.emulator.server.service import Call, Endpoint, Rendered
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.turns.turn_events import WrittenFile

CONTAINERS = Collection("container", "cntr_", "container", "container_id", checks_prefix=False)
CONTAINER_FILES = Collection("container.file", "file-", "container file", "file_id", checks_prefix=False)
"""The parent is the container."""

_IDLE = 20
"""Minutes after which a container that is not used ends (code interpreter guide)."""


def add_container(call: Call, container_id: str) -> None:
    body: JsonObject = {
        "id": container_id,
        "object": CONTAINERS.object,
        "created_at": call.now,
        "status": "running",
        "expires_after": {"anchor": "last_active_at", "minutes": _IDLE},
        "last_active_at": call.now,
        "memory_limit": "1g",
        "name": "auto",  # what the API calls one that nobody named is not published
        "network_policy": {"type": "disabled"},
    }
    create(call, CONTAINERS, body, expires_at=call.now + 60 * _IDLE)


def add_container_file(call: Call, container_id: str, written: WrittenFile) -> None:
    """A file that code wrote again is there once, as it is now."""
    for each in call.storage.select(CONTAINER_FILES.object, parent=container_id):
        if each.body["path"] == written.path:
            call.storage.remove(each)
    body: JsonObject = {
        "id": written.file_id,
        "object": CONTAINER_FILES.object,
        "created_at": call.now,
        "bytes": require_file(call, written.file_id).body["bytes"],
        "container_id": container_id,
        "path": written.path,
        "source": "assistant",
    }
    create(call, CONTAINER_FILES, body, parent=container_id)


def end_container(call: Call, container: Stored) -> None:
    """The clock has passed its time: it is known as expired, and its files are not there any more."""
    call.storage.remove_all(CONTAINER_FILES.object, container.id)
    container.body["status"], container.expires_at = "expired", None
    call.storage.save(container)


def forget_file(call: Call, file: Stored) -> None:
    """A file of the account is about to be removed."""
    for each in call.storage.select(CONTAINER_FILES.object, id=file.id):
        call.storage.remove(each)


def _list(call: Call) -> Rendered:
    return page(call, CONTAINERS.object)


def _retrieve(call: Call) -> JsonObject:
    return require(call, CONTAINERS, call.path["id"]).body


def _delete(call: Call) -> JsonObject:
    container = require(call, CONTAINERS, call.path["id"])
    call.storage.remove_all(CONTAINER_FILES.object, container.id)
    call.storage.remove(container)
    return deletion(CONTAINERS, container.id)


def _list_files(call: Call) -> Rendered:
    return page(call, CONTAINER_FILES.object, parent=require(call, CONTAINERS, call.path["id"]).id)


def _file(call: Call) -> Stored:
    container = require(call, CONTAINERS, call.path["id"])
    if container.body["status"] == "expired":  # the rule is published, its wording is not
        raise ApiError(404, f"Container with id '{container.id}' has expired.", code="container_expired")
    return require(call, CONTAINER_FILES, call.path["file_id"], parent=container.id)


def _retrieve_file(call: Call) -> JsonObject:
    return _file(call).body


def _content(call: Call) -> Rendered:
    return Rendered(call.storage.blob(_file(call).id).read_bytes(), "application/octet-stream")


def _delete_file(call: Call) -> JsonObject:
    file = _file(call)
    call.storage.remove(file)
    return deletion(CONTAINER_FILES, file.id)


def _refuse(_call: Call) -> JsonObject:
    """Only the local account refuses so."""
    raise invalid(
        "The local account makes a container for each answer that runs code, and no others. Have one made by "
        "code_interpreter with the container {'type': 'auto'}, and give it files with 'file_ids'.",
        code="unsupported_value",
    )


_ONE = "/containers/{id}"
_FILE = f"{_ONE}/files/{{file_id}}"

ENDPOINTS = (
    Endpoint("POST", "/containers", _refuse, body=any_object),
    Endpoint("GET", "/containers", _list),
    Endpoint("GET", _ONE, _retrieve),
    Endpoint("DELETE", _ONE, _delete),
    Endpoint("POST", f"{_ONE}/files", _refuse, body=any_object, form=True),
    Endpoint("GET", f"{_ONE}/files", _list_files),
    Endpoint("GET", _FILE, _retrieve_file),
    Endpoint("DELETE", _FILE, _delete_file),
    Endpoint("GET", f"{_FILE}/content", _content),
)
