"""Twice the work takes twice the requests, and no more: counted, at a size, at twice and at four times as many.

What is counted are requests, and lines of our own code that run while they are prepared and read: both are the same on
every machine. A stage that grows by more than `MOST` per doubling is not in proportion to its work.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2
import pytest

import retinue
from retinue import engine
from retinue.model.steps import Plan
from retinue.planning.policy import Approval
from retinue.providers.openai.create_once import newest
from retinue.providers.openai.retry_policy import LOOKS
from retinue.providers.preconditions import check_plan
from retinue.state.upload_journal import Journalled
from tests.support.team import Team

MOST = 2.3
SIZES, MANY = (15, 30, 60), (200, 400, 800)
SOURCE = str(Path(retinue.__file__).parent)
SERVER = str(Path(retinue.__file__).parent / "emulator")


class Lines:
    """Counts lines of Retinue that run, in all threads, without those of the local account."""

    def __init__(self) -> None:
        self.number = 0
        self._lock = threading.Lock()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        return self.count if name.startswith(SOURCE) and not name.startswith(SERVER) else None

    def count(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            with self._lock:
                self.number += 1
        return self.count


@contextmanager
def counted() -> Iterator[Lines]:
    lines, before = Lines(), sys.gettrace()
    threading.settrace(lines)
    sys.settrace(lines)
    try:
        yield lines
    finally:
        sys.settrace(before)
        threading.settrace(before)


def bots(number: int, name: str = "Bot") -> str:
    return "assistants:\n" + "".join(f"  bot-{each:04}: {{model: gpt-4o, name: {name}}}\n" for each in range(number))


def applied(root: Path, number: int) -> Team:
    """A stack of so many objects, applied."""
    root.mkdir(exist_ok=True)
    team = Team(root, checked=False)
    team.write("bots.yaml", bots(number))
    assert team.apply().converged
    return team


class Copies(httpx2.BaseTransport):
    """Lists so many copies of the one assistant there is, each with a name and an address of its own."""

    def __init__(self, inner: httpx2.BaseTransport, pattern: dict[str, Any], number: int) -> None:
        self.inner = inner
        text = json.dumps(pattern)
        self.listed = [json.loads(text.replace("bot-0000", f"bot-{each:04}")) for each in range(number)]
        self.places = {}
        for place, each in enumerate(self.listed):
            each["id"] = f"asst_{place:06}" if place else each["id"]
            self.places[each["id"]] = place

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if (request.method, request.url.path) != ("GET", "/v1/assistants"):
            return self.inner.handle_request(request)
        after, limit = request.url.params.get("after"), int(request.url.params["limit"])
        first = self.places[after] + 1 if after else 0
        page = self.listed[first : first + limit]
        answer = {"object": "list", "data": page, "has_more": first + limit < len(self.listed)}
        return httpx2.Response(200, json=answer, request=request)

    def close(self) -> None:
        self.inner.close()


def look(session: engine.Session, _: Plan) -> None:
    session.look(needed=session.reading.resolved.needed)


def look_again(session: engine.Session, made: Plan) -> None:
    check_plan(made, session.providers, session.kinds, stack="test")


@pytest.mark.parametrize("stage", [look, look_again], ids=lambda each: str(each.__name__))
def test_looking_grows_with_what_there_is_to_see(tmp_path: Path, stage: Callable[[engine.Session, Plan], None]) -> None:
    """Every object changes, so that all of them are looked at again."""
    team = applied(tmp_path, 1)
    (pattern,) = team.listed("/assistants")
    work = []
    for size in MANY:
        team.write("bots.yaml", bots(size, "Robot"))
        copies = partial(Copies, pattern=pattern, number=size)
        with team.session(copies) as session:
            made = engine.plan(session)
            assert [step.action for step in made.steps] == ["update"] * size
            with counted() as lines:
                stage(session, made)
        work.append(lines.number)
    assert max(after / before for before, after in itertools.pairwise(work)) <= MOST, work


def test_carrying_out_grows_with_what_there_is_to_do(tmp_path: Path) -> None:
    work = []
    for size in SIZES:
        team = applied(tmp_path / str(size), size)
        team.write("bots.yaml", bots(size, "Robot"))
        with team.session() as session:
            made = engine.plan(session)
            assert len(made.steps) == size
            with counted() as lines:
                assert engine.apply(session, made, approval=Approval(person=True)).converged
        work.append(lines.number)
    assert max(after / before for before, after in itertools.pairwise(work)) <= MOST, work


def test_a_plan_takes_a_request_for_a_hundred_objects(tmp_path: Path) -> None:
    """And some that do not depend on their number. A change takes a read and a write of each object, and two looks at
    all of them by the page: before the first write and after the last. The list is read once."""
    before = 0
    for size in (90, 190):
        team = applied(tmp_path / str(size), size)
        lists = size // 100 + 1
        assert team.calls.count("GET /assistants") == 1 + lists  # before there was anything, and afterwards
        assert len(team.calls) - size - lists <= 16
        assert team.plan().empty
        assert len(team.calls) <= lists + 7
        before = before or len(team.calls)
        assert len(team.calls) - before == lists - 1
    for number in (5, 10, 20):
        team.write("bots.yaml", bots(size).replace("name: Bot", f"name: Robot {number}", number))
        assert team.apply().converged
        single = [each.split("/")[0] for each in team.calls if "/assistants/" in each]
        assert (single.count("GET "), single.count("POST ")) == (number, number)
        assert team.calls.count("GET /assistants") == lists + 2
        assert len(team.calls) - 2 * number - lists - 2 <= 11


class Throttling(httpx2.BaseTransport):
    """Answers 429 to whatever is beyond `most` at once, and counts both."""

    def __init__(self, inner: httpx2.BaseTransport, most: int) -> None:
        self.inner, self.most, self.inside, self.refused, self.answered = inner, most, 0, 0, 0
        self._lock = threading.Lock()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        with self._lock:
            self.inside += 1
            too_many = self.inside > self.most
            self.refused += too_many
            self.answered += not too_many
        try:
            if too_many:
                error = {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
                return httpx2.Response(429, json={"error": error}, request=request)
            return self.inner.handle_request(request)
        finally:
            with self._lock:
                self.inside -= 1

    def close(self) -> None:
        self.inner.close()


def test_an_account_that_is_overrun_is_not_hammered(tmp_path: Path) -> None:
    """However many threads there are: what is refused stays a part of what is answered, and all is applied."""
    team = Team(tmp_path, checked=False)
    team.write("bots.yaml", bots(200))
    made: list[Throttling] = []

    def wrap(inner: httpx2.BaseTransport) -> Throttling:
        made.append(Throttling(inner, 2))
        return made[0]

    assert team.apply(wrap, parallelism=16).converged
    assert made[0].refused <= made[0].answered / 2


class Echoing(httpx2.BaseTransport):
    """Answers an update with what it was sent, and keeps nothing of it."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "POST" or not request.url.path.startswith("/v1/assistants/"):
            return self.inner.handle_request(request)
        there = self.inner.handle_request(httpx2.Request("GET", request.url, headers=request.headers))
        body = json.loads(there.read()) | json.loads(request.content)
        return httpx2.Response(200, json=body, request=request)

    def close(self) -> None:
        self.inner.close()


