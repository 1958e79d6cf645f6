"""What work tells those who follow it while it is done, and how it is told to stop: in one process, and kept nowhere.

Who follows a channel hears everything that is published there from then on, on the event loop it follows from. Nobody
has to follow: what is published then goes nowhere, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence


class Follower:
    """One who follows a channel; forgotten when it is not read any more."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._heard: list[bytes | None] = []
        self._news = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        """What is published, until the channel ends."""
        while True:
            await self._news.wait()
            with self._lock:
                self._news.clear()
                heard, self._heard = self._heard, []
            for piece in heard:
                if piece is None:
                    return
                yield piece

    def hear(self, pieces: Sequence[bytes | None]) -> None:
        with self._lock:
            is_known = bool(self._heard)  # then the loop has been told already, which costs more than all the rest
            self._heard += pieces
        # A loop that is closed has no reader any more.
        with contextlib.suppress(RuntimeError):
            if not is_known:
                self._loop.call_soon_threadsafe(self._news.set)


class LiveEvents:
    """The channels of one open account, each named by the id of what is worked on. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._followers: dict[str, weakref.WeakSet[Follower]] = {}
        self._stops: dict[str, threading.Event] = {}
        self._closed = False

    def follow(self, channel: str) -> Follower:
        """To be called on an event loop, before what publishes begins."""
        follower = Follower(asyncio.get_running_loop())
        with self._lock:
            self._followers.setdefault(channel, weakref.WeakSet()).add(follower)
        return follower

    def is_followed(self, channel: str) -> bool:
        """Whether it is worth making what would be published."""
        with self._lock:
            return bool(self._followers.get(channel))

    def publish(self, channel: str, *pieces: bytes) -> None:
        self.tell([(channel, each) for each in pieces])

    def end(self, channel: str) -> None:
        """Nothing more comes for those who follow now."""
        self.tell([(channel, None)])

    def tell(self, news: Sequence[tuple[str, bytes | None]]) -> None:
        """Publish pieces, each with its channel; None ends one. Who hears of it is settled before anybody does: who
        follows a channel anew because of a piece hears nothing of what belongs to those before."""
        heard: dict[Follower, list[bytes | None]] = {}
        with self._lock:
            for channel, piece in news:
                for each in self._followers.get(channel, ()):
                    heard.setdefault(each, []).append(piece)
                if piece is None:
                    self._followers.pop(channel, None)
        for follower, pieces in heard.items():
            follower.hear(pieces)

    @contextlib.contextmanager
    def stoppable(self, channel: str) -> Iterator[threading.Event]:
        """While this lasts, ``stop`` sets the event that it gives; so does the closing of the account."""
        event = threading.Event()
        with self._lock:
            self._stops[channel] = event
            if self._closed:
                event.set()
        try:
            yield event
        finally:
            with self._lock:
                if self._stops.get(channel) is event:
                    del self._stops[channel]

    def stop(self, channel: str) -> None:
        """Ask whoever works on this, if it is in this process, to leave off."""
        with self._lock:
            if event := self._stops.get(channel):
                event.set()

    @property
    def is_closed(self) -> bool:
        """Whether everybody was asked to leave off."""
        return self._closed

    def close(self) -> None:
        """Ask everybody to leave off."""
        with self._lock:
            self._closed = True
            for event in self._stops.values():
                event.set()
