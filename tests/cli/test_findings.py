"""`validate` in the forms of pipelines, from the command line."""

from __future__ import annotations

import json
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from tests.cli.conftest import Shell


def test_validate_prints_each_form_to_stdout_and_keeps_its_exit_code(shell: Shell) -> None:
    shell.write("a.yaml", "assistants:\n  tutor: {model: gpt-4o, instructons: x}\n")
    done = shell("validate", "--format", "github")
    assert done.code == 1
    assert done.err == ""
    assert done.out.startswith(
        "::error file=a.yaml,line=2,col=26,title=unknown-field::unknown field 'instructons'%0Ahint:"
    )
    log = json.loads(shell("validate", "--format", "sarif").out)
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 2, "startColumn": 26}
    assert ET.fromstring(shell("validate", "--format", "junit").out).get("failures") == "1"
    assert json.loads(shell("validate", "--json").out)["valid"] is False


def test_without_a_mistake_the_forms_say_so(project: Shell) -> None:
    assert (project("validate", "--format", "github").code, project("validate", "--format", "github").out) == (0, "")
    assert json.loads(project("validate", "--format", "sarif").out)["runs"][0]["results"] == []
    assert ET.fromstring(project("validate", "--format", "junit").out).get("failures") == "0"


def test_paths_count_from_the_working_directory(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is the root of the repository in a pipeline, whose services look for the files from there."""
    shell.write("a b.yaml", "assistants: 1\n")
    monkeypatch.chdir(shell.team.root.parent)
    name = shell.team.root.name
    assert f"::error file={name}/a b.yaml,line=1" in shell("validate", "--format", "github").out
    log = json.loads(shell("validate", "--format", "sarif").out)
    uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.endswith("/a%20b.yaml")
    assert unquote(uri) == f"{name}/a b.yaml"
