"""One endpoint of somebody's: requests to it, answers as they come, each bounded in time and size.

A request runs on a loop of its own, so that it can be left at any moment, whatever it waits for: a name that nobody
resolves, a model that is still being loaded, a token that does not come. Says in errors what the endpoint did, never
with what key it was asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from retinue.emulator.model_endpoints.event_stream import LARGEST, EventReader, StreamError

T = TypeVar("T")

_LOOK = 0.05
"""Seconds between two looks whether the request is still wanted."""
_WRITE = 60.0
"""Seconds that sending may stand still: prompts hold pictures."""
_REFUSAL = 64 * 1024
"""Bytes that are read of a refusal, within that many seconds:"""
_REFUSAL_TIME = 10.0
_TOLD = 300
"""Characters of it that are told."""


class EndpointError(Exception):
    """The message ends a sentence about the endpoint: ``answered 404: …``. ``told`` is what a refusal says."""

    def __init__(
        self, message: str, *, status: int | None = None, told: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.told = told
        self.retry_after = retry_after


class SilenceError(EndpointError):
    """Nothing came in time."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds until a connection stands, until an answer begins, and until it goes on."""

    connect: float = 10.0
    first: float = 300.0
    """Long, because a server may have to load the model first."""
    between: float = 60.0


@dataclass(frozen=True, slots=True)
class Key:
    """A key by the variable that holds it; it is read anew for each request, and shown nowhere."""

    variable: str
    environ: Mapping[str, str] = field(repr=False)

    def read(self) -> str:
        """Raises EndpointError when there is none."""
        key = self.environ.get(self.variable, "").strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            what = "does not hold a key" if key else "is not set"
            raise EndpointError(f"takes a key, and the variable '{self.variable}' {what}")
        return key


class RemoteEndpoint:
    """``url`` is where the API's paths begin, without a password or a query. Threads share it."""

    def __init__(self, url: str, *, key: Key | None = None, timeouts: Timeouts | None = None) -> None:
        """Raises ValueError for what is no such URL."""
        self.url = _checked(url)
        self.timeouts = timeouts or Timeouts()
        self._key = key
        self._is_loopback = _is_loopback(urlsplit(self.url).hostname or "")
        self._certificates: ssl.SSLContext | None = None

    def check_key(self) -> None:
        """Raises EndpointError when a key is to be sent and there is none."""
        if self._key is not None:
            self._key.read()

    def ask(self, path: str, body: Mapping[str, Any], stop: threading.Event) -> Answer:
        """Nothing is sent before the first event is read."""
        return Answer(self, path, body, stop)

    def client(self) -> httpx2.AsyncClient:
        if self._certificates is None and self.url.startswith("https:"):
            # Made once: it takes longer than a request to a machine nearby.
            self._certificates = httpx2.create_ssl_context()
        return httpx2.AsyncClient(
            verify=self._certificates or False,
            trust_env=not self._is_loopback,  # a proxy leads away from this machine
            timeout=httpx2.Timeout(connect=self.timeouts.connect, read=None, write=_WRITE, pool=None),
            follow_redirects=False,  # the key is for this endpoint
        )

    def headers(self) -> dict[str, str]:
        """Raises EndpointError."""
        sent = {"accept": "text/event-stream, application/json", "user-agent": "retinue"}
        return {**sent, "authorization": f"Bearer {self._key.read()}"} if self._key else sent

    def without_key(self, text: str) -> str:
        """What an endpoint says, which may repeat what it was sent."""
        key = self._key.environ.get(self._key.variable, "").strip() if self._key else ""
        return text.replace(key, "…") if key else text


