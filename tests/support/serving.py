"""Any transport on a loopback port, for commands that talk to an account over HTTP."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2

_HOP = frozenset({"content-length", "connection", "transfer-encoding", "date", "server"})


@contextmanager
def serving(transport: httpx2.BaseTransport, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Pass every request on to `transport`; gives the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            url = f"http://{self.headers['host']}{self.path}"
            answer = transport.handle_request(
                httpx2.Request(self.command, url, headers=dict(self.headers), content=content)
            )
            body = answer.read()
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in _HOP:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_DELETE = do_POST  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        """Of the usual five, those that come at once are more: who is turned away tries again after a second."""

        def handle_error(self, *_: Any) -> None:
            """A client that is gone is nothing to tell."""

    with Server(("127.0.0.1", 0), Handler) as listening:
        if tls:
            listening.socket = tls.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{listening.server_address[1]}/v1"
        finally:
            listening.shutdown()
            thread.join()
