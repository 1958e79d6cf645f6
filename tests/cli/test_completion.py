"""What a shell offers: from files only, whatever is wrong with them, quickly, and as a real shell gets it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from retinue.cli import retinue
from retinue.cli.completion import MOST, SHELLS, respond
from retinue.commands.name_scan import NameScan, kind_of
from retinue.kinds import all_kinds
from retinue.session import Where, check
from tests.support.terminal import command, environment

PROJECT = """\
stack: shop
include: [assistants/**/*.yaml, '!drafts', "more/*.yml"]
environments:
  # the usual one
  staging: {account: openai}
  "production":
    variables: {model: gpt-5}
"""
TEAM = """\
# assistants: nothing
x-base: &base
  model: gpt-4o
assistants:
  # a comment
  math-tutor:
    <<: *base
    labels: {team: learning, tier: gold}
    instructions: |
      Be kind.
      functions: none
  "quoted": {model: gpt-4o}
  history-tutor:
      model: gpt-4o
      labels:
        team: learning
        level: 'two'
---
vector_stores: {handbook: {files: [a, 'b: {']}, "prices": {files: [], chunking: {}},
  # not: this
  news: {files: []}}
functions:

  get_weather:
    description: "Weather:
      here: and there"
    parameters: {type: object}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {
        "retinue.yaml": PROJECT,
        "assistants/team.yaml": TEAM,
        "assistants/drafts/no.yaml": "assistants: {draft: {model: x}}\n",
        "assistants/.hidden/no.yaml": "assistants: {hidden: {model: x}}\n",
        "more/one.yml": "assistants:\n  one:\n    model: gpt-4o\n",
        "more/two.yaml": "assistants:\n  two:\n    model: gpt-4o\n",
        "environments/production.yaml": "assistants:\n  canary: {model: gpt-5}\n",
        "environments/nightly.yml": "{}\n",
        "plan.json": '{"format_version": 3}',
        "plans/older.json": '{\n  "format_version": 3}',
        "package.json": '{"name": "x"}',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(*words: str) -> list[str]:
    """What click's protocol offers for the last of the words."""
    respond()
    made = click.shell_completion.get_completion_class("bash")
    assert made is not None
    found = made(retinue, {}, "retinue", "_RETINUE_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [each.value for each in found]


ADDRESSES = [
    *("assistant.math-tutor", "assistant.quoted", "assistant.history-tutor"),
    *("vector_store.handbook", "vector_store.prices", "vector_store.news", "function.get_weather", "assistant.one"),
]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["show", ""], ADDRESSES),
        (["show", "vec"], ["vector_store.handbook", "vector_store.prices", "vector_store.news"]),
        (["show", "-e", "production", "assistant.ca"], ["assistant.canary"]),
        (["output", "math"], ["assistant.math-tutor"]),
        (["render", "assistant.m"], ["assistant.math-tutor"]),
        (["plan", "--target=vector_store.p"], ["vector_store.prices"]),
        (["ask", "math"], ["math-tutor"]),
        (["plan", "-e", ""], ["nightly", "production", "staging"]),
        (["diff", "-e", "staging", "-e", "pro"], ["production"]),
        (["serve", "-e", "pro"], ["production"]),
        (["console", "-e", "pro"], ["production"]),
        (["schema", "vec"], ["vector_store"]),
        (["plan", "--fail-on", "model-"], ["model-gone", "model-shutdown"]),
        (["explain", "yaml-t"], ["yaml-tab", "yaml-tag"]),
        (["apply", "pl"], ["plan.json", "plans/"]),
        (["show-plan", "plans/"], ["plans/older.json"]),
        (["help", "vers"], ["version"]),
        (["completion", "z"], ["zsh"]),
    ],
)
def test_values_are_offered(project: Path, words: list[str], expected: list[str]) -> None:
    assert offered(*words) == expected


def test_every_environment_is_completed() -> None:
    for name, each in retinue.commands.items():
        options = [one for one in each.params if "--environment" in one.opts]
        assert all(one.type.name == "environment" for one in options), name


def test_every_schema_is_offered(project: Path) -> None:
    from retinue.cli.project_commands import _schemas

    names = {name.removesuffix(".schema.json").replace("retinue", "project") for name in _schemas()}
    assert set(offered("schema", "")) == names - {"declarations"}


