"""An upload without an answer is looked for, and what somebody else uploaded meanwhile is never taken for it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue.emulator.server.quirks import Quirks
from retinue.errors import RetinueError
from tests.support.faults import CutAfter
from tests.support.random_faults import RandomFaults
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


# ── what an apply left that could not go on ───────────────────────────────────────────────────────────────────────────


class RefusesToAttach(httpx2.BaseTransport):
    """Takes files and attaches none, until somebody calls it a day."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST" and request.url.path.startswith("/v1/vector_stores/vs_"):
            body = json.loads(request.content)
            if "file_id" in body or "files" in body or "file_ids" in body:
                error = {"message": "Not today", "type": "server_error", "param": None, "code": None}
                return httpx2.Response(501, json={"error": error}, request=request)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


def in_a_fresh_clone(team: Team) -> None:
    team.forget_memory()
    team.time.now += 3600


def uploaded(team: Team) -> list[str]:
    return sorted(each["id"] for each in team.listed("/files"))


def test_what_a_failed_apply_uploaded_is_used_by_the_next_on_another_machine(team: Team) -> None:
    """Pipelines throw their machines away, also when an apply ended in order and without success."""
    assert not team.apply(RefusesToAttach).converged
    (left,) = uploaded(team)
    in_a_fresh_clone(team)
    assert team.apply().converged
    assert uploaded(team) == ours(team) == [left]
    assert all(each["metadata"]["retinue.lease"] == "" for each in team.markers())


def test_a_second_apply_that_fails_does_not_forget_what_the_first_left(team: Team) -> None:
    team.apply(lambda inner: CutAfter(inner, "POST /files"))
    (left,) = uploaded(team)
    in_a_fresh_clone(team)
    # It gets its lease, looks for what was left, and no further.
    assert not team.apply(lambda inner: CutAfter(inner, "GET /files")).converged
    in_a_fresh_clone(team)
    assert team.apply().converged
    assert uploaded(team) == ours(team) == [left]


def test_an_upload_of_moments_ago_is_asked_for_again_before_it_is_given_up(team: Team) -> None:
    team.quirks = Quirks(read_after_create_404=2)
    team.apply(lambda inner: CutAfter(inner, "POST /files"))
    team.apply()
    assert team.apply().converged
    assert uploaded(team) == ours(team)


def test_the_same_content_under_another_name_is_another_file(team: Team) -> None:
    """Citations show the name that a file was uploaded under."""
    team.apply(lambda inner: CutAfter(inner, "POST /files"))
    team.write("s.yaml", "vector_stores:\n  kb:\n    name: ours\n    files: [costs.md]\n")
    team.write("costs.md", CONTENT)
    assert team.apply().converged
    assert [each["filename"] for each in team.listed("/files")] == ["costs.md"]


def test_an_upload_that_is_known_twice_is_used_once(tmp_path: Path) -> None:
    """The journal and the lease that was not given back tell of the same one. A store holds a file once, so that of two
    paths with the same content one would have been left out without a word."""
    team = Team(tmp_path, checked=False)
    team.write("s.yaml", "vector_stores: {kb: {name: kb, files: [one/a.md, two/a.md]}}\n")
    for folder in ("one", "two"):
        team.write(f"{folder}/a.md", "# Same\n")
    with suppress(RetinueError):
        team.apply(lambda inner: CutAfter(inner, "POST /files"))
    team.time.now += 3600
    assert team.apply().converged
    (attached,) = team.state()["attached"].values()
    assert sorted(each["attributes"]["retinue.path"] for each in attached) == ["one/a.md", "two/a.md"]
    assert len(team.listed("/files")) == 2


def test_an_upload_that_no_list_shows_yet_is_looked_for_until_one_must(team: Team) -> None:
    """Lists were seen to lag six seconds behind: who is killed and starts again at once comes sooner."""
    team.apply(lambda inner: CutAfter(inner, "POST /files"))
    made = {each["id"]: 0.0 for each in (*team.markers(), *team.listed("/vector_stores"))}
    (left,) = uploaded(team)
    made[left] = team.time.now
    lagging: Any = lambda inner: RandomFaults(inner, random.Random(0), team.time, lag=6.0, made=made, rate=0.0)  # noqa: E731
    assert team.apply(lagging).converged
    assert uploaded(team) == ours(team) == [left]
