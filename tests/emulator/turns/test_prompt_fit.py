"""Of a long conversation, the model gets the first message and the most recent ones, as far as there is room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retinue.emulator.language_models.language_model import Item, Message, ToolCall, ToolOutput
from retinue.emulator.language_models.token_count import count_item
from retinue.emulator.turns.prompt_fit import fit, most_recent

MESSAGES = st.builds(Message, st.just("user"), st.text(max_size=50))
ITEMS = st.lists(
    st.one_of(
        MESSAGES, st.builds(ToolCall, st.just("1"), st.just("f"), st.text(max_size=9)), st.just(ToolOutput("1", "x"))
    ),
    min_size=1,
    max_size=12,
)


@given(ITEMS, st.integers(0, 200), st.integers(1, 3))
def test_what_is_put_before_the_model_has_room(items: list[Item], room: int, kept: int) -> None:
    """What must be in is in, what is in stands in its order, and nothing is dropped without need."""
    kept = min(kept, len(items))
    fitted = fit(items, room, kept=kept)
    needed = sum(count_item(each) for each in items[-kept:])
    if fitted is None:
        assert needed > room
        return
    assert sum(count_item(each) for each in fitted) <= room
    assert list(fitted[-kept:]) == items[-kept:]
    if sum(count_item(each) for each in items) <= room:
        assert list(fitted) == items
    places = iter(items)
    assert all(any(each == one for one in places) for each in fitted)


def test_the_middle_is_dropped() -> None:
    items = [Message("user", f"{number} " + "x" * 38) for number in range(6)]
    fitted = fit(items, 3 * count_item(items[0]), kept=1)
    assert fitted == (items[0], items[4], items[5])


def test_no_output_stays_without_its_call() -> None:
    items: list[Item] = [
        Message("user", "a"),
        ToolCall("1", "f", "x" * 400),
        ToolOutput("1", "y"),
        Message("user", "b"),
    ]
    assert fit(items, 40, kept=1) == (items[0], items[3])


def test_the_most_recent_messages() -> None:
    items: list[Item] = [Message("user", "a"), Message("user", "b"), ToolCall("1", "f", ""), Message("user", "c")]
    assert most_recent(items, 2) == tuple(items[1:])
    assert most_recent(items, 9) == tuple(items)
