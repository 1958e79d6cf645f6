"""The connection's policy: what is repeated, what is not, how long it waits, and what it says."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from retinue.errors import AccountError, CredentialError, RetinueError
from retinue.model.steps import AccountInfo
from retinue.providers.openai.answers import AnswerError
from retinue.providers.openai.client import Account, AmbiguousError
from retinue.providers.openai.connect import open_account
from retinue.providers.openai.http_client import BoundedClient
from tests.support.team import FakeTime

Answer = httpx2.Response | Exception


class Server(httpx2.BaseTransport):
    """Answers requests one after the other from a list; the last answer stays."""

    client: BoundedClient

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if not answer.is_closed:
            return answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content, request=request)


def error(status: int, message: str = "no", **headers: str) -> httpx2.Response:
    body = {"error": {"message": message, "type": "some_error", "param": None, "code": None}}
    return httpx2.Response(status, json=body, headers={"x-request-id": "req_1", **headers})


OK = httpx2.Response(200, json={"id": "asst_1"})


@pytest.fixture
def connect() -> Callable[..., tuple[Account, Server, FakeTime]]:
    def make(*answers: Answer) -> tuple[Account, Server, FakeTime]:
        server, time = Server(*answers), FakeTime(now=0.0)
        server.client = BoundedClient(transport=server)
        client = openai.OpenAI(
            base_url="http://server.test/v1",
            api_key="sk-canary",
            http_client=server.client,
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
    with pytest.raises(AmbiguousError):
        account.create("/x", {})
    assert len(server.requests) == 1


def test_an_answer_that_cannot_be_unpacked_is_told_as_one(connect: Connect) -> None:
    packed = httpx2.Response(200, stream=httpx2.ByteStream(b"plain"), headers={"content-encoding": "gzip"})
    account, _, _ = connect(packed)
    account.retries = 0
    with pytest.raises(AccountError, match=r"sent an answer to GET /v1/x that cannot be unpacked: ") as caught:
        account.get("/x")
    assert "packs its answers" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"data": [], "has_more": "false"}, "something else than a list whose 'has_more' is true or false: {"),
        ({"data": [], "has_more": 0}, "something else than a list whose 'has_more' is true or false: {"),
    ],
)
def test_whether_a_list_goes_on_is_not_guessed(connect: Connect, answer: dict[str, Any], said: str) -> None:
    account, _, _ = connect(httpx2.Response(200, json=answer))
    with pytest.raises(AnswerError) as caught:
        list(account.pages("/x", page=10))
    assert said in caught.value.message


@pytest.mark.parametrize("failure", [error(429), httpx2.ConnectError("refused"), error(409)])
def test_a_creation_that_cannot_have_happened_is_repeated(connect: Connect, failure: Answer) -> None:
    account, server, _ = connect(failure, OK)
    assert account.create("/x", {}) == {"id": "asst_1"}
    assert len(server.requests) == 2


def test_a_refusal_is_final(connect: Connect) -> None:
    account, server, _ = connect(error(400, "Invalid value for 'model'."))
    with pytest.raises(AccountError, match="Invalid value for 'model' \\(HTTP 400 for POST") as caught:
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


def test_it_gives_up_in_the_end(connect: Connect) -> None:
    account, server, _ = connect(httpx2.ConnectError("refused"))
    with pytest.raises(AccountError, match="cannot be reached: refused"):
        account.get("/x")
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_never_repeated_back(connect: Connect, status: int) -> None:
    account, _, _ = connect(error(status, "Incorrect API key provided: sk-canary. Find yours on the dashboard."))
    with pytest.raises(CredentialError) as caught:
        account.get("/x")
    assert "sk-canary" not in f"{caught.value} {caught.value.hint}"


def test_an_answer_that_is_not_json_is_explained(connect: Connect) -> None:
    account, _, _ = connect(httpx2.Response(200, text="<html>Welcome</html>"))
    with pytest.raises(AccountError, match="something else than a JSON object") as caught:
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


NOTHING = httpx2.Response(200, json={"data": [], "has_more": True})


def test_a_list_that_has_more_after_a_full_page_and_gives_nothing_ends(connect: Connect) -> None:
    """Eventually consistent lists may promise more after a last full page."""
    full = httpx2.Response(200, json={"data": [{"id": "1"}, {"id": "2"}], "has_more": True})
    account, server, _ = connect(full, NOTHING)
    assert [each["id"] for each in account.pages("/x", page=2)] == ["1", "2"]
    assert len(server.requests) == 2


@pytest.mark.parametrize("before", [[], [httpx2.Response(200, json={"data": [{"id": "1"}], "has_more": True})]])
def test_any_other_list_that_has_more_and_gives_nothing_is_not_taken_for_whole(
    connect: Connect, before: list[Answer]
) -> None:
    """What it holds back would seem to be gone, and be made a second time."""
    account, _, _ = connect(*before, NOTHING)
    with pytest.raises(AccountError, match="GET /v1/x promises more and shows nothing"):
        list(account.pages("/x", page=2))


def test_a_list_that_repeats_itself_is_not_taken_for_whole(connect: Connect) -> None:
    """A server that ignores where the next page begins: what comes after the first page would seem to be gone."""
    account, server, _ = connect(httpx2.Response(200, json={"data": [{"id": "1"}], "has_more": True}))
    with pytest.raises(AccountError, match="repeats itself"):
        list(account.pages("/x", page=2))
    assert len(server.requests) == 2


def test_a_list_that_goes_round_is_not_taken_for_whole(connect: Connect) -> None:
    pages = [httpx2.Response(200, json={"data": [{"id": each}], "has_more": True}) for each in "abcab"]
    account, server, _ = connect(*pages)
    with pytest.raises(AccountError, match="GET /v1/x promises more and repeats itself"):
        list(account.pages("/x", page=2))
    assert len(server.requests) == 4


@pytest.mark.parametrize(("size", "most"), [(1, 250), (9, 2_001), (100, 3_000)])
def test_a_list_that_does_not_end_is_left(connect: Connect, size: int, most: int) -> None:
    account, server, _ = connect(OK)
    numbers = itertools.count()

    def answer(request: httpx2.Request) -> httpx2.Response:
        server.requests.append(request)
        data = [{"id": f"x{next(numbers)}"} for _ in range(size)]
        return httpx2.Response(200, json={"data": data, "has_more": True}, request=request)

    server.handle_request = answer  # type: ignore[method-assign]
    with pytest.raises(AccountError, match="GET /v1/x does not end"):
        list(account.pages("/x", page=100))
    assert len(server.requests) <= most


def test_pages_as_short_as_a_server_likes_are_read_to_their_end(connect: Connect) -> None:
    pages = [httpx2.Response(200, json={"data": [{"id": str(each)}], "has_more": each < 150}) for each in range(151)]
    account, _, _ = connect(*pages)
    assert len(list(account.pages("/x", page=100))) == 151


# ── what cannot be read ───────────────────────────────────────────────────────────────────────────────────────────────

CUT = httpx2.Response(200, content=b'{"id": "asst_1", "na')


@pytest.mark.parametrize("cut", [CUT, httpx2.Response(200)])
def test_what_was_cut_off_is_read_again(connect: Connect, cut: httpx2.Response) -> None:
    account, server, _ = connect(cut, cut, OK)
    assert account.get("/x") == {"id": "asst_1"}
    assert account.update("/x", {}) == {"id": "asst_1"}
    account, server, _ = connect(cut)
    with pytest.raises(AnswerError, match="answered GET /v1/x"):
        account.get("/x")
    assert len(server.requests) == 3


@pytest.mark.parametrize("odd", [CUT, httpx2.Response(200, text="[]"), httpx2.Response(200, json={"id": 1})])
def test_a_creation_that_cannot_be_read_may_have_happened(connect: Connect, odd: httpx2.Response) -> None:
    creations: list[Callable[[Account], Any]] = [
        lambda account: account.create("/x", {}),
        lambda account: account.upload("a.md", b"a", "assistants"),
        lambda account: account.create_from("/x", {"a": b"a"}, {}),
    ]
    for create in creations:
        account, server, _ = connect(odd)
        with pytest.raises(AmbiguousError, match="answered POST /v1/") as caught:
            create(account)
        assert caught.value.done
        assert len(server.requests) == 1


def test_a_deletion_needs_no_answer(connect: Connect) -> None:
    account, _, _ = connect(httpx2.Response(204))
    assert account.delete("/x")


class Endless(httpx2.SyncByteStream):
    """The beginning of an answer, and then the same piece for ever."""

    def __init__(self, start: bytes, piece: bytes = b" " * 1000) -> None:
        self.start, self.piece, self.closed = start, piece, False

    def __iter__(self) -> Iterator[bytes]:
        yield self.start
        while not self.closed:
            yield self.piece

    def close(self) -> None:
        self.closed = True


def test_an_answer_without_end_is_left(connect: Connect) -> None:
    stream = Endless(b'{"data": [')
    account, server, _ = connect(httpx2.Response(200, stream=stream))
    server.client.largest = 10_000
    with pytest.raises(AnswerError, match=r'answered GET /v1/x with something else than an answer of .*: {"data": \['):
        account.get("/x")
    assert stream.closed
    assert len(server.requests) == 1


def test_a_list_that_is_too_long_is_read_in_smaller_pages(connect: Connect) -> None:
    """As of assistants with instructions as long as the API takes."""
    account, server, _ = connect(OK)
    asked: list[tuple[int, int]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        limit, after = int(request.url.params["limit"]), int(request.url.params.get("after", 0))
        asked.append((limit, after))
        data = [{"id": str(each), "instructions": "x" * 1_000} for each in range(after + 1, min(after + limit, 25) + 1)]
        return httpx2.Response(200, json={"data": data, "has_more": data[-1]["id"] != "25"}, request=request)

    server.handle_request = answer  # type: ignore[method-assign]
    server.client.largest = 20_000
    assert [each["id"] for each in account.pages("/x", page=100)] == [str(each) for each in range(1, 26)]
    assert asked == [(100, 0), (10, 0), (10, 10), (10, 20)]


def test_an_error_without_end_is_told_by_its_beginning(connect: Connect) -> None:
    account, server, _ = connect(httpx2.Response(400, stream=Endless(b"no such thing, ", b"never, ")))
    server.client.largest_refusal = 10_000
    with pytest.raises(AccountError, match="no such thing, never") as caught:
        account.get("/x")
    assert len(caught.value.message) < 400


def test_an_answer_that_drips_is_left(connect: Connect) -> None:
    account, server, _ = connect(httpx2.Response(200, stream=Endless(b"{", b" ")))
    ticks = itertools.count(step=60)
    server.client.clock = lambda: next(ticks)
    account.retries = 0
    with pytest.raises(AccountError, match="did not answer in time"):
        account.get("/x")


def test_what_unpacks_to_too_much_is_left(connect: Connect) -> None:
    packed = gzip.compress(b'{"id": "x"}' + b" " * 1_000_000)
    account, server, _ = connect(httpx2.Response(200, stream=Once(packed), headers={"content-encoding": "gzip"}))
    server.client.largest = 100_000
    with pytest.raises(AnswerError, match="GET /v1/x"):
        account.get("/x")
    account, *_ = connect(httpx2.Response(200, stream=Once(packed), headers={"content-encoding": "gzip"}))
    assert account.get("/x") == {"id": "x"}


class Once(httpx2.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self.content


@pytest.mark.parametrize(
    "said",
    [
        "x" * 5_000_000,
        "<html>" + "<br>" * 10_000,
        "[" * 50_000,
        "\x1b[2J\x00\u202e" * 500,
        json.dumps({"error": "y" * 9_999}),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 500, 503])
def test_what_a_server_says_is_told_in_a_line(connect: Connect, status: int, said: str) -> None:
    account, *_ = connect(httpx2.Response(status, text=said, headers={"x-request-id": "r" * 10_000}))
    account.retries = 0
    with pytest.raises(AccountError) as caught:
        account.get("/x")
    assert len(caught.value.message) < 1_000
    assert caught.value.message.isprintable()


def test_a_server_that_fails_is_told_with_the_request_and_what_to_do(connect: Connect) -> None:
    account, *_ = connect(error(500, "The server had an error"))
    with pytest.raises(AccountError) as caught:
        account.get("/x")
    assert caught.value.message == "The server had an error (HTTP 500 for GET /v1/x, request req_1)"
    assert "run the command again" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://host.test", "try https://host.test/v1"),
        ("https://host.test/api", "try https://host.test/api/v1"),
        ("https://host.test/api/v2", "try https://host.test/api/v1"),
        ("https://host.test/v1/v1", "try https://host.test/v1"),
        ("https://host.test/v1/chat/completions", "try https://host.test/v1"),
        ("https://host.test/v1", "check base_url"),
    ],
)
def test_what_to_try_instead_of_a_base_url(connect: Connect, url: str, said: str) -> None:
    account, *_ = connect(httpx2.Response(404, text="<html>Not here</html>"))
    account.info = AccountInfo("custom", url=url)
    with pytest.raises(AccountError, match="does not know GET /v1/x") as caught:
        account.get("/x")
    assert said in str(caught.value.hint)


def test_the_account_tells_its_clock_and_its_name(connect: Connect) -> None:
    headers = {"date": "Thu, 01 Jan 1970 01:00:00 GMT", "openai-organization": "org-1", "openai-project": "proj_1"}
    account, _, _ = connect(httpx2.Response(200, json={}, headers=headers))
    account.get("/x")
    assert account.server_time() == 3600
    assert (account.info.organization, account.info.project) == ("org-1", "proj_1")


@pytest.mark.parametrize("body", [{"data": [{}]}, {"data": ["x"]}, {"data": {}}, {}, {"data": [{"id": 3}]}])
def test_a_list_of_nonsense_is_explained(connect: Connect, body: Any) -> None:
    account, _, _ = connect(httpx2.Response(200, json=body))
    with pytest.raises(AccountError, match=r"answered GET /v1/x with .* than (a list|an object with an id)"):
        list(account.pages("/x", page=2))


def test_a_creation_without_an_id_is_explained(connect: Connect) -> None:
    account, _, _ = connect(httpx2.Response(200, json={}))
    with pytest.raises(AccountError, match=r"answered POST /v1/x with something else than an object with an id: \{\}"):
        account.create("/x", {})


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_not_followed_since_it_may_turn_a_write_into_a_read(connect: Connect, status: int) -> None:
    account, server, _ = connect(httpx2.Response(status, headers={"location": "http://elsewhere.test/v1/x"}))
    with pytest.raises(AccountError, match=r"sends us on to http://elsewhere\.test/v1/x"):
        account.update("/x", {})
    assert len(server.requests) == 1


def test_a_server_that_does_not_know_the_path_is_explained(connect: Connect) -> None:
    account, _, _ = connect(httpx2.Response(405, text="Method Not Allowed"))
    with pytest.raises(AccountError, match="does not know POST /v1/x"):
        account.update("/x", {})


@pytest.mark.parametrize(
    ("setting", "environ", "said"),
    [
        ("openai", {"OPENAI_API_KEY": "ключ"}, "does not hold a key"),
        ({"base_url": "ftp://host/v1"}, {"OPENAI_API_KEY": "k"}, "base_url is not an address"),
        ({"base_url": "http://host/v1?key=abc"}, {"OPENAI_API_KEY": "k"}, "base_url .* ends with a query"),
        ({"base_url": "http://host/v1#top"}, {"OPENAI_API_KEY": "k"}, "base_url .* ends with a fragment"),
        ({"base_url": "http://["}, {"OPENAI_API_KEY": "k"}, "base_url is not an address"),
        ({"base_url": "http://host:99999/v1"}, {"OPENAI_API_KEY": "k"}, "base_url is not an address"),
        ({"api_key_env": "MY_KEY"}, {"OPENAI_API_KEY": "k"}, "'MY_KEY' is not set"),
    ],
)
def test_settings_that_cannot_work_are_explained(
    setting: Any, environ: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(RetinueError, match=said):
        open_account(setting, root=tmp_path, environ=environ)


def test_secrets_of_an_address_are_not_printed(tmp_path: Path) -> None:
    setting = {"base_url": "https://bob:hunter2@host.test:8443/v1"}
    account = open_account(setting, root=tmp_path, environ={"OPENAI_API_KEY": "k"})
    assert account.info.url == "https://host.test:8443/v1"
    account.close()
    with pytest.raises(RetinueError, match="ends with a query") as caught:
        open_account({"base_url": "https://host.test/v1?token=abc"}, root=tmp_path, environ={"OPENAI_API_KEY": "k"})
    assert "abc" not in f"{caught.value.message} {caught.value.hint}"
