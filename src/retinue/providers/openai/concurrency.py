"""How many requests to one account may be under way at once: as many as were asked for, fewer while it is overrun."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Concurrency:
    """A gate for all threads of one account. Each 429 halves how many may pass, each success adds to it: it grows by
    one when as many have come through as may be under way (additive increase, multiplicative decrease).

    `most` is how many there are at most, `now` how many at the moment. Before `closed_until` nobody is to send a thing,
    because the account said so; it is a time of whoever says it.
    """

    most: int
    now: float = 0.0
    closed_until: float = 0.0
    _under_way: int = 0
    _cuts: int = 0
    _free: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.now = float(self.most)

    def limit(self, most: int) -> None:
        """Let no more than that through, and forget nothing of what was learned."""
        with self._free:
            self.now = min(self.now, most) if most < self.most or self._cuts else float(most)
            self.most = most
            self._free.notify_all()

    @contextmanager
    def passing(self) -> Iterator[int]:
        """One request. Gives what `overrun` wants to know of it."""
        with self._free:
            while self._under_way >= int(self.now):
                self._free.wait()
            self._under_way += 1
            cuts = self._cuts
        try:
            yield cuts
        finally:
            with self._free:
                self._under_way -= 1
                self._free.notify()

    def came_through(self) -> None:
        """A request was answered."""
        with self._free:
            if self.now < self.most:
                self.now = min(self.now + 1 / self.now, float(self.most))
                self._free.notify()

    def overrun(self, passed: int, until: float) -> None:
        """A request was answered 429, and asked to wait `until` a time. Those that were under way together are one
        sign and not several."""
        with self._free:
            self.closed_until = max(self.closed_until, until)
            if passed == self._cuts:
                self._cuts += 1
                self.now = max(self.now / 2, 1.0)
