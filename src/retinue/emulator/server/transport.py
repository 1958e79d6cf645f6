"""The account inside the caller's process: an httpx2 transport, so that any client of the API can be given it.

client = openai.OpenAI(
    base_url="http://local.invalid/v1",
    api_key="local",
    http_client=httpx2.Client(transport=LocalTransport(Path(".retinue/account"))),
)
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

import httpx2

from retinue.emulator.server.app import LocalAccount, ResponseLost, create_app
from retinue.emulator.server.quirks import NONE, Quirks
from retinue.emulator.server.storage import check_layout


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
    ) -> None:
        check_layout(directory)
        self._app = create_app(directory, quirks=quirks, api_key=api_key, clock=clock, new_id=new_id)
        self._asgi = httpx2.ASGITransport(app=self._app)
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
            future = asyncio.run_coroutine_threadsafe(self._handle(request), self._running_loop())
        try:
            return future.result()
        except CancelledError:
            raise httpx2.ReadError("the transport was closed before the answer came", request=request) from None

    def close(self) -> None:
        """Stop the loop and close the database. Requests after this raise RuntimeError."""
        with self._lock:
            self._closed = True
            if self._stop is not None:
                self._stop()

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._asgi.handle_async_request(request)
        except ResponseLost:
            message = "the connection was closed before the response was complete"
            raise httpx2.RemoteProtocolError(message, request=request) from None
        content = await response.aread()
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=httpx2.ByteStream(content),
            request=request,
            extensions={"http_version": b"HTTP/1.1"},
        )

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            # The thread must not refer to the transport, or it would never be collected.
            thread = threading.Thread(target=_run, args=(self._loop, self._app), name="local-account", daemon=True)
            self._stop = weakref.finalize(self, _stop, self._loop, thread)
            thread.start()
        return self._loop


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
