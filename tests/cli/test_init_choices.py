"""`retinue init` asks what it is not told, and what it writes works on the account that was chosen, at the first apply.

Everything runs as a user runs it: commands as processes of their own, and an account behind a port of this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import openai
import pytest
import yaml

from retinue.cli import main
from tests.support.terminal import command, in_terminal

KEY = "sk-test-of-nobody"
DONE = "\nApply complete: 2 added, 0 changed, 0 destroyed.\nThe account matches the declarations.\n"
QUESTION = "When does the office open?"


def run(
    *args: str, cwd: Path, code: int = 0, environ: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """A command without a terminal, and without what the machine says of accounts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "RETINUE_"))}
    done = subprocess.run(
        command(*args),
        cwd=cwd,
        env={**kept, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def serving(directory: Path, *options: str) -> Iterator[str]:
    ran = [sys.executable, "-m", "retinue", "serve", "-C", str(directory), "--port", "0", "--api-key", KEY, *options]
    with subprocess.Popen(ran, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


@pytest.fixture(scope="module")
def like_openai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An account that answers as api.openai.com does: with the Responses API, and without the Assistants API."""
    yield from serving(tmp_path_factory.mktemp("openai"), "--quirk", "no-assistants=true", "--quirk", "no-agents=true")


@pytest.fixture(scope="module")
def with_assistants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has assistants which nobody declared."""
    for url in serving(tmp_path_factory.mktemp("server")):
        client = openai.OpenAI(base_url=url, api_key=KEY)
        with pytest.warns(DeprecationWarning, match="deprecated"):
            client.beta.assistants.create(model="gpt-4o", name="Front Desk", instructions="Be brief.\n")
        yield url


def test_from_nothing_to_an_answer_on_the_local_account_with_four_commands(tmp_path: Path) -> None:
    run("init", "desk", cwd=tmp_path)
    desk = tmp_path / "desk"  # cd desk
    assert run("apply", "--yes", cwd=desk).stdout.endswith(DONE)
    assert "opening-hours.md" in run("ask", "assistant.concierge", QUESTION, cwd=desk).stdout


def test_from_nothing_to_an_answer_on_openai_with_the_same_four(tmp_path: Path, like_openai: str) -> None:
    """The project says `account: openai`; where that is, the variable of the SDK says."""
    environ = {"OPENAI_BASE_URL": like_openai, "OPENAI_API_KEY": KEY}
    said = run("init", "desk", "--account", "openai", "--api", "responses", cwd=tmp_path, environ=environ)
    assert said.stderr.endswith("\nNext: cd desk && retinue apply\n")
    desk = tmp_path / "desk"  # cd desk
    written = yaml.safe_load((desk / "retinue.yaml").read_text())
    assert [written[name] for name in ("stack", "account", "api")] == ["desk", "openai", "responses"]
    assert run("apply", "--yes", cwd=desk, environ=environ).stdout.endswith(DONE)
    assert "opening-hours.md" in run("ask", "assistant.concierge", QUESTION, cwd=desk, environ=environ).stdout
    locked = json.loads((desk / "retinue.lock.json").read_text())
    assert locked["assistants"]["concierge"]["arguments"]["model"] == "gpt-6-luna"
    found = (desk / "assistants" / "concierge.yaml").read_text()
    assert "`retinue output --json assistant.concierge` prints it as a call takes it." in found


def test_openai_is_the_responses_api_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    assert _written(tmp_path, "openai")["api"] == "responses"
    assert "api" not in _written(tmp_path, "http://127.0.0.1:9/v1/")
    assert _written(tmp_path, "http://127.0.0.1:9/v1/")["account"] == {
        "base_url": "http://127.0.0.1:9/v1",
        "api_key_env": "OPENAI_API_KEY",
    }


def test_a_key_that_is_missing_is_named_before_it_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["init", "desk", "--account", "openai"]) == 0
    assert capsys.readouterr().err.endswith("\nNext: cd desk && export OPENAI_API_KEY=… && retinue apply\n")


def _written(directory: Path, account: str) -> dict[str, object]:
    from retinue.commands.init import OPENAI, Choices, address_of, write_starter

    place = directory / account.partition(":")[0]
    list(write_starter(place, Choices(account if account == OPENAI else address_of(account))))
    found: dict[str, object] = yaml.safe_load((place / "retinue.yaml").read_text())
    return found


def test_what_an_account_has_is_declared_and_adopted_by_the_first_apply(tmp_path: Path, with_assistants: str) -> None:
    told = ("--account", with_assistants, "--from", "assistants", "--stack", "house")
    said = run("init", "desk", *told, cwd=tmp_path, environ={"OPENAI_API_KEY": KEY})
    assert "assistant.front-desk" in said.stdout
    desk = tmp_path / "desk"
    assert not (desk / "assistants" / "concierge.yaml").exists()
    applied = run("apply", "--yes", cwd=desk, environ={"OPENAI_API_KEY": KEY}).stdout
    assert "0 added, 0 changed, 0 destroyed, 1 adopted" in applied
    assert applied.endswith("The account matches the declarations.\n")


@pytest.mark.parametrize(
    ("told", "code", "why"),
    [
        (["--from", "assistants", "--account", "openai"], 1, "'OPENAI_API_KEY' is not set"),
        (["--account", "openia"], 64, "'openia' is no account"),
        (["--account", "https://key@host/v1"], 64, "a key has no place in a file"),
        (["--stack", "My Stack"], 64, "the stack cannot be called 'My Stack'"),
        (["--api", "chat"], 64, "is not one of"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    tmp_path: Path,
    told: list[str],
    code: int,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(["init", str(tmp_path / "desk"), *told]) == code
    assert why in capsys.readouterr().err
    assert not (tmp_path / "desk").exists()


def test_a_project_that_is_there_says_where_its_objects_live(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "retinue.yaml").write_text("stack: mine\n")
    assert main(["init", str(tmp_path), "--account", "openai"]) == 64
    assert "'retinue import --all'" in capsys.readouterr().err


def test_an_account_that_cannot_be_reached_leaves_a_project_to_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("retinue.providers.openai.retry_policy.FIRST_WAIT", 0.0)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    desk = str(tmp_path / "desk")
    assert main(["init", desk, "--account", "http://127.0.0.1:9/v1", "--from", "assistants"]) == 1
    assert "the project is written: 'retinue import --all' goes on" in capsys.readouterr().err
    assert main(["validate", "-C", desk]) == 0


# ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_is_asked_and_return_takes_what_is_usual(tmp_path: Path) -> None:
    answers = {b"called? [desk]": b"\n", b"a URL [local]": b"\n"}
    ended = in_terminal(command("init", str(tmp_path / "desk")), then=answers)
    assert ended.code == 0
    written = yaml.safe_load((tmp_path / "desk" / "retinue.yaml").read_text())
    assert (written["stack"], written["account"], written.get("api")) == ("desk", "local", None)


def test_what_is_answered_is_written_and_what_cannot_be_is_asked_again(tmp_path: Path) -> None:
    answers = {
        b"called? [desk]": b"My Desk\n",
        b"at most 63 of them": b"front\n",
        b"a URL [local]": b"openai\n",
        b"[responses]": b"\n",
        b"[y/N]": b"\n",
    }
    ended = in_terminal(command("init", str(tmp_path / "desk")), then=answers)
    assert ended.code == 0, ended.written
    written = yaml.safe_load((tmp_path / "desk" / "retinue.yaml").read_text())
    assert (written["stack"], written["account"], written["api"]) == ("front", "openai", "responses")
    assert (tmp_path / "desk" / "assistants" / "concierge.yaml").exists()


@pytest.mark.parametrize("told", [["--yes"], ["--stack", "front", "--account", "local"]])
def test_what_is_told_is_not_asked(tmp_path: Path, told: list[str]) -> None:
    ended = in_terminal(command("init", str(tmp_path / "desk"), *told))
    assert ended.code == 0
    assert b"?" not in ended.written


def test_ctrl_c_while_asking_writes_nothing(tmp_path: Path) -> None:
    ended = in_terminal(command("init", str(tmp_path / "desk")), then={b"[desk]": b"\x03"})
    assert ended.code == 130
    assert not (tmp_path / "desk").exists()
