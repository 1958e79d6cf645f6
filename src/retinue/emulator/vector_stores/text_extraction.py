"""The text of a file, for search. Decides also which files cannot be searched.

Plain text of every kind is exact. docx and pptx are read with zipfile and ElementTree: paragraphs, without layout,
notes or pictures. PDF is best effort: the text operators of plain and Flate streams; a scanned page or a font with its
own encoding yields little or nothing, and the file is still ``completed``. doc, the old binary format, yields no text.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
import zipfile
import zlib
from pathlib import PurePosixPath

EXTENSIONS = frozenset(
    (
        *(".c", ".cpp", ".cs", ".css", ".doc", ".docx", ".go", ".html", ".java", ".js", ".json", ".md", ".pdf", ".php"),
        *(".pptx", ".py", ".rb", ".sh", ".tex", ".ts", ".txt"),
    )
)
"""What file search accepts (retrieval guide); no csv, xlsx, yaml or xml."""


class UnsearchableError(Exception):
    """The file cannot be indexed; ``code`` is that of ``last_error``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def extract_text(filename: str, content: bytes) -> str:
    """The text of a file. Raises UnsearchableError for an extension or encoding that file search does not take."""
    extension = PurePosixPath(filename.replace("\\", "/")).suffix.lower()
    if extension not in EXTENSIONS:
        raise UnsearchableError("unsupported_file", "The file type is not supported.")
    if not content:
        raise UnsearchableError("invalid_file", "The file could not be parsed because it is empty.")
    reader = _BINARY.get(extension)
    return reader(content) if reader else _decode(content)


def _decode(content: bytes) -> str:
    """utf-8, utf-16 with a mark, or ascii: the encodings the API documents."""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise UnsearchableError("invalid_file", "The file could not be parsed because it is not valid text.") from None


def _office(content: bytes, pattern: str, paragraph: str, run: str) -> str:
    lines: list[str] = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [name for name in archive.namelist() if re.fullmatch(pattern, name)]
            for name in sorted(parts, key=lambda name: (len(name), name)):
                root = ET.XML(archive.read(name))
                lines += ["".join(piece.text or "" for piece in each.iter(run)) for each in root.iter(paragraph)]
    except (zipfile.BadZipFile, ET.ParseError, KeyError):
        raise UnsearchableError("invalid_file", "The file could not be parsed.") from None
    return "\n".join(line for line in lines if line)


_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def _docx(content: bytes) -> str:
    return _office(content, r"word/document\.xml", f"{_WORD}p", f"{_WORD}t")


def _pptx(content: bytes) -> str:
    return _office(content, r"ppt/slides/slide\d+\.xml", f"{_DRAWING}p", f"{_DRAWING}t")


_PDF_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_PDF_STRING = rb"\((?:\\.|[^\\()])*\)"
_PDF_STRINGS = re.compile(_PDF_STRING, re.DOTALL)
_PDF_SHOWN = re.compile(
    rb"\[((?:" + _PDF_STRING + rb"|[^\[\]()])*)\]\s*TJ|(" + _PDF_STRING + rb")\s*(?:Tj|'|\")", re.DOTALL
)
_PDF_ESCAPE = re.compile(rb"\\([nrtbf()\\]|[0-7]{1,3})")
_PDF_NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"", b"f": b""}
_PDF_MOST = 50 * 1024 * 1024


def _pdf(content: bytes) -> str:
    if not content.startswith(b"%PDF"):
        raise UnsearchableError("invalid_file", "The file could not be parsed.")
    pieces = []
    for raw in _PDF_STREAM.findall(content):
        try:
            stream = zlib.decompressobj().decompress(raw, _PDF_MOST)
        except zlib.error:
            stream = raw
        for array, string in _PDF_SHOWN.findall(stream):
            pieces.append("".join(_pdf_string(each) for each in _PDF_STRINGS.findall(array or string)))
    return " ".join(piece for piece in pieces if piece.strip())


def _pdf_string(literal: bytes) -> str:
    def unescape(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return _PDF_NAMED.get(code) or (bytes([int(code, 8) & 255]) if code.isdigit() else code)

    return _PDF_ESCAPE.sub(unescape, literal[1:-1]).decode("latin-1")


def _nothing(_content: bytes) -> str:
    return ""


_BINARY = {".docx": _docx, ".pptx": _pptx, ".pdf": _pdf, ".doc": _nothing}
