"""What a code means, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

from retinue.report.text.ink import BLANK, line, paint

_WIDEST = 100
_SORTS: Mapping[str, str] = {
    "error": "error",
    "warning": "warning",
    "either": "error or warning",
    "block": "blocks a plan",
}


def render_explanation(code: str, sort: str, meaning: str, example: str, mend: str, *, width: int, color: bool) -> str:
    """One code in full."""
    wide = min(width, _WIDEST)
    paragraphs = (
        textwrap.wrap(meaning, wide),
        [f"    {each}" for each in example.splitlines()],
        textwrap.wrap(f"Mend: {' '.join(mend.split())}", wide, break_on_hyphens=False),
    )
    lines = [line((code, "strong"), f" ({_SORTS[sort]})")]
    for each in paragraphs:
        lines += [BLANK, *map(line, each)]
    return paint(lines, color=color)


def render_codes(rows: Iterable[tuple[str, str]], *, width: int) -> str:
    """A line for each code and its meaning, as far as it fits."""
    listed = list(rows)
    column = max(len(code) for code, _ in listed) + 2
    return "\n".join(f"{code:<{column}}{_cut(meaning, max(width - column, 20))}" for code, meaning in listed)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
