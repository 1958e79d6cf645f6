"""Some lines at the end of a terminal that are drawn over and over, while what is finished stays above them.

rich's Live is not used: it settles how far to go back before it takes the lock for writing, so that two threads that
print at the same time leave lines behind and take finished ones away.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress
from types import TracebackType
from typing import TextIO

INTERVAL = 0.1
"""Seconds between two drawings."""


class MovingLines:
    """Draws what `rows` gives, lines that are shorter than the terminal is wide. A context manager: while it is open,
    what anybody prints on stderr stands above, in whole lines; leaving it takes the moving lines away.

    All that is written is written here, by one thread at a time. The cursor stands on an empty line below: the terminal
    shows there what a person types. A terminal that is gone is no reason to stop working.
    """

    def __init__(self, stream: TextIO, rows: Callable[[], Sequence[str]]) -> None:
        self._stream = stream
        self._rows = rows
        self._drawn = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep_moving, name="retinue-progress", daemon=True)
        self._open = ExitStack()

    def __enter__(self) -> MovingLines:
        self._open.enter_context(_unflushed(self._stream))
        self._open.enter_context(redirect_stderr(_Above(self)))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        with self._lock:
            self._write(self._back())
            self._drawn = 0
        self._open.close()

    @property
    def stream(self) -> TextIO:
        return self._stream

    def print(self, text: str) -> None:
        """Put whole lines above."""
        with self._lock:
            if self._closed.is_set():
                self._write(text)
            else:
                self._write(f"{self._back()}{text}{self._next()}")

    def _keep_moving(self) -> None:
        while not self._closed.wait(INTERVAL):
            self.print("")

    def _back(self) -> str:
        """To the first moving line, and everything from there on is gone."""
        return f"\x1b[{self._drawn}A\r\x1b[J" if self._drawn else ""

    def _next(self) -> str:
        rows = self._rows()
        self._drawn = len(rows)
        return "".join(f"{row}\n" for row in rows)

    def _write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()


@contextmanager
def _unflushed(stream: TextIO) -> Iterator[None]:
    """While open, Ctrl-C does not throw away what the terminal has not shown yet, as its driver does otherwise
    (termios(3), NOFLSH): lines of what was finished, or half of a sequence."""
    try:
        import termios
    except ImportError:  # a system without such terminals
        yield
        return
    try:
        terminal = stream.fileno()
        before = termios.tcgetattr(terminal)
        # Whoever is in the background is stopped for touching the terminal.
        ours = os.tcgetpgrp(terminal) == os.getpgrp()
    except (AttributeError, OSError, ValueError, termios.error):
        ours = False
    if not ours:
        yield
        return
    during = [*before[:3], before[3] | termios.NOFLSH, *before[4:]]
    with suppress(termios.error):
        termios.tcsetattr(terminal, termios.TCSANOW, during)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSANOW, before)


class _Above(io.TextIOBase):
    """A stream for everybody else, whose lines stand above what moves."""

    def __init__(self, lines: MovingLines) -> None:
        self._lines = lines
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._lines.stream.encoding

    def isatty(self) -> bool:
        return self._lines.stream.isatty()

    def fileno(self) -> int:
        return self._lines.stream.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        whole, end, self._begun = (self._begun + text).rpartition("\n")
        if end:
            self._lines.print(whole + end)
        return len(text)
