"""How much a confined program may take, and why that much."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a program when it takes more: times in seconds, for each run anew, and sizes in bytes."""

    wall_seconds: float = 60.0
    """A run as a whole expires after ten minutes, and may call the interpreter several times in it."""
    cpu_seconds: float = 60.0
    """Of all its threads together: less than a minute by the clock when it uses several cores."""
    memory: int = 1024 * MIB
    """Of address space, which is more than is used: the smallest container of the published API has 1 GB."""
    threads: int = 64
    """There is one process, whatever is asked: without control groups only so do limits of memory and time hold for
    everything a program starts. Libraries of numbers start a thread for each core."""
    disk: int = 256 * MIB
    """What a session adds to its files, the temporary and the deleted ones that are still open included."""
    files: int = 1000
    """Files and directories that a session may add: charts and tables are a handful."""
    output: int = MIB // 4
    """Of text: far more than a model reads."""
    code: int = MIB
    """Of the program itself: models write some kilobytes."""


DEFAULT = Limits()
