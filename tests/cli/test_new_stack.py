"""A stack that would be made from nothing beside one of another environment: said, and not made unasked."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.cli.conftest import Shell

PROJECT = "stack: desk\ninclude: '*.yaml'\nenvironments: {staging: {}, production: {}}\n"
BOTS = "assistants:\n  a: {model: gpt-6-luna, name: A}\n  b: {model: gpt-6-luna, name: B}\n"
SAID = "'desk' (no environment) would be a new stack beside 'desk-production' (environment production, 2 objects)"


@pytest.fixture
def beside(shell: Shell) -> Shell:
    """A project that is applied in one environment."""
    shell.write("retinue.yaml", PROJECT)
    shell.write("bots.yaml", BOTS)
    assert shell("apply", "--yes", "-e", "production").code == 0
    return shell


def there(shell: Shell) -> int:
    return len(shell.team.listed("/assistants"))


def test_the_plan_says_it_and_nobody_makes_it_unasked(beside: Shell) -> None:
    shown = beside("plan", "--json")
    warning = next(each for each in json.loads(shown.out)["warnings"] if each["code"] == "new-stack")
    assert (shown.code, warning["message"]) == (0, SAID)
    assert warning["details"]["beside"] == [{"stack": "desk-production", "environment": "production", "objects": 2}]
    refused = beside("apply", "--yes")
    assert refused.code == 4
    assert refused.err == (
        f"error: {SAID}, and nobody said that it is meant\n"
        "  hint: if that one is meant, run again with -e production; if a new one is, add --new-stack\n"
    )
    assert beside("apply").code == 4  # there is no terminal
    assert there(beside) == 2
    assert beside("plan", "--fail-on", "new-stack").code == 4


def test_it_is_made_where_somebody_says_so(beside: Shell) -> None:
    assert beside("apply", "--yes", "--new-stack").code == 0
    assert there(beside) == 4
    beside.write("bots.yaml", BOTS.replace("name: A", "name: Ada"))
    assert beside("apply", "--yes").code == 0  # it is new no more


def test_an_approved_plan_was_looked_at(beside: Shell) -> None:
    digest = json.loads(beside("plan", "--json").out)["digest"]
    assert beside("apply", "--expect", digest).code == 0


def test_an_environment_that_is_named_is_meant(beside: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as for the preview of a pull request; a variable is set once and forgotten, and is no such word."""
    named = beside("apply", "--yes", "-e", "staging")
    assert named.code == 0
    assert "warning[new-stack]: 'desk-staging' (environment staging) would be a new stack beside" in named.out
    assert beside("destroy", "--yes", "-e", "staging").code == 0
    monkeypatch.setenv("RETINUE_ENVIRONMENT", "staging")
    assert beside("apply", "--yes").code == 4
    assert there(beside) == 2


def test_a_first_apply_is_in_nobodys_way(shell: Shell) -> None:
    shell.write("retinue.yaml", PROJECT)
    shell.write("bots.yaml", BOTS)
    first = shell("apply", "--yes")
    assert (first.code, "new-stack" in first.out) == (0, False)


def test_what_is_known_to_have_been_there_is_not_made_from_nothing(beside: Shell) -> None:
    assert beside("apply", "--yes", "--new-stack").code == 0
    for each in beside.team.listed("/assistants"):
        if ";s=desk;" in each["metadata"]["retinue"]:
            beside.team.send("delete", f"/assistants/{each['id']}")
    again = beside("plan", "--allow-missing")
    assert ("Plan: 2 to add" in again.out, "new-stack" in again.out) == (True, False)


def test_no_further_list_is_read_for_it(beside: Shell) -> None:
    """The lists of the plan tell; so many are read where there is nothing beside, too."""
    beside.team.plan()
    with_one = len(beside.team.calls)
    assert beside("destroy", "--yes", "-e", "production").code == 0
    beside.team.plan()
    assert with_one == len(beside.team.calls)


def test_a_person_is_asked_about_it(beside: Shell) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "retinue", "apply", "-C", str(beside.team.root)]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs):
        os.close(theirs)
        os.write(ours, b"yes\n")
        shown = b""
        with suppress(OSError):  # the end of a terminal
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    assert "This makes a new stack, 'desk'. Apply these changes? Only 'yes' is accepted" in shown.decode()
    assert there(beside) == 4
