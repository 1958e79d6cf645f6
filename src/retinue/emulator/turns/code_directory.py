"""The directory that code works in, and what becomes of those whose process was killed.

It is locked as long as it is used; the system frees the lock when the process ends, in whatever way. The next session
removes those that nobody holds: they have copies of people's files in them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "retinue-code-"
_YOUNG = 60.0
"""Seconds after which a directory is locked for certain if it is used."""


@contextlib.contextmanager
def code_directory() -> Iterator[Path]:
    """A new directory, which is gone afterwards. Others that were left behind are removed first."""
    _remove_abandoned(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as made, _locked(made):
        yield Path(made)


@contextlib.contextmanager
def _locked(directory: str | Path) -> Iterator[bool]:
    """Hold a directory; gives whether it could be had."""
    try:
        import fcntl
    except ImportError:  # on Windows, where no code runs
        yield False
        return
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _remove_abandoned(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        for each in temporary.glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):
                status = each.lstat()
                is_ours = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
                if not is_ours or time.time() - status.st_ctime < _YOUNG:
                    continue
                with _locked(each) as is_free:
                    if is_free:
                        shutil.rmtree(each, ignore_errors=True)
