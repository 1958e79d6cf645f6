"""What agents make for themselves is nobody's: neither planned, nor deleted, nor imported, whatever it carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue import engine
from retinue.providers.port import Wanted
from tests.support.team import Team

DECLARED = """\
agents:
  desk: {name: Desk, model: gpt-6-luna}
automations:
  daily: {name: Daily, expression: 0 9 * * *, timezone: UTC, agent: desk, input: Look around.}
"""


class MadeByAgents(httpx2.BaseTransport):
    """A server on which an agent has made the automations with that name."""

    def __init__(self, inner: httpx2.BaseTransport, name: str) -> None:
        self.inner = inner
        self.name = name
        self.written: list[str] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "GET":
            self.written.append(f"{request.method} {request.url.path}")
        answer = self.inner.handle_request(request)
        answer.read()
        body = answer.json()
        for each in body.get("data", [body]):
            if each.get("object") == "agent.automation" and each["name"] == self.name:
                each["created_by"] = {"type": "agent", "agent_id": each["target"]["agent_id"]}
        return httpx2.Response(answer.status_code, json=body, request=request)

    def close(self) -> None:
        self.inner.close()


def copied(team: Team) -> dict[str, Any]:
    """An automation that is like ours, its tag included."""
    [ours] = team.listed("/agents/automations")
    same = {part: ours[part] for part in ("type", "expression", "timezone", "metadata")}
    same["target"] = {part: value for part, value in ours["target"].items() if value is not None}
    return team.send("post", "/agents/automations", {**same, "name": "Mine"})


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path, checked=False)
    team.write("desk.yaml", DECLARED)
    assert team.apply().converged
    copied(team)
    return team


@pytest.mark.parametrize("declared", [DECLARED, DECLARED.split("automations:")[0]])
def test_an_automation_of_an_agent_is_not_touched(team: Team, declared: str) -> None:
    team.write("desk.yaml", declared)
    [theirs] = [each for each in team.listed("/agents/automations") if each["name"] == "Mine"]
    judge: list[MadeByAgents] = []

    def wrap(inner: httpx2.BaseTransport) -> MadeByAgents:
        judge.append(MadeByAgents(inner, "Mine"))
        return judge[0]

    assert team.apply(wrap).converged
    assert not any(theirs["id"] in each for each in judge[0].written)
    assert theirs in team.listed("/agents/automations")
    assert len(team.listed("/agents/automations")) == 1 + ("automations:" in declared)


def test_an_automation_of_an_agent_is_not_listed_nor_found(team: Team) -> None:
    [theirs] = [each for each in team.listed("/agents/automations") if each["name"] == "Mine"]
    with team.session(lambda inner: MadeByAgents(inner, "Mine")) as session:
        made = engine.plan(session)
        assert made.empty
        assert made.unowned == {}
        live = session.providers[None].snapshot(Wanted()).live
        assert theirs["id"] not in {each.id for each in live}
    assert not team.plan().empty  # to anybody else's eyes it has the address of ours
