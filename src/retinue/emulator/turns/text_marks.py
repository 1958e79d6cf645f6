"""Marks in what a model says, such as 【4:0†handbook.md】 or ``sandbox:/mnt/data/plot.png``, become annotations.

A text comes in pieces, and a mark may be spread over several: what could become one is held back until it is known.
Positions count characters of the whole text, as the API does (seen in use).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from retinue.emulator.turns.turn_events import Annotation, Source

PLACE = "sandbox:/mnt/data/"
"""How a text names a file that code wrote."""

_LONGEST = 300
_MARK = re.compile(r"【[^【】]*】")
_PATH = re.compile(rf"{re.escape(PLACE)}[^\s()\[\]<>\"'`]+")
_OPEN_PATH = re.compile(rf"{re.escape(PLACE)}[^\s()\[\]<>\"'`]*$")


def mark(place: int, index: int, filename: str) -> str:
    """How the model is to cite the passage ``index`` of what the item ``place`` of the conversation found."""
    return f"【{place}:{index}†{filename.translate(_PLAIN)}】"


_PLAIN = str.maketrans("【】\n", "[] ")


class MarkedText:
    """A text that grows."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        # Code may give files names in which a path would have ended, such as those with a blank.
        self._odd = [each for each in sources if each.startswith(PLACE) and not _PATH.fullmatch(each)]
        longest_first = sorted(map(re.escape, self._odd), key=len, reverse=True)
        self._path = re.compile("|".join([*longest_first, _PATH.pattern])) if self._odd else _PATH
        self._held = ""
        self.text = ""
        self.annotations: list[Annotation] = []

    def grow(self, piece: str) -> Iterator[tuple[str, tuple[Annotation, ...]]]:
        """What can be shown now: a mark by itself, with its annotation, and the text around."""
        self._held += piece
        yield from self._release(self._held_from())

    def end(self) -> Iterator[tuple[str, tuple[Annotation, ...]]]:
        """What was held back."""
        yield from self._release(len(self._held))

    def _held_from(self) -> int:
        """Where that begins which may be the start of a mark."""
        held = self._held
        marks = any(not each.startswith(PLACE) for each in self._sources)
        opened = held.rfind("【") if marks else -1
        if opened >= 0 and "】" not in held[opened:] and len(held) - opened < _LONGEST:
            return opened
        if not any(each.startswith(PLACE) for each in self._sources):
            return len(held)
        at = held.rfind(PLACE)
        if at >= 0 and any(each != held[at:] and each.startswith(held[at:]) for each in self._odd):
            return at
        if found := _OPEN_PATH.search(held):
            return found.start() if len(held) - found.start() < _LONGEST else len(held)
        for length in range(min(len(PLACE) - 1, len(held)), 0, -1):
            if held.endswith(PLACE[:length]) and not held[: len(held) - length][-1:].isalnum():
                return len(held) - length
        return len(held)

    def _release(self, until: int) -> Iterator[tuple[str, tuple[Annotation, ...]]]:
        ready, self._held = self._held[:until], self._held[until:]
        at = 0
        found = sorted([*_MARK.finditer(ready), *self._path.finditer(ready)], key=lambda each: each.start())
        for each in found:
            text = each[0]
            if text.startswith(PLACE) and text not in self._sources:
                text = text.rstrip(".,;:!?")
            source = self._sources.get(text)
            if source is None or each.start() < at:
                continue
            if each.start() > at:
                yield self._shown(ready[at : each.start()])
            yield self._shown(text, source)
            at = each.start() + len(text)
        if at < len(ready):
            yield self._shown(ready[at:])

    def _shown(self, text: str, source: Source | None = None) -> tuple[str, tuple[Annotation, ...]]:
        start = len(self.text)
        self.text += text
        if source is None:
            return text, ()
        annotation = Annotation(text, source, start, len(self.text))
        self.annotations.append(annotation)
        return text, (annotation,)
