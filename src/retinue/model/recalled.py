"""What is known of files that were read before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple


class Recalled(NamedTuple):
    """What is known of several files, side by side: their paths, how large they were on disk, and their digests and
    sizes. `changed` says, when there is nothing else to do, of which of them that does not count, since they may be
    something else by now."""

    paths: Sequence[str]
    on_disk: Sequence[int]
    sha256s: Sequence[str]
    sizes: Sequence[int]
    changed: Callable[[], Collection[str]]
