"""One apply of a project at a time on this machine, as far as its file system can lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retinue.errors import LeaseError

LOCK = "lock"


@contextmanager
def process_lock(directory: Path) -> Iterator[bool]:
    """Keep other applies of this project on this machine out; gives whether that can be done here.

    Raises LeaseError when one is under way.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield False
        return
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("w", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = "another apply of this project is under way on this machine"
            raise LeaseError(message, hint="wait for it to end, then run the command again") from error
        yield True
