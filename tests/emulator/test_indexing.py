"""Files that take time to read: by a worker, while others are answered, and ended with the account."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retinue.emulator.server.service import Service, find_services
from retinue.emulator.vector_stores.store_index import INDEXING
from retinue.emulator.vector_stores.text_extraction import AT_ONCE
from tests.emulator.conftest import Account, OpenAccount
from tests.emulator.documents import SLOW, archive, docx, pdf, word_part
from tests.emulator.test_workers import jobs

PLAIN = pdf(b"BT /F 12 Tf 72 720 Td (Parking costs six florins.) Tj ET")
LONG = b"word " * (AT_ONCE // 5) + b"and a florin at the end."


def impatient() -> tuple[Service, ...]:
    """As they are, but for not waiting for what takes time."""
    return tuple(
        replace(each, work={kind: replace(work, patience=0.0) for kind, work in each.work.items()})
        for each in find_services()
    )


def settled(account: Account, store: str) -> list[dict[str, Any]]:
    """The files of a store in the order of their names, once none is in progress."""
    for _ in range(20_000):
        attached = account.get(f"/vector_stores/{store}/files")["data"]
        if all(each["status"] != "in_progress" for each in attached):
            return sorted(attached, key=lambda each: str(account.get(f"/files/{each['id']}")["filename"]))
    pytest.fail("a file stays in progress")


def names(results: dict[str, Any]) -> list[str]:
    return [each["filename"] for each in results["data"]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("prices.pdf", PLAIN),
        ("prices.docx", docx("<w:p><w:r><w:t>Parking costs</w:t><w:tab/><w:t>six florins.</w:t></w:r></w:p>")),
        ("prices.txt", LONG),
    ],
)
def test_what_takes_time_is_searched_like_anything_else(account: Account, name: str, content: bytes) -> None:
    store = account.add_store((name, content))
    [file] = settled(account, store)
    assert (file["status"], file["last_error"]) == ("completed", None)
    assert file["usage_bytes"] == account.get(f"/vector_stores/{store}")["usage_bytes"] > 1024
    assert names(account.post(f"/vector_stores/{store}/search", query="florin"))[0] == name
    [text] = account.get(f"/vector_stores/{store}/files/{file['id']}/content")["data"]
    assert text["text"].split() == content.decode().split() if name.endswith("txt") else "florins." in text["text"]


def test_a_hostile_file_fails_and_says_why(account: Account) -> None:
    """In the shape that is published, and beside files that are fine."""
    nested = "<w:p>" * 200_000 + "</w:p>" * 200_000
    hostile = {
        "a.pdf": b"%PDF-1.4\n" + b"stream\n" * 100_000,
        "b.docx": docx(nested),
        "c.docx": docx("<w:p><w:r><w:t>" + "word " * 10_000_000 + "</w:t></w:r></w:p>"),
        "d.docx": archive({"word/document.xml": "<!DOCTYPE a [<!ENTITY e 'x'>]>" + word_part("&e;")}),
    }
    store = account.add_store(*hostile.items(), ("e.pdf", PLAIN), ("f.txt", b"some words"))
    files = settled(account, store)
    assert [each["status"] for each in files] == ["failed"] * 4 + ["completed"] * 2
    for each in files[:4]:
        assert set(each["last_error"]) == {"code", "message"}
        assert each["last_error"]["code"] == "invalid_file"
        assert each["last_error"]["message"].startswith("The file could not be parsed because ")
        assert each["usage_bytes"] == 0
    counts = account.get(f"/vector_stores/{store}")["file_counts"]
    assert counts == {"in_progress": 0, "completed": 2, "failed": 4, "cancelled": 0, "total": 6}


@pytest.fixture
def slow(open_account: OpenAccount) -> tuple[Account, str, str]:
    """An account that is reading a file which takes long, a store that has it, and the file."""
    account = open_account(services=impatient())
    file = account.add_file("slow.pdf", SLOW)
    return account, str(account.post("/vector_stores", file_ids=[file])["id"]), file


def test_others_are_answered_meanwhile(slow: tuple[Account, str, str]) -> None:
    account, store, file = slow
    assert account.get(f"/vector_stores/{store}/files/{file}")["status"] == "in_progress"
    other = account.add_store(("a.txt", b"some words"))
    assert names(account.post(f"/vector_stores/{other}/search", query="words")) == ["a.txt"]
    assert account.post(f"/vector_stores/{store}/search", query="word")["data"] == []
    assert account.get(f"/vector_stores/{store}/files/{file}/content")["data"] == []
    assert account.get(f"/vector_stores/{store}/files/{file}")["status"] == "in_progress"


def test_what_is_under_way_may_go(slow: tuple[Account, str, str], tmp_path: Path) -> None:
    """Detached, deleted or cancelled while it is read; attached again, it is read again."""
    account, store, file = slow
    account.delete(f"/vector_stores/{store}/files/{file}")
    (tmp_path / "account" / "blobs" / file).write_bytes(PLAIN)
    batch = account.post(f"/vector_stores/{store}/file_batches", file_ids=[file])["id"]
    assert [each["status"] for each in settled(account, store)] == ["completed"]
    assert account.get(f"/vector_stores/{store}/file_batches/{batch}")["file_counts"]["completed"] == 1
    assert names(account.post(f"/vector_stores/{store}/search", query="florins")) == ["slow.pdf"]
    account.delete(f"/files/{file}")
    assert account.post(f"/vector_stores/{store}/search", query="florins")["data"] == []


def test_a_cancelled_batch_is_cancelled(slow: tuple[Account, str, str]) -> None:
    account, _, file = slow
    store = account.post("/vector_stores")["id"]
    path = f"/vector_stores/{store}/file_batches"
    batch = account.post(path, file_ids=[file])["id"]
    assert account.post(f"{path}/{batch}/cancel")["file_counts"]["cancelled"] == 1
    assert [each["status"] for each in settled(account, store)] == ["cancelled"]


def test_what_closing_ends_is_read_by_who_opens_next(
    slow: tuple[Account, str, str], open_account: OpenAccount, tmp_path: Path
) -> None:
    account, store, file = slow
    account.http.close()
    assert jobs(tmp_path / "account") == [(INDEXING, 0)]
    (tmp_path / "account" / "blobs" / file).write_bytes(PLAIN)
    assert [each["status"] for each in settled(open_account(), store)] == ["completed"]


def test_what_another_left_is_read_by_who_has_it_open(
    slow: tuple[Account, str, str], open_account: OpenAccount, tmp_path: Path
) -> None:
    """At its next request, whatever that is about."""
    other = open_account(services=impatient())
    other.get("/models")
    account, store, file = slow
    account.http.close()
    (tmp_path / "account" / "blobs" / file).write_bytes(PLAIN)
    assert [each["status"] for each in settled(other, store)] == ["completed"]


def test_an_unfinished_index_is_begun_anew(
    slow: tuple[Account, str, str], open_account: OpenAccount, tmp_path: Path
) -> None:
    """What a worker wrote that died before the end is there once, not twice."""
    account, store, file = slow
    account.http.close()
    (tmp_path / "account" / "blobs" / file).write_bytes(PLAIN)
    with closing(sqlite3.connect(tmp_path / "account" / "account.sqlite3")) as db, db:
        db.execute("INSERT INTO chunks (store, file, position, text) VALUES (?, ?, 0, 'guilders')", [store, file])
    account = open_account()
    settled(account, store)
    assert account.post(f"/vector_stores/{store}/search", query="guilders")["data"] == []
    assert len(account.post(f"/vector_stores/{store}/search", query="florins")["data"]) == 1


def test_work_for_an_attachment_that_was_made_anew_is_dropped(
    slow: tuple[Account, str, str], open_account: OpenAccount, tmp_path: Path
) -> None:
    account, store, file = slow
    account.http.close()
    with closing(sqlite3.connect(tmp_path / "account" / "account.sqlite3")) as db, db:
        db.execute("UPDATE jobs SET body = json_set(body, '$.seq', -1)")
    account = open_account()
    for _ in range(20_000):
        account.get("/models")
        if not jobs(tmp_path / "account"):
            break
    assert jobs(tmp_path / "account") == []
    assert account.get(f"/vector_stores/{store}/files/{file}")["status"] == "in_progress"
