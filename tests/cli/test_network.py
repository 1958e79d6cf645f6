"""Proxies, certificates and addresses: one error names what is wrong and what to do, and `doctor` shows all of it."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from retinue.emulator.server.transport import LocalTransport
from retinue.providers.openai.http_client import advice
from tests.cli.conftest import Shell
from tests.support.serving import serving

DECLARED = "assistants:\n  a: {model: gpt-6-luna}\n"
PASSWORD = "hunter2-canary"


def connect(shell: Shell, url: str) -> None:
    shell.write("retinue.yaml", f"stack: t\naccount: {{base_url: '{url}', api_key_env: K}}\n")
    shell.write("assistants/a.yaml", DECLARED)


@pytest.fixture
def remote(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A project whose account is elsewhere; nobody listens there."""
    monkeypatch.setenv("K", "local")
    monkeypatch.setitem(sys.modules, "socksio", None)  # as if it was not installed
    connect(shell, "http://127.0.0.1:9/v1")
    shell.write("empty.pem", "")
    shell.write("text.pem", "no certificate\n")
    shell.write("folder/ca.pem", "")
    return shell


FAULTS = [
    ("ALL_PROXY", "socks5://127.0.0.1:1080", "pip install 'retinue[socks]'"),
    ("all_proxy", f"socks5h://bob:{PASSWORD}@proxy.example.com", "pip install 'retinue[socks]'"),
    ("ALL_PROXY", "socks://127.0.0.1:1080", "socks5://host:port"),
    ("https_proxy", "socks4://127.0.0.1:1080", "socks5://host:port"),
    ("HTTPS_PROXY", "ftp://proxy.example.com", "http://host:port"),
    ("HTTP_PROXY", f"http://bob:{PASSWORD}@proxy.example.com:port", "http://host:port"),
    ("HTTP_PROXY", "http://proxy.example.com:99999", "http://host:port"),
    ("HTTP_PROXY", "http://[::1", "http://host:port"),
    ("HTTP_PROXY", "http://", "http://host:port"),
    ("HTTP_PROXY", "://", "http://host:port"),
    ("http_proxy", "two words", "http://host:port"),
    ("SSL_CERT_FILE", "missing.pem", "unset it"),
    ("SSL_CERT_FILE", "empty.pem", "unset it"),
    ("SSL_CERT_FILE", "text.pem", "unset it"),
    ("SSL_CERT_FILE", "folder", "unset it"),
    ("REQUESTS_CA_BUNDLE", "missing.pem", "unset it"),
    ("REQUESTS_CA_BUNDLE", "text.pem", "unset it"),
    ("REQUESTS_CA_BUNDLE", "folder", "unset it"),
    ("SSL_CERT_DIR", "missing", "unset it"),
    ("SSL_CERT_DIR", "folder", "unset it"),
    ("SSL_CERT_DIR", "text.pem", "unset it"),
]


@pytest.mark.parametrize(("variable", "value", "hint"), FAULTS)
def test_what_the_environment_has_wrong_is_named(
    remote: Shell, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, hint: str
) -> None:
    monkeypatch.chdir(remote.team.root)
    monkeypatch.setenv(variable, value)
    for command in ("plan", "apply", "models", "show"):
        done = remote(command)
        assert done.code == 1, done.err
        assert done.err.count("error:") == 1
        assert variable in done.err
        assert hint in done.err
        assert PASSWORD not in done.err
    found = remote("doctor", "--json")
    network = json.loads(found.out)["network"]
    assert (found.code, len(network["faults"])) == (1, 1)
    assert variable in network["faults"][0]
    assert network["faults"] == json.loads(found.out)["problems"]
    text = remote("doctor").out
    assert f"fault                  {network['faults'][0]}"[:60] in text
    assert PASSWORD not in text + found.out


def test_all_that_is_wrong_is_named_at_once(remote: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "ftp://proxy.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", "/missing.pem")
    done = remote("plan")
    assert done.code == 1
    assert "HTTPS_PROXY" in done.err
    assert "'/missing.pem' cannot be read: no such file" in done.err


