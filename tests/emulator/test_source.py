"""A served account answers programs, and no page of a browser but its own: by Host, Origin and content type."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from retinue.cli import main
from retinue.emulator.server.loopback import running_server, serve
from retinue.emulator.server.request_source import host_name
from retinue.emulator.server.storage import LAYOUT, Storage
from tests.emulator.test_error_shape import ENDPOINTS, refused, url

OTHERS = "account.example"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A server that also answers for the name of a proxy."""
    with (
        running_server(tmp_path_factory.mktemp("served"), hosts=[host_name(OTHERS)]) as base_url,
        httpx2.Client(base_url=base_url, verify=False, headers={"openai-beta": "assistants=v2, agents=v1"}) as http,
    ):
        yield http


def port(http: httpx2.Client) -> int:
    return http.base_url.port or 0


def stores(http: httpx2.Client) -> int:
    return len(http.get("/vector_stores").json()["data"])


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:{port}", "127.8.9.10", "localhost", "LocalHost:{port}", "localhost.", "[::1]"),
        *("[::1]:{port}", "[0:0:0:0:0:0:0:1]:1", "[::ffff:127.0.0.1]", OTHERS, f"{OTHERS.upper()}:443"),
    ],
)
def test_its_own_hosts_are_answered(served: httpx2.Client, host: str) -> None:
    headers = {"host": host.format(port=port(served))}
    assert served.get("/models", headers=headers).status_code == 200
    assert served.post("/vector_stores", json={}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost"),
        *(
            "sub.account.example",
            "192.168.0.7",
            "10.0.0.1:{port}",
            "0.0.0.0",
            "[::2]",
            "[::]",
            "127.0.0.1@evil.example",
        ),
        *("evil.example/127.0.0.1", "localhost:{port}:1", "2130706433", "0x7f000001", "127.1", "[127.0.0.1", "-", ""),
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/vector_stores", "/_internal/health", "/v1/nothing"])
def test_another_host_is_refused(served: httpx2.Client, host: str, path: str) -> None:
    """A name that resolves to this machine is not ours for that: whoever rebound it sends it."""
    before = stores(served)
    address = f"http://127.0.0.1:{port(served)}{path}"
    headers = {"host": host.format(port=port(served))}
    assert refused(served.get(address, headers=headers), 403)["code"] == "host_not_allowed"
    assert refused(served.post(address, json={}, headers=headers), 403)["code"] == "host_not_allowed"
    assert stores(served) == before


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "http://evil.example:{port}", "null", "http://localhost:{port}", "http://127.0.0.1"),
        *("http://127.0.0.1:1", "http://127.0.0.1:{port}.evil.example", "file://", "chrome-extension://abc", "*", ""),
        *("http://127.0.0.1:{port}/", "ftp://127.0.0.1:{port}", "127.0.0.1:{port}"),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=b"])
def test_another_origin_is_refused(served: httpx2.Client, origin: str, content_type: str) -> None:
    before = stores(served)
    headers = {"origin": origin.format(port=port(served)), "content-type": content_type}
    for path in ("/vector_stores", "/files"):
        answer = served.post(path, content=b'{"name": "made"}', headers=headers)
        assert refused(answer, 403)["code"] == "origin_not_allowed"
    assert refused(served.get("/models", headers=headers), 403)["code"] == "origin_not_allowed"
    assert stores(served) == before


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", OTHERS])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_its_own_origin_is_answered(served: httpx2.Client, host: str, scheme: str) -> None:
    named = host.format(port=port(served))
    headers = {"host": named, "origin": f"{scheme}://{named}"}
    assert served.post("/vector_stores", json={}, headers=headers).status_code == 200


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: f"{each.method} {each.path}")
def test_no_answer_lets_a_page_read_it(served: httpx2.Client, endpoint: object) -> None:
    """Not to a preflight, not to a request, whatever its origin: none has a CORS header."""
    path = url(endpoint)  # type: ignore[arg-type]
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type, authorization"}
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{port(served)}"):
        for method in ("OPTIONS", "GET"):
            answer = served.request(method, path, headers={"origin": origin, **asked})
            assert not [name for name in answer.headers if name.startswith("access-control-")]
            assert method == "GET" or answer.status_code in (403, 405)


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.method == "POST"], ids=lambda each: each.path)
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/json"]
)
def test_a_body_says_what_it_is(served: httpx2.Client, endpoint: object, content_type: str) -> None:
    """JSON is taken as JSON only, a form only where there is one: a page can send the rest without being asked."""
    if content_type.startswith("multipart") and endpoint.form:  # type: ignore[attr-defined]
        return
    path = url(endpoint)  # type: ignore[arg-type]
    for content in (b'{"name": "made"}', b""):
        answer = served.post(path, content=content, headers={"content-type": content_type})
        refused(answer, 400)
        assert content_type in answer.json()["error"]["message"] or endpoint.form  # type: ignore[attr-defined]
    assert refused(served.post(path, content=b"{}"), 400)["message"]


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_may_say_more_of_itself(served: httpx2.Client, content_type: str) -> None:
    headers = {"content-type": content_type}
    assert served.post("/vector_stores", content=b'{"name": "a"}', headers=headers).status_code == 200
    assert served.post("/vector_stores").status_code == 200  # no body at all says nothing of itself


