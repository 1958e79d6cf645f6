"""A service says in one value what it serves, what the clock ends and what it lets go of; nothing else knows."""

from __future__ import annotations

from pathlib import Path

import pytest

import retinue.emulator
from retinue.emulator.server.collection import Collection, create, standard_endpoints
from retinue.emulator.server.request_checks import Field, integer, record, text
from retinue.emulator.server.service import Call, Hosted, Service, find_services
from retinue.emulator.server.storage import JsonObject, Stored
from tests.emulator.conftest import OpenAccount

NOTES = Collection("note", "note_", "note", "note_id", checks_prefix=False)


def create_note(call: Call) -> JsonObject:
    """A note about a file, which ends after some seconds."""
    body: JsonObject = {"id": call.new_id(NOTES.prefix), "object": NOTES.object, "is_over": False, **call.body}
    return create(call, NOTES, body, facet=call.body["file_id"], expires_at=call.now + call.body["seconds"])


def end_note(call: Call, note: Stored) -> None:
    note.expires_at = None
    note.body["is_over"] = True
    call.storage.save(note)


def let_go(call: Call, file: Stored) -> None:
    for note in call.storage.select(NOTES.object, facet=file.id):
        call.storage.remove(note)


SERVICE = Service(
    standard_endpoints(
        NOTES,
        "/notes",
        create=create_note,
        creates=record({"file_id": Field(text(), required=True), "seconds": Field(integer(), required=True)}),
        update=lambda call, note: note.body.update(call.body),
        updates=record({}),
    ),
    expiry={NOTES.object: end_note},
    removals={"file": let_go},
)


SHARED = {"server", "language_models", "sandbox", "turns", "embeddings", "model_endpoints"}
"""What several services are made of."""


def test_every_folder_that_is_not_shared_is_a_service() -> None:
    folders = {path.parent.name for path in Path(retinue.emulator.__path__[0]).glob("*/__init__.py")}
    assert len(find_services()) == len(folders - SHARED)


def test_a_service_ends_what_the_clock_ends(open_account: OpenAccount) -> None:
    account = open_account(services=(*find_services(), SERVICE))
    note = account.post("/notes", file_id=account.add_file(), seconds=60)["id"]
    account.clock.advance(seconds=59)
    assert account.get(f"/notes/{note}")["is_over"] is False
    account.clock.advance(seconds=1)
    assert account.get(f"/notes/{note}")["is_over"] is True


def test_a_service_lets_go_of_what_another_removes(open_account: OpenAccount) -> None:
    """Whether a request removes it or the clock does. Vector stores do the same with the same file."""
    account = open_account(services=(*find_services(), SERVICE))
    removed, kept = account.add_file("a.txt"), account.add_file("b.txt")
    notes = [account.post("/notes", file_id=each, seconds=60)["id"] for each in (removed, kept)]
    store = account.post("/vector_stores", file_ids=[removed, kept])["id"]
    account.delete(f"/files/{removed}")
    assert account.ids("/notes") == notes[1:]
    assert account.ids(f"/vector_stores/{store}/files") == [kept]


def test_two_services_do_not_end_objects_of_one_collection() -> None:
    with pytest.raises(ValueError, match="two services lay claim to note"):
        Hosted([SERVICE, SERVICE])
