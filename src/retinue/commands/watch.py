"""Which files of a project have changed, found out by looking: no account, and nothing is written.

All files below the project are looked at, since any may be a prompt, a document or a part of one, and a new one may be
what a glob was waiting for. Those that are, are told by the reading that follows: no other one is worth a round, and
the log of the rounds never is. A look costs one question to the system for each file, some milliseconds for a thousand;
a library that is told by the system would be one more dependency in every installation, with its own limits on large
trees and network drives, for half a second less.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinue.errors import RetinueError
from retinue.model.declared import Diagnostic
from retinue.model.values import Address
from retinue.session import Reading, Where, check_loaded, load_from

INTERVAL = 0.5
"""Seconds between two looks."""
SKIPPED = frozenset({"node_modules", "__pycache__"})
"""Folders in which nothing is declared, beside hidden ones."""

Seen = Mapping[str, tuple[int, int, int]]
"""The files by path, with what the system says that changes when they do."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a reading came to: what is declared, the mistakes, or why nothing could be read at all; and the files that
    it asked for, there or not."""

    reading: Reading | None = None
    found: tuple[Diagnostic, ...] = ()
    error: RetinueError | None = None
    asked: Collection[str] = ()

    @classmethod
    def of(cls, where: Where) -> Round:
        try:
            loaded = load_from(where)
            reading, found = check_loaded(loaded)
        except RetinueError as error:
            return cls(error=error)
        return cls(reading, found, None, {*loaded.asked, *map(str, where.var_files)})

    def concerned(self, changed: Iterable[str], before: Round) -> bool:
        """Whether files that changed since the round `before` have anything to do with what is declared."""
        if any(each in self.asked or each in before.asked for each in changed):
            return True
        return (self.found, str(self.error)) != (before.found, str(before.error)) or self._specs() != before._specs()

    def _specs(self) -> dict[Address, Any]:
        return {each.address: each.spec for each in self.reading.declared} if self.reading else {}


def look(root: Path, others: Iterable[Path] = (), written: Collection[tuple[int, int]] = ()) -> Seen:
    """The files below a folder as they are now, but for what is hidden; and `others`, or what is below those. Nothing
    of what is `written`, files by the numbers of their device and of themselves."""
    found: dict[str, tuple[int, int, int]] = {}
    others = tuple(others)
    waiting = [str(root), *(str(each) for each in others if each.is_dir())]
    while waiting:
        for each in _entries(waiting.pop()):
            if each.name.startswith(".") or each.name in SKIPPED:
                continue
            with suppress(OSError):  # gone between two questions, or a link to nothing
                if each.is_dir(follow_symlinks=False):
                    waiting.append(each.path)
                    continue
                status = each.stat()
                if (status.st_dev, status.st_ino) not in written:
                    found[os.path.relpath(each.path, root)] = _status(status)
    for path in others:
        with suppress(OSError):
            if not path.is_dir():
                found[str(path)] = _status(path.stat())
    return found


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _status(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino


def written_to(streams: Iterable[int]) -> frozenset[tuple[int, int]]:
    """The files that these descriptors write to: what stands in a log of `watch` is not to be told by it again."""
    found = set()
    for each in streams:
        with suppress(OSError):
            status = os.fstat(each)
            found.add((status.st_dev, status.st_ino))
    return frozenset(found)


def changes(
    root: Path, others: Iterable[Path], wait: Callable[[], None], written: Collection[tuple[int, int]] = ()
) -> Iterator[tuple[str, ...]]:
    """The paths that changed, each time that some did and nothing more does: an editor or git may write many, and an
    unfinished one says nothing. The first look is made at once, and `wait` passes the time between two. What changes
    while somebody works on what was yielded is told next. Never ends."""
    others = tuple(others)

    def look_again() -> Seen:
        return look(root, others, written)

    return _differences(look_again, look_again(), wait)


def _differences(look_again: Callable[[], Seen], before: Seen, wait: Callable[[], None]) -> Iterator[tuple[str, ...]]:
    while True:
        wait()
        now = look_again()
        if now == before:
            continue
        while True:
            wait()
            later = look_again()
            if later == now:
                break
            now = later
        touched = {path for path in {*before, *now} if before.get(path) != now.get(path)}
        before = now
        if touched:  # nothing is, where something came and went
            yield tuple(sorted(touched))
