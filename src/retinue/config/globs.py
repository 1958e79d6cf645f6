"""Globs over the files of a project: what they match, and what other patterns leave out of that.

A directory is looked into once for each new state of the pattern, so that no pattern and no circle of links takes more
than the number of directories times that of the pattern's parts.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from retinue.config.problems import RefusedError

MAGIC = re.compile(r"[*?\[]")
LEAVE_OUT = "!"
"""What a pattern begins with that takes files out again."""
_ANY_DEPTH = "**"
_OUT_OF_PROJECT = "leads out of the project through a symbolic link"

States = frozenset[int]


@dataclass(frozen=True, slots=True)
class Listing:
    """The names in a directory by what they are, each list sorted. `others` are sockets and the like."""

    files: Sequence[str] = ()
    folders: Sequence[str] = ()
    links: Collection[str] = ()
    others: Sequence[str] = ()

    @classmethod
    def of(cls, directory: str) -> Listing:
        """Those of a directory; none where there is no such directory or it cannot be read.

        Most file systems say with a name what it is, so that nothing is asked about single files.
        """
        folders, links, others = list[str](), list[str](), list[str]()
        try:
            with os.scandir(directory) as entries:
                every = list(entries)
                files = [each.name for each in every if each.is_file(follow_symlinks=False)]
                for each in every if len(every) > len(files) else ():
                    if each.is_file(follow_symlinks=False):
                        continue
                    if each.is_dir(follow_symlinks=False):
                        folders.append(each.name)
                    else:
                        (links if each.is_symlink() else others).append(each.name)
        except (OSError, ValueError):
            return cls()
        return cls(sorted(files), sorted(folders), dict.fromkeys(sorted(links)), sorted(others))

    @property
    def names(self) -> list[str]:
        """All of them, sorted."""
        return sorted((*self.files, *self.folders, *self.links, *self.others))


class Matched(NamedTuple):
    """What a glob matches, sorted. `passed` says of links to folders why they were not followed, `refused` of those
    that lead to nothing or out of the project. All files are in the `folders` that were looked into; of one file that
    was named, nothing is said there."""

    files: list[str]
    passed: Sequence[str] = ()
    refused: Sequence[RefusedError] = ()
    folders: Sequence[str] = ()


class Pattern:
    """A pattern of a path from the project's root, as an automaton: a state is the number of parts that are matched."""

    def __init__(self, path: str) -> None:
        parts: list[str] = []
        for part in path.split("/"):
            if part != _ANY_DEPTH or parts[-1:] != [_ANY_DEPTH]:  # several in a row say no more than one
                parts.append(part)
        self.parts = [*parts, "*"] if parts[-1] == _ANY_DEPTH else parts
        self._fits = [re.compile(fnmatch.translate(each)).match for each in self.parts]

    @property
    def start(self) -> States:
        return self._closed({0})

    def _closed(self, states: set[int]) -> States:
        """With the states that need no further part, since `**` may stand for none."""
        more = {each + 1 for each in states if each < len(self.parts) and self.parts[each] == _ANY_DEPTH}
        return frozenset(states | more)

    def below(self, states: States, name: str, *, hidden: bool = False) -> States:
        """The states in a directory of that name; `hidden` ones are looked into as well."""
        found: set[int] = set()
        for each in states:
            if each + 1 < len(self.parts) and self.parts[each] == _ANY_DEPTH:
                found |= {each} if hidden or not name.startswith(".") else set()
            elif each + 1 < len(self.parts) and self._takes(each, name, hidden=hidden):
                found.add(each + 1)
        return self._closed(found)

    def ends(self, states: States, name: str, *, hidden: bool = False) -> bool:
        """Whether the last part fits the name, and all before it is matched."""
        last = len(self.parts) - 1
        return last in states and self._takes(last, name, hidden=hidden)

    def ending(self, states: States, names: Iterable[str]) -> list[str]:
        """Those of the names at which it ends."""
        last = len(self.parts) - 1
        if last not in states:
            return []
        part, dots = self.parts[last], self.parts[last].startswith(".")
        if part.startswith("*") and not MAGIC.search(part, 1):  # as most often, and several times as fast
            end = part[1:]
            return [each for each in names if each.endswith(end) and each[0] != "."]
        fits = self._fits[last]
        return [each for each in names if fits(each) and (dots or not each.startswith("."))]

    def covers(self, path: str, *, hidden: bool = False) -> bool:
        """Whether the pattern matches a path as a whole."""
        *above, name = path.split("/")
        states = self.start
        for each in above:
            states = self.below(states, each, hidden=hidden)
        return self.ends(states, name, hidden=hidden)

    def _takes(self, part: int, name: str, *, hidden: bool) -> bool:
        shown = hidden or not name.startswith(".") or self.parts[part].startswith(".")
        return shown and self._fits[part](name) is not None


@dataclass(eq=False)
class Exclusion:
    """A pattern whose files are left out, with all that is below a folder it names. `written` is without the sign;
    one without a `/` is about names at any depth below the directory `base`, as in a .gitignore."""

    written: str
    path: str
    base: str = ""
    used: bool = False
    _folders: dict[str, tuple[States, bool]] = field(default_factory=dict, repr=False)

    @cached_property
    def _pattern(self) -> Pattern:
        name = self.written.rstrip("/")
        anywhere = "/" not in name
        return Pattern("/".join(each for each in (self.base, _ANY_DEPTH, name) if each) if anywhere else self.path)

    @property
    def literal(self) -> bool:
        return not MAGIC.search(self.written)

    def covers(self, path: str) -> bool:
        """Whether a file or a folder is left out, by itself or with a folder above it."""
        folder, _, name = path.rpartition("/")
        states, out = self._in(folder)
        found = out or self._pattern.ends(states, name, hidden=True)
        self.used |= found
        return found

    def _in(self, folder: str) -> tuple[States, bool]:
        """What the pattern has come to in a folder, and whether that is left out as a whole; found out once for all
        that is in it."""
        if folder not in self._folders:
            states, out, path = self._pattern.start, False, ""
            for name in folder.split("/") if folder else ():
                path = join(path, name)
                if path not in self._folders:
                    out = out or self._pattern.ends(states, name, hidden=True)
                    self._folders[path] = self._pattern.below(states, name, hidden=True), out
                states, out = self._folders[path]
            self._folders[folder] = states, out
        return self._folders[folder]


