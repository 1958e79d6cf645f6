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


