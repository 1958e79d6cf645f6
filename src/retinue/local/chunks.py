"""Cutting text into overlapping chunks. A token is taken to be four characters; no tokenizer is bundled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from retinue.local.errors import invalid
from retinue.local.storage import JsonObject
from retinue.local.validate import Field, anything, integer, record, variant

_CHARACTERS_PER_TOKEN = 4

_static = record(
    {
        "max_chunk_size_tokens": Field(integer(100, 4096), required=True),
        "chunk_overlap_tokens": Field(integer(0), required=True),
    }
)


def _checked_static(value: Any, at: str) -> dict[str, Any]:
    sizes: dict[str, Any] = _static(value, at)
    if sizes["chunk_overlap_tokens"] > sizes["max_chunk_size_tokens"] // 2:
        raise invalid(
            f"Invalid '{at}.chunk_overlap_tokens': the overlap must not exceed half of max_chunk_size_tokens.",
            f"{at}.chunk_overlap_tokens",
            "invalid_value",
        )
    return sizes


_type = Field(anything, required=True)

chunking_strategy = variant(
    {
        "auto": record({"type": _type}),
        "static": record({"type": _type, "static": Field(_checked_static, required=True)}),
    }
)


def effective(strategy: Mapping[str, Any] | None) -> JsonObject:
    """The strategy as it is shown: ``auto`` comes back as static 800/400 (recorded)."""
    if strategy is None or strategy["type"] == "auto":
        return {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}
    return {"type": "static", "static": dict(strategy["static"])}


def cut(text: str, sizes: Mapping[str, int]) -> Iterator[str]:
    """Chunks of at most the given size that end at white space where there is any near the end."""
    size = sizes["max_chunk_size_tokens"] * _CHARACTERS_PER_TOKEN
    overlap = sizes["chunk_overlap_tokens"] * _CHARACTERS_PER_TOKEN
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            space = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
            if space > start + size * 3 // 4:
                end = space
        yield text[start:end]
        if end == len(text):
            return
        start = end - overlap
