"""Files and uploads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai.types import FileObject

from tests.contract.conftest import Backend

Refuse = Callable[..., openai.APIStatusError]
MakeFile = Callable[..., FileObject]


def test_a_file_comes_back_as_it_was_made(client: openai.OpenAI, make_file: MakeFile) -> None:
    made = make_file("notes.txt", b"twelve bytes")
    assert made.id.startswith("file-")
    assert (made.bytes, made.filename, made.purpose) == (12, "notes.txt", "assistants")
    assert (made.status, made.expires_at, made.status_details) == ("processed", None, None)
    assert client.files.retrieve(made.id) == made


def test_a_filename_may_have_any_characters(client: openai.OpenAI, make_file: MakeFile) -> None:
    assert client.files.retrieve(make_file("你好.txt").id).filename == "你好.txt"


def test_equal_names_are_different_files(make_file: MakeFile) -> None:
    assert make_file("same.txt").id != make_file("same.txt").id


def test_a_file_expires_when_it_was_asked_to(make_file: MakeFile) -> None:
    made = make_file(expires_after={"anchor": "created_at", "seconds": 3600})
    assert made.expires_at == made.created_at + 3600


@pytest.mark.parametrize("seconds", [3599, 2_592_001])
def test_a_file_cannot_expire_sooner_or_later_than_documented(
    client: openai.OpenAI, refusal: Refuse, seconds: int
) -> None:
    expiry: Any = {"anchor": "created_at", "seconds": seconds}
    refusal(400, client.files.create, file=b"x", purpose="assistants", expires_after=expiry)


def test_an_unknown_purpose_is_refused_with_those_that_are_known(client: openai.OpenAI, refusal: Refuse) -> None:
    purpose: Any = "world_domination"
    error = refusal(400, client.files.create, file=b"x", purpose=purpose)
    assert "'world_domination' is not one of ['fine-tune', 'assistants'" in error.message
    assert error.param == "purpose"


def test_a_file_that_does_not_exist(client: openai.OpenAI, refusal: Refuse) -> None:
    for call in (client.files.retrieve, client.files.delete, client.files.content):
        error = refusal(404, call, "fake_id")
        assert error.message.endswith("No such File object: fake_id") or "No such File object: fake_id" in error.message
        assert (error.param, error.code, error.type) == ("id", None, "invalid_request_error")


def test_content_for_assistants_cannot_be_downloaded(
    client: openai.OpenAI, make_file: MakeFile, refusal: Refuse
) -> None:
    error = refusal(400, client.files.content, make_file().id)
    assert "Not allowed to download files of purpose: assistants" in error.message


def test_content_for_batches_can_be_downloaded(client: openai.OpenAI, make_file: MakeFile) -> None:
    made = make_file("requests.jsonl", b'{"a": 1}\n', purpose="batch")
    assert client.files.content(made.id).read() == b'{"a": 1}\n'


def test_a_deleted_file_is_gone(client: openai.OpenAI, make_file: MakeFile, refusal: Refuse) -> None:
    made = make_file()
    assert client.files.delete(made.id).to_dict() == {"id": made.id, "object": "file", "deleted": True}
    refusal(404, client.files.retrieve, made.id)


@pytest.mark.usefixtures("lists_at_once")
def test_files_are_listed_by_purpose_in_either_order(client: openai.OpenAI, make_file: MakeFile) -> None:
    first, other, last = make_file(), make_file(purpose="user_data"), make_file()
    assert [file.id for file in client.files.list(purpose="assistants")] == [last.id, first.id]
    assert [file.id for file in client.files.list(order="asc")] == [first.id, other.id, last.id]
    page = client.files.list(limit=2)
    assert ([file.id for file in page.data], page.has_more) == ([last.id, other.id], True)
    assert [file.id for file in client.files.list(limit=1)] == [last.id, other.id, first.id]


def test_files_can_be_listed_ten_thousand_at_a_time(client: openai.OpenAI, refusal: Refuse) -> None:
    client.files.list(limit=10_000)
    for limit in (0, 10_001):
        refusal(400, client.files.list, limit=limit)


def test_an_upload_becomes_a_file(client: openai.OpenAI, make_file: MakeFile) -> None:
    upload = client.uploads.create(filename="data.jsonl", purpose="fine-tune", bytes=8, mime_type="text/jsonl")
    assert (upload.status, upload.file, upload.expires_at) == ("pending", None, upload.created_at + 3600)
    second = client.uploads.parts.create(upload.id, data=b"5678")
    first = client.uploads.parts.create(upload.id, data=b"1234")
    checksum = hashlib.md5(b"12345678").hexdigest()
    done = client.uploads.complete(upload.id, part_ids=[first.id, second.id], md5=checksum)
    assert done.status == "completed"
    assert done.file is not None
    assert (done.file.bytes, done.file.filename, done.file.purpose) == (8, "data.jsonl", "fine-tune")
    assert client.files.retrieve(done.file.id) == done.file
    client.files.delete(done.file.id)


def test_an_upload_is_whole_and_right_or_refused(client: openai.OpenAI, refusal: Refuse) -> None:
    upload = client.uploads.create(filename="data.jsonl", purpose="fine-tune", bytes=4, mime_type="text/jsonl")
    part, half = (client.uploads.parts.create(upload.id, data=data) for data in (b"1234", b"12"))
    refusal(400, client.uploads.complete, upload.id, part_ids=[half.id])
    refusal(400, client.uploads.complete, upload.id, part_ids=[part.id], md5="0" * 32)
    assert client.uploads.cancel(upload.id).status == "cancelled"
    refusal(400, client.uploads.complete, upload.id, part_ids=[part.id])
    refusal(400, client.uploads.parts.create, upload.id, data=b"1234")


def test_answers_say_whose_account_it_is(backend: Backend) -> None:
    headers = backend.http.get("/models").headers
    for name in ("x-request-id", "openai-organization", "openai-project", "openai-version", "openai-processing-ms"):
        assert headers[name]
