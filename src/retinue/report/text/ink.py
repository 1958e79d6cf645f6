"""Lines of text with roles, made safe to print and laid out; colour is put on last or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style

from retinue.model.printable import Printable, inert, visible

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
        return sum(cells_of(text) for text, _ in self.parts)


def cells_of(text: str) -> int:
    """How many columns a text takes that is safe to print: a character of ASCII takes one, as do the signs of ours."""
    plain = text.isascii() or text.replace("…", "").replace("→", "").isascii()
    return len(text) if plain else cell_len(text)


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
    longest = max((cells_of(each.place) for each in lines if each.place), default=0)
    starts = [each.cells + 2 if each.place else 0 for each in lines]
    column = max((start for start in starts if start + longest <= width), default=0)
    return [_placed(each, start, column) if each.place else each for each, start in zip(lines, starts, strict=True)]


def _placed(each: Line, start: int, column: int) -> Line:
    """The line with its place, in the column where there is room for it, `start` being the first that there is."""
    gap = max(column - start, 0) + 2
    return Line((*each.parts, (" " * gap, "plain"), (each.place or "", "faint")))


def with_blanks_between(blocks: Iterable[Sequence[Line]], width: int) -> Iterator[Line]:
    """The blocks that have lines, places aligned in each, and a blank line between two."""
    for index, block in enumerate(filter(None, blocks)):
        if index:
            yield BLANK
        yield from align_places(block, width)


def paint(lines: Iterable[Line], *, color: bool) -> Printable:
    """The lines as text that ends with a line break; without colour there is not a single escape sequence in it."""
    return inert("".join(_painted(each, color=color) + "\n" for each in lines))


def _painted(each: Line, *, color: bool) -> str:
    if not color:
        return "".join(text for text, _ in each.parts).rstrip(" ")
    return "".join(
        _STYLES[role].render(text, color_system=ColorSystem.STANDARD) if role != "plain" else text
        for text, role in each.parts
    ).rstrip(" ")
