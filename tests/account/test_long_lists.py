"""A long list is asked for in several stretches at once, and is what it would be page by page."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue.errors import AccountError
from tests.support.team import Team

BOT = "assistants:\n  bot-0000: {model: gpt-4o}\n"


class LongList(httpx2.BaseTransport):
    """Lists so many copies of the one assistant there is. Behind an object that it does not have it lists nothing,
    unless it does not know `after` at all. `asked` are the objects behind which a page began. Pages
    behind the `cursors` wait until as many are asked for as come `together`."""

    def __init__(self, inner: httpx2.BaseTransport, pattern: dict[str, Any], number: int) -> None:
        self.inner, self.knows_after = inner, True
        text = json.dumps(pattern)
        self.objects = {
            f"asst_{each:06}": {**json.loads(text.replace("bot-0000", f"bot-{each:04}")), "id": f"asst_{each:06}"}
            for each in range(number)
        }
        self.asked: list[str | None] = []
        self.cursors: set[str | None] = set()
        self.together = threading.Barrier(1)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if (request.method, request.url.path) != ("GET", "/v1/assistants"):
            return self.inner.handle_request(request)
        after, limit = request.url.params.get("after"), int(request.url.params["limit"])
        self.asked.append(after)
        if after in self.cursors:
            self.together.wait(PATIENCE)
        ids = list(self.objects)
        if after is not None and self.knows_after and after not in self.objects:
            return httpx2.Response(404, json={"error": {"message": "no such object"}}, request=request)
        first = ids.index(after) + 1 if after and self.knows_after else 0
        page = [self.objects[each] for each in ids[first : first + limit]]
        answer = {"object": "list", "data": page, "has_more": first + limit < len(ids)}
        return httpx2.Response(200, json=answer, request=request)

    def close(self) -> None:
        self.inner.close()


class Place:
    """A stack of one assistant, in an account that lists many copies of it."""

    def __init__(self, root: Path, number: int) -> None:
        self.team = Team(root, checked=False)
        self.team.write("bots.yaml", BOT)
        assert self.team.apply().converged
        (self.pattern,) = self.team.listed("/assistants")
        self.number = number
        self.account: LongList | None = None

    def wrap(self, inner: httpx2.BaseTransport) -> LongList:
        if self.account is None:
            self.account = LongList(inner, self.pattern, self.number)
        self.account.inner = inner
        return self.account

    def look(self, change: Callable[[LongList], None] = lambda _: None, *, forget: bool = False) -> list[str]:
        """The ids of all assistants, as a look sees them and in its order; what it notes is kept."""
        with self.team.session(self.wrap) as session:
            assert self.account is not None
            change(self.account)
            self.account.asked = []
            if forget:
                session.cache.cursors = {}
            session.look(needed={})
            session.cache.save()
            return [live.id for live in session.live if live.id in self.account.objects]


PATIENCE = 10
"""Seconds after which requests that should be under way at once are not."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, 500)


def test_stretches_take_no_more_requests_than_pages(place: Place) -> None:
    """Each begins where a page would, so that nothing is read twice."""
    whole = place.look()
    assert place.account is not None
    assert len(whole) == 500
    one_by_one = sorted(place.account.asked, key=str)
    assert place.look() == whole
    assert sorted(place.account.asked, key=str) == one_by_one
    assert len(one_by_one) == 5


def test_stretches_are_asked_for_at_once(place: Place) -> None:
    """The first request of each is answered when all of them were sent."""
    place.look()

    def hold(account: LongList) -> None:
        account.cursors = {None, *(f"asst_{each:06}" for each in (99, 199, 299, 399))}
        account.together = threading.Barrier(5)

    assert len(place.look(hold)) == 500


def test_a_short_list_is_read_as_ever(tmp_path: Path) -> None:
    place = Place(tmp_path, 300)
    assert len(place.look()) == len(place.look()) == 300
    assert place.account is not None
    assert place.account.asked == [None, "asst_000099", "asst_000199"]


@pytest.mark.parametrize(
    "gone", [[99], [199, 200], [*range(150, 350)], [99, 199, 299, 399], [0], [499]], ids=lambda each: str(each[0])
)
def test_what_is_gone_meanwhile_hides_nothing(place: Place, gone: list[int]) -> None:
    """Also when all that stretches began behind is gone, which the account refuses to list from."""
    place.look()

    def delete(account: LongList) -> None:
        account.objects = {each: one for at, (each, one) in enumerate(account.objects.items()) if at not in gone}

    left = place.look(delete)
    assert left == place.look(forget=True)
    assert len(left) == 500 - len(gone)


def test_what_came_meanwhile_is_seen(place: Place) -> None:
    place.look()

    def create(account: LongList) -> None:
        last = account.objects["asst_000499"]
        account.objects |= {f"new_{each}": {**last, "id": f"new_{each}"} for each in range(150)}

    assert place.look(create) == place.look(forget=True)


def test_what_an_account_moved_is_seen_once(place: Place) -> None:
    place.look()

    def turn(account: LongList) -> None:
        account.objects = dict(reversed(account.objects.items()))

    assert sorted(place.look(turn)) == sorted(place.look(forget=True))


def test_an_account_that_does_not_know_after_is_not_believed(place: Place) -> None:
    place.look()

    def unlearn(account: LongList) -> None:
        account.knows_after = False

    with pytest.raises(AccountError, match=r"repeats itself|leads back into itself"):
        place.look(unlearn)


def test_what_is_noted_is_of_the_last_look(place: Place) -> None:
    place.look()
    with place.team.session(place.wrap) as session:
        assert session.cache.cursors["assistant"] == [f"asst_{each:06}" for each in (99, 199, 299, 399)]
        assert place.account is not None
        place.account.objects = dict(list(place.account.objects.items())[:10])
        session.look(needed={})
        assert session.cache.cursors == {}
