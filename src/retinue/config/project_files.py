"""The files of the project: found, read and digested, never outside of it."""

from __future__ import annotations

import glob
import hashlib
import os
import posixpath
import re
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
from io import FileIO
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

from retinue.config.globs import LEAVE_OUT, MAGIC, Exclusion, Listing, Matched, Pattern, Search, join, left_out
from retinue.config.problems import RefusedError, did_you_mean, near
from retinue.errors import reason_of
from retinue.model.canonical import as_uploaded, is_text_name
from retinue.model.declared import MOST_GUESSES
from retinue.model.recalled import Recalled

# Far above the longest text the API takes; what is larger was named by mistake.
MOST_TEXT = 16 * 1024 * 1024
PIECE = 1024 * 1024
"""Bytes that are read at once of a file that is only digested."""


_SURROGATE = re.compile("[\ud800-\udfff]")


class Digest(NamedTuple):
    sha256: str
    size: int


class Digests(Protocol):
    """What is known of files that were read before, by what the system says of them (state.digest_index)."""

    def known(self, path: str, status: os.stat_result) -> tuple[str, int] | None:
        """The digest and the size of a file as it is uploaded, if it is certainly the one that was read."""

    def recalled(self, top: str, paths: Sequence[str]) -> Recalled:
        """The same for many files below `top`, of which the system is asked here. Nothing is said of those that have to
        be read."""

    def note(self, path: str, status: os.stat_result, sha256: str, size: int) -> None:
        """Such a file was read."""


