"""Some lines at the end of a terminal that are drawn over and over, while what is finished stays above them.

rich's Live is not used: it settles how far to go back before it takes the lock for writing, so that two threads that
print at the same time leave lines behind and take finished ones away.
"""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress
from types import TracebackType
from typing import TextIO

from rich.cells import cell_len

INTERVAL = 0.1
"""Seconds between two drawings."""
_AT_ONCE, _SHOWN = "\x1b[?2026h", "\x1b[?2026l"
"""Around what a terminal is to show as one (synchronized output); those that do not know it pass it over."""
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class MovingLines:
    """Draws what `rows` gives, lines that are shorter than the terminal is wide. A context manager: while it is open,
    what anybody prints on stderr stands above, in whole lines; leaving it takes the moving lines away.

    All that is written is written here, by one thread at a time, and a drawing is one piece that writes over the last
    one: nothing is empty in between. The cursor stays visible, on an empty line below, where the terminal shows what a
    person types: there is nothing to put back, however this ends. A terminal that became narrower breaks what stands
    there into more lines, if it `reflows`, as all but xterm do. One that is gone is no reason to stop working.
    """

    def __init__(
        self, stream: TextIO, rows: Callable[[], Sequence[str]], *, width: Callable[[], int], reflows: bool = True
    ) -> None:
        self._stream = stream
        self._rows = rows
        self._width = width
        self._reflows = reflows
        self._drawn: Sequence[str] = ()
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
            if self._drawn:
                self._write(f"{self._back()}\x1b[J")
            self._drawn = ()
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
                self._draw(text)

    def _keep_moving(self) -> None:
        while not self._closed.wait(INTERVAL):
            self.print("")

    def _draw(self, above: str) -> None:
        back, rows = self._back(), self._rows()
        if above or list(rows) != list(self._drawn):
            # What comes above may be longer than a line, and then not all of it covers what stands there.
            first = f"\x1b[J{above}" if above else ""
            drawn = "".join(f"{row}\x1b[K\n" for row in rows)
            self._write(f"{_AT_ONCE}{back}{first}{drawn}\x1b[J{_SHOWN}")
        self._drawn = rows

    def _back(self) -> str:
        """To the first moving line."""
        lines = sum(map(self._lines, self._drawn))
        return f"\x1b[{lines}A\r" if lines else ""

    def _lines(self, row: str) -> int:
        """How many lines of the terminal a row takes now, which may be narrower than when it was drawn."""
        width = self._width() if self._reflows else 0
        return max(-(-cell_len(_STYLE.sub("", row)) // width), 1) if width > 0 else 1

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
