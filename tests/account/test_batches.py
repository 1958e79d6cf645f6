"""Servers that do not attach files in batches: ignored, unknown, refused, or answered with something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.team import Team

BATCH = "/file_batches"


class Batches(httpx2.BaseTransport):
    """Answers requests for batches by itself; the account hears of those that it passes on."""

    def __init__(self, inner: httpx2.BaseTransport, answer: Callable[[httpx2.Request, Any], httpx2.Response]) -> None:
        self.inner, self.answer = inner, answer

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST" and request.url.path.endswith(BATCH):
            return self.answer(request, self.inner)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


def batch(**more: Any) -> str:
    return json.dumps({"id": "vsfb_1", "object": "vector_store.file_batch", "created_at": 1, **more})


def counts(total: Any) -> dict[str, Any]:
    return {"in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0, "total": total}


def first_only(request: httpx2.Request, inner: httpx2.BaseTransport) -> httpx2.Response:
    """Attaches one file, and counts one."""
    body = json.loads(request.content)
    fewer = httpx2.Request(
        "POST",
        request.url,
        headers={name: value for name, value in request.headers.items() if name != "content-length"},
        json={"files": body["files"][:1]},
    )
    return inner.handle_request(fewer)


def says(content: str, status: int = 200) -> Callable[[httpx2.Request, Any], httpx2.Response]:
    return lambda request, _: httpx2.Response(status, content=content, request=request)


SERVERS = {
    "ignored": says(batch(status="completed", file_counts=counts(0))),
    "ignored, not done yet": says(batch(status="in_progress", file_counts=counts(0))),
    "not counted": says(batch(status="completed")),
    "counted as a text": says(batch(status="completed", file_counts=counts("3"))),
    "some of them": first_only,
    "not found": says('{"error": {"message": "Not Found"}}', 404),
    "not found, in HTML": says("<html>Not Found</html>", 404),
    "not allowed": says('{"detail": "Method Not Allowed"}', 405),
    "not implemented": says("", 501),
    "refused": says('{"error": {"message": "files are not supported"}}', 400),
    "not understood": says('{"detail": [{"msg": "field required"}]}', 422),
    "nothing": says("{}"),
    "a web page": says("<!doctype html><title>Welcome</title>"),
    "broken": says('{"error": {"message": "list index out of range"}}', 500),
}


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_files_are_attached_one_by_one_where_batches_do_nothing(server: Any, tmp_path: Path) -> None:
    team = Team(tmp_path, checked=False, retries=1)
    team.write("s.yaml", "vector_stores:\n  kb:\n    files: [kb/*.md]\n  more:\n    files: [more/*.md]\n")
    for name in ("kb/one", "kb/two", "kb/three", "more/four"):
        team.write(f"{name}.md", f"# {name}\n")
    before = team.time.now
    applied = team.apply(lambda inner: Batches(inner, server))
    assert applied.converged, [each.error or each.failures for each in applied.events]
    assert team.time.now - before < 60, "it waited for what never comes"
    stores = [team.listed(f"/vector_stores/{each['id']}/files") for each in team.listed("/vector_stores")]
    assert sorted(each["attributes"]["retinue.path"] for files in stores for each in files) == [
        "kb/one.md",
        "kb/three.md",
        "kb/two.md",
        "more/four.md",
    ]
    assert len(team.listed("/files")) == 4


def test_one_file_that_is_refused_keeps_none_of_the_others_out(tmp_path: Path) -> None:
    class Picky(httpx2.BaseTransport):
        """Refuses whatever has the file of two."""

        def __init__(self, inner: httpx2.BaseTransport) -> None:
            self.inner = inner

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            below = "/vector_stores/" in request.url.path
            attaching = below and request.method == "POST" and request.url.path.endswith(("/files", BATCH))
            if attaching and b"kb/two.md" in request.content:
                error = {"message": "File type not supported", "type": "invalid_request_error"}
                return httpx2.Response(400, json={"error": error}, request=request)
            return self.inner.handle_request(request)

        def close(self) -> None:
            self.inner.close()

    team = Team(tmp_path, checked=False, retries=1)
    team.write("s.yaml", "vector_stores:\n  kb:\n    files: [kb/*.md]\n")
    for name in ("one", "two", "three"):
        team.write(f"kb/{name}.md", f"# {name}\n")
    applied = team.apply(Picky)
    assert not applied.converged
    (failures,) = [event.failures for event in applied.events if event.failures]
    assert list(failures) == ["kb/two.md"]
    assert failures["kb/two.md"].startswith("File type not supported (HTTP 400 for POST /v1/vector_stores/vs_")
    (store,) = team.listed("/vector_stores")
    assert len(team.listed(f"/vector_stores/{store['id']}/files")) == len(team.listed("/files")) == 2
    assert team.apply().converged
    assert len(team.listed("/files")) == 3


def test_one_request_attaches_many_where_batches_work(tmp_path: Path) -> None:
    team = Team(tmp_path)
    team.write("s.yaml", "vector_stores:\n  kb:\n    files: [kb/*.md]\n")
    for name in ("one", "two", "three"):
        team.write(f"kb/{name}.md", f"# {name}\n")
    with team.session() as session:
        from retinue import engine
        from retinue.planning.policy import Approval

        engine.apply(session, engine.plan(session), approval=Approval(person=True))
        attaching = [each for each in team.calls if each.startswith("POST ") and each.endswith(("/files", BATCH))]
    assert [each.rpartition("/")[2] for each in attaching] == ["files", "files", "files", "file_batches"]
