"""Diagnostics → text: the place, the message, the line with a caret below it, a hint. Decides nothing about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len

from retinue.model.declared import Diagnostic
from retinue.report.ink import BLANK, Line, line, paint, visible

_WIDTH = 120
_GUTTER = 5
_TAB = "    "


def render_diagnostics(diagnostics: Sequence[Diagnostic], *, width: int | None = None, color: bool = False) -> str:
    """One block for each diagnostic, in the order given, and a last line that counts them. Empty for none.

    `width` is that of the terminal in columns; longer lines of files are cut around the place in question.
    """
    if not diagnostics:
        return ""
    lines: list[Line] = []
    for each in diagnostics:
        lines += [*_block(each, width or _WIDTH), BLANK]
    return paint([*lines, line(count(diagnostics))], color=color)


def count(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    severities = [each.severity for each in diagnostics]
    counted = [(severities.count("error"), "error"), (severities.count("warning"), "warning")]
    return ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in counted if number)


def _block(diagnostic: Diagnostic, width: int) -> Iterator[Line]:
    place, role = diagnostic.position, diagnostic.severity
    where = f"{place.file}:{place.line}:{place.column}: " if place else ""
    yield line((where, "strong"), (f"{role}[{diagnostic.code}]", role), f": {diagnostic.message}")
    if place is not None and diagnostic.excerpt is not None:
        gutter = max(_GUTTER, len(str(place.line)))
        excerpt, indent = _window(diagnostic.excerpt, place.column - 1, width - gutter - 3)
        yield line((f"{place.line:>{gutter}} | ", "place"), excerpt)
        yield line((f"{'':>{gutter}} | ", "place"), " " * indent, ("^", role))
    for words, other in diagnostic.related:
        yield line(f"  {words}: ", (f"{other.file}:{other.line}:{other.column}", "place"))
    if diagnostic.hint:
        yield line(("  hint: ", "strong"), diagnostic.hint)


def _window(excerpt: str, column: int, width: int) -> tuple[str, int]:
    """The part of a line that fits `width` cells around a character, and the cells before that character."""
    shown = _shown(excerpt)
    column = min(column, len(shown))
    if cell_len("".join(shown)) <= width:
        return "".join(shown), cell_len("".join(shown[:column]))
    start = column
    room = width // 2
    while start > 0 and (room := room - cell_len(shown[start - 1])) > 0:
        start -= 1
    before = ("…" if start else "") + "".join(shown[start:column])
    after = ""
    left = width - cell_len(before) - 1
    for each in shown[column:]:
        if (left := left - cell_len(each)) < 0:
            return before + after + "…", cell_len(before)
        after += each
    return before + after, cell_len(before)


def _shown(excerpt: str) -> list[str]:
    """Each character as it is printed. Whether a joiner is harmless depends on the character before it."""
    shown = []
    before = ""
    for each in excerpt:
        shown.append(_TAB if each == "\t" else visible(before + each)[len(visible(before)) :])
        before = each
    return shown
