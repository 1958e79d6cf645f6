"""What the engine sends is what the SDK could have sent, and what it gets is what the SDK could have read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from retinue.engine import Applied
from retinue.kinds import all_kinds
from tests.laws.conftest import Sample, recorded
from tests.support.forms import form
from tests.support.sdk_types import TypedTransport
from tests.support.team import Wrap


def judged(change: Callable[[Wrap], Applied]) -> TypedTransport:
    """Apply or destroy before the eyes of the SDK's types."""
    judges: list[TypedTransport] = []

    def watch(inner: httpx2.BaseTransport) -> httpx2.BaseTransport:
        judges.append(TypedTransport(inner, recorded()))
        return judges[-1]

    assert change(watch).converged
    [judge] = judges
    assert not judge.problems, "\n".join(judge.problems)
    return judge


def test_every_exchange_is_of_the_sdks_types(sample: Sample, tmp_path: Path) -> None:
    team = sample.team(tmp_path)
    path = form(all_kinds()[sample.kind]).path
    seen: list[str] = []
    for variant in ("full", "edited", "replaced", "minimal", "full"):
        sample.declare(team, variant)
        seen += judged(team.apply).seen
    seen += judged(team.destroy).seen
    collection = path.partition("/{within}/")[2] or path.strip("/")
    for method in ("GET", "POST", "DELETE"):
        assert any(each.startswith(f"{method} ") and collection in each for each in seen), method


@pytest.mark.parametrize(
    ("method", "path", "sent", "problem"),
    [
        ("POST", "/agents", {"model": "gpt-5", "colour": "red"}, "request: 'colour' is not known"),
        ("POST", "/agents", {"model": 5}, "request: model: Input should be a valid string"),
        ("POST", "/agents", {}, "request: model: Field required"),
        ("POST", "/agents", {"model": "gpt-5", "tools": [{"type": "mcp"}]}, "request: "),
        ("PATCH", "/agents", {}, "the SDK has no such method"),
        ("POST", "/agents/automations/automation_1/pause", {"a": 1}, "the SDK sends no body"),
    ],
)
def test_the_judge_objects(method: str, path: str, sent: object, problem: str) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(204)

    judge = TypedTransport(httpx2.MockTransport(answer))
    headers = {"OpenAI-Beta": "agents=v1"}
    judge.handle_request(httpx2.Request(method, f"http://local.invalid/v1{path}", json=sent, headers=headers))
    assert any(problem in each for each in judge.problems), judge.problems


def test_the_judge_objects_to_an_answer() -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"id": "agent_1", "object": "agent", "colour": "red"})

    judge = TypedTransport(httpx2.MockTransport(answer))
    judge.handle_request(httpx2.Request("GET", "http://local.invalid/v1/agents/agent_1"))
    assert any("header OpenAI-Beta" in each for each in judge.problems)
    assert any("response: " in each and "Field required" in each for each in judge.problems), judge.problems
