"""The account inside the caller's process: an httpx2 transport, so that any client of the API can be given it.

client = openai.OpenAI(
    base_url="http://local.invalid/v1",
    api_key="local",
    http_client=httpx2.Client(transport=LocalTransport(Path(".retinue/account"))),
)
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from retinue.emulator.embeddings.embedder import Embedder
from retinue.emulator.language_models.language_model import LanguageModel
from retinue.emulator.server.app import IN_PROCESS, LocalAccount, ResponseLostError, create_app
from retinue.emulator.server.quirks import NONE, Quirks
from retinue.emulator.server.service import Sandbox, Service
from retinue.emulator.server.storage import check_layout

if TYPE_CHECKING:
    from starlette.types import Message

_AHEAD = 16
"""Pieces of a stream that may wait for a reader before what makes them has to wait as well."""


class LocalTransport(httpx2.BaseTransport):
    """Answers requests from the account in ``directory``. Threads may share it; close it, or its client, after use.

    The application runs on an event loop in a thread of its own, started by the first request. Raises LayoutError when
    a newer version wrote the directory.
    """

    def __init__(
        self,
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
    ) -> None:
        check_layout(directory)
        self._app = create_app(
            directory,
            quirks=quirks,
            api_key=api_key,
            clock=clock,
            new_id=new_id,
            services=services,
            language_model=language_model,
            embedder=embedder,
            sandbox=sandbox,
            hosts=None,
        )
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: weakref.finalize[[asyncio.AbstractEventLoop, threading.Thread], LocalTransport] | None = None
        self._closed = False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        # Read here: the stream of a synchronous request cannot be read on the loop.
        request.read()
        with self._lock:
            if self._closed:
                raise RuntimeError("the transport is closed")
            loop = self._running_loop()
            exchange = _Exchange(request, loop)
            asyncio.run_coroutine_threadsafe(exchange.run(self._app), loop).add_done_callback(exchange.end)
        status, headers, content = exchange.answer.result()
        stream = _Stream(self, exchange) if content is None else httpx2.ByteStream(content)
        extensions = {"http_version": b"HTTP/1.1"}
        return httpx2.Response(status, headers=headers, stream=stream, request=request, extensions=extensions)

    def close(self) -> None:
        """Stop the loop and close the database. Requests after this raise RuntimeError."""
        with self._lock:
            self._closed = True
            if self._stop is not None:
                self._stop()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            # The thread must not refer to the transport, or it would never be collected.
            thread = threading.Thread(target=_run, args=(self._loop, self._app), name="local-account", daemon=True)
            self._stop = weakref.finalize(self, _stop, self._loop, thread)
            thread.start()
        return self._loop


class _Exchange:
    """One request and its answer, between the thread of the caller and the loop."""

    def __init__(self, request: httpx2.Request, loop: asyncio.AbstractEventLoop) -> None:
        self._request = request
        self._loop = loop
        self._unread = [request.content]
        self._gone = asyncio.Event()
        self._room = asyncio.Semaphore(_AHEAD)
        self._start: Message = {}
        self.answer: Future[tuple[int, list[tuple[bytes, bytes]], bytes | None]] = Future()
        """Status, headers and content; no content when it comes in pieces."""
        self.pieces: queue.SimpleQueue[bytes | BaseException | None] = queue.SimpleQueue()
        """Those of a stream, then what broke it, or None at its end."""

    async def run(self, app: LocalAccount) -> None:
        url = self._request.url
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._request.method,
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 123),
            "root_path": "",
            "extensions": {IN_PROCESS: {}},
        }
        await app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        if self._unread:
            return {"type": "http.request", "body": self._unread.pop(), "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            if not any(name == b"content-length" for name, _ in message["headers"]):
                self.answer.set_result((message["status"], message["headers"], None))
            return
        if not self.answer.done():
            content = b"" if self._request.method == "HEAD" else message["body"]
            self.answer.set_result((self._start["status"], self._start["headers"], content))
        elif message["body"]:
            await self._room.acquire()
            self.pieces.put(message["body"])

    def end(self, task: Future[None]) -> None:
        """Let whoever waits for the answer or reads it know that this was all, and what went wrong if anything did."""
        error: BaseException | None = None
        if task.cancelled():
            error = httpx2.ReadError("the transport was closed before the answer was complete", request=self._request)
        elif isinstance(error := task.exception(), ResponseLostError):
            message = "the connection was closed before the response was complete"
            error = httpx2.RemoteProtocolError(message, request=self._request)
        if self.answer.done():
            self.pieces.put(error)
        else:
            self.answer.set_exception(error or httpx2.ReadError("there was no answer", request=self._request))

    def make_room(self) -> None:
        self._tell(self._room.release)

    def leave(self) -> None:
        """The caller wants no more of it."""
        self._tell(self._gone.set)

    def _tell(self, change: Callable[[], None]) -> None:
        # A closed loop has no producer any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(change)


class _Stream(httpx2.SyncByteStream):
    """What a producer on the loop makes, for a caller who reads it in a thread of its own."""

    def __init__(self, transport: LocalTransport, exchange: _Exchange) -> None:
        self._transport = transport  # not collected, which would stop the loop, before its last answer is
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self._exchange.pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            self._exchange.make_room()
            yield piece

    def close(self) -> None:
        self._exchange.leave()


def _run(loop: asyncio.AbstractEventLoop, app: LocalAccount) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        unfinished = asyncio.all_tasks(loop)
        for task in unfinished:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*unfinished, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_default_executor())
        app.close()
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    # The collector may find a forgotten transport on any thread, the loop's own among them.
    if thread is not threading.current_thread():
        thread.join()
