"""Names for what has none yet, made of what people call it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 63
_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
"""What a terminal takes for a command (ECMA-48): no letter of it is part of a name."""


def name_from(display: str, *, otherwise: str) -> str:
    """A valid name for what people call `display`; `otherwise` when nothing of it can stand in a name."""
    plain = unicodedata.normalize("NFKD", _SEQUENCES.sub("", display))
    letters = "".join(each for each in plain if not unicodedata.combining(each)).lower()
    return re.sub(r"[^a-z0-9_]+", "-", letters).strip("-_")[:LONGEST].rstrip("-_") or otherwise


def unique(name: str, taken: Iterable[str]) -> str:
    """The name itself, or with the first number that makes it one of its own."""
    used = set(taken)
    number, made = 1, name
    while made in used:
        number += 1
        made = f"{name[: LONGEST - len(str(number)) - 1]}-{number}"
    return made
