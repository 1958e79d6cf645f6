"""The life of a change on GitHub: proposed, looked at, merged, applied exactly so; and drift."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

pytest.importorskip("jq", reason="the stand-in for gh needs jq, which is not installed")

from retinue.cli import main
from retinue.emulator.server.loopback import running_server
from tests.pipelines.github import REPOSITORY, Ended, GitHub, edit, instructions, pull_request

KEY = "sk-canary-of-production"
PUSH = {"event_name": "push"}
SCHEDULE = {"event_name": "schedule"}

PROJECT = """\
stack: shop
environments:
  production:
    account: {base_url: "URL", api_key_env: SHOP_KEY}
"""
DESK = """\
assistants:
  desk:
    name: Desk
    model: gpt-6-luna
    instructions: Be kind.
"""
KEYS = """\
vaults:
  keys: {name: "${{ env.TEAM }}", metadata: {team: "${{ env.TEAM }}"}}
credentials:
  crm:
    vault: keys
    name: CRM
    auth: {type: static_bearer, mcp_server_url: "https://crm.example.com/mcp", token: "${{ secret.CRM_TOKEN }}"}
"""


@dataclass
class Shop:
    """A repository with a project, its pipelines, and the account they work on."""

    hub: GitHub
    client: openai.OpenAI

    def plan(self, number: int, sha: str, *, repository: str = REPOSITORY) -> dict[str, Ended]:
        return self.hub.run("retinue-plan.yml", pull_request(number, sha, repository=repository))

    def apply(self, event: dict[str, Any] = PUSH) -> Ended:
        return self.hub.run("retinue-apply.yml", event)["apply production"]

    def drift(self) -> Ended:
        return self.hub.run("retinue-drift.yml", SCHEDULE)["drift production"]

    def instructions(self) -> list[str]:
        return instructions(self.client)

    def edit(self, text: str) -> None:
        edit(self.client, text)


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shop]:
    with running_server(tmp_path / "account", api_key=KEY) as url:
        hub = GitHub(tmp_path / "hub", secrets={"SHOP_KEY": KEY})
        hub.write("retinue.yaml", PROJECT.replace("URL", url))
        hub.write("assistants/desk.yaml", DESK)
        assert main(["init", str(hub.work), "--ci", "github", "--install-from", "./retinue"]) == 0
        hub.push()
        with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
            yield Shop(hub, client)


@pytest.fixture
def applied(shop: Shop) -> Shop:
    """The desk is in the account already, by a merged pull request."""
    sha = shop.hub.propose("first", {"README.md": "The shop.\n"})
    assert shop.plan(1, sha)["plan production"].code == 0
    shop.hub.merge("first", 1)
    ended = shop.apply()
    assert ended.code == 0, ended.output
    assert shop.instructions() == ["Be kind."]
    return shop


def changed(text: str) -> dict[str, str]:
    return {"assistants/desk.yaml": DESK.replace("Be kind.", json.dumps(text))}


def test_one_comment_is_kept_up_to_date_and_exactly_what_was_approved_is_applied(applied: Shop) -> None:
    shop, hub = applied, applied.hub
    before = len(hub.read("comments"))
    first = shop.plan(2, hub.propose("kinder", changed("Be very kind.")))
    assert {key: each.code for key, each in first.items()} == {"validate production": 0, "plan production": 0}
    [comment] = [each for each in hub.read("comments").values() if each["issue"] == "2"]
    assert comment["body"].startswith("<!-- retinue plan: shop-production/production -->")
    assert "very" in comment["body"]
    # The summary of the job is the same plan.
    assert comment["body"].strip() in first["plan production"].summary

    second = shop.plan(2, hub.propose("kinder", changed("Be extremely kind.")))
    assert second["plan production"].code == 0
    [edited] = [each for each in hub.read("comments").values() if each["issue"] == "2"]
    assert edited["id"] == comment["id"]
    assert "extremely" in edited["body"]
    assert "very" not in edited["body"]
    assert len(hub.read("comments")) == before + 1
    # Nothing has been written by looking.
    assert shop.instructions() == ["Be kind."]

    hub.merge("kinder", 2)
    ended = shop.apply()
    assert ended.code == 0, ended.output
    assert shop.instructions() == ["Be extremely kind."]
    assert "extremely" in ended.summary
    assert KEY not in str([hub.calls(), first, second, ended, hub.read("comments")])


def test_a_dashboard_edit_after_the_approval_stops_the_apply(applied: Shop) -> None:
    shop, hub = applied, applied.hub
    assert shop.plan(2, hub.propose("kinder", changed("Be very kind.")))["plan production"].code == 0
    hub.merge("kinder", 2)
    shop.edit("Be rude.")
    ended = shop.apply()
    assert ended.code == 3, ended.output
    assert shop.instructions() == ["Be rude."]
    assert "::error title=Not approved::" in ended.output
    assert "start this workflow by hand" in ended.output
    # To go on: the digest of the new plan, which the summary shows.
    digest = digest_in(ended.summary)
    by_hand = {"event_name": "workflow_dispatch", "inputs": {"environment": "production", "digest": digest}}
    again = shop.apply(by_hand)
    assert again.code == 0, again.output
    assert shop.instructions() == ["Be very kind."]


def test_an_approved_plan_that_is_kept_no_longer_is_not_applied_and_the_way_on_is_shown(applied: Shop) -> None:
    """Artifacts end, after 90 days at the latest."""
    shop, hub = applied, applied.hub
    assert shop.plan(2, hub.propose("kinder", changed("Be very kind.")))["plan production"].code == 0
    hub.merge("kinder", 2)
    shutil.rmtree(hub.state / "artifacts")
    ended = shop.apply()
    assert ended.code == 3, ended.output
    assert "the plan is kept no longer" in ended.output
    assert shop.instructions() == ["Be kind."]
    assert digest_in(ended.summary)


def digest_in(text: str) -> str:
    """The last one."""
    at = text.rindex("pd1:")
    return text[at : at + len("pd1:7c41-d2f0-93be-aa18")]


def test_a_plan_that_was_made_anew_after_the_review_approves_nothing(applied: Shop) -> None:
    """Whoever runs the job again replaces the comment and the plan that were looked at."""
    shop, hub = applied, applied.hub
    head = hub.propose("kinder", changed("Be very kind."))
    shop.plan(2, head)
    reviews = [
        {"state": "APPROVED", "commit_id": "0" * 40, "submitted_at": "2026-11-22T09:59:00Z"},
        {"state": "COMMENTED", "commit_id": head, "submitted_at": "2026-11-22T09:58:00Z"},
        {"state": "APPROVED", "commit_id": head, "submitted_at": "2026-11-22T09:30:00Z"},
    ]
    hub.remember("reviews", {"2": reviews})
    [run] = [number for number, each in hub.read("runs").items() if each["sha"] == head]
    hub.remember("made", {f"{run}/plan-production": "2026-11-22T09:31:00Z"})
    hub.merge("kinder", 2)
    ended = shop.apply()
    assert ended.code == 3
    assert "the plan was made at 2026-11-22T09:31:00Z, after the approval at 2026-11-22T09:30:00Z" in ended.output
    assert shop.instructions() == ["Be kind."]
    # One that was there when somebody approved it is applied; without a review, the merge is the approval.
    for made, several, code in (
        ("2026-11-22T09:29:00Z", reviews, 0),
        ("2026-11-22T10:00:01Z", [], 3),
        ("2026-11-22T09:59:59Z", [], 0),
    ):
        hub.remember("made", {f"{run}/plan-production": made})
        hub.remember("reviews", {"2": several})
        shop.edit("Be kind.")
        assert (shop.apply().code, shop.instructions()) == (code, ["Be kind."] if code else ["Be very kind."])


def test_a_wrong_digest_by_hand_changes_nothing(applied: Shop) -> None:
    applied.hub.write("assistants/desk.yaml", changed("Be very kind.")["assistants/desk.yaml"])
    inputs = {"environment": "production", "digest": "pd1:0000-0000-0000-0000"}
    ended = applied.apply({"event_name": "workflow_dispatch", "inputs": inputs})
    assert ended.code == 3
    assert applied.instructions() == ["Be kind."]


def test_a_commit_that_nobody_approved(applied: Shop) -> None:
    """Straight to main: fine as long as there is nothing to do."""
    shop, hub = applied, applied.hub
    hub.git("checkout", "--quiet", "main")
    hub.write("README.md", "The shop, again.\n")
    hub.push()
    assert shop.apply().code == 0
    hub.write("assistants/desk.yaml", changed("Be sly.")["assistants/desk.yaml"])
    hub.push()
    ended = shop.apply()
    assert ended.code == 3, ended.output
    assert shop.instructions() == ["Be kind."]
    assert digest_in(ended.summary)


def test_another_branch_is_not_applied_by_hand(applied: Shop) -> None:
    applied.hub.propose("sly", changed("Be sly."))
    inputs = {"environment": "production", "digest": "pd1:0000-0000-0000-0000"}
    event = {"event_name": "workflow_dispatch", "ref": "refs/heads/sly", "inputs": inputs}
    assert applied.apply(event).code is None


def test_declarations_with_secrets(shop: Shop) -> None:
    """Jobs that talk to the account get them; what is offline needs none, in a fork, either."""
    hub = shop.hub
    hub.write("assistants/keys.yaml", KEYS)
    hub.secrets["CRM_TOKEN"] = "canary-token"
    hub.variables["TEAM"] = "front"
    assert main(["init", str(hub.work), "--ci", "github", "--install-from", "./retinue", "--force"]) == 0
    hub.push()
    planned = shop.plan(1, hub.propose("first", {"README.md": "The shop.\n"}))
    assert {name: each.code for name, each in planned.items()} == {"validate production": 0, "plan production": 0}
    hub.merge("first", 1)
    ended = shop.apply()
    assert ended.code == 0, ended.output
    assert shop.drift().code == 0
    assert hub.read("issues") == {}
    # GitHub hands forks neither.
    hub.secrets.clear()
    hub.variables.clear()
    theirs = {"assistants/keys.yaml": KEYS.replace("CRM_TOKEN", "OTHER_TOKEN")}
    fork = shop.plan(9, hub.propose("theirs", theirs), repository="mallory/shop")["validate production"]
    assert fork.code == 0, fork.output
    assert "credential.crm" in fork.summary
    assert "canary-token" not in str([planned, ended, fork, hub.read("comments")])


def test_a_plan_for_another_branch_approves_nothing(applied: Shop) -> None:
    shop, hub = applied, applied.hub
    assert shop.plan(2, hub.propose("sly", changed("Be sly.")))["plan production"].code == 0
    hub.merge("sly", 2, base="playground")
    assert shop.apply().code == 3
    assert shop.instructions() == ["Be kind."]


def test_environments_come_one_after_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its own key and its own comment; what fails in one keeps the next from being touched."""
    keys = {"STAGING_KEY": "sk-canary-of-staging", "SHOP_KEY": KEY}
    with (
        running_server(tmp_path / "one", api_key=keys["STAGING_KEY"]) as staging,
        running_server(tmp_path / "two", api_key=KEY) as production,
        openai.OpenAI(base_url=staging, api_key=keys["STAGING_KEY"], max_retries=0) as first,
        openai.OpenAI(base_url=production, api_key=KEY, max_retries=0) as second,
    ):
        hub = GitHub(tmp_path / "hub", secrets=dict(keys))
        project = PROJECT.replace("URL", production).partition("  production:")
        account = f'    account: {{base_url: "{staging}", api_key_env: STAGING_KEY}}\n'
        hub.write("retinue.yaml", f"{project[0]}  staging:\n{account}{project[1]}{project[2]}")
        assert main(["init", str(hub.work), "--ci", "github", "--install-from", "./retinue"]) == 0
        hub.push()
        planned = hub.run("retinue-plan.yml", pull_request(1, hub.propose("desk", {"assistants/desk.yaml": DESK})))
        assert [each.code for each in planned.values()] == [0, 0, 0, 0], planned
        starts = sorted(each["body"].partition("\n")[0] for each in hub.read("comments").values())
        assert starts == [f"<!-- retinue plan: shop-{each}/{each} -->" for each in ("production", "staging")]
        hub.merge("desk", 1)
        hub.secrets["STAGING_KEY"] = "sk-expired"
        failed = hub.run("retinue-apply.yml", PUSH)
        assert [(name, each.code) for name, each in failed.items()] == [
            ("apply staging", 1),
            ("apply production", None),
        ]
        assert (instructions(first), instructions(second)) == ([], [])
        hub.secrets.update(keys)
        ended = hub.run("retinue-apply.yml", PUSH)
        assert [each.code for each in ended.values()] == [0, 0], ended
        assert (instructions(first), instructions(second)) == (["Be kind."], ["Be kind."])
        inputs = {"environment": "production", "digest": "pd1:0000-0000-0000-0000"}
        by_hand = hub.run("retinue-apply.yml", {"event_name": "workflow_dispatch", "inputs": inputs})
        assert list(by_hand) == ["apply production"]


