"""Threads that do not keep a person waiting who pressed Ctrl-C twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def threads(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """A pool that is waited for when all is well, and left alone when an exception passes through."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=f"retinue-{name}")
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
