"""What an account made of values is told so that it can be seen, with where each is declared."""

from __future__ import annotations

from typing import Any

import pytest

from retinue.model.declared import Position
from retinue.model.steps import Event, FieldChange, Step
from retinue.model.values import ABSENT, Address
from retinue.report.events.unkept_text import render_unkept
from tests.support.team import Team


def told(given: Any, kept: Any) -> str:
    change = FieldChange(("name",), given, kept, "config", Position("a.yaml", 4, 5))
    event = Event(Step("create", Address("assistant", "a")), "done", "asst_1", unkept=(change,))
    return render_unkept([event]).splitlines()[1].partition("assistant.a name (a.yaml:4): ")[2]


LONG = {f"key_{number}": number for number in range(20)}


@pytest.mark.parametrize(
    ("given", "kept", "said"),
    [
        ("Cafe\u0301 ", "Café ", '"Cafe\\u0301 " came back as "Café "'),
        ("a\u00a0b", "a b", '"a\\u00a0b" came back as "a b"'),
        (0.123456, 0.12, "0.123456 came back as 0.12"),
        ("text", None, '"text" is not kept'),
        ("x" * 50, "y" * 60, "50 characters came back as 60 characters"),
        (LONG, {**LONG, "key_7": "7"}, 'its key_7, 7, came back as "7"'),
        (LONG, {**LONG, "key_7": "7", "key_8": 0}, 'its key_7, 7, came back as "7", and 1 more of it otherwise'),
        (LONG, {**LONG, "more": True}, "it came back with more: true"),
        ({**LONG, "more": True}, LONG, "its more is not kept"),
        (list(range(30)), "all of it", "it came back as another value"),
        ({"a": "z" * 50}, ABSENT, '{a: "' + "z" * 35 + "… is not kept"),
    ],
)
def test_what_came_back_is_told(given: Any, kept: Any, said: str) -> None:
    assert told(given, kept) == said


def test_each_field_has_the_place_where_it_is_declared(team: Team) -> None:
    team.write("a.yaml", "assistants:\n  a:\n    model: gpt-4o\n    name: ' A '\n    temperature: 0.123456\n")
    applied = team.apply()
    assert [str(each.position) for event in applied.events for each in event.unkept] == ["a.yaml:4", "a.yaml:5"]


@pytest.fixture
def team(tmp_path: Any) -> Team:
    from retinue.emulator.server.quirks import Quirks

    return Team(tmp_path, quirks=Quirks(trims=True, decimals=2))
