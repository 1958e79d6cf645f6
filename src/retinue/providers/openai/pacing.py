"""Keeping under the documented limits of an account without being told: it answers no rate headers here [V §1.4]."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

WINDOW = 60.0
"""Seconds that the limits are about."""
_STORE_FILES = re.compile(r"/[^/]+/([^/]+)/(files|file_batches)(/|$)")
"""The files attached to an object, by the object's id."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be sent within a minute. Source: the rate limits of the guides to retrieval and files [D §2, §3.3,
    §10.12]; each is None where nothing is to be held back."""

    uploads: int | None = 1000
    attached_files: int | None = 2000
    store_writes: int | None = 300
    """Requests that write to the files of one vector store."""


DOCUMENTED = Limits()
UNLIMITED = Limits(None, None, None)
_HOST = "api.openai.com"


def limits_of(setting: bool | Mapping[str, int] | None, host: str) -> Limits:
    """The limits that a project file sets for an account, or those of its host: OpenAI's and its regions'."""
    if isinstance(setting, bool):
        return DOCUMENTED if setting else UNLIMITED
    usual = DOCUMENTED if host == _HOST or host.endswith(f".{_HOST}") else UNLIMITED
    return replace(usual, **setting) if setting else usual


@dataclass(slots=True)
class Pacing:
    """Counts what is sent, for all threads of one account. No time passes in it: it says how long to wait."""

    limits: Limits = UNLIMITED
    _windows: dict[str, _Window] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_before(self, method: str, path: str, body: Any, now: float) -> float:
        """The seconds after which a request may be sent, which counts as sent then."""
        if self.limits == UNLIMITED or method == "get":
            return 0.0
        with self._lock:
            shares = list(_shares(method, path, body, self.limits))
            windows = [self._windows.setdefault(name, _Window()) for name, _, _ in shares]
            pairs = list(zip(windows, shares, strict=True))
            moment = max([now, *(window.room(most, amount, now) for window, (_, most, amount) in pairs)])
            for window, (_, _, amount) in pairs:
                window.add(amount, moment)
            return moment - now


@dataclass(slots=True)
class _Window:
    """What is sent, and when. Whoever asks first is sent first, so that moments never go back."""

    sent: deque[tuple[float, int]] = field(default_factory=deque)
    total: int = 0

    def room(self, most: int, amount: int, now: float) -> float:
        """When there is room for so many."""
        moment = max(now, self.sent[-1][0]) if self.sent else now
        while self.sent and (self.sent[0][0] <= moment - WINDOW or self.total + amount > most):
            at, each = self.sent.popleft()
            self.total -= each
            moment = max(moment, at + WINDOW)
        return moment

    def add(self, amount: int, moment: float) -> None:
        self.sent.append((moment, amount))
        self.total += amount


def _shares(method: str, path: str, body: Any, limits: Limits) -> Iterator[tuple[str, int, int]]:
    """The limits that a request counts for: a name, how much is allowed, how much of it this is."""
    if limits.uploads and method == "post" and (path == "/files" or path == "/uploads"):
        yield "uploads", limits.uploads, 1
    store = _STORE_FILES.match(path)
    if store is None:
        return
    if limits.store_writes:
        yield f"writes to {store[1]}", limits.store_writes, 1
    attached = _attached(path, body if isinstance(body, Mapping) else {}) if method == "post" else 0
    if limits.attached_files and attached:
        yield "attached files", limits.attached_files, min(attached, limits.attached_files)


def _attached(path: str, body: Mapping[str, Any]) -> int:
    """How many files a request attaches."""
    if path.endswith("/file_batches"):
        return len(body.get("files") or body.get("file_ids") or ())
    return 1 if path.endswith("/files") else 0