@pytest.mark.parametrize("host", ["http://account.example", "account.example:80", "a b", "", "*", "a..b", "é.example"])
def test_an_allowed_host_is_a_host(tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="is no host"):
        serve(tmp_path, allowed_hosts=[host], on_ready=lambda url: None)
    assert main(["serve", "-C", str(tmp_path), "--allow-host", host]) == 64
    assert "without scheme and port" in capsys.readouterr().err


KEY = "key-of-the-test"


@pytest.mark.parametrize("source", ["variable", "file", "option"])
def test_the_key_comes_from_where_it_is_kept(tmp_path: Path, source: str) -> None:
    """A key on the command line wins over the variable; a key in a file or a variable is in no list of processes."""
    (tmp_path / "key").write_text(f"{KEY}\n", encoding="utf-8")
    given = {"variable": [], "file": ["--api-key-file", str(tmp_path / "key")], "option": ["--api-key", KEY]}[source]
    environ = {**os.environ, "RETINUE_LOCAL_API_KEY": KEY if source == "variable" else "another"}
    more = [] if source == "variable" else ["--allow-host", OTHERS]
    command = [sys.executable, "-m", "retinue", "serve", "-C", str(tmp_path), "--port", "0", *given, *more]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        base_url = process.stdout.readline().strip()
        try:
            with httpx2.Client(base_url=base_url, verify=False) as http:
                assert http.get("/models").status_code == 401
                headers = {"authorization": f"Bearer {KEY}"}
                assert http.get("/models", headers=headers).status_code == 200
                named = http.get("/models", headers={**headers, "host": OTHERS})
                assert named.status_code == (200 if more else 403)
        finally:
            process.terminate()
        assert urlsplit(base_url).hostname == "127.0.0.1"
        assert KEY not in process.stderr.read()


@pytest.mark.parametrize("content", [None, b"", b"\n", b"two words", b"two\nlines", b"\xff\xfe", "ключ".encode()])
def test_a_file_that_holds_no_key_is_refused(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    assert main(["serve", "-C", str(tmp_path), "--api-key-file", str(file)]) == 64
    said = capsys.readouterr().err
    assert str(file) in said
    assert "two" not in said


@pytest.mark.parametrize("content", ["", " ", "two words"])
def test_a_variable_that_holds_no_key_is_refused(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is set and empty was meant to keep others out: without a key, everybody would be let in."""
    monkeypatch.setenv("RETINUE_LOCAL_API_KEY", content)
    assert main(["serve", "-C", str(tmp_path)]) == 64
    said = capsys.readouterr().err
    assert "RETINUE_LOCAL_API_KEY" in said
    assert "two" not in said


def test_there_is_one_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "-C", str(tmp_path), "--api-key", KEY, "--api-key-file", "key"]) == 64
    assert main(["serve", "-C", str(tmp_path), "--api-key", ""]) == 64
    assert KEY not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "declared", "directory"),
    [
        ("account: {local: other}\n", "assistants: {a: {model: gpt-4o}}\n", "other"),
        ("account: {local: other}\n", "assistants: {a: {modell: gpt-4o}}\n", "other"),
        ('account: {local: "\\x00"}\n', "assistants: {}\n", ".retinue/local"),
    ],
)
def test_the_account_that_is_served_is_the_one_that_the_project_names(
    tmp_path: Path, setting: str, declared: str, directory: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is wrong with declarations; the usual one where the project file does not tell any."""
    (tmp_path / "retinue.yaml").write_text(f"stack: test\ninclude: [a.yaml]\n{setting}", encoding="utf-8")
    (tmp_path / "a.yaml").write_text(declared, encoding="utf-8")
    storage = Storage(tmp_path / directory, new_id=lambda prefix: prefix)
    storage.db.execute(f"PRAGMA user_version = {LAYOUT + 1}")  # it is refused before it is served
    storage.close()
    assert main(["serve", "-C", str(tmp_path), "--port", "0"]) != 0
    said = capsys.readouterr().err
    assert f"error: the local account in '{tmp_path / directory}' has layout" in said
