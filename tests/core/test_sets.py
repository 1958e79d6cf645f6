"""Lists that are sets to the API: neither their order nor how often something stands in them is a change."""

from __future__ import annotations

import itertools

import pytest

from retinue.kinds._shapes import in_any_order


@pytest.mark.parametrize("written", list(itertools.permutations(["fetch", "search", "fetch"])))
def test_a_set_is_one_however_it_is_written(written: list[str]) -> None:
    value = {"tools": [{"allowed_tools": list(written), "args": list(written)}]}
    made = in_any_order(value, {"allowed_tools"})
    assert made == {"tools": [{"allowed_tools": ["fetch", "search"], "args": list(written)}]}
