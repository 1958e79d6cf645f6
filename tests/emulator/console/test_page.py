"""The console as HTTP: its files, what browsers are told of them, and the lists that only it asks for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue.cli import main
from retinue.commands.declared_places import declared_places
from retinue.emulator.console import SERVICE
from retinue.emulator.language_models.rehearsal import Rehearsal
from retinue.emulator.server.loopback import running_server
from retinue.emulator.server.served_account import who_answers
from retinue.emulator.server.service import find_services
from retinue.session import Where
from tests.emulator.conftest import Account, OpenAccount
from tests.emulator.test_error_shape import refused
from tests.support.scripted_model import Gate, ScriptedModel, says

FILES = sorted(SERVICE.static)
LISTS = [each.path for each in SERVICE.internal if "{" not in each.path]
INTERNAL = [*LISTS, "/_internal/files/file-nothing/content"]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """Its root, with a key that the console's files do not need."""
    with (
        running_server(tmp_path_factory.mktemp("served"), api_key="key-of-the-test", hosts=[]) as base_url,
        httpx2.Client(base_url=base_url.removesuffix("v1"), verify=False, trust_env=False) as http,
    ):
        yield http


@pytest.fixture
def account(open_account: OpenAccount) -> Account:
    """One whose answers no published description judges: the console's own are in none."""
    return open_account(services=find_services())


KEY = {"authorization": "Bearer key-of-the-test"}


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_the_same_for_everybody(served: httpx2.Client, path: str) -> None:
    answer = served.get(path)
    assert answer.status_code == 200
    assert answer.content == SERVICE.static[path].path.read_bytes()
    assert answer.content == served.get(path, headers=KEY).content
    kind = {"/": "text/html", "/console.css": "text/css", "/console.js": "text/javascript"}[path]
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"


@pytest.mark.parametrize("path", FILES)
def test_a_browser_runs_nothing_that_is_not_in_the_files(served: httpx2.Client, path: str) -> None:
    """No script or style within the page or from elsewhere, no frame around it, no guessing of types."""
    headers = served.get(path).headers
    policy = dict(each.partition(" ")[::2] for each in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert not [name for name in headers if name.startswith("access-control-")]


def test_the_page_has_no_code_and_no_style_inside() -> None:
    page = SERVICE.static["/"].path.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page)
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == ["data:,", "console.css", "console.js", "#main", "#/"]


def test_texts_get_into_the_page_as_texts_only() -> None:
    script = SERVICE.static["/console.js"].path.read_text(encoding="utf-8")
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc|DOMParser|\.style\b"
    assert not re.search(ways, script)
    assert not re.search(r"localStorage|sessionStorage|document\.cookie|indexedDB", script), "the key is kept nowhere"
    for file in SERVICE.static.values():
        assert not re.search(r"https?://|@import|url\(", file.path.read_text(encoding="utf-8")), "from elsewhere"


