"""`retinue doctor`: finds what is wrong, goes on after it, and prints nothing that must not be seen."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from retinue.cli import main
from retinue.emulator.server.loopback import running_server
from retinue.kinds import all_kinds
from tests.account.test_identity import BEARER, SUBJECT, TokenServer, serving
from tests.cli.conftest import Shell
from tests.support.forms import form

KEY = "sk-proj-canary0123456789abcdefghijklmnopqrstuvwxyz"
COLLECTIONS = {kind.section for kind in all_kinds().values() if kind.stored and kind.store.listed} | {"files"}


def examined(shell: Shell, *args: str) -> tuple[int, dict[str, Any]]:
    result = shell("doctor", "--json", *args)
    return result.code, json.loads(result.out)


def states(document: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["state"] for each in document["collections"]}


@contextmanager
def served(shell: Shell, **account: Any) -> Iterator[str]:
    with running_server(shell.team.root / "served", api_key=KEY, **account) as url:
        shell.write("retinue.yaml", f"stack: demo\naccount: {{base_url: '{url}'}}\ninclude: ['team.yaml']\n")
        yield url


def test_a_project_that_works(project: Shell) -> None:
    assert project("apply", "--yes").code == 0
    code, found = examined(project)
    assert (code, found["usable"], found["problems"]) == (0, True, [])
    assert states(found) == dict.fromkeys(COLLECTIONS, "answers")
    assert found["project"]["stack"] == "test"
    assert found["account"]["key"] == {"source": "none", "name": None, "set": None}
    assert found["cache"]["ids"] == 2
    assert found["cache"]["bytes"] > 0
    assert {"retinue", "python", "openai", "click"} <= set(found["versions"])
    text = project("doctor")
    assert text.code == 0
    assert text.out.rstrip().endswith("Ready to use.")
    assert "2 ids, 0 uploads under way" in text.out


def test_nothing_is_written_where_there_is_no_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "-C", str(tmp_path)]) == 1
    assert "problem: there is no project here" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("stack: [1\n", "1 error in the declarations"),
        ("stack: UPPER\naccount: nowhere\n", "2 errors in the declarations"),
        ("- a list\n", "1 error in the declarations"),
    ],
)
def test_a_project_file_that_is_broken(shell: Shell, written: str, said: str) -> None:
    shell.write("retinue.yaml", written)
    code, found = examined(shell)
    assert code == 1
    assert said in found["problems"][0]
    assert found["versions"]["python"]


def test_broken_declarations_leave_the_account_to_be_looked_at(project: Shell) -> None:
    project.write("more.yaml", "assistants: {one: {modl: gpt-4o}}\n")
    code, found = examined(project)
    assert (code, found["project"]["errors"]) == (1, 1)
    assert states(found) == dict.fromkeys(COLLECTIONS, "answers")


def test_an_environment_that_is_not_declared(project: Shell) -> None:
    code, found = examined(project, "-e", "nowhere")
    assert code == 1
    assert found["project"]["errors"] == 1


def test_no_key(project: Shell) -> None:
    with served(project):
        code, found = examined(project)
    assert code == 1
    assert found["account"]["key"] == {"source": "environment", "name": "OPENAI_API_KEY", "set": False}
    assert found["problems"] == [
        "there is no key for the account: the environment variable 'OPENAI_API_KEY' is not set"
    ]
    assert found["collections"] == []


def test_a_key_that_is_taken(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with served(project) as url:
        code, found = examined(project)
        text = project("doctor")
    assert (code, found["problems"]) == (0, [])
    assert found["account"]["url"] == url
    assert found["account"]["clock_offset"] in (-1, 0, 1)
    assert "from OPENAI_API_KEY, which is set" in text.out


@pytest.mark.parametrize(("seconds", "told"), [(600, "behind the account's"), (-600, "ahead of the account's")])
def test_a_clock_that_is_off(project: Shell, monkeypatch: pytest.MonkeyPatch, seconds: int, told: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with served(project, clock=lambda: time.time() + seconds):
        _, found = examined(project)
        text = project("doctor")
    assert abs(found["account"]["clock_offset"] - seconds) <= 2
    assert re.search(rf"clock +\d+ s {told}", text.out)


def test_what_variables_hold_is_not_printed(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-canary")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj_canary")
    with served(project):
        for done in (project("doctor"), project("doctor", "--json")):
            assert "OPENAI_ORG_ID" in done.out
            assert "canary" not in done.out + done.err


def test_a_key_that_is_refused(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY.replace("canary", "wrong"))
    with served(project):
        code, found = examined(project)
    assert code == 1
    assert set(states(found).values()) == {"refused"}
    assert found["problems"] == ["the account refuses the key: check the key and its project"]


def test_nobody_listens(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with served(project):
        pass
    code, found = examined(project)
    assert (code, set(states(found).values())) == (1, {"unreachable"})
    assert found["account"]["clock_offset"] is None
    assert found["problems"] == [
        "the account cannot be reached: check the network and base_url, then run the command again"
    ]


def refusing(server: TokenServer, shell: Shell, *, needs: str = "vector_stores") -> None:
    """A project whose account is the given server."""
    declared = {"vector_stores": "vector_stores: {one: {name: One}}\n", "": ""}[needs]
    shell.write("retinue.yaml", f"stack: demo\naccount: {{base_url: '{server.url}/v1'}}\n")
    shell.write("assistants/one.yaml", declared)


def test_missing_scopes_are_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    message = f"You have insufficient permissions. Missing scopes: api.vector_stores.read. The key {KEY[:12]} has none."
    with serving() as server:
        refusing(server, shell)
        error = {"message": message, "code": "missing_scope"}
        server.failures["/v1/vector_stores"] = (403, {"error": error})
        server.failures["/v1/agents"] = (403, {"error": error})
        server.failures["/v1/vaults"] = (404, {"error": {"message": f"nothing for {KEY}"}})
        code, found = examined(shell)
        text = shell("doctor").out
    assert code == 1
    assert states(found) | {"vector_stores": "missing-scope", "vaults": "not-served"} == states(found)
    # Only what is declared is a problem.
    assert found["problems"] == [
        "vector stores are declared, and the account does not show them to this key: it lacks api.vector_stores.read"
    ]
    assert "not shown to this key (403, missing_scope, lacks api.vector_stores.read, declared here)" in text
    assert_safe(text, json.dumps(found))


def assert_safe(*texts: str) -> None:
    """No key, and no prefix of one."""
    for text in texts:
        for secret in (KEY, SUBJECT, BEARER):
            assert secret[:8] not in text


def test_a_server_that_repeats_the_key(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one does, with its middle left out."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as server:
        refusing(server, shell)
        said = {"error": {"message": f"Incorrect API key provided: {KEY[:10]}***{KEY[-4:]}.", "code": KEY}}
        for kind in all_kinds().values():
            if kind.stored:
                server.failures[f"/v1{form(kind).path}"] = (401, said)
        server.failures["/v1/files"] = server.failures["/v1/models"] = (401, said)
        result = shell("doctor")
        _, found = examined(shell)
    assert result.code == 1
    assert_safe(result.out, result.err, json.dumps(found))


def test_workload_identity(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        shell.write("retinue.yaml", f"stack: demo\naccount: {json.dumps(server.setting())}\n")
        _, without = examined(shell)
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        code, found = examined(shell)
        server.failures["/exchange"] = (401, {"error": "invalid_grant", "error_description": f"not {SUBJECT}"})
        refused, after = examined(shell)
    assert without["problems"][0].startswith("there is no token of GitHub Actions")
    key = {"source": "workload_identity", "name": "github_actions_id_token", "set": None}
    assert (code, found["account"]["key"], found["problems"]) == (0, key, [])
    assert (refused, after["problems"]) == (1, ["the exchange of tokens was refused (invalid_grant): not ***"])
    assert_safe(json.dumps([without, found, after]))


def test_an_organization_and_a_project_that_answered(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as server:
        refusing(server, shell, needs="")
        server.headers = {"openai-organization": "acme", "openai-project": "proj_1"}
        _, found = examined(shell)
    assert (found["account"]["organization"], found["account"]["project"]) == ("acme", "proj_1")


def test_the_home_directory_is_not_named(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(project.team.root.parent))
    _, found = examined(project)
    assert found["project"]["root"] == f"~/{project.team.root.name}"
    assert str(project.team.root.parent) not in json.dumps(found)
    assert str(project.team.root.parent) not in project("doctor").out


def test_nothing_in_the_account_changes(project: Shell) -> None:
    assert project("apply", "--yes").code == 0
    before = project.team.state()
    examined(project)
    assert project.team.state() == before


def test_the_text_fits_a_terminal_and_has_no_escapes_in_a_pipe(project: Shell) -> None:
    out = project("doctor").out
    assert max(map(len, re.sub(r"/\S+", "PATH", out).splitlines())) <= 100
    assert "\x1b" not in out