def test_labels_and_files_are_known_to_selectors(project: Path) -> None:
    scan = NameScan(project)
    assert scan.labels() == [("level", "two"), ("team", "learning"), ("tier", "gold")]
    assert scan.files() == ["assistants/team.yaml", "more/one.yml"]


def test_of_many_addresses_the_kinds_come_first(project: Path) -> None:
    many = "".join(f"  bot-{number}: {{model: gpt-4o}}\n" for number in range(MOST))
    (project / "more" / "one.yml").write_text(f"assistants:\n{many}", encoding="utf-8")
    assert offered("show", "") == ["assistant.", "vector_store.", "function."]
    assert len(offered("show", "assistant.bot-")) == MOST


@pytest.mark.parametrize("broken", ["assistants:\n  a: [", "\t", "a: b: c", "assistants: {x", "\x00", "- \n-"])
def test_broken_files_break_nothing(project: Path, broken: str) -> None:
    (project / "more" / "one.yml").write_text(broken, encoding="utf-8")
    assert set(offered("show", "")) >= set(ADDRESSES[:-1])
    (project / "retinue.yaml").write_text(broken, encoding="utf-8")
    offered("show", "")
    offered("plan", "-e", "")


def test_a_glance_sees_what_a_reading_reads() -> None:
    root = Path(__file__).parents[2]
    reading, _ = check(Where(root))
    assert reading is not None
    functions = {name for name, _ in NameScan(root).names() if name.startswith("function.")}
    assert {name for name, _ in NameScan(root).names()} - functions == {str(each.address) for each in reading.declared}


MATRICES = """\
assistants:
  bot:  # many
    matrix:
      topic: [billing, 'returns', "a_b"]  # three
      language:
        - de
        - fr
      exclude:
        - {topic: billing, language: de}
        - topic: returns
          language: fr
      include: [{topic: other, language: it}, {topic: billing, tone: warm}]
    model: gpt-4o
  "${{ matrix.language.code }}-${{matrix.n}}":
    model: gpt-4o
    matrix:
      language: [{code: en, name: English}, {code: es,
        name: Spanish}]
      n: [1, 2]
  small: {model: gpt-4o, matrix: {x: [15, true, two], include: [{x: four}]}}
  only:
    matrix: {include: [{who: ann}, {who: bob}]}
    model: gpt-4o
  plain:
    model: gpt-4o
    instructions: |
      matrix: {a: [b]}
"""


def test_a_matrix_is_offered_as_what_it_comes_to(project: Path) -> None:
    (project / "assistants" / "team.yaml").write_text(MATRICES, encoding="utf-8")
    (project / "retinue.yaml").write_text("stack: shop\n", encoding="utf-8")
    overlay = "assistants:\n  bot: {temperature: 0}\n  bot-returns-de: {temperature: 0}\n  'bot-*': {top_p: 1}\n"
    (project / "environments" / "production.yaml").write_text(overlay, encoding="utf-8")
    reading, _ = check(Where(project, environment="production"))
    assert reading is not None
    assert len(reading.declared) == 17
    declared = {str(each.address) for each in reading.declared}
    assert {name for name, _ in NameScan(project, "production").names()} == declared
    assert offered("show", "assistant.bot-r") == ["assistant.bot-returns-de"]


LAID = """\
stack: shop
variables:
  topics: [billing, returns]
  team: {default: {languages: [de, fr], lead: Ann}}  # a map
  more:
    default:
      - it
environments:
  production:
    variables: {topics: [vip]}
templates:
  spoken: {matrix: {language: "${{ var.team.languages }}"}}
  assistants:
    asked:
      extends: spoken
      matrix: {topic: [billing], exclude: [{language: fr, topic: billing}]}
"""
MADE = """\
templates:
  vector_stores:
    asked: {matrix: {store: [a]}}
assistants:
  bot:
    model: gpt-4o
    matrix:
      topic: ${{ var.topics }}
      language: [en, "${{ var.more }}"]
  clerk:
    extends: [asked]  # a template of its kind
    model: gpt-4o
  desk: {extends: asked, model: gpt-4o, matrix: {topic: [vip, other]}}
  "speaker-${{ matrix.language }}": {extends: spoken, model: gpt-4o}
vector_stores:
  shelf: {extends: asked}
"""


