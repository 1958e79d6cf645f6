"""The connection's policy: what is repeated, what is not, how long it waits, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from retinue.account.client import Account, Ambiguous
from retinue.core.model import AccountInfo
from retinue.errors import AccountError, CredentialError
from tests.support.team import FakeTime

Answer = httpx2.Response | Exception


class Server(httpx2.BaseTransport):
    """Answers requests one after the other from a list; the last answer stays."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content, request=request)


def error(status: int, message: str = "no", **headers: str) -> httpx2.Response:
    body = {"error": {"message": message, "type": "some_error", "param": None, "code": None}}
    return httpx2.Response(status, json=body, headers={"x-request-id": "req_1", **headers})


OK = httpx2.Response(200, json={"id": "asst_1"})


@pytest.fixture
def connect() -> Callable[..., tuple[Account, Server, FakeTime]]:
    def make(*answers: Answer) -> tuple[Account, Server, FakeTime]:
        server, time = Server(*answers), FakeTime(now=0.0)
        client = openai.OpenAI(
            base_url="http://server.test/v1",
            api_key="sk-canary",
            http_client=httpx2.Client(transport=server),
            max_retries=0,
        )
        info = AccountInfo("custom", url="http://server.test/v1")
        return Account(client, info, retries=3, sleep=time.sleep, clock=time.clock), server, time

    return make


Connect = Callable[..., tuple[Account, Server, FakeTime]]


@pytest.mark.parametrize("failure", [error(429), error(500), error(503), error(409), httpx2.ReadTimeout("slow")])
def test_reads_and_updates_are_repeated(connect: Connect, failure: Answer) -> None:
    account, server, _ = connect(failure, failure, OK)
    assert account.get("/x") == {"id": "asst_1"}
    assert len(server.requests) == 3
    account, server, _ = connect(failure, failure, OK)
    assert account.update("/x", {}) == {"id": "asst_1"}
    assert len(server.requests) == 3


@pytest.mark.parametrize("failure", [error(500), error(503), httpx2.ReadTimeout("slow"), httpx2.ReadError("cut")])
def test_a_creation_that_may_have_happened_is_not_repeated(connect: Connect, failure: Answer) -> None:
    account, server, _ = connect(failure, OK)
    with pytest.raises(Ambiguous):
        account.create("/x", {})
    assert len(server.requests) == 1


@pytest.mark.parametrize("failure", [error(429), httpx2.ConnectError("refused"), error(409)])
def test_a_creation_that_cannot_have_happened_is_repeated(connect: Connect, failure: Answer) -> None:
    account, server, _ = connect(failure, OK)
    assert account.create("/x", {}) == {"id": "asst_1"}
    assert len(server.requests) == 2


def test_a_refusal_is_final(connect: Connect) -> None:
    account, server, _ = connect(error(400, "Invalid value for 'model'."))
    with pytest.raises(AccountError, match="Invalid value for 'model' \\(HTTP 400\\)") as caught:
        account.create("/x", {})
    assert (caught.value.status, caught.value.request_id) == (400, "req_1")
    assert len(server.requests) == 1


def test_it_waits_as_long_as_it_is_asked_to_and_says_so(connect: Connect) -> None:
    account, _, time = connect(error(429, **{"retry-after": "20"}), OK)
    said: list[tuple[float, str]] = []
    account.on_wait = lambda seconds, reason: said.append((seconds, reason))
    account.get("/x")
    assert time.now == 20
    assert said == [(20.0, "the account asks to slow down")]


def test_it_does_not_wait_for_hours(connect: Connect) -> None:
    account, _, time = connect(error(429, **{"retry-after": "7200"}), OK)
    account.get("/x")
    assert time.now < 10


def test_it_gives_up_in_the_end(connect: Connect) -> None:
    account, server, _ = connect(httpx2.ConnectError("refused"))
    with pytest.raises(AccountError, match="cannot be reached"):
        account.get("/x")
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_never_repeated_back(connect: Connect, status: int) -> None:
    account, _, _ = connect(error(status, "Incorrect API key provided: sk-canary. Find yours on the dashboard."))
    with pytest.raises(CredentialError) as caught:
        account.get("/x")
    assert "sk-canary" not in f"{caught.value} {caught.value.hint}"


def test_an_answer_that_is_not_json_is_explained(connect: Connect) -> None:
    account, _, _ = connect(httpx2.Response(200, text="<html>Welcome</html>"))
    with pytest.raises(AccountError, match="not JSON") as caught:
        account.get("/x")
    assert "base_url" in str(caught.value.hint)


def test_pages_go_on_until_there_are_no_more(connect: Connect) -> None:
    pages: list[Any] = [
        httpx2.Response(200, json={"data": [{"id": "1"}, {"id": "2"}], "has_more": True}),
        httpx2.Response(200, json={"data": [{"id": "3"}], "has_more": False}),
    ]
    account, server, _ = connect(*pages)
    assert [each["id"] for each in account.pages("/x", page=2)] == ["1", "2", "3"]
    assert "after=2" in str(server.requests[1].url)


@pytest.mark.parametrize("data", [[], [{"id": "1"}]])
def test_a_list_that_always_has_more_ends(connect: Connect, data: list[dict[str, str]]) -> None:
    """Eventually consistent lists may promise more and give nothing, or the same again."""
    account, server, _ = connect(httpx2.Response(200, json={"data": data, "has_more": True}))
    assert len(list(account.pages("/x", page=2))) <= 2
    assert len(server.requests) <= 2


def test_the_account_tells_its_clock_and_its_name(connect: Connect) -> None:
    headers = {"date": "Thu, 01 Jan 1970 01:00:00 GMT", "openai-organization": "org-1", "openai-project": "proj_1"}
    account, _, _ = connect(httpx2.Response(200, json={}, headers=headers))
    account.get("/x")
    assert account.server_time() == 3600
    assert (account.info.organization, account.info.project) == ("org-1", "proj_1")
