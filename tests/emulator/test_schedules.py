"""Which cron expressions, time zones and moments an automation may have."""

from __future__ import annotations

from typing import Any

import pytest

from retinue.emulator.agents.automation_endpoints import cron, timezone
from retinue.emulator.server.api_errors import ApiError
from tests.emulator.conftest import Account, Clock

TARGET: dict[str, Any] = {
    "type": "new_session",
    "agent": {"model": "gpt-6-astra"},
    "environment": {"type": "none"},
    "input": [],
}


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "0 9 * * MON-FRI",
        "*/15 0-6,22-23 1,15 JAN-mar 0",
        "59 23 31 12 7",
        "0-30/5 * * * sun",
        "  0   9 * * 1 ",
    ],
)
def test_a_cron_expression_is_kept_as_it_came(expression: str) -> None:
    assert cron(expression, "expression") == expression


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * *",
        "@daily",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "a * * * *",
        "MON * * * *",
        "* * * MON *",
        "1,,2 * * * *",
        "* * L * *",
        "* * ? * *",
        "² * * * *",
        "0 " * 200,
    ],
)
def test_what_is_no_cron_expression(expression: str) -> None:
    with pytest.raises(ApiError):
        cron(expression, "expression")


@pytest.mark.parametrize("name", ["UTC", "Europe/Paris", "America/Argentina/Ushuaia"])
def test_a_time_zone_is_a_name_of_the_iana_table(name: str) -> None:
    assert timezone(name, "timezone") == name


@pytest.mark.parametrize("name", ["", "Paris", "Europe", "+02:00", "../../etc/passwd", "/etc/localtime", "\0"])
def test_what_is_no_time_zone(name: str) -> None:
    with pytest.raises(ApiError):
        timezone(name, "timezone")


def once(account: Account, clock: Clock, **more: Any) -> str:
    sent = {"type": "once", "name": "x", "run_at": int(clock.now) + 60, "target": TARGET, **more}
    return str(account.post("/agents/automations", **sent)["id"])


def test_a_one_time_automation_is_completed_once_its_moment_has_passed(account: Account, clock: Clock) -> None:
    path = f"/agents/automations/{once(account, clock)}"
    assert account.get(path)["status"] == "active"
    clock.advance(seconds=61)
    assert account.get(path)["status"] == "completed"
    assert account.get(f"{path}/invocations")["data"] == []
    for refused in (
        account.http.post(f"{path}/pause"),
        account.http.post(f"{path}/resume"),
        account.http.post(path, json={"run_at": int(clock.now) + 60}),
    ):
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict_error")


def test_a_paused_one_does_not_complete(account: Account, clock: Clock) -> None:
    path = f"/agents/automations/{once(account, clock)}"
    account.post(f"{path}/pause")
    clock.advance(seconds=61)
    assert account.get(path)["status"] == "paused"
    account.post(f"{path}/resume")
    assert account.get(path)["status"] == "completed"


def test_putting_off_a_paused_one_leaves_it_paused(account: Account, clock: Clock) -> None:
    path = f"/agents/automations/{once(account, clock)}"
    account.post(f"{path}/pause")
    account.post(path, run_at=int(clock.now) + 120)
    clock.advance(seconds=121)
    assert account.get(path)["status"] == "paused"
