"""How much a prompt is to a model: characters, and tokens where a tokenizer is at hand. Nothing is fetched for it."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple, NoReturn

USUAL = "o200k_base"
"""The encoding of every model since gpt-4o, taken for those that tiktoken does not know."""


class PromptSize(NamedTuple):
    """`tokens` is None without a tokenizer; `encoding` names the one that counted, or that is missing."""

    characters: int
    tokens: int | None = None
    encoding: str | None = None

    def __str__(self) -> str:
        characters = f"{self.characters:,} {'character' if self.characters == 1 else 'characters'}"
        if self.encoding is None:
            return characters
        if self.tokens is None:
            return f"{characters}; tokens are not counted, since tiktoken has not fetched {self.encoding} yet"
        return f"{characters}, {self.tokens:,} {'token' if self.tokens == 1 else 'tokens'} ({self.encoding})"


def prompt_size(text: str, model: str | None) -> PromptSize:
    """The size of a text as a model of that name reads it, without what the API puts around it."""
    try:
        tiktoken: Any = importlib.import_module("tiktoken")
        loading: Any = importlib.import_module("tiktoken.load")
    except ImportError:
        return PromptSize(len(text))
    name = _encoding(tiktoken, model)
    fetch = loading.read_file
    loading.read_file = _refuse  # it would be asked for what is not in the cache
    try:
        encoding = tiktoken.get_encoding(name)
    except _NotAtHandError:
        return PromptSize(len(text), None, name)
    finally:
        loading.read_file = fetch
    return PromptSize(len(text), len(encoding.encode(text, disallowed_special=())), name)


def _encoding(tiktoken: Any, model: str | None) -> str:
    try:
        return str(tiktoken.encoding_name_for_model(model)) if model else USUAL
    except KeyError:
        return USUAL


class _NotAtHandError(Exception):
    """The table of an encoding is not in tiktoken's cache."""


def _refuse(path: str) -> NoReturn:
    raise _NotAtHandError(path)
