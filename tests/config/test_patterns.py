"""What a pattern asks for is said in words."""

from __future__ import annotations

import pytest

from retinue.config.problems import pattern_hint


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        (r"^https://[^/\s]", "start it with https://"),
        ("^/workspace/[^/]", "start it with /workspace/"),
        ("^/", "start it with /"),
        (r"^https?://\S+$", "start it with https:// or http://"),
        ("^[A-Za-z_][A-Za-z0-9_]*$", "use A-Z, a-z, 0-9 and _, starting with A-Z, a-z or _"),
        ("^a|b$", "it must match ^a|b$"),
    ],
)
def test_a_pattern_is_told_in_words(pattern: str, hint: str) -> None:
    assert pattern_hint(pattern).replace("a-z, A-Z", "A-Z, a-z") == hint
