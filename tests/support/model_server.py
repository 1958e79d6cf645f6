"""A server of models on loopback, each of its answers written out by the test byte by byte."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Step: TypeAlias = bytes | Callable[[], object]
"""What is sent, or done in between: waiting for the test, say."""
HANG: Step = b""
"""Says nothing until the other side leaves."""


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class ModelServer:
    """Answers requests with the answers it was given, the last one again and again."""

    url: str
    answers: list[Sequence[Step]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    """Set when a caller left before the end of an answer."""
    compute: Callable[[Asked], Sequence[Step]] | None = None
    """Makes answers in place of those."""

    def answer(self, *answers: Sequence[Step]) -> None:
        self.answers = list(answers)

    def next_answer(self, asked: Asked) -> Sequence[Step]:
        self.asked.append(asked)
        if self.compute is not None:
            return self.compute(asked)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _Handler(socketserver.StreamRequestHandler):
    model: ModelServer

    def handle(self) -> None:
        line = self.rfile.readline().decode().split(" ")
        if len(line) < 2:
            return
        headers: dict[str, str] = {}
        while (header := self.rfile.readline().decode().strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = json.loads(self.rfile.read(int(headers.get("content-length", "0"))) or b"null")
        for step in self.model.next_answer(Asked(line[1], headers, body)):
            if step == HANG:
                self._await_leaving()
            elif isinstance(step, bytes):
                try:
                    self.wfile.write(step)
                except OSError:
                    self.model.left.set()
                    return
            else:
                step()

    def _await_leaving(self) -> None:
        with contextlib.suppress(OSError):
            self.request.recv(1)
        self.model.left.set()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    address_family = socket.AF_INET


@contextlib.contextmanager
def serving_models() -> Iterator[ModelServer]:
    """A server for as long as the context lasts. Each answer ends with its connection."""
    model = ModelServer("")
    with _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"model": model})) as server:
        model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
        thread.start()
        try:
            yield model
        finally:
            server.shutdown()
            thread.join()


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def event(value: Any, *, ends: bytes = b"\n\n") -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + ends


def delta(finish: str | None = None, **content: Any) -> bytes:
    """A chunk of a chat completion."""
    return event({"object": "chat.completion.chunk", "choices": [{"delta": content, "finish_reason": finish}]})


DONE = b"data: [DONE]\n\n"


def usage(sent: int, made: int, **more: Any) -> bytes:
    return event({"choices": [], "usage": {"prompt_tokens": sent, "completion_tokens": made, **more}})


def whole(value: Any, status: str = "200 OK", **headers: str) -> list[Step]:
    """An answer in one piece."""
    more = "".join(f"{name.replace('_', '-')}: {told}\r\n" for name, told in headers.items())
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}connection: close\r\n\r\n"
    return [head.encode() + json.dumps(value).encode()]
