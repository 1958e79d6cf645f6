"""The account on a loopback port, for any client of the API in any language."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from retinue.emulator.embeddings.embedder import Embedder
from retinue.emulator.language_models.language_model import LanguageModel
from retinue.emulator.server.app import LocalAccount, create_app
from retinue.emulator.server.quirks import NONE, Quirks
from retinue.emulator.server.request_source import host_name, is_loopback
from retinue.emulator.server.service import Declared
from retinue.emulator.server.storage import check_layout

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def serve(
    directory: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    api_key: str | None = None,
    quirks: Quirks = NONE,
    allowed_hosts: Iterable[str] = (),
    language_model: LanguageModel | None = None,
    embedder: Embedder | None = None,
    declared: Declared | None = None,
    on_ready: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM. ``on_ready`` gets the base URL once the port is bound; port 0 picks one.

    Requests are answered when they are for a loopback host, for ``host`` or for one of ``allowed_hosts``. Raises
    ValueError for a host other people can reach when there is no ``api_key``, and for an allowed host that is none,
    OSError when the port is taken, and LayoutError when a newer version wrote the directory.
    """
    hosts = frozenset(host_name(each) for each in (host, *allowed_hosts))
    if api_key is None and not is_loopback(host_name(host)):
        raise ValueError(f"'{host}' can be reached from other machines: set an API key, or serve on 127.0.0.1")
    with _bound(host, port) as listener:
        given: dict[str, Any] = {"language_model": language_model, "embedder": embedder, "declared": declared}
        server = _server(directory, api_key=api_key, quirks=quirks, hosts=hosts, **given)
        on_ready(_base_url(host, listener))
        with _signals_end_quietly(server):
            server.run(sockets=[listener])


@contextlib.contextmanager
def running_server(
    directory: Path,
    *,
    api_key: str | None = None,
    quirks: Quirks = NONE,
    around: Callable[[LocalAccount], ASGIApp] = lambda app: app,
    **account: Any,
) -> Iterator[str]:
    """Serve from a thread for as long as the context lasts; gives the base URL. For tests. ``around`` gives what stands
    between the account and its clients."""
    with _bound("127.0.0.1", 0) as listener:
        server = _server(directory, around=around, api_key=api_key, quirks=quirks, **account)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        try:
            yield _base_url("127.0.0.1", listener)
        finally:
            server.should_exit = True
            thread.join()


def _server(
    directory: Path,
    *,
    around: Callable[[LocalAccount], ASGIApp] = lambda app: app,
    api_key: str | None,
    quirks: Quirks,
    **account: Any,
) -> uvicorn.Server:
    app = create_app(directory, api_key=api_key, quirks=quirks, **account)
    check_layout(directory)
    # "critical": uvicorn would log the traceback of a connection that a quirk broke on purpose.
    config = uvicorn.Config(
        around(app),
        log_level="critical",
        lifespan="on",
        ws="none",
        # Longer than clients keep a connection that is idle: one that the server closes may meet a request on its way.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        date_header=False,
    )
    return _Server(config, app)


class _Server(uvicorn.Server):
    """Has work that is followed come to an end before it waits for those who follow."""

    def __init__(self, config: uvicorn.Config, account: LocalAccount) -> None:
        super().__init__(config)
        self._account = account

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._account.stop_work()
        await super().shutdown(sockets)


@contextlib.contextmanager
def _signals_end_quietly(server: uvicorn.Server) -> Iterator[None]:
    """uvicorn shuts down on SIGINT and SIGTERM and then raises them again; that second time ends nothing here. One that
    comes before uvicorn listens for it is not lost, either."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        each: signal.signal(each, lambda *_: setattr(server, "should_exit", True))
        for each in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off Nagle's algorithm, which would cost 40 ms an answer, only on sockets that say they are TCP.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        yield listener


def _base_url(host: str, listener: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}/v1"
