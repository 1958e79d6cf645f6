"""Text without halves of surrogate pairs, which JSON can spell and which can be neither stored nor sent."""

from __future__ import annotations

from typing import Any


def mend(text: str) -> str:
    """Two halves that belong together become their character, and one alone the sign for what is none (U+FFFD)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def mend_all(value: Any) -> Any:
    """As ``mend``, for every text in a JSON value."""
    if isinstance(value, str):
        return mend(value)
    if isinstance(value, list):
        return [mend_all(each) for each in value]
    return {mend(name): mend_all(each) for name, each in value.items()} if isinstance(value, dict) else value
