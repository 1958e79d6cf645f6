"""What became of the files of one step, in the eight numbers that an ingestion is reported with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from retinue.model.canonical import RECORDED_SHA
from retinue.model.steps import FileAction, FileChange

_COUNTED: dict[FileAction, str] = {
    "add": "new",
    "attach": "new",
    "wait": "new",
    "replace": "content_changed",
    "attributes": "attributes_changed",
    "move": "moved",
}


class SyncCounts(NamedTuple):
    """`scanned` files are declared, and each is one of the others; what was `deleted` is declared no more. What is only
    cut in another way is `content_changed`, what has another path is `moved`, and what is as it was is `skipped`."""

    scanned: int = 0
    new: int = 0
    content_changed: int = 0
    attributes_changed: int = 0
    moved: int = 0
    deleted: int = 0
    failed: int = 0
    skipped: int = 0


def sync_counts(files: Sequence[FileChange], declared: Collection[str], failures: Collection[str]) -> SyncCounts:
    """The numbers of a step that came to its end, of the paths that are `declared`. `failures` are those that could not
    be brought in: then nothing is deleted."""
    done = [each for each in files if each.path not in failures]
    gone = [] if failures else [each for each in done if each.is_loss]
    moved = _moved([each for each in done if each.action == "add"], gone)
    counts = Counter(_COUNTED[each.action] for each in done if each.action in _COUNTED)
    counts["new"] -= moved
    changed = sum(counts.values()) + moved
    gone_for_good = len(gone) - moved
    counts["moved"] += moved
    failed = len(failures)
    missed = sum(1 for path in failures if path in declared)
    left = len(declared) - changed - missed
    return SyncCounts(len(declared), **counts, deleted=gone_for_good, failed=failed, skipped=left)


def _moved(added: Iterable[FileChange], gone: Iterable[FileChange]) -> int:
    """How many of the files that went stand under another path, by the digits that are known of every digest."""
    contents = Counter(each.after.sha256[:RECORDED_SHA] for each in added if each.after)
    went = Counter(each.before.sha256[:RECORDED_SHA] for each in gone if each.before)
    return (contents & went).total()


def in_all(counts: Iterable[SyncCounts]) -> SyncCounts:
    """The sum of several."""
    return SyncCounts(*(sum(numbers) for numbers in zip(*counts, strict=True)))