def test_the_local_account_needs_no_network(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks4://nowhere")
    monkeypatch.setenv("SSL_CERT_FILE", "/missing.pem")
    assert project("plan").code == 0
    assert json.loads(project("doctor", "--json").out)["network"] is None


def test_doctor_shows_what_is_in_use(remote: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://bob:{PASSWORD}@proxy.example.com:3128/?x={PASSWORD}")
    monkeypatch.setenv("http_proxy", "proxy.example.com:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://never.example.com")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,.corp.example.com")
    found = json.loads(remote("doctor", "--json").out)["network"]
    assert found == {
        "proxies": {"http_proxy": "http://proxy.example.com:3128", "HTTPS_PROXY": "http://proxy.example.com:3128/"},
        "exempt": {"NO_PROXY": "127.0.0.1,.corp.example.com"},
        "certificates": {},
        "ignored": [],
        "faults": [],
    }
    text = remote("doctor").out
    assert "http://proxy.example.com:3128/, from HTTPS_PROXY" in text
    assert "those of the system" in text
    assert PASSWORD not in text


def test_a_proxy_that_does_not_answer_is_named(remote: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://bob:{PASSWORD}@127.0.0.1:9")
    done = remote("doctor")
    assert done.code == 1
    assert "go through http_proxy (http://127.0.0.1:9)" in done.out
    assert PASSWORD not in done.out


class Login(httpx2.BaseTransport):
    """A proxy that wants to know who asks, or shows everybody a page to sign in."""

    def __init__(self, status: int) -> None:
        self.status = status

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {"location": "https://login.example.com/"} if self.status == 302 else {}
        text = "<!doctype html><title>Sign in</title>"
        return httpx2.Response(self.status, text=text, headers=headers, request=request)


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, "this is a web page"), (302, "https://login.example.com/"), (403, "web page"), (407, "look at the proxy")],
)
def test_a_page_to_sign_in_is_told_from_an_account(remote: Shell, status: int, said: str) -> None:
    with serving(Login(status)) as url:
        connect(remote, url)
        done = remote("plan")
    assert done.code == 1
    assert said in done.err
    assert "migrate" not in done.err


# ── base_url ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["", "/", "/v1/v1", "/v1/assistants", "/api", "/v1/chat/completions/"])
def test_an_address_beside_the_api_is_no_account_without_assistants(remote: Shell, path: str) -> None:
    with serving(LocalTransport(remote.team.root / "served")) as url:
        connect(remote, url.removesuffix("/v1") + path)
        done = remote("plan")
        doctor = remote("doctor")
    assert (done.code, doctor.code) == (1, 1)
    assert "nothing of the API answers at" in done.err
    for said in (done.err, doctor.out):
        assert "/v1" in said.partition("hint: " if said is done.err else "problem: ")[2]
        assert "base_url" in said
    assert "migrate" not in done.err


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1//"])
def test_a_slash_at_the_end_does_no_harm(remote: Shell, path: str) -> None:
    with serving(LocalTransport(remote.team.root / "served")) as url:
        connect(remote, url.removesuffix("/v1") + path)
        assert remote("apply", "--yes").code == 0
        connect(remote, url)
        assert "No changes" in remote("plan").out


def test_a_server_of_the_api_without_assistants_is_told_as_before(remote: Shell) -> None:
    class OnlyModels(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.url.path == "/v1/models":
                return httpx2.Response(200, json={"object": "list", "data": []}, request=request)
            return httpx2.Response(404, json={"detail": "Not Found"}, request=request)

    with serving(OnlyModels()) as url:
        connect(remote, url)
        done = remote("plan")
    assert done.code == 1
    assert "does not serve assistants" in done.err


# ── certificates ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("failure", "hint"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer", "SSL_CERT_FILE"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate", "SSL_CERT_FILE"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired", "renewed"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] Hostname mismatch, certificate is not valid for 'x'", "another host"),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "certificate of the client"),
        ("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure", "certificate of the client"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "http://"),
        ("[SSL: RECORD_LAYER_FAILURE] record layer failure", "http://"),
        ("[Errno 111] Connection refused", "check the network and base_url"),
    ],
)
def test_what_to_do_about_a_connection(failure: str, hint: str) -> None:
    error = httpx2.ConnectError(failure)
    error.__cause__ = ssl.SSLError(failure)
    assert hint in advice(error, {})


@pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")
def test_an_authority_of_ones_own(remote: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    root = remote.team.root
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(root))
    with serving(LocalTransport(root / "served"), tls=context) as url:
        connect(remote, url)
        refused = remote("doctor")
        assert refused.code == 1
        assert "export SSL_CERT_FILE=ca.pem; docs/network.md says more" in refused.out
        for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            with monkeypatch.context() as patch:
                patch.setenv(variable, str(root / "server.pem"))
                assert remote("plan").code == 0
                assert f"server.pem, from {variable}" in remote("doctor").out
        hashed = subprocess.run(
            ["openssl", "x509", "-hash", "-noout", "-in", "server.pem"], cwd=root, capture_output=True, text=True
        )
        shutil.copy(root / "server.pem", root / "folder" / f"{hashed.stdout.strip()}.0")
        monkeypatch.setenv("SSL_CERT_DIR", str(root / "folder"))
        assert remote("plan").code == 0


def certificate(root: Path) -> tuple[Path, Path]:
    """One that signs itself, for this machine, and its key."""
    asked = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=Corp"
    subprocess.run(
        [*asked.split(), "-keyout", "server.key", "-out", "server.pem", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    return root / "server.pem", root / "server.key"
