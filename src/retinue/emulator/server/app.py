"""The ASGI application: routing, authentication, reading requests, writing answers. The only module that writes HTTP.

``Idempotency-Key`` is not honoured: the service does so for a few endpoints only, none of them here.

Handlers run on the event loop: SQLite lets one writer in at a time and a statement takes well under a millisecond, so a
thread per request would add waiting and no concurrency.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import compile_path

from retinue.emulator.embeddings.embedder import Embedder
from retinue.emulator.language_models.language_model import LanguageModel
from retinue.emulator.server.api_errors import (
    ApiError,
    incorrect_key,
    invalid_url,
    method_not_allowed,
    missing_beta,
    missing_key,
    out_of_order,
    rate_limited,
    server_error,
    with_code,
)
from retinue.emulator.server.collection import random_id
from retinue.emulator.server.live_events import LiveEvents
from retinue.emulator.server.lossy_answers import as_kept
from retinue.emulator.server.quirks import AGENTS, NONE, Quirks
from retinue.emulator.server.request_body import read_request
from retinue.emulator.server.request_source import check_source
from retinue.emulator.server.service import (
    Answer,
    Call,
    Declared,
    Endpoint,
    Hosted,
    Preparation,
    Rendered,
    Sandbox,
    SentFile,
    Service,
    Streamed,
    find_services,
)
from retinue.emulator.server.static_files import answer_static
from retinue.emulator.server.storage import JsonObject, Storage, is_unwritable, storage_error
from retinue.emulator.server.workers import Workers

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

IN_PROCESS = "retinue.in-process"
"""The extension of a scope whose caller takes exceptions for answers."""
_PREFIX = "/v1"
_HEALTH = "/_internal/health"
_LOOK = 0.01
"""Seconds between two looks whether the work that an answer waits for is done."""
_logger = logging.getLogger(__name__)


class ResponseLostError(Exception):
    """The connection is to break before the answer is complete: a quirk asked for it, or what makes a stream failed."""


def create_app(
    directory: Path,
    *,
    quirks: Quirks = NONE,
    api_key: str | None = None,
    clock: Callable[[], float] = time.time,
    new_id: Callable[[str], str] | None = None,
    services: Sequence[Service] | None = None,
    language_model: LanguageModel | None = None,
    embedder: Embedder | None = None,
    sandbox: Sandbox | None = None,
    declared: Declared | None = None,
    hosts: Collection[str] | None = (),
) -> LocalAccount:
    """An ASGI application that serves the account kept in ``directory`` (made when it does not exist).

    ``clock`` gives seconds since 1970; expiry is worked out from it on every request. ``new_id`` makes an id from its
    prefix (``asst_``, ``vs_`` …). With an ``api_key`` every request must carry it. ``services`` are what is hosted, by
    default all there is; ``language_model`` is what answers, by default the rehearsal model; ``sandbox`` runs the code
    that it writes, by default in whatever this machine has that confines it; with an ``embedder`` vector stores are
    searched by meaning. ``declared`` says where objects are declared, for the console. ``hosts`` are what the account
    is called besides loopback, as ``host_name`` writes it: requests for other hosts, and pages of other origins, are
    refused; None takes all, where no browser can reach it.

    The application holds a database connection, opened by the first request; ``close`` it on the thread that served, or
    let the ASGI lifespan do so.
    """
    hosted = Hosted(
        find_services() if services is None else services,
        language_model=language_model,
        embedder=embedder,
        sandbox=sandbox,
        declared=declared,
    )
    return LocalAccount(
        directory, hosted, quirks=quirks, api_key=api_key, clock=clock, new_id=new_id or random_id, hosts=hosts
    )


@dataclass(slots=True)
class _Counts:
    requests: int = 0
    writes: int = 0


class LocalAccount:
    """The application made by ``create_app``."""

    def __init__(
        self,
        directory: Path,
        services: Hosted,
        *,
        quirks: Quirks,
        api_key: str | None,
        clock: Callable[[], float],
        new_id: Callable[[str], str],
        hosts: Collection[str] | None = None,
    ) -> None:
        self._directory = Path(directory)
        self._services = services
        self._quirks = quirks
        self._api_key = api_key
        self._clock = clock
        self._new_id = new_id
        self._hosts = hosts
        self._storage: Storage | None = None
        self._workers: Workers | None = None
        self._events = LiveEvents()
        self._turn = threading.Lock()
        self._counts = _Counts()
        self._routes = _compile(services.endpoints, _PREFIX) + _compile(services.internal)

    def close(self) -> None:
        """Close the database. A later request opens it again."""
        if self._storage is not None:
            self._events.close()
            if self._workers is not None:
                self._workers.close()
                self._workers = None
            self._events = LiveEvents()
            self._storage.close()
            self._storage = None

    def stop_work(self) -> None:
        """Ask work to come to an end: the account is about to close."""
        if self._workers is not None:
            self._workers.stop()
        self._events.close()

    def open(self) -> Storage:
        """Open the directory now rather than at the first request. Raises LayoutError when a newer version wrote it."""
        if self._storage is None:
            self._storage = self._open_storage()
            if self._services.work and self._storage.unwritable is None:
                self._workers = Workers(
                    self._directory, self._services.work, storage=self._open_storage, call=self._call_of_job
                )
                self._services.reserve = self._workers.reserve
                self._workers.notice(self._storage)
        return self._storage

    def _open_storage(self) -> Storage:
        return Storage(self._directory, new_id=self._new_id, turn=self._turn)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Call]:
        """For a thread of its own."""
        with contextlib.closing(self._open_storage()) as storage, storage.transaction(write=False):
            yield replace(self._call_of_job(storage, {}), writes=False)

    def _call_of_job(self, storage: Storage, body: JsonObject) -> Call:
        now = int(self._clock())
        return Call(
            storage,
            self._quirks,
            now,
            new_id=self._new_id,
            services=self._services,
            live=self._events,
            writes=True,
            body=body,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(Request(scope, receive), scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self._services.work:
                    self.open()
                    self._services.clear_sandbox()
                await send({"type": "lifespan.startup.complete"})
            else:
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _serve(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        try:
            if self._hosts is not None:
                check_source(request, self._hosts)
            if request.scope["path"] == _HEALTH:
                await _response({"status": "ok"})(scope, receive, send)
                return
            static = self._services.static.get(request.scope["path"])
            response = answer_static(request, static) if static else await self._answer(request)
        except ApiError as error:
            response = _response(error.body(), status=error.status)
            response.headers.update(error.headers)
        except ClientDisconnect:
            return
        except Exception as error:
            broken = storage_error(self._directory, error)
            if broken is not None and IN_PROCESS in scope.get("extensions", {}):
                raise broken from error
            if broken is not None:
                _logger.error("%s; %s", broken, broken.hint)  # noqa: TRY400 - nobody's code is wrong
                response = _response(out_of_order(str(broken)).body(), status=507)
            else:
                _logger.exception("%s %s failed", request.method, request.url.path)
                response = _response(server_error().body(), status=500)
        response.headers.update(
            {
                # The account has a time of its own, which callers go by; served or not.
                "date": format_datetime(datetime.fromtimestamp(self._clock(), UTC), usegmt=True),
                "x-request-id": self._new_id("req_"),
                "openai-organization": "local",
                "openai-project": self._storage.project if self._storage else "",
                "openai-version": "2020-10-01",
                "openai-processing-ms": str(int((time.perf_counter() - started) * 1000)),
            }
        )
        if self._loses(request, response):
            await send(_start_of(response))
            raise ResponseLostError
        try:
            await response(scope, receive, send)
        except Exception as error:
            _logger.exception("the answer to %s %s broke off", request.method, request.url.path)
            raise ResponseLostError from error

    async def _answer(self, request: Request) -> Response:
        if self._quirks.latency:
            await asyncio.sleep(self._quirks.latency)
        self._counts.requests += 1
        if _is_nth(self._counts.requests, self._quirks.rate_limit_every):
            raise rate_limited()
        if _is_nth(self._counts.requests, self._quirks.server_error_every):
            raise server_error()
        self._authenticate(request)
        endpoint, path = self._route(request)
        if endpoint.beta and endpoint.beta not in _listed(request.headers.get("openai-beta", "")):
            raise missing_beta(endpoint.beta)
        try:
            async with read_request(request, endpoint, self.open()) as (body, sent):
                prepared = None
                if endpoint.prepare is not None:
                    preparation = Preparation(self._services, path, body, self._reading)
                    prepared = await asyncio.to_thread(endpoint.prepare, preparation)
                answer = self._run_or_read(endpoint, partial(self._run, endpoint, request, path, body, sent, prepared))
                await self._await_work()
                return _response(self._as_kept(answer), status=endpoint.status)
        except ApiError as error:
            raise (with_code(error) if endpoint.beta == AGENTS else error) from None

    def _as_kept(self, answer: Answer) -> Answer:
        if not self._quirks.lossy or isinstance(answer, Streamed):
            return answer
        if not isinstance(answer, Rendered):
            return cast("JsonObject", as_kept(answer, self._quirks))
        if answer.media_type != "application/json":
            return answer
        return replace(answer, content=json.dumps(as_kept(json.loads(answer.content), self._quirks)).encode())

    def _authenticate(self, request: Request) -> None:
        if self._api_key is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise missing_key()
        if not secrets.compare_digest(given.encode(), self._api_key.encode()):
            raise incorrect_key()

    def _route(self, request: Request) -> tuple[Endpoint, dict[str, str]]:
        path = request.scope["path"]
        allowed = []
        for pattern, endpoint in self._routes:
            found = pattern.match(path)
            if found and not self._quirks.hides(endpoint.beta) and found.groupdict().get("id") not in endpoint.reserved:
                if endpoint.method == request.method:
                    return endpoint, found.groupdict()
                allowed.append(endpoint.method)
        if allowed:
            raise method_not_allowed(request.method, path, sorted(set(allowed)))
        raise invalid_url(request.method, path)

    def _run_or_read(self, endpoint: Endpoint, run: Callable[[], Answer]) -> Answer:
        """What is read is answered although nothing can be written any more."""
        try:
            return run()
        except (OSError, sqlite3.Error) as error:
            if endpoint.method != "GET" or self.open().unwritable is not None or not is_unwritable(error):
                raise
            self.close()
            self._storage = Storage(self._directory, new_id=self._new_id, refused=error)
        return run()

    def _run(
        self,
        endpoint: Endpoint,
        request: Request,
        path: dict[str, str],
        body: JsonObject,
        sent: list[SentFile],
        prepared: object,
    ) -> Answer:
        """Let the handler answer inside a transaction, after what has expired is gone."""
        storage, now = self.open(), int(self._clock())
        writes = endpoint.method != "GET" or storage.is_unsettled(now)
        query = request.query_params
        call = Call(
            storage,
            self._quirks,
            now,
            writes,
            self._new_id,
            self._services,
            self._events,
            path,
            query=dict(query),
            body=body,
            files=tuple(sent),
            prepared=prepared,
            asked=tuple(query.multi_items()),
        )
        if storage.unwritable is not None and endpoint.method != "GET":
            raise storage.unwritable
        refusal = None
        storage.new_jobs.clear()
        with storage.transaction(write=writes):
            self._expire(call)
            try:
                answer = endpoint.handler(call)
            except ApiError as error:
                if not error.keeps_writes:
                    raise
                refusal = error
        if self._workers is not None:
            self._workers.notice(storage)
        if refusal is not None:
            raise refusal
        return answer

    async def _await_work(self) -> None:
        """Give what the request asked workers for the time that is worth waiting for. Others are answered meanwhile."""
        storage, asked = self.open(), dict(self.open().new_jobs)
        patience = max((self._services.work[kind].patience for kind in asked.values()), default=0.0)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not storage.are_done(asked):
            await asyncio.sleep(_LOOK)

    def _expire(self, call: Call) -> None:
        """End what the clock has ended, as the services say."""
        if not call.writes:
            return
        for stored in call.storage.expiring(call.now):
            if end := self._services.expiry.get(stored.collection):
                end(call, stored)

    def _loses(self, request: Request, response: Response) -> bool:
        if request.method == "GET" or response.status_code >= 300:
            return False
        self._counts.writes += 1
        return _is_nth(self._counts.writes, self._quirks.lose_response_every)


def _compile(endpoints: tuple[Endpoint, ...], prefix: str = "") -> tuple[tuple[re.Pattern[str], Endpoint], ...]:
    return tuple((compile_path(prefix + endpoint.path)[0], endpoint) for endpoint in endpoints)


def _is_nth(count: int, every: int) -> bool:
    return every > 0 and count % every == 0


def _listed(header: str) -> list[str]:
    return [part.strip() for part in header.split(",")]


class _StreamResponse(StreamingResponse):
    """Sends what a producer makes as it makes it, and ends the producer when the client has gone."""

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await send(_start_of(self))
        production = asyncio.ensure_future(self._produce(send))
        departure = asyncio.ensure_future(_departure(receive))
        try:
            await asyncio.wait((production, departure), return_when=asyncio.FIRST_COMPLETED)
        finally:
            production.cancel()
            departure.cancel()
            await asyncio.gather(production, departure, return_exceptions=True)
        if not production.cancelled():
            production.result()

    async def _produce(self, send: Send) -> None:
        try:
            async for piece in self.body_iterator:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                # Who never waits must not keep others, or the news that the client has gone, from the loop.
                await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if isinstance(self.body_iterator, AsyncGenerator):
                await self.body_iterator.aclose()


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _from_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """What an iterator gives that may wait. It has one thread, so it is closed only after the piece it is at."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="local-account-stream")
    try:
        while (piece := await asyncio.get_running_loop().run_in_executor(thread, next, pieces, None)) is not None:
            yield piece
    finally:
        if isinstance(pieces, Generator):
            thread.submit(pieces.close)
        thread.shutdown(wait=False)


def _response(answer: Answer, *, status: int = 200) -> Response:
    if isinstance(answer, Rendered):
        return Response(answer.content, status, media_type=answer.media_type, headers=dict(answer.headers))
    if isinstance(answer, Streamed):
        pieces = answer.pieces if isinstance(answer.pieces, AsyncIterator) else _from_thread(answer.pieces)
        return _StreamResponse(pieces, status, media_type=answer.media_type, headers=dict(answer.headers))
    content = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status_code=status, media_type="application/json")


def _start_of(response: Response) -> Message:
    return {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
