"""A large file is sent in parts, side by side, and is journalled, checked and counted like any other."""

from __future__ import annotations

import hashlib
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue import engine
from retinue.model.canonical import as_uploaded
from retinue.model.values import FileRef
from retinue.planning.policy import Approval
from retinue.providers.openai.file_source import BLOCK, FileSource
from tests.support.faults import Answers, CutAfter
from tests.support.team import Team, Wrap

PART = 2 * BLOCK
BIG = "".join(f"Line {number}.\r\n" for number in range(30_000))


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path)
    team.write("s.yaml", "vector_stores:\n  kb:\n    files: [big.md, small.md]\n")
    (tmp_path / "big.md").write_bytes(BIG.encode())
    team.write("small.md", "Small.\n")
    return team


def apply(team: Team, wrap: Wrap = lambda inner: inner) -> engine.Applied:
    """An apply to an account that takes much smaller parts."""
    with team.session(wrap) as session:
        session.account.part_size = PART
        return engine.apply(session, engine.plan(session), approval=Approval(person=True))


def content(team: Team) -> bytes:
    """What the account has of the large file."""
    (file,) = [each for each in team.listed("/files") if each["filename"] == "big.md"]
    blob = next(each for each in team.account_directory.rglob(f"*{file['id']}*") if each.is_file())
    assert file["bytes"] == blob.stat().st_size
    return blob.read_bytes()


def failures(applied: engine.Applied) -> dict[str, str]:
    return {path: why for event in applied.events for path, why in event.failures.items()}


