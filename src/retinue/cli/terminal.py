"""Where output goes and what it may look like: stdout is data, stderr is progress and complaints.

Every command prints through here, and what is no report of ours is made safe on its way.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass

import click

from retinue.errors import RetinueError, reason_of
from retinue.model.printable import masked, printable


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
    """Whether progress may redraw itself."""

    @classmethod
    def detect(cls) -> Terminal:
        columns = shutil.get_terminal_size((80, 24)).columns
        out, err = _is_tty(sys.stdout), _is_tty(sys.stderr)
        plain = os.environ.get("TERM") == "dumb"
        return cls(
            color=_wants_color(out and not plain),
            error_color=_wants_color(err and not plain),
            width=columns if out or "COLUMNS" in os.environ else 80,
            error_width=columns if err or "COLUMNS" in os.environ else 80,
            interactive=_is_tty(sys.stdin) and err,
            live=err and not plain and not os.environ.get("CI"),
        )

    def print(self, text: str) -> None:
        """Data: to stdout, ending in one line end. Raises RetinueError when it cannot be written there."""
        if not text:
            return
        try:
            click.echo(printed(text), color=True)
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
            click.echo(printed(text), err=True, color=True)


def printed(text: str) -> str:
    """What is printed for a text: safe, without keys, and without the line break at its end."""
    return masked(printable(text)).rstrip("\n")


def _is_tty(stream: object) -> bool:
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return False


def _wants_color(tty: bool) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return tty or bool(os.environ.get("FORCE_COLOR"))
