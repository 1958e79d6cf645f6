"""One apply of a project at a time on this machine, as far as its file system can lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from retinue.errors import LeaseError, RetinueError, cannot_write

LOCK = "lock"
_WRITABLE = "an apply notes in this directory what it uploads: let it be written, and see that the disk is not full"


@contextmanager
def process_lock(directory: Path) -> Iterator[bool]:
    """Keep other applies of this project on this machine out; gives whether that can be done here.

    Raises LeaseError when one is under way, RetinueError when nothing can be noted in the directory: an upload that is
    cut off would leave a file that nobody knows.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield False
        return
    path = directory / LOCK
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    except OSError as error:
        raise cannot_write(path, error, hint=_WRITABLE) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = "another apply of this project is under way on this machine"
            raise LeaseError(message, hint="wait for it to end, then run the command again") from error
        except OSError:  # some file systems have no locks
            yield False
            return
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())  # a full disk is noticed before anything is sent
        except OSError as error:
            raise cannot_write(path, error, hint=_WRITABLE) from error
        yield True
    finally:
        os.close(descriptor)


@contextmanager
def others_kept_out(directory: Path, *, insist: bool) -> Iterator[bool]:
    """Keep applies of this project on this machine out, for whoever reads what they note; gives whether one is at work.

    Who does not `insist` only looks: neither an apply nor a directory that cannot be written keeps them from it. Else
    raises what `process_lock` raises.
    """
    with ExitStack() as stack:
        busy = False
        try:
            stack.enter_context(process_lock(directory))
        except RetinueError as error:
            if insist:
                raise
            busy = isinstance(error, LeaseError)
        yield busy
