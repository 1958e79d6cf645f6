"""The table of models: readable at any width, with nothing cut that a person needs."""

from __future__ import annotations

from typing import Any

from retinue.report.account.account_text import render_models


def row(model: str, *addresses: str, days: int | None = None, listed: bool = True, owner: str | None = "system") -> Any:
    return {
        "model": model,
        "listed": listed,
        "owned_by": owner,
        "shutdown_date": "2027-01-14" if days is not None else None,
        "days_left": days,
        "used_by": [{"address": each, "file": "team.yaml", "line": number} for number, each in enumerate(addresses, 4)],
    }


def test_each_model_is_a_line_and_each_use_one_below() -> None:
    rows = [
        row("nobody-9", "agent.a", listed=False, owner=None),
        row("m", "agent.b", "agent.long-name", days=3),
        row("n"),
    ]
    assert render_models(rows) == (
        "MODEL     OWNER   SHUTS DOWN\n"
        "nobody-9          not offered by the account\n"
        "  agent.a  team.yaml:4\n"
        "m         system  2027-01-14, in 3 days\n"
        "  agent.b          team.yaml:4\n"
        "  agent.long-name  team.yaml:5\n"
        "n         system\n"
    )


def test_a_long_id_is_never_cut_and_pushes_no_other_line() -> None:
    long = "ft:some-model-2026-08-06:an-organization-with-a-name:support-desk-of-summer:AbCdEf12"
    text = render_models([row(long, days=53), row("m", days=53)])
    assert long in text
    assert max(len(each) for each in text.splitlines() if long not in each) <= 80


def test_many_uses_are_counted() -> None:
    text = render_models([row("m", *(f"assistant.bot-{number}" for number in range(1000)))])
    assert len(text.splitlines()) == 13
    assert text.endswith("  and 990 more\n")


def test_names_from_a_server_cannot_move_the_cursor() -> None:
    text = render_models([row("m\x1b[2J", owner="\x1b]0;owned\x07 and much more than fits")])
    assert "\x1b" not in text
    assert "m\\x1b[2J" in text


def test_an_account_without_any_model() -> None:
    assert render_models([]) == "No models.\n"
