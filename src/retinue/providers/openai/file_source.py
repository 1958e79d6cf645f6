"""A file of the project as it is uploaded: read from disk while it is sent, and held against its digest on the way."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from retinue.errors import StaleError, reason_of
from retinue.model.canonical import is_text_name
from retinue.model.values import FileRef

BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a file: where it begins and ends on the disk, and how many bytes of which digest are sent of it."""

    start: int
    end: int
    size: int
    sha256: str


class FileSource(io.RawIOBase):
    """The content of `file` below `root`, or of a `part` of it. The last bytes are given only when all that was read is
    what the plan saw, so that a file which changed meanwhile never arrives as a whole.

    Memory holds a block of it, whatever its size. It may be read several times, each time from the start. Reading
    raises StaleError when the file changed or cannot be read; `problem` keeps the error, since an HTTP client wraps it.
    """

    def __init__(self, root: Path, file: FileRef, part: Part | None = None) -> None:
        super().__init__()
        self.file = file
        self.problem: StaleError | None = None
        self._size, self._sha256 = (part.size, part.sha256) if part else (file.size, file.sha256)
        self._start, self._end = part.start if part else 0, part.end if part else None
        self._path = root / file.path
        self._stream: BinaryIO | None = None
        self._at_end = False
        self._rewind()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size if self._at_end else self._given

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """To the start, or to the end to learn the size: whoever sends it does nothing else."""
        if offset or whence == os.SEEK_CUR:
            raise io.UnsupportedOperation("it is read from the start")
        self._rewind()
        self._at_end = whence == os.SEEK_END
        return self.tell()

    def read(self, size: int = -1) -> bytes:
        if self._at_end:
            return b""
        while not self._over and (size < 0 or len(self._ahead) <= size):
            self._more()
        given = bytes(self._ahead if size < 0 else self._ahead[:size])
        del self._ahead[: len(given)]
        self._given += len(given)
        return given

    def readinto(self, buffer: Any) -> int:
        given = self.read(len(buffer))
        buffer[: len(given)] = given
        return len(given)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        super().close()

    def parts(self, most: int) -> tuple[tuple[Part, ...], str]:
        """The file in parts of at most `most` bytes, which is more than a block, and the MD5 of the whole. It is read
        for that, and has to be what the plan saw."""
        found: list[Part] = []
        whole, digest = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        start = end = size = 0
        for block, after in self._blocks():
            if size + len(block) > most:
                found.append(Part(start, end, size, digest.hexdigest()))
                start, size, digest = end, 0, hashlib.sha256()
            whole.update(block)
            digest.update(block)
            end, size = after, size + len(block)
        return (*found, Part(start, end, size, digest.hexdigest())), whole.hexdigest()

    def _blocks(self) -> Iterator[tuple[bytes, int]]:
        """What is sent, block by block, each with where it ends on the disk; nothing of what was read before."""
        self._rewind()
        while not self._over:
            self._more()
            if self._ahead:
                yield bytes(self._ahead), self._at
                self._ahead.clear()
        self._rewind()

    def _rewind(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None
        self._ahead, self._digest = bytearray(), hashlib.sha256()
        self._read = self._given = 0
        self._at = self._start
        self._over = self._at_end = False

    def _more(self) -> None:
        """Read a block, and find at the end whether it is the right file."""
        try:
            if self._stream is None:
                self._stream = self._path.open("rb")
                # What is sent of a text has other line ends than the file, if it has other ones at all (as_uploaded).
                self._turned = os.fstat(self._stream.fileno()).st_size != self.file.size and is_text_name(
                    self.file.path
                )
                self._stream.seek(self._start)
            block = self._stream.read(self._left(BLOCK))
            while self._turned and block.endswith(b"\r") and (more := self._stream.read(self._left(1, len(block)))):
                block += more
        except OSError as error:
            self._fail(f"'{self.file.path}' cannot be read: {reason_of(error)}", None, error)
        if not block:
            self._over = True
            if self._read != self._size or self._digest.hexdigest() != self._sha256:
                self._changed()
            return
        self._at += len(block)
        if self._turned:
            block = block.replace(b"\r\n", b"\n")
        self._digest.update(block)
        self._read += len(block)
        if self._read > self._size:
            self._changed()
        self._ahead += block

    def _left(self, most: int, ahead: int = 0) -> int:
        """How many of so many bytes there are up to the end of the part, after those that were read `ahead`."""
        return most if self._end is None else min(most, max(self._end - self._at - ahead, 0))

    def _changed(self) -> None:
        self._fail(f"'{self.file.path}' changed after the plan was made", "run the command again")

    def _fail(self, message: str, hint: str | None, cause: Exception | None = None) -> None:
        self.problem = StaleError(message, hint=hint)
        raise self.problem from cause
