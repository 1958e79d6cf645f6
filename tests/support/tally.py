"""What was done to accounts while a test ran, counted: `make chaos` prints the sum as a table."""

from __future__ import annotations

from collections import Counter

TRIED: Counter[str] = Counter()
"""Of the test that runs, by what was tried. Whoever runs the tests empties it before each."""


def table(tried: Counter[str]) -> list[str]:
    """As Markdown, the most frequent first."""
    rows = [f"| {what} | {often:,} |" for what, often in sorted(tried.items(), key=lambda each: (-each[1], each[0]))]
    return ["| What happened to an apply, and was repaired by the next | Times |", "|---|---|", *rows]
