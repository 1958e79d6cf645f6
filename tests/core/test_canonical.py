"""One spelling for every value: what is done at once comes to what is done step by step."""

from __future__ import annotations

import copy
import json

from hypothesis import given
from hypothesis import strategies as st

from retinue.model.canonical import canonical_json, plain, same
from retinue.model.values import ABSENT, Address, FileRef, Gone, Ref, Sealed, Secret

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([0.0, -0.0, 1.0, 0.5, 0.7, 0.699999988079071]),
    st.text(max_size=2),
    st.sampled_from([Ref(Address("a", "b")), Gone("x"), Sealed(1), ABSENT, FileRef("p", "0" * 64), Secret("a")]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=1), inner, max_size=3), st.tuples(inner, inner)
    ),
    max_leaves=6,
)


@given(VALUES)
def test_the_spelling_is_that_of_the_plain_value(value: object) -> None:
    assert canonical_json(value) == json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


@given(VALUES, VALUES)
def test_values_are_the_same_when_their_spelling_is(one: object, other: object) -> None:
    for each in (other, copy.deepcopy(one)):
        assert same(one, each) == (canonical_json(one) == canonical_json(each))