@pytest.mark.parametrize("path", FILES)
def test_what_a_browser_has_it_is_not_sent_again(served: httpx2.Client, path: str) -> None:
    first = served.get(path)
    assert first.headers["cache-control"] == "no-cache"
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = served.get(path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    assert served.get(path, headers={"if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", FILES)
def test_head_is_get_without_the_content(served: httpx2.Client, path: str) -> None:
    head, got = served.head(path), served.get(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "content-security-policy"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_file_is_only_read(served: httpx2.Client, path: str, method: str) -> None:
    answer = served.request(method, path)
    assert refused(answer, 405)["code"] == "method_not_supported"


@pytest.mark.parametrize(
    "path",
    [
        *("console.html", "console", "index.html", "console.js/", "console.js.map", "favicon.ico", "page/console.js"),
        *("../pyproject.toml", "%2e%2e/service.py", "console.py", "__init__.py", "/etc/passwd", "_internal/nothing"),
    ],
)
def test_there_is_nothing_else(served: httpx2.Client, path: str) -> None:
    refused(served.get(f"/{path}", headers=KEY), 404)


@pytest.mark.parametrize("path", [*FILES, *INTERNAL])
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
)
def test_no_other_page_gets_it(served: httpx2.Client, path: str, headers: dict[str, str]) -> None:
    """Not by another name of this machine, not as a script or a frame, and not from another port of it."""
    refused(served.get(path, headers={**KEY, **headers}), 403)


def test_a_link_to_the_console_may_be_followed(served: httpx2.Client) -> None:
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert served.get("/", headers=followed).status_code == 200
    own = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
    assert served.get("/_internal/account", headers={**KEY, **own}).status_code == 200
    assert served.get("/v1/models", headers={**KEY, **own}).status_code == 200


@pytest.mark.parametrize("path", INTERNAL)
def test_what_the_account_holds_is_told_with_the_key_only(served: httpx2.Client, path: str) -> None:
    assert refused(served.get(path), 401)["code"] is None
    assert refused(served.get(path, headers={"authorization": "Bearer another"}), 401)["code"] == "invalid_api_key"
    assert served.get(path, headers=KEY).status_code == (200 if path in LISTS else 404)
    refused(served.post(path, headers=KEY), 405)


# ── The lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def internal(account: Account, path: str, **query: Any) -> Any:
    return account.http.get(f"http://local.invalid/_internal/{path}", params=query).raise_for_status().json()


def test_counts_follow_what_is_made_and_removed(open_account: OpenAccount) -> None:
    account = open_account(services=find_services(), language_model=Rehearsal())
    before = internal(account, "account")["counts"]
    assert set(before.values()) == {0}
    store = account.add_store(("a.txt", b"words"), ("b.txt", b"more words"))
    account.post("/assistants", model="gpt-4o")
    account.post("/threads", messages=[{"role": "user", "content": "Hello"}])
    told = internal(account, "account")
    assert told["counts"] == {**before, "vector_store": 1, "file": 2, "assistant": 1, "thread": 1}
    assert told["rehearsal"] is True
    account.delete(f"/vector_stores/{store}")
    assert internal(account, "account")["counts"]["vector_store"] == 0


def test_threads_are_listed_page_by_page_with_how_they_begin(account: Account) -> None:
    asked = [[{"role": "user", "content": f"Question {each}"}] for each in "abc"]
    made = [account.post("/threads", messages=each)["id"] for each in asked]
    empty = account.post("/threads")["id"]
    first = internal(account, "threads", limit=2)
    assert [each["id"] for each in first["data"]] == [empty, made[2]]
    assert [each["title"] for each in first["data"]] == ["", "Question c"]
    assert first["has_more"] is True
    second = internal(account, "threads", limit=2, after=first["last_id"])
    assert [each["id"] for each in second["data"]] == [made[1], made[0]]
    assert second["has_more"] is False


def test_a_thread_says_how_its_last_run_went(account: Account) -> None:
    assistant = account.post("/assistants", model="gpt-4o")["id"]
    asked = {"messages": [{"role": "user", "content": [{"type": "text", "text": "x" * 900}]}]}
    run = account.post("/threads/runs", assistant_id=assistant, thread=asked)
    while account.get(f"/threads/{run['thread_id']}/runs/{run['id']}")["status"] != "completed":
        pass
    (listed,) = internal(account, "threads")["data"]
    assert listed["status"] == "completed"
    assert listed["title"] == "x" * 200


def test_responses_and_conversations_are_listed(account: Account) -> None:
    conversation = account.post("/conversations", items=[{"role": "user", "content": "Good morning"}])["id"]
    kept = account.post("/responses", model="gpt-4o", input="What is kept?")["id"]
    (listed,) = internal(account, "responses")["data"]
    assert (listed["id"], listed["title"], listed["model"]) == (kept, "What is kept?", "gpt-4o")
    (shown,) = internal(account, "conversations")["data"]
    assert (shown["id"], shown["title"]) == (conversation, "Good morning")


def test_a_response_that_is_not_kept_is_not_listed(open_account: OpenAccount) -> None:
    """Not even while a model answers it."""
    gate = Gate()
    account = open_account(services=find_services(), language_model=ScriptedModel((gate, *says("Nothing."))))
    other = open_account(services=find_services())
    body = {"model": "gpt-4o", "input": "What is not kept?", "store": False}
    asking = threading.Thread(target=account.http.post, args=["/responses"], kwargs={"json": body})
    asking.start()
    gate.wait()
    assert internal(other, "account")["counts"]["response"] == 1
    assert internal(other, "responses")["data"] == []
    gate.open()
    asking.join()


def test_pages_are_refused_like_those_of_the_api(account: Account) -> None:
    answer = account.http.get("http://local.invalid/_internal/threads", params={"limit": 1000})
    assert refused(answer, 400)["param"] == "limit"


def test_the_content_of_any_file_is_read_as_bytes(account: Account) -> None:
    """Also of one that the API gives to nobody, and never as a page of its own."""
    page = b"<script>alert(1)</script>"
    file = account.add_file("page.html", page)
    assert account.http.get(f"/files/{file}/content").status_code == 400
    answer = account.http.get(f"http://local.invalid/_internal/files/{file}/content")
    assert answer.content == page
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "attachment"


# ── The command ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_console_that_runs_already_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_server(tmp_path / ".retinue" / "local", hosts=[]) as base_url:
        port = base_url.rsplit(":", 1)[1].removesuffix("/v1")
        assert main(["console", "-C", str(tmp_path), "--port", port]) == 0
        assert capsys.readouterr().out == f"http://127.0.0.1:{port}/\n"
        other = tmp_path / "other"
        other.mkdir()
        assert main(["console", "-C", str(other), "--port", port]) == 1
        assert f"something else than this account's console answers on 127.0.0.1:{port}" in capsys.readouterr().err
        assert not (other / ".retinue").exists()
    assert who_answers(int(port), tmp_path / ".retinue" / "local") == "nobody"


def test_the_console_serves_when_nothing_does(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "retinue", "console", "-C", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
            assert "<title>Retinue console</title>" in httpx2.get(address, trust_env=False).text
        finally:
            process.terminate()
        assert process.wait() == 0


PROJECT = """\
stack: shop
include: [team/*.yaml]
variables: {token: {}}
environments: {live: {}}
"""
TEAM = """\
assistants:
  support: {model: gpt-4o, instructions: "${{ var.token }}"}

  broken: {modell: gpt-4o}
"""


def test_where_objects_are_declared_is_told_by_who_serves_a_project(tmp_path: Path) -> None:
    """In every environment, mistakes or not, as the files are now; without a project there is nothing to tell."""
    (tmp_path / "shop" / "team").mkdir(parents=True)
    (tmp_path / "shop" / "retinue.yaml").write_text(PROJECT, encoding="utf-8")
    declared = partial(declared_places, Where(tmp_path / "shop"))
    with (
        running_server(tmp_path / "account", hosts=[], declared=declared) as base_url,
        httpx2.Client(base_url=base_url.removesuffix("v1"), trust_env=False) as http,
    ):
        assert http.get("/_internal/declarations").json()["places"] == {"shop": {}, "shop-live": {}}
        (tmp_path / "shop" / "team" / "team.yaml").write_text(TEAM, encoding="utf-8")
        found = http.get("/_internal/declarations").json()["places"]
        assert found["shop-live"] == found["shop"]
        assert found["shop-live"] == {"assistant.support": "team/team.yaml:2", "assistant.broken": "team/team.yaml:4"}
    assert declared_places(Where(tmp_path)) == {}


def test_an_account_does_without_knowing_where_objects_are_declared(tmp_path: Path) -> None:
    def fail() -> Any:
        raise OSError("the disk is gone")

    for declared in (None, fail):
        with running_server(tmp_path, hosts=[], declared=declared) as base_url:
            answer = httpx2.get(f"{base_url.removesuffix('v1')}_internal/declarations", trust_env=False)
        assert answer.json()["places"] == {}


# ── The package ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_files_are_in_the_wheel() -> None:
    """It takes whatever stands in the package, unless git passes it over."""
    built = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert built["targets"]["wheel"] == {"packages": ["src/retinue"]}
    for file in SERVICE.static.values():
        assert file.path.is_relative_to(ROOT / "src" / "retinue")
        ignored = subprocess.run(["git", "check-ignore", "-q", "--no-index", str(file.path)], cwd=ROOT, check=False)
        assert ignored.returncode == 1


def test_nothing_in_the_files_is_a_secret() -> None:
    for file in SERVICE.static.values():
        assert not re.search(r"sk-[A-Za-z0-9]{8}|Bearer [A-Za-z0-9]", file.path.read_text(encoding="utf-8"))
    assert json.dumps(sorted(SERVICE.static)) == '["/", "/console.css", "/console.js"]'
