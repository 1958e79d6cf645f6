"""The temporary directories of code, and what becomes of those whose process was killed.

Each is locked as long as it is used; the system frees the lock when the process ends, in whatever way. Those that
nobody holds are removed when the next one is made, and when an account is served: they have copies of people's files
in them. One gets its name when it is locked already, so that nobody finds it unlocked while it is in use.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from retinue.emulator.sandbox.written_files import remove_tree

_PREFIXES = ("retinue-code-", "retinue-sandbox-")
"""The code's own files, and what it writes elsewhere."""
_UNNAMED = "retinue-new-"
_YOUNG = 60.0
"""Seconds that one may take until it has its name."""


class TemporaryDirectory:
    """A new directory, ours until it is closed. Those that were left behind are removed first."""

    def __init__(self, prefix: str) -> None:
        remove_abandoned()
        made = Path(tempfile.mkdtemp(prefix=_UNNAMED)).resolve()
        self._lock = _lock(made)
        self.path = made.with_name(made.name.replace(_UNNAMED, prefix, 1))
        made.rename(self.path)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove it. Nobody may write there any more."""
        _remove(self.path)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def code_directory() -> TemporaryDirectory:
    """Where code finds its files, and leaves what it writes."""
    return TemporaryDirectory(_PREFIXES[0])


def scratch_directory() -> TemporaryDirectory:
    """What code has for files that are nobody's business."""
    return TemporaryDirectory(_PREFIXES[1])


def remove_abandoned() -> None:
    """Remove those that this user's processes left behind, and none that is in use."""
    temporary = Path(tempfile.gettempdir()).resolve()
    with contextlib.suppress(OSError):
        for each in os.scandir(temporary):
            if each.name.startswith((*_PREFIXES, _UNNAMED)):
                with contextlib.suppress(OSError):
                    _remove_if_abandoned(temporary / each.name)


def _remove_if_abandoned(directory: Path) -> None:
    status = directory.lstat()
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        return
    if directory.name.startswith(_UNNAMED) and time.time() - status.st_ctime < _YOUNG:
        return
    lock = _lock(directory)
    if lock is not None:
        try:
            _remove(directory)
        finally:
            os.close(lock)


def _lock(directory: Path) -> int | None:
    """What holds the directory until it is closed; None when somebody else does, or nothing can be locked."""
    try:
        import fcntl
    except ImportError:  # on Windows, where no code runs
        return None
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _remove(directory: Path) -> None:
    if os.unlink in os.supports_dir_fd:
        with contextlib.suppress(OSError):
            remove_tree(directory)
    else:  # on Windows
        shutil.rmtree(directory, ignore_errors=True)
