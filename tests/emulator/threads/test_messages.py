"""Threads and messages: what they hold, how they are listed, and what is attached to them."""

from __future__ import annotations

from typing import Any

import pytest

from retinue.emulator.server.quirks import Quirks
from tests.emulator.threads.conftest import Desk, OpenDesk

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SEARCH = {"type": "file_search"}
CODE = {"type": "code_interpreter"}


def test_a_thread_is_what_it_was_made_with(desk: Desk) -> None:
    store = desk.account.add_store()
    resources = {"file_search": {"vector_store_ids": [store]}}
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    made = desk.account.post("/threads", messages=messages, tool_resources=resources, metadata={"a": "b"})
    assert made["tool_resources"] == resources
    assert made["metadata"] == {"a": "b"}
    assert desk.account.get(f"/threads/{made['id']}") == made
    assert desk.said(made["id"]) == ["Hello", "Hi"]
    assert desk.account.post("/threads")["tool_resources"] == {}


def test_a_thread_is_changed_and_deleted(desk: Desk) -> None:
    thread, file = desk.add_thread("Hi"), desk.account.add_file()
    resources = {"code_interpreter": {"file_ids": [file]}}
    changed = desk.account.post(f"/threads/{thread}", metadata={"c": "d"}, tool_resources=resources)
    assert (changed["metadata"], changed["tool_resources"]) == ({"c": "d"}, resources)
    assert desk.account.post(f"/threads/{thread}", metadata={})["tool_resources"] == resources
    assert desk.account.delete(f"/threads/{thread}") == {"id": thread, "object": "thread.deleted", "deleted": True}
    for path in (f"/threads/{thread}", f"/threads/{thread}/messages", f"/threads/{thread}/runs"):
        answer = desk.account.http.get(path)
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, f"No thread found with id '{thread}'.")


def test_a_store_made_with_a_thread_expires_when_it_is_not_used(desk: Desk) -> None:
    file = desk.account.add_file()
    resources = {"file_search": {"vector_stores": [{"file_ids": [file], "metadata": {"a": "b"}}]}}
    made = desk.account.post("/threads", tool_resources=resources)
    (store,) = made["tool_resources"]["file_search"]["vector_store_ids"]
    found = desk.account.get(f"/vector_stores/{store}")
    assert (found["expires_after"], found["metadata"]) == ({"anchor": "last_active_at", "days": 7}, {"a": "b"})
    assert desk.account.ids(f"/vector_stores/{store}/files") == [file]


