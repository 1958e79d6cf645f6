"""Differences: complete, as small as they can be, and none where nothing differs."""

from __future__ import annotations

import functools
import operator
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from retinue.model.canonical import plain, same
from retinue.model.differences import differences
from retinue.model.values import ABSENT, Address, FileRef, Ref

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3), st.just(Ref(Address("vector_store", "kb")))
)
keys = st.text(max_size=2) | st.sampled_from(["__t", "__", "a.b", "0"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert differences(("field",), value, value) == ()


@given(values, values)
def test_different_values_have_a_difference_and_same_ones_none(before: Any, after: Any) -> None:
    found = differences(("field",), before, after)
    assert bool(found) is not same(before, after)
    assert all(path[0] == "field" for path, _, _ in found)
    assert all(old is ABSENT or new is ABSENT or not same(old, new) for _, old, new in found)


@example({"a": [None, [1]]}, {"a": [None, [None, 1]]})
@example({"a": ["x", "z"]}, {"a": ["x", "y", "z"]})
@given(st.dictionaries(keys, values, max_size=4), st.dictionaries(keys, values, max_size=4))
def test_putting_the_differences_into_the_old_value_gives_the_new(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Nothing that differs is left out: what a person is shown is all there is."""
    copy: Any = {"field": plain_copy(before)}
    inserted: dict[int, tuple[list[Any], list[tuple[int, Any]]]] = {}
    for path, old, new in reversed(differences(("field",), before, after)):
        *above, last = path
        place: Any = functools.reduce(lambda part, key: part[key], above, copy)
        if old is ABSENT and isinstance(place, list) and isinstance(last, int):
            inserted.setdefault(id(place), (place, []))[1].append((last, new))  # where it stands afterwards
        else:
            place[last] = new
    for place, items in inserted.values():
        place[:] = [each for each in place if each is not ABSENT]
        for at, new in sorted(items, key=operator.itemgetter(0)):
            place.insert(at, new)
    assert same(clean(copy["field"]), after)


def plain_copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain_copy(each) for key, each in value.items()}
    return [plain_copy(each) for each in value] if isinstance(value, list) else value


def clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: clean(each) for key, each in value.items() if each is not ABSENT}
    return [clean(each) for each in value if each is not ABSENT] if isinstance(value, list) else value


def test_a_nested_change_is_the_leaf_and_not_the_tree() -> None:
    before = {"function/f": {"parameters": {"properties": {"city": {"type": "string"}}}}}
    after = {"function/f": {"parameters": {"properties": {"city": {"type": "integer"}}}}}
    path = ("tools", "function/f", "parameters", "properties", "city", "type")
    assert differences(("tools",), before, after) == ((path, "string", "integer"),)


def test_references_and_files_are_never_taken_apart() -> None:
    one, two = Ref(Address("vector_store", "a")), Ref(Address("vector_store", "b"))
    assert differences(("ids",), [one], [two]) == ((("ids", 0), one, two),)
    old, new = FileRef("a.md", "0" * 64), FileRef("a.md", "1" * 64)
    assert differences(("files",), {"a.md": old}, {"a.md": new}) == ((("files", "a.md"), old, new),)


def test_true_is_not_one() -> None:
    assert differences(("f",), {"a": True}, {"a": 1}) != ()
    assert differences(("f",), {"a": 1.0}, {"a": 1}) == ()


def test_a_file_is_its_content() -> None:
    assert plain(FileRef("a.md", "0" * 64, 5)) == plain(FileRef("a.md", "0" * 16, 0))
