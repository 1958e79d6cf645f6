"""The files of the project: found, read and digested, never outside of it; and their text, by lines and columns."""

from __future__ import annotations

import codecs
import fnmatch
import hashlib
import os
import re
import stat
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from retinue.config.problems import RefusedError, did_you_mean, near
from retinue.errors import reason_of
from retinue.model.declared import Diagnostic, Position
from retinue.planning.redaction import mask_keys, mask_line

# Far above the longest text the API takes; what is larger was named by mistake.
MOST_TEXT = 16 * 1024 * 1024

_MAGIC = re.compile(r"[*?\[]")


class Digest(NamedTuple):
    sha256: str
    size: int


class Folder:
    """A project's directory. Paths are relative to it, with forward slashes.

    `instead` is what files that are there would hold. Raises RefusedError for whatever an author may not
    have or that is not there.
    """

    def __init__(self, root: Path, instead: Mapping[str, bytes] = MappingProxyType({})) -> None:
        self.root = root.resolve()
        self._instead = instead
        self._digests: dict[str, Digest] = {}
        self._listings: dict[str, list[os.DirEntry[str]]] = {}

    def read(self, path: str, *, most: int = MOST_TEXT) -> bytes:
        """The content of a file, which may have so many bytes."""
        self._check_links(path, path)
        if path in self._instead:
            return self._instead[path]
        try:
            if (self.root / path).stat().st_size > most:
                raise RefusedError("file-too-large", f"'{path}' has more than {most:,} bytes", "name a smaller file")
            return (self.root / path).read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error

    def digest(self, path: str) -> Digest:
        """The sha256 and the size of a file, read in pieces and once."""
        if path in self._instead:
            content = self._instead[path]
            return Digest(hashlib.sha256(content).hexdigest(), len(content))
        if path not in self._digests:
            self._check_links(path, path)
            try:
                with (self.root / path).open("rb") as file:
                    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                    self._digests[path] = Digest(sha256, file.tell())
            except OSError as error:
                raise _unreadable(path, error) from error
        return self._digests[path]

    def file(self, base: str, written: str) -> str:
        """The path of one existing file, as `written` in a file of the directory `base`."""
        path = self.inside(base, written)
        self._check_links(path, written)
        try:
            mode = (self.root / path).stat().st_mode
        except PermissionError as error:
            raise _unreadable(path, error) from error
        except (OSError, ValueError) as error:
            raise self._missing(path, written) from error
        if stat.S_ISDIR(mode):
            raise RefusedError(
                "is-directory", f"'{written}' is a directory", f"name its files: {written.rstrip('/')}/**/*"
            )
        if not stat.S_ISREG(mode):
            raise RefusedError("unreadable-file", f"'{written}' is no ordinary file", "name an ordinary file")
        return path

    def files(self, base: str, written: str) -> list[str]:
        """The paths a glob matches, sorted; or the one path, if it is no glob. Never empty.

        Links are followed out of sight here, and checked when the file is read.
        """
        if not _MAGIC.search(written) or self._exists(base, written):
            return [self.file(base, written)]
        found = sorted(set(self._glob(self.inside(base, written))))
        if not found:
            raise RefusedError("no-match", f"no file matches '{written}'", self._nearest_directory(base, written))
        return found

    def names(self, directory: str) -> list[str]:
        """The names in a directory, sorted; none where there is no such directory."""
        return [each.name for each in self._entries(directory)]

    def _mode(self, path: str) -> int:
        """What stands at a path, as stat says; 0 for nothing."""
        try:
            return (self.root / path).stat().st_mode
        except (OSError, ValueError):
            return 0

    def _exists(self, base: str, written: str) -> bool:
        return self._mode(self.inside(base, written)) != 0

    # ── staying inside ────────────────────────────────────────────────────────────────────────────────────────────────

    def inside(self, base: str, written: str) -> str:
        """The path from the project's root, `..` resolved. Raises RefusedError when it leaves the project."""
        if written.startswith(("/", "~/")) or re.match(r"[A-Za-z]:[\\/]", written):
            raise RefusedError("absolute-path", f"'{written}' is an absolute path", "write it relative to this file")
        parts = [each for each in base.split("/") if each]
        for part in written.split("/"):
            if part == "..":
                if not parts:
                    raise RefusedError(
                        "path-outside-project", f"'{written}' leads out of the project", "copy it into the project"
                    )
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        return "/".join(parts)

    def _check_links(self, path: str, written: str) -> None:
        if "\0" in path:  # there is no such file, which whoever looks for it finds out
            return
        if any("\ud800" <= each <= "\udfff" for each in path):  # the system may keep any bytes, an account does not
            raise RefusedError("unreadable-file", f"the name of '{written}' is not UTF-8", "rename the file")
        if not Path(os.path.realpath(self.root / path)).is_relative_to(self.root):
            raise RefusedError(
                "path-outside-project",
                f"'{written}' leads out of the project through a symbolic link",
                "copy the file into the project",
            )

    # ── what is missing ───────────────────────────────────────────────────────────────────────────────────────────────

    def _missing(self, path: str, written: str) -> RefusedError:
        message = f"there is no file '{written}'"
        if os.path.lexists(self.root / path):
            return RefusedError("missing-file", f"'{written}' is a symbolic link to nothing", "correct the link")
        if "\\" in written and self._exists("", path.replace("\\", "/")):
            return RefusedError("missing-file", message, "write forward slashes: " + written.replace("\\", "/"))
        return RefusedError("missing-file", message, self._similar(path, written) or "create it, or correct the path")

    def _similar(self, path: str, written: str) -> str | None:
        """A hint that names an existing path which differs in one part, as the author would write it."""
        above = ""
        parts = path.split("/")
        for index, part in enumerate(parts):
            if self._mode(_join(above, part)):
                above = _join(above, part)
                continue
            names = [each.name for each in self._entries(above)]
            for close in near(part, names):
                rest = "/".join([close, *parts[index + 1 :]])
                if stat.S_ISREG(self._mode(_join(above, rest))) and written.endswith("/".join(parts[index:])):
                    return f"did you mean '{written.removesuffix('/'.join(parts[index:]))}{rest}'?"
            return None if index == len(parts) - 1 else f"there is no directory '{_join(above, part)}'"
        return None

    def _nearest_directory(self, base: str, written: str) -> str:
        """Names the first directory of a glob's way that does not exist, or the one where nothing matched."""
        path = ""
        for part in self.inside(base, written).split("/")[:-1]:
            if _MAGIC.search(part):
                break
            below = f"{path}/{part}" if path else part
            if not stat.S_ISDIR(self._mode(below)):
                directories = [each.name for each in self._entries(path) if each.is_dir()]
                return did_you_mean(part, directories) or f"there is no directory '{below}'"
            path = below
        return f"it was looked for in '{path}'" if path else "it was looked for in the project's directory"

    # ── globs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _glob(self, pattern: str) -> Iterator[str]:
        segments = pattern.split("/")
        if segments[-1] == "**":
            segments.append("*")
        yield from self._matching("", segments)

    def _matching(self, directory: str, segments: list[str]) -> Iterator[str]:
        """Files below `directory` that match. `**` stands for directories, but not hidden or linked ones."""
        first, rest = segments[0], segments[1:]
        if first == "**":
            yield from self._matching(directory, rest)
            for entry in self._entries(directory):
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    yield from self._matching(_join(directory, entry.name), segments)
            return
        if rest and not _MAGIC.search(first):
            if stat.S_ISDIR(self._mode(_join(directory, first))):
                yield from self._matching(_join(directory, first), rest)
            return
        fits = re.compile(fnmatch.translate(first)).match
        for entry in self._entries(directory):
            if not fits(entry.name) or (entry.name.startswith(".") and not first.startswith(".")):
                continue
            if not rest and entry.is_file():
                yield _join(directory, entry.name)
            elif rest and entry.is_dir():
                yield from self._matching(_join(directory, entry.name), rest)

    def _entries(self, directory: str) -> list[os.DirEntry[str]]:
        if directory not in self._listings:
            try:
                with os.scandir(self.root / directory) as entries:
                    self._listings[directory] = sorted(entries, key=lambda each: each.name)
            except OSError:
                self._listings[directory] = []
        return self._listings[directory]


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _unreadable(path: str, error: OSError) -> RefusedError:
    return RefusedError("unreadable-file", f"'{path}' cannot be read: {reason_of(error)}", "make it readable")


