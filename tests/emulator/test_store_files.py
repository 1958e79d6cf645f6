"""What is particular to attachments here: doing it twice, batches that overlap or are cancelled, bytes on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retinue.emulator.server.quirks import Quirks
from tests.emulator.conftest import Account, OpenAccount


def test_attaching_again_leaves_the_attachment_as_it_is(account: Account) -> None:
    file, store = account.add_file(), account.post("/vector_stores")["id"]
    first = account.post(f"/vector_stores/{store}/files", file_id=file, attributes={"a": 1})
    again = account.post(f"/vector_stores/{store}/files", file_id=file, attributes={"a": 2})
    assert again == first
    assert account.get(f"/vector_stores/{store}")["file_counts"]["total"] == 1


def test_a_failed_file_can_be_attached_again(open_account: OpenAccount) -> None:
    broken = open_account(Quirks(fail_files=("*",)))
    store = broken.add_store(("a.txt", b"words"))
    [file] = broken.ids(f"/vector_stores/{store}/files", filter="failed")
    account = open_account()
    account.post(f"/vector_stores/{store}/files", file_id=file)
    assert account.get(f"/vector_stores/{store}/files/{file}")["status"] == "completed"
    counts = account.get(f"/vector_stores/{store}")["file_counts"]
    assert counts == {"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 0, "total": 1}


def test_a_cancelled_batch_cancels_what_is_in_progress(open_account: OpenAccount) -> None:
    account = open_account(Quirks(stuck_files=("slow*",)))
    files = [account.add_file(name) for name in ("fast.txt", "slow.txt")]
    store = account.post("/vector_stores")["id"]
    batch = account.post(f"/vector_stores/{store}/file_batches", file_ids=files)["id"]
    path = f"/vector_stores/{store}/file_batches/{batch}"
    assert account.get(path)["file_counts"]["in_progress"] == 1
    cancelled = account.post(f"{path}/cancel")
    assert cancelled["status"] == "cancelled"
    assert cancelled["file_counts"] == {"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 1, "total": 2}
    assert account.ids(f"{path}/files", filter="cancelled") == [files[1]]
    assert account.get(path) == cancelled
    assert account.get(f"/vector_stores/{store}")["status"] == "completed"


def test_batches_may_share_a_file(account: Account) -> None:
    files, store = [account.add_file() for _ in range(3)], account.post("/vector_stores")["id"]
    first = account.post(f"/vector_stores/{store}/file_batches", file_ids=files[:2])["id"]
    second = account.post(f"/vector_stores/{store}/file_batches", file_ids=files[1:])["id"]
    for batch, of_it in ((first, files[:2]), (second, files[1:])):
        path = f"/vector_stores/{store}/file_batches/{batch}"
        assert account.ids(f"{path}/files", order="asc") == of_it
        assert account.get(path)["file_counts"]["completed"] == 2
    assert account.get(f"/vector_stores/{store}")["file_counts"]["total"] == 3


def test_one_file_may_be_in_two_stores(account: Account) -> None:
    file = account.add_file()
    stores = [account.post("/vector_stores", file_ids=[file])["id"] for _ in range(2)]
    account.delete(f"/vector_stores/{stores[0]}/files/{file}")
    assert account.ids(f"/vector_stores/{stores[1]}/files") == [file]


def test_a_batch_is_refused_whole(account: Account) -> None:
    file, store = account.add_file(), account.post("/vector_stores")["id"]
    both: dict[str, Any] = {"file_ids": [file], "files": [{"file_id": file}]}
    assert account.http.post(f"/vector_stores/{store}/file_batches", json=both).status_code == 400
    missing = {"file_ids": [file, "file-nothing"]}
    assert account.http.post(f"/vector_stores/{store}/file_batches", json=missing).status_code == 404
    assert account.ids(f"/vector_stores/{store}/files") == []


def test_bytes_leave_the_disk_with_their_file(account: Account, tmp_path: Path) -> None:
    blobs = tmp_path / "account" / "blobs"
    file = account.add_file(content=b"x" * 2_000_000)
    assert [path.name for path in blobs.iterdir()] == [file]
    account.http.post("/files", files={"file": b"refused"}, data={"purpose": "nonsense"})
    upload = account.post("/uploads", filename="a.txt", purpose="batch", bytes=4, mime_type="text/plain")["id"]
    part = account.http.post(f"/uploads/{upload}/parts", files={"data": b"1234"}).json()["id"]
    whole = account.post(f"/uploads/{upload}/complete", part_ids=[part])["file"]["id"]
    assert sorted(path.name for path in blobs.iterdir()) == sorted([file, whole])
    for each in (file, whole):
        account.delete(f"/files/{each}")
    assert list(blobs.iterdir()) == []
