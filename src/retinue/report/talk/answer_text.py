"""An answer as it comes → pieces of safe text, broken between words, with numbers where files are cited.

A model's text is somebody else's: every piece is made safe as a part of the line it stands in, so that what comes in
two pieces is no more than what comes in one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rich.cells import cell_len

from retinue.model.printable import Printable, masked, printable
from retinue.model.talk import Mark
from retinue.report.text.ink import line, paint

_LONGEST_WORD = 500
"""Characters that are waited for until a word ends."""
_LONGEST_LINE = 4000
"""Characters of a line that are made safe together."""
_PIECE = re.compile(r"\s+|\S+")


@dataclass(slots=True)
class Footnotes:
    """Files that a text cites or that code wrote, numbered as they come; `name` says what a file is called."""

    name: Callable[[str], str]
    marks: list[Mark] = field(default_factory=list)

    def number(self, mark: Mark) -> int:
        for at, each in enumerate(self.marks, 1):
            if (each.kind, each.file_id, each.url) == (mark.kind, mark.file_id, mark.url):
                return at
        self.marks.append(mark)
        return len(self.marks)

    def placed(self, text: str, marks: tuple[Mark, ...]) -> str:
        """The text with a number in the place of each mark."""
        for mark in marks:
            number = f"[{self.number(mark)}]"
            if mark.text and mark.text in text:
                stands = number if mark.kind == "citation" else f"{PurePosixPath(mark.text).name} {number}"
                text = text.replace(mark.text, stands, 1)
            else:
                text += number
        return text

    def title(self, mark: Mark) -> str:
        """What a footnote says."""
        if mark.url:
            return f"{mark.filename} {mark.url}".strip()
        name = mark.filename or self.name(mark.file_id)
        if mark.kind == "file":
            return f"{name} ({mark.file_id})" if name != mark.file_id else name
        return name

    def text(self, *, color: bool) -> Printable:
        """All of them, a line each."""
        lines = [line((f"[{at}] {self.title(each)}", "faint")) for at, each in enumerate(self.marks, 1)]
        return paint(lines, color=color)


@dataclass(slots=True)
class AnswerText:
    """Makes pieces to print of pieces that came. `width` is where lines are broken, None where they are not."""

    width: int | None = None
    _waiting: str = ""
    _line: str = ""
    _shown: str = ""
    _column: int = 0
    _gap: str = ""

    def add(self, text: str) -> Printable:
        """What can be printed now: all but the last word, which may go on."""
        self._waiting += text.replace("\t", "    ")
        end = max(self._waiting.rfind(" "), self._waiting.rfind("\n")) + 1
        if len(self._waiting) - end > _LONGEST_WORD:
            end = len(self._waiting)
        ready, self._waiting = self._waiting[:end], self._waiting[end:]
        return self._made(ready)

    def end(self) -> Printable:
        """The rest, and the end of its line where one is begun."""
        ready, self._waiting = self._waiting, ""
        made = self._made(ready)
        if self._column:
            made = Printable(f"{made}\n")
        self._begin_line()
        return made

    def _made(self, text: str) -> Printable:
        pieces: list[str] = []
        for number, part in enumerate(text.replace("\r\n", "\n").split("\n")):
            if number:
                pieces.append("\n")
                self._begin_line()
            if part:
                pieces += self._broken(self._safe(part))
        return Printable("".join(pieces))

    def _begin_line(self) -> None:
        self._line = self._shown = self._gap = ""
        self._column = 0

    def _safe(self, part: str) -> str:
        """What comes to a line by one more part."""
        if len(self._line) > _LONGEST_LINE:
            self._line = self._shown = ""
        self._line += part
        safe, before = masked(printable(self._line)), self._shown
        self._shown = safe
        if safe.startswith(before):
            return safe[len(before) :]
        # Something that was printed turns out to be the name of a key: what follows it is hidden.
        same = next((at for at, (one, other) in enumerate(zip(safe, before, strict=False)) if one != other), len(safe))
        return safe[same:]

    def _broken(self, text: str) -> list[str]:
        if self.width is None:
            self._column += len(text)
            return [text]
        pieces: list[str] = []
        for each in _PIECE.findall(text):
            if each.isspace():
                self._gap += each
                continue
            cells = cell_len(each)
            if self._column and self._column + len(self._gap) + cells > self.width:
                pieces.append("\n")
                self._column, self._gap = 0, ""
            pieces += [self._gap, each]
            self._column += len(self._gap) + cells
            self._gap = ""
        return pieces
