"""What is wrong with composed declarations is told once, at its place, with what to do about it."""

from __future__ import annotations

import pytest

from retinue.config import Loaded
from tests.config.conftest import Load

REQUIRED = "stack: demo\nrequire_environment: true\nenvironments: {staging: {}}\n"


def told(loaded: Loaded) -> list[tuple[str, str]]:
    return [(each.code, each.message) for each in loaded.diagnostics]


def hints(loaded: Loaded) -> list[str | None]:
    return [each.hint for each in loaded.diagnostics]


@pytest.mark.parametrize("value", ["1", "true", "[a]", "text"])
def test_a_part_of_what_is_no_map(loaded: Load, value: str) -> None:
    found = loaded(
        {
            "retinue.yaml": f"stack: demo\nvariables: {{team: {{default: {{lead: {value}}}}}}}\n",
            "assistants/a.yaml": 'assistants: {a: {model: "${{ var.team.lead.name }}"}}\n',
        }
    )
    assert told(found) == [("unknown-variable", "'var.team.lead' is no map, so it has no 'name'")]
    assert hints(found) == ["write ${{ var.team.lead }}"]


# ── environments ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_that_an_environment_is_missing_is_all_there_is_to_say(loaded: Load) -> None:
    """Whatever else cannot be known without one follows from it."""
    found = loaded(
        {
            "retinue.yaml": """\
stack: demo
require_environment: true
variables: {tone: {type: string}}
environments: {staging: {variables: {tone: calm}}}
defaults: {assistants: {metadata: {stage: "${{ environment.name }}"}}}
""",
            "assistants/a.yaml": """\
assistants:
  a: {model: gpt-4o, instructions: {file: a.md, render: true}}
  b: {model: gpt-4o, matrix: {topic: [x, y]}}
""",
            "assistants/a.md": "${{ var.tone }} ${{ environment.name }}",
        }
    )
    assert [code for code, _ in told(found)] == ["environment-required"]


def test_a_default_environment_that_is_no_name(loaded: Load) -> None:
    found = loaded({"retinue.yaml": "stack: demo\ndefault_environment: A B\nenvironments: {staging: {}}\n"})
    assert [code for code, _ in told(found)] == ["no-match", "bad-name"]


def test_a_mistake_that_several_matrices_share(loaded: Load) -> None:
    found = loaded(
        {
            "retinue.yaml": """\
stack: demo
environments: {staging: {}}
defaults: {assistants: {metadata: {stage: "${{ environment.name }}"}}}
""",
            "assistants/a.yaml": """\
assistants:
  a: {model: gpt-4o, matrix: {topic: [x, y, z]}}
  b: {model: gpt-4o, matrix: {topic: [x]}}
  c: {model: gpt-4o, matrix: {topic: [x, y]}}
""",
        }
    )
    ((code, message),) = told(found)
    assert code == "missing-variable"
    assert message.endswith("(and in 5 others of its matrix)")
