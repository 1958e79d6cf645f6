"""The files of the project: found, read and digested, never outside of it. The only place that touches the disk."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from retinue.config.mistakes import Refused, did_you_mean, near

# Far above the longest text the API takes; what is larger was named by mistake.
MOST_TEXT = 16 * 1024 * 1024

_MAGIC = re.compile(r"[*?\[]")


class Digest(NamedTuple):
    sha256: str
    size: int


class Folder:
    """A project's directory. Paths are relative to it, with forward slashes.

    `instead` is what files that are there would hold. Raises Refused for whatever an author may not have or that is not
    there.
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
                raise Refused("file-too-large", f"'{path}' has more than {most:,} bytes", "name a smaller file")
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
            raise Refused("is-directory", f"'{written}' is a directory", f"name its files: {written.rstrip('/')}/**/*")
        if not stat.S_ISREG(mode):
            raise Refused("unreadable-file", f"'{written}' is no ordinary file", "name an ordinary file")
        return path

    def files(self, base: str, written: str) -> list[str]:
        """The paths a glob matches, sorted; or the one path, if it is no glob. Never empty.

        Links are followed out of sight here, and checked when the file is read.
        """
        if not _MAGIC.search(written) or self._exists(base, written):
            return [self.file(base, written)]
        found = sorted(set(self._glob(self.inside(base, written))))
        if not found:
            raise Refused("no-match", f"no file matches '{written}'", self._nearest_directory(base, written))
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
        """The path from the project's root, `..` resolved. Raises Refused when it leaves the project."""
        if written.startswith(("/", "~/")) or re.match(r"[A-Za-z]:[\\/]", written):
            raise Refused("absolute-path", f"'{written}' is an absolute path", "write it relative to this file")
        parts = [each for each in base.split("/") if each]
        for part in written.split("/"):
            if part == "..":
                if not parts:
                    raise Refused(
                        "path-outside-project", f"'{written}' leads out of the project", "copy it into the project"
                    )
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        return "/".join(parts)

    def _check_links(self, path: str, written: str) -> None:
        if "\0" in path:  # there is no such file, which whoever looks for it finds out
            return
        if not Path(os.path.realpath(self.root / path)).is_relative_to(self.root):
            raise Refused(
                "path-outside-project",
                f"'{written}' leads out of the project through a symbolic link",
                "copy the file into the project",
            )

    # ── what is missing ───────────────────────────────────────────────────────────────────────────────────────────────

    def _missing(self, path: str, written: str) -> Refused:
        message = f"there is no file '{written}'"
        if os.path.lexists(self.root / path):
            return Refused("missing-file", f"'{written}' is a symbolic link to nothing", "correct the link")
        if "\\" in written and self._exists("", path.replace("\\", "/")):
            return Refused("missing-file", message, "write forward slashes: " + written.replace("\\", "/"))
        return Refused("missing-file", message, self._similar(path, written) or "create it, or correct the path")

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


def _unreadable(path: str, error: OSError) -> Refused:
    reason = (error.strerror or str(error)).lower()
    return Refused("unreadable-file", f"'{path}' cannot be read: {reason}", "make it readable")
