"""A long list is asked for in several stretches at once, or from both ends, and is what it would be page by page."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.errors import AccountError
from retinue.providers.openai.both_ends import Beginning, EndPart
from tests.support.team import Team

BOT = "assistants:\n  bot-0000: {model: gpt-4o}\n"


class LongList(httpx2.BaseTransport):
    """Lists so many copies of the one assistant there is, of which as many as come at once are of one second. Behind an
    object that it does not have it lists nothing, unless it does not know `after` at all, or no `order`. `asked` are
    the objects behind which a page began, `asked_back` those of pages from the end. The first of those, and pages
    behind the `cursors`, wait until as many are asked for as come `together`."""

    def __init__(self, inner: httpx2.BaseTransport, pattern: dict[str, Any], number: int, at_once: int = 3) -> None:
        self.inner, self.knows_after, self.knows_order, self.fails_back = inner, True, True, False
        text = json.dumps(pattern)
        self.objects = {
            f"asst_{each:06}": {
                **json.loads(text.replace("bot-0000", f"bot-{each:04}")),
                "id": f"asst_{each:06}",
                "created_at": 1_800_000_000 + each // at_once,
            }
            for each in range(number)
        }
        self.asked: list[str | None] = []
        self.asked_back: list[str | None] = []
        self.cursors: set[str | None] = set()
        self.together = threading.Barrier(1)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if (request.method, request.url.path) != ("GET", "/v1/assistants"):
            return self.inner.handle_request(request)
        after, limit = request.url.params.get("after"), int(request.url.params["limit"])
        falling = self.knows_order and request.url.params.get("order") == "desc"
        (self.asked_back if falling else self.asked).append(after)
        if (falling and after is None) or after in self.cursors:
            self.together.wait(PATIENCE)
        if falling and self.fails_back:
            return httpx2.Response(500, json={"error": {"message": "not today"}}, request=request)
        ids = list(reversed(self.objects)) if falling else list(self.objects)
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
            self.account.asked, self.account.asked_back = [], []
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
    assert place.account.asked_back == []


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


# ── from both ends ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("at_once", [1, 3, 100, 500], ids=str)
def test_an_unknown_list_is_read_from_both_ends(tmp_path: Path, at_once: int) -> None:
    """In no more than a few pages more than there are, which are read towards each other, also where files that came
    in one batch fill several pages."""
    place = Place(tmp_path, 2000)

    def together(account: LongList) -> None:
        for at, each in enumerate(account.objects.values()):
            each["created_at"] = 1_800_000_000 + at // at_once

    whole = place.look(together)
    assert place.account is not None
    assert whole == list(place.account.objects)
    asked, back = place.account.asked, place.account.asked_back
    assert back
    assert len(asked) + len(back) <= 20 + 3 + at_once // 100


def test_two_pages_are_under_way_at_once(tmp_path: Path) -> None:
    """The first page from the end is answered once the sixth from the beginning was asked for."""
    place = Place(tmp_path, 1000)

    def hold(account: LongList) -> None:
        account.cursors = {"asst_000499"}
        account.together = threading.Barrier(2)

    assert len(place.look(hold)) == 1000


@pytest.mark.parametrize("at_once", [1, 99, 100, 250, 3000], ids=str)
def test_objects_of_the_same_second_are_all_seen(tmp_path: Path, at_once: int) -> None:
    place = Place(tmp_path, 900)

    def together(account: LongList) -> None:
        for at, each in enumerate(account.objects.values()):
            each["created_at"] = 1_800_000_000 + at // at_once

    assert place.look(together) == [f"asst_{each:06}" for each in range(900)]


def _unlearn_order(account: LongList) -> None:
    account.knows_order = False


def _mix(account: LongList) -> None:
    mixed = sorted(account.objects, key=lambda each: hashlib.sha256(each.encode()).digest())
    account.objects = {each: account.objects[each] for each in mixed}


def _leave_times_out(account: LongList) -> None:
    for each in account.objects.values():
        del each["created_at"]


@pytest.mark.parametrize("odd", [_unlearn_order, _mix, _leave_times_out])
def test_a_list_in_no_order_is_read_from_its_beginning(tmp_path: Path, odd: Callable[[LongList], None]) -> None:
    place = Place(tmp_path, 900)
    whole = place.look(odd)
    assert place.account is not None
    assert whole == list(place.account.objects)
    assert len(place.account.asked) >= 9


def test_what_goes_wrong_at_the_end_of_a_list_is_of_no_account(tmp_path: Path) -> None:
    place = Place(tmp_path, 900)

    def fail(account: LongList) -> None:
        account.fails_back = True

    assert len(place.look(fail)) == 900
    assert place.account is not None
    assert len(place.account.asked) == 9


Times = st.lists(st.integers(0, 12), min_size=1, max_size=40).map(sorted)


@given(Times, st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 6), st.data())
def test_where_the_ends_meet_nothing_is_missing(
    times: list[int], random: Random, page: int, back: int, data: st.DataObject
) -> None:
    """Whatever the order of objects of one second is in either direction, and however far the end was read."""
    objects: list[dict[str, Any]] = [{"id": f"o{each}", "created_at": time} for each, time in enumerate(times)]
    mixed = random.sample(objects, len(objects))
    falling = sorted(mixed, key=lambda each: -each["created_at"])
    end, seen, taken = EndPart(), Beginning(), 0
    for first in range(0, len(objects), page):
        for each in objects[first : first + page]:
            seen.take(each)
        for _ in range(data.draw(st.integers(0, 3))):
            end.take(falling[taken : taken + back])
            taken += back
        if end.meets(seen):
            assert seen.ids | {each["id"] for each in end.objects} == {each["id"] for each in objects}
