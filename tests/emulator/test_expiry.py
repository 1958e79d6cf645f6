"""What the clock does to files, uploads and vector stores."""

from __future__ import annotations

from tests.emulator.conftest import Account


def test_a_file_expires_and_leaves_its_stores(account: Account) -> None:
    expiry = {"purpose": "assistants", "expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    made = account.http.post("/files", files={"file": ("a.txt", b"x")}, data=expiry).json()
    store = account.post("/vector_stores", file_ids=[made["id"]])["id"]
    account.clock.advance(seconds=3599)
    assert account.ids(f"/vector_stores/{store}/files") == [made["id"]]
    account.clock.advance(seconds=1)
    assert account.ids(f"/vector_stores/{store}/files") == []
    assert account.http.get(f"/files/{made['id']}").status_code == 404


def test_a_file_for_a_batch_expires_after_thirty_days_by_itself(account: Account) -> None:
    file = account.get(f"/files/{account.add_file(purpose='batch')}")
    assert file["expires_at"] == file["created_at"] + 30 * 86_400


def test_an_upload_expires_after_an_hour(account: Account) -> None:
    upload = account.post("/uploads", filename="a.txt", purpose="batch", bytes=1, mime_type="text/plain")
    account.clock.advance(seconds=3600)
    response = account.http.post(f"/uploads/{upload['id']}/complete", json={"part_ids": []})
    assert response.status_code == 400
    assert "is expired" in response.text


def test_an_idle_store_expires_and_stays_to_be_seen(account: Account) -> None:
    store = account.add_store(("a.txt", b"words"), expires_after={"anchor": "last_active_at", "days": 2})
    account.clock.advance(days=2)
    seen = account.get(f"/vector_stores/{store}")
    assert (seen["status"], seen["usage_bytes"], seen["file_counts"]["total"]) == ("expired", 0, 0)
    assert account.ids(f"/vector_stores/{store}/files") == []
    assert len(account.ids("/files")) == 1
    for path, body in (("files", {"file_id": "file-x"}), ("search", {"query": "words"})):
        response = account.http.post(f"/vector_stores/{store}/{path}", json=body)
        assert response.status_code == 400
        assert f"Vector store '{store}' has expired" in response.text
    account.delete(f"/vector_stores/{store}")


def test_use_puts_expiry_off_and_looking_does_not(account: Account) -> None:
    store = account.add_store(("a.txt", b"words"), expires_after={"anchor": "last_active_at", "days": 2})
    created = account.get(f"/vector_stores/{store}")
    account.clock.advance(days=1)
    assert account.get(f"/vector_stores/{store}")["expires_at"] == created["expires_at"]
    account.post(f"/vector_stores/{store}/search", query="words")
    used = account.get(f"/vector_stores/{store}")
    assert used["last_active_at"] == created["last_active_at"] + 86_400
    assert used["expires_at"] == created["expires_at"] + 86_400
    account.clock.advance(days=1)
    assert account.get(f"/vector_stores/{store}")["status"] == "completed"


def test_a_new_policy_counts_from_the_last_use(account: Account) -> None:
    store = account.post("/vector_stores")
    account.clock.advance(days=1)
    changed = account.post(f"/vector_stores/{store['id']}", expires_after={"anchor": "last_active_at", "days": 3})
    assert changed["expires_at"] == store["last_active_at"] + 3 * 86_400
