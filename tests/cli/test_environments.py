"""Environments of one project in one account: each has its own stack and its own overlay."""

from __future__ import annotations

import json
import subprocess

import pytest

from retinue.commands.init import read_pipelines
from tests.cli.conftest import Shell

PROJECT = "stack: test\ninclude: '*.yaml'\nenvironments: {staging: {}}\n"
VARIABLES = """\
stack: test
include: a.yaml
variables: {model: {type: string}}
environments:
  staging: {variables: {model: gpt-4o}}
  production: {variables: {model: gpt-6-luna}}
"""
OVERLAY = """\
assistants:
  tutor:
    model: gpt-6-luna
    tools:
      file_search: {max_num_results: 20}
      function/get_weather: null
functions:
  get_weather: null
"""


@pytest.mark.parametrize("command", ["show", "output", "open", "ask", "chat"])
def test_what_is_not_enabled_is_told_so_with_its_place(project: Shell, command: str) -> None:
    project.write("retinue.yaml", "stack: shop\ninclude: [more.yaml]\nenvironments: {staging: {}}\n")
    project.write("more.yaml", "assistants:\n  other: {model: gpt-4o}\n  wip:\n    model: gpt-4o\n    enabled: false\n")
    project("apply", "--yes")
    question = ("hi",) if command == "ask" else ()
    for name in ("assistant.wip", "wip") if command != "open" else ("assistant.wip",):
        done = project(command, name, *question)
        assert (done.code, done.out) == (64, "")
        assert "error: assistant.wip is not enabled in this environment (more.yaml:5)\n" in done.err


def test_two_environments_live_side_by_side_and_never_touch_each_other(project: Shell) -> None:
    project.write("retinue.yaml", PROJECT)
    project.write("environments/production.yaml", OVERLAY)
    assert project("apply", "--yes", "-e", "staging").code == 0
    made = project("apply", "--yes", "-e", "production")
    assert made.code == 0
    assert "stack test-production, environment production" in made.out
    for environment in ("staging", "production"):
        assert project("plan", "-e", environment, "--detailed-exitcode").code == 0
    models = sorted(each["model"] for each in project.team.listed("/assistants"))
    assert models == ["gpt-4o", "gpt-6-luna"]
    assert project("destroy", "--yes", "-e", "staging").code == 0
    assert [each["model"] for each in project.team.listed("/assistants")] == ["gpt-6-luna"]
    assert project("plan", "-e", "production", "--detailed-exitcode").code == 0


