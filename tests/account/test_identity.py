"""Workload identity: tokens in place of keys, against a token server on loopback."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openai.auth
import pytest

from retinue import engine
from retinue.cli import main
from retinue.config.schema.project_schema import PROVIDERS
from retinue.errors import AccountError, CredentialError
from retinue.providers.openai import workload_identity as identity
from retinue.providers.openai.connect import open_account

SUBJECT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvOm8vciJ9.c2lnbmF0dXJlLW9mLXRoZS1zdWJqZWN0"
BEARER = "bearer-of-this-job-0123456789abcdef"


@dataclass
class TokenServer:
    """What GitHub's issuer, the exchange and the account would be: gives tokens, and takes only the newest one.

    `failures` maps a path to what is answered instead, `lifetime` is that of access tokens in seconds.
    """

    url: str = ""
    lifetime: int = 3600
    failures: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    exchanged: list[dict[str, Any]] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """What a job of GitHub Actions finds in its environment."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/issue?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": BEARER,
        }

    def setting(self, provider: Any = "github_actions_id_token", **more: Any) -> dict[str, Any]:
        return {
            "base_url": f"{self.url}/v1",
            "workload_identity": {
                "identity_provider_id": "idp_123",
                "service_account_id": "sa_456",
                "provider": provider,
                "token_exchange_url": f"{self.url}/exchange",
                **more,
            },
        }

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        target = urlsplit(path)
        if target.path == "/issue":
            self.asked.append({"query": parse_qs(target.query), "authorization": headers["authorization"]})
        if target.path == "/exchange":
            self.exchanged.append(json.loads(body))
        if target.path in self.failures:
            return self.failures[target.path]
        if target.path == "/issue":
            return 200, {"value": SUBJECT}
        if target.path == "/exchange":
            return 200, {"access_token": f"access-{len(self.exchanged)}", "expires_in": self.lifetime}
        token = headers["authorization"].removeprefix("Bearer ")
        self.used.append(token)
        if token in self.revoked:
            return 401, {"error": {"message": f"the token {token} is no longer good", "code": "token_expired"}}
        return 200, {"object": "list", "data": [], "has_more": False}


@contextmanager
def serving() -> Iterator[TokenServer]:
    server = TokenServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = server.answer(self.path, headers, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        server.url = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with serving() as server:
        yield server


def ask(server: TokenServer, setting: Any = None, environ: Mapping[str, str] | None = None, times: int = 1) -> None:
    """Read a collection of the account, as any command does."""
    given = server.environ if environ is None else environ
    account = open_account(setting or server.setting(), root=Path(), environ=given)
    account.retries = 0
    try:
        for _ in range(times):
            list(account.pages("/vector_stores", page=1))
    finally:
        account.close()


def test_the_token_of_the_job_is_exchanged_and_the_answer_is_used(tokens: TokenServer) -> None:
    ask(tokens, times=3)
    [asked] = tokens.asked
    assert asked["authorization"] == f"bearer {BEARER}"
    assert asked["query"] == {"api-version": ["2.0"], "audience": ["https://api.openai.com/v1"]}
    assert tokens.exchanged == [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": SUBJECT,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "identity_provider_id": "idp_123",
            "service_account_id": "sa_456",
        }
    ]
    assert tokens.used == ["access-1"] * 3


def test_the_audience_is_the_one_that_is_asked_for(tokens: TokenServer) -> None:
    ask(tokens, tokens.setting({"github_actions_id_token": {"audience": "https://a.example/?x=1&y"}}))
    assert tokens.asked[0]["query"]["audience"] == ["https://a.example/?x=1&y"]


