"""Where output goes and what it may look like: stdout is data, stderr is progress and complaints.

Every command prints through here, and what is no report of ours is made safe on its way.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import click

from retinue.errors import RetinueError, reason_of
from retinue.model.printable import Printable, masked, printable

_WAITING = 100_000
"""Characters that are gathered before they are written."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """What the two streams are. Colour follows NO_COLOR, FORCE_COLOR and TERM; widths are in columns."""

    color: bool
    error_color: bool
    width: int
    error_width: int
    interactive: bool
    """Whether a person can be asked: both the question and the answer go through a terminal."""
    live: bool
    """Whether progress may redraw itself on stderr."""
    shared: bool
    """Whether stdout is a terminal, too, most likely the same one."""

    @classmethod
    def detect(cls) -> Terminal:
        out, err = _is_tty(sys.stdout), _is_tty(sys.stderr)
        plain = os.environ.get("TERM") in ("dumb", "unknown")
        return cls(
            color=_wants_color(out and not plain),
            error_color=_wants_color(err and not plain),
            width=_columns(sys.stdout if out else None),
            error_width=_columns(sys.stderr if err else None),
            interactive=_is_tty(sys.stdin) and err,
            live=err and not plain and not os.environ.get("CI"),
            shared=out,
        )

    def print(self, text: str) -> None:
        """Data: to stdout, ending in one line end. Raises RetinueError when it cannot be written there."""
        if text:
            self._write(f"{printed(text)}\n")

    def write(self, text: Printable, *, before: str = "") -> None:
        """Data as it comes, which was made safe as a part of its line: to stdout at once, as it is."""
        if text:
            self._write(f"{before}{text}")

    def print_pieces(self, pieces: Iterable[str]) -> None:
        """The same for a text that is made while it is written, in pieces that begin where a line ends."""
        waiting: list[str] = []
        size = 0
        for piece in filter(None, pieces):
            if size + len(piece) > _WAITING:
                self._write("".join(waiting))
                waiting.clear()
                size = 0
            waiting.append(safe(piece))
            size += len(piece)
        if waiting:
            self._write("".join(waiting).rstrip("\n") + "\n")

    def _write(self, text: str) -> None:
        try:
            # A name of a file may hold bytes that are no text: a JSON escape stands for each.
            click.echo(text.encode("utf-8", "backslashreplace").decode(), nl=False, color=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            # Python would try again at exit, and fail again.
            sys.stdout = None
            message = f"the output cannot be written: {reason_of(error)}"
            raise RetinueError(message, hint="send it somewhere else") from error

    def say(self, text: str) -> None:
        """Anything else: to stderr."""
        if text:
            with suppress(OSError):  # nobody reads it: no reason to stop working
                click.echo(printed(text), err=True, color=True)


def safe(piece: str) -> str:
    """A piece of what is printed, safe and without keys. A name of a file may hold bytes that are no text: a JSON
    escape stands for each."""
    return masked(printable(piece)).encode("utf-8", "backslashreplace").decode()


def printed(text: str) -> str:
    """What is printed for a text: safe, without keys, and without the line break at its end."""
    return masked(printable(text)).rstrip("\n")


def _is_tty(stream: object) -> bool:
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return False


def _columns(terminal: object) -> int:
    """What COLUMNS says, else as many as the terminal has."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    size = _size(terminal)
    return size[0] if size else 80


def size_now(terminal: object) -> tuple[int, int]:
    """The columns and lines of a terminal at this moment, whatever COLUMNS and LINES say."""
    return _size(terminal) or (80, 24)


def _size(terminal: object) -> tuple[int, int] | None:
    try:
        columns, lines = os.get_terminal_size(terminal.fileno())  # type: ignore[attr-defined]
    except (AttributeError, ValueError, OSError):
        return None
    return (columns, lines) if columns > 0 and lines > 0 else None  # a terminal that nobody told its size says 0


def _wants_color(tty: bool) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return tty or bool(os.environ.get("FORCE_COLOR"))
