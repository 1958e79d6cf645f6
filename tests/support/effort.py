"""How much work something is, in a measure that is the same on every machine: events of Python rather than seconds.

Counted are lines that run, rounds of loops, and calls of functions, also where those compare or hash. What happens
inside of C is not seen, such as the union of two sets of texts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

Work = Callable[[], Any]
Stage = Callable[[int], Work]
"""Prepares work of some size, which does not count, and gives what does it."""

SIZES = (30, 60, 120)
MOST = 2.3
"""What doubles grows by a factor of 2, n log n by 2.2 at these sizes, n² by 4."""


def events(work: Work) -> int:
    """How much happens while the work is done."""
    count = 0

    def trace(_: FrameType, __: str, ___: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def growth(stage: Stage, sizes: Sequence[int] = SIZES) -> float:
    """By which factor the work grows from each doubling to the next; `sizes` are three, each twice the one before.

    What is done once, however much there is, is no part of it.
    """
    stage(3)()  # what is imported and prepared once
    few, more, many = (events(stage(size)) for size in sizes)
    return (many - more) / max(more - few, 1)
