"""Which of several attached files stands for a path."""

from __future__ import annotations

from typing import Any

import pytest

from retinue.kinds import all_kinds
from retinue.model.declared import Declared, Position
from retinue.model.live import Live, LiveFile
from retinue.model.tag import Tag
from retinue.model.values import Address, Path
from retinue.planning.matching import Named
from retinue.planning.object_diff import compare

KIND = all_kinds()["vector_store"]
ADDRESS = Address("vector_store", "kb")
SMALL = {"max_chunk_size_tokens": 400, "chunk_overlap_tokens": 200}
LARGE = {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}


class Nowhere:
    """The places of a declaration that was never in a file."""

    def at(self, path: Path, *, key: bool = False) -> Position:
        return Position("a.yaml", 1, 1)


def attached(file_id: str, chunking: dict[str, int]) -> LiveFile:
    return LiveFile(file_id, "a.md", "0" * 16, "completed", 1_795_000_000, chunking=chunking)


@pytest.mark.parametrize("ids", [("file-a", "file-b"), ("file-b", "file-a")])
def test_of_two_files_of_one_second_the_one_with_the_declared_chunking_stays(ids: tuple[str, str]) -> None:
    """An apply that was cut off between attaching the new file and taking the old one out leaves both."""
    old, new = attached(ids[0], LARGE), attached(ids[1], SMALL)
    spec: dict[str, Any] = {"files": {"a.md": {"sha256": "0" * 16, "size": 3, "attributes": {}, "chunking": SMALL}}}
    tag = Tag("test", ADDRESS, flags=frozenset({"syncing"}))
    live = Named("test").translate(Live("vs_1", KIND.name, KIND.read({}), tag, files=(old, new)), KIND)
    found = compare(Declared(ADDRESS, spec, Nowhere()), live, KIND)
    [change] = found.files
    assert (change.action, change.file_ids) == ("remove", (old.id,))
