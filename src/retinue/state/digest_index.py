"""The digests of the project's files as they were read last, so that unchanged ones are not read again.

As in git's index: a file of which the system says the same as then (size, times, inode) is taken to have the same
content. The index may be deleted at any time, and one that is damaged or cannot be written is done without.
"""

from __future__ import annotations

import hashlib
import operator
import os
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import compress
from pathlib import Path

from retinue import __version__
from retinue.state.atomic_file import replace_file
from retinue.state.statuses import MANY, STATUS, UNKNOWN, SecondProcess, packed

DIGESTS = "digests"
RESOLUTION = 2 * 10**9
"""Nanoseconds within which a file may change twice and keep its time: the clock of FAT goes by two seconds."""
WORTH_FILES, WORTH_BYTES = 100, 8 * 1024 * 1024
"""From how many files, or bytes of them, that had to be read the index is written: below, reading them is as fast."""

# Another version may digest another way (model.canonical): it reads everything once. Numbers are as this machine has
# them, and each column is in one piece.
_TITLE = f"retinue digests 2 {sys.byteorder} {__version__}".encode()
_SIZE = struct.Struct("=Q")
_SHA256 = hashlib.sha256().digest_size
_ENTRY = STATUS.size + _SHA256 + _SIZE.size


class DigestIndex:
    """The index below `directory`, read when it is first asked. `clock` gives Unix time in nanoseconds."""

    def __init__(self, directory: Path, clock: Callable[[], int] = time.time_ns) -> None:
        self._file = directory / DIGESTS
        self._settled = clock() - RESOLUTION
        self._loaded = False
        self._rows: dict[str, int] = {}
        self._statuses, self._sha256s = b"", ""
        self._sizes_on_disk = self._sizes = memoryview(b"")
        self._noted: dict[str, tuple[bytes, str, int]] = {}
        self._read = 0

    def known(self, path: str, status: os.stat_result) -> tuple[str, int] | None:
        """The digest and the size that a file of this status had; None where it has to be read."""
        self._load()
        row = self._rows.get(path)
        for _, _, sha256, size in self._same([path], [row], packed([status])) if row is not None else ():
            return sha256, size
        return None

    def unchanged(self, top: str, paths: Sequence[str]) -> Iterator[tuple[str, int, str, int]]:
        """Those of the files below `top` that need not be read, as the system says now: path, size on disk, digest, and
        size. It is asked once about each of which anything is known, and of very many by two processes. An error of it
        is not told here.

        Done for all at once: with many files, what is done for each alone is what takes the time.
        """
        own, second = len(paths), None
        if own >= MANY and self._file.exists():
            own //= 2
            second = SecondProcess([f"{top}/{each}" for each in paths[own:]])
        self._load()
        noted = list(map(self._rows.__contains__, paths))
        statuses = list(packed(map(os.stat, [f"{top}/{each}" for each in compress(paths[:own], noted)])))
        if second:
            statuses += compress(second.statuses(), noted[own:])
        paths = list(compress(paths, noted))
        return self._same(paths, list(map(self._rows.__getitem__, paths)), statuses)

    def _same(
        self, paths: Sequence[str], rows: Sequence[int], statuses: Iterable[bytes]
    ) -> Iterator[tuple[str, int, str, int]]:
        """Those of the files that have the status still in which they were read."""
        width, length, sha256s = STATUS.size, 2 * _SHA256, self._sha256s
        then = [self._statuses[at : at + width] for at in map(width.__mul__, rows)]
        same = list(map(operator.eq, then, statuses))
        rows = list(compress(rows, same))
        on_disk, sizes = (map(each.__getitem__, rows) for each in (self._sizes_on_disk, self._sizes))
        digests = (sha256s[at : at + length] for at in map(length.__mul__, rows))
        return zip(compress(paths, same), on_disk, digests, sizes, strict=True)

    def note(self, path: str, status: os.stat_result, sha256: str, size: int) -> None:
        """A file was read. One that was changed just before this run began may still be changing, and is not noted."""
        (now,) = packed([status])
        if now != UNKNOWN and status.st_mtime_ns < self._settled and status.st_ctime_ns < self._settled:
            self._read += size
            self._noted[path] = now, sha256, size

    def save(self) -> None:
        """Write down what was read, if it is worth it. What is gone from the project is left out."""
        if len(self._noted) < WORTH_FILES and self._read < WORTH_BYTES:
            return
        entries = dict(sorted({**dict(self._kept()), **self._noted}.items()))
        statuses, sha256s, sizes = zip(*entries.values(), strict=True)
        paths = "\0".join(entries).encode("utf-8", "surrogatepass")
        title = b"%b %d\n" % (_TITLE, len(entries))
        content = b"".join((title, *statuses, *map(bytes.fromhex, sha256s), *map(_SIZE.pack, sizes), paths))
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._file, content + hashlib.sha256(content).digest())
            self._noted, self._read = {}, 0

    def _kept(self) -> Iterator[tuple[str, tuple[bytes, str, int]]]:
        """What was known before, also of files that this environment does not have."""
        project = self._file.parent.parent
        for path, row in self._rows.items():
            if path not in self._noted and os.path.lexists(f"{project}/{path}"):
                status = self._statuses[STATUS.size * row : STATUS.size * (row + 1)]
                sha256 = self._sha256s[2 * _SHA256 * row : 2 * _SHA256 * (row + 1)]
                yield path, (status, sha256, self._sizes[row])

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        with suppress(OSError, ValueError):
            with self._file.open("rb") as file:
                written = os.fstat(file.fileno()).st_mtime_ns
                content = file.read()
            if hashlib.sha256(memoryview(content)[:-_SHA256]).digest() != content[-_SHA256:]:
                return
            start = content.index(b"\n") + 1
            title, _, count = content[: start - 1].rpartition(b" ")
            if title != _TITLE:
                return
            sha256s = start + int(count) * STATUS.size
            sizes = sha256s + int(count) * _SHA256
            end = start + int(count) * _ENTRY
            paths = content[end:-_SHA256].decode("utf-8", "surrogatepass").split("\0")
            rows = dict(zip(paths, range(int(count)), strict=True))
            self._statuses, self._sha256s = content[start:sha256s], content[sha256s:sizes].hex()
            self._sizes_on_disk = memoryview(self._statuses).cast("Q")[::4]
            self._sizes = memoryview(content[sizes:end]).cast("Q")
            self._rows = self._settled_before(written, rows)

    def _settled_before(self, written: int, rows: dict[str, int]) -> dict[str, int]:
        """Without the files that may have been changed after they were read within the same tick of the clock ("racily
        clean" in git): whose time is not before that of the index, which is by the clock of the same file system."""
        times = memoryview(self._statuses).cast("q")
        modified, changed = times[1::4], times[2::4]
        if max(max(modified, default=0), max(changed, default=0)) < written:
            return rows
        return {path: row for path, row in rows.items() if modified[row] < written and changed[row] < written}
