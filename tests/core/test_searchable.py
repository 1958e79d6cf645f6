"""What file search takes is seen of many files at once just where it is seen of each."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retinue.kinds.vector_store import all_fit, unfit

NAMES = st.lists(st.sampled_from(["a", ".md", ".MD", ".", "/", "\n"]), min_size=1, max_size=5).map("".join)


@example([("a.md", 1), ("a.md\na", 1)])
@given(st.lists(st.tuples(NAMES, st.integers(0, 1)), max_size=4))
def test_what_is_fit_at_once_is_fit_alone(files: list[tuple[str, int]]) -> None:
    if all_fit([name for name, _ in files], [size for _, size in files]):
        assert not any(unfit(name, size) for name, size in files)


@pytest.mark.parametrize("names", [[], ["a.md"], ["a.md", "b/c.md"], ["a.md", "b/c.txt", "d.e/f.py"]])
def test_usual_names_are_seen_at_once(names: list[str]) -> None:
    assert all_fit(names, [1] * len(names))
    if names:
        assert not all_fit(names, [*[1] * (len(names) - 1), 0])
