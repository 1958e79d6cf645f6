"""What the search by meaning asks for: a vector for each text, and how much two have in common."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Sequence
from typing import Protocol, TypeAlias

Vector: TypeAlias = "array[float]"
"""32-bit numbers, of length 1: the product of two is the cosine between them."""


class EmbeddingError(Exception):
    """There are no vectors to be had; says why, naming model and endpoint."""


class Embedder(Protocol):
    """Gives vectors. Threads share it."""

    @property
    def name(self) -> str:
        """Whose vectors they are: those of two names have nothing in common."""

    def embed(self, texts: Sequence[str], stop: threading.Event, *, as_query: bool = False) -> list[Vector]:
        """A vector for each text, in their order; fewer once ``stop`` is set. Raises EmbeddingError."""


def unit_vector(numbers: Sequence[float]) -> Vector:
    """Scaled to length 1. Raises ValueError for what has no direction."""
    length = math.sqrt(math.fsum(each * each for each in numbers))
    if not math.isfinite(length) or not length:
        raise ValueError("it has no direction")
    return array("f", [each / length for each in numbers])