class Folder:
    """A project's directory. Paths are relative to it, with forward slashes.

    `instead` is what files that are there would hold, `digests` knows files that need not be read. Paths may lead into
    the directories `shared`, too, which were looked at by `share` and begin with `..`. Raises RefusedError
    for whatever an author may not have or that is not there. Directories are listed once: a folder is looked at for as
    long as one reading takes. `asked` are the paths that were asked for, there or not.
    """

    def __init__(
        self,
        root: Path,
        instead: Mapping[str, bytes] = MappingProxyType({}),
        digests: Digests | None = None,
        shared: Iterable[str] = (),
    ) -> None:
        self.root = root.resolve()
        self.shared = tuple(shared)
        # Text, since putting a Path together takes longer than asking the system about it.
        self._top = str(self.root).rstrip(os.sep)
        self._instead = dict(instead)
        self._known = digests
        self._digests: dict[str, Digest] = {}
        self._listings: dict[str, Listing] = {}
        self._found: set[str] = set()
        self.asked: set[str] = set()
        self._real_folders: dict[str, str | None] = {}
        self._safe_folders: dict[str, Collection[str]] = {}
        """The folders that are in the project, with the links in them."""
        self._guesses = MOST_GUESSES

    def _at(self, path: str) -> str:
        return f"{self._top}/{path}"

    def read(self, path: str, *, most: int = MOST_TEXT) -> bytes:
        """The content of a file, which may have so many bytes."""
        self.asked.add(path)
        self.check_links(path, path)
        if path in self._instead:
            return self._instead[path]
        try:
            if (self.root / path).stat().st_size > most:
                raise RefusedError("file-too-large", f"'{path}' has more than {most:,} bytes", "name a smaller file")
            return (self.root / path).read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error

    def status(self, path: str) -> os.stat_result:
        """What the system says of a file; its size is the one on disk, in bytes."""
        self.asked.add(path)
        folder, _, name = path.rpartition("/")
        links = self._links_in(folder)
        if links is None or name in links or not path.isascii():  # rare among the files that a glob matches
            self.check_links(path, path)
        try:
            status = os.stat(f"{self._top}/{path}")  # noqa: PTH116 - a Path would take longer than the answer
        except OSError as error:
            raise _unreadable(path, error) from error
        return _of_size(status, len(self._instead[path])) if path in self._instead else status

    def recalled(self, matched: Matched) -> Recalled | None:
        """What is known of files that a glob matched; None where nothing is. What is to be said of others, `status` and
        `digest` say."""
        paths, links = matched.files, {each: self._links_in(each) for each in matched.folders}
        if not self._known or not links:
            return None
        odd = {*self._instead, *(join(folder, each) for folder, found in links.items() for each in found or ())}
        if None in links.values():
            paths = [each for each in paths if links[each.rpartition("/")[0]] is not None]
        if odd or not "".join(paths).isascii():
            paths = [each for each in paths if each.isascii() and each not in odd]
        return self._known.recalled(self._top, paths)

    def _links_in(self, folder: str) -> Collection[str] | None:
        """The links in a folder, whose other files need no look at where they lead; None where they do, since it leads
        out of the project, or was not listed."""
        links = self._safe_folders.get(folder)
        if links is None and folder in self._listings:
            if folder not in self._real_folders:
                self._real_folders[folder] = self._followed(folder)
            real = self._real_folders[folder]
            if real is not None and not _is_of_git(real):
                links = self._safe_folders[folder] = self._listings[folder].links
        return links

    def digest(self, path: str, status: os.stat_result | None = None) -> Digest:
        """The sha256 and the size of a file as it is uploaded, read in pieces and once, if it has to be read at all.

        `status` is what the system has just said of it.
        """
        if path in self._instead:
            content = as_uploaded(path, self._instead[path])
            return Digest(hashlib.sha256(content).hexdigest(), len(content))
        noted = self._known.known(path, status or self.status(path)) if self._known else None
        if noted:
            return Digest._make(noted)
        if path not in self._digests:
            self._digests[path] = self._read_digest(path)
        return self._digests[path]

    def _read_digest(self, path: str) -> Digest:
        self.check_links(path, path)
        try:
            with FileIO(self._at(path)) as file:
                before = os.fstat(file.fileno())
                found = _digest_of(file, path, before.st_size)
                # What changes while it is read is neither what it was nor what it is going to be.
                if self._known and _unchanged(before, os.fstat(file.fileno())):
                    self._known.note(path, before, *found)
        except OSError as error:
            raise _unreadable(path, error) from error
        return found

    def file(self, base: str, written: str) -> str:
        """The path of one existing file, as `written` in a file of the directory `base`."""
        path = self.inside(base, written)
        if path in self._found:
            return path
        self.check_links(path, written)
        try:
            mode = Path(self._at(path)).stat().st_mode
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
        self._found.add(path)
        return path

    def files(self, base: str, written: str, *, without: Sequence[Exclusion] = ()) -> Matched:
        """The paths a glob matches, sorted; or the one path, if it is no glob. Never empty, unless a
        link is refused.

        `without` is left out of it. Links to files are followed here, and checked when the file is read.
        """
        if not self.is_glob(base, written):
            name = self.file(base, written)
            found = Matched([] if left_out(name, without) else [name])
        else:
            found = self.search(base, written, without)
            if found.refused:
                return found
            if not found.files and not self.search(base, written).files:
                raise RefusedError("no-match", f"no file matches '{written}'", self._nearest_directory(base, written))
        if not found.files:
            hint = f"remove it, or one of: {', '.join(LEAVE_OUT + each.written for each in without)}"
            raise RefusedError("no-match", f"everything that '{written}' matches is left out", hint)
        return found

    def search(
        self, base: str, written: str, without: Sequence[Exclusion] = (), suffixes: tuple[str, ...] = ("",)
    ) -> Matched:
        """What a glob matches of the files whose names end in one of the `suffixes`, in small letters."""
        # The directory that names a glob is none itself, whatever it is called.
        pattern = Pattern(self.inside(glob.escape(base), written))
        return Search(self.root, self._listing, self._followed, pattern, without, suffixes).matched()

    def is_glob(self, base: str, written: str) -> bool:
        """Whether a pattern stands for several files; a name may have the characters of one."""
        return bool(MAGIC.search(written)) and not self._exists(base, written)

    def exclusion(self, base: str, written: str) -> Exclusion:
        """What is left out by a pattern, which is given without its sign."""
        try:
            return Exclusion(written, self.inside(glob.escape(base), written), glob.escape(base.strip("/")))
        except RefusedError as refused:
            hint = "remove it: nothing outside of the project is taken in"
            raise RefusedError(refused.code, refused.message, hint) from refused

    def names(self, directory: str) -> list[str]:
        """The names in a directory, sorted; none where there is no such directory."""
        return self._listing(directory).names

    def real(self, path: str) -> str:
        """Where a file really is, links followed: the same for all paths that lead to it."""
        found = self._real(path)
        return path if found is None else found

    def _real(self, path: str) -> str | None:
        """The same; None for what is out of the project. Links are looked for once in each directory."""
        folder, _, name = path.rpartition("/")
        listing = self._listings.get(folder)
        is_link = self._is_link(path) if listing is None else name in listing.links
        if is_link or name in ("", "..") or path in self.shared:
            return self._followed(path)
        if folder not in self._real_folders:
            self._real_folders[folder] = self._followed(folder)
        real = self._real_folders[folder]
        return None if real is None else join(real, name)

    def _is_link(self, path: str) -> bool:
        return os.path.islink(self._at(path))  # noqa: PTH114 - asked for every declaration

    def _followed(self, path: str) -> str | None:
        """Where a path leads, links followed; None when that is out of the project, or of the shared directory that the
        path begins in: no link leads from one of them into another."""
        within = self._within(path)
        if within is None:
            return None
        top = os.path.normpath(self._at(within)).rstrip(os.sep) if within else self._top
        real = os.path.realpath(self._at(path))
        if real == (top or os.sep):
            return within
        return join(within, real[len(top) + 1 :]) if real.startswith(f"{top}/") else None

    def _within(self, path: str) -> str | None:
        """Where a path begins: nothing for the project itself, else the shared directory; None for anywhere else."""
        if path != ".." and not path.startswith("../"):
            return ""
        return next((each for each in self.shared if path == each or path.startswith(f"{each}/")), None)

    def _mode(self, path: str) -> int:
        """What stands at a path, as stat says; 0 for nothing."""
        try:
            return Path(self._at(path)).stat().st_mode
        except (OSError, ValueError):
            return 0

    def _exists(self, base: str, written: str) -> bool:
        return self._mode(self.inside(base, written)) != 0

    # ── staying inside ────────────────────────────────────────────────────────────────────────────────────────────────

    def share(self, written: str) -> None:
        """Let paths lead into a directory outside of the project, as the project file names it.

        Raises RefusedError for one that is not there, that a link leads to, or that the project is in; and for one
        outside of the project's repository: whoever proposes a change may write into the project file, and must not
        choose what of a pipeline's machine is read.
        """
        _refuse_absolute(written)
        path = posixpath.normpath(written)
        at, top = os.path.normpath(self._at(path)), self._top
        if "\0" in path or MAGIC.search(path) or _SURROGATE.search(path) or _is_of_git(path) or "${{" in written:
            hint = "name a directory, without wildcards or expressions"
            if _is_of_git(path):
                hint = "name another directory: nothing is read out of .git"
            raise RefusedError("invalid-value", f"'{written}' cannot be shared", hint)
        if f"{at}/".startswith(f"{top}/") and at != top:
            message = f"'{written}' is in the project, where paths may lead anyway"
            raise RefusedError("invalid-value", message, "remove it")
        if f"{top}/".startswith(f"{at.rstrip(os.sep)}/"):
            hint = "name the directories beside the project that are needed"
            raise RefusedError("invalid-value", f"'{written}' contains the project", hint)
        repository = next((each for each in (self.root, *self.root.parents) if os.path.lexists(each / ".git")), None)
        if repository is not None and not Path(at).is_relative_to(repository):
            message = f"'{written}' is outside of the repository"
            raise RefusedError("path-outside-project", message, "share what is in it, or copy it there")
        if os.path.realpath(at) != at:
            message = f"'{written}' leads through a symbolic link"
            raise RefusedError("path-outside-project", message, "name the directory itself")
        if not os.path.lexists(at):
            raise RefusedError("missing-file", f"there is no directory '{written}'", "create it, or correct the path")
        if not os.path.isdir(at):  # noqa: PTH112 - a name that was put together as text
            raise RefusedError("invalid-value", f"'{written}' is no directory", "name the directory that it is in")
        # The outermost comes first, so that it is where a path begins.
        self.shared = tuple(sorted({*self.shared, path}, key=lambda each: (each.count("/"), each)))

    def inside(self, base: str, written: str) -> str:
        """The path from the project's root, `..` resolved. Raises RefusedError when it leaves the project for anywhere
        but a shared directory."""
        _refuse_absolute(written)
        parts = [each for each in base.split("/") if each]
        for part in written.split("/"):
            if part == ".." and parts and parts[-1] != "..":
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        path = "/".join(parts)
        self.asked.add(path)
        if self._within(path) is None:
            hint = "copy it into the project, or name its directory under 'shared:' in retinue.yaml"
            raise RefusedError("path-outside-project", f"'{written}' leads out of the project", hint)
        return path

    def check_links(self, path: str, written: str) -> None:
        """Raises RefusedError when a link leads out of the project on the way to a path, which need not be there, or
        when it leads to what is git's."""
        if "\0" in path:  # there is no such file, which whoever looks for it finds out
            return
        if _SURROGATE.search(path):  # the system may keep any bytes, an account does not
            raise RefusedError("unreadable-file", f"the name of '{written}' is not UTF-8", "rename the file")
        real = self._real(path)
        self.asked |= {real} if real is not None else set()
        if real is not None and _is_of_git(real):
            message = f"'{written}' is what git keeps of the repository, keys of pipelines among it"
            raise RefusedError("path-outside-project", message, "copy the file out of '.git'")
        if real is None:
            there = self._within(path) or "the project"
            message = f"'{written}' leads out of {there} through a symbolic link"
            raise RefusedError("path-outside-project", message, f"copy the file into {there}")

    # ── what is missing ───────────────────────────────────────────────────────────────────────────────────────────────

    def _missing(self, path: str, written: str) -> RefusedError:
        message = f"there is no file '{written}'"
        if os.path.lexists(self.root / path):
            return RefusedError("missing-file", f"'{written}' is a symbolic link to nothing", "correct the link")
        if "\\" in written and self._exists("", path.replace("\\", "/")):
            return RefusedError("missing-file", message, "write forward slashes: " + written.replace("\\", "/"))
        return RefusedError("missing-file", message, self._similar(path, written) or "create it, or correct the path")

    def similar(self, base: str, written: str) -> str | None:
        """A hint that names an existing path which is almost the one written."""
        return self._similar(self.inside(base, written), written)

    def _similar(self, path: str, written: str) -> str | None:
        """A hint that names an existing path which differs in one part, as the author would write it."""
        self._guesses -= 1
        if self._guesses < 0:
            return None
        above = ""
        parts = path.split("/")
        for index, part in enumerate(parts):
            if self._mode(join(above, part)):
                above = join(above, part)
                continue
            for close in near(part, self.names(above)):
                rest = "/".join([close, *parts[index + 1 :]])
                if stat.S_ISREG(self._mode(join(above, rest))) and written.endswith("/".join(parts[index:])):
                    return f"did you mean '{written.removesuffix('/'.join(parts[index:]))}{rest}'?"
            return None if index == len(parts) - 1 else f"there is no directory '{join(above, part)}'"
        return None

    def _nearest_directory(self, base: str, written: str) -> str:
        """Names the first directory of a glob's way that does not exist, or the one where nothing matched."""
        path = ""
        for part in self.inside(base, written).split("/")[:-1]:
            if MAGIC.search(part):
                break
            below = f"{path}/{part}" if path else part
            if not stat.S_ISDIR(self._mode(below)):
                directories = [each for each in self.names(path) if stat.S_ISDIR(self._mode(join(path, each)))]
                return did_you_mean(part, directories) or f"there is no directory '{below}'"
            path = below
        return f"it was looked for in '{path}'" if path else "it was looked for in the project's directory"

    def _listing(self, directory: str) -> Listing:
        found = self._listings.get(directory)
        if found is None:
            found = self._listings[directory] = Listing.of(self._at(directory))
        return found


