"""A file that is declared in another folder, under the same name, moves by one update: it is not sent again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from retinue import engine
from retinue.emulator.server.quirks import Quirks
from retinue.errors import StaleError
from retinue.planning.documents.plan_document import from_document, to_document
from retinue.planning.policy import Approval
from retinue.report.events.event_text import synced
from retinue.report.plan.plan_text import render_plan
from tests.support.team import Team

LISTED = "vector_stores:\n  kb:\n    files:\n      - 'kb/**/*.md'\n"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path)
    team.write("s.yaml", LISTED)
    for name in ("one", "two"):
        team.write(f"kb/{name}.md", f"# {name}\n")
    assert team.apply().converged
    return team


def move(team: Team, old: str, new: str) -> None:
    (team.root / new).parent.mkdir(parents=True, exist_ok=True)
    (team.root / old).rename(team.root / new)


def attached(team: Team) -> dict[str, str]:
    (store,) = team.listed("/vector_stores")
    found = team.listed(f"/vector_stores/{store['id']}/files")
    return {each["attributes"]["retinue.path"]: each["id"] for each in found}


def actions(team: Team) -> list[tuple[str, str]]:
    return [(each.action, each.path) for step in team.plan().steps for each in step.files]


def test_another_folder_is_one_update(team: Team) -> None:
    before = attached(team)
    move(team, "kb/one.md", "kb/deep/one.md")
    made = team.plan()
    assert made.losses == (), "nothing goes, so that nobody has to agree to it"
    text = render_plan(to_document(made))
    assert "~ files: 1 moved" in text
    assert "> kb/deep/one.md  (from kb/one.md)" in text
    assert from_document(to_document(made)).steps == made.steps

    applied = team.apply()
    assert applied.converged
    assert attached(team) == {"kb/deep/one.md": before["kb/one.md"], "kb/two.md": before["kb/two.md"]}
    sent = Counter(each.split("/")[-1] if each.endswith("files") else each for each in team.calls if "DELETE" in each)
    assert not sent
    assert "POST /files" not in team.calls
    assert sum(1 for each in team.calls if each.startswith("POST") and before["kb/one.md"] in each) == 1
    (counts,) = [each for each in map(synced, applied.events) if each]
    assert (counts.moved, counts.new, counts.deleted, counts.skipped) == (1, 0, 0, 1)
    assert team.plan().empty


def test_attributes_may_change_on_the_way(team: Team) -> None:
    move(team, "kb/one.md", "kb/deep/one.md")
    team.write("s.yaml", LISTED + "      - {path: 'kb/deep/*.md', attributes: {year: 2026}}\n")
    made = team.plan()
    assert [(each.action, each.path) for step in made.steps for each in step.files] == [("move", "kb/deep/one.md")]
    assert "attributes {} -> {year: 2026}" in render_plan(to_document(made)).replace('"', "")
    assert team.apply().converged
    assert "POST /files" not in team.calls


def test_another_name_is_another_file(team: Team) -> None:
    """Searches and citations tell the name of a file, and it cannot be changed."""
    before = attached(team)
    move(team, "kb/one.md", "kb/first.md")
    assert actions(team) == [("add", "kb/first.md"), ("remove", "kb/one.md")]
    applied = team.apply()
    assert applied.converged
    assert before["kb/one.md"] not in attached(team).values()
    (counts,) = [each for each in map(synced, applied.events) if each]
    assert (counts.moved, counts.new, counts.deleted) == (1, 0, 0)


def test_another_content_or_another_cut_is_another_file(team: Team) -> None:
    move(team, "kb/one.md", "kb/deep/one.md")
    move(team, "kb/two.md", "kb/deep/two.md")
    team.write("kb/deep/one.md", "# One, edited\n")
    cut = "{max_chunk_size_tokens: 400, chunk_overlap_tokens: 100}"
    team.write("s.yaml", LISTED + f"      - {{path: kb/deep/two.md, chunking: {cut}}}\n")
    assert [action for action, _ in actions(team)] == ["add", "add", "remove", "remove"]
    assert team.apply().converged


def test_of_several_alike_each_moves_once(team: Team) -> None:
    for folder in ("a", "b", "c"):
        team.write(f"kb/{folder}/same.md", "# Same\n")
    assert team.apply().converged
    before = attached(team)
    move(team, "kb/a/same.md", "kb/x/same.md")
    move(team, "kb/b/same.md", "kb/y/same.md")
    team.write("kb/z/same.md", "# Same\n")
    assert Counter(action for action, _ in actions(team)) == {"move": 2, "add": 1}
    assert team.apply().converged
    after = attached(team)
    assert {after["kb/x/same.md"], after["kb/y/same.md"]} == {before["kb/a/same.md"], before["kb/b/same.md"]}
    assert after["kb/c/same.md"] == before["kb/c/same.md"]


def test_two_that_change_places_stay_where_they_are(team: Team) -> None:
    """Both paths are still declared: each gets the content that it has now."""
    team.write("kb/a/same.md", "# A\n")
    team.write("kb/b/same.md", "# B\n")
    assert team.apply().converged
    team.write("kb/a/same.md", "# B\n")
    team.write("kb/b/same.md", "# A\n")
    assert actions(team) == [("replace", "kb/a/same.md"), ("replace", "kb/b/same.md")]


def test_what_somebody_edited_since_the_plan_is_not_written_over(team: Team) -> None:
    move(team, "kb/one.md", "kb/deep/one.md")
    with team.session() as session:
        made = engine.plan(session)
        (store,) = team.listed("/vector_stores")
        file_id = attached(team)["kb/one.md"]
        marks = next(
            each["attributes"] for each in team.listed(f"/vector_stores/{store['id']}/files") if each["id"] == file_id
        )
        body = {"attributes": {**marks, "theirs": "yes"}}
        team.send("post", f"/vector_stores/{store['id']}/files/{file_id}", body)
        with pytest.raises(StaleError):
            engine.apply(session, made, approval=Approval(person=True))
    assert attached(team)["kb/one.md"] == file_id


@pytest.mark.parametrize("drops", ["attributes", None])
def test_an_account_that_keeps_no_attributes_gets_it_anew(tmp_path: Path, drops: str | None) -> None:
    quirks = Quirks(drops=(drops,)) if drops else Quirks()
    team = Team(tmp_path, quirks, checked=False)
    team.write("s.yaml", LISTED)
    team.write("kb/one.md", "# One\n")
    assert team.apply().converged
    move(team, "kb/one.md", "kb/deep/one.md")
    assert team.apply().converged
    assert ("POST /files" in team.calls) is bool(drops)
    assert team.plan().empty
    assert len(team.listed("/files")) == 1