# ── their text ────────────────────────────────────────────────────────────────────────────────────────────────────────


_LINE_END = re.compile(r"\r\n|\r|\n")

# Longest first: the mark of UTF-16 is how the mark of UTF-32 begins.
_OTHER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


class Source:
    """One file's text under its name in the project. Offsets count characters from 0."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._starts: list[int] | None = None

    def position(self, offset: int) -> Position:
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return Position(self.name, line, offset - starts[line - 1] + 1)

    def line(self, number: int) -> str | None:
        """The line without its end, or None when there is no such line."""
        starts = self._line_starts()
        if not 1 <= number <= len(starts):
            return None
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        return self._starts


class UndecodableError(Exception):
    """The bytes are not UTF-8. `source` is what could be read of them, `offset` where it goes wrong."""

    def __init__(self, message: str, hint: str, source: Source, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.source = source
        self.offset = offset


def decode(name: str, data: bytes) -> Source:
    """The text of a file without its byte order mark. Raises UndecodableError when it is not UTF-8."""
    for mark, encoding in _OTHER_MARKS:
        if data.startswith(mark):
            readable = Source(name, data.decode(encoding, "replace"))
            raise UndecodableError(f"the file is {encoding}, not UTF-8", "save it as UTF-8", readable, 0)
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        # The offset counts from after the mark, since the codec drops it first.
        body = data.removeprefix(codecs.BOM_UTF8)
        start = len(body[: error.start].decode())
        raise UndecodableError(
            f"the byte 0x{body[error.start]:02x} is not UTF-8",
            "save the file as UTF-8",
            Source(name, body.decode("utf-8", "replace")),
            start,
        ) from error


class Excerpts:
    """The texts that were read, for showing the line a diagnostic is about."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def keep(self, source: Source) -> None:
        self._sources[source.name] = source

    def fill(self, diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
        """The diagnostics with their lines, sorted by place, each once."""
        return tuple(sorted(dict.fromkeys(self._with_line(each) for each in diagnostics), key=_order))

    def _with_line(self, diagnostic: Diagnostic) -> Diagnostic:
        position, excerpt = diagnostic.position, diagnostic.excerpt
        if excerpt is None and position is not None and position.file in self._sources:
            excerpt = self._sources[position.file].line(position.line)
        # Whoever wrote a key where none belongs reads about it in logs that others read too.
        return replace(
            diagnostic, message=mask_keys(diagnostic.message), excerpt=mask_line(excerpt) if excerpt else excerpt
        )


def _order(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    place = diagnostic.position or Position("", 0, 0)
    return place.file, place.line, place.column, diagnostic.code, diagnostic.message