def test_somebody_elses_comment_is_not_edited(applied: Shop) -> None:
    """Anybody may write a comment that begins with the marker."""
    shop, hub = applied, applied.hub
    marker = "<!-- retinue plan: shop-production/production -->"
    planted = {"id": 5, "issue": "2", "user": {"login": "mallory"}, "body": f"{marker}\nmine"}
    hub.remember("comments", {**hub.read("comments"), "5": planted})
    assert shop.plan(2, hub.propose("kinder", changed("Be very kind.")))["plan production"].code == 0
    comments = hub.read("comments")
    assert comments["5"] == planted
    assert len([each for each in comments.values() if each["issue"] == "2"]) == 2


def test_a_plan_that_cannot_be_made_is_not_approved(applied: Shop) -> None:
    shop, hub = applied, applied.hub
    shop.plan(2, hub.propose("broken", changed("Be very kind.")))
    ended = shop.plan(2, hub.propose("broken", {"assistants/desk.yaml": DESK.replace("model:", "modl:")}))
    assert ended["validate production"].code == 1
    assert "::error file=assistants/desk.yaml,line=4" in ended["validate production"].output
    assert ended["plan production"].code == 1
    # The comment does not go on showing the plan of an earlier push.
    [comment] = [each for each in hub.read("comments").values() if each["issue"] == "2"]
    assert comment["body"].startswith("<!-- retinue plan: shop-production/production -->")
    assert "unknown field 'modl'" in comment["body"]
    assert "very kind" not in comment["body"]
    assert comment["body"].strip() in ended["plan production"].summary
    hub.merge("broken", 2)
    assert shop.apply().code == 1


