"""Errors → text: the message and a hint; of diagnostics the place, and the line with a caret below it, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len

from retinue.errors import AccountError, RetinueError
from retinue.model.declared import Diagnostic
from retinue.model.printable import visible
from retinue.report.text.ink import BLANK, Line, line, paint

_WIDTH = 120
_GUTTER = 5
_TAB = "    "


def render_error(error: RetinueError, *, width: int | None = None, color: bool = False) -> str:
    """The mistakes in the declarations, where it is about those; else the message, the server's name for the request,
    and the hint."""
    if error.diagnostics:
        return render_diagnostics(error.diagnostics, width=width, color=color)
    first, *more = error.message.split("\n")
    lines = [line(("error: ", "error"), first), *(line("  ", each) for each in more)]
    if isinstance(error, AccountError) and error.request_id:
        lines.append(line(("  request: ", "faint"), error.request_id))
    if error.hint:
        lines.append(line(("  hint: ", "faint"), error.hint))
    return paint(lines, color=color)


def render_diagnostics(diagnostics: Sequence[Diagnostic], *, width: int | None = None, color: bool = False) -> str:
    """One block for each diagnostic, in the order given, and a last line that counts them. Empty for none.

    `width` is that of the terminal in columns; longer lines of files are cut around the place in question.
    """
    if not diagnostics:
        return ""
    lines: list[Line] = []
    for each in diagnostics:
        lines += [*_block(each, width or _WIDTH), BLANK]
    return paint([*lines, line(_counted(diagnostics))], color=color)


def _counted(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    severities = [each.severity for each in diagnostics]
    return ", ".join(
        f"{number} {word}{'' if number == 1 else 's'}"
        for word in ("error", "warning")
        if (number := severities.count(word))
    )


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