def test_what_a_message_says_comes_back(desk: Desk) -> None:
    picture = desk.account.add_file("a.png", b"\x89PNG", purpose="vision")
    content = [
        {"type": "text", "text": "Look:"},
        {"type": "image_file", "image_file": {"file_id": picture, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    thread = desk.add_thread()
    made = desk.account.post(f"/threads/{thread}/messages", role="user", content=content, metadata={"a": "b"})
    assert made["content"] == [
        {"type": "text", "text": {"value": "Look:", "annotations": []}},
        {"type": "image_file", "image_file": {"file_id": picture, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "auto"}},
    ]
    found = desk.client.beta.threads.messages.retrieve(made["id"], thread_id=thread)
    assert found.to_dict() == made
    assert (made["status"], made["run_id"], made["assistant_id"]) == ("completed", None, None)


def test_a_message_is_changed_and_deleted(desk: Desk) -> None:
    thread = desk.add_thread("One", "Two")
    first = desk.account.ids(f"/threads/{thread}/messages", order="asc")[0]
    path = f"/threads/{thread}/messages/{first}"
    assert desk.account.post(path, metadata={"a": "b"})["metadata"] == {"a": "b"}
    assert desk.account.delete(path) == {"id": first, "object": "thread.message.deleted", "deleted": True}
    assert desk.said(thread) == ["Two"]
    assert desk.account.http.get(path).json()["error"]["message"] == f"No message found with id '{first}'."


def test_messages_are_listed_page_by_page(desk: Desk) -> None:
    thread, assistant = desk.add_thread("1", "2", "3"), desk.add_assistant()
    run = desk.run(thread, assistant)["id"]
    path = f"/threads/{thread}/messages"
    newest_first = desk.account.ids(path)
    assert desk.account.ids(path, order="asc") == newest_first[::-1]
    assert desk.account.ids(path, after=newest_first[1]) == newest_first[2:]
    assert desk.account.ids(path, before=newest_first[2]) == newest_first[:2]
    assert desk.account.ids(path, limit=2) == newest_first[:2]
    assert desk.account.get(path, limit=2)["has_more"] is True
    assert desk.account.ids(path, run_id=run) == newest_first[:1]
    assert [each.id for each in desk.client.beta.threads.messages.list(thread, limit=1)] == newest_first


def test_a_file_attached_for_search_is_in_the_store_of_the_thread(desk: Desk) -> None:
    """One store for all of them, made for the first."""
    thread, files = desk.add_thread(), [desk.account.add_file(), desk.account.add_file()]
    for each in files:
        attachments = [{"file_id": each, "tools": [SEARCH, CODE]}]
        body: dict[str, Any] = {"role": "user", "content": "Look.", "attachments": attachments}
        assert desk.account.post(f"/threads/{thread}/messages", **body)["attachments"] == attachments
    resources = desk.account.get(f"/threads/{thread}")["tool_resources"]
    (store,) = resources["file_search"]["vector_store_ids"]
    assert resources["code_interpreter"] == {"file_ids": files}
    assert sorted(desk.account.ids(f"/vector_stores/{store}/files")) == sorted(files)
    assert desk.account.get(f"/vector_stores/{store}")["expires_after"] == {"anchor": "last_active_at", "days": 7}


def test_a_thread_whose_store_has_expired_gets_another_one(desk: Desk) -> None:
    thread, file = desk.add_thread(), desk.account.add_file()
    body: dict[str, Any] = {"role": "user", "content": "Look.", "attachments": [{"file_id": file, "tools": [SEARCH]}]}
    desk.account.post(f"/threads/{thread}/messages", **body)
    desk.account.clock.advance(days=7)
    desk.account.post(f"/threads/{thread}/messages", **body)
    (store,) = desk.account.get(f"/threads/{thread}")["tool_resources"]["file_search"]["vector_store_ids"]
    assert desk.account.get(f"/vector_stores/{store}")["status"] == "completed"
    assert desk.account.ids(f"/vector_stores/{store}/files") == [file]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"content": "Hi"}, "role"),
        ({"role": "system", "content": "Hi"}, "role"),
        ({"role": "user", "content": []}, "content"),
        ({"role": "user", "content": [{"type": "video"}]}, "content[0].type"),
        ({"role": "user", "content": "x" * 256_001}, "content"),
        ({"role": "user", "content": "Hi", "file_ids": []}, "file_ids"),
        ({"role": "user", "content": "Hi", "attachments": [{"file_id": "file-0", "tools": []}]}, "attachments"),
    ],
)
def test_a_message_that_is_none_is_refused(desk: Desk, body: dict[str, Any], param: str) -> None:
    answer = desk.account.http.post(f"/threads/{desk.add_thread()}/messages", json=body)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"] == param


def test_what_is_empty_is_listed(desk: Desk) -> None:
    thread = desk.add_thread()
    for path in ("messages", "runs"):
        listed: Any = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
        assert desk.account.get(f"/threads/{thread}/{path}") == listed


def test_there_is_no_list_of_threads(desk: Desk) -> None:
    assert desk.account.http.get("/threads").status_code == 405


def test_threads_are_part_of_the_assistants_api(open_desk: OpenDesk) -> None:
    """They ask for its header, and are gone where it is."""
    http = open_desk().account.http
    refused = http.post("/threads", json={}, headers={"openai-beta": ""})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_beta")
    gone = open_desk(quirks=Quirks(no_assistants=True)).account.http
    for path in ("/threads", "/threads/runs", "/threads/thread_1/messages", "/threads/thread_1/runs/run_1/cancel"):
        assert gone.post(path, json={}).status_code == 404