def _is_of_git(path: str) -> bool:
    return "/.git/" in f"/{path}/".lower()


def _refuse_absolute(written: str) -> None:
    if written.startswith(("/", "~/")) or re.match(r"[A-Za-z]:[\\/]", written):
        raise RefusedError("absolute-path", f"'{written}' is an absolute path", "write it relative to this file")


def _of_size(status: os.stat_result, size: int) -> os.stat_result:
    return os.stat_result((*status[: stat.ST_SIZE], size, *status[stat.ST_SIZE + 1 :]))


def _unchanged(before: os.stat_result, after: os.stat_result) -> bool:
    one, other = ((each.st_size, each.st_mtime_ns, each.st_ctime_ns) for each in (before, after))
    return one == other


def _digest_of(file: FileIO, path: str, size: int) -> Digest:
    """The digest of `as_uploaded`, without holding all of a large file."""
    if size <= PIECE:
        content = as_uploaded(path, file.readall())
        return Digest(hashlib.sha256(content).hexdigest(), len(content))
    return _digest_of_text(file) if is_text_name(path) else _digest_of_bytes(file)


def _digest_of_bytes(file: FileIO) -> Digest:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Digest(sha256, file.tell())


def _digest_of_text(file: FileIO) -> Digest:
    unified, size, carried = hashlib.sha256(), 0, b""
    while piece := file.read(PIECE):
        if b"\0" in piece:
            file.seek(0)
            return _digest_of_bytes(file)
        if carried or b"\r" in piece:
            piece = carried + piece
            carried = b"\r" if piece.endswith(b"\r") else b""
            piece = piece.removesuffix(b"\r").replace(b"\r\n", b"\n")
        unified.update(piece)
        size += len(piece)
    unified.update(carried)
    return Digest(unified.hexdigest(), size + len(carried))


def _unreadable(path: str, error: OSError) -> RefusedError:
    return RefusedError("unreadable-file", f"'{path}' cannot be read: {reason_of(error)}", "make it readable")
