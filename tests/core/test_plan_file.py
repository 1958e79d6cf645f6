"""Plans as documents."""

from __future__ import annotations

from typing import Any

import pytest

from retinue.model.values import Address, FileRef, Gone, Ref
from retinue.planning.documents.plan_document import decode, encode


@pytest.mark.parametrize("word", ["retinue.ref", "retinue.file", "retinue.gone", "retinue.sealed", "retinue.map"])
def test_a_map_with_a_key_of_ours_is_not_taken_for_something_else(word: str) -> None:
    """A file of a skill may have any name."""
    value: dict[str, Any] = {word: "text", "other": {word: {word: 1}}}
    assert decode(encode(value)) == value


@pytest.mark.parametrize("value", [Ref(Address("skill", "a")), FileRef("a", "b" * 64, 1), Gone("x")], ids=repr)
def test_what_is_ours_survives(value: Any) -> None:
    assert decode(encode({"key": [value]})) == {"key": [value]}
