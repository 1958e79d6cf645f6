"""Which of several live objects with one address is kept."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from retinue.kinds import all_kinds
from retinue.model.declared import Declared, Position
from retinue.model.live import Live
from retinue.model.tag import Tag
from retinue.model.values import Address, Path, Ref
from retinue.planning.matching import name_live

OLD, NEW, SAMPLE = Address("vault", "old"), Address("vault", "new"), Address("credential", "sample")


class Nowhere:
    def at(self, path: Path, *, key: bool = False) -> Position:
        raise AssertionError("nothing is to be told")


def read(raw: dict[str, Any], tag: Tag, kind: str) -> Live:
    held = all_kinds()[kind].read(raw)
    return Live(raw["id"], kind, held, tag, born=raw["created_at"])


def test_the_object_that_was_made_in_the_declared_parent_is_kept() -> None:
    """A move to another parent, interrupted: the older object is where it is no longer wanted, and nothing else tells
    the two apart."""
    wanted = Declared(SAMPLE, {"vault_id": Ref(NEW)}, Nowhere())
    live = [
        read({"id": "vault_1", "created_at": 1}, Tag("test", OLD), "vault"),
        read({"id": "vault_2", "created_at": 2}, Tag("test", NEW), "vault"),
        read({"id": "cred_1", "created_at": 1, "vault_id": "vault_1"}, Tag("test", SAMPLE), "credential"),
        read({"id": "cred_2", "created_at": 2, "vault_id": "vault_2"}, Tag("test", SAMPLE), "credential"),
    ]
    for found in permutations(live):
        named = name_live(found, {SAMPLE: wanted}, all_kinds(), "test")
        assert named.owned[SAMPLE].id == "cred_2"
        assert [each.id for each in named.extra[SAMPLE]] == ["cred_1"]
