"""What of a long conversation is put before the model.

``auto`` drops messages in the middle, ``last_messages`` all but the most recent ones (published description of
``TruncationObject``). A call and its output stay together.
"""

from __future__ import annotations

from collections.abc import Sequence

from retinue.emulator.language_models.language_model import Item, Message
from retinue.emulator.language_models.token_count import count_item

ANSWER_SHARE = 8
"""One part in so many of the model's window is kept free for its answer."""


def most_recent(items: Sequence[Item], messages: int) -> tuple[Item, ...]:
    """The last so many messages, and what belongs to them."""
    at = [number for number, each in enumerate(items) if isinstance(each, Message)]
    return tuple(items[at[-messages] :]) if len(at) > messages else tuple(items)


def fit(items: Sequence[Item], room: int, *, kept: int, keeps_first: bool = True) -> tuple[Item, ...] | None:
    """As many items as ``room`` tokens hold: the last ``kept``, which must be in, the first message, the most recent.

    Without ``keeps_first`` items are dropped from the beginning, as responses do.

    None when not even the last ``kept`` fit.
    """
    costs = [count_item(each) for each in items]
    left = room - sum(costs[len(items) - kept :])
    if left < 0:
        return None
    older = len(items) - kept
    if sum(costs[:older]) <= left:
        return tuple(items)
    first = 1 if keeps_first and older and isinstance(items[0], Message) and costs[0] <= left else 0
    left -= costs[0] if first else 0
    begin = older
    while begin > first and costs[begin - 1] <= left:
        begin -= 1
        left -= costs[begin]
    while begin < older and not isinstance(items[begin], Message):
        begin += 1  # an output without its call says nothing
    return (*items[:first], *items[begin:])
