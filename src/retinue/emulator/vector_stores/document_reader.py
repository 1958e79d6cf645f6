"""The text of a pdf, docx or pptx file: a program of its own, which is run for each file and may be ended at any time.

    python document_reader.py SUFFIX PATH        text on stdout and 0, or why there is none and 3

Whatever the file is, it costs no more than the limits below; the operating system sees to those of time and memory. It
imports nothing of this package, so that it starts in a moment.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import unicodedata
import xml.parsers.expat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

UNREADABLE = 3
"""The exit code when the reason why there is no text is on stdout."""

MAX_TEXT = 20_000_000
"""Characters: 5,000,000 tokens, the most a file may have (retrieval guide), of four characters each."""
MAX_PARTS = 256 * 1024 * 1024
"""Bytes of the unpacked XML of an archive, read piece by piece; no more of it is ever in memory than its text."""
MAX_DEPTH = 256
"""Elements within elements. Word writes about ten for each table within a table."""
MAX_SECONDS = 20
"""Of processor time: some thousand pages."""
MAX_MEMORY = 1024**3

_PIECE = 1024 * 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How a protected document of Office begins, and any of its formats before 2007."""


class UnreadableError(Exception):
    """There is no text to be had; says why, as the end of a sentence about the file."""


def read_document(suffix: str, file: BinaryIO) -> str:
    """The text of a document, ``suffix`` being that of its name. Raises UnreadableError, also when it has no text."""
    try:
        text = _READERS[suffix](file)
    except MemoryError:
        raise UnreadableError("it takes too much memory to read") from None
    except UnreadableError:
        raise
    except Exception as error:
        # A damaged file breaks its parser in any way.
        raise UnreadableError("it is damaged, or not what its name says") from error
    if not text or text.isspace():
        raise UnreadableError("no text can be read from it, as from a scanned page")
    return text


# ── docx and pptx ─────────────────────────────────────────────────────────────────────────────────────────────────────

_MAIN = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://schemas.openxmlformats.org/drawingml/2006/main",
    "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
    "http://purl.oclc.org/ooxml/drawingml/main",
    "http://purl.oclc.org/ooxml/officeDocument/math",
)
"""Namespaces of what holds text, in the common and in the strict variant of the format (ISO/IEC 29500)."""

_IN_RUN = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
"""What stands for a character. ``softHyphen`` stands for none: it is seen only where a line ends."""

_PASSED_OVER = frozenset({"Fallback", "moveFrom", "del"})
"""What is there a second time, for programs that do not know the first, and what was moved away or deleted."""


class _Part:
    """Gathers the text of one part of a document while it is parsed: paragraphs as lines, cells with tabs between."""

    def __init__(self, room: int) -> None:
        self.pieces: list[str] = []
        self.room = room
        self._open: list[str] = []
        self._passing = 0
        self._parser = parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        # No document of Office has one, and only with one are there entities that grow.
        parser.StartDoctypeDeclHandler = _refuse_doctype

    def feed(self, data: bytes, *, is_last: bool) -> None:
        self._parser.Parse(data, is_last)

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if len(self._open) >= MAX_DEPTH:
            raise UnreadableError("its elements are nested too deeply")
        known = local if namespace in _MAIN else ""
        if local in _PASSED_OVER:
            self._passing += 1
        elif known == "p" and not self._passing and "p" in self._open:
            self.pieces.append("\n")  # a text box, within the paragraph that it is anchored in
        elif known in _IN_RUN and not self._passing and self._open[-1] in ("r", "p"):
            self.pieces.append(_IN_RUN[known])
        self._open.append(known or ("/" + local))

    def _end(self, name: str) -> None:
        local = self._open.pop()
        if name.rpartition(" ")[2] in _PASSED_OVER:
            self._passing -= 1
        elif self._passing:
            return
        elif local == "p":
            self.pieces.append("\n")
        elif local in ("tc", "tr"):
            if self.pieces and self.pieces[-1] in ("\n", "\t"):
                self.pieces.pop()
            self.pieces.append("\t" if local == "tc" else "\n")

    def _text(self, data: str) -> None:
        if self._open and self._open[-1] == "t" and not self._passing:
            self.room -= len(data)
            if self.room < 0:
                raise _too_long()
            self.pieces.append(data)


