"""Networks that fail: at one request, or from one on for ever, before or after the account has done its part."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Literal
from urllib.parse import quote

import httpx2

Mode = Literal["refused", "server_error", "lost", "cut", "dead"]
MODES: tuple[Mode, ...] = ("refused", "server_error", "lost", "cut", "dead")


class Faulty(httpx2.BaseTransport):
    """Breaks request number `at` (from 1).

    - `refused`: no connection is made.
    - `server_error`: the account answers 500 and does nothing.
    - `lost`: the account does it and the answer is lost.
    - `cut`: the account does it and says so, and half of the answer arrives.
    - `dead`: the account does it, the answer is lost, and so is everything after: the process may as well be killed.
    """

    def __init__(self, inner: httpx2.BaseTransport, at: int, mode: Mode) -> None:
        self.inner = inner
        self.at = at
        self.mode = mode
        self.count = 0
        self._lock = threading.Lock()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        with self._lock:
            self.count += 1
            number = self.count
        if number > self.at and self.mode == "dead":
            raise httpx2.ConnectError("the network is gone", request=request)
        if number != self.at:
            return self.inner.handle_request(request)
        if self.mode == "refused":
            raise httpx2.ConnectError("connection refused", request=request)
        if self.mode == "server_error":
            body = {
                "error": {"message": "The server had an error", "type": "server_error", "param": None, "code": None}
            }
            return httpx2.Response(500, json=body, request=request)
        answer = self.inner.handle_request(request)
        content = answer.read()
        if self.mode == "cut":
            return httpx2.Response(answer.status_code, content=content[: len(content) // 2], request=request)
        raise httpx2.ReadError("the answer was lost", request=request)

    @property
    def struck(self) -> bool:
        return self.count >= self.at

    def close(self) -> None:
        self.inner.close()


class CutAfter(httpx2.BaseTransport):
    """Lets the first request that matches through, and loses its answer and everything after: a process that is killed.

    `pattern` is a regular expression for "METHOD /path", the path below the base URL.
    """

    def __init__(self, inner: httpx2.BaseTransport, pattern: str) -> None:
        self.inner = inner
        self.pattern = re.compile(pattern)
        self.cut = False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.cut:
            raise httpx2.ConnectError("the network is gone", request=request)
        answer = self.inner.handle_request(request)
        if self.pattern.fullmatch(f"{request.method} {request.url.path.removeprefix('/v1')}"):
            self.cut = True
            answer.read()
            raise httpx2.ReadError("the answer was lost", request=request)
        return answer

    def close(self) -> None:
        self.inner.close()


class Answers(httpx2.BaseTransport):
    """Answers requests that match with something else: `answer` makes it of the request and of what the account says.

    `pattern` is a regular expression for "METHOD /path", the path below the base URL.
    """

    def __init__(
        self,
        inner: httpx2.BaseTransport,
        pattern: str,
        answer: Callable[[httpx2.Request, httpx2.Response], httpx2.Response],
    ) -> None:
        self.inner, self.pattern, self.answer = inner, re.compile(pattern), answer
        self.struck = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self.inner.handle_request(request)
        if not self.pattern.fullmatch(f"{request.method} {request.url.path.removeprefix('/v1')}"):
            return answer
        self.struck += 1
        answer.read()
        return self.answer(request, answer)

    def close(self) -> None:
        self.inner.close()


class At(httpx2.BaseTransport):
    """Does something right before the first request that `wanted` accepts."""

    def __init__(
        self, inner: httpx2.BaseTransport, wanted: Callable[[httpx2.Request], bool], act: Callable[[], object]
    ):
        self.inner, self.wanted = inner, wanted
        self.act: Callable[[], object] | None = act

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.act and self.wanted(request):
            act, self.act = self.act, None
            act()
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


def writes_a_marker(request: httpx2.Request) -> bool:
    """The first one of an apply takes its lease: after the plan was checked as a whole, before anything is done."""
    return request.method == "POST" and b"retinue.marker" in request.content


class Quoting(httpx2.BaseTransport):
    """Refuses requests, and quotes all that it was sent: in every encoding, in the message, in headers, cut off.

    `pattern` is a regular expression for "METHOD /path", the path below the base URL.
    """

    def __init__(self, inner: httpx2.BaseTransport, pattern: str, status: int) -> None:
        self.inner = inner
        self.pattern = re.compile(pattern)
        self.status = status
        self.refused = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self.pattern.fullmatch(f"{request.method} {request.url.path.removeprefix('/v1')}"):
            return self.inner.handle_request(request)
        self.refused += 1
        said = self._quoted(request)
        body = {"error": {"message": said, "type": "invalid_request_error", "param": said, "code": said}}
        headers = {"x-request-id": quote(said), "location": f"https://elsewhere.example.com/?sent={quote(said)}"}
        return httpx2.Response(self.status, json=body, headers=headers, request=request)

    def _quoted(self, request: httpx2.Request) -> str:
        text = request.read().decode(errors="replace")
        try:
            leaves = list(_leaves(json.loads(text)))
        except ValueError:
            leaves = []
        # Every other leaf is cut off, as servers do with what is long.
        leaves += [each[: len(each) * 3 // 4] for each in leaves]
        encoded = base64.b64encode(text.encode()).decode()
        parts = [text, encoded, quote(text), repr(text), str(request.headers.get("authorization"))]
        return " | ".join([*parts, *leaves, *(base64.urlsafe_b64encode(each.encode()).decode() for each in leaves)])

    def close(self) -> None:
        self.inner.close()


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)