def test_what_a_pipeline_left_empty_is_missing_and_not_an_empty_text(
    project: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub gives an empty text for a variable that is not set, and for every one in a pull request from a fork."""
    project.write("retinue.yaml", "stack: test\ninclude: [tone.yaml]\n")
    project.write("tone.yaml", "assistants: {tone: {model: gpt-4o, name: '${{ env.TONE }}', instructions: [Hi.]}}\n")
    monkeypatch.setenv("TONE", "")
    for command in ("plan", "apply"):
        refused = project(command)
        assert refused.code == 1
        assert "error[unset-environment-variable]: the environment variable 'TONE' is empty" in refused.err
        assert "hint: run: export TONE=…" in refused.err
    assert project("validate").code == 0
    assert "name: TONE" in project("render").out
    monkeypatch.delenv("TONE")
    assert "'TONE' is not set" in project("validate").err


def test_every_environment_is_checked_at_once(project: Shell) -> None:
    """Mistakes of all of them once, the others with where they are; without one chosen, a variable has no value."""
    project.write("retinue.yaml", VARIABLES)
    project.write("a.yaml", "assistants: {tutor: {model: '${{ var.model }}', name: Tutor}}\n")
    assert project("validate").code == 1
    done = project("validate", "--all-environments")
    assert (done.code, done.out) == (0, "Valid: 1 object declared in staging, 1 object declared in production.\n")
    project.write("a.yaml", "assistants: {tutor: {model: '${{ var.model }}', nane: Tutor}}\n")
    project.write("environments/production.yaml", "assistants: {tutor: {temperature: hot}}\n")
    found = project("validate", "--all-environments")
    assert found.code == 1
    assert found.err.count("error[") == 2
    assert "unknown field 'nane'\n" in found.err
    assert "'temperature' is a string, but a number is expected (in production)\n" in found.err
    for other in (("-e", "staging"), ("--online",)):
        assert project("validate", "--all-environments", *other).code == 64


def test_a_project_without_environments_is_checked_as_it_is(project: Shell) -> None:
    done = project("validate", "--all-environments")
    assert (done.code, done.out) == (0, project("validate").out)


def test_a_plan_names_the_line_of_the_overlay_that_set_a_value(project: Shell) -> None:
    project.write("retinue.yaml", PROJECT)
    project.write("environments/production.yaml", "assistants: {tutor: {temperature: 0.5}}\n")
    assert project("apply", "--yes", "-e", "production").code == 0
    project.write("environments/production.yaml", OVERLAY)
    plan = " ".join(project("plan", "-e", "production").out.split())
    assert '~ model: "gpt-4o" -> "gpt-6-luna" environments/production.yaml:3' in plan
    assert "~ tools.file_search.max_num_results: 8 -> 20 environments/production.yaml:5" in plan
    assert "- tools.function/get_weather:" in plan
    assert "temperature: 0.5 -> 1.0 (back to the default)" in plan
    taken_out = "assistants: {tutor: null}\nfunctions: {get_weather: null}\n"
    project.write("environments/production.yaml", taken_out)
    assert "- assistant.tutor" in project("plan", "-e", "production").out


# ── which one is in force ─────────────────────────────────────────────────────────────────────────────────────────────

DEFAULT = "stack: test\ninclude: '*.yaml'\ndefault_environment: staging\nenvironments: {staging: {}, production: {}}\n"


def test_the_command_line_wins_over_the_variable_and_that_over_the_default(
    project: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("retinue.yaml", DEFAULT)

    def head(*options: str) -> str:
        return project("plan", *options).out.splitlines()[0]

    assert head() == "Account local, stack test-staging, environment staging (the default)"
    assert head("-e", "staging") == "Account local, stack test-staging, environment staging"
    monkeypatch.setenv("RETINUE_ENVIRONMENT", "production")
    assert head() == "Account local, stack test-production, environment production (by RETINUE_ENVIRONMENT)"
    assert head("-e", "staging") == "Account local, stack test-staging, environment staging"
    monkeypatch.setenv("RETINUE_ENVIRONMENT", "")  # as pipelines leave it
    assert head() == "Account local, stack test-staging, environment staging (the default)"


def test_every_command_obeys_and_says_so(project: Shell) -> None:
    """On stdout where there is a head, else on stderr: ids and answers are data."""
    project.write("retinue.yaml", DEFAULT)
    assert project("apply", "--yes").code == 0
    for command in ("plan", "drift", "render", "doctor"):
        assert "staging (the default)" in project(command).out, command
    assert project("validate").out == "Valid: 2 objects declared in staging (the default).\n"
    asking = ("ask", "tutor", "hi"), ("output",), ("show",), ("gc",), ("models",), ("import", "--scan")
    for words in asking:
        done = project(*words)
        assert (done.code, "environment staging (the default)\n" in done.err) == (0, True), words
    assert "(the default)" not in project("output", "-e", "staging").err
    assert project("migrate", "--to", "responses", "--dry-run").code == 0
    assert json.loads(project("plan", "--json").out)["environment_from"] == "default"
    assert "environment_from" not in json.loads(project("plan", "--json", "-e", "staging").out)
    assert json.loads(project("drift", "--format", "json").out)["environment_from"] == "default"


@pytest.mark.parametrize(
    "settings", ["require_environment: true\nenvironments: {a: {}, b: {}}\n", "environments: required\n"]
)
def test_a_project_may_require_one_to_be_chosen(project: Shell, monkeypatch: pytest.MonkeyPatch, settings: str) -> None:
    project.write("retinue.yaml", f"stack: test\ninclude: '*.yaml'\n{settings}")
    project.write("environments/a.yaml", "assistants: {tutor: {temperature: 0.5}}\n")
    project.write("environments/b.yaml", "assistants: {tutor: {temperature: 0.5}}\n")
    for words in (("plan",), ("validate",), ("render",), ("ask", "tutor", "hi"), ("doctor",), ("serve",), ("console",)):
        refused = project(*words)
        assert refused.code == 1, words
        told = refused.out if words == ("doctor",) else refused.err
        assert ("1 error in the declarations" if words == ("doctor",) else "error[environment-required]") in told, words
    assert "hint: choose one, such as -e a; or set RETINUE_ENVIRONMENT" in project("plan").err
    assert project("plan", "-e", "b").code == 0
    assert project("validate", "--all-environments").code == 0
    monkeypatch.setenv("RETINUE_ENVIRONMENT", "a")
    assert project("plan").code == 0
    monkeypatch.setenv("RETINUE_ENVIRONMENT", "c")
    assert "there is no environment 'c', which RETINUE_ENVIRONMENT names" in project("plan").err


def test_a_default_must_be_there_and_excludes_that_one_is_required(project: Shell) -> None:
    project.write("retinue.yaml", DEFAULT.replace("default_environment: staging", "default_environment: stagign"))
    refused = project("plan", "-e", "production")
    assert "retinue.yaml:3:22: error[unknown-environment]: there is no environment 'stagign'" in refused.err
    assert "did you mean 'staging'?" in refused.err
    project.write("retinue.yaml", DEFAULT + "require_environment: true\n")
    refused = project("plan", "-e", "production")
    assert "error[misplaced-field]: where an environment has to be chosen, there is no default one" in refused.err


def test_revisions_are_compared_in_the_environment_in_force(project: Shell) -> None:
    project.write("retinue.yaml", DEFAULT.replace("default_environment: staging\n", ""))
    git(project, "init", "--quiet", "--initial-branch", "main")
    git(project, "add", ".")
    git(project, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "x")
    project.write("retinue.yaml", DEFAULT)
    done = project("diff", "--base", "main")
    assert done.out.splitlines()[:2] == [
        "From main  stack test-staging, environment staging (the default)",
        "To   the working tree  stack test-staging, environment staging (the default)",
    ]


def git(project: Shell, *words: str) -> None:
    subprocess.run(["git", "-C", str(project.team.root), *words], check=True)


def test_pipelines_are_named_after_the_project_whatever_the_default_is(project: Shell) -> None:
    project.write("retinue.yaml", DEFAULT.replace("environments: {", "account: openai\nenvironments: {"))
    with_default = read_pipelines(project.team.root, {})
    project.write("retinue.yaml", DEFAULT.replace("default_environment: staging\n", "account: openai\n"))
    assert read_pipelines(project.team.root, {}) == with_default
