"""The text of a file, for search. Decides also which files cannot be searched.

Plain text of every kind is exact. Documents are read by a process of their own, ``document_reader.py``, which is ended
when it takes too long or the account closes. doc, the old binary format, is not read: the API takes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path, PurePosixPath

from retinue.emulator.vector_stores import document_reader

EXTENSIONS = frozenset(
    (
        *(".c", ".cpp", ".cs", ".css", ".doc", ".docx", ".go", ".html", ".java", ".js", ".json", ".md", ".pdf", ".php"),
        *(".pptx", ".py", ".rb", ".sh", ".tex", ".ts", ".txt"),
    )
)
"""What file search accepts (retrieval guide); no csv, xlsx, yaml or xml."""

DOCUMENTS = frozenset((".docx", ".pptx", ".pdf"))

AT_ONCE = 512 * 1024
"""Bytes of plain text that are read and indexed in a moment; more, and documents, are work for a worker."""

MAX_SECONDS = 60.0
"""Until the process is ended that reads a document, whatever it waits for."""
_LOOK = 0.2
"""Seconds between two looks whether the account closes."""


class UnsearchableError(Exception):
    """The file cannot be indexed; ``code`` is that of ``last_error``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AbandonedError(Exception):
    """The account closes before the file is read."""


def takes_time(filename: str, path: Path) -> bool:
    """Whether reading the file is no work for a request."""
    return _suffix(filename) in DOCUMENTS or (path.exists() and path.stat().st_size > AT_ONCE)


def extract_text(
    filename: str, path: Path, *, stopping: threading.Event | None = None, seconds: float = MAX_SECONDS
) -> str:
    """The text of the file at ``path``, called ``filename``, a document being read for that long at most.

    Raises UnsearchableError for what file search does not take or cannot read, and AbandonedError once ``stopping``.
    """
    suffix = _suffix(filename)
    if suffix not in EXTENSIONS:
        raise UnsearchableError("unsupported_file", "The file type is not supported.")
    size = path.stat().st_size
    if not size:
        raise _invalid("it is empty")
    if suffix in DOCUMENTS:
        return _read_document(suffix, path, stopping or threading.Event(), seconds)
    if suffix == ".doc":
        raise _invalid("the local account cannot read the old doc format: save it as docx or pdf")
    if size > 4 * document_reader.MAX_TEXT:
        raise _invalid(_TOO_LONG)
    text = _decode(path.read_bytes())
    if len(text) > document_reader.MAX_TEXT:
        raise _invalid(_TOO_LONG)
    return text


_TOO_LONG = f"it has more than {document_reader.MAX_TEXT // 4:,} tokens of text"
_TOO_MUCH = "it takes too much time or memory to read"


def _suffix(filename: str) -> str:
    return PurePosixPath(filename.replace("\\", "/")).suffix.lower()


def _invalid(reason: str) -> UnsearchableError:
    """Published: "The file could not be parsed." (openai/openai-node issue 1496); the reason is ours."""
    return UnsearchableError("invalid_file", f"The file could not be parsed because {reason}.")


def _decode(content: bytes) -> str:
    """utf-8, utf-16 with a mark, or ascii: the encodings the API documents."""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise _invalid("it is not valid text") from None


def _read_document(suffix: str, path: Path, stopping: threading.Event, seconds: float) -> str:
    # -P: the folder of the program is no place to import from. Ctrl-C at a terminal is for whoever waits.
    command = [sys.executable, "-P", document_reader.__file__, suffix, str(path)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "ignore"}
    deadline = time.monotonic() + seconds
    with subprocess.Popen(  # noqa: S603 - a program of ours, and a path that we made
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        start_new_session=True,
    ) as process:
        try:
            output, said = _await(process, deadline, stopping)
        finally:
            process.kill()
    if process.returncode == 0:
        return output.decode()
    if process.returncode == document_reader.UNREADABLE:
        raise _invalid(output.decode())
    if process.returncode in (1, 2):
        raise RuntimeError(f"the reader of documents failed: {said.decode(errors='replace')}")
    raise _invalid(_TOO_MUCH)


def _await(process: subprocess.Popen[bytes], deadline: float, stopping: threading.Event) -> tuple[bytes, bytes]:
    while True:
        try:
            return process.communicate(timeout=_LOOK)
        except subprocess.TimeoutExpired:
            if stopping.is_set():
                raise AbandonedError from None
            if time.monotonic() > deadline:
                raise _invalid(_TOO_MUCH) from None
