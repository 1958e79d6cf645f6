"""The text of a file, by lines and columns, and what of it is shown beside a mistake."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import replace

from retinue.model.declared import Diagnostic, Position
from retinue.model.printable import starred
from retinue.planning.redaction import mask_line

_LINE_END = re.compile(r"\r\n|\r|\n")

# Longest first: the mark of UTF-16 is how the mark of UTF-32 begins.
_OTHER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


class Source:
    """One file's text under its name in the project. Offsets count characters from 0. One that is `given` is no file of
    the project: the command line names it."""

    __slots__ = ("_starts", "given", "may_have_expressions", "name", "text")

    def __init__(self, name: str, text: str, *, given: bool = False) -> None:
        self.name = name
        self.text = text
        self.given = given
        self.may_have_expressions = "{{" in text or "${" in text
        """Looked for once, for all that is declared in the file."""
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

    def source(self, name: str) -> Source | None:
        """The text of a file, as far as it could be read."""
        return self._sources.get(name)

    def fill(self, diagnostics: Iterable[Diagnostic], hidden: Collection[str] = ()) -> tuple[Diagnostic, ...]:
        """The diagnostics with their lines, sorted by place, each once. `hidden` are texts that no line shows."""
        return tuple(sorted(dict.fromkeys(self._with_line(each, hidden) for each in diagnostics), key=_order))

    def _with_line(self, diagnostic: Diagnostic, hidden: Collection[str]) -> Diagnostic:
        position, excerpt = diagnostic.position, diagnostic.excerpt
        if excerpt is None and position is not None and position.file in self._sources:
            excerpt = self._sources[position.file].line(position.line)
        # Whoever wrote a key where none belongs reads about it in logs that others read too.
        message, shown = starred(diagnostic.message), mask_line(excerpt) if excerpt else excerpt
        for each in hidden:
            message = message.replace(each, "*" * len(each))
            shown = shown.replace(each, "*" * len(each)) if shown else shown
        return replace(diagnostic, message=message, excerpt=shown)


def _order(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    place = diagnostic.position or Position("", 0, 0)
    return place.file, place.line, place.column, diagnostic.code, diagnostic.message
