"""What is said of a model, by what the account lists and the days that are left; and what stops a plan."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from retinue.kinds import all_kinds
from retinue.model.declared import Declared, Diagnostic, Position
from retinue.model.values import Address, Path
from retinue.planning.model_catalog import Model, Standing, model_warnings, read_model, standings
from retinue.planning.policy import FailOn, fail_on_blocks
from retinue.planning.resolve import used_models

TODAY = date(2026, 11, 22)
KINDS = all_kinds()


class Places:
    def __init__(self, line: int) -> None:
        self.line = line

    def at(self, path: Path, *, key: bool = False) -> Position:
        return Position("team.yaml", self.line + len(path), 5)


def uses(*models: str | None, kind: str = "assistant") -> list[Declared]:
    """One declaration for each model, named a, b, c, ten lines apart."""
    return [
        Declared(Address(kind, "abcdef"[number]), {"model": model, "name": "N"}, Places(10 * number))
        for number, model in enumerate(models)
    ]


def judge(models: list[Model] | None, declared: list[Declared], today: date = TODAY) -> tuple[Diagnostic, ...]:
    return model_warnings(standings(models, used_models(declared, KINDS), today), today)


def listed(name: str, days: int | None = None) -> Model:
    return Model(name, "system", TODAY + timedelta(days=days) if days is not None else None)


@pytest.mark.parametrize(
    ("days", "code", "words", "hint"),
    [
        (-400, "model-gone", "m shut down on 2025-10-18, 400 days ago", "choose another: "),
        (-1, "model-gone", "m shut down on 2026-11-21, 1 day ago", "choose another: "),
        (0, "model-shutdown", "m shuts down on 2026-11-22, today", "choose another now: "),
        (1, "model-shutdown", "m shuts down on 2026-11-23, in 1 day", "choose another now: "),
        (30, "model-shutdown", "m shuts down on 2026-12-22, in 30 days", "choose another now: "),
        (53, "model-shutdown", "m shuts down on 2027-01-14, in 53 days", "choose another in time: "),
        (900, "model-shutdown", "m shuts down on 2029-05-10, in 900 days", "choose another in time: "),
        (None, None, "", ""),
    ],
)
def test_a_warning_is_graded_by_the_time_left(days: int | None, code: str | None, words: str, hint: str) -> None:
    found = judge([listed("m", days)], uses("m"))
    assert [each.code for each in found] == ([code] if code else [])
    for each in found:
        assert each.severity == "warning"
        assert each.message == f"{words}; used by assistant.a"
        assert each.hint
        assert each.hint.startswith(hint)
        assert each.details["days_left"] == days


def test_one_model_is_one_warning_with_all_its_uses_in_the_details() -> None:
    """A thousand assistants of one model are one line; programs get every place."""
    (found,) = judge([listed("m", 53)], [*uses("m", "m"), *uses("m", kind="agent")])
    assert found.message.endswith("used by agent.a and 2 more")
    assert found.position == Position("team.yaml", 1, 5)
    assert found.details == {
        "model": "m",
        "listed": True,
        "owned_by": "system",
        "shutdown_date": "2027-01-14",
        "days_left": 53,
        "used_by": [
            {"address": "agent.a", "file": "team.yaml", "line": 1},
            {"address": "assistant.a", "file": "team.yaml", "line": 1},
            {"address": "assistant.b", "file": "team.yaml", "line": 11},
        ],
    }


def test_a_model_that_is_not_listed_is_unknown_and_may_be_a_slip() -> None:
    (found,) = judge([listed("astra-6"), listed("luna-6")], uses("astra6"))
    assert (found.code, found.hint) == ("unknown-model", "did you mean astra-6?")
    assert found.message == "the account does not list the model astra6; used by assistant.a"
    (found,) = judge([listed("astra-6")], uses("zzz"))
    assert found.hint == "'retinue models' lists what the account offers"


def test_names_match_exactly() -> None:
    """A fine-tune or a dated snapshot is a model of its own: the date of its base says nothing sure about it."""
    models = [listed("m", 10), listed("ft:m:acme::1"), listed("m-2026-01-01", 400)]
    (found,) = judge(models, uses("ft:m:acme::1", "m-2026-01-01"))
    assert found.message.startswith("m-2026-01-01 shuts down")


@pytest.mark.parametrize("models", [None, []])
def test_an_account_that_lists_no_models_is_not_judged(models: list[Model] | None) -> None:
    assert judge(models, uses("m")) == ()


def test_what_no_declaration_uses_is_no_warning() -> None:
    assert judge([listed("m", 1), listed("gone", -1)], uses(None)) == ()


def test_the_most_pressing_comes_first() -> None:
    models = [
        listed("fine"),
        listed("late", 300),
        listed("soon", 3),
        listed("over", -3),
        *(listed("x", 5), listed("y")),
    ]
    declared = uses("fine", "late", "soon", "over", "absent")
    order = [each.model.id for each in standings(models, used_models(declared, KINDS), TODAY)]
    assert order == ["absent", "over", "soon", "late", "fine", "y", "x"]
    assert [each.code for each in judge(models, declared)] == [
        "unknown-model",
        "model-gone",
        "model-shutdown",
        "model-shutdown",
    ]


def test_without_a_list_only_what_is_used_is_known() -> None:
    assert standings(None, used_models(uses("m"), KINDS), TODAY)[0].listed is None


@pytest.mark.parametrize(
    ("raw", "shutdown", "owner"),
    [
        ({"shutdown_date": "2027-01-14", "owned_by": "system"}, date(2027, 1, 14), "system"),
        ({"shutdown_date": "2027-01-14T00:00:00Z", "owned_by": ""}, date(2027, 1, 14), None),
        ({"shutdown_date": None}, None, None),
        ({}, None, None),
        ({"shutdown_date": "soon"}, None, None),
        ({"shutdown_date": 1799884800, "owned_by": 7}, None, None),
    ],
)
def test_a_date_that_is_missing_or_none_is_unknown(
    raw: dict[str, Any], shutdown: date | None, owner: str | None
) -> None:
    assert read_model({"id": "m", **raw}) == Model("m", owner, shutdown)


def test_every_kind_with_a_model_says_so() -> None:
    """The warning would miss a kind whose field is not marked."""
    for kind in KINDS.values():
        assert all(field.model == (field.name == "model") for field in kind.fields), kind.name


# ── --fail-on ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def warning(code: str, days: int | None = None) -> Diagnostic:
    return Diagnostic("warning", code, "words", Position("team.yaml", 3), details={"days_left": days})


@pytest.mark.parametrize(
    ("condition", "code", "days", "stops"),
    [
        ("model-shutdown", "model-shutdown", 900, True),
        ("model-shutdown", "model-gone", -3, True),
        ("model-shutdown", "unknown-model", None, False),
        ("model-shutdown=90d", "model-shutdown", 90, True),
        ("model-shutdown=90d", "model-shutdown", 91, False),
        ("model-shutdown=90d", "model-gone", -3, True),
        ("model-shutdown=2w", "model-shutdown", 14, True),
        ("model-shutdown=2w", "model-shutdown", 15, False),
        ("model-shutdown=0d", "model-shutdown", 0, True),
        ("model-gone", "model-gone", -3, True),
        ("model-gone", "model-shutdown", 0, False),
        ("unknown-model", "unknown-model", None, True),
        ("look-alike", "look-alike", None, True),
    ],
)
def test_conditions_stop_what_they_name(condition: str, code: str, days: int | None, stops: bool) -> None:
    blocks = list(fail_on_blocks([warning(code, days)], [FailOn.parse(condition)]))
    assert bool(blocks) == stops


def test_a_block_names_the_condition_and_the_place_and_stands_once() -> None:
    conditions = [FailOn.parse("model-shutdown=1w"), FailOn.parse("model-shutdown")]
    (block,) = fail_on_blocks([warning("model-shutdown", 5)], conditions)
    assert block.message == "--fail-on model-shutdown=7d (team.yaml:3): words"


@pytest.mark.parametrize("text", ["model-shutdown=", "model-shutdown=90", "model-shutdown=-1d", "model-gone=90d"])
def test_conditions_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="90d"):
        FailOn.parse(text)


def test_a_standing_of_a_model_that_nobody_uses_has_no_uses() -> None:
    assert standings([listed("m")], {}, TODAY) == (Standing(listed("m"), listed=True),)
