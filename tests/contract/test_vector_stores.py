"""Vector stores, the files in them, and file batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai.types import FileObject, VectorStore
from openai.types.vector_stores import VectorStoreFile

from tests.contract.conftest import Backend

Refuse = Callable[..., openai.APIStatusError]
MakeFile = Callable[..., FileObject]
MakeStore = Callable[..., VectorStore]

AUTO = {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}


def indexed(client: openai.OpenAI, store: VectorStore, file: FileObject, **more: Any) -> VectorStoreFile:
    client.vector_stores.files.create(store.id, file_id=file.id, **more)
    return client.vector_stores.files.poll(file.id, vector_store_id=store.id)


def test_an_empty_store_is_completed_at_once(make_store: MakeStore) -> None:
    store = make_store(metadata={"team": "education"}, description="what it is for")
    assert store.id.startswith("vs_")
    assert (store.status, store.usage_bytes, store.file_counts.total) == ("completed", 0, 0)
    assert (store.expires_after, store.expires_at, store.last_active_at) == (None, None, store.created_at)
    assert store.metadata == {"team": "education"}
    assert (store.model_extra or {})["description"] == "what it is for"


def test_a_store_can_be_made_with_files(client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore) -> None:
    files = [make_file(f"{number}.txt", b"text") for number in range(3)]
    store = make_store(file_ids=[file.id for file in files], chunking_strategy={"type": "auto"})
    assert (store.status, store.file_counts.in_progress, store.file_counts.total) == ("in_progress", 3, 3)
    for file in files:
        client.vector_stores.files.poll(file.id, vector_store_id=store.id)
    store = client.vector_stores.retrieve(store.id)
    assert (store.status, store.file_counts.completed) == ("completed", 3)
    assert store.usage_bytes > 0


def test_an_update_changes_what_was_sent_and_nothing_else(client: openai.OpenAI, make_store: MakeStore) -> None:
    store = make_store(metadata={"a": "1"}, expires_after={"anchor": "last_active_at", "days": 3})
    assert store.expires_at == store.last_active_at + 3 * 86_400  # type: ignore[operator]
    changed = client.vector_stores.update(store.id, name="another")
    assert (changed.name, changed.metadata, changed.expires_after) == ("another", {"a": "1"}, store.expires_after)
    changed = client.vector_stores.update(store.id, expires_after=None)
    assert (changed.name, changed.expires_after, changed.expires_at) == ("another", None, None)
    assert client.vector_stores.update(store.id, metadata={"a": "2"}).metadata == {"a": "2"}


@pytest.mark.parametrize("body", [{"description": "new"}, {"file_ids": []}, {"nam": "typo"}])
def test_an_update_takes_only_what_it_documents(backend: Backend, make_store: MakeStore, body: dict[str, Any]) -> None:
    response = backend.http.post(f"/vector_stores/{make_store().id}", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == next(iter(body))


def test_a_deleted_store_leaves_its_files(
    client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore, refusal: Refuse
) -> None:
    file = make_file()
    store = make_store(file_ids=[file.id])
    deleted = client.vector_stores.delete(store.id).to_dict()
    assert deleted == {"id": store.id, "object": "vector_store.deleted", "deleted": True}
    error = refusal(404, client.vector_stores.retrieve, store.id)
    assert f"No vector store found with id '{store.id}'" in error.message
    assert client.files.retrieve(file.id) == file


@pytest.mark.usefixtures("lists_at_once")
def test_stores_are_listed_page_by_page_in_both_directions(client: openai.OpenAI, make_store: MakeStore) -> None:
    ids = [make_store(name=str(number)).id for number in range(5)]
    newest_first = ids[::-1]
    assert [store.id for store in client.vector_stores.list(limit=2)] == newest_first
    assert [store.id for store in client.vector_stores.list(limit=2, order="asc")] == ids
    before = client.vector_stores.list(limit=2, before=newest_first[4])
    assert ([store.id for store in before.data], before.has_more) == (newest_first[2:4], True)


def test_an_attached_file_is_in_progress_then_completed(
    client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore
) -> None:
    store, file = make_store(), make_file("notes.txt", b"twenty-one bytes long")
    attached = client.vector_stores.files.create(store.id, file_id=file.id)
    assert (attached.id, attached.status, attached.usage_bytes) == (file.id, "in_progress", 0)
    assert attached.to_dict()["chunking_strategy"] == AUTO
    assert (attached.attributes, attached.last_error) == ({}, None)
    done = client.vector_stores.files.poll(file.id, vector_store_id=store.id)
    assert (done.status, done.usage_bytes, done.last_error) == ("completed", 1045, None)
    assert client.vector_stores.retrieve(store.id).usage_bytes == 1045


def test_chunking_and_attributes_come_back(client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore) -> None:
    store, file = make_store(), make_file()
    chunking: Any = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 50}}
    attributes: Any = {"year": 2026, "public": True, "path": "a/b.md"}
    attached = indexed(client, store, file, chunking_strategy=chunking, attributes=attributes)
    assert attached.to_dict()["chunking_strategy"] == chunking
    assert attached.attributes == attributes
    changed = client.vector_stores.files.update(file.id, vector_store_id=store.id, attributes={"year": 2027})
    assert (changed.attributes or {})["year"] == 2027
    assert changed.to_dict()["chunking_strategy"] == chunking


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [("table.csv", b"a,b", "unsupported_file"), ("notes.txt", b"\xff\xfe\xfd\x00\xd8", "invalid_file")],
)
def test_a_file_that_cannot_be_searched_fails(
    client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore, name: str, content: bytes, code: str
) -> None:
    store = make_store()
    failed = indexed(client, store, make_file(name, content))
    assert failed.status == "failed"
    assert failed.last_error is not None
    assert failed.last_error.code == code
    assert client.vector_stores.retrieve(store.id).file_counts.failed == 1


def test_a_file_that_does_not_exist_cannot_be_attached(
    client: openai.OpenAI, make_store: MakeStore, refusal: Refuse
) -> None:
    refusal(404, client.vector_stores.files.create, make_store().id, file_id="file-nothing")


def test_a_detached_file_is_out_of_the_store_and_still_a_file(
    client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore, refusal: Refuse
) -> None:
    store, file = make_store(), make_file()
    indexed(client, store, file)
    deleted = client.vector_stores.files.delete(file.id, vector_store_id=store.id).to_dict()
    assert deleted == {"id": file.id, "object": "vector_store.file.deleted", "deleted": True}
    refusal(404, client.vector_stores.files.retrieve, file.id, vector_store_id=store.id)
    assert client.vector_stores.retrieve(store.id).file_counts.total == 0
    assert client.files.retrieve(file.id) == file


@pytest.mark.usefixtures("lists_at_once")
def test_attached_files_are_listed_by_status(client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore) -> None:
    store, good, bad = make_store(), make_file(), make_file("table.csv")
    for file in (good, bad):
        indexed(client, store, file)
    listed = client.vector_stores.files.list
    assert [file.id for file in listed(store.id)] == [bad.id, good.id]
    assert [file.id for file in listed(store.id, filter="completed")] == [good.id]
    assert [file.id for file in listed(store.id, filter="failed", limit=1)] == [bad.id]
    assert [file.id for file in listed(store.id, filter="in_progress")] == []


def test_a_deleted_file_leaves_the_store_but_not_its_counts(
    client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore
) -> None:
    store, file = make_store(), make_file()
    indexed(client, store, file)
    client.files.delete(file.id)
    assert client.vector_stores.files.list(store.id).data == []
    assert client.vector_stores.retrieve(store.id).file_counts.total == 1


def test_the_text_of_an_indexed_file_can_be_read(
    client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore
) -> None:
    store, file = make_store(), make_file("notes.md", b"# Notes\n\nThe quick brown fox.")
    indexed(client, store, file)
    parts = client.vector_stores.files.content(file.id, vector_store_id=store.id)
    assert "The quick brown fox." in "".join(part.text or "" for part in parts)


def test_a_batch_attaches_files_with_attributes_of_their_own(
    client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore
) -> None:
    store, files = make_store(), [make_file(f"{number}.txt", b"text") for number in range(3)]
    wanted: Any = [{"file_id": file.id, "attributes": {"path": file.filename}} for file in files]
    batch = client.vector_stores.file_batches.create(store.id, files=wanted, attributes={"path": "ignored"})
    assert batch.id.startswith("vsfb_")
    assert (batch.status, batch.file_counts.in_progress, batch.file_counts.total) == ("in_progress", 3, 3)
    done = client.vector_stores.file_batches.poll(batch.id, vector_store_id=store.id)
    assert (done.status, done.file_counts.completed) == ("completed", 3)
    for file in files:
        attached = client.vector_stores.files.retrieve(file.id, vector_store_id=store.id)
        assert (attached.status, attached.attributes) == ("completed", {"path": file.filename})


def test_a_completed_batch_may_hold_failures(client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore) -> None:
    store, good, bad = make_store(), make_file(), make_file("table.csv")
    batch = client.vector_stores.file_batches.create(store.id, file_ids=[good.id, bad.id])
    done = client.vector_stores.file_batches.poll(batch.id, vector_store_id=store.id)
    assert (done.status, done.file_counts.completed, done.file_counts.failed) == ("completed", 1, 1)
    failed = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id, filter="failed")
    assert [file.id for file in failed] == [bad.id]


def test_a_batch_of_nothing_is_refused(client: openai.OpenAI, make_store: MakeStore, refusal: Refuse) -> None:
    store = make_store()
    refusal(400, client.vector_stores.file_batches.create, store.id, file_ids=[])
    refusal(400, client.vector_stores.file_batches.create, store.id)


def test_search_finds_passages_and_filters_by_attributes(
    client: openai.OpenAI, make_file: MakeFile, make_store: MakeStore
) -> None:
    store = make_store()
    fox = make_file("fox.md", b"The quick brown fox jumps over the lazy dog.")
    bee = make_file("bee.md", b"Bees make honey; a fox does not.")
    indexed(client, store, fox, attributes={"year": 2025, "kind": "mammal"})
    indexed(client, store, bee, attributes={"year": 2026, "kind": "insect"})
    found = list(client.vector_stores.search(store.id, query="quick brown fox"))
    assert found[0].file_id == fox.id
    assert (found[0].filename, found[0].attributes) == ("fox.md", {"year": 2025, "kind": "mammal"})
    assert "quick brown fox" in found[0].content[0].text
    assert all(0 <= result.score <= 1 for result in found)
    newer = client.vector_stores.search(store.id, query="fox", filters={"type": "gte", "key": "year", "value": 2026})
    assert [result.file_id for result in newer] == [bee.id]


LIMITS: list[tuple[str, str, Any]] = [
    ("/vector_stores", "metadata", {"metadata": {"a": 1}}),
    ("/vector_stores", "metadata", {"metadata": {str(number): "x" for number in range(17)}}),
    ("/vector_stores", "metadata", {"metadata": {"k" * 65: "x"}}),
    ("/vector_stores", "metadata", {"metadata": {"k": "x" * 513}}),
    ("/vector_stores", "expires_after", {"expires_after": {"anchor": "last_active_at", "days": 0}}),
    ("/vector_stores", "expires_after", {"expires_after": {"anchor": "last_active_at", "days": 366}}),
    ("/vector_stores", "expires_after", {"expires_after": {"anchor": "created_at", "days": 1}}),
    ("/vector_stores", "file_ids", {"file_ids": ["file-x"] * 501}),
    ("/vector_stores", "name", {"name": 5}),
    ("/vector_stores", "surprise", {"surprise": True}),
    ("/vector_stores/{id}/files", "file_id", {}),
    ("/vector_stores/{id}/files", "attributes", {"file_id": "file-x", "attributes": {"a": [1]}}),
    ("/vector_stores/{id}/files", "attributes", {"file_id": "file-x", "attributes": {"a": "x" * 513}}),
    ("/vector_stores/{id}/file_batches", "file_ids", {"file_ids": ["file-x"] * 2001}),
    ("/vector_stores/{id}/search", "max_num_results", {"query": "x", "max_num_results": 51}),
    ("/vector_stores/{id}/search", "query", {}),
    *(
        (
            "/vector_stores/{id}/files",
            "chunking_strategy",
            {"file_id": "file-x", "chunking_strategy": {"type": "static", "static": static}},
        )
        for static in (
            {"max_chunk_size_tokens": 99, "chunk_overlap_tokens": 0},
            {"max_chunk_size_tokens": 4097, "chunk_overlap_tokens": 0},
            {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 401},
        )
    ),
]


@pytest.mark.parametrize(("path", "param", "body"), LIMITS)
def test_what_goes_beyond_a_documented_limit_is_refused(
    backend: Backend, make_store: MakeStore, path: str, param: str, body: dict[str, Any]
) -> None:
    response = backend.http.post(path.format(id=make_store().id), json=body)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"].partition(".")[0].partition("[")[0] == param


def test_limits_are_inclusive(make_store: MakeStore) -> None:
    metadata = {f"{number:064}": "x" * 512 for number in range(16)}
    store = make_store(metadata=metadata, expires_after={"anchor": "last_active_at", "days": 365})
    assert store.metadata == metadata
