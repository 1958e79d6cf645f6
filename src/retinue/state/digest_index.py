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
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import compress
from pathlib import Path

from retinue import __version__
from retinue.model.recalled import Recalled
from retinue.state.atomic_file import replace_file
from retinue.state.statuses import MANY, STATUS, UNKNOWN, SecondProcess, packed

DIGESTS = "digests"
RESOLUTION = 2 * 10**9
"""Nanoseconds within which a file may change twice and keep its time: the clock of FAT goes by two seconds."""
WORTH_FILES, WORTH_BYTES = 100, 8 * 1024 * 1024
"""From how many files, or bytes of them, that had to be read the index is written: below, reading them is as fast."""
OWN_SHARE = 30
"""How many per cent of very many files this process asks about itself: it reads the index, and puts together what comes
of it, at the same time."""
FEW = 4
"""What share of the index are few files of it."""

# Another version may digest another way (model.canonical): it reads everything once. Numbers are as this machine has
# them, and each column is in one piece.
_TITLE = f"retinue digests 3 {sys.byteorder} {__version__}".encode()
_SIZE = struct.Struct("=Q")
_SHA256 = hashlib.sha256().digest_size
_ENTRY = STATUS.size + _SHA256 + _SIZE.size


def _pieces(statuses: bytes) -> list[bytes]:
    return [statuses[at : at + STATUS.size] for at in range(0, len(statuses), STATUS.size)]


class DigestIndex:
    """The index below `directory`, read when it is first asked. `clock` gives Unix time in nanoseconds."""

    def __init__(self, directory: Path, clock: Callable[[], int] = time.time_ns) -> None:
        self._file = directory / DIGESTS
        self._settled = clock() - RESOLUTION
        self._loaded = False
        self._paths = ""
        self._written = self._latest = 0
        self._statuses, self._sha256s = b"", ""
        self._sizes_on_disk = self._sizes = memoryview(b"")
        self._noted: dict[str, tuple[bytes, str, int]] = {}
        self._read = 0

    def known(self, path: str, status: os.stat_result) -> tuple[str, int] | None:
        """The digest and the size that a file of this status had; None where it has to be read."""
        self._load()
        row = self._rows.get(path)
        if row is None or self._statuses_of([row]) != b"".join(packed([status])):
            return None
        return self._sha256s_of([row])[0], self._sizes[row]

    def recalled(self, top: str, paths: Sequence[str]) -> Recalled:
        """What is known of files below `top`, while it is found out which of them have changed. The system is asked
        once about each of which anything is known, and of very many by two processes. An error of it is not told here.

        Done for all at once: with many files, what is done for each alone is what takes the time.
        """
        own, second = len(paths), None
        if own >= MANY and self._file.exists():
            own = own * OWN_SHARE // 100
            second = SecondProcess(top, paths[own:])
        self._load()
        noted, several = [True] * len(paths), paths
        run = self._run_of(paths)
        rows: Sequence[int] = run or ()
        if run is None:
            noted = list(map(self._rows.__contains__, paths))
            several = list(compress(paths, noted))
            rows = list(map(self._rows.__getitem__, several))

        def statuses() -> bytes:
            ours = b"".join(packed(map(os.stat, [f"{top}/{each}" for each in compress(paths[:own], noted)])))
            theirs = second.statuses() if second else b""
            if not all(noted[own:]):
                theirs = b"".join(compress(_pieces(theirs), noted[own:]))
            return ours + theirs

        def changed() -> set[str]:
            then, now = self._statuses_of(rows), statuses()
            # Mostly nothing has, which is seen at once.
            return set(compress(several, map(operator.ne, _pieces(then), _pieces(now)))) if then != now else set()

        on_disk, sizes = ([*map(each.__getitem__, rows)] for each in (self._sizes_on_disk, self._sizes))
        return Recalled(several, on_disk, self._sha256s_of(rows), sizes, changed)

    def _run_of(self, paths: Sequence[str]) -> range | None:
        """The rows of files that stand beside one another in the index, as those of one glob mostly do: found in the
        text of all paths, since to look each of them up takes as long as asking the system about it. A few are looked
        up, since to search the text takes as long as all of it is."""
        if not paths or len(paths) * FEW < len(self._sizes) or self._latest >= self._written:
            return None
        whole, text = f"\0{self._paths}\0", "\0".join(paths)
        at = whole.find(f"\0{text}\0")
        first = whole.count("\0", 0, at)
        return range(first, first + len(paths)) if at >= 0 else None

    @cached_property
    def _rows(self) -> dict[str, int]:
        """Where the files stand that are known for certain. Left out are those that may have been changed after they
        were read within the same tick of the clock ("racily clean" in git): whose time is not before that of the index,
        which is by the clock of the same file system."""
        if not self._paths:
            return {}
        rows = {path: row for row, path in enumerate(self._paths.split("\0"))}
        if self._latest < self._written:
            return rows
        times = memoryview(self._statuses).cast("q")
        modified, changed = times[1::4], times[2::4]
        return {path: row for path, row in rows.items() if max(modified[row], changed[row]) < self._written}

    def _statuses_of(self, rows: Sequence[int]) -> bytes:
        """The statuses in which files were read: a file that has the same still is the same."""
        width = STATUS.size
        if isinstance(rows, range):
            return self._statuses[width * rows[0] : width * (rows[-1] + 1)]
        return b"".join([self._statuses[at : at + width] for at in map(width.__mul__, rows)])

    def _sha256s_of(self, rows: Sequence[int]) -> list[str]:
        length, sha256s = 2 * _SHA256, self._sha256s
        return [sha256s[at : at + length] for at in map(length.__mul__, rows)]

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
        latest = max(max(modified, changed) for _, modified, changed, _ in map(STATUS.unpack, statuses))
        title = b"%b %d %d\n" % (_TITLE, latest, len(entries))
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
            title, latest, count = content[: start - 1].rsplit(b" ", 2)
            if title != _TITLE:
                return
            sha256s = start + int(count) * STATUS.size
            sizes = sha256s + int(count) * _SHA256
            end = start + int(count) * _ENTRY
            paths = content[end:-_SHA256].decode("utf-8", "surrogatepass")
            if paths.count("\0") + 1 != int(count):
                return
            self._paths = paths
            self._statuses, self._sha256s = content[start:sha256s], content[sha256s:sizes].hex()
            self._sizes_on_disk = memoryview(self._statuses).cast("Q")[::4]
            self._sizes = memoryview(content[sizes:end]).cast("Q")
            self._written, self._latest = written, int(latest)
