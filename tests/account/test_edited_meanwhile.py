"""Somebody edits an object right after it was written, before its writer looks at it: that is an edit, and not what the
account makes of what it is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from retinue.emulator.server.quirks import Quirks
from tests.support.team import Team

DECLARED = """\
assistants:
  clerk: {name: Clerk, model: gpt-4o, description: As declared., temperature: 0.25}
"""


class AfterWrite(httpx2.BaseTransport):
    """Once an assistant was written, somebody `edits` it; the answer arrives unless it is `lost`."""

    def __init__(self, inner: httpx2.BaseTransport, edit: Callable[[], None], *, lost: bool) -> None:
        self.inner, self.edit, self.lost, self.done = inner, edit, lost, False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self.inner.handle_request(request)
        if self.done or request.method != "POST" or not request.url.path.startswith("/v1/assistants"):
            return answer
        self.done = True
        answer.read()
        self.edit()
        if self.lost:
            raise httpx2.ReadError("the answer was lost", request=request)
        return answer


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """On an account that keeps one digit after the point, so that not all is kept as it was given."""
    team = Team(tmp_path, Quirks(decimals=1), checked=False)
    team.write("a.yaml", DECLARED)
    return team


def edit(team: Team) -> None:
    (raw,) = team.listed("/assistants")
    team.send("post", f"/assistants/{raw['id']}", {"description": "By hand."})


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
def test_an_edit_right_after_a_creation_is_drift(team: Team, *, lost: bool) -> None:
    applied = team.apply(lambda inner: AfterWrite(inner, lambda: edit(team), lost=lost))
    assert not applied.converged
    (step,) = team.plan().steps
    assert "description" in {change.field for change in step.changes}
    assert "drift" in step.causes


def test_an_edit_right_after_an_update_is_drift(team: Team) -> None:
    assert team.apply().converged
    team.write("a.yaml", DECLARED.replace("0.25", "0.35"))
    assert not team.apply(lambda inner: AfterWrite(inner, lambda: edit(team), lost=False)).converged
    (step,) = team.plan().steps
    assert {change.field for change in step.changes} == {"description"}
    assert "drift" in step.causes
