"""A file is read while it is sent, and one that is not what the plan saw never arrives."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.errors import StaleError
from retinue.model.canonical import as_uploaded
from retinue.model.values import FileRef
from retinue.providers.openai.file_source import BLOCK, FileSource
from tests.support.team import Team

BIG = 5 * BLOCK


def source_of(root: Path, name: str, content: bytes) -> FileSource:
    (root / name).write_bytes(content)
    sent = as_uploaded(name, content)
    return FileSource(root, FileRef(name, hashlib.sha256(sent).hexdigest(), len(sent)))


pieces = st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\r\r\n", b"\0", b"x" * (BLOCK - 1), b"y" * BLOCK])


@given(parts=st.lists(pieces, max_size=6), name=st.sampled_from(["a.md", "a.bin"]), size=st.sampled_from([1, 7, BLOCK]))
def test_what_is_read_piece_by_piece_is_what_is_uploaded(
    parts: list[bytes], name: str, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = b"".join(parts)
    if size == 1 and len(content) > 100:
        size = 1000
    with source_of(tmp_path_factory.mktemp("source"), name, content) as source:
        for _ in range(2):  # a request may be sent again
            assert source.seek(0, 2) == len(as_uploaded(name, content))
            source.seek(0)
            read = b"".join(iter(lambda: source.read(size), b""))
            assert read == as_uploaded(name, content)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    with source_of(tmp_path, "a.txt", b"line\r\n" * 2_000_000) as source:
        tracemalloc.start()
        while source.read(BLOCK):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 10 * BLOCK


@pytest.mark.parametrize("change", ["last byte", "longer", "shorter", "gone"])
def test_a_file_that_changed_is_not_given_to_its_end(tmp_path: Path, change: str) -> None:
    content = b"a" * BIG
    with source_of(tmp_path, "a.bin", content) as source:
        read = source.read(BLOCK)
        if change == "gone":
            source.seek(0)
            read = b""
            (tmp_path / "a.bin").unlink()
        else:
            made = {"last byte": content[:-1] + b"b", "longer": content + b"a", "shorter": content[:-1]}[change]
            (tmp_path / "a.bin").write_bytes(made)
        rest: list[bytes] = []
        with pytest.raises(StaleError, match=r"'a\.bin' (changed after the plan was made|cannot be read)"):
            rest.extend(iter(lambda: source.read(BLOCK), b""))
        assert len(read) + sum(map(len, rest)) < BIG
        assert source.problem is not None


class ChangesOnTheWay(httpx2.BaseTransport):
    """The file changes when the first piece of it was read."""

    def __init__(self, inner: httpx2.BaseTransport, path: Path) -> None:
        self.inner, self.path = inner, path

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if (request.method, request.url.path) == ("POST", "/v1/files"):
            whole = request.stream
            assert isinstance(whole, httpx2.SyncByteStream)

            def pieces() -> Iterator[bytes]:
                for number, piece in enumerate(whole):
                    if number == 2:
                        self.path.write_bytes(b"b" * BIG)
                    yield piece

            request = httpx2.Request("POST", request.url, headers=request.headers, content=pieces())
        return self.inner.handle_request(request)


def test_nothing_of_a_file_that_changes_while_it_is_sent_arrives(tmp_path: Path) -> None:
    team = Team(tmp_path, checked=False)
    team.write("s.yaml", "vector_stores:\n  kb:\n    files: [kb/*.md]\n")
    team.write("kb/big.md", "a" * BIG)
    team.write("kb/small.md", "Small.\n")

    applied = team.apply(lambda inner: ChangesOnTheWay(inner, tmp_path / "kb" / "big.md"))
    (event,) = [each for each in applied.events if each.failures]
    assert event.failures == {"kb/big.md": "'kb/big.md' changed after the plan was made"}
    assert [each["filename"] for each in team.listed("/files")] == ["small.md"]
    assert not list((tmp_path / ".retinue").glob("files.*.jsonl")), "nothing is left to look for"
    assert team.apply().converged
    assert len(team.listed("/files")) == 2
