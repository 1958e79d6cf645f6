"""Long output through a pager, as git does it: only on a terminal, only when it is longer than the screen.

What a pager does is no concern of the command: one that is not there or is closed early changes no exit code.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import IO

from retinue.cli.terminal import Terminal, safe, size_now

_USUAL = "less -FRX"
_OPTIONS = {"LESS": "FRX", "LV": "-c"}
"""What less and lv are told where nobody told them anything, as git does: colours, and no screen of their own."""


def page_pieces(pieces: Iterable[str], terminal: Terminal, *, wanted: bool = True) -> None:
    """Print a text that is made while it is written, through a pager where there is one and the text needs it."""
    command = _pager(terminal) if wanted else None
    if command is None:
        terminal.print_pieces(pieces)
        return
    _, rows = size_now(sys.stdout)
    first, longer = _first_screen(filter(None, pieces), terminal.width, rows)
    if longer is None or not _paged(command, chain(first, longer)):
        terminal.print_pieces(chain(first, longer or ()))


def _pager(terminal: Terminal) -> list[str] | None:
    """The command, or None where there is to be none: not on a terminal, in CI, switched off, not installed."""
    if not terminal.shared or os.environ.get("CI") or os.environ.get("TERM") in ("dumb", "unknown"):
        return None
    chosen = next((os.environ[name] for name in ("RETINUE_PAGER", "PAGER") if name in os.environ), _USUAL)
    try:
        command = shlex.split(chosen)
    except ValueError:  # a quotation mark that is not closed
        return None
    if not command or command == ["cat"] or shutil.which(command[0]) is None:
        return None
    return command


def _first_screen(pieces: Iterator[str], width: int, rows: int) -> tuple[list[str], Iterator[str] | None]:
    """The pieces up to the one with which the text gets longer than the screen, and the others; None if it never
    does."""
    seen: list[str] = []
    taken = 1  # the line of the prompt
    for piece in pieces:
        seen.append(piece)
        taken += sum(1 + max(len(each) - 1, 0) // max(width, 1) for each in piece.rstrip("\n").split("\n"))
        if taken > rows:
            return seen, pieces
    return seen, None


def _paged(command: list[str], pieces: Iterable[str]) -> bool:
    """Whether the pager could be started; whatever it does then is fine."""
    environment = {**_OPTIONS, **os.environ}
    try:
        process = subprocess.Popen(  # noqa: S603 - what the person chose
            command, stdin=subprocess.PIPE, env=environment, text=True, encoding="utf-8"
        )
    except OSError:
        return False
    with _patient(), process:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        _fill(process.stdin, pieces)
        process.wait()
    return True


def _fill(stream: IO[str], pieces: Iterable[str]) -> None:
    with suppress(BrokenPipeError):  # it was closed before its end
        ended = True
        for piece in map(safe, pieces):
            stream.write(piece)
            ended = piece.endswith("\n")
        stream.write("" if ended else "\n")
    with suppress(BrokenPipeError):
        stream.close()


@contextmanager
def _patient() -> Iterator[None]:
    """Ctrl-C is for the pager while there is one. It is caught, not ignored: what is ignored stays so in the pager."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