def left_out(path: str, without: Sequence[Exclusion]) -> bool:
    """Whether any of the exclusions covers a path. All of them are asked, so that each knows whether it is of use."""
    return sum(each.covers(path) for each in without) > 0


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Place(NamedTuple):
    """A directory to look into: its path, and where it really is."""

    path: str
    real: str
    states: States


@dataclass(slots=True)
class Search:
    """One look for what a pattern matches below `root`. `listing` lists a directory, `followed` says where a path
    really is, or None when that is not where paths may lead; of the files, those are wanted whose names end in one of
    the `suffixes`."""

    root: Path
    listing: Callable[[str], Listing]
    followed: Callable[[str], str | None]
    pattern: Pattern
    without: Sequence[Exclusion] = ()
    suffixes: tuple[str, ...] = ("",)
    files: list[list[str]] = field(default_factory=list)
    """Those of each directory. No directory is looked into twice by the same path."""
    folders: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    refused: list[RefusedError] = field(default_factory=list)
    _seen: dict[str, States] = field(default_factory=dict)
    _links: deque[_Place] = field(default_factory=deque)

    def matched(self) -> Matched:
        start, states = self._fixed()
        real = self._real(start) if stat.S_ISDIR(_mode(self.root / start)) else None
        if real is not None:
            self._walk(_Place(start, real, states))
        # Links come last: what is reached without one keeps its own path.
        while self._links:
            link = self._links.popleft()
            if f"{link.path}/".startswith(f"{link.real}/") or link.real == "":
                self.passed.append(f"'{link.path}' leads back to a folder above it, and is not followed")
            elif link.states <= self._seen.get(link.real, frozenset()):
                message = f"'{link.path}' leads to '{link.real}', whose files are taken in there, and not twice"
                self.passed.append(message)
            else:
                self._walk(link)
        # Directories come off a stack, the last name first: the other way round there is little to sort.
        found = sorted(chain.from_iterable(reversed(self.files)))
        return Matched(found, sorted(self.passed), self.refused, self.folders)

    def _fixed(self) -> tuple[str, States]:
        """The directory that the parts without wildcards lead to: nothing beside it needs to be listed."""
        names: list[str] = []
        states = self.pattern.start
        for part in self.pattern.parts[:-1]:
            if MAGIC.search(part):
                break
            names.append(part)
            states = self.pattern.below(states, part)
        return "/".join(names), states

    def _walk(self, start: _Place) -> None:
        waiting = [start]
        while waiting:
            place = waiting.pop()
            before = self._seen.get(place.real, frozenset())
            if place.states <= before:
                continue
            self._seen[place.real] = before | place.states
            listing = self.listing(place.path)
            self.folders.append(place.path)
            self._take(place, listing.files)
            waiting += self._below(place, listing.folders)
            for name in listing.links:
                self._follow(place, name)

    def _take(self, place: _Place, names: Iterable[str]) -> None:
        """Take files in."""
        if self.suffixes != ("",):
            text = "\n".join(names).lower()  # most directories have none of them, which is soon seen
            some = any(each in text for each in self.suffixes)
            names = [each for each in names if each.lower().endswith(self.suffixes)] if some else ()
        fitting = self.pattern.ending(place.states, names)
        paths = [f"{place.path}/{each}" for each in fitting] if place.path else fitting
        if self.without:
            paths = [each for each in paths if not left_out(each, self.without)]
        self.files.append(paths)

    def _below(self, place: _Place, names: Iterable[str]) -> Iterator[_Place]:
        """The directories in a directory that are to be looked into."""
        for name in names:
            path, below = join(place.path, name), self.pattern.below(place.states, name)
            # One that only the last part fits is no match, but what is left out may be meant for it.
            if (below or self.pattern.ends(place.states, name)) and not left_out(path, self.without) and below:
                yield _Place(path, join(place.real, name), below)

    def _follow(self, place: _Place, name: str) -> None:
        """Take in what a link leads to, or keep it for later."""
        path, below = join(place.path, name), self.pattern.below(place.states, name)
        ends = self.pattern.ends(place.states, name)
        if not (below or ends) or left_out(path, self.without):
            return
        mode = _mode(self.root / path)
        if stat.S_ISDIR(mode) and below:
            real = self._real(path)
            self._links += [_Place(path, real, below)] if real is not None else []
        elif stat.S_ISREG(mode):
            self._take(place, [name])
        elif mode == 0 and (ends or "." not in name):
            message = f"'{path}' is a symbolic link to nothing"
            self.refused.append(RefusedError("missing-file", message, "correct the link", link=path))

    def _real(self, path: str) -> str | None:
        """Where a directory really is, from the root; None, refused, when that is outside of it."""
        real = self.followed(path)
        if real is None:
            message, hint = f"'{path}' {_OUT_OF_PROJECT}", "copy the folder into the project"
            link = None if path == self._fixed()[0] else path  # who names the link itself has no use for leaving it out
            self.refused.append(RefusedError("path-outside-project", message, hint, link=link))
        return real


def join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _mode(path: Path) -> int:
    """What stands at a path, as stat says; 0 for nothing."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0