def test_an_apply_believes_what_it_reads_again_and_no_answer(tmp_path: Path) -> None:
    """The look back at the objects that were written over is a real one."""
    team = applied(tmp_path, 5)
    team.write("bots.yaml", bots(5).replace("name: Bot", "name: Robot", 3))
    looked_back = team.apply(Echoing)
    assert looked_back.succeeded
    assert not looked_back.converged
    assert looked_back.remaining is not None
    assert len(looked_back.remaining.steps) == 3
    assert team.apply().converged


class Losing(httpx2.BaseTransport):
    """Loses the answer to the first creation, which the account has done by then, or never hears of."""

    def __init__(self, inner: httpx2.BaseTransport, *, arrives: bool) -> None:
        self.inner, self.arrives, self.lost = inner, arrives, False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.lost or (request.method, request.url.path) != ("POST", "/v1/assistants"):
            return self.inner.handle_request(request)
        self.lost = True
        if self.arrives:
            self.inner.handle_request(request).read()
        raise httpx2.ReadError("the answer was lost", request=request)

    def close(self) -> None:
        self.inner.close()


@pytest.mark.parametrize(("arrives", "looks"), [(True, 1), (False, len(LOOKS))])
def test_what_a_lost_creation_made_is_looked_for_among_the_newest(tmp_path: Path, arrives: bool, looks: int) -> None:
    """Each look takes a page, however many objects there are."""
    team = Team(tmp_path, checked=False)
    for size in (60, 120, 180, 240):
        team.write("bots.yaml", bots(size))
        assert team.apply().converged
        team.time.now += 3600
    team.write("bots.yaml", bots(241))
    assert team.apply(partial(Losing, arrives=arrives)).converged
    assert team.calls.count("GET /assistants") == 3 + looks + 3, "the list for each of the plans, and a page a look"
    assert len(team.listed("/assistants")) == 241


