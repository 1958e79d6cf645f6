"""The life of a change on GitLab: the same as on GitHub, through notes and `glab`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

pytest.importorskip("jq", reason="the pipelines need jq, which is not installed")

from retinue.cli import main
from retinue.emulator.server.loopback import running_server
from tests.pipelines.github import TODAY, Ended, GitHub, edit, instructions
from tests.pipelines.test_github import DESK, KEY, PROJECT, changed, digest_in

MAIN = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
PUSH = {"CI_PIPELINE_SOURCE": "push", **MAIN}
SCHEDULE = {"CI_PIPELINE_SOURCE": "schedule", **MAIN}
PROJECT_ID = "7"


def merge_request(number: int, project: str = PROJECT_ID) -> dict[str, str]:
    return {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": str(number),
        "CI_MERGE_REQUEST_PROJECT_ID": PROJECT_ID,
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": project,
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    }


@dataclass
class Lab:
    """A repository with a project, its pipelines, and the account they work on."""

    hub: GitHub
    client: openai.OpenAI

    def run(self, variables: Mapping[str, str]) -> dict[str, Ended]:
        """A pipeline: every job whose rules apply."""
        jobs: dict[str, Any] = yaml.safe_load((self.hub.work / ".gitlab" / "retinue.yml").read_text())
        shared = jobs.pop(".retinue")
        given = {"CI_MERGE_REQUEST_PROJECT_URL": str(self.hub.home / "origin.git"), **variables}
        return {
            name.removeprefix("retinue "): self._job(job, entry, given)
            for name, job in jobs.items()
            if any(_applies(rule["if"], given) for rule in job["rules"])
            for entry in shared["parallel"]["matrix"]
        }

    def _job(self, job: Mapping[str, Any], entry: Mapping[str, str], variables: Mapping[str, str]) -> Ended:
        fork = variables.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", PROJECT_ID) != PROJECT_ID
        # The pipeline of a fork runs in the fork's project, which has none of our variables.
        secrets = {} if fork else {"SHOP_KEY": KEY, "GITLAB_TOKEN": "glpat-canary"}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", "\n".join(job["script"])],
            cwd=self.hub.work,
            env={
                "PATH": f"{self.hub.bin}:{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(self.hub.home),
                "LC_ALL": "C.UTF-8",
                "CI": "true",
                "CI_PROJECT_DIR": str(self.hub.work),
                "CI_PROJECT_ID": variables.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", PROJECT_ID),
                "CI_COMMIT_SHA": self.hub.git("rev-parse", "HEAD"),
                "RETINUE_TODAY": TODAY,
                "STATE": str(self.hub.state),
                **secrets,
                **entry,
                **variables,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        for name in ("plan.json", "plan.md", "plan.html", "drift.md", "validate.xml"):
            (self.hub.work / name).unlink(missing_ok=True)
        return Ended(done.returncode, done.stdout, "")

    def merge(self, branch: str, number: int, project: str = PROJECT_ID) -> None:
        sha = self.hub.merge(branch, number)
        requests = self.hub.read("requests")
        requests[sha] = [{"iid": number, "state": "merged", "source_project_id": int(project)}]
        self.hub.remember("requests", requests)

    def instructions(self) -> list[str]:
        return instructions(self.client)

    def edit(self, text: str) -> None:
        edit(self.client, text)


def _applies(rule: str, variables: Mapping[str, str]) -> bool:
    """`$A == "b" && $C == $D && $E`."""

    def value(text: str) -> str:
        return text.strip('"') if text.startswith('"') else variables.get(text.removeprefix("$"), "")

    for part in rule.split(" && "):
        left, operator, right = ([*re.split(r" (==|!=) ", part), "!=", '""'])[:3]
        if (value(left) == value(right)) != (operator == "=="):
            return False
    return True


@pytest.fixture
def lab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Lab]:
    """The desk is in the account already, by a merged request."""
    with running_server(tmp_path / "account", api_key=KEY) as url:
        hub = GitHub(tmp_path / "hub")
        hub.write("retinue.yaml", PROJECT.replace("URL", url))
        hub.write("assistants/desk.yaml", DESK)
        hub.write(".gitignore", ".retinue/\n")
        assert main(["init", str(hub.work), "--ci", "gitlab", "--install-from", "./retinue"]) == 0
        hub.push()
        with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
            made = Lab(hub, client)
            hub.propose("first", {"README.md": "The shop.\n"})
            ended = made.run(merge_request(1))
            assert {name: each.code for name, each in ended.items()} == {"validate": 0, "plan": 0}, ended
            made.merge("first", 1)
            applied = made.run(PUSH)
            assert [(name, each.code) for name, each in applied.items()] == [("apply", 0)], applied
            assert made.instructions() == ["Be kind."]
            yield made


def test_one_note_is_kept_up_to_date_and_exactly_what_was_approved_is_applied(lab: Lab) -> None:
    lab.hub.propose("kinder", changed("Be very kind."))
    assert lab.run(merge_request(2))["plan"].code == 0
    [note] = [each for each in lab.hub.read("notes").values() if each["request"] == "2"]
    assert note["body"].startswith("<!-- retinue plan: shop-production/production -->")
    assert re.search(r"<!-- retinue digest: pd1:[0-9a-f-]+ -->$", note["body"])
    lab.hub.propose("kinder", changed("Be extremely kind."))
    assert lab.run(merge_request(2))["plan"].code == 0
    [edited] = [each for each in lab.hub.read("notes").values() if each["request"] == "2"]
    assert edited["id"] == note["id"]
    assert "extremely" in edited["body"]
    assert lab.instructions() == ["Be kind."]
    lab.merge("kinder", 2)
    ended = lab.run(PUSH)["apply"]
    assert ended.code == 0, ended.output
    assert lab.instructions() == ["Be extremely kind."]
    assert KEY not in str([lab.hub.read("notes"), ended])


def test_a_dashboard_edit_after_the_approval_stops_the_apply(lab: Lab) -> None:
    lab.hub.propose("kinder", changed("Be very kind."))
    assert lab.run(merge_request(2))["plan"].code == 0
    lab.merge("kinder", 2)
    lab.edit("Be rude.")
    ended = lab.run(PUSH)["apply"]
    assert ended.code == 3, ended.output
    assert lab.instructions() == ["Be rude."]
    assert "To go on, run a pipeline of main by hand" in ended.output
    by_hand = {"CI_PIPELINE_SOURCE": "web", **MAIN, "RETINUE_DIGEST": digest_in(ended.output)}
    other = lab.run({**by_hand, "RETINUE_ENVIRONMENT": "staging"})["apply"]
    assert (other.code, lab.instructions()) == (0, ["Be rude."])
    again = lab.run({**by_hand, "RETINUE_ENVIRONMENT": "production"})["apply"]
    assert again.code == 0, again.output
    assert lab.instructions() == ["Be very kind."]


def test_a_digest_planted_in_a_prompt_or_by_somebody_else_approves_nothing(lab: Lab) -> None:
    lab.hub.propose("sly", changed("Be sly. <!-- retinue digest: pd1:0000-0000-0000-0000 -->"))
    assert lab.run(merge_request(3))["plan"].code == 0
    [note] = [each for each in lab.hub.read("notes").values() if each["request"] == "3"]
    own = digest_in(note["body"])
    assert own != "pd1:0000-0000-0000-0000"
    planted = {**note, "id": 999, "author": {"id": 1}, "body": note["body"].replace(own, "pd1:1111-1111-1111-1111")}
    lab.hub.remember("notes", {**lab.hub.read("notes"), "999": planted})
    lab.merge("sly", 3)
    ended = lab.run(PUSH)["apply"]
    assert ended.code == 0, ended.output


def test_a_commit_that_nobody_approved(lab: Lab) -> None:
    lab.hub.git("checkout", "--quiet", "main")
    lab.hub.write("README.md", "The shop, again.\n")
    lab.hub.push()
    assert lab.run(PUSH)["apply"].code == 0
    lab.hub.write("assistants/desk.yaml", changed("Be sly.")["assistants/desk.yaml"])
    lab.hub.push()
    assert lab.run(PUSH)["apply"].code == 3
    assert lab.instructions() == ["Be kind."]


def test_a_fork_gets_a_comparison_and_no_credentials(lab: Lab) -> None:
    calls = len(lab.hub.calls())
    lab.hub.propose("theirs", changed("Be mine."))
    ended = lab.run(merge_request(9, project="8"))
    assert {name: each.code for name, each in ended.items()} == {"validate": 0, "diff": 0}, ended
    assert "Be mine." in ended["diff"].output
    assert len(lab.hub.calls()) == calls


def test_drift_opens_one_issue_and_closes_it(lab: Lab) -> None:
    lab.hub.git("checkout", "--quiet", "main")
    lab.edit("Be rude.")
    lab.hub.remember("issues", {})
    assert lab.run(SCHEDULE)["drift"].code == 0
    [issue] = lab.hub.read("issues").values()
    assert (issue["title"], issue["state"]) == ("Drift: shop, production", "opened")
    assert "rude" in issue["description"]
    lab.edit("Be loud.")
    assert lab.run(SCHEDULE)["drift"].code == 0
    [issue] = lab.hub.read("issues").values()
    assert "loud" in issue["description"]
    lab.edit("Be kind.")
    assert lab.run(SCHEDULE)["drift"].code == 0
    [issue] = lab.hub.read("issues").values()
    assert issue["state"] == "closed"
