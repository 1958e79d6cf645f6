"""The policy of requests, row by row as docs/requests.md has it: what is tried again, how often, after which pause."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import httpx2
import pytest

from retinue.errors import AccountError, CredentialError
from retinue.providers.openai.answers import AnswerError
from retinue.providers.openai.client import AmbiguousError
from retinue.providers.openai.retry_policy import (
    FIRST_WAIT,
    LONGEST_BACKOFF,
    LONGEST_WAIT,
    RULES,
    Failure,
    Rule,
    asked_wait,
    backoff,
)
from retinue.providers.openai.stack_lock import TERM
from tests.account.test_client import Answer, Connect, connect, error

__all__ = ["connect"]

DOCS = Path(__file__).parents[2] / "docs" / "requests.md"
WORDS = {"again": "again", "look": "looked for", "never": "never"}

EXAMPLES: dict[Failure, list[Answer]] = {
    Failure.THROTTLED: [error(429)],
    Failure.BUSY: [error(409)],
    Failure.TIMED_OUT: [error(408)],
    Failure.SERVER: [error(500), error(502), error(503), error(504)],
    Failure.BROKEN_SERVER: [error(501), error(505), error(520)],
    Failure.LOST: [httpx2.ReadTimeout("slow"), httpx2.ReadError("cut"), httpx2.RemoteProtocolError("closed")],
    Failure.UNCONNECTED: [httpx2.ConnectError("refused"), httpx2.ProxyError("no")],
    Failure.CUT: [httpx2.Response(200, content=b'{"id": "asst')],
    Failure.REFUSED: [error(401)],
    Failure.FORBIDDEN: [error(403)],
    Failure.WRONG: [error(400), error(404), error(422), error(307)],
}
CASES = [(failure, answer) for failure, answers in EXAMPLES.items() for answer in answers]


def name(value: object) -> str:
    return value.name if isinstance(value, Failure) else getattr(value, "status_code", None) or type(value).__name__


def test_the_page_has_the_table() -> None:
    rows = re.findall(r"^\| (.+?) \| (\S.*?) \| (\S.*?) \| ?(.*?) ?\|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)

    def row(rule: Rule) -> tuple[str, ...]:
        often = f"{rule.often} times" if rule.often else ""
        return rule.names, WORDS[rule.repeatable], WORDS[rule.creation], often

    assert [each for each in rows if each[0] in {rule.names for rule in RULES.values()}] == list(
        map(row, RULES.values())
    )
    assert set(EXAMPLES) == set(RULES) == set(Failure)


@pytest.mark.parametrize("ask", ["get", "update", "delete"])
@pytest.mark.parametrize(("failure", "answer"), CASES, ids=name)
def test_what_may_be_done_twice_is_tried_as_often_as_the_table_says(
    connect: Connect, failure: Failure, answer: Answer, ask: str
) -> None:
    account, server, _ = connect(answer)
    account.retries = 4
    wanted: dict[str, Callable[[], object]] = {
        "get": lambda: account.get("/x"),
        "update": lambda: account.update("/x", {}),
        "delete": lambda: account.delete("/x"),
    }
    if ask == "delete" and getattr(answer, "status_code", 0) in (404, 200):
        return  # gone is as good as deleted
    with pytest.raises(AccountError):
        wanted[ask]()
    assert len(server.requests) == 1 + (RULES[failure].often if RULES[failure].repeatable == "again" else 0)


@pytest.mark.parametrize(("failure", "answer"), CASES, ids=name)
def test_a_creation_is_never_made_twice_unless_it_cannot_have_happened(
    connect: Connect, failure: Failure, answer: Answer
) -> None:
    account, server, _ = connect(answer)
    account.retries = 4
    with pytest.raises(AccountError) as caught:
        account.create("/x", {})
    rule = RULES[failure]
    assert isinstance(caught.value, AmbiguousError) is (rule.creation == "look")
    assert len(server.requests) == 1 + (rule.often if rule.creation == "again" else 0)


def test_back_off_has_full_jitter() -> None:
    assert [backoff(attempt, 1.0) for attempt in range(7)] == [0.5, 1, 2, 4, 8, 16, 16]
    assert backoff(3, 0.25) == 1
    assert backoff(3, 0.0) == 0
    assert backoff(50, 1.0) == LONGEST_BACKOFF


def test_pauses_are_drawn(connect: Connect) -> None:
    account, _, time = connect(error(500))
    drawn = iter([1.0, 0.5, 0.25])
    account.chance = lambda: next(drawn)
    with pytest.raises(AccountError):
        account.get("/x")
    assert time.now == FIRST_WAIT * (1 + 2 * 0.5 + 4 * 0.25)


def test_a_wait_that_is_asked_for_comes_before_back_off(connect: Connect) -> None:
    for status in (429, 503):
        account, _, time = connect(error(status, **{"retry-after": "20"}), httpx2.Response(200, json={"id": "x"}))
        account.get("/x")
        assert time.now == 20


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": formatdate(1030, usegmt=True)}, 30),
        ({"retry-after": formatdate(1030, usegmt=True), "date": formatdate(1020, usegmt=True)}, 10),
        ({"retry-after": formatdate(900, usegmt=True)}, 0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_how_long_an_answer_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers, lambda: 1000.0) == seconds


def test_a_long_wait_is_said_and_waited_for_with_the_lease_kept(connect: Connect) -> None:
    account, _, time = connect(error(429, **{"retry-after": "200"}), httpx2.Response(200, json={"id": "x"}))
    said: list[tuple[float, str]] = []
    renewed: list[float] = []
    account.on_wait = lambda seconds, reason: said.append((seconds, reason))
    account.on_answer = lambda: renewed.append(time.now)
    account.get("/x")
    assert time.now == 200
    assert said == [(200.0, "the account asks to slow down")]
    assert renewed == [60, 120, 180, 200]
    assert LONGEST_WAIT < TERM


@pytest.mark.parametrize("status", [429, 503])
def test_nobody_waits_longer_than_the_limit_and_it_is_said(connect: Connect, status: int) -> None:
    account, server, time = connect(error(status, **{"retry-after": "7200"}))
    with pytest.raises(AccountError, match="asks to wait 7,200 s, and 300 s is the longest that is waited") as caught:
        account.get("/x")
    assert (len(server.requests), time.now, caught.value.status) == (1, 0, status)


def test_a_fresh_token_is_tried_once(connect: Connect) -> None:
    account, server, _ = connect(error(401))
    account.renew = lambda token: token == "sk-canary"
    with pytest.raises(CredentialError):
        account.update("/x", {})
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_the_missing_scope_is_named(connect: Connect, status: int) -> None:
    said = (
        "You have insufficient permissions for this operation. Missing scopes: api.assistants.write. Check your role."
    )
    account, _, _ = connect(error(status, said))
    with pytest.raises(CredentialError) as caught:
        account.create("/assistants", {})
    assert caught.value.hint == "give the key the scope api.assistants.write, or use another one"


def test_an_answer_that_was_cut_and_comes_whole_is_an_answer(connect: Connect) -> None:
    account, server, _ = connect(httpx2.Response(200, content=b'{"id'), httpx2.Response(200, json={"id": "x"}))
    assert account.get("/x") == {"id": "x"}
    assert len(server.requests) == 2


def test_an_answer_of_another_shape_is_not_asked_for_again(connect: Connect) -> None:
    account, server, _ = connect(httpx2.Response(200, json=["x"]))
    with pytest.raises(AnswerError):
        account.get("/x")
    assert len(server.requests) == 1
