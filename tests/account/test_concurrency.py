"""How fast an account is asked: fewer requests at once while it is overrun, no more in a minute than it allows."""

from __future__ import annotations

import threading

import httpx2
import pytest

from retinue.providers.openai.concurrency import Concurrency
from retinue.providers.openai.connect import open_account
from retinue.providers.openai.pacing import DOCUMENTED, UNLIMITED, Limits, Pacing
from tests.account.test_client import OK, Connect, connect, error

__all__ = ["connect"]


def test_a_429_halves_what_is_under_way_and_answers_bring_it_back() -> None:
    gate = Concurrency(8)
    with gate.passing() as passed:
        gate.overrun(passed, 0.0)
    assert gate.now == 4
    needed = 0
    while gate.now < 8:
        gate.came_through()
        needed += 1
    assert 4 + 5 + 6 + 7 <= needed <= 4 + 5 + 6 + 7 + 8


def test_requests_that_were_under_way_together_are_one_sign() -> None:
    gate = Concurrency(8)
    with gate.passing() as one, gate.passing() as other:
        gate.overrun(one, 0.0)
        gate.overrun(other, 0.0)
    assert gate.now == 4
    with gate.passing() as later:
        gate.overrun(later, 0.0)
    assert gate.now == 2


def test_one_request_is_always_let_through() -> None:
    gate = Concurrency(2)
    for _ in range(5):
        with gate.passing() as passed:
            gate.overrun(passed, 0.0)
    assert gate.now == 1


def test_a_new_limit_forgets_nothing() -> None:
    gate = Concurrency(64)
    gate.limit(8)
    assert gate.now == 8
    with gate.passing() as passed:
        gate.overrun(passed, 0.0)
    gate.limit(8)
    assert gate.now == 4


def test_no_more_threads_than_that_are_inside() -> None:
    gate, inside, most = Concurrency(3), 0, 0
    lock, full = threading.Lock(), threading.Barrier(3, timeout=10)

    def work() -> None:
        nonlocal inside, most
        with gate.passing():
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait()
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(9)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
    assert most == 3


def test_what_one_request_is_asked_to_wait_holds_back_all(connect: Connect) -> None:
    account, _, time = connect(error(429, **{"retry-after": "20"}), OK)
    account.retries = 0
    with pytest.raises(Exception, match="HTTP 429"):
        account.get("/x")
    account.get("/y")
    assert time.now == 20


def sent(pacing: Pacing, number: int, path: str, body: object = None) -> list[float]:
    """When each of so many requests is sent that are all asked for at once."""
    return [pacing.wait_before("post", path, body, 0.0) for _ in range(number)]


@pytest.mark.parametrize(
    ("path", "body", "most"),
    [
        ("/files", None, 5),
        ("/uploads", None, 5),
        ("/vector_stores/vs_1/files", {"file_id": "file-1"}, 3),
        ("/vector_stores/vs_1/files/file-1", {"attributes": {}}, 3),
        ("/vector_stores/vs_1/file_batches", {"file_ids": ["a"] * 10}, 2),
        ("/vector_stores/vs_1/file_batches", {"files": [{}] * 10}, 2),
    ],
)
def test_no_more_is_sent_in_any_minute_than_the_limits_say(path: str, body: object, most: int) -> None:
    moments = sent(Pacing(Limits(uploads=5, attached_files=20, store_writes=3)), 4 * most, path, body)
    assert moments == sorted(moments)
    assert moments[:most] == [0.0] * most
    for moment in moments:
        assert len([each for each in moments if moment <= each < moment + 60]) <= most
    assert moments[-1] == 180


def test_stores_are_counted_one_by_one_and_what_is_attached_together() -> None:
    pacing = Pacing(Limits(attached_files=5, store_writes=3))
    assert sent(pacing, 3, "/vector_stores/vs_1/files") == [0, 0, 0]
    assert sent(pacing, 3, "/vector_stores/vs_2/files") == [0, 0, 60]


def test_what_is_read_or_is_no_file_is_not_counted() -> None:
    pacing = Pacing(Limits(1, 1, 1))
    for _ in range(5):
        assert pacing.wait_before("get", "/vector_stores/vs_1/files", None, 0.0) == 0
        assert pacing.wait_before("post", "/assistants", {}, 0.0) == 0
        assert pacing.wait_before("post", "/vector_stores/vs_1", {}, 0.0) == 0


def test_a_batch_beyond_the_limit_is_sent_alone() -> None:
    body = {"file_ids": ["a"] * 50}
    assert sent(Pacing(Limits(attached_files=20)), 2, "/vector_stores/vs_1/file_batches", body) == [0, 60]


def test_the_account_waits_and_says_why(connect: Connect) -> None:
    account, _, time = connect(httpx2.Response(200, json={"id": "file-1"}))
    account.pacing.limits = Limits(uploads=2)
    said: list[tuple[float, str]] = []
    account.on_wait = lambda seconds, reason: said.append((seconds, reason))
    for _ in range(3):
        account.upload("a.md", b"x", "assistants")
    assert time.now == 60
    assert said == [(60.0, "more would be beyond the limits of the account")]


@pytest.mark.parametrize(
    ("setting", "limits"),
    [
        ("openai", DOCUMENTED),
        ({"base_url": "https://eu.api.openai.com/v1"}, DOCUMENTED),
        ({"base_url": "https://api.openai.com.example.com/v1"}, UNLIMITED),
        ({"base_url": "https://server.test/v1"}, UNLIMITED),
        ({"base_url": "https://server.test/v1", "pacing": True}, DOCUMENTED),
        ({"base_url": "https://server.test/v1", "pacing": {"uploads": 10}}, Limits(10, None, None)),
        ({"base_url": "https://api.openai.com/v1", "pacing": {"uploads": 10}}, Limits(10, 2000, 300)),
        ({"base_url": "https://api.openai.com/v1", "pacing": False}, UNLIMITED),
        ("local", UNLIMITED),
    ],
)
def test_whose_limits_are_kept(setting: object, limits: Limits, tmp_path: object) -> None:
    from pathlib import Path

    account = open_account(setting, root=Path(str(tmp_path)), environ={"OPENAI_API_KEY": "sk-x"})
    assert account.pacing.limits == limits
    account.close()
