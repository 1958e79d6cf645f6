"""Lines of text with roles, made safe to print and laid out; colour is put on last or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style

Role = Literal[
    "plain",
    "strong",
    "faint",
    "added",
    "added-word",
    "removed",
    "removed-word",
    "changed",
    "drift",
    "place",
    "warning",
    "error",
]
Part = str | tuple[str, Role]

_STYLES: dict[Role, Style] = {
    "plain": Style.null(),
    "strong": Style(bold=True),
    "faint": Style(dim=True),
    "added": Style(color="green"),
    "added-word": Style(color="green", bold=True, underline=True),
    "removed": Style(color="red"),
    "removed-word": Style(color="red", bold=True, underline=True),
    "changed": Style(color="yellow"),
    "drift": Style(color="magenta"),
    "place": Style(color="cyan"),
    "warning": Style(color="yellow", bold=True),
    "error": Style(color="red", bold=True),
}

# Control characters; format characters that reorder or hide text; fillers without a glyph; lone surrogates; tags and
# variation selectors that can carry hidden text. Joiners are legitimate inside emoji, Arabic and Indic words only.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
    "|(?<![\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\ufb50-\ufefe])\u200c"
    "|(?<![\u0600-\u08ff\u0900-\u0dff\u2190-\u2bff\u3030\u303d\ufb50-\ufefe\ufe0f\U0001f000-\U0001faff])\u200d"
)
_SHORT = {"\t": "\\t", "\r": "\\r", "\n": "\\n"}


def visible(text: str) -> str:
    """The text with everything that would move the cursor, reorder or hide text written as an escape, like `\\x1b`."""
    return _UNSAFE.sub(_escape, text)


def visible_lines(text: str) -> str:
    """The same with line breaks kept."""
    return "\n".join(map(visible, text.split("\n")))


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if code < 0x100:
        return _SHORT.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 file`, `2,000 lines`, `3 vector stores`."""
    noun = noun.replace("_", " ")
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of output: parts that each have a role, and the place in the declarations that it is about.

    The text of the parts is safe to print.
    """

    parts: tuple[tuple[str, Role], ...]
    place: str | None = None

    @property
    def cells(self) -> int:
        """How many columns of a terminal the line takes, without its place."""
        return sum(cell_len(text) for text, _ in self.parts)


def line(*parts: Part, place: str | None = None) -> Line:
    """A line of parts; a part without a role is plain. Unsafe characters become visible here."""
    made = [(part, "plain") if isinstance(part, str) else part for part in parts]
    return Line(
        tuple((visible(text), role) for text, role in made if text),  # type: ignore[misc]
        visible(place) if place else None,
    )


BLANK = Line(())


def indent(lines: Iterable[Line], columns: int) -> list[Line]:
    """The lines moved to the right; blank ones stay blank."""
    return [Line(((" " * columns, "plain"), *each.parts), each.place) if each.parts else each for each in lines]


def dedented(lines: Iterable[Line]) -> list[Line]:
    """The lines without their indentation, which is the first part of an indented one."""
    return [Line(each.parts[1:], each.place) for each in lines]


def align_places(lines: Sequence[Line], width: int) -> list[Line]:
    """Write every place behind its line: in one column where that fits into the width, else after two blanks."""
    column = 0
    for each in lines:
        if each.place and each.cells + 2 + cell_len(each.place) <= width:
            longest = max(cell_len(other.place) for other in lines if other.place)
            if each.cells + 2 + longest <= width:
                column = max(column, each.cells + 2)
    return [_placed(each, column) if each.place else each for each in lines]


def _placed(each: Line, column: int) -> Line:
    gap = max(column - each.cells, 2)
    return Line((*each.parts, (" " * gap, "plain"), (each.place or "", "faint")))


def with_blanks_between(blocks: Iterable[Sequence[Line]], width: int) -> Iterator[Line]:
    """The blocks that have lines, places aligned in each, and a blank line between two."""
    for index, block in enumerate(filter(None, blocks)):
        if index:
            yield BLANK
        yield from align_places(block, width)


def paint(lines: Iterable[Line], *, color: bool) -> str:
    """The lines as text that ends with a line break; without colour there is not a single escape sequence in it."""
    return "".join(_painted(each, color=color) + "\n" for each in lines)


def _painted(each: Line, *, color: bool) -> str:
    if not color:
        return "".join(text for text, _ in each.parts).rstrip(" ")
    return "".join(
        _STYLES[role].render(text, color_system=ColorSystem.STANDARD) if role != "plain" else text
        for text, role in each.parts
    ).rstrip(" ")
