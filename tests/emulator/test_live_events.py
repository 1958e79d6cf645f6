"""Channels: who hears what, whoever follows when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from retinue.emulator.server.live_events import Follower, LiveEvents


async def heard(follower: Follower) -> list[bytes]:
    return [piece async for piece in follower.pieces()]


def test_who_answers_at_once_does_not_hear_the_end_of_what_was_before() -> None:
    """A run that waits for its functions ends its stream; who sends their outputs as soon as that is told, and follows
    the same run anew, hears what comes of them."""

    async def play() -> tuple[list[bytes], list[bytes]]:
        live = LiveEvents()
        first, anew = live.follow("run"), list[Follower]()
        hear = first.hear

        def hear_and_answer(pieces: Sequence[bytes | None]) -> None:
            hear(pieces)
            anew[:] = anew or [live.follow("run")]

        first.hear = hear_and_answer  # type: ignore[method-assign]
        live.tell([("run", b"requires_action"), ("run", b"done"), ("run", None)])
        live.tell([("run", b"completed"), ("run", None)])
        return await heard(first), await heard(anew[0])

    assert asyncio.run(play()) == ([b"requires_action", b"done"], [b"completed"])


def test_news_are_told_to_each_who_follows_their_channel() -> None:
    async def play() -> list[list[bytes]]:
        live = LiveEvents()
        followers = [live.follow("a"), live.follow("b"), live.follow("b")]
        live.tell([("a", b"1"), ("b", b"2"), ("c", b"3"), ("a", None), ("b", b"4"), ("b", None)])
        late = live.follow("b")
        live.end("b")
        return [await heard(each) for each in (*followers, late)]

    assert asyncio.run(play()) == [[b"1"], [b"2", b"4"], [b"2", b"4"], []]
