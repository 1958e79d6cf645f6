"""Threads that do not keep a person waiting who pressed Ctrl-C twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def threads(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """A pool whose work is finished when the context is left; after an error, what has not begun is dropped.

    Only an interruption leaves work under way: whoever closes the connection after an error would close it under the
    requests of the others.
    """
    pool = ThreadPoolExecutor(count, thread_name_prefix=f"retinue-{name}")
    try:
        yield pool
    except Exception:
        pool.shutdown(cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
