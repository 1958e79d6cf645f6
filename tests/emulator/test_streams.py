"""An endpoint may answer with a stream, which reaches the caller as it is produced: in process and over a socket.

The service of these tests is registered as every service is. Producer and reader wait for each other, nobody for time.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from retinue.emulator.server.loopback import running_server
from retinue.emulator.server.quirks import NONE, Quirks
from retinue.emulator.server.service import Call, Endpoint, Service, Streamed, find_services, server_sent_event
from retinue.emulator.server.storage import JsonObject
from retinue.emulator.server.transport import LocalTransport

Pieces = AsyncIterator[bytes] | Iterator[bytes]
Serve = Callable[..., httpx2.Client]


@dataclass
class Counting:
    """What the producers below have done so far, and what they wait for."""

    made: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)
    """Set on the loop, by ``POST /go``."""
    step: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    async def one_by_one(self, _call: Call) -> AsyncIterator[bytes]:
        """A number, and the next one when its reader says so."""
        try:
            for number in range(3):
                self.go.clear()
                self.made += 1
                yield server_sent_event({"number": number}, event="number")
                await self.go.wait()
            yield server_sent_event("[DONE]")
        finally:
            self.ended.set()

    def in_a_thread(self, _call: Call) -> Iterator[bytes]:
        """The same for a producer that keeps its thread waiting."""
        try:
            for number in range(3):
                self.made += 1
                yield server_sent_event({"number": number}, event="number")
                self.step.wait()
                self.step.clear()
            yield server_sent_event("[DONE]")
        finally:
            self.ended.set()

    async def for_ever(self, _call: Call) -> AsyncIterator[bytes]:
        try:
            for self.made in itertools.count(1):
                yield b"x" * 100_000
        finally:
            self.ended.set()

    async def halfway(self, _call: Call) -> AsyncIterator[bytes]:
        yield b"begun, "
        raise ValueError("the producer is broken")

    async def saving(self, call: Call) -> AsyncIterator[bytes]:
        """Changes, in a transaction of its own, what the handler stored."""
        yield b"stored, "
        with call.storage.transaction(write=True):
            (stored,) = call.storage.select("count")
            stored.body["state"] = "over"
            call.storage.save(stored)
        yield b"saved"


def counting_service(counting: Counting, produce: Callable[[Call], Pieces]) -> Service:
    def start(call: Call) -> Streamed:
        call.storage.insert("count", {"id": call.new_id("count_"), "state": "begun"})
        return Streamed(produce(call))

    def go(call: Call) -> JsonObject:
        counting.go.set()
        counting.step.set()
        return {}

    def state(call: Call) -> JsonObject:
        return {"states": [each.body["state"] for each in call.storage.select("count")]}

    return Service(
        (
            Endpoint("GET", "/counts", lambda call: Streamed(produce(call))),
            Endpoint("POST", "/counts", start, status=201),
            Endpoint("POST", "/go", go),
            Endpoint("GET", "/states", state),
        )
    )


@pytest.fixture
def counting() -> Iterator[Counting]:
    counting = Counting()
    yield counting
    counting.step.set()


@pytest.fixture(params=["in process", "over a socket"])
def serve(request: pytest.FixtureRequest, tmp_path: Path, counting: Counting) -> Iterator[Serve]:
    """Open an account that hosts what there is, and a service that counts."""
    with ExitStack() as opened:

        def open_one(produce: Callable[[Call], Pieces], quirks: Quirks = NONE) -> httpx2.Client:
            services = (*find_services(), counting_service(counting, produce))
            if request.param == "in process":
                transport = LocalTransport(tmp_path, quirks=quirks, services=services)
                return opened.enter_context(httpx2.Client(transport=transport, base_url="http://local.invalid/v1"))
            base_url = opened.enter_context(running_server(tmp_path, quirks=quirks, services=services))
            return opened.enter_context(httpx2.Client(base_url=base_url, verify=False, timeout=30))

        yield open_one


def number_event(number: int) -> bytes:
    return b'event: number\ndata: {"number":%d}\n\n' % number


@pytest.mark.parametrize("produce", ["one_by_one", "in_a_thread"])
def test_each_piece_arrives_before_the_next_is_made(serve: Serve, counting: Counting, produce: str) -> None:
    """The account answers other requests meanwhile, among them the one that asks for the next piece."""
    http = serve(getattr(counting, produce))
    with http.stream("GET", "/counts") as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["x-request-id"].startswith("req_")
        pieces = response.iter_bytes()
        for number in range(3):
            assert next(pieces) == number_event(number)
            assert counting.made == number + 1
            http.post("/go").raise_for_status()
        assert next(pieces) == b"data: [DONE]\n\n"
        assert next(pieces, None) is None
    assert counting.ended.wait(30)


def test_an_answer_begins_before_its_first_piece(serve: Serve, counting: Counting) -> None:
    async def late(_call: Call) -> AsyncIterator[bytes]:
        await counting.go.wait()
        yield b"late"

    http = serve(late)
    with http.stream("GET", "/counts") as response:
        assert response.status_code == 200
        http.post("/go").raise_for_status()
        assert response.read() == b"late"


def test_the_sdk_reads_events_as_they_come(serve: Serve, counting: Counting) -> None:
    http = serve(counting.one_by_one)
    client = openai.OpenAI(base_url=str(http.base_url), api_key="local", http_client=http, max_retries=0)
    events = client.get("/counts", cast_to=dict[str, Any], stream=True, stream_cls=openai.Stream[dict[str, Any]])
    seen = []
    for event in events:
        seen.append(event)
        http.post("/go").raise_for_status()
    assert seen == [{"number": number} for number in range(3)]


@pytest.mark.parametrize("produce", ["one_by_one", "for_ever"])
def test_leaving_early_ends_what_makes_it(serve: Serve, counting: Counting, produce: str) -> None:
    """Whether it waits for something of its own or for its reader."""
    http = serve(getattr(counting, produce))
    with http.stream("GET", "/counts") as response:
        next(response.iter_raw())
    assert counting.ended.wait(30)
    http.post("/go").raise_for_status()


def test_leaving_early_closes_a_producer_in_a_thread_after_its_piece(serve: Serve, counting: Counting) -> None:
    def waiting(_call: Call) -> Iterator[bytes]:
        try:
            yield b"begun"
            counting.step.wait()
            yield from itertools.repeat(b"x" * 100_000)
        finally:
            counting.ended.set()

    http = serve(waiting)
    with http.stream("GET", "/counts") as response:
        assert next(response.iter_bytes()) == b"begun"
    assert not counting.ended.is_set()
    counting.step.set()
    assert counting.ended.wait(30)


def test_what_breaks_halfway_breaks_the_stream(
    serve: Serve, counting: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    http = serve(counting.halfway)
    with http.stream("GET", "/counts") as response:
        pieces = response.iter_bytes()
        assert next(pieces) == b"begun, "
        with pytest.raises(httpx2.RemoteProtocolError):
            next(pieces)
    assert "GET /v1/counts broke off" in caplog.text
    assert "the producer is broken" in caplog.text
    assert http.get("/models").status_code == 200


def test_the_transaction_of_the_request_is_over_before_the_stream(serve: Serve, counting: Counting) -> None:
    http = serve(counting.saving)
    with http.stream("POST", "/counts") as response:
        assert response.status_code == 201
        assert response.read() == b"stored, saved"
    assert http.get("/states").json() == {"states": ["over"]}


def test_a_lost_response_loses_the_stream_and_keeps_the_write(serve: Serve, counting: Counting) -> None:
    http = serve(counting.one_by_one, Quirks(lose_response_every=1))
    with pytest.raises(httpx2.RemoteProtocolError), http.stream("POST", "/counts") as response:
        response.read()
    assert counting.made == 0
    assert http.get("/states").json() == {"states": ["begun"]}


def test_a_producer_does_not_run_far_ahead_of_its_reader(tmp_path: Path, counting: Counting) -> None:
    """In process; over a socket the buffers of the system set the bound."""
    services = [counting_service(counting, counting.for_ever)]
    transport = LocalTransport(tmp_path, services=services)
    with httpx2.Client(transport=transport, base_url="http://local.invalid/v1") as http:
        with http.stream("GET", "/counts") as response:
            next(response.iter_raw())
            for _ in range(100):  # the loop turns many times
                http.get("/states").raise_for_status()
            assert counting.made < 20
        assert counting.ended.wait(30)


def test_closing_the_account_breaks_a_stream_under_way(tmp_path: Path, counting: Counting) -> None:
    transport = LocalTransport(tmp_path, services=[counting_service(counting, counting.one_by_one)])
    response = transport.handle_request(httpx2.Request("GET", "http://local.invalid/v1/counts"))
    pieces = response.iter_raw()
    assert next(pieces) == number_event(0)
    transport.close()
    assert counting.ended.is_set()
    with pytest.raises(httpx2.ReadError, match="closed"):
        next(pieces)
    response.close()


def test_a_stream_keeps_its_transport(tmp_path: Path, counting: Counting) -> None:
    """Nobody else holds it, and its last answer is not read yet."""
    transport = LocalTransport(tmp_path, services=[counting_service(counting, counting.for_ever)])
    response = transport.handle_request(httpx2.Request("GET", "http://local.invalid/v1/counts"))
    loop = transport._loop
    del transport
    gc.collect()
    assert len(next(response.iter_raw())) == 100_000
    response.close()
    del response
    gc.collect()
    assert loop is not None
    assert loop.is_closed()
    assert counting.ended.is_set()


def test_many_read_streams_at_once(serve: Serve, counting: Counting) -> None:
    async def short(_call: Call) -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"%d " % number

    http = serve(short)
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: http.get("/counts").text, range(40)))
    assert texts == [" ".join(map(str, range(50))) + " "] * 40
