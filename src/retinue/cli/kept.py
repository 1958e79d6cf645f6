"""What a command has read, kept until the process ends: to let go of very much takes a good part of the time that it
took to read it, and nobody needs the room."""

from __future__ import annotations

_kept: list[object] = []


def keep(read: object) -> None:
    """Let something live as long as this run of the command line."""
    _kept.append(read)


def begin() -> None:
    """Another run begins in this process, as in tests: it needs nothing of the last one."""
    _kept.clear()
