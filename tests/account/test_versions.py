"""Skills: content in versions, of which one is the default."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue.commands import show as looking
from retinue.commands.diff import render
from retinue.errors import AccountError
from retinue.kinds import all_kinds
from retinue.session import Where
from tests.support.faults import CutAfter
from tests.support.team import Team

KIND = all_kinds()["skill"]
HEAD = "---\nname: charting\ndescription: Draws charts.\n---\n\n"


def team_with(root: Path, *texts: str, options: str = "") -> Team:
    """A team whose skill has had these texts, one version each."""
    team = Team(root)
    for text in texts:
        declare(team, text, options)
        assert team.apply().converged
    return team


def declare(team: Team, text: str, options: str = "") -> None:
    team.write("charting/SKILL.md", HEAD + text)
    team.write("skills.yaml", f"skills:\n  charting: {{folder: charting{options}}}\n")


def skill(team: Team) -> dict[str, Any]:
    (found,) = team.objects(KIND)
    return found


def numbers(team: Team) -> list[str]:
    return sorted(each["version"] for each in team.listed(f"/skills/{skill(team)['id']}/versions"))


def test_a_change_is_a_new_version_and_becomes_the_default(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.", "Two.")
    assert (skill(team)["default_version"], numbers(team)) == ("2", ["1", "2"])


def test_the_plan_shows_what_changes_in_the_text(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.")
    declare(team, "Two.")
    (step,) = team.plan().steps
    (change,) = step.changes
    assert (change.path, change.before, change.after) == (("files", "SKILL.md"), HEAD + "One.", HEAD + "Two.")


def test_a_version_rolls_back_and_latest_goes_forth(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.", "Two.")
    declare(team, "Two.", ", version: 1")
    assert team.apply().converged
    assert (skill(team)["default_version"], numbers(team)) == ("1", ["1", "2"])
    declare(team, "Three.", ", version: 1")
    assert team.apply().converged
    assert (skill(team)["default_version"], numbers(team)) == ("1", ["1", "2", "3"])
    declare(team, "Three.")
    assert team.apply().converged
    assert (skill(team)["default_version"], numbers(team)) == ("3", ["1", "2", "3"])


def test_the_newest_version_may_be_named(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.", "Two.")
    declare(team, "Two.", ", version: 2")
    assert team.plan().empty


def test_a_version_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.", "Two.")
    declare(team, "Two.", ", version: 9")
    (block,) = team.plan().blocks
    assert block.message == (
        "skill.charting (skills.yaml:2) wants version 9, which the account does not have: there are 1, 2"
    )
    declare(team, "Three.", ", version: 3")
    assert team.apply().converged


def test_a_rollback_on_a_dashboard_is_drift(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.", "Two.")
    team.send("post", f"/skills/{skill(team)['id']}", {"default_version": "1"})
    (step,) = team.plan().steps
    assert step.causes == {"drift"}
    assert team.apply().converged
    assert (skill(team)["default_version"], numbers(team)) == ("2", ["1", "2"])


def test_a_crash_before_the_new_version_is_the_default_is_no_drift_in_a_fresh_clone(tmp_path: Path) -> None:
    """The lease that was not given back tells of the crash; a rollback by hand is drift again as soon as it was."""
    team = team_with(tmp_path, "One.")
    declare(team, "Two.")
    team.apply(lambda inner: CutAfter(inner, r"POST /skills/[^/]+/versions"))
    team.forget_memory()
    team.time.now += 3600
    assert (skill(team)["default_version"], numbers(team)) == ("1", ["1", "2"])
    (step,) = team.plan().steps
    assert step.causes == {"config"}
    assert team.apply().converged
    assert skill(team)["default_version"] == "2"
    team.forget_memory()
    team.send("post", f"/skills/{skill(team)['id']}", {"default_version": "1"})
    (step,) = team.plan().steps
    assert step.causes == {"drift"}


def test_a_version_uploaded_by_hand_is_drift_and_stays(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.", options=", keep_versions: 1")
    path = f"/skills/{skill(team)['id']}"
    theirs = team.add_version(path, {"SKILL.md": HEAD + "Theirs."}, default=True)
    (step,) = team.plan().steps
    assert step.causes == {"drift"}
    assert team.apply().converged
    assert skill(team)["default_version"] == "1"
    declare(team, "Two.", ", keep_versions: 1")
    assert team.apply().converged
    assert numbers(team) == [theirs, "3"]


def test_old_versions_are_deleted_as_declared(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.", "Two.", "Three.", "Four.", options=", keep_versions: 2")
    assert numbers(team) == ["3", "4"]


def test_neither_the_default_nor_the_newest_version_is_too_old_to_stay(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.", "Two.", "Three.")
    declare(team, "Three.", ", version: 1, keep_versions: 1")
    assert team.apply().converged
    assert (skill(team)["default_version"], numbers(team)) == ("1", ["1", "3"])


def test_a_skill_of_others_is_looked_at_once(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.")
    with team.client() as client:
        client.skills.create(files=[("other/SKILL.md", HEAD.encode(), "text/markdown")])
    assert team.plan().empty
    assert sum("/content" in call for call in team.calls) == 2
    assert team.plan().empty
    assert sum("/content" in call for call in team.calls) == 1
    team.forget_memory()
    assert team.plan().unowned == {"skill": 1}


def test_files_that_are_no_text_are_compared_by_content(tmp_path: Path) -> None:
    team = Team(tmp_path)
    declare(team, "One.")
    (tmp_path / "charting" / "logo.png").write_bytes(b"\x89PNG\0one")
    assert team.apply().converged
    assert team.plan().empty
    (tmp_path / "charting" / "logo.png").write_bytes(b"\x89PNG\0two")
    (step,) = team.plan().steps
    assert [change.path for change in step.changes] == [("files", "logo.png")]
    assert team.apply().converged


def test_a_skill_can_be_released_and_adopted(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.")
    live_id = skill(team)["id"]
    team.write("skills.yaml", "release: [skill.charting]\n")
    assert team.apply().converged
    assert team.plan().unowned == {"skill": 1}
    declare(team, "One.")
    team.write("adopt.yaml", f"adopt: [{{address: skill.charting, id: {live_id}}}]\n")
    applied = team.apply()
    assert [step.action for step in applied.plan.steps] == ["adopt"]
    assert applied.converged
    assert skill(team)["id"] == live_id


class Missing(httpx2.BaseTransport):
    """Answers 404 to the first `times` requests for a path, as what was created moments ago does."""

    def __init__(self, inner: httpx2.BaseTransport, pattern: str, times: int) -> None:
        self.inner, self.pattern, self.left = inner, re.compile(pattern), times

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.left and self.pattern.search(request.url.path):
            self.left -= 1
            error = {"message": "not found", "type": "invalid_request_error", "param": None, "code": None}
            return httpx2.Response(404, json={"error": error}, request=request)
        return self.inner.handle_request(request)


def missing(pattern: str, times: int = 2) -> Callable[[httpx2.BaseTransport], httpx2.BaseTransport]:
    return lambda inner: Missing(inner, pattern, times)


def test_a_version_that_cannot_be_read_back_at_once_is_waited_for(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.")
    declare(team, "Two.")
    assert team.apply(missing("/versions/2/content$")).converged
    assert (skill(team)["default_version"], numbers(team)) == ("2", ["1", "2"])


def test_a_version_that_the_account_kept_otherwise_never_becomes_the_default(tmp_path: Path) -> None:
    """It is read back before anything points to it."""

    class Garbling(httpx2.BaseTransport):
        def __init__(self, inner: httpx2.BaseTransport) -> None:
            self.inner = inner

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method == "POST" and request.url.path.endswith("/versions"):
                headers = {name: value for name, value in request.headers.items() if name != "content-length"}
                content = request.read().replace(b"Two.", b"2222")
                request = httpx2.Request("POST", request.url, headers=headers, content=content)
            return self.inner.handle_request(request)

    team = team_with(tmp_path, "One.")
    declare(team, "Two.")
    (failed,) = [event for event in team.apply(Garbling).events if event.status == "failed"]
    assert "the account kept something else as version 2 than was sent" in str(failed.error)
    assert (skill(team)["default_version"], numbers(team)) == ("1", ["1"])


def test_a_skill_whose_content_cannot_be_read_yet_is_not_taken_for_that_of_others(tmp_path: Path) -> None:
    team = Team(tmp_path)
    declare(team, "One.")
    assert team.apply(missing("/content$")).converged
    with team.session(missing("/content$", times=100)) as session, pytest.raises(AccountError, match="version 1"):
        looking.inventory(session)
    assert team.plan().empty
    team.forget_memory()
    assert team.plan().empty


def test_a_plan_reads_one_version_of_each_skill(tmp_path: Path) -> None:
    team = team_with(tmp_path, "One.", "Two.", "Three.")
    assert team.plan().empty
    assert [each for each in team.calls if "/versions" in each] == [
        f"GET /skills/{skill(team)['id']}/versions/3/content"
    ]


def test_a_skill_with_files_that_are_no_text_can_be_shown(tmp_path: Path) -> None:
    team = Team(tmp_path)
    declare(team, "One.")
    (tmp_path / "charting" / "logo.png").write_bytes(b"\x89PNG\0one")
    assert team.apply().converged
    with team.session() as session:
        ((live,),) = looking.inventory(session).owned.values()
    assert looking.full(session, live)["files"]["logo.png"]["size"] == 8
    assert render(Where(tmp_path, environ={})).data() == {"skills": {"charting": {"folder": "charting"}}}
