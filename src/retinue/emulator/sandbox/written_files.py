"""The files that confined code leaves: found, measured, read and removed as if whoever wrote them meant harm.

Every name is opened relative to the directory that holds it, and no symbolic link is followed, so that no name leads
out. What is no regular file with one name is never opened.
"""

from __future__ import annotations

import contextlib
import os
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DEEPEST = 16
"""Directories within directories. Nobody looks at a chart that far down, and a program can nest them without end."""
LONGEST_NAME = 255
"""Characters of a whole path: those that the API's filenames have room for on any system."""
_HEAD = 12
"""Bytes that tell which image it is."""


class UnsafeFileError(Exception):
    """The file is not to be handed out; says why, as the end of a sentence about it."""


class TooManyError(Exception):
    """There are more entries, or deeper ones, than anybody looks at, or some that nobody can."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that code wrote or changed, as it was when the code ended."""

    name: str
    """Relative to the directory, with slashes."""
    size: int
    image: str | None
    """The media type when the content is an image that people look at, whatever its name says."""


@dataclass(frozen=True, slots=True)
class Usage:
    entries: int
    size: int
    """Bytes on the disk, or as many as the files say they have if that is more."""


Mark = tuple[int, int, int]
"""Of a file: its number, size and time of change, which a program cannot set."""


@dataclass(frozen=True, slots=True)
class _Entry:
    parts: tuple[str, ...]
    status: os.stat_result


def measure(directory: Path, most: int) -> Usage:
    """What a directory takes. Raises TooManyError beyond so many entries, or for directories nested too deeply."""
    entries = size = 0
    with _opened(directory) as top:
        for entry in _walk(top, (), most, strict=True):
            entries += 1
            if not stat.S_ISDIR(entry.status.st_mode):
                size += max(entry.status.st_blocks * 512, entry.status.st_size)
    return Usage(entries, size)


def marks(directory: Path, most: int) -> dict[tuple[str, ...], Mark]:
    """How everything there is now, to see later what has changed. Raises TooManyError as `measure` does."""
    with _opened(directory) as top:
        return {entry.parts: _mark(entry.status) for entry in _walk(top, (), most, strict=True)}


def changed_files(
    directory: Path, before: Mapping[tuple[str, ...], Mark], most: int
) -> tuple[tuple[WrittenFile, ...], tuple[str, ...]]:
    """What was written or changed since, by name, and what is not handed out, each with the reason in a sentence."""
    written, left_out = [], []
    with _opened(directory) as top:
        for entry in _walk(top, (), most):
            if stat.S_ISDIR(entry.status.st_mode) or before.get(entry.parts) == _mark(entry.status):
                continue
            try:
                written.append(_written(top, entry.parts))
            except UnsafeFileError as error:
                left_out.append(f"{_printable('/'.join(entry.parts))}: {error}")
    return tuple(sorted(written, key=lambda each: each.name)), tuple(sorted(left_out))


def read_written(directory: Path, name: str, most: int) -> bytes:
    """The content of a file there.

    Raises UnsafeFileError when it has more than `most` bytes, is no regular file, has a name that no file of the API
    may have, or is not there any more.
    """
    parts = tuple(name.split("/"))
    _check_name(parts)
    with _opened(directory) as top, _file(top, parts) as descriptor:
        if os.fstat(descriptor).st_size > most:
            raise UnsafeFileError(f"has more than {most:,} bytes")
        pieces, left = [], most + 1
        while left > 0 and (piece := os.read(descriptor, min(left, 1024 * 1024))):
            pieces.append(piece)
            left -= len(piece)
        if left <= 0:  # it grew
            raise UnsafeFileError(f"has more than {most:,} bytes")
        return b"".join(pieces)


def take_back(directory: Path, before: Mapping[tuple[str, ...], Mark]) -> None:
    """Remove what was not there before, however much and deep, and cut what has grown. Nobody may write there now."""
    with _opened(directory) as top:
        _take_back(top, (), before)


def remove_tree(directory: Path) -> None:
    """Remove a directory and all in it, however many and deep. Nobody may write there now."""
    with _opened(directory) as top:
        _empty(top)
    directory.rmdir()


def _take_back(top: int, parts: tuple[str, ...], before: Mapping[tuple[str, ...], Mark]) -> None:
    for name in os.listdir(top):
        if (*parts, name) not in before:
            _remove(top, name)
        elif _is_directory(top, name):
            with _directory(top, name) as inner:
                _take_back(inner, (*parts, name), before)
        else:
            _cut(top, name, before[*parts, name][1])


def _cut(parent: int, name: str, size: int) -> None:
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_size <= size:
        return
    with contextlib.suppress(PermissionError):  # then the program could not write to it either
        descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            os.ftruncate(descriptor, size)
        finally:
            os.close(descriptor)


