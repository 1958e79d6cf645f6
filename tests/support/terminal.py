"""What a person sees: bytes → the lines of a terminal, those that scrolled away among them; and commands run in one."""

from __future__ import annotations

import os
import select
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pyte

import retinue

PATIENCE = 120
"""Seconds after which a command that writes nothing waits for what nobody is going to type."""
PLAIN = ("CI", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")


class Screen:
    """A terminal of so many columns and lines, with everything that scrolled away."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns = columns
        self._screen = pyte.HistoryScreen(columns, lines, history=100_000)
        self._input = pyte.Stream(self._screen)

    def feed(self, written: str) -> None:
        """Take in what a program wrote; line ends are as the driver of a terminal makes them."""
        self._input.feed(written.replace("\r\n", "\n").replace("\n", "\r\n"))

    @property
    def lines(self) -> list[str]:
        """Everything that one sees who scrolls back to the beginning, without empty lines at the end."""
        gone = ["".join(row[column].data for column in range(self.columns)) for row in self._screen.history.top]
        shown = [each.rstrip() for each in (*gone, *self._screen.display)]
        while shown and not shown[-1]:
            shown.pop()
        return shown


def seen(written: str | bytes, columns: int, lines: int) -> list[str]:
    """What a terminal shows in the end."""
    screen = Screen(columns, lines)
    screen.feed(written.decode("utf-8", "replace") if isinstance(written, bytes) else written)
    return screen.lines


@dataclass(frozen=True)
class Ended:
    """How a command ended that ran in a terminal, and the bytes that it wrote there."""

    code: int
    written: bytes


def command(*args: str) -> list[str]:
    """Retinue as a process of its own."""
    return [sys.executable, "-m", "retinue", *args]


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """That of this process with nothing in it that says what a terminal is like, and `more`."""
    kept = {name: value for name, value in os.environ.items() if name not in PLAIN}
    source = str(Path(retinue.__file__).parents[1])
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": source, **more}


def next_piece(process: subprocess.Popen[bytes], terminal: int, before: bytes) -> bytes:
    """What a command writes next. One that waits for ever is ended, with what it wrote `before` as the reason."""
    if not select.select([terminal], [], [], PATIENCE)[0]:
        process.kill()
        raise AssertionError(f"nothing more was written after: {before.decode('utf-8', 'replace')!r}")
    return os.read(terminal, 65536)


def in_terminal(
    args: Sequence[str],
    *,
    size: tuple[int, int] = (80, 24),
    environ: Mapping[str, str] | None = None,
    begun: Callable[[int], object] = lambda terminal: None,
    then: Mapping[bytes, bytes | Callable[[], object]] = MappingProxyType({}),
) -> Ended:
    """Run a command with all of its streams in a terminal of so many columns and lines. `begun` is called with a file
    descriptor that a person may type into; when a text of `then` appears, what it leads to is typed or called, once."""
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    with subprocess.Popen(
        args,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(environ or {}),
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as process:
        os.close(theirs)
        begun(ours)
        written, answers = b"", dict(then)
        try:
            while piece := next_piece(process, ours, written):
                written += piece
                for text in [each for each in answers if each in written]:
                    answer = answers.pop(text)
                    if isinstance(answer, bytes):
                        os.write(ours, answer)
                    else:
                        answer()
        except OSError:  # how Linux says that nobody has the terminal open any more
            pass
        process.wait()
    os.close(ours)
    return Ended(process.returncode, written)
