"""`--fail-on`: which warnings somebody has declared to be reasons to stop."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from retinue.core.changes import Block
from retinue.core.model import Diagnostic

TIMED = "model-shutdown"
"""The warning that has a time left: `model-shutdown=90d`. What has shut down already is included."""

ABOUT_MODELS = (TIMED, "model-gone", "unknown-model")
INCLUDED = {TIMED: ("model-gone",)}
_DURATION = re.compile(r"([0-9]{1,5})([dw])")
_DAYS = {"d": 1, "w": 7}


@dataclass(frozen=True, slots=True)
class FailOn:
    """Stop on warnings with this code; for a shutdown, when no more than so many days are left."""

    code: str
    days: int | None = None

    @classmethod
    def parse(cls, text: str) -> FailOn:
        """Read `CODE` or `CODE=90d` (days) or `CODE=12w` (weeks). Raises ValueError."""
        code, equals, duration = text.partition("=")
        if not equals:
            return cls(code)
        found = _DURATION.fullmatch(duration)
        if code != TIMED:
            raise ValueError(f"only {TIMED} takes a time, as in {TIMED}=90d")
        if found is None:
            raise ValueError(f"'{duration}' is not a time such as 90d or 12w")
        return cls(code, int(found[1]) * _DAYS[found[2]])

    def __str__(self) -> str:
        return self.code if self.days is None else f"{self.code}={self.days}d"

    @property
    def about_models(self) -> bool:
        """Whether only the account can tell."""
        return self.code in ABOUT_MODELS

    def meets(self, warning: Diagnostic) -> bool:
        if warning.code not in (self.code, *INCLUDED.get(self.code, ())):
            return False
        left = warning.details.get("days_left")
        return self.days is None or (left is not None and left <= self.days)


def fail_on_blocks(warnings: Iterable[Diagnostic], conditions: Iterable[FailOn]) -> Iterator[Block]:
    """A block for every warning that meets a condition, each warning once."""
    conditions = tuple(conditions)
    for warning in warnings:
        met = next((each for each in conditions if each.meets(warning)), None)
        if met is not None:
            place = f" ({warning.position})" if warning.position else ""
            yield Block("fail-on", f"--fail-on {met}{place}: {warning.message}")
