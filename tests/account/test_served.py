"""Accounts that do not serve everything."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest

from retinue import engine
from retinue.errors import AccountError
from tests.support.team import Team


class Without(httpx2.BaseTransport):
    """An account that refuses one collection."""

    def __init__(self, inner: httpx2.BaseTransport, path: str, status: int) -> None:
        self.inner, self.path, self.status = inner, re.compile(path), status

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.path.search(request.url.path):
            error = {"message": "no such thing", "type": "invalid_request_error", "param": None, "code": None}
            return httpx2.Response(self.status, json={"error": error}, request=request)
        return self.inner.handle_request(request)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 501])
def test_what_nobody_declares_need_not_be_served(tmp_path: Path, status: int) -> None:
    team = Team(tmp_path)
    team.write("all.yaml", "vector_stores:\n  one: {}\n")
    with team.session(lambda inner: Without(inner, "/(skills|vaults|agents)$", status)) as session:
        assert len(engine.plan(session).steps) == 1


@pytest.mark.parametrize("status", [400, 404, 405, 410, 501])
def test_what_is_declared_must_be(tmp_path: Path, status: int) -> None:
    team = Team(tmp_path)
    team.write("charting/SKILL.md", "---\nname: charting\ndescription: Draws.\n---\n")
    team.write("all.yaml", "skills:\n  charting: {folder: charting}\n")
    wrap = lambda inner: Without(inner, "/skills$", status)  # noqa: E731
    said = "refuses to list" if status == 400 else "does not serve"
    with team.session(wrap) as session, pytest.raises(AccountError, match=f"{said} skills: no such thing") as caught:
        engine.plan(session)
    assert f"(HTTP {status} for GET /v1/skills)" in caught.value.message


def test_all_that_is_not_served_is_told_at_once_with_who_declares_it(tmp_path: Path) -> None:
    team = Team(tmp_path)
    team.write("all.yaml", "vaults:\n  keys: {name: Keys}\nagents:\n  one: {model: gpt-4o}\n  two: {model: gpt-4o}\n")
    wrap = lambda inner: Without(inner, "/(vaults|agents)$", 404)  # noqa: E731
    with team.session(wrap) as session, pytest.raises(AccountError) as caught:
        engine.plan(session)
    told = caught.value.message.split("\n")
    assert any("serve agents: no such thing" in each and "agent.one (all.yaml:4) and 1 more" in each for each in told)
    assert any("serve vaults: no such thing" in each and "vault.keys (all.yaml:2)" in each for each in told)
