"""One edit that was made in several texts: what each of them loses and gains, and the unchanged lines that all have in
common around it.

Every text is looked at once, and of all but the first nothing is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retinue.report.text.hunks import Hunk, Span, changed_lines, changes, compared_texts, split_lines, unchanged_line
from retinue.report.text.lookalikes import shown_lines

_CONTEXT = 3
Lines = tuple[str, ...]


@dataclass(slots=True)
class _Run:
    """Lines that took the place of others, with the unchanged ones before and after, and where both begin (from 0).

    `gap` counts the unchanged lines up to the next run; None where texts differ in it.
    """

    old: Lines
    new: Lines
    lead: Lines
    tail: Lines
    at: Span | None
    gap: int | None


@dataclass(slots=True)
class SharedEdit:
    """The edit as the first text has it, and after `join` as all have it. `size` is how many lines a text has then,
    None where they differ; `same`: the texts are equal as a whole."""

    runs: list[_Run]
    size: int | None
    whole: tuple[str, str]
    same: bool = True

    @property
    def key(self) -> tuple[tuple[Lines, Lines], ...]:
        """What is removed and added, which is one for every text that the same edit was made in."""
        return tuple((each.old, each.new) for each in self.runs)

    @property
    def extent(self) -> str:
        """How many lines are added and removed."""
        return f"+{sum(len(each.new) for each in self.runs):,} -{sum(len(each.old) for each in self.runs):,}"

    def join(self, other: SharedEdit) -> None:
        """Keep what another text, which the same edit was made in, has in common with those so far."""
        if self.whole == other.whole:
            return
        self.same = False
        self.size = self.size if self.size == other.size else None
        for ours, theirs in zip(self.runs, other.runs, strict=True):
            ours.at = ours.at if ours.at == theirs.at else None
            ours.gap = ours.gap if ours.gap == theirs.gap else None
            ours.lead = _beginning(ours.lead[::-1], theirs.lead[::-1])[::-1]
            ours.tail = _beginning(ours.tail, theirs.tail)

    def hunks(self) -> list[Hunk]:
        """What is shown of it: numbered where all texts have it in the same lines."""
        groups: list[list[_Run]] = []
        for run in self.runs:
            if groups and _meet(groups[-1][-1], run):
                groups[-1].append(run)
            else:
                groups.append([run])
        return [_hunk(each) for each in groups]


def shared_edit(before: str, after: str) -> SharedEdit:
    """The edit that leads from one text to the other."""
    (old, _), (new, _) = map(split_lines, compared_texts(before, after))
    found = list(changes(old, new))
    runs: list[_Run] = []
    for index, ((start, end), (new_start, new_end)) in enumerate(found):
        above = found[index - 1][0][1] if index else 0
        below = found[index + 1][0][0] if index + 1 < len(found) else len(old)
        # The lines between two runs stand below the first or above the second, and never in both places.
        taken = len(runs[-1].tail) if runs else 0
        lead = tuple(old[max(start - _CONTEXT, above + taken) : start])
        tail = tuple(old[end : min(end + _CONTEXT, below)])
        runs.append(
            _Run(tuple(old[start:end]), tuple(new[new_start:new_end]), lead, tail, (start, new_start), below - end)
        )
    return SharedEdit(runs, len(new), (before, after))


def _beginning(one: Lines, other: Lines) -> Lines:
    """The lines that both begin with."""
    for at, (ours, theirs) in enumerate(zip(one, other, strict=False)):
        if ours != theirs:
            return one[:at]
    return one[: len(other)]


def _meet(above: _Run, below: _Run) -> bool:
    """Whether every line between two runs is shown."""
    return above.gap is not None and above.gap == len(above.tail) + len(below.lead)


def _hunk(runs: Sequence[_Run]) -> Hunk:
    first, last = runs[0], runs[-1]
    lines = []
    for run in runs:
        lines += [unchanged_line(each) for each in run.lead]
        lines += changed_lines(run.old, run.new)
        lines += [unchanged_line(each) for each in run.tail]
    if first.at is None or last.at is None:
        return Hunk((0, 0), (0, 0), tuple(shown_lines(lines)), numbered=False)
    (old, new), (last_old, last_new) = first.at, last.at
    lead, tail = len(first.lead), len(last.tail)
    before = (old - lead, last_old + len(last.old) + tail)
    after = (new - lead, last_new + len(last.new) + tail)
    return Hunk(before, after, tuple(shown_lines(lines)))
