"""Work that takes time: done by workers after the request, once, and finished by the next start when they die.

The service of these tests adds numbers up, slowly: its workers wait until a test lets them go on, and nobody for time.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue.emulator.server.api_errors import conflict
from retinue.emulator.server.app import LocalAccount
from retinue.emulator.server.collection import Collection, create, random_id, require
from retinue.emulator.server.loopback import running_server
from retinue.emulator.server.quirks import NONE
from retinue.emulator.server.request_checks import array, integer, record
from retinue.emulator.server.service import Call, Endpoint, Hosted, Job, Service, Work
from retinue.emulator.server.storage import JsonObject, Storage
from retinue.emulator.server.transport import LocalTransport

SUMS = Collection("sum", "sum_", "sum", "sum_id")

# It is killed in the middle of its work.
KILLED = """
import sys
from pathlib import Path
import httpx2
from retinue.emulator.server.transport import LocalTransport
from tests.emulator.test_workers import Adding, begin

adding = Adding()
transport = LocalTransport(Path(sys.argv[1]), services=[adding.service()])
with httpx2.Client(transport=transport, base_url="http://local.invalid/v1") as http:
    made = begin(http, 1, 2, 3)
    adding.begun.acquire()
    print(made, flush=True)
    sys.stdin.read()
"""


@dataclass
class Adding:
    """What the workers wait for, and what they have done."""

    until_closed: bool = False
    """Whether it waits for the account to close, instead of ``go``."""
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go: threading.Event = field(default_factory=threading.Event)
    written: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    begins: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def begin(self, job: Job) -> None:
        self.begins.append(job.body["id"])
        self.begun.release()
        if self.until_closed:
            job.stopping.wait()
            job.check()
        self.go.wait()

    def perform(self, job: Job) -> Callable[[Call], None]:
        with job.transaction() as call:
            self.set(call, status="in_progress")
        self.begin(job)
        if 0 in job.body["numbers"]:
            raise ValueError("zero is not to be added")
        total = sum(job.body["numbers"])

        def write(call: Call) -> None:
            if total < 0:
                raise ValueError("sums are positive")
            self.write(call, status="completed", total=total)

        return write

    def fail(self, call: Call) -> None:
        self.write(call, status="failed")

    def write(self, call: Call, **members: Any) -> None:
        self.set(call, **members)
        self.writes.append(call.body["id"])
        self.written.release()

    def set(self, call: Call, **members: Any) -> None:
        stored = require(call, SUMS, call.body["id"])
        stored.body.update(members)
        call.storage.save(stored)

    def create(self, call: Call) -> JsonObject:
        body: JsonObject = {"id": call.new_id(SUMS.prefix), "object": SUMS.object, "status": "queued", "total": None}
        create(call, SUMS, body)
        call.enqueue("sum", {"id": body["id"], "numbers": call.body["numbers"]})
        if len(call.body["numbers"]) > 3:
            raise conflict("There are too many numbers.")
        return body

    def ask_for_another(self, call: Call) -> JsonObject:
        call.enqueue("other", {})
        return {}

    def service(self) -> Service:
        numbers = record({"numbers": array(integer())})
        return Service(
            (
                Endpoint("POST", "/sums", self.create, body=numbers),
                # A write waits for the transaction of a worker that is about to end, so it sees what that wrote.
                Endpoint("POST", "/sums/{id}", lambda call: require(call, SUMS, call.path["id"]).body),
                Endpoint("POST", "/others", self.ask_for_another),
            ),
            work={"sum": Work(self.perform, self.fail)},
        )


@pytest.fixture
def adding() -> Iterator[Adding]:
    adding = Adding()
    yield adding
    adding.go.set()


OpenSums = Callable[[], httpx2.Client]


@pytest.fixture
def open_sums(tmp_path: Path, adding: Adding) -> Iterator[OpenSums]:
    with ExitStack() as opened:

        def open_one() -> httpx2.Client:
            transport = LocalTransport(tmp_path, services=[adding.service()])
            return opened.enter_context(httpx2.Client(transport=transport, base_url="http://local.invalid/v1"))

        yield open_one


def begin(http: httpx2.Client, *numbers: int) -> str:
    """The id of a new sum."""
    return str(http.post("/sums", json={"numbers": numbers}).raise_for_status().json()["id"])


def look(http: httpx2.Client, sum_id: str) -> dict[str, Any]:
    found: dict[str, Any] = http.post(f"/sums/{sum_id}").raise_for_status().json()
    return found


def jobs(directory: Path) -> list[tuple[str, int]]:
    """Kind and attempts of what is not done yet."""
    with closing(sqlite3.connect(directory / "account.sqlite3")) as db:
        return db.execute("SELECT kind, attempts FROM jobs ORDER BY id").fetchall()


def test_a_request_is_answered_before_its_work_is_done(open_sums: OpenSums, adding: Adding, tmp_path: Path) -> None:
    http = open_sums()
    made = begin(http, 1, 2, 3)
    assert adding.begun.acquire(timeout=30)
    assert look(http, made) == {"id": made, "object": "sum", "status": "in_progress", "total": None}
    assert jobs(tmp_path) == [("sum", 1)]
    adding.go.set()
    assert adding.written.acquire(timeout=30)
    assert look(http, made) == {"id": made, "object": "sum", "status": "completed", "total": 6}
    assert jobs(tmp_path) == []


def test_every_job_is_done_once(open_sums: OpenSums, adding: Adding, tmp_path: Path) -> None:
    """By the workers of two accounts that are open at once over one directory."""
    adding.go.set()
    accounts = [open_sums(), open_sums()]
    made = [begin(accounts[number % 2], number, 1) for number in range(1, 41)]
    for _ in made:
        assert adding.written.acquire(timeout=30)
    assert [look(accounts[0], each)["total"] for each in made] == list(range(2, 42))
    assert sorted(adding.writes) == sorted(adding.begins) == sorted(made)
    assert jobs(tmp_path) == []


def test_a_refused_request_has_no_work_done(open_sums: OpenSums, adding: Adding, tmp_path: Path) -> None:
    http = open_sums()
    assert http.post("/sums", json={"numbers": [1, 2, 3, 4]}).status_code == 409
    assert jobs(tmp_path) == []


def test_work_that_fails_says_so(open_sums: OpenSums, adding: Adding, caplog: pytest.LogCaptureFixture) -> None:
    """Also when only its result cannot be written. Other work goes on."""
    adding.go.set()
    http = open_sums()
    made = [begin(http, 1, 0), begin(http, -1), begin(http, 1)]
    for _ in made:
        assert adding.written.acquire(timeout=30)
    assert [look(http, each)["status"] for each in made] == ["failed", "failed", "completed"]
    assert "zero is not to be added" in caplog.text
    assert "sums are positive" in caplog.text


def test_what_closing_interrupts_is_finished_by_who_opens_next(
    open_sums: OpenSums, adding: Adding, tmp_path: Path
) -> None:
    """However often: a stop in good order is no attempt that failed. What had not begun waits as well."""
    adding.until_closed = True
    made: list[str] = []
    for _ in range(5):
        http = open_sums()
        made += [begin(http, 20, 3), begin(http, 5)]
        assert adding.begun.acquire(timeout=30)
        http.close()
    assert jobs(tmp_path) == [("sum", 0)] * 10
    assert list((tmp_path / "workers").iterdir()) == []
    adding.until_closed = False
    adding.go.set()
    http = open_sums()
    look(http, made[0])
    for _ in made:
        assert adding.written.acquire(timeout=30)
    assert [look(http, each)["total"] for each in made] == [23, 5] * 5


def test_what_a_killed_process_left_is_finished_by_who_opens_next(
    open_sums: OpenSums, adding: Adding, tmp_path: Path
) -> None:
    command = [sys.executable, "-W", "error", "-c", KILLED, str(tmp_path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        made = process.stdout.readline().strip()
        process.kill()
    assert jobs(tmp_path) == [("sum", 1)]
    adding.go.set()
    http = open_sums()
    http.post("/sums/sum_nothing")
    assert adding.written.acquire(timeout=30)
    assert look(http, made)["total"] == 6
    assert adding.begins == [made]
    http.close()
    assert list((tmp_path / "workers").iterdir()) == []


def test_a_server_finishes_what_was_left_without_being_asked(
    open_sums: OpenSums, adding: Adding, tmp_path: Path
) -> None:
    adding.until_closed = True
    http = open_sums()
    made = begin(http, 4, 5)
    assert adding.begun.acquire(timeout=30)
    http.close()
    adding.until_closed = False
    adding.go.set()
    with (
        running_server(tmp_path, services=[adding.service()]) as base_url,
        httpx2.Client(base_url=base_url, verify=False) as served,
    ):
        assert adding.written.acquire(timeout=30)
        assert look(served, made)["total"] == 9


def test_nobody_takes_work_from_a_worker_that_lives(open_sums: OpenSums, adding: Adding) -> None:
    http, other = open_sums(), open_sums()
    made = begin(http, 1)
    assert adding.begun.acquire(timeout=30)
    assert look(other, made)["status"] == "in_progress"
    adding.go.set()
    assert adding.written.acquire(timeout=30)
    assert look(other, made)["total"] == 1
    assert adding.begins == [made]


def test_work_that_is_kept_for_one_worker_is_taken_by_no_other(tmp_path: Path) -> None:
    """Unless that one lives no more. It is begun once, too."""
    storage = Storage(tmp_path, new_id=random_id)
    with storage.transaction(write=True):
        storage.add_job("sum", {"kept": True}, owner="me")
    assert storage.claim_job("you", "sum") is None
    assert storage.waiting_kinds("you", ["sum"]) == []
    assert storage.waiting_kinds("me", ["sum"]) == ["sum"]
    assert storage.claim_job("me", "sum") is not None
    assert storage.claim_job("me", "sum") is None
    storage.free_jobs("me")
    taken = storage.claim_job("you", "sum")
    assert taken is not None
    assert (taken.body, taken.attempts) == ({"kept": True}, 2)
    storage.close()


def test_work_that_takes_its_process_down_fails_in_the_end(open_sums: OpenSums, adding: Adding, tmp_path: Path) -> None:
    adding.until_closed = True
    http = open_sums()
    made = begin(http, 1)
    assert adding.begun.acquire(timeout=30)
    http.close()
    with closing(sqlite3.connect(tmp_path / "account.sqlite3")) as db, db:
        db.execute("UPDATE jobs SET owner = 'dead', attempts = 3")
    adding.begins.clear()
    http = open_sums()
    http.post(f"/sums/{made}")
    assert adding.written.acquire(timeout=30)
    assert look(http, made)["status"] == "failed"
    assert adding.begins == []


def test_a_result_that_comes_after_somebody_else_took_over_is_dropped(
    open_sums: OpenSums, adding: Adding, tmp_path: Path
) -> None:
    http = open_sums()
    made = begin(http, 1)
    assert adding.begun.acquire(timeout=30)
    with closing(sqlite3.connect(tmp_path / "account.sqlite3")) as db, db:
        db.execute("UPDATE jobs SET owner = 'another'")
    adding.go.set()
    http.close()
    assert adding.writes == []
    assert jobs(tmp_path) == [("sum", 1)]
    http = open_sums()
    http.post(f"/sums/{made}")
    assert adding.written.acquire(timeout=30)
    assert look(http, made)["total"] == 1


def test_a_directory_from_before_there_were_workers_is_opened(
    open_sums: OpenSums, adding: Adding, tmp_path: Path
) -> None:
    open_sums().post("/sums/sum_nothing")
    with closing(sqlite3.connect(tmp_path / "account.sqlite3")) as db, db:
        db.execute("DROP TABLE jobs")
    adding.go.set()
    http = open_sums()
    made = begin(http, 1)
    assert adding.written.acquire(timeout=30)
    assert look(http, made)["total"] == 1


def test_work_of_a_kind_nobody_does_is_our_mistake(open_sums: OpenSums, adding: Adding) -> None:
    assert open_sums().post("/others").status_code == 500


def test_two_services_do_not_claim_one_kind_of_work(adding: Adding) -> None:
    with pytest.raises(ValueError, match="two services lay claim to sum"):
        Hosted([adding.service(), adding.service()])


def test_an_account_whose_services_do_no_work_has_no_workers(tmp_path: Path) -> None:
    account = LocalAccount(
        tmp_path, Hosted([]), quirks=NONE, api_key=None, clock=lambda: 0, new_id=lambda prefix: prefix
    )
    account.open()
    assert account._workers is None
    account.close()
