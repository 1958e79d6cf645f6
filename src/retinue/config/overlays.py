"""What an environment changes in declarations: in retinue.yaml, and in the file of its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from retinue.config.folder import Folder
from retinue.config.merging import Merging, Part
from retinue.config.mistakes import Mistakes, did_you_mean, near
from retinue.config.nodes import Tree
from retinue.config.sections import Entry
from retinue.model.declared import Problem

DIRECTORY = "environments"
_FILE = re.compile(rf"{DIRECTORY}/(?P<name>[^/]+)\.ya?ml")
# Names this much alike are taken for one another by people, too.
_ALIKE = 0.9


def environment_of(file: str) -> str | None:
    """The environment whose overlay a file of the project is; None for any other file."""
    found = _FILE.fullmatch(file)
    return found["name"] if found else None


def overlay_files(folder: Folder) -> dict[str, list[str]]:
    """The overlay files by environment."""
    found: dict[str, list[str]] = {}
    for name in folder.names(DIRECTORY):
        file = f"{DIRECTORY}/{name}"
        environment = environment_of(file)
        if environment is not None:
            found.setdefault(environment, []).append(file)
    return found


class Overlay:
    """Everything that the chosen environment changes. Each entry is used up by the declaration it changes."""

    def __init__(self, mistakes: Mistakes) -> None:
        self._mistakes = mistakes
        self._entries: dict[tuple[str, str], Entry] = {}
        self._known: dict[str, list[str]] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            first = self._entries.setdefault(entry.slot, entry)
            if first is not entry:
                self._mistakes.error(
                    "duplicate-name",
                    f"the {entry.kind.title} '{entry.name}' is changed twice for one environment",
                    entry.tree.at((), key=True),
                    "put the two together",
                    related=(("first changed here", first.tree.at((), key=True)),),
                )
            elif not isinstance(entry.data, dict | None):
                message = f"what changes in '{entry.name}' must be a mapping"
                hint = "write fields below it, or null to take it out"
                self._mistakes.error("wrong-type", message, entry.tree.at(()), hint)
                del self._entries[entry.slot]

    def applied(self, entry: Entry) -> Entry | None:
        """The declaration as it is in the environment; None when it is not there."""
        self._known.setdefault(entry.kind.name, []).append(entry.name)
        over = self._entries.pop(entry.slot, None)
        if over is None or not isinstance(entry.data, dict):
            return entry
        return None if over.data is None else self._merged(entry, over)

    def rest(self, *, complete: bool) -> Iterator[Entry]:
        """What is declared for this environment only. Unless `complete`, what is changed may be in a broken file."""
        for over in self._entries.values():
            if over.data is not None:
                yield self._merged(None, over)
            elif complete:
                message = f"there is no {over.kind.title} '{over.name}' to remove"
                hint = did_you_mean(over.name, self._known.get(over.kind.name, []), otherwise="leave it out")
                self._mistakes.error("nothing-to-remove", message, over.tree.at((), key=True), hint)

    def judged(self, over: Entry, problems: list[Problem]) -> list[Problem]:
        """What is wrong with an entry that is declared for this environment only: if it lacks something, it was
        probably meant to change a declaration, and so it was if it is named almost like one."""
        lacking = [each for each in problems if each.code == "missing-field" and not each.path]
        names = self._known.get(over.kind.name, [])
        if not lacking:
            alike = near(over.name, names, cutoff=_ALIKE)
            message = f"the {over.kind.title} '{over.name}' is declared for this environment only"
            hint = f"did you mean '{alike[0]}'?" if alike else None
            warned = [Problem("similar-name", (), message, hint, severity="warning", key=True)] if alike else []
            return [*problems, *warned]
        whole = f"to declare it here only, write it whole: {lacking[0].message}"
        message = f"there is no {over.kind.title} '{over.name}' to change"
        problem = Problem("nothing-to-change", (), message, did_you_mean(over.name, names, otherwise=whole), key=True)
        return [problem, *(each for each in problems if each not in lacking)]

    def _merged(self, entry: Entry | None, over: Entry) -> Entry:
        base = _part(entry) if entry is not None else None
        data, node = Merging(over.kind, self._mistakes).merged(base, _part(over))
        return Entry(over.kind, over.name, data, Tree(node, (entry or over).tree.key()), merged=True)


def _part(entry: Entry) -> Part:
    node = entry.tree.node(())
    assert node is not None  # noqa: S101 - the top of a tree is there
    return Part(entry.data, node)
