"""Models that end, from the command line: said where they are used, and a reason to stop for whoever wants it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from retinue import engine
from tests.cli.conftest import Shell
from tests.support.team import Wrap

WARNING = (
    "team.yaml:4:12: warning[model-shutdown]: gpt-4o shuts down on 2027-01-14, in 53 days; used by assistant.tutor"
)


def test_a_plan_warns_about_a_model_that_shuts_down(project: Shell) -> None:
    done = project("plan")
    assert WARNING in done.out.splitlines()
    assert done.code == 0


def test_a_plan_with_nothing_to_do_still_warns(project: Shell) -> None:
    assert project("apply", "--yes").code == 0
    done = project("plan", "--detailed-exitcode")
    assert WARNING in done.out.splitlines()
    assert done.code == 0


def test_programs_get_the_days_and_the_places(project: Shell) -> None:
    (warning,) = json.loads(project("plan", "--json").out)["warnings"]
    assert (warning["code"], warning["position"]["line"]) == ("model-shutdown", 4)
    assert warning["details"] == {
        "model": "gpt-4o",
        "listed": True,
        "owned_by": "system",
        "shutdown_date": "2027-01-14",
        "days_left": 53,
        "used_by": [{"address": "assistant.tutor", "file": "team.yaml", "line": 4}],
    }


def test_time_passes(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETINUE_TODAY", "2027-01-15")
    assert "warning[model-gone]: gpt-4o shut down on 2027-01-14, 1 day ago;" in project("plan").out
    monkeypatch.setenv("RETINUE_TODAY", "tomorrow")
    done = project("plan")
    assert (done.code, "RETINUE_TODAY" in done.err) == (64, True)


@pytest.mark.parametrize(
    ("condition", "stops"),
    [("model-shutdown", True), ("model-shutdown=53d", True), ("model-shutdown=52d", False), ("unknown-model", False)],
)
def test_fail_on_blocks_plan_and_apply_and_fails_validate(project: Shell, condition: str, stops: bool) -> None:
    planned = project("plan", "--fail-on", condition)
    assert planned.code == (4 if stops else 0)
    assert ("blocked: --fail-on" in planned.out) == stops
    checked = project("validate", "--online", "--fail-on", condition)
    assert checked.code == (1 if stops else 0)
    assert WARNING in checked.err
    applied = project("apply", "--yes", "--fail-on", condition)
    assert applied.code == (4 if stops else 0)
    assert len(project.team.listed("/assistants")) == (0 if stops else 1)


def test_fail_on_stops_an_apply_that_has_nothing_to_do(project: Shell) -> None:
    """A pipeline wants to know, whether or not something else changed today."""
    project("apply", "--yes")
    assert project("apply", "--yes", "--fail-on", "model-shutdown").code == 4


def test_conditions_may_be_repeated_and_must_make_sense(project: Shell) -> None:
    both = ("--fail-on", "unknown-model", "--fail-on", "model-shutdown=1w")
    assert project("plan", *both).code == 0
    assert "the code of a warning" in project("plan", "--fail-on", "nonsense").err
    assert project("plan", "--fail-on", "model-shutdown=soon").code == 64
    offline = project("validate", "--fail-on", "model-gone")
    assert (offline.code, "--online" in offline.err) == (64, True)


def test_other_warnings_can_fail_an_offline_check(project: Shell) -> None:
    project.write("unused.yaml", "functions: {lonely: {description: Nobody calls it.}}\n")
    assert project("validate").code == 0
    assert project("validate", "--fail-on", "unused-declaration").code == 1


def test_a_model_that_is_not_listed_is_a_warning_with_a_guess(project: Shell) -> None:
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", text.replace("gpt-4o", "gpt-6-lunar"))
    shown = project("plan").out
    assert "warning[unknown-model]: the account does not list the model gpt-6-lunar; used by assistant.tutor" in shown
    assert "hint: did you mean gpt-6-luna?" in shown
    assert project("plan", "--fail-on", "unknown-model").code == 4


def test_what_a_list_leaves_out_is_asked_for_by_name(project: Shell) -> None:
    """Snapshots and fine-tunes can be used without being listed, and have a date of their own."""
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", text.replace("gpt-4o", "ft:gpt-4o-2024-08-06:acme::abc"))
    assert "ft:gpt-4o-2024-08-06:acme::abc shuts down on 2027-01-14" in project("plan").out


# ── accounts that do not say ──────────────────────────────────────────────────────────────────────────────────────────


class Answering(httpx2.BaseTransport):
    """Answers requests for models in its own way, and passes all others on."""

    def __init__(self, inner: httpx2.BaseTransport, answer: Callable[[httpx2.Request], httpx2.Response]) -> None:
        self.inner = inner
        self.answer = answer

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self.answer(request) if "/models" in request.url.path else self.inner.handle_request(request)


def answering(status: int, body: Any) -> Wrap:
    return lambda inner: Answering(inner, lambda request: httpx2.Response(status, json=body, request=request))


def lost(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("lost", request=request)


@pytest.mark.parametrize(
    "wrap",
    [
        answering(404, {"error": {"message": "no such path"}}),
        answering(403, {"error": {"message": "missing scopes: api.model.read"}}),
        answering(500, {"error": {"message": "broken"}}),
        answering(200, {"object": "list", "data": []}),
        answering(200, {"models": "other"}),
        answering(200, ["gpt-4o"]),
        answering(200, {"data": [{"id": "gpt-4o", "object": "model"}]}),
        lambda inner: Answering(inner, lost),
    ],
    ids=["404", "403", "500", "empty", "other", "no object", "no dates", "lost"],
)
def test_an_account_that_does_not_say_is_planned_like_any_other(project: Shell, wrap: Wrap) -> None:
    with project.team.session(wrap) as session:
        made = engine.plan(session)
    assert (len(made.steps), made.warnings) == (2, ())


def test_a_plan_asks_once_and_only_where_a_model_is_declared(project: Shell) -> None:
    project.team.plan()
    assert [each for each in project.team.calls if "/models" in each] == ["GET /models"]
    project.write("team.yaml", "vector_stores: {handbook: {name: Handbook}}\n")
    project.team.plan()
    assert not [each for each in project.team.calls if "/models" in each]


def test_without_a_day_that_is_given_the_clock_of_the_account_counts(project: Shell) -> None:
    """The team's clock stands at 2026-11-18."""
    (warning,) = project.team.plan().warnings
    assert warning.details["days_left"] == 57


# ── retinue models ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_models_shows_what_is_used_first_and_fits_a_terminal(project: Shell) -> None:
    lines = project("models").out.splitlines()
    assert lines[:4] == [
        "MODEL          OWNER   SHUTS DOWN",
        "gpt-4o         system  2027-01-14, in 53 days",
        "  assistant.tutor  team.yaml:4",
        "gpt-5.6        system",
    ]
    assert max(map(len, lines)) <= 80


def test_models_shows_what_is_not_offered_before_all_else(project: Shell) -> None:
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", f"{text}agents: {{helper: {{model: nobody-9}}}}\n")
    lines = project("models").out.splitlines()
    assert lines[1].split() == ["nobody-9", "not", "offered", "by", "the", "account"]
    assert lines[2].split()[0] == "agent.helper"
    assert lines[3].split()[0] == "gpt-4o"


def test_models_as_json(project: Shell) -> None:
    document = json.loads(project("models", "--json").out)
    assert document["listed"] is True
    first, *others = document["models"]
    assert (first["model"], first["days_left"], first["used_by"][0]["address"]) == ("gpt-4o", 53, "assistant.tutor")
    assert others
    assert not any(each["used_by"] for each in others)