class Answer:
    """One request and its answer. Used by one thread, and closed by it."""

    def __init__(self, endpoint: RemoteEndpoint, path: str, body: Mapping[str, Any], stop: threading.Event) -> None:
        self._endpoint = endpoint
        self._path = path
        self._body = body
        self._stop = stop
        self._loop = asyncio.new_event_loop()
        self._exit = contextlib.AsyncExitStack()
        self._pieces: AsyncIterator[bytes] | None = None
        self._reader = EventReader()
        self._events: deque[Any] = deque()
        self._has_begun = False
        self._has_ended = False

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_done(self) -> bool:
        """Whether the endpoint said that this was all."""
        return self._reader.is_done

    def next(self, seconds: float | None = None) -> Any:
        """The next event, an answer that is no stream being one; None at the end, and once nobody wants it any more.

        ``seconds`` is how long to wait instead of the usual time. Raises EndpointError.
        """
        usual = self._endpoint.timeouts.between if self._has_begun else self._endpoint.timeouts.first
        ends = time.monotonic() + (usual if seconds is None else seconds)
        try:
            while not self._events and not self._has_ended and not self._stop.is_set():
                self._hear(ends)
        except StreamError as error:
            raise EndpointError(str(error)) from None
        except TimeoutError:
            said = "said nothing more for" if self._has_begun else "did not begin to answer within"
            raise SilenceError(f"{said} {usual if seconds is None else seconds:g} seconds") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise EndpointError(self._broken(error)) from error
        if not self._events or self._stop.is_set():
            return None
        self._has_begun = True
        return self._events.popleft()

    def close(self) -> None:
        """Leave the request, whatever has come of it."""
        if not self._loop.is_closed():
            with contextlib.suppress(httpx2.HTTPError, OSError, RuntimeError):
                self._loop.run_until_complete(self._exit.aclose())
                self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _hear(self, ends: float) -> None:
        if self._pieces is None:
            self._pieces = self._await(self._begin(), ends)
            return
        piece = self._await(_next(self._pieces), ends)
        if self._stop.is_set():
            return
        self._events += self._reader.end() if piece is None else self._reader.feed(piece)
        # Some leave the connection open after their last word.
        self._has_ended = piece is None or self._reader.is_done

    async def _begin(self) -> AsyncIterator[bytes]:
        client = await self._exit.enter_async_context(self._endpoint.client())
        url, headers = f"{self._endpoint.url}/{self._path}", self._endpoint.headers()
        request = client.build_request("POST", url, json=self._body, headers=headers)
        response = await client.send(request, stream=True)
        self._exit.push_async_callback(response.aclose)
        if response.status_code != 200:
            raise await self._refused(response)
        if response.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
            content = await _read(response, LARGEST + 1)
            if len(content) > LARGEST:
                raise StreamError(f"sent more than {LARGEST // 2**20} MiB in one piece")
            return _whole(content)
        return response.aiter_bytes()

    async def _refused(self, response: httpx2.Response) -> EndpointError:
        if response.is_redirect:
            # Not followed: the key is for this endpoint.
            return EndpointError(
                f"answered {response.status_code}: {self._elsewhere(response)}", status=response.status_code
            )
        content = b""
        with contextlib.suppress(TimeoutError, httpx2.HTTPError):
            content = await asyncio.wait_for(_read(response, _REFUSAL), _REFUSAL_TIME)
        # Without the key before it is cut, which could leave a part of it.
        told = _shortened(self._endpoint.without_key(_reason(content)))
        message = f"answered {response.status_code}" + (f": {told}" if told else "")
        after = response.headers.get("retry-after", "")
        seconds = float(after) if after.isascii() and after.isdigit() else None
        return EndpointError(message, status=response.status_code, told=told, retry_after=seconds)

    def _elsewhere(self, response: httpx2.Response) -> str:
        """Where a redirect leads, as the address that would have to be configured."""
        try:
            place = response.url.join(response.headers["location"]).copy_with(query=None, fragment=None, userinfo=b"")
        except (KeyError, ValueError, httpx2.InvalidURL):
            return "it redirects, and does not say where"
        address = _shortened(self._endpoint.without_key(str(place).removesuffix(f"/{self._path}")))
        return f"it redirects to {address}; redirects are not followed, so name the address that answers"

    def _broken(self, error: Exception) -> str:
        reason = self._endpoint.without_key(_cause(error))
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
            return f"cannot be reached: {reason}"
        return f"broke off: {reason}" if self._pieces is not None else f"did not answer: {reason}"

    def _await(self, work: Coroutine[Any, Any, T], ends: float) -> T | None:
        """What comes of the work; None once nobody wants it. Raises TimeoutError."""
        return self._loop.run_until_complete(self._watch(work, ends))

    async def _watch(self, work: Coroutine[Any, Any, T], ends: float) -> T | None:
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=min(_LOOK, max(0.0, ends - time.monotonic()))))[0]:
                if self._stop.is_set():
                    return None
                if time.monotonic() >= ends:
                    raise TimeoutError
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    """An answer in one piece, as a stream of one event."""
    yield b"data: " + b" ".join(content.split(b"\n")) + b"\n\n"


async def _read(response: httpx2.Response, most: int) -> bytes:
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) >= most:
            break
    return bytes(content[:most])


def _reason(content: bytes) -> str:
    """What a refusal says, in the shapes of OpenAI, FastAPI (vLLM), llama.cpp and Ollama, or any other."""
    text = content.decode(errors="replace")
    with contextlib.suppress(json.JSONDecodeError, RecursionError):
        found = json.loads(text)
        for name in ("error", "message", "detail"):
            if isinstance(found, dict) and name in found:
                found = found[name]
        text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return text


def _shortened(text: str) -> str:
    plain = "".join(each if each.isprintable() else " " for each in " ".join(text.split()))
    return plain if len(plain) <= _TOLD else plain[: _TOLD - 1] + "…"


def _cause(error: BaseException) -> str:
    """What the system said, which libraries put behind words of their own."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, OSError) and (at.errno or 0) > 0:
            return os.strerror(at.errno or 0).lower()
        if isinstance(at, OSError) and at.strerror:  # a name that nobody resolves
            return at.strerror.lower()
        at = at.__cause__ or at.__context__
    return str(error) or type(error).__name__


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is not an address: write http://host/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds a name or a password: name the variable of a key instead")
    if parts.query or parts.fragment:
        raise ValueError("it has a query or a fragment: end it where the API's paths begin")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
