"""Environment templates: files whose content the account never shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.team import Team

TEMPLATES = "/agents/environments/templates"
INLINE = {"type": "inline", "path": "/workspace/notes.txt", "data": "eA=="}


def paths(team: Team) -> list[str]:
    (template,) = team.listed(TEMPLATES)
    return [each["path"] for each in template["files"] if "/.retinue/" not in each["path"]]


def errors(applied: Any) -> list[str]:
    return [str(each.error) for each in applied.events if each.status == "failed"]


def test_a_template_with_such_a_file_is_not_adopted(tmp_path: Path) -> None:
    team = Team(tmp_path)
    live_id = team.send("post", TEMPLATES, {"name": "Work", "files": [INLINE]})["id"]
    team.write("all.yaml", "environment_templates:\n  work: {name: Work}\n")
    team.write("adopt.yaml", f"adopt: [{{address: environment_template.work, id: {live_id}}}]\n")
    assert "the content of '/workspace/notes.txt'" in errors(team.apply())[0]
    assert paths(team) == ["/workspace/notes.txt"]


def test_one_in_a_list_that_is_ignored_is_not_lost(tmp_path: Path) -> None:
    team = Team(tmp_path)
    team.write("all.yaml", "environment_templates:\n  work: {name: Work, lifecycle: {ignore: [files]}}\n")
    assert team.apply().converged
    (template,) = team.listed(TEMPLATES)
    marker = {**template["files"][0], "data": "eA=="}
    marker.pop("size_bytes")
    team.send("post", f"{TEMPLATES}/{template['id']}", {"files": [marker, INLINE]})
    team.write("all.yaml", "environment_templates:\n  work: {name: Other, lifecycle: {ignore: [files]}}\n")
    assert "the content of '/workspace/notes.txt'" in errors(team.apply())[0]
    assert paths(team) == ["/workspace/notes.txt"]
