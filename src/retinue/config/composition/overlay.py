"""What an environment changes, laid over declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from retinue.config.composition.composed import ComposedTree, laid_over
from retinue.config.composition.merging import Merger, Part
from retinue.config.overlay_patterns import OverlayPatterns
from retinue.config.problems import Diagnostics, did_you_mean, near
from retinue.config.scope import Scope
from retinue.config.sections import Entry
from retinue.config.yaml.syntax_tree import Node
from retinue.model.declared import MOST_GUESSES, LeftOut, Problem
from retinue.model.values import Address

# Names this much alike are taken for one another by people, too.
_ALIKE = 0.9


class Overlay:
    """Everything that the chosen environment changes. Each entry is used up by the declaration it changes."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._patterns = OverlayPatterns[Entry](diagnostics)
        self._entries: dict[tuple[str, str], Entry] = {}
        self._known: dict[str, list[str]] = {}
        self._guesses = MOST_GUESSES
        self.left_out: dict[Address, LeftOut] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            place = entry.tree.at((), key=True)
            if isinstance(entry.data, dict | None) and self._patterns.take(entry.kind, entry.name, entry, place):
                continue
            first = self._entries.setdefault(entry.slot, entry)
            if first is not entry:
                self._diagnostics.error(
                    "duplicate-name",
                    f"the {entry.kind.title} '{entry.name}' is changed twice for one environment",
                    entry.tree.at((), key=True),
                    "put the two together",
                    related=(("first changed here", first.tree.at((), key=True)),),
                )
            elif not isinstance(entry.data, dict | None):
                message = f"what changes in '{entry.name}' must be a mapping"
                hint = "write fields below it, or null to take it out"
                self._diagnostics.error("wrong-type", message, entry.tree.at(()), hint)
                del self._entries[entry.slot]

    def extends(self, entry: Entry) -> Entry:
        """The entry that says which templates a declaration is made of in the environment: itself, or what is laid over
        it."""
        over = self._entries.get(entry.slot)
        return over if over is not None and isinstance(over.data, dict) and "extends" in over.data else entry

    def applied(self, entry: Entry, scope: Scope | None) -> Entry | None:
        """The declaration as it is in the environment: with what patterns change in it, then with what its name does;
        None when the strongest of these says that it is not there. Without a `scope` for the values of its labels it
        stands for many, each of which patterns are laid over."""
        self._known.setdefault(entry.kind.name, []).append(entry.name)
        over = self._entries.pop(entry.slot, None)
        if not isinstance(entry.data, dict):
            return entry
        laid = self._patterns.over(entry.kind, entry.name, entry.data, entry.tree, scope) if scope else []
        strongest = over if over is not None else laid[-1][0] if laid else None
        if strongest is not None and strongest.data is None:
            place = strongest.tree.at((), key=True)
            self.left_out[Address(entry.kind.name, entry.name)] = LeftOut("taken out", place)
            return None
        for each, heard in laid:
            if each.data is not None:
                part = Merger(each.kind, heard).merged(entry.part, each.part)
                entry = laid_over(entry, part, (entry.tree, each.tree), shared=each.tree)
        return self._merged(entry, over) if over is not None else entry

    def underlaid(self, entry: Entry, scope: Scope) -> Entry | None:
        """A declaration that is for this environment only, with what patterns give it that it does not say itself."""
        laid = self._patterns.over(entry.kind, entry.name, entry.data, entry.tree, scope)
        if not laid or laid[-1][0].data is None:
            return entry if not laid else None
        top = entry.part.node
        below = Part({}, Node("mapping", top.source, top.start, top.end))
        for each, heard in laid:
            if each.data is not None:
                below = Merger(each.kind, heard).merged(below, each.part)
        return laid_over(entry, Merger(entry.kind, self._diagnostics).merged(below, entry.part), (entry.tree,))

    def rest(self, *, complete: bool) -> Iterator[Entry]:
        """What is declared for this environment only; what stands for many first, since others may change one of them.
        Unless `complete`, what is changed may be in a broken file."""
        while self._entries:
            many = (slot for slot, each in self._entries.items() if "matrix" in (each.data or ()))
            over = self._entries.pop(next(many, next(iter(self._entries))))
            if over.data is not None:
                yield over
            elif complete:
                message = f"there is no {over.kind.title} '{over.name}' to remove"
                hint = did_you_mean(over.name, self._names(over), otherwise="leave it out")
                self._diagnostics.error("nothing-to-remove", message, over.tree.at((), key=True), hint)
        if complete:
            self._patterns.report()

    def judged(self, over: Entry, problems: list[Problem]) -> list[Problem]:
        """What is wrong with an entry that is declared for this environment only: if it lacks something, it was
        probably meant to change a declaration, and so it was if it is named almost like one."""
        lacking = [each for each in problems if each.code == "missing-field" and not each.path]
        names = self._names(over)
        borrowed = _borrowed(over)
        meant = near(over.name, names) if borrowed and not lacking else []
        if meant:
            message = f"there is no {over.kind.title} '{over.name}' to change"
            otherwise = f"did you mean '{meant[0]}'? to declare it here only, write '{borrowed[0]}' into it, too"
            return [Problem("nothing-to-change", (), message, otherwise, key=True), *problems]
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

    def _names(self, over: Entry) -> list[str]:
        """The declarations that an entry may have been meant for."""
        self._guesses -= 1
        return self._known.get(over.kind.name, []) if self._guesses >= 0 else []

    def _merged(self, entry: Entry, over: Entry) -> Entry:
        part = Merger(over.kind, self._diagnostics).merged(entry.part, over.part)
        return laid_over(entry, part, (entry.tree, over.tree))


def _borrowed(over: Entry) -> list[str]:
    """The required fields that nobody wrote for an entry: defaults give them to whatever is there, also to what was
    meant to be something else."""
    tree = over.tree
    if not isinstance(tree, ComposedTree) or tree.node(("extends",)) is not None:
        return []
    keys = ((name, tree.key((name,))) for name in over.kind.schema.get("required", ()) if name in over.data)
    return [name for name, key in keys if key is not None and not tree.is_own(key)]
