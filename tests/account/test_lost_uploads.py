"""An upload without an answer is looked for, and what somebody else uploaded meanwhile is never taken for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.faults import CutAfter
from tests.support.team import Team

CONTENT = "# Prices\n\nAll of them.\n"


class Loses(httpx2.BaseTransport):
    """Loses the first upload, on its way there or back, after `meanwhile` was done."""

    def __init__(self, inner: httpx2.BaseTransport, meanwhile: Callable[[], object], *, arrives: bool) -> None:
        self.inner, self.meanwhile, self.arrives, self.done = inner, meanwhile, arrives, False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.done or (request.method, request.url.path) != ("POST", "/v1/files"):
            return self.inner.handle_request(request)
        self.done = True
        if self.arrives:
            self.inner.handle_request(request).read()
        self.meanwhile()
        raise httpx2.ReadError("the answer was lost", request=request)

    def close(self) -> None:
        self.inner.close()


def upload(team: Team) -> str:
    with team.client() as client:
        return client.files.create(file=("prices.md", CONTENT.encode()), purpose="assistants").id


def attach(team: Team) -> str:
    """Upload the same file, and hold it in a store."""
    file_id, store = upload(team), team.send("post", "/vector_stores", {"name": "theirs"})["id"]
    team.send("post", f"/vector_stores/{store}/files", {"file_id": file_id})
    return file_id


def give(team: Team) -> str:
    """Upload the same file, and give it to an assistant."""
    file_id = upload(team)
    resources = {"code_interpreter": {"file_ids": [file_id]}}
    body = {"model": "gpt-4o", "tools": [{"type": "code_interpreter"}], "tool_resources": resources}
    team.send("post", "/assistants", body)
    return file_id


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path)
    team.write("s.yaml", "vector_stores:\n  kb:\n    name: ours\n    files: [prices.md]\n")
    team.write("prices.md", CONTENT)
    return team


def ours(team: Team) -> list[str]:
    stores = [each["id"] for each in team.listed("/vector_stores") if each["name"] == "ours"]
    return [each["id"] for store in stores for each in team.listed(f"/vector_stores/{store}/files")]


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("they", [attach, give])
def test_what_somebody_else_holds_is_never_taken(team: Team, they: Callable[[Team], str], *, arrives: bool) -> None:
    taken: list[str] = []
    wrap: Any = lambda inner: Loses(inner, lambda: taken.append(they(team)), arrives=arrives)  # noqa: E731
    assert team.apply(wrap).converged
    assert len(ours(team)) == 1
    assert ours(team) != taken
    # What arrived was found, and not uploaded again.
    assert sorted(each["id"] for each in team.listed("/files")) == sorted([*ours(team), *taken])
    team.destroy()
    assert [each["id"] for each in team.listed("/files")] == taken


def test_of_two_that_nobody_holds_yet_none_is_taken(team: Team) -> None:
    theirs: list[str] = []
    wrap: Any = lambda inner: Loses(inner, lambda: theirs.append(upload(team)), arrives=True)  # noqa: E731
    assert team.apply(wrap).converged
    assert ours(team) != theirs
    assert len(team.listed("/files")) == 3


def test_what_was_lost_when_the_process_died_is_found_by_the_next(team: Team) -> None:
    team.apply(lambda inner: CutAfter(inner, "POST /files"))
    theirs = attach(team)
    assert team.apply().converged
    assert sorted(each["id"] for each in team.listed("/files")) == sorted([*ours(team), theirs])
