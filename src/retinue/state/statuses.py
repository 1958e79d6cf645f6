"""What the system says of files, as it is compared: for very many of them with the help of a second process.

Python asks about one file at a time, in however many threads. The second process runs this file as a program, so it
takes in nothing else of Retinue.
"""

from __future__ import annotations

import operator
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import starmap
from typing import IO

STATUS = struct.Struct("=QqqQ")
MANY = 20_000
"""From how many files on a second process is sooner ready than this one alone: it takes some 20 ms to start."""

UNKNOWN = b"\xff" * STATUS.size
"""What stands for a file of which the system says nothing, and for one with a number out of all bounds: no file has
that size."""

_asked = operator.attrgetter("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")


def packed(statuses: Iterable[os.stat_result]) -> Iterator[bytes]:
    """What the system says of files, without their devices: those are not the same after every start."""
    found = starmap(STATUS.pack, map(_asked, statuses))
    while True:
        try:
            yield from found
            break
        except (OSError, ValueError, struct.error):
            yield UNKNOWN


class SecondProcess:
    """Asks about files while this process does something else. Whatever goes wrong with it, it is done without."""

    def __init__(self, top: str, paths: Sequence[str]) -> None:
        self._top, self._paths = top, paths
        self._process: subprocess.Popen[bytes] | None = None
        if (os.cpu_count() or 1) < 2 or not sys.executable or getattr(sys, "frozen", False):
            return
        with suppress(OSError, ValueError):
            pipe, null = subprocess.PIPE, subprocess.DEVNULL
            command = (sys.executable, "-I", "-S", os.path.abspath(__file__))  # noqa: PTH100 - pathlib is more than all else here
            # From there, the way to each file is shorter, and a tenth of the time is the way.
            self._process = subprocess.Popen(command, cwd=top, stdin=pipe, stdout=pipe, stderr=null)  # noqa: S603
            # In a thread, since it takes the names when it has started, and not before.
            threading.Thread(target=self._send, args=(self._process.stdin,), daemon=True).start()

    def _send(self, pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError), pipe:
            pipe.write(os.fsencode("\0".join(self._paths)))

    def statuses(self) -> bytes:
        """What it found out, as `packed` has it."""
        content, width = b"", STATUS.size
        if self._process and self._process.stdout:
            with suppress(OSError, ValueError), self._process.stdout as pipe:
                content = pipe.read()
            self._process.wait()
        if len(content) != width * len(self._paths):
            return b"".join(packed(map(os.stat, [f"{self._top}/{each}" for each in self._paths])))
        return content


def _answer() -> None:
    sys.stdout.buffer.write(b"".join(packed(map(os.stat, sys.stdin.buffer.read().split(b"\0")))))


if __name__ == "__main__":
    _answer()
