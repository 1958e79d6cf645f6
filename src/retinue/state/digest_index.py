"""The digests of the project's files as they were read last, so that unchanged ones are not read again.

As in git's index: a file of which the system says the same as then (size, times, inode) is taken to have the same
content. The index may be deleted at any time, and one that is damaged or cannot be written is done without.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from retinue import __version__
from retinue.state.atomic_file import replace_file

DIGESTS = "digests"
RESOLUTION = 2 * 10**9
"""Nanoseconds within which a file may change twice and keep its time: the clock of FAT goes by two seconds."""
WORTH_FILES, WORTH_BYTES = 100, 8 * 1024 * 1024
"""From how many files, or bytes of them, that had to be read the index is written: below, reading them is as fast."""

# Another version may digest another way (model.canonical): it reads everything once.
_TITLE = f"retinue digests 1 {__version__}".encode()
_STATUS, _CONTENT = struct.Struct("<QqqQ"), struct.Struct("<32sQ")
_ENTRY = _STATUS.size + _CONTENT.size
_CHECKSUM = hashlib.sha256().digest_size


class DigestIndex:
    """The index below `directory`, read when it is first asked. `clock` gives Unix time in nanoseconds."""

    def __init__(self, directory: Path, clock: Callable[[], int] = time.time_ns) -> None:
        self._file = directory / DIGESTS
        self._settled = clock() - RESOLUTION
        self._written = 0
        self._entries = b""
        self._loaded = False
        self._rows: dict[str, int] = {}
        self._noted: dict[str, bytes] = {}
        self._read = 0

    def known(self, path: str, status: os.stat_result) -> tuple[str, int] | None:
        """The digest and the size that a file of this status had; None where it has to be read.

        It has to be when it may have been changed after it was read within the same tick of the clock ("racily clean"
        in git): when its time is not before that of the index, which is by the clock of the same file system.
        """
        if not self._loaded:
            self._load()
        row = self._rows.get(path)
        if row is None:
            return None
        modified, changed = status.st_mtime_ns, status.st_ctime_ns
        if modified >= self._written or changed >= self._written:
            return None
        try:  # _packed, written out: this is asked for every file
            packed = _STATUS.pack(status.st_size, modified, changed, status.st_ino)
        except struct.error:
            return None
        if not self._entries.startswith(packed, row):
            return None
        digest, size = _CONTENT.unpack_from(self._entries, row + _STATUS.size)
        return digest.hex(), size

    def note(self, path: str, status: os.stat_result, sha256: str, size: int) -> None:
        """A file was read. One that was changed just before this run began may still be changing, and is not noted."""
        packed = _packed(status)
        if packed and status.st_mtime_ns < self._settled and status.st_ctime_ns < self._settled:
            self._read += size
            self._noted[path] = packed + _CONTENT.pack(bytes.fromhex(sha256), size)

    def save(self) -> None:
        """Write down what was read, if it is worth it. What is gone from the project is left out."""
        if len(self._noted) < WORTH_FILES and self._read < WORTH_BYTES:
            return
        entries = dict(sorted({**dict(self._kept()), **self._noted}.items()))
        paths = "\0".join(entries).encode("utf-8", "surrogatepass")
        content = b"".join((b"%b %d\n" % (_TITLE, len(entries)), *entries.values(), paths))
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._file, content + hashlib.sha256(content).digest())
            self._noted, self._read = {}, 0

    def _kept(self) -> Iterator[tuple[str, bytes]]:
        """What was known before, also of files that this environment does not have."""
        project = self._file.parent.parent
        for path, row in self._rows.items():
            if path not in self._noted and os.path.lexists(f"{project}/{path}"):
                yield path, self._entries[row : row + _ENTRY]

    def _load(self) -> None:
        self._loaded = True
        with suppress(OSError, ValueError):
            with self._file.open("rb") as file:
                written = os.fstat(file.fileno()).st_mtime_ns
                content = file.read()
            body, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
            title, _, count = body[: body.index(b"\n")].rpartition(b" ")
            if title != _TITLE or hashlib.sha256(body).digest() != checksum:
                return
            start = body.index(b"\n") + 1
            end = start + int(count) * _ENTRY
            paths = body[end:].decode("utf-8", "surrogatepass").split("\0")
            self._rows = dict(zip(paths, range(start, end, _ENTRY), strict=True))
            self._entries, self._written = body, written


def _packed(status: os.stat_result) -> bytes:
    """What the system says of a file, without its device: that is not the same after every start. Nothing where a
    number of it is out of all bounds."""
    try:
        return _STATUS.pack(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    except struct.error:
        return b""
