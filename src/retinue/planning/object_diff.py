"""One declared and one live object → what differs, who moved it, and what has to be written."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from retinue.kinds.fields import Comparison
from retinue.kinds.kind import Kind
from retinue.model.declared import Declared
from retinue.model.live import Live
from retinue.model.tag import PROTECT, SYNCING, on_delete
from retinue.model.values import Address


def compare(
    declared: Declared,
    live: Live,
    kind: Kind,
    missing: Collection[Address] = (),
    *,
    former: Mapping[Address, Address] | None = None,
) -> Comparison:
    """Compare what is declared with a live object under names; only fields declared now or before count.

    `missing` are the declared addresses that have no live object: a reference to one that is lost is nobody's edit.
    `former` are the old addresses of what is renamed, which the last apply knew it by.
    """
    found = Comparison(declared, live, kind.store.rendered, missing, former or {})
    for name, wanted in declared.lifecycle.heeded(declared.spec).items():
        kind.field(name).compare(wanted, found)
    if live.tag is not None:
        for name in sorted(kind.store.unset_names(kind.fields, live.tag)):
            if name not in declared.spec and kind.has(name) and not declared.lifecycle.ignores(name):
                kind.field(name).compare_unset(found)
    for each in kind.fields:
        each.compare_keys(found)
        each.compare_content(found)
    _compare_lifecycle(declared, live, found)
    return found


def _compare_lifecycle(declared: Declared, live: Live, found: Comparison) -> None:
    """What the tag says of it, where that is not what the declaration does."""
    flags = live.tag.flags if live.tag else frozenset()
    found.unfinished = SYNCING in flags
    for name, before, after in (
        ("on_delete", on_delete(live.tag), declared.lifecycle.on_delete),
        ("protect", PROTECT in flags, declared.lifecycle.protect),
    ):
        if before != after:
            found.note(("lifecycle", name), before, after, "config", ("lifecycle",))