@pytest.mark.parametrize(
    ("times", "read"),
    [
        ([9, 8, 7, 6, 5, 4, 3], 3),  # the page that ends with what is older is the last one
        ([109, 108, 107, 106, 105, 104, 103], 7),  # all of it may have been made since
        ([3, 4, 5, 6, 7, 8, 109], 7),  # a server that knows no order has the newest at its end
        ([3, 3, 3, 3, 3, 3, 109], 7),
        ([5, 3, 7, 4, 3, 2, 109], 7),
        ([9, None, 7, 6, 5, 4, 109], 7),
    ],
)
def test_a_list_is_cut_short_only_where_it_is_surely_over(times: list[int | None], read: int) -> None:
    listed = [{"id": str(number), "created_at": each} for number, each in enumerate(times)]
    assert len(list(newest(listed, 100, 3))) == read


def test_who_holds_a_shared_file_is_asked_where_it_is_known(tmp_path: Path) -> None:
    """However many stores there are: one of those that this machine knows to hold it says so."""
    asked = []
    for number in (3, 6):
        team = Team(tmp_path / str(number), checked=False)
        store = "  store-{0}: {{name: Store {0}, files: [terms.md, own-{0}.md]}}\n"
        team.write("terms.md", "# Terms\n")
        for each in range(number):
            team.write(f"own-{each}.md", f"# {each}\n")
        declared = "".join(store.format(each) for each in range(number))
        team.write("stores.yaml", f"vector_stores:\n{declared}")
        assert team.apply().converged
        team.write("stores.yaml", f"vector_stores:\n{declared}".replace("terms.md, own-0", "own-0"))
        assert team.apply().converged
        assert len(team.listed("/files")) == number + 1
        asked.append(len(team.calls))
        team.write("terms.md", "# Other terms\n")
        assert team.apply().converged
        assert len(team.listed("/files")) == number + 1
        single = [each for each in team.calls if re.fullmatch(r"GET /vector_stores/[^/]+/files/[^/]+", each)]
        asked.append(len(single))
    assert asked[0] == asked[2], "one store let go of it, and another one still has it"
    assert asked[3] <= 2 * asked[1] + 3, "all of the stack's let go of it"


def test_what_was_to_be_deleted_is_asked_for_together(tmp_path: Path) -> None:
    """An apply that was killed while it took files out leaves many: the account is asked once about all of them."""
    counts = []
    for number in (4, 8):
        team = Team(tmp_path / str(number), checked=False)
        for each in range(number):
            team.write(f"doc-{each}.md", f"# {each}\n")
        team.write("kb.yaml", "vector_stores:\n  kb: {files: ['doc-*.md']}\n")
        team.write("bots.yaml", bots(3))
        assert team.apply().converged
        for each in range(number):
            (tmp_path / str(number) / f"doc-{each}.md").unlink()
        team.write("doc-x.md", "# New\n")
        with team.session() as session:
            files = [file.id for live in session.live for file in live.files]
            made = engine.plan(session)
            files = [file_id for step in made.steps for change in step.files for file_id in change.file_ids]
            for file_id in files:
                entry = Journalled(f"key-{file_id}", "", 0, "", "assistants", team.time.now, file_id, doomed=True)
                session.journal.open(entry)
                session.account.delete(f"/vector_stores/{team.listed('/vector_stores')[0]['id']}/files/{file_id}")
        assert team.apply().converged
        assert len(team.listed("/files")) == 1
        counts.append(team.calls.count("GET /assistants"))
    assert counts[0] == counts[1]