@pytest.mark.parametrize("environment", [None, "production"])
def test_a_matrix_of_templates_and_variables_is_offered_too(project: Path, environment: str | None) -> None:
    for each in ("assistants/team.yaml", "more/one.yml"):
        (project / each).unlink()
    (project / "environments" / "production.yaml").write_text("{}\n", encoding="utf-8")
    (project / "retinue.yaml").write_text(LAID, encoding="utf-8")
    (project / "assistants" / "made.yaml").write_text(MADE, encoding="utf-8")
    (project / "assistants" / "drafts" / "no.yaml").unlink()
    reading, found = check(Where(project, environment=environment))
    assert reading is not None, found
    declared = {str(each.address) for each in reading.declared}
    assert {name for name, _ in NameScan(project, environment).names()} == declared
    assert len(declared) == {None: 12, "production": 10}[environment]


@pytest.mark.parametrize(
    "typed", ["{topic: [a, b", "\n      topic: [a, b], }}{", "{topic: ${{ var.x }}}", "[[", "[" * 9999]
)
def test_a_matrix_that_is_half_typed_breaks_nothing(project: Path, typed: str) -> None:
    text = f"assistants:\n  bot:\n    matrix: {typed}\n  other: {{model: gpt-4o}}\n"
    (project / "more" / "one.yml").write_text(text, encoding="utf-8")
    assert "assistant.other" in offered("show", "")
    if typed.strip().endswith(("b", "{")):
        assert offered("show", "assistant.bot") == ["assistant.bot-a", "assistant.bot-b"]


@pytest.mark.parametrize("kind", all_kinds().values(), ids=all_kinds())
def test_the_sections_of_kinds_are_known_without_them(kind: object) -> None:
    assert kind_of(kind.section) == kind.name  # type: ignore[attr-defined]


# ── real shells ───────────────────────────────────────────────────────────────────────────────────────────────────────

BASH = """\
eval "$(retinue completion bash)"
COMP_LINE=$1 COMP_POINT=${#1}
_retinue_completion retinue "" "" 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def shell_path(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `retinue` is this one."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "retinue"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m retinue "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return environment({"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("retinue show assistant.h", ["assistant.history-tutor"]),
        ("retinue plan --target=assistant.h", ["assistant.history-tutor"]),  # `=` begins a word for bash
        ("retinue plan -e ", ["nightly", "production", "staging"]),
        ("retinue sho", ["show-plan", "show"]),
        ("retinue apply 'pla", ["plan.json", "plans/"]),
        # So does `:`, but not within quotes.
        ("retinue graph label:t", ["team", "tier", "team=learning", "tier=gold"]),
        ("retinue graph label:team=", ["learning"]),
        ("retinue graph 'label:team=", ["label:team=learning"]),
        ("retinue graph file:", ["assistants/**", "more/**", "assistants/team.yaml", "more/one.yml"]),
    ],
)
def test_bash_offers_them(project: Path, shell_path: dict[str, str], line: str, expected: list[str]) -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", line], env=shell_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:-1] == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_of_its_shell(shell: str, project: Path, shell_path: dict[str, str]) -> None:
    done = subprocess.run(command("completion", shell), env=shell_path, capture_output=True, text=True, check=True)
    assert "_retinue_completion" in done.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n", "/dev/stdin"], input=done.stdout, text=True, check=True)


def test_fish_and_zsh_get_whole_words(project: Path, shell_path: dict[str, str]) -> None:
    asked = {"_RETINUE_COMPLETE": "fish_complete", "COMP_WORDS": "retinue show func", "COMP_CWORD": "func"}
    done = subprocess.run(command(), env={**shell_path, **asked}, capture_output=True, text=True, check=True)
    assert done.stdout.split("\t")[0].strip() == "plain,function.get_weather"
    asked = {"_RETINUE_COMPLETE": "zsh_complete", "COMP_WORDS": "retinue apply plans", "COMP_CWORD": "2"}
    done = subprocess.run(command(), env={**shell_path, **asked}, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:3] == ["file", "plans", "_"]


def test_completing_an_address_imports_next_to_nothing(project: Path, shell_path: dict[str, str]) -> None:
    """A person waits. What is imported is counted, which no busy machine changes."""
    asked = {"_RETINUE_COMPLETE": "bash_complete", "COMP_WORDS": "retinue show assi", "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(command(), env={**shell_path, **asked}, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    heavy = {"retinue.config", "retinue.kinds", "retinue.session", "retinue.model.values", "yaml", "rich", "openai"}
    assert not heavy & imported
    assert "assistant.math-tutor" in done.stdout
    assert json.dumps(sorted(each for each in imported if each.startswith("retinue."))).count("retinue.") < 30
