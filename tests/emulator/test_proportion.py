"""What a request costs grows with what it is about, never with what else the account holds.

Counted are the steps of SQLite's virtual machine, which say how many rows were looked at; no clock is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue.emulator.server.collection import random_id
from retinue.emulator.server.storage import Storage
from retinue.emulator.server.transport import LocalTransport
from retinue.emulator.vector_stores.store_index import _MOST_AT_ONCE
from tests.emulator.conftest import HEADERS, Account, Clock

FEW, MANY = 30, 480
GROWTH = MANY // FEW


@dataclass
class Counted:
    """An account with one store of so many files, and how many steps a request takes in it."""

    account: Account
    db: Any
    store: str
    ids: list[str]

    def steps(self, work: Callable[[], object]) -> int:
        count = 0

        def tick() -> int:
            nonlocal count
            count += 1
            return 0

        self.db.set_progress_handler(tick, 1)
        try:
            work()
        finally:
            self.db.set_progress_handler(None, 0)
        return count

    @property
    def files(self) -> str:
        return f"/vector_stores/{self.store}/files"


def filled(directory: Path, count: int) -> Counted:
    transport = LocalTransport(directory, clock=Clock())
    http = httpx2.Client(transport=transport, base_url="http://local.invalid/v1", headers=HEADERS)
    account = Account(http, Clock())
    ids = [account.add_file(f"{number}.md", b"price of delivery %d" % number) for number in range(count)]
    store = account.add_store()
    account.post(f"/vector_stores/{store}/file_batches", file_ids=ids)
    assert account.get(f"/vector_stores/{store}")["file_counts"]["completed"] == count
    return Counted(account, transport._app.open().db, store, ids)


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Counted, Counted]]:
    few, many = (filled(tmp_path_factory.mktemp("account"), count) for count in (FEW, MANY))
    yield few, many
    for each in (few, many):
        each.account.http.close()


def growth(sizes: tuple[Counted, Counted], work: Callable[[Counted], object]) -> float:
    few, many = (each.steps(lambda each=each: work(each)) for each in sizes)  # type: ignore[misc]
    assert few, "nothing was counted"
    return many / few


def batch_of_two(each: Counted) -> None:
    made = each.account.post(f"/vector_stores/{each.store}/file_batches", file_ids=each.ids[-2:])
    each.account.get(f"/vector_stores/{each.store}/file_batches/{made['id']}")
    each.account.get(f"/vector_stores/{each.store}/file_batches/{made['id']}/files")


def failed_upload(each: Counted) -> None:
    unknown = each.account.add_file("a.bin", b"x")
    each.account.post(each.files, file_id=unknown)
    assert each.account.ids(each.files, filter="failed") == [unknown]
    each.account.delete(f"{each.files}/{unknown}")
    each.account.delete(f"/files/{unknown}")


ABOUT_ONE: dict[str, Callable[[Counted], object]] = {
    "an upload": lambda each: each.account.add_file("more.md", b"more"),
    "a file": lambda each: each.account.get(f"/files/{each.ids[3]}"),
    "an attached file": lambda each: each.account.get(f"{each.files}/{each.ids[3]}"),
    "its text": lambda each: each.account.get(f"{each.files}/{each.ids[3]}/content"),
    "its attributes": lambda each: each.account.post(f"{each.files}/{each.ids[3]}", attributes={"year": 2026}),
    "a page of files": lambda each: each.account.get("/files", limit=5, purpose="assistants"),
    "a page of attached files": lambda each: each.account.get(each.files, limit=5, after=each.ids[10]),
    "a page of those in progress": lambda each: each.account.get(each.files, filter="in_progress"),
    "a batch": batch_of_two,
    "a file that cannot be indexed": failed_upload,
    "a word that one file has": lambda each: each.account.post(
        f"/vector_stores/{each.store}/search", query="17", max_num_results=1
    ),
    "an assistant": lambda each: each.account.post("/assistants", model="gpt-4o"),
    "the end of a file": lambda each: (
        each.account.delete(f"{each.files}/{each.ids[0]}"),
        each.account.delete(f"/files/{each.ids.pop(0)}"),
    ),
}


@pytest.mark.parametrize("what", ABOUT_ONE)
def test_what_is_about_one_costs_the_same_among_many(sizes: tuple[Counted, Counted], what: str) -> None:
    most = GROWTH / 2 if what == "a word that one file has" else 2  # which files may be found is known by their ids
    assert growth(sizes, ABOUT_ONE[what]) < most


def test_a_search_that_finds_all_costs_as_much_as_there_is(sizes: tuple[Counted, Counted]) -> None:
    for filters in ({}, {"filters": {"type": "ne", "key": "year", "value": 1}}):
        assert growth(sizes, lambda each, filters=filters: _search(each, filters)) < GROWTH * 1.5  # type: ignore[misc]


def _search(each: Counted, filters: dict[str, Any]) -> None:
    found = each.account.post(f"/vector_stores/{each.store}/search", query="price of delivery", **filters)
    assert len(found["data"]) == 10


def test_to_let_a_store_go_costs_as_much_as_it_holds(tmp_path: Path) -> None:
    pair = filled(tmp_path / "few", FEW), filled(tmp_path / "many", FEW * 4)
    assert growth(pair, lambda each: each.account.delete(f"/vector_stores/{each.store}")) < 6
    for each in pair:
        each.account.http.close()


def test_one_read_indexes_only_so_many(tmp_path: Path) -> None:
    """Others are served in between."""
    transport = LocalTransport(tmp_path, clock=Clock())
    account = Account(httpx2.Client(transport=transport, base_url="http://local.invalid/v1", headers=HEADERS), Clock())
    count, store = _MOST_AT_ONCE + 20, account.add_store()
    ids = [account.add_file(f"{number}.md", b"words") for number in range(count)]
    batch = account.post(f"/vector_stores/{store}/file_batches", file_ids=ids)["id"]
    told = [account.get(f"/vector_stores/{store}/file_batches/{batch}") for _ in range(2)]
    assert [each["file_counts"]["completed"] for each in told] == [_MOST_AT_ONCE, count]
    assert [each["status"] for each in told] == ["in_progress", "completed"]
    account.http.close()


KINDS = ("reading", "running")


def test_work_that_waits_costs_other_requests_nothing(tmp_path: Path) -> None:
    steps = []
    for count in (FEW, MANY):
        storage = Storage(tmp_path / str(count), new_id=random_id)
        with storage.transaction(write=True):
            for _ in range(count):
                storage.add_job("reading", {})
        assert storage.claim_job("me", "reading")
        counted = Counted(Account(httpx2.Client(), Clock()), storage.db, "", [])
        steps.append(counted.steps(storage.job_owners) + counted.steps(partial(storage.waiting_kinds, "me", KINDS)))
        assert sorted(storage.job_owners()) == ["", "me"]
        storage.close()
    assert steps[1] < 2 * steps[0]