def test_it_arrives_whole_in_parts_and_a_small_one_at_once(team: Team) -> None:
    assert apply(team).converged
    assert content(team) == as_uploaded("big.md", BIG.encode())
    sent = [each for each in team.calls if each.startswith("POST /uploads") or each == "POST /files"]
    parts = [each for each in sent if each.endswith("/parts")]
    assert len(parts) == -(-len(content(team)) // PART) > 2
    assert len(sent) == len(parts) + 3, "one begun, one completed, one small file"
    assert not list((team.root / ".retinue").glob("files.*.jsonl"))


class Gathers(httpx2.BaseTransport):
    """Holds each part back until another one is under way."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.inner, self.together = inner, threading.Barrier(2)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/parts"):
            self.together.wait(timeout=20)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


def test_parts_are_under_way_side_by_side(team: Team) -> None:
    (team.root / "big.md").write_bytes(b"x" * (4 * PART))
    assert failures(apply(team, Gathers)) == {}


class Breaks(httpx2.BaseTransport):
    """Breaks the second part that is sent, once."""

    def __init__(self, inner: httpx2.BaseTransport, *, arrives: bool) -> None:
        self.inner, self.arrives, self.parts = inner, arrives, 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/parts"):
            self.parts += 1
            if self.parts == 2:
                if self.arrives:
                    self.inner.handle_request(request).read()
                raise httpx2.ReadError("the answer was lost", request=request)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


@pytest.mark.parametrize("arrives", [True, False])
def test_a_part_that_is_lost_is_sent_again_by_itself(team: Team, *, arrives: bool) -> None:
    assert apply(team, lambda inner: Breaks(inner, arrives=arrives)).converged
    assert content(team) == as_uploaded("big.md", BIG.encode())
    assert team.calls.count("POST /uploads") == 1


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_account_without_uploads_gets_it_as_a_whole(team: Team, status: int) -> None:
    (team.root / "other.md").write_bytes(BIG.encode() + b"other\r\n" * 1000)
    team.write("s.yaml", "vector_stores:\n  kb:\n    files: [big.md, other.md]\n")

    def unknown(request: httpx2.Request, _: httpx2.Response) -> httpx2.Response:
        return httpx2.Response(status, json={"error": {"message": "Not Found"}}, request=request)

    with team.session(lambda inner: Answers(inner, "POST /uploads", unknown)) as session:
        session.account.part_size, session.parallelism = PART, 1
        assert engine.apply(session, engine.plan(session), approval=Approval(person=True)).converged
    assert content(team) == as_uploaded("big.md", BIG.encode())
    assert team.calls.count("POST /uploads") == 1, "what it does not know it is not asked for again"


def test_what_the_account_refuses_to_take_in_parts_it_gets_as_a_whole(team: Team) -> None:
    def refuses(request: httpx2.Request, _: httpx2.Response) -> httpx2.Response:
        return httpx2.Response(400, json={"error": {"message": "Invalid 'mime_type'."}}, request=request)

    assert apply(team, lambda inner: Answers(inner, "POST /uploads", refuses)).converged
    assert content(team) == as_uploaded("big.md", BIG.encode())


class Changes(httpx2.BaseTransport):
    """The file changes when the first part has arrived, or when all have."""

    def __init__(self, inner: httpx2.BaseTransport, path: Path, when: str) -> None:
        self.inner, self.path, self.when = inner, path, when

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith(self.when):
            whole = self.path.read_bytes()
            self.path.write_bytes(whole[:-3] + b"!\r\n")
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


def test_nothing_of_a_file_that_changes_meanwhile_arrives(team: Team) -> None:
    path = team.root / "big.md"
    path.write_bytes(b"x" * (12 * PART))  # more than are under way at once
    applied = apply(team, lambda inner: Changes(inner, path, "/uploads"))
    assert failures(applied) == {"big.md": "'big.md' changed after the plan was made"}
    assert [each["filename"] for each in team.listed("/files")] == ["small.md"]
    assert any(each.endswith("/cancel") for each in team.calls)
    assert apply(team).converged
    assert content(team) == as_uploaded("big.md", path.read_bytes())


def damaged(team: Team) -> Callable[[httpx2.BaseTransport], httpx2.BaseTransport]:
    """Something on the way changes a part."""

    def change(inner: httpx2.BaseTransport) -> httpx2.BaseTransport:
        class Damages(httpx2.BaseTransport):
            def handle_request(self, request: httpx2.Request) -> httpx2.Response:
                if request.url.path.endswith("/parts"):
                    body = request.read().replace(b"Line 7.", b"Lime 7.")
                    request = httpx2.Request("POST", request.url, headers=request.headers, content=body)
                return inner.handle_request(request)

            def close(self) -> None:
                inner.close()

        return Damages()

    return change


def test_what_was_damaged_on_its_way_makes_no_file(team: Team) -> None:
    """The account holds the checksum of the whole against what arrived."""
    applied = apply(team, damaged(team))
    assert "md5" in failures(applied)["big.md"]
    assert [each["filename"] for each in team.listed("/files")] == ["small.md"]
    assert not list((team.root / ".retinue").glob("files.*.jsonl"))


CUTS = ["POST /uploads", "POST /uploads/[^/]+/parts", "POST /uploads/[^/]+/complete", "POST /vector_stores/.*"]


@pytest.mark.parametrize("last", CUTS)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "fresh clone"])
def test_whatever_is_the_last_request_the_next_apply_has_one_of_each(team: Team, last: str, elsewhere: bool) -> None:
    apply(team, lambda inner: CutAfter(inner, last))
    if elsewhere:
        team.forget_memory()
        team.time.now += 3600
    assert apply(team).converged
    assert sorted(each["filename"] for each in team.listed("/files")) == ["big.md", "small.md"]
    if last.endswith("complete"):
        assert "POST /uploads" not in team.calls, "the file is there, and is found"


def test_an_answer_to_the_completion_that_is_lost_makes_no_second_file(team: Team) -> None:
    def lost(request: httpx2.Request, _: httpx2.Response) -> httpx2.Response:
        raise httpx2.ReadError("the answer was lost", request=request)

    assert apply(team, lambda inner: Answers(inner, "POST /uploads/[^/]+/complete", lost)).converged
    assert len(team.listed("/files")) == 2


def test_an_answer_without_a_file_is_an_error_that_shows_it(team: Team) -> None:
    def odd(request: httpx2.Request, _: httpx2.Response) -> httpx2.Response:
        return httpx2.Response(200, json={"id": "upload_1", "object": "upload", "status": "completed"}, request=request)

    applied = apply(team, lambda inner: Answers(inner, "POST /uploads/[^/]+/complete", odd))
    assert applied.converged, "the file that was made is found"
    assert len(team.listed("/files")) == 2


pieces = st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"x" * (BLOCK - 1), b"y" * BLOCK, b"\r\n" * BLOCK])


@given(
    several=st.lists(pieces, max_size=8),
    name=st.sampled_from(["a.md", "a.bin"]),
    most=st.sampled_from([PART, 5 * BLOCK]),
)
def test_the_parts_are_the_file(
    several: list[bytes], name: str, most: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root, whole = tmp_path_factory.mktemp("parts"), b"".join(several)
    (root / name).write_bytes(whole)
    sent = as_uploaded(name, whole)
    file = FileRef(name, hashlib.sha256(sent).hexdigest(), len(sent))
    with FileSource(root, file) as source:
        parts, md5 = source.parts(most)
    read = []
    for part in parts:
        assert part.size <= most
        with FileSource(root, file, part) as content:
            assert content.seek(0, 2) == part.size
            content.seek(0)
            read.append(b"".join(iter(lambda content=content: content.read(999_983), b"")))  # type: ignore[misc]
    assert b"".join(read) == sent
    assert md5 == hashlib.md5(sent, usedforsecurity=False).hexdigest()


def test_memory_does_not_grow_with_the_parts(tmp_path: Path) -> None:
    whole = b"line\r\n" * 1_000_000
    (tmp_path / "a.txt").write_bytes(whole)
    sent = as_uploaded("a.txt", whole)
    file = FileRef("a.txt", hashlib.sha256(sent).hexdigest(), len(sent))
    del whole, sent
    tracemalloc.start()
    with FileSource(tmp_path, file) as source:
        parts, _ = source.parts(40 * BLOCK)
    for part in parts:
        with FileSource(tmp_path, file, part) as content:
            while content.read(BLOCK):
                pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10 * BLOCK


def test_a_user_of_another_purpose_sends_it_as_a_whole(team: Team) -> None:
    """The description of uploads names the purposes that they are for."""
    from retinue.providers.openai.part_uploads import send_parts

    file: Any = FileRef("big.md", "", 10**9)
    with team.session() as session, FileSource(team.root, file) as source:
        assert send_parts(session.account, team.root, source, "user_data") is None
    assert team.calls == []
