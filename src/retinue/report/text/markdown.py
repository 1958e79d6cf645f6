"""The pieces that pages and comments in Markdown are made of.

What is not ours to say (names, prompts, paths, messages) stands in code only: in fences longer than any run of
backticks inside, and in code spans. There it cannot become markup, a link, a mention or a heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from retinue.model.printable import visible
from retinue.report.text.ink import Line, Role, align_places

WIDTH = 100
_BACKTICKS = re.compile("`+")


def code(text: str) -> str:
    """A code span that shows the text as it is, whatever is in it."""
    shown = visible(text) or "(empty)"
    ticks = "`" * (_longest_run(shown) + 1)
    # One blank at both ends is taken off again by whoever reads Markdown.
    padding = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{ticks}{padding}{shown}{padding}{ticks}"


def fence(lines: Sequence[Line], word: str) -> str:
    """A fenced block of the lines with their places; with the word `diff`, signs stand where they get colours."""
    made = align_places(lines, WIDTH)
    made = list(_signed(made)) if word == "diff" else made
    text = "\n".join(text_of(each) for each in made)
    ticks = "`" * max(_longest_run(text) + 1, 3)
    return f"{ticks}{word}\n{text}\n{ticks}"


def _longest_run(text: str) -> int:
    return max((len(each) for each in _BACKTICKS.findall(text)), default=0)


def placed(head: Line) -> str:
    """A head as inline Markdown, with the place that declares it."""
    return code(text_of(head)) + (f" · {code(head.place)}" if head.place else "")


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line.parts).rstrip(" ")


def joined(blocks: Iterable[Sequence[Line]]) -> list[Line]:
    return [line for block in blocks for line in block]


# ── signs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_SIGNS: dict[str, str] = {"added": "+", "removed": "-", "drift": "!"}
_MARKS = ("+", "-", "!", "!~")


def _signed(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines with their signs in the first column, where diff highlighting looks for them; widths stay the same."""
    sign = ""
    for line in lines:
        sign = _sign(line, sign)
        yield _moved(line, sign)


def _sign(line: Line, above: str) -> str:
    """The sign that a line has, or that its only role stands for; blank lines of a text have that of the line above."""
    first, role = _first(line)
    if first.strip(" ") in _MARKS or first[:1] == "~":
        return _SIGNS.get(role, "")
    signs = {_SIGNS[role] for text, role in line.parts if text.strip(" ") and role in _SIGNS}
    if (first, role) == ("| ", "faint") and not signs:
        return above
    return signs.pop() if len(signs) == 1 else ""


def _moved(line: Line, sign: str) -> Line:
    first, role = _first(line)
    blank = next((index for index, (text, _) in enumerate(line.parts) if text.strip(" ")), 0)
    indentation = "".join(text for text, _ in line.parts[:blank])
    if role == "place" and first.startswith("@@"):
        return Line(line.parts[blank:])
    if not sign:
        return line
    if first.strip(" ") in _MARKS:
        mark = first.strip(" ")
        return Line(((mark, role), (indentation + first[len(mark) :], "plain"), *line.parts[blank + 1 :]))
    return Line(((sign + indentation[1:], "plain"), *line.parts[blank:]))


def _first(line: Line) -> tuple[str, Role]:
    """The first part that is not blank."""
    return next(((text, role) for text, role in line.parts if text.strip(" ")), ("", "plain"))
