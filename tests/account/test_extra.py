"""`extra`: what a later version of the API may take is passed on, compared and owned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue import engine
from retinue.kinds import all_kinds
from tests.support.forms import is_versioned
from tests.support.team import Team

DECLARED = """\
assistants:
  tutor:
    model: gpt-4o
    tools: [code_interpreter]
    extra: {EXTRA}
"""


class Growing(httpx2.BaseTransport):
    """A server of next year: it keeps `mood` and the tool `telepathy` for those who ask for them."""

    def __init__(self, inner: httpx2.BaseTransport, kept: dict[str, dict[str, Any]]) -> None:
        self.inner = inner
        self.kept = kept

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = json.loads(request.read()) if request.method == "POST" else {}
        new = {key: asked.pop(key) for key in ("mood",) if key in asked}
        tools = [each for each in asked.get("tools", []) if each["type"] == "telepathy"]
        if "tools" in asked:
            asked["tools"] = [each for each in asked["tools"] if each not in tools]
            new["tools"] = tools
        if asked or new:
            headers = {key: value for key, value in request.headers.items() if key != "content-length"}
            request = httpx2.Request(request.method, request.url, headers=headers, json=asked)
        answer = self.inner.handle_request(request)
        answer.read()
        body = answer.json()
        for each in body.get("data", [body]):
            if each.get("object") == "assistant":
                kept = self.kept.setdefault(each["id"], {})
                if request.method == "POST":
                    kept.update(new)
                each["tools"] = [*each["tools"], *kept.get("tools", [])]
                each.update({"mood": kept["mood"]} if kept.get("mood") is not None else {})
        return httpx2.Response(answer.status_code, json=body, request=request)

    def close(self) -> None:
        self.inner.close()


class Server:
    """One team on that server."""

    def __init__(self, root: Path) -> None:
        self.team = Team(root, checked=False)
        self.kept: dict[str, dict[str, Any]] = {}

    def declare(self, extra: str) -> None:
        self.team.write("tutor.yaml", DECLARED.replace("{EXTRA}", extra))

    def wrap(self, inner: httpx2.BaseTransport) -> Growing:
        return Growing(inner, self.kept)

    def plan(self) -> Any:
        with self.team.session(self.wrap) as session:
            return engine.plan(session)

    def apply(self) -> engine.Applied:
        return self.team.apply(self.wrap)


def test_further_fields_are_passed_on_compared_and_taken_back(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.declare("{mood: {level: 3}}")
    assert server.apply().converged
    (kept,) = server.kept.values()
    assert kept["mood"] == {"level": 3}
    server.declare("{mood: {level: 4}}")
    (change,) = server.plan().steps[0].changes
    assert (change.path, change.before, change.after) == (("extra", "mood"), {"level": 3}, {"level": 4})
    assert change.cause == "config"
    assert server.apply().converged
    kept["mood"] = {"level": 9}
    assert server.plan().steps[0].causes == {"drift"}
    assert server.apply().converged
    server.declare("{}")
    assert server.apply().converged
    assert kept["mood"] is None


def test_a_further_field_that_nobody_declared_is_not_touched(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.declare("{}")
    assert server.apply().converged
    (kept,) = server.kept.values()
    kept["mood"] = {"level": 1}
    assert server.plan().empty


def test_tools_of_unknown_types_are_passed_on_and_compared(tmp_path: Path) -> None:
    server = Server(tmp_path)
    tool = {"type": "telepathy", "telepathy": {"range": "long"}}
    server.declare("{tools: [{type: telepathy, telepathy: {range: long}}]}")
    assert server.apply().converged
    (kept,) = server.kept.values()
    assert kept["tools"] == [tool]
    kept["tools"] = [{**tool, "telepathy": {"range": "short"}}]
    (change,) = server.plan().steps[0].changes
    assert (change.path[:2], change.cause) == (("tools", "telepathy"), "drift")
    assert server.apply().converged
    server.declare("{}")
    assert server.apply().converged
    assert kept["tools"] == []


@pytest.mark.parametrize("name", ["model", "id", "metadata", "tool_resources"])
def test_what_has_a_field_is_refused(tmp_path: Path, name: str) -> None:
    server = Server(tmp_path)
    server.declare(f"{{{name}: {{}}}}")
    _, found = engine.check(engine.Where(tmp_path, environ={}))
    assert [each.code for each in found] == ["misplaced-field"]


def test_every_kind_with_a_body_takes_further_fields() -> None:
    kinds = [kind for kind in all_kinds().values() if kind.stored and not is_versioned(kind)]
    assert [kind.name for kind in kinds if not any(each.rest for each in kind.fields)] == []
