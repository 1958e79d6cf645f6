"""The local account on loopback, as far away as a real one: every request waits, beside the others, and is counted.

    python -m benchmarks.far_account DIRECTORY     prints the base URL, serves until its stdin ends

What the benchmark itself asks stands below `/bench/` and is not counted: `latency?0.05` sets the wait in seconds,
`counts` gives how many requests there were since it was asked last.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OWN = "/bench/"


class Far:
    """Stands between the account and its clients."""

    def __init__(self, account: Any) -> None:
        self.account, self.latency, self.count = account, 0.0, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.account(scope, receive, send)
        elif scope["path"].startswith(OWN):
            await self.answer(scope, send)
        else:
            self.count += 1
            await asyncio.sleep(self.latency)
            await self.account(scope, receive, send)

    async def answer(self, scope: Any, send: Any) -> None:
        if scope["path"] == f"{OWN}latency":
            self.latency = float(scope["query_string"])
        counted, self.count = self.count, 0
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(counted).encode()})


def main(directory: str) -> None:
    from retinue.emulator.server.loopback import running_server

    with running_server(Path(directory), around=Far) as base_url:
        print(base_url, flush=True)
        sys.stdin.read()


@dataclass(frozen=True)
class Account:
    """A served account, in a process of its own."""

    base_url: str
    process: subprocess.Popen[str]

    def ask(self, what: str) -> int:
        url = urllib.parse.urlsplit(self.base_url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port)
        try:
            connection.request("GET", OWN + what)
            return int(connection.getresponse().read())
        finally:
            connection.close()

    @contextlib.contextmanager
    def near(self, latency: float) -> Iterator[None]:
        """Without the wait, for what only prepares a measurement."""
        self.ask("latency?0")
        try:
            yield
        finally:
            self.ask(f"latency?{latency}")


@contextlib.contextmanager
def account(directory: Path, latency: float) -> Iterator[Account]:
    command = [sys.executable, "-m", "benchmarks.far_account", str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            served = Account((process.stdout.readline() if process.stdout else "").strip(), process)
            served.ask(f"latency?{latency}")
            yield served
        finally:
            if process.stdin:
                process.stdin.close()  # it ends by itself
            process.wait()


if __name__ == "__main__":
    main(sys.argv[1])
