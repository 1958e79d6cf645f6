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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, starmap

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
    """A second process that is ready to be asked once. Whatever goes wrong with it, it is done without."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError, ValueError):
            if (os.cpu_count() or 1) > 1 and sys.executable and not getattr(sys, "frozen", False):
                pipe, null = subprocess.PIPE, subprocess.DEVNULL
                command = (sys.executable, "-I", "-S", __file__)
                self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=null)  # noqa: S603

    def packed(self, paths: Sequence[str]) -> Iterable[bytes]:
        """The same as `packed` of all the files."""
        half = len(paths) // 2
        process, sent = self._process, False
        if process and process.stdin:
            with suppress(OSError, ValueError), process.stdin:
                process.stdin.write(os.fsencode("\0".join(paths[half:])))
                sent = True
        first = list(packed(map(os.stat, paths[:half])))
        content = b""
        if sent and process and process.stdout:
            with suppress(OSError), process.stdout:
                content = process.stdout.read()
            process.wait()
        if len(content) != STATUS.size * (len(paths) - half):
            return chain(first, packed(map(os.stat, paths[half:])))
        width = STATUS.size
        return chain(first, (content[at : at + width] for at in range(0, len(content), width)))


def _answer() -> None:
    sys.stdout.buffer.write(b"".join(packed(map(os.stat, sys.stdin.buffer.read().split(b"\0")))))


if __name__ == "__main__":
    _answer()