def _refuse_doctype(*_: object) -> None:
    raise UnreadableError("it has a document type declaration, which no such document has")


def _too_long() -> UnreadableError:
    return UnreadableError(f"it has more than {MAX_TEXT // 4:,} tokens of text")


def _office(file: BinaryIO, *patterns: str) -> str:
    """The text of the parts whose names fit the patterns; there must be one that fits the first."""
    if file.read(len(_OLE)) == _OLE:
        raise UnreadableError("it is protected by a password, or of an older format")
    room, unread, lines = MAX_TEXT, MAX_PARTS, []
    with zipfile.ZipFile(file) as archive:
        parts = [_named(archive, pattern) for pattern in patterns]
        if not parts[0]:
            raise UnreadableError("it is damaged, or not what its name says")
        for name in (each for names in parts for each in names):
            part = _Part(room)
            with archive.open(name) as packed:
                while data := packed.read(_PIECE):
                    unread -= len(data)
                    if unread < 0:
                        raise UnreadableError("it is too large when unpacked")
                    part.feed(data, is_last=False)
            part.feed(b"", is_last=True)
            room = part.room
            lines += [line.rstrip() for line in "".join(part.pieces).split("\n")]
    return _tidy("\n".join(line for line in lines if line))


def _named(archive: zipfile.ZipFile, pattern: str) -> list[str]:
    """The parts with such a name, 2 before 10."""
    names = {name for name in archive.namelist() if re.fullmatch(pattern, name)}
    return sorted(names, key=lambda name: (len(name), name))


def _docx(file: BinaryIO) -> str:
    return _office(file, r"word/document\d*\.xml", r"word/(?:header|footer)\d*\.xml", r"word/(?:foot|end)notes\.xml")


def _pptx(file: BinaryIO) -> str:
    return _office(file, r"ppt/slides/slide\d+\.xml")


# ── pdf ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _pdf(file: BinaryIO) -> str:
    return _tidy("\n".join(_pages(file)))


def _pages(file: BinaryIO) -> Iterator[str]:
    import pypdf

    reader = pypdf.PdfReader(file)
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableError("it is protected by a password")
    room, failed = MAX_TEXT, None
    for page in reader.pages:
        try:
            text = page.extract_text()
        except Exception as error:  # noqa: BLE001 - a page that is damaged does not take the others with it
            failed = error
            continue
        room -= len(text)
        if room < 0:
            raise _too_long()
        yield text
    if room == MAX_TEXT and failed:
        raise UnreadableError("its pages are damaged, or take too much to read") from failed


_LIGATURES = {number: unicodedata.normalize("NFKC", chr(number)) for number in range(0xFB00, 0xFB07)}
_SOFT_HYPHEN = re.compile("\u00ad\n?")


def _tidy(text: str) -> str:
    """Words as they are searched for: whole, in letters, and without what no text has."""
    whole = _SOFT_HYPHEN.sub("", text).translate({**_LIGATURES, 0: None})
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_READERS = {".docx": _docx, ".pptx": _pptx, ".pdf": _pdf}

# ── the program ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _limit() -> None:
    """Have the system end this process when it takes too much, and let the server go first."""
    try:
        import resource
    except ImportError:  # Windows: whoever waits ends it
        return
    for kind, most in ((resource.RLIMIT_CPU, MAX_SECONDS), (resource.RLIMIT_AS, MAX_MEMORY), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))
    os.nice(10)


def main(suffix: str, path: str) -> int:
    answer = os.fdopen(os.dup(1), "wb")
    sys.stdout = io.StringIO()  # what a library prints is no text of the file
    try:
        with Path(path).open("rb") as file:
            answer.write(read_document(suffix, file).encode())
    except UnreadableError as error:
        answer.write(str(error).encode())
        return UNREADABLE
    finally:
        answer.close()
    return 0


if __name__ == "__main__":
    _limit()
    sys.exit(main(sys.argv[1], sys.argv[2]))
