"""What is done with one run costs the same however many runs and messages there were before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from retinue.emulator.language_models.rehearsal import Rehearsal
from retinue.emulator.server.transport import LocalTransport
from tests.emulator.conftest import HEADERS, Account, Clock
from tests.emulator.test_proportion import Counted, growth

FEW, MANY = 6, 48
FUNCTION = {"type": "function", "function": {"name": "look_up"}}


def filled(directory: Path, count: int) -> Counted:
    """One thread with so many runs that are over; the first of ``ids`` is its assistant."""
    transport = LocalTransport(directory, clock=Clock(), language_model=Rehearsal())
    http = httpx2.Client(transport=transport, base_url="http://local.invalid/v1", headers=HEADERS)
    account = Account(http, Clock())
    assistant = account.post("/assistants", model="gpt-4o", tools=[FUNCTION])["id"]
    thread = account.post("/threads", messages=[{"role": "user", "content": "Hi"}])["id"]
    for _ in range(count):
        http.post(f"/threads/{thread}/runs", json={"assistant_id": assistant, "stream": True}).raise_for_status()
    assert len(account.ids(f"/threads/{thread}/runs", limit=100)) == count
    return Counted(account, transport._app.open().db, thread, [assistant])


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Counted, Counted]]:
    few, many = (filled(tmp_path_factory.mktemp("account"), count) for count in (FEW, MANY))
    yield few, many
    for each in (few, many):
        each.account.http.close()


def run(each: Counted) -> None:
    """Begun, looked at, waited for, cancelled."""
    path = f"/threads/{each.store}/runs"
    body = {"assistant_id": each.ids[0], "tool_choice": "required", "stream": True}
    each.account.http.post(path, json=body).raise_for_status()
    (made,) = each.account.ids(path, limit=1)
    assert each.account.get(f"{path}/{made}")["status"] == "requires_action"
    each.account.get(f"{path}/{made}/steps")
    each.account.post(f"{path}/{made}/cancel")


ABOUT_ONE: dict[str, Callable[[Counted], object]] = {
    "a run": run,
    "a message": lambda each: each.account.post(f"/threads/{each.store}/messages", role="user", content="And?"),
    "a page of messages": lambda each: each.account.get(f"/threads/{each.store}/messages", limit=5),
    "a thread": lambda each: each.account.delete(f"/threads/{each.account.post('/threads')['id']}"),
}


@pytest.mark.parametrize("what", ABOUT_ONE)
def test_what_is_about_one_costs_the_same_after_many(sizes: tuple[Counted, Counted], what: str) -> None:
    assert growth(sizes, ABOUT_ONE[what]) < 1.5
