"""Numbers that a server kept in 32 bits are the ones that were meant; nothing else is rounded away."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.model.canonical import digest, same


def in_32_bits(value: float) -> float:
    (found,) = struct.unpack("f", struct.pack("f", value))
    return float(found)


@given(st.integers(-2_000_000, 2_000_000), st.integers(0, 5))
def test_what_32_bits_make_of_a_short_number_is_that_number(digits: int, places: int) -> None:
    value = digits / 10**places
    if len(str(abs(digits))) <= 6:
        assert same(value, in_32_bits(value))
        assert digest({"temperature": value}) == digest({"temperature": in_32_bits(value)})
        assert same(value, float(f"{in_32_bits(value):.9g}"))  # some write fewer digits of it


@given(st.floats(0, 2), st.floats(0, 2))
def test_numbers_that_32_bits_tell_apart_differ(one: float, other: float) -> None:
    if in_32_bits(one) != in_32_bits(other):
        assert not same(one, other)


@pytest.mark.parametrize("value", [0.71, 0.70001, 0.69999, 0.7000001, 1.7, True, "0.7", None])
def test_what_is_not_0_7_is_not_taken_for_it(value: object) -> None:
    assert not same(0.7, value)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 1e300, -1e300, 1e-300, 0.0, -0.0])
def test_every_number_can_be_compared(value: float) -> None:
    assert same(value, value)
    assert same([value], [value])