def test_a_token_is_renewed_ahead_of_its_end(tokens: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """20 minutes before, unless the project file says otherwise."""
    now = 1000.0
    monkeypatch.setattr("openai.auth._workload.time", SimpleNamespace(monotonic=lambda: now))
    account = open_account(tokens.setting(), root=Path(), environ=tokens.environ)
    patient = open_account(tokens.setting(refresh_buffer_seconds=60), root=Path(), environ=tokens.environ)
    for later in (0, 2399, 2, 1138, 2):
        now += later
        account.get("/vector_stores")
        patient.get("/vector_stores")
    # Of those two, each has a first one (access-1 and access-2) and a second one.
    assert tokens.used == [
        *("access-1", "access-2"),
        *("access-1", "access-2"),
        *("access-3", "access-2"),
        *("access-3", "access-2"),
        *("access-3", "access-4"),
    ]


def test_a_token_that_has_ended_already_is_not_used(tokens: TokenServer) -> None:
    tokens.lifetime = 0
    with pytest.raises(CredentialError, match="no token for the account could be had"):
        ask(tokens)
    assert tokens.used == []


def test_a_token_that_the_account_takes_no_longer_is_renewed_once(tokens: TokenServer) -> None:
    tokens.revoked = {"access-1"}
    ask(tokens, times=2)
    assert tokens.used == ["access-1", "access-2", "access-2"]
    tokens.revoked = {f"access-{number}" for number in range(1, 9)}
    with pytest.raises(CredentialError) as refused:
        ask(tokens)
    assert tokens.used[3:] == ["access-3", "access-4"]
    assert "access-" not in str(refused.value)


def test_gitlab_hands_its_token_over_in_a_variable(tokens: TokenServer) -> None:
    ask(tokens, tokens.setting("gitlab_id_token"), {"OPENAI_ID_TOKEN": SUBJECT})
    ask(tokens, tokens.setting({"gitlab_id_token": {"variable": "MINE"}}), {"MINE": SUBJECT})
    assert [each["subject_token"] for each in tokens.exchanged] == [SUBJECT, SUBJECT]
    with pytest.raises(CredentialError, match="'OPENAI_ID_TOKEN' is not set"):
        ask(tokens, tokens.setting("gitlab_id_token"), {})


def test_kubernetes_mounts_its_token(tokens: TokenServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SUBJECT}\n")
    ask(tokens, tokens.setting({"k8s_service_account_token": {"token_file_path": str(tmp_path / "token")}}), {})
    assert tokens.exchanged[0]["subject_token"] == SUBJECT
    with pytest.raises(CredentialError, match=r"from 'k8s_service_account_token': Failed to read the token file"):
        ask(tokens, tokens.setting({"k8s_service_account_token": {"token_file_path": str(tmp_path / "none")}}), {})


@pytest.mark.parametrize(
    ("path", "status", "body", "said"),
    [
        ("/issue", 403, {}, "GitHub Actions gave no token (HTTP 403)"),
        ("/issue", 200, {"count": 1}, "holds no token"),
        ("/issue", 200, [SUBJECT], "holds no token"),
        (
            "/exchange",
            400,
            {"error": "invalid_grant", "error_description": f"no mapping fits {SUBJECT}."},
            "the exchange of tokens was refused (invalid_grant): no mapping fits ***",
        ),
        ("/exchange", 500, {"error": SUBJECT}, "Token exchange failed with status 500"),
        ("/exchange", 200, {"expires_in": 5}, "did not include a valid access_token"),
        ("/exchange", 200, "nothing", "was not a JSON object"),
    ],
)
def test_failures_are_explained_without_the_tokens(
    tokens: TokenServer, path: str, status: int, body: Any, said: str
) -> None:
    tokens.failures[path] = (status, body)
    with pytest.raises(AccountError) as failed:
        ask(tokens)
    text = f"{failed.value.message}\n{failed.value.hint}"
    assert said in text
    assert not {SUBJECT, BEARER, SUBJECT[-20:], SUBJECT[:20]} & set(text.split())
    assert SUBJECT[:20] not in text
    assert tokens.used == []


def test_outside_of_a_pipeline_there_is_nothing_to_exchange(tokens: TokenServer) -> None:
    with pytest.raises(CredentialError, match="there is no token of GitHub Actions") as failed:
        ask(tokens, environ={"ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:9/"})
    assert "id-token: write" in str(failed.value.hint)
    assert tokens.asked == []


def test_an_issuer_that_nobody_serves_is_a_matter_of_the_network(tokens: TokenServer) -> None:
    nobody = {**tokens.environ, "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:9/issue"}
    with pytest.raises(AccountError, match="no token for the account") as failed:
        ask(tokens, environ=nobody)
    assert BEARER not in str(failed.value)


def test_a_plan_needs_no_key(
    tokens: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the project file on, with a long-lived key in the environment that must not be used."""
    (tmp_path / "retinue.yaml").write_text(f"stack: demo\naccount: {json.dumps(tokens.setting())}\n")
    for name, value in {**tokens.environ, "OPENAI_API_KEY": "sk-long-lived"}.items():
        monkeypatch.setenv(name, value)
    assert main(["plan", "-C", str(tmp_path)]) == 0
    assert set(tokens.used) == {"access-1"}
    printed = "".join(capsys.readouterr())
    assert not [each for each in (SUBJECT, BEARER, "access-1", "sk-long-lived") if each in printed]
    # ... nor anything below the project.
    stored = b"".join(path.read_bytes() for path in (tmp_path / ".retinue").rglob("*") if path.is_file())
    assert b"access-1" not in stored


def test_sending_is_left_to_those_who_ask(tokens: TokenServer, tmp_path: Path) -> None:
    """Opening a session sends nothing yet."""
    (tmp_path / "retinue.yaml").write_text(f"stack: demo\naccount: {json.dumps(tokens.setting())}\n")
    with engine.open_session(engine.Where(tmp_path, environ=tokens.environ)):
        pass
    assert (tokens.asked, tokens.exchanged) == ([], [])


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_schema_has_the_options_of_the_providers(name: str) -> None:
    """Those that fit into a file: what the SDK takes besides is for programs."""
    function = getattr(openai.auth, f"{name}_provider", None) or getattr(identity, f"{name}_provider")
    taken = set(inspect.signature(function).parameters) - {"environ", "timeout", "http_client"}
    assert set(PROVIDERS[name]["properties"]) == taken


def test_every_provider_of_the_sdk_can_be_chosen() -> None:
    shipped = {each.removesuffix("_provider") for each in openai.auth.__all__ if each.endswith("_provider")}
    assert shipped <= set(PROVIDERS) == set(identity.PROVIDERS)