def test_a_fork_gets_a_comparison_and_no_credentials(applied: Shop) -> None:
    shop, hub = applied, applied.hub
    calls = len(hub.calls())
    before = hub.read("comments")
    ended = shop.plan(9, hub.propose("theirs", changed("Be mine.")), repository="mallory/shop")
    assert ended["plan production"].code is None
    assert ended["validate production"].code == 0, ended["validate production"].output
    assert "Be mine." in ended["validate production"].summary
    assert len(hub.calls()) == calls
    assert hub.read("comments") == before
    # What a fork proposed was never planned, so nobody has approved it.
    hub.merge("theirs", 9, repository="mallory/shop")
    assert shop.apply().code == 3
    assert shop.instructions() == ["Be kind."]


def test_drift_opens_one_issue_and_closes_it(applied: Shop) -> None:
    shop, hub = applied, applied.hub
    hub.git("checkout", "--quiet", "main")
    assert shop.drift().code == 0
    assert hub.read("issues") == {}
    shop.edit("Be rude.")
    assert shop.drift().code == 0
    [issue] = hub.read("issues").values()
    assert (issue["title"], issue["state"]) == ("Drift: shop, production", "open")
    assert "rude" in issue["body"]
    shop.edit("Be rude and loud.")
    assert shop.drift().code == 0
    [issue] = hub.read("issues").values()
    assert "loud" in issue["body"]
    shop.edit("Be kind.")
    assert shop.drift().code == 0
    [issue] = hub.read("issues").values()
    assert issue["state"] == "closed"
    assert shop.drift().code == 0
    assert len(hub.read("issues")) == 1


def test_drift_that_cannot_be_looked_for_is_a_failure(applied: Shop) -> None:
    """And nothing about it is said in an issue: nobody knows."""
    applied.hub.git("checkout", "--quiet", "main")
    applied.hub.secrets["SHOP_KEY"] = "sk-expired"
    assert applied.drift().code == 1
    assert applied.hub.read("issues") == {}


def test_the_key_is_in_the_steps_that_need_it_and_nowhere_else(applied: Shop) -> None:
    """No program but ours sees it."""
    assert applied.hub.calls()
    assert not [each for each in applied.hub.calls() if "SHOP_KEY" in each["environ"]]
