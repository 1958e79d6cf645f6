"""What a user goes through, from the command line: each promise with its output and its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from retinue.model.values import Address
from tests.cli.conftest import Shell
from tests.support.team import Team

VERSION = "0.1.0"


def test_the_first_apply_creates_and_the_second_has_nothing_to_do(project: Shell) -> None:
    first = project("apply", "--yes")
    assert first.code == 0
    assert "Plan: 2 to add, 0 to change, 0 to destroy." in first.out
    assert first.out.rstrip().endswith("The account matches the declarations.")
    second = project("apply", "--yes")
    assert (second.code, second.err) == (0, "")
    assert "No changes. 2 objects match the declarations." in second.out


def test_progress_goes_to_stderr_and_data_to_stdout(project: Shell) -> None:
    done = project("apply", "--yes")
    assert "assistant.tutor: created asst_" in done.err
    assert "created asst_" not in done.out


def test_detailed_exitcode_tells_changes_from_none(project: Shell) -> None:
    assert project("plan").code == 0
    assert project("plan", "--detailed-exitcode").code == 2
    project("apply", "--yes")
    assert project("plan", "--detailed-exitcode").code == 0


def test_one_word_of_a_long_prompt_shows_as_that_hunk(project: Shell) -> None:
    project("apply", "--yes")
    text = (project.team.root / "tutor.md").read_text(encoding="utf-8")
    project.write("tutor.md", text.replace("Rule 1000: be kind", "Rule 1000: be very kind"))
    shown = project("plan").out
    assert "Rule 1000" in shown
    assert "very" in shown
    assert "Rule 997:" in shown
    assert "Rule 990:" not in shown
    assert len(shown.splitlines()) < 25
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in shown


def test_without_a_terminal_apply_refuses_and_says_how(project: Shell) -> None:
    done = project("apply")
    assert done.code == 64
    assert "run again with --yes" in done.err
    assert project.team.listed("/assistants") == []


def test_plan_json_is_the_document_and_nothing_else(project: Shell) -> None:
    done = project("plan", "--json")
    document = json.loads(done.out)
    assert document["format_version"] == "1.1"
    assert document["summary"]["create"] == 2
    assert done.err == ""


def test_a_comment_says_why_there_is_no_plan(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\naccount: {base_url: 'http://127.0.0.1:9/v1'}\n")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    keyless = project("plan", "--format", "github")
    assert keyless.code == 1
    assert keyless.out.startswith("<!-- retinue plan: test -->\n\n## No plan for `test`\n")
    assert keyless.err.splitlines()[0] in keyless.out
    assert project("plan", "--format", "markdown").out == ""
    project.write("retinue.yaml", "stack: [\n")
    broken = project("plan", "--format", "github")
    assert (broken.code, broken.out) == (1, "")


def test_targets_narrow_the_plan_and_never_delete(project: Shell) -> None:
    project("apply", "--yes")
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write(
        "team.yaml",
        text.replace("name: Tutor", "name: Mentor")
        .split("vector_stores:")[0]
        .replace("      - file_search: {vector_store: handbook, max_num_results: 8}\n", ""),
    )
    assert "Plan: 0 to add, 1 to change, 1 to destroy." in project("plan").out
    narrowed = project("apply", "--yes", "--target", "assistant.tutor")
    assert narrowed.code == 0
    assert "0 to destroy" in narrowed.out
    assert "Incomplete: only assistant.tutor" in narrowed.out
    assert len(project.team.listed("/vector_stores")) == 1


def test_a_target_that_is_not_declared_is_an_error(project: Shell) -> None:
    done = project("plan", "--target", "assistant.nobody")
    assert done.code == 64
    assert "assistant.nobody" in done.err
    assert "did you mean assistant.tutor?" in project("plan", "--target", "assistant.tuto").err
    assert "has no object of its own" in project("plan", "--target", "function.get_weather").err


# ── drift ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_drift_is_shown_apart_and_never_overwritten_unasked(project: Shell) -> None:
    project("apply", "--yes")
    assistant = project.team.listed("/assistants")[0]
    project.team.send("post", f"/assistants/{assistant['id']}", {"name": "Renamed elsewhere"})
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", text.replace("gpt-4o", "gpt-4o-mini"))

    shown = project("plan").out
    outside, declared = shown.index("Changed outside of retinue"), shown.index("Changed in the declarations")
    assert outside < shown.index("Renamed elsewhere") < declared < shown.index("gpt-4o-mini")

    refused = project("apply", "--yes")
    assert refused.code == 4
    assert "--revert-drift" in refused.err
    assert project.team.listed("/assistants")[0]["name"] == "Renamed elsewhere"

    reverted = project("apply", "--yes", "--revert-drift")
    assert reverted.code == 0
    assert project.team.listed("/assistants")[0]["name"] == "Tutor"
    assert project("plan", "--detailed-exitcode").code == 0


def test_what_others_made_is_counted_and_never_touched(project: Shell) -> None:
    theirs = project.team.send("post", "/assistants", {"model": "gpt-4o", "name": "Tutor"})
    foreign = {"retinue": "1;s=other;a=assistant.tutor;f=", "retinue.note": "theirs"}
    other = project.team.send("post", "/assistants", {"model": "gpt-4o", "metadata": foreign})
    assert "warning[look-alike]" in project("plan").out
    project("apply", "--yes")
    assert "warning[look-alike]" not in project("plan").out
    project("destroy", "--yes")
    left = {each["id"]: each for each in project.team.listed("/assistants")}
    assert left == {theirs["id"]: theirs, other["id"]: other}


def test_a_tag_that_cannot_be_read_stops_everything(project: Shell) -> None:
    project("apply", "--yes")
    assistant = project.team.listed("/assistants")[0]
    project.team.send("post", f"/assistants/{assistant['id']}", {"metadata": {"retinue": "2;future"}})
    project.write("tutor.md", "Short.\n")
    done = project("apply", "--yes")
    assert done.code == 4
    assert assistant["id"] in done.err
    assert "its format is '2'" in done.err


def test_an_object_deleted_by_hand_is_repaired_unattended(project: Shell) -> None:
    project("apply", "--yes")
    for each in project.team.listed("/vector_stores"):
        project.team.send("delete", f"/vector_stores/{each['id']}")
    assert project("apply", "--yes").code == 0
    assert project("plan", "--detailed-exitcode").code == 0


# ── protection ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_protected_object_is_deleted_only_after_it_is_unprotected(project: Shell) -> None:
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", text + "    lifecycle: {protect: true}\n")
    project("apply", "--yes")
    blocked = project("destroy", "--yes")
    assert blocked.code == 4
    assert "Plan: 0 to add, 0 to change, 2 to destroy." in blocked.out
    assert "vector_store.handbook" in blocked.err
    assert "protected" in blocked.err
    assert len(project.team.listed("/assistants")) == 1

    # Taking the block out of the file does not take the protection off the object.
    project.write(
        "team.yaml",
        text.split("vector_stores:")[0].replace(
            "      - file_search: {vector_store: handbook, max_num_results: 8}\n", ""
        ),
    )
    assert project("apply", "--yes").code == 4

    # Lifting it is a change that a plan shows, and an apply of its own.
    project.write("team.yaml", text + "    lifecycle: {protect: false}\n")
    assert "~ lifecycle.protect: true -> false" in project("plan").out
    assert project("plan", "--detailed-exitcode").code == 2
    assert project("apply", "--yes").code == 0
    assert project("destroy", "--yes").code == 0
    assert project.team.listed("/vector_stores") == []


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_fails_to_index_is_named_and_the_old_one_serves_on(project: Shell) -> None:
    project("apply", "--yes")
    project.write("handbook/refunds.md", "# Refunds\n\nMoney comes back within sixty days.\n")
    project.write(
        "retinue.yaml",
        "stack: test\ninclude: ['*.yaml']\naccount: {local: .retinue/local, quirks: {fail_files: refunds*}}\n",
    )
    done = project("apply", "--yes")
    assert done.code == 5
    assert "handbook/refunds.md" in done.out
    assert "server_error" in done.out
    assert searched(project.team, "thirty") == ["refunds.md"]

    project.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\n")
    assert project("apply", "--yes").code == 0
    assert searched(project.team, "sixty") == ["refunds.md"]
    assert len(project.team.listed("/files")) == 2


def searched(team: Team, words: str) -> list[str]:
    store = team.listed("/vector_stores")[0]["id"]
    with team.client() as client:
        return [each.filename for each in client.vector_stores.search(store, query=words)]


def test_a_renamed_file_can_be_found_at_every_moment(project: Shell) -> None:
    """The API cannot rename: the file is uploaded anew, and the old one goes only when the new one is searchable."""
    team = project.team
    team.apply()
    (team.root / "handbook/refunds.md").rename(team.root / "handbook/money-back.md")
    seen: list[list[str]] = []

    class Searching(httpx2.BaseTransport):
        def __init__(self, inner: httpx2.BaseTransport) -> None:
            self.inner = inner

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            answer = self.inner.handle_request(request)
            seen.append(searched(team, "thirty"))
            return answer

        def close(self) -> None:
            self.inner.close()

    assert team.apply(Searching, parallelism=1).converged
    assert all(seen)
    assert searched(team, "thirty") == ["money-back.md"]
    assert sorted(each["filename"] for each in team.listed("/files")) == ["money-back.md", "shipping.md"]


def test_a_store_that_is_replaced_is_never_missed_by_its_assistant(project: Shell) -> None:
    project("apply", "--yes")
    old = project.team.listed("/vector_stores")[0]["id"]
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", text + "    description: All we know.\n")
    shown = project("plan").out
    assert "can only be set on creation" in shown
    assert "Plan: 1 to add, 1 to change, 1 to destroy." in shown
    assert project("apply", "--yes", "--allow-deletes", "1").code == 0
    (new,) = project.team.listed("/vector_stores")
    assert new["id"] != old
    (assistant,) = project.team.listed("/assistants")
    assert assistant["tool_resources"]["file_search"]["vector_store_ids"] == [new["id"]]
    assert len(project.team.listed("/files")) == 2


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_output_gives_ids_in_every_form(project: Shell) -> None:
    project("apply", "--yes")
    live_id = project.team.listed("/assistants")[0]["id"]
    assert project("output", "assistant.tutor").out == f"{live_id}\n"
    assert json.loads(project("output", "--json").out)["assistant.tutor"] == live_id
    assert f"RETINUE_ASSISTANT_TUTOR={live_id}" in project("output", "--format", "env").out.splitlines()
    assert live_id in project("output").out


def test_show_prints_unknown_fields_of_one_object(project: Shell) -> None:
    project("apply", "--yes")
    assert "tool_resources" in project("show", "assistant.tutor").out
    assert "assistant.tutor" in project("show").out
    assert project("show", "assistant.nobody").code == 1


def test_schema_prints_each_kind_and_the_project(project: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    from retinue.cli import main

    for kind in ("assistant", "vector_store", "function", "project", "plan"):
        assert main(["schema", kind]) == 0
        assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")
    assert main(["schema", "nothing"]) == 64


def test_version_and_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    from retinue.cli import main

    assert main(["--version"]) == 0
    assert VERSION in capsys.readouterr().out
    assert main(["nonsense"]) == 64
    assert main(["plan", "--target", "no-address"]) == 64
    assert main(["plan", "--var", "novalue"]) == 64


# ── credentials ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_key_is_explained(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\naccount: openai\n")
    done = project("plan")
    assert done.code == 1
    assert "OPENAI_API_KEY" in done.err
    assert "account: local" in done.err


def test_a_refused_key_is_explained_and_not_printed(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from retinue.emulator.server.loopback import running_server

    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-canary")
    with running_server(project.team.account_directory, api_key="another") as url:
        project.write("retinue.yaml", f"stack: test\ninclude: ['*.yaml']\naccount: {{base_url: {url}}}\n")
        done = project("plan")
    assert done.code == 1
    assert "refused the key" in done.err
    assert "sk-secret-canary" not in done.err + done.out


def test_a_served_account_is_an_account_like_any_other(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from retinue.emulator.server.loopback import running_server

    monkeypatch.setenv("LOCAL_KEY", "local-key")
    with running_server(project.team.account_directory, api_key="local-key") as url:
        setting = f"stack: test\ninclude: ['*.yaml']\naccount: {{base_url: {url}, api_key_env: LOCAL_KEY}}\n"
        project.write("retinue.yaml", setting)
        assert project("apply", "--yes").code == 0
        assert project("plan", "--detailed-exitcode").code == 0


def test_a_server_that_is_not_there_is_explained(project: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setattr("retinue.providers.openai.retry_policy.FIRST_WAIT", 0.0)
    project.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\naccount: {base_url: 'http://127.0.0.1:9/v1'}\n")
    done = project("plan")
    assert done.code == 1
    assert "cannot be reached" in done.err
    assert "http://127.0.0.1:9/v1" in done.err


def test_an_account_without_the_assistants_api_is_explained(project: Shell) -> None:
    project.write(
        "retinue.yaml",
        "stack: test\ninclude: ['*.yaml']\naccount: {local: .retinue/local, quirks: {no_assistants: true}}\n",
    )
    done = project("plan")
    assert done.code == 1
    assert "does not serve assistants" in done.err
    assert "write 'api: responses', or let 'retinue migrate' move the assistants" in " ".join(done.err.split())


# ── interruption ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ctrl_c_finishes_what_is_under_way_and_the_next_apply_continues(project: Shell) -> None:
    stuck = "stack: test\ninclude: ['*.yaml']\naccount: {local: .retinue/local, quirks: {stuck_files: shipping*}}\n"
    project.write("retinue.yaml", stuck)
    command = [sys.executable, "-m", "retinue", "apply", "--yes", "--json", "-C", str(project.team.root)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if (event["type"], event.get("done"), event.get("detail")) == ("progress", 1, "indexed"):
                break
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopping" in err
    assert "vector_store.handbook" in out
    assert "assistant.tutor" in out

    project.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\n")
    # The stuck file stays stuck in the account: it is given up and brought in anew.
    stuck_file = next(each for each in project.team.listed("/files") if each["filename"] == "shipping.md")
    store = project.team.listed("/vector_stores")[0]["id"]
    project.team.send("delete", f"/vector_stores/{store}/files/{stuck_file['id']}")
    project.team.send("delete", f"/files/{stuck_file['id']}")
    assert project("apply", "--yes").code == 0
    assert len(project.team.listed("/files")) == 2


def test_a_reader_that_leaves_early_is_no_error(project: Shell) -> None:
    command = f"{sys.executable} -m retinue plan -C {project.team.root} | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_the_api_is_usable_from_python(project: Shell) -> None:
    from retinue import engine
    from retinue.commands import show as looking

    with engine.open_session(engine.Where(project.team.root, environ={})) as session:
        made = engine.plan(session)
        assert engine.outcome(engine.apply(session, made)) is None
        assert Address("assistant", "tutor") in looking.outputs(session)


def test_two_environments_are_two_stacks(project: Shell) -> None:
    project.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\nenvironments: {staging: {}, production: {}}\n")
    project("apply", "--yes", "-e", "staging")
    project("apply", "--yes", "-e", "production")
    assert len(project.team.listed("/assistants")) == 2
    assert project("destroy", "--yes", "-e", "staging").code == 0
    assert len(project.team.listed("/assistants")) == 1
    assert project("plan", "--detailed-exitcode", "-e", "production").code == 0


def test_a_project_is_found_from_below(project: Shell) -> None:
    below = project.team.root / "handbook"
    assert Path(below).is_dir()
    inner = Shell(Team(project.team.root), project.capture)
    assert inner("validate").code == 0
    from retinue.cli import main

    assert main(["validate", "-C", str(below)]) == 0


def test_waiting_together_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Several collections are read side by side; a server that is slow is slow for all of them."""
    from types import SimpleNamespace
    from typing import Any

    from retinue.cli.audience import watch_pauses
    from retinue.cli.terminal import Terminal

    session: Any = SimpleNamespace(account=SimpleNamespace(on_wait=None))
    watch_pauses(session, Terminal.detect())
    session.account.on_wait(3600, "the account asks to slow down")
    session.account.on_wait(3600, "the account asks to slow down")
    assert capsys.readouterr().err == "waiting 3600s: the account asks to slow down\n"
