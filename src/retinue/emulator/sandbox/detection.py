"""Which confinement this machine offers, found by trying: a program tries to get out, and must not."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retinue.emulator.sandbox.code_session import Session
from retinue.emulator.sandbox.confinements import WAYS, Name, UnavailableError, Way, is_readable_inside
from retinue.emulator.sandbox.limits import DEFAULT, Limits
from retinue.emulator.sandbox.temporary_directories import scratch_directory

_ATTEMPTS = """
import ctypes, os, socket, sys
print(sorted(os.listdir()), os.getcwd())
def attempt(name, action):
    try:
        action()
    except OSError:
        return
    print("can", name)
attempt("read the machine's files", lambda: open({canary!r}).read())
attempt("read the machine's files", lambda: os.listdir({place!r}))
attempt("write the machine's files", lambda: open({canary!r} + ".new", "w"))
attempt("reach a network", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
attempt("start a process", os.fork)
attempt("send signals", lambda: os.kill(os.getppid() or 1, 0))
"""
_EXPECTED = "['canary'] /mnt/data\n"


class NoConfinementError(Exception):
    """Nothing on this machine can confine a program; says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What this machine offers: the name of the best confinement, or None and why."""

    name: Name | None
    reason: str
    """For a person: why there is none, or why there is none better; empty when the best one works."""


def confinement() -> Confinement:
    """What this machine offers. Tried once, which takes a tenth of a second for each."""
    if sys.platform != "linux":
        return Confinement(None, _ELSEWHERE)
    failures: list[str] = []
    for way in WAYS:
        why_not = _why_not(way)
        if why_not is None:
            return Confinement(way.name, "; ".join(failures))
        failures.append(f"{way.name}: {why_not}")
    return Confinement(None, "; ".join(failures))


_ELSEWHERE = "only Linux can confine a program here: run the local account in a Linux container or virtual machine"


def why_not(name: Name) -> str | None:
    """Why that confinement cannot be had on this machine; None when it can."""
    if sys.platform != "linux":
        return _ELSEWHERE
    return _why_not(_way(name))


def open_session(directory: Path, limits: Limits = DEFAULT, *, confined_by: Name | None = None) -> Session:
    """A confined interpreter whose files, at /mnt/data, are those of the directory. Use it as a context manager.

    The best confinement there is, or the named one. Raises NoConfinementError where there is none: code never runs
    unconfined. The directory must be the code's alone: it can do to everything in it what it likes.
    """
    offered = confinement() if confined_by is None else Confinement(confined_by, why_not(confined_by) or "")
    if offered.name is None or (confined_by is not None and offered.reason):
        raise NoConfinementError(f"code cannot be confined on this machine ({offered.reason}), so it is not run")
    if is_readable_inside(directory.resolve()):
        raise NoConfinementError(f"{directory} is among Python's own files, which confined code may read")
    return Session(_way(offered.name), directory, limits)


def _way(name: Name) -> Way:
    return next(way for way in WAYS if way.name == name)


@functools.cache
def _why_not(way: Way) -> str | None:
    with _places() as (data, canary), Session(way, data, DEFAULT) as session:
        try:
            outcome = session.run(_ATTEMPTS.format(canary=str(canary), place=str(canary.parent)), threading.Event())
        except UnavailableError as error:
            return str(error)
    if outcome.logs == _EXPECTED and outcome.ended_by == "done":
        return None
    failed = (outcome.logs.removeprefix(_EXPECTED) + (outcome.error or "")).strip()
    return f"it does not hold ({failed or 'the program saw other files'})"


@contextlib.contextmanager
def _places() -> Iterator[tuple[Path, Path]]:
    """A directory for the code, and a file of the machine beside it."""
    with scratch_directory() as place:
        (place / "data").mkdir()
        for each in (place / "data" / "canary", place / "canary"):
            each.write_text("a file\n", encoding="utf-8")
        yield place / "data", place / "canary"
