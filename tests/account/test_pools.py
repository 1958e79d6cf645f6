"""What an error leaves under way: nothing, for the connection is closed next."""

from __future__ import annotations

import threading

import pytest

from retinue.providers.thread_pool import threads


def test_after_an_error_nothing_is_under_way_and_nothing_more_begins() -> None:
    begun, never, ended = threading.Event(), threading.Event(), threading.Event()
    begun_late: list[int] = []

    def work() -> None:
        begun.set()
        never.wait(0.2)  # long enough for whoever does not wait for us to be gone
        ended.set()

    def raise_an_error() -> None:
        with threads(1, "test") as pool:
            pool.submit(work)
            pool.submit(begun_late.append, 1)
            begun.wait()
            raise ValueError("one of the others failed")

    with pytest.raises(ValueError, match="one of the others"):
        raise_an_error()
    assert ended.is_set()
    assert begun_late == []


def test_an_interruption_does_not_wait() -> None:
    begun, released = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        released.wait()

    def interrupt() -> None:
        with threads(1, "test") as pool:
            pool.submit(work)
            begun.wait()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    released.set()
