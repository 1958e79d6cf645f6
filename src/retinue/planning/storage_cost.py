"""Steps and what is live → about what the storage changes by that an account bills by size and day.

It bills what an object takes up once its files are indexed, text and index, which is known of indexed files only. Of
new content there is its size as a file, and what the same object made of its other files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from retinue.content.manifest import same_content
from retinue.kinds.kind import Kinds
from retinue.model.canonical import same
from retinue.model.live import Live
from retinue.model.steps import FileChange, Prices, Step, StorageChange, StoreChange
from retinue.model.values import Address


def storage_change(steps: Iterable[Step], live: Iterable[Live], kinds: Kinds, prices: Prices) -> StorageChange:
    """What carrying the steps out changes. Nothing is asked for it: what nobody read is not counted, and said to be."""
    known = {each.id: each for each in live if each.home is None}
    by_address: dict[Address, list[Step]] = {}
    for step in steps:
        if step.home is None and kinds[step.address.kind].store.billed:
            by_address.setdefault(step.address, []).append(step)
    stores = (_store_change(address, its, known, kinds) for address, its in sorted(by_address.items()))
    return StorageChange(prices, tuple(each for each in stores if each.added or each.removed or each.unknown))


class _Files(NamedTuple):
    """What changes of files makes: the sizes of new files in bytes, what is taken up by those that go, and how many
    changes are in neither."""

    new: int = 0
    removed: int = 0
    unknown: int = 0

    def plus(self, other: _Files) -> _Files:
        return _Files(self.new + other.new, self.removed + other.removed, self.unknown + other.unknown)


def _store_change(address: Address, steps: Sequence[Step], known: Mapping[str, Live], kinds: Kinds) -> StoreChange:
    """The steps of one address: of an object that is replaced, there are two."""
    pairs = [(step, known.get(step.id or "")) for step in steps]
    total = _Files()
    for step, live in pairs:
        if step.action == "delete" and live is not None and live.usage is not None:
            total = total.plus(_Files(removed=live.usage))  # with all that is in it, whosever
            continue
        usage = {each.id: each.usage for each in live.files} if live else {}
        for change in step.files:
            total = total.plus(_file_change(change, usage))
    if not total.new:
        return StoreChange(address, 0, total.removed, None, total.unknown)
    taken, size = _kept(pairs, kinds[address.kind].store.billed or "")
    if not size:
        return StoreChange(address, total.new, total.removed, "file_size", total.unknown)
    return StoreChange(
        address, (2 * total.new * taken + size) // (2 * size), total.removed, "usage_ratio", total.unknown
    )


def _file_change(change: FileChange, usage: Mapping[str, int | None]) -> _Files:
    before, after = change.before, change.after
    recut = change.action == "replace" and before and after and same_content(before.sha256, after.sha256)
    gone = [usage.get(each) for each in change.file_ids]
    if recut or change.action == "attach" or None in gone:
        return _Files(unknown=1)
    new = after.size if after and change.action in ("add", "replace") else 0
    return _Files(new, sum(each or 0 for each in gone))


def _kept(pairs: Sequence[tuple[Step, Live | None]], field: str) -> tuple[int, int]:
    """What files take up that are there and stay as they are, and their sizes, in bytes. An account does not tell the
    size of an attached file: it is that of the declared one with the same content."""
    wanted: Mapping[str, Any] = next((step.after[field] for step, _ in pairs if step.after and field in step.after), {})
    taken = size = 0
    for each in (file for _, live in pairs if live for file in live.files):
        entry = wanted.get(each.path or "", {})
        stays = same_content(each.sha256, entry.get("sha256", "")) and each.status == "completed"
        if stays and each.usage and (not each.chunking or same(each.chunking, entry["chunking"])):
            taken, size = taken + each.usage, size + entry["size"]
    return taken, size
