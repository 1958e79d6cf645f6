"""`retinue migrate` as a person uses it: from the account, from this project, from standard input."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retinue.cli import main
from tests.support.team import Team

PROJECT = """\
stack: school
include: ['*.yaml', 'sub/*.yaml']
"""
DECLARED = """\
assistants:
  tutor:
    name: Tutor
    model: gpt-4o
    instructions: Teach.
    temperature: 0.5
    tools:
      - code_interpreter: {files: [data/marks.csv]}
      - file_search: {vector_store: handbook}
      - function: roll
vector_stores:
  handbook: {name: Handbook}
functions:
  roll: {description: Roll a die., parameters: {type: object, properties: {}}}
"""


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    project = tmp_path / "project"
    project.mkdir()
    (project / "retinue.yaml").write_text(PROJECT)
    team = Team(project)
    team.write("school.yaml", DECLARED)
    team.write("sub/none.yaml", "vector_stores: {other: {}}\n")
    team.write("data/marks.csv", "ann,1\n")
    monkeypatch.chdir(project)
    return team


def report(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["migrate", *args, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_what_is_declared_moves_with_its_store_its_function_and_its_files(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    (entry,) = report(capsys, "--to", "responses", "--out", "sub/new")["assistants"]
    assert (entry["address"], entry["replaces"]) == ("assistant.tutor", "school.yaml:2")
    assert entry["lost"] == []
    written = (team.root / "sub/new/assistants.yaml").read_text()
    assert 'files: ["../../data/marks.csv"]' in written or "files: [../../data/marks.csv]" in written
    assert "vector_store: handbook" in written
    assert "- function: roll" in written
    # Put in the place of the old one, the project is as it was, but for its home.
    team.write("school.yaml", DECLARED[DECLARED.index("vector_stores:") :])
    team.write("retinue.yaml", "stack: school\ninclude: ['*.yaml', 'sub/**/*.yaml']\n")
    assert team.apply().converged
    assert "tutor" in json.loads((team.root / "retinue.lock.json").read_text())["assistants"]


def test_an_account_is_read_whoever_made_the_assistants(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    team.apply()
    theirs = team.send("post", "/assistants", {"model": "gpt-4o", "name": "Made by hand"})
    before = team.state()
    entries = {each["address"]: each for each in report(capsys, "--live", "--to", "agents")["assistants"]}
    assert set(entries) == {"agent.tutor", "agent.made-by-hand"}
    assert entries["agent.made-by-hand"]["from"] == theirs["id"]
    assert team.state() == before
    report(capsys, "--live", "--to", "responses", "--out", "again")
    written = (team.root / "again/assistants.yaml").read_text()
    assert "vector_store: handbook" in written, "a store of the stack is named"
    assert "tutor-2:" in written, "the name is declared already"


def test_a_dry_run_writes_nothing(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(team.root.rglob("*"))
    assert main(["migrate", "--to", "agents", "--dry-run"]) == 0
    assert "to write" in capsys.readouterr().out
    assert sorted(team.root.rglob("*")) == before


def test_the_same_files_again_are_no_obstacle(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--to", "agents"]) == 0
    assert main(["migrate", "--to", "agents"]) == 0
    (team.root / "migrated/agents.yaml").write_text("mine\n")
    assert main(["migrate", "--to", "agents"]) == 4
    assert (team.root / "migrated/agents.yaml").read_text() == "mine\n"


def test_a_dump_comes_from_standard_input_without_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    dump = io.BytesIO(b'{"id": "asst_1", "model": "gpt-4o", "name": "One"}')
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=dump, isatty=lambda: False))
    assert main(["migrate", "-", "--to", "assistants-v2", "--out", "elsewhere"]) == 0
    assert "assistant.one" in capsys.readouterr().out
    assert (tmp_path / "elsewhere" / "assistants.yaml").is_file()


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--to", "agents", "--live", "school.yaml"], 64, "choose one of the two"),
        (["--to", "agents", "--out", "../outside"], 64, "is not in the project"),
        (["--to", "nowhere"], 64, "nowhere"),
        (["--to", "agents", "--strict"], 4, "nothing was written"),
        (["--to", "agents", "empty.json"], 1, "there is no assistant to migrate"),
        (["--to", "agents", "bytes.json"], 1, "cannot be read"),
        (["--to", "agents", "blank.md"], 1, "neither a dump nor a prompt"),
    ],
)
def test_what_cannot_be_done_is_said(
    team: Team, capsys: pytest.CaptureFixture[str], args: list[str], code: int, words: str
) -> None:
    team.write("empty.json", "[]")
    team.write("blank.md", "\n")
    (team.root / "bytes.json").write_bytes(b"\xff\xfe{")
    assert main(["migrate", *args]) == code
    assert words in capsys.readouterr().err
    assert not (team.root / "migrated").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "vs_old=handbok",
            "error: there is no vector store 'handbok'\n  hint: declare it first; declared: handbook, other",
        ),
        ("vs_odl=handbook", "error: no assistant searches the vector store 'vs_odl'\n  hint: correct --store ID=NAME"),
    ],
)
def test_a_store_that_is_misspelt_is_refused(
    team: Team, capsys: pytest.CaptureFixture[str], given: str, told: str
) -> None:
    searching = {
        "tools": [{"type": "file_search"}],
        "tool_resources": {"file_search": {"vector_store_ids": ["vs_old"]}},
    }
    team.write("dump.json", json.dumps([{"id": "asst_1", "model": "gpt-4o", **searching}]))
    assert main(["migrate", "dump.json", "--to", "responses", "--store", given]) == 64
    assert told in capsys.readouterr().err
    assert not (team.root / "migrated").exists()
    assert main(["migrate", "dump.json", "--to", "responses", "--store", "vs_old=handbook"]) == 0