def _remove(parent: int, name: str) -> None:
    if not _is_directory(parent, name):
        os.unlink(name, dir_fd=parent)
        return
    _open_up(parent, name)
    with _directory(parent, name) as inner:
        _empty(inner)
    os.rmdir(name, dir_fd=parent)


def _empty(top: int) -> None:
    """Without ever going deep: what a directory holds is brought one level up, until there is none left."""
    while names := os.listdir(top):
        for name in names:
            if not _is_directory(top, name):
                os.unlink(name, dir_fd=top)
                continue
            _open_up(top, name)
            with _directory(top, name) as inner:
                for each in os.listdir(inner):  # noqa: PTH208
                    if _is_directory(inner, each):
                        _open_up(inner, each)  # only a directory that may be written to can change its parent
                    os.rename(each, os.urandom(16).hex(), src_dir_fd=inner, dst_dir_fd=top)
            os.rmdir(name, dir_fd=top)


def _is_directory(parent: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _open_up(parent: int, name: str) -> None:
    """Let its owner in again. Nobody puts a link in its place: whoever could is gone."""
    os.chmod(name, 0o700, dir_fd=parent)


# ── one entry ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def _image(head: bytes) -> str | None:
    for start, media_type in _IMAGES:
        if head.startswith(start):
            return media_type
    return "image/webp" if head.startswith(b"RIFF") and head[8:12] == b"WEBP" else None


def _mark(status: os.stat_result) -> Mark:
    return status.st_ino, status.st_size, status.st_ctime_ns


def _written(top: int, parts: tuple[str, ...]) -> WrittenFile:
    _check_name(parts)
    with _file(top, parts) as descriptor:
        size = os.fstat(descriptor).st_size
        return WrittenFile("/".join(parts), size, _image(os.read(descriptor, _HEAD)))


def _check_name(parts: tuple[str, ...]) -> None:
    name = "/".join(parts)
    if not name or any(part in ("", ".", "..") for part in parts) or len(parts) > DEEPEST:
        raise UnsafeFileError("leads elsewhere")
    if len(name) > LONGEST_NAME:
        raise UnsafeFileError(f"has a name of more than {LONGEST_NAME} characters")
    # Control characters, those that turn text around, halves of surrogates, and code points that mean nothing.
    if any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for each in name) or "\\" in name:
        raise UnsafeFileError("has a name that cannot be shown safely")


def _printable(name: str) -> str:
    return ascii(name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…")


# ── walking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _opened(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _directory(parent: int, name: str) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _file(top: int, parts: tuple[str, ...]) -> Iterator[int]:
    """A regular file with one name, opened. Raises UnsafeFileError for anything else."""
    with contextlib.ExitStack() as stack:
        try:
            parent = top
            for part in parts[:-1]:
                parent = stack.enter_context(_directory(parent, part))
            _check_plain(os.stat(parts[-1], dir_fd=parent, follow_symlinks=False))
            # It may be another one by now; opening a pipe would wait for its other end, and a device may do anything.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            descriptor = os.open(parts[-1], flags, dir_fd=parent)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise UnsafeFileError(f"cannot be read ({reason or 'its name'})") from error
        stack.callback(os.close, descriptor)
        _check_plain(os.fstat(descriptor))
        yield descriptor


def _check_plain(status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError("is a symbolic link")
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError("is no regular file")
    if status.st_nlink != 1:
        raise UnsafeFileError("has other names beside this one")


def _walk(top: int, parts: tuple[str, ...], most: int, *, strict: bool = False) -> Iterator[_Entry]:
    """What is there, directories before what they hold; not what is too much or too deep, or an error if strict."""
    left = [most]
    yield from _within(top, parts, left, strict=strict)


def _within(top: int, parts: tuple[str, ...], left: list[int], *, strict: bool) -> Iterator[_Entry]:
    with contextlib.suppress(FileNotFoundError), os.scandir(top) as found:
        for each in found:
            left[0] -= 1
            if left[0] < 0:
                if strict:
                    raise TooManyError
                return
            try:
                status = os.stat(each.name, dir_fd=top, follow_symlinks=False)
            except OSError:
                continue  # gone meanwhile
            yield _Entry((*parts, each.name), status)
            if not stat.S_ISDIR(status.st_mode):
                continue
            if len(parts) + 1 >= DEEPEST:
                if strict:
                    raise TooManyError
                continue
            try:
                inner = os.open(each.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
            except PermissionError:
                if strict:
                    raise TooManyError from None
                continue
            except OSError:
                continue
            try:
                yield from _within(inner, (*parts, each.name), left, strict=strict)
            finally:
                os.close(inner)
