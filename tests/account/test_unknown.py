"""The API grows weekly: what this version does not know is kept, shown, and never an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue import engine
from retinue.commands import show as looking
from retinue.errors import AccountError
from tests.support.team import Team

DECLARED = """\
assistants:
  tutor:
    model: gpt-4o
    tools: [code_interpreter]
"""


class Future(httpx2.BaseTransport):
    """A server of next year: assistants have a field and a tool that nobody has heard of, and it fills defaults in."""

    def __init__(self, inner: httpx2.BaseTransport, *, with_tool: bool) -> None:
        self.inner = inner
        self.with_tool = with_tool
        self.written: list[dict[str, Any]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            self.written.append(json.loads(request.read()))
        answer = self.inner.handle_request(request)
        answer.read()
        body = answer.json()
        for each in body.get("data", [body]):
            if each.get("object") == "assistant":
                each["mood"] = {"level": 3}
                each["tools"] = [{**tool, "future_option": 1} for tool in each["tools"]]
                if self.with_tool:
                    each["tools"].append({"type": "telepathy", "telepathy": {"range": "long"}})
        return httpx2.Response(answer.status_code, json=body, request=request)

    def close(self) -> None:
        self.inner.close()


def team_with(tmp_path: Path) -> Team:
    team = Team(tmp_path, checked=False)
    team.write("tutor.yaml", DECLARED)
    team.apply()
    return team


def test_unknown_fields_are_no_difference_and_are_shown(tmp_path: Path) -> None:
    team = team_with(tmp_path)
    with team.session(lambda inner: Future(inner, with_tool=False)) as session:
        assert engine.plan(session).empty
        assert looking.full(session, session.live[0])["mood"] == {"level": 3}


def test_an_unknown_tool_is_shown_as_drift_and_never_an_error(tmp_path: Path) -> None:
    team = team_with(tmp_path)
    with team.session(lambda inner: Future(inner, with_tool=True)) as session:
        made = engine.plan(session)
        (change,) = made.steps[0].changes
        assert change.path == ("tools", "telepathy")
        assert change.cause == "drift"
        assert change.before == {"telepathy": {"range": "long"}}


def test_an_update_of_something_else_leaves_the_unknown_alone(tmp_path: Path) -> None:
    """Only changed fields are written, so a tool that nobody here knows survives a new name."""
    team = team_with(tmp_path)
    team.write("tutor.yaml", DECLARED + "    name: Tutor\n")
    future: list[Future] = []

    def wrap(inner: httpx2.BaseTransport) -> Future:
        future.append(Future(inner, with_tool=False))
        return future[0]

    team.apply(wrap)
    body, *_ = [each for each in future[0].written if "retinue.marker" not in each["metadata"]]
    assert set(body) == {"name", "metadata"}


def test_an_update_of_the_tools_sends_back_what_is_unknown_about_them(tmp_path: Path) -> None:
    team = team_with(tmp_path)
    team.write("tutor.yaml", DECLARED.replace("[code_interpreter]", "[code_interpreter, file_search]"))
    future: list[Future] = []

    def wrap(inner: httpx2.BaseTransport) -> Future:
        future.append(Future(inner, with_tool=False))
        return future[0]

    team.apply(wrap)
    (body,) = [each for each in future[0].written if "tools" in each]
    assert body["tools"] == [{"future_option": 1, "type": "code_interpreter"}, {"type": "file_search"}]


def test_rewriting_a_tool_sends_back_what_is_unknown_about_it() -> None:
    from retinue.kinds import all_kinds

    field = all_kinds()["assistant"].field("tools")
    live = [
        {"type": "code_interpreter", "speed": "fast"},
        {"type": "file_search", "file_search": {"max_num_results": 3, "mode": "deep", "ranking_options": {"x": None}}},
        {"type": "function", "function": {"name": "f", "strict": False, "cached": True}},
    ]
    wanted = {"code_interpreter": {}, "file_search": {"max_num_results": 5}, "function/f": {}, "function/g": {}}
    assert field.carry_over is not None
    assert field.wire is not None
    assert field.carry_over(field.wire(wanted), live) == [
        {"type": "code_interpreter", "speed": "fast"},
        {"type": "file_search", "file_search": {"mode": "deep", "max_num_results": 5}},
        {"type": "function", "function": {"cached": True, "name": "f"}},
        {"type": "function", "function": {"name": "g"}},
    ]


def test_several_tools_of_one_unknown_type_stay_apart() -> None:
    from retinue.kinds import all_kinds

    for kind in ("assistant", "agent"):
        tools = all_kinds()[kind].field("tools").read({"tools": [{"type": "psi", "n": 1}, {"type": "psi", "n": 2}]}, ())
        assert tools == {"psi": {"n": 1}, "psi#2": {"n": 2}}


@pytest.mark.parametrize(("status", "code"), [(404, None), (403, None), (400, "invalid_beta"), (401, "missing_scope")])
def test_collections_that_nobody_uses_need_not_be_served(tmp_path: Path, status: int, code: str | None) -> None:
    """A key without the scopes of the Agents API, or an account without the beta, can plan everything else."""

    class WithoutAgents(httpx2.BaseTransport):
        def __init__(self, inner: httpx2.BaseTransport) -> None:
            self.inner = inner

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.url.path.startswith(("/v1/agents", "/v1/vaults")):
                body = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": code}}
                return httpx2.Response(status, json=body, request=request)
            return self.inner.handle_request(request)

        def close(self) -> None:
            self.inner.close()

    team = Team(tmp_path)
    team.write("tutor.yaml", DECLARED)
    with team.session(WithoutAgents) as session:
        assert len(engine.plan(session).steps) == 1
    team.write("agent.yaml", "agents: {helper: {model: gpt-6-astra}}")
    with team.session(WithoutAgents) as session, pytest.raises(AccountError):
        engine.plan(session)
