"""Which known word was meant by one that is not known: suggestions that fit, or none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_LETTERS_A_SLIP = 4
"""Letters of a word for each one that may be wrong: people mistype one in a short word, and hardly two."""


def near(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> list[str]:
    """The known words that this one may well be a slip for, the nearest first. `cutoff` is how much they have in common
    at least, as difflib counts it."""
    return [each for each in difflib.get_close_matches(word, list(known), cutoff=cutoff) if is_slip(word, each)]


def is_slip(word: str, known: str) -> bool:
    """Whether a word may be meant for a known one. That many letters are the same is not enough, since other words are
    like that, too (`state` and `stack`): it has to be unfinished, or finished twice (`reasoning`, `reasoning_effort`),
    or to have its parts in another order or only some of them, or few letters wrong. No pattern is a slip for what it
    may fit."""
    kind, dot, name = word.partition(".")
    if dot and known.startswith(f"{kind}."):  # of two addresses the names count: their kinds are alike anyway
        word, known = name, known.removeprefix(f"{kind}.")
    mine, theirs = (re.sub(r"[-_ .]+", "_", each.casefold()) for each in (word, known))
    short, long = sorted((mine, theirs), key=len)
    if re.search(r"[*?\[]", word) or len(short) < 2:
        return False
    if long.startswith(short) and len(short) >= _LETTERS_A_SLIP:
        return True
    some, all_ = sorted((sorted(mine.split("_")), sorted(theirs.split("_"))), key=len)
    if some == all_ or (len(some) > 1 and set(some) < set(all_)):
        return True
    most = max(1, len(short) // _LETTERS_A_SLIP)
    wrong = _letters_wrong(mine, theirs, most)
    return wrong <= most and (wrong <= 1 or mine[0] == theirs[0] or mine[-1] == theirs[-1])


def _letters_wrong(one: str, other: str, most: int) -> int:
    """How many letters are one too many, missing, different or swapped with the next one; `most + 1` for more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        above, before, row = before, row, [number]
        for place, against in enumerate(other, start=1):
            cost = min(before[place] + 1, row[-1] + 1, before[place - 1] + (letter != against))
            if above and place > 1 and letter == other[place - 2] and one[number - 2] == against:
                cost = min(cost, above[place - 2] + 1)
            row.append(cost)
    return row[-1]
