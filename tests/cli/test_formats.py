"""What commands print as JSON says its version, and is what the published schema says it is, with nothing beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retinue.model.values import Address
from tests.cli.conftest import Shell
from tests.report.test_document_schema import mistakes, published

COMMANDS = {
    "show": ["show", "--json"],
    "output": ["output", "--json"],
    "models": ["models", "--json"],
    "validate": ["validate", "--json"],
    "doctor": ["doctor", "--json"],
}


@pytest.mark.parametrize("applied", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", COMMANDS)
def test_the_output_is_what_the_schema_says(project: Shell, name: str, applied: bool) -> None:
    if applied:
        assert project("apply", "--yes").code == 0
    document = json.loads(project(*COMMANDS[name]).out)
    assert mistakes(name, document) == []
    assert str(document["format_version"]).partition(".")[0] == "1"


def test_mistakes_and_their_places_are_described(project: Shell) -> None:
    project.write("more.yaml", "assistants:\n  tutor: {model: gpt-4o, modle: x}\n")
    done = project("validate", "--json")
    document = json.loads(done.out)
    assert (done.code, document["valid"]) == (1, False)
    assert mistakes("validate", document) == []


def test_what_a_doctor_finds_without_a_project_is_described(project: Shell) -> None:
    (project.team.root / "retinue.yaml").unlink()
    done = project("doctor", "--json")
    assert done.code == 1
    assert mistakes("doctor", json.loads(done.out)) == []


def test_what_a_doctor_finds_of_an_account_elsewhere_is_described(
    project: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    project.write("retinue.yaml", "stack: test\naccount: {base_url: 'http://127.0.0.1:9/v1'}\ninclude: ['*.yaml']\n")
    document = json.loads(project("doctor", "--json").out)
    assert document["collections"]
    assert mistakes("doctor", document) == []


def test_every_live_id_stands_under_its_address(project: Shell) -> None:
    """One key says the version, and it can be taken for no address."""
    project("apply", "--yes")
    ids: dict[str, Any] = json.loads(project("output", "--json").out)
    assert sorted(ids) == ["assistant.tutor", "format_version", "vector_store.handbook"]
    with pytest.raises(ValueError, match="format_version"):
        Address.parse("format_version")
    assert project("output", "assistant.tutor").out == f"{ids['assistant.tutor']}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_document_of_another_major_version_is_refused(project: Shell, name: str) -> None:
    document = json.loads(project(*COMMANDS[name]).out)
    other: Any = 2 if name == "doctor" else "2.0"
    assert mistakes(name, document | {"format_version": other})
    assert published(name)["required"]
