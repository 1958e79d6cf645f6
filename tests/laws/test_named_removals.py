"""Nothing goes from the account that the plan did not name: the DELETE requests of an apply against what it showed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retinue import engine
from retinue.kinds import all_kinds
from retinue.planning.documents.plan_document import from_document, to_document
from retinue.planning.policy import Approval
from retinue.report import render
from retinue.state.upload_journal import Journalled
from tests.laws.conftest import Sample
from tests.support.forms import form, is_versioned
from tests.support.pages import render_page
from tests.support.team import Team

OTHER = "assistants:\n  other: {model: gpt-4o}\n"
FORMS: dict[str, Callable[[dict[str, Any]], str]] = {
    "text": lambda document: render("plan", document, "text"),
    "summary": lambda document: render("plan", document, "text", detail="summary"),
    "markdown": lambda document: render("plan", document, "markdown"),
    "comment": lambda document: render("plan", document, "github"),
    "page": render_page,
    "json": lambda document: json.dumps({**document, "retags": []}),
}


def names(team: Team) -> dict[str, list[str]]:
    """What a plan may call each thing of the account: its id, and of a file its name or the path it stands for."""
    state = team.state()
    found = {each["id"]: [each["id"]] for group in state.values() if isinstance(group, list) for each in group}
    for each in team.markers():
        found[each["id"]] = [each["id"]]
    for file in state["files"]:
        found[file["id"]].append(file["filename"])
    for attached in state["attached"].values():
        for file in attached:
            path = (file.get("attributes") or {}).get("retinue.path")
            found.setdefault(file["id"], [file["id"]]).append(str(path or file["id"]))
    return found


def deleted(team: Team) -> Iterator[tuple[str, str | None]]:
    """What the last session deleted: the id, and of a version its number."""
    for call in team.calls:
        if call.startswith("DELETE "):
            parts = call.split("/")
            yield (parts[-3], parts[-1]) if parts[-2] == "versions" else (parts[-1], None)


def unnamed(
    document: dict[str, Any], known: dict[str, list[str]], gone: list[tuple[str, str | None]], inside: set[str]
) -> list[str]:
    """What went and is missing in a form of the plan; `inside` are files that an object carries by their ids."""
    missing = []
    lost = {each["id"] for step in document["steps"] for each in step.get("removes", ())}
    files = [each for step in document["steps"] for each in step["files"] if each["action"] != "remove"]
    brief = (inside - lost) | {file_id for each in files for file_id in each["file_ids"]}
    for name, make in FORMS.items():
        text = make(document)
        for live_id, version in gone:
            told = any(each in text for each in known[live_id])
            if version is not None:
                told = bool(re.search(rf'version"?,? ("name": ")?{version}\b', text))
            if name == "summary":  # of very many files, it names the folders, with how many go from each
                told = told or any(f" in {each.partition('/')[0]}/" in text for each in known[live_id] if "/" in each)
            # Whoever asks for one line a step gets no name of a file that another one takes the place of.
            if not told and not (name == "summary" and live_id in brief):
                missing.append(f"{name}: {live_id} {version or ''}")
    return missing


def carry_out(team: Team, *, destroy: bool = False) -> list[str]:
    """Plan, apply as a person who agrees, and give what went without having been named."""
    known = names(team)
    with team.session() as session:
        made = engine.plan_destroy(session) if destroy else engine.plan(session)
        inside = {file_id for live in session.live for file_id in live.made_files}
        engine.apply(session, made, approval=Approval(person=True, destroy=destroy))
    gone = [each for each in deleted(team) if each[0] in known]
    assert to_document(from_document(to_document(made))) == to_document(made)
    return unnamed(to_document(made), known, gone, inside)


@pytest.mark.parametrize(("first", "second"), [("full", "edited"), ("edited", "replaced"), ("full", "minimal")])
def test_whatever_a_change_takes_away_is_named(sample: Sample, tmp_path: Path, first: str, second: str) -> None:
    team = sample.team(tmp_path, first)
    team.apply()
    sample.declare(team, second)
    assert carry_out(team) == []


def test_whatever_goes_with_an_object_is_named(sample: Sample, tmp_path: Path) -> None:
    team = sample.team(tmp_path)
    for variant in ("edited", "full"):
        sample.declare(team, variant)
        team.apply()
    team.write("sample.yaml", OTHER)
    assert carry_out(team) == []
    assert any(call.startswith("DELETE") for call in team.calls)


def test_whatever_a_destroy_takes_away_is_named(sample: Sample, tmp_path: Path) -> None:
    """The marker of the stack included."""
    team = sample.team(tmp_path)
    team.apply()
    assert carry_out(team, destroy=True) == []
    assert team.markers() == []


def test_a_second_object_with_one_address_is_named_with_what_it_holds(sample: Sample, tmp_path: Path) -> None:

    kind = all_kinds()[sample.kind]
    team = sample.team(tmp_path)
    team.apply()
    original = team.objects(kind)[0]
    if is_versioned(kind):
        team.copy_version(team.path(kind, original))
    else:
        team.send("post", form(kind).collection(form(kind).within_of(original)), sample.twin(kind, original))
    assert carry_out(team) == []


HEAD = "---\nname: charting\ndescription: Draws charts.\n---\n\n"


def skill(team: Team, text: str, options: str = "") -> None:
    team.write("charting/SKILL.md", HEAD + text)
    team.write("skills.yaml", f"skills:\n  charting: {{folder: charting{options}}}\n")


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_versions_that_are_not_kept_are_named_and_no_other_goes(team: Team, keep: int) -> None:
    for number in range(6):
        skill(team, f"Text {number}.")
        team.apply()
    (before,) = team.listed("/skills")
    theirs = team.add_version(f"/skills/{before['id']}", {"SKILL.md": HEAD + "By hand."})
    skill(team, "Another text.", f", keep_versions: {keep}")
    assert carry_out(team) == []
    gone = {version for _, version in deleted(team)}
    assert gone == {str(number) for number in range(1, 9 - keep) if str(number) != theirs}


def test_a_version_that_came_after_the_plan_is_not_deleted_with_it(team: Team) -> None:
    """The step says what goes; whoever carries it out decides nothing."""
    for number in range(3):
        skill(team, f"Text {number}.")
        team.apply()
    skill(team, "The last.", ", keep_versions: 1")
    with team.session() as session:
        made = engine.plan(session)
        (live,) = session.live
        team.add_version(f"/skills/{live.id}", {"SKILL.md": HEAD + "By hand."})
        engine.apply(session, made, approval=Approval(person=True))
    assert {version for _, version in deleted(team)} == {"1", "2", "3"}


def test_what_an_interrupted_apply_left_is_named_before_it_is_tidied_up(team: Team) -> None:
    """A file that was uploaded and never attached, with nothing else to do."""
    team.write("kb.yaml", "vector_stores:\n  kb: {name: KB, files: [kb/*.md]}\n")
    team.write("kb/one.md", "# One\n")
    team.apply()
    with team.client() as client:
        left = client.files.create(file=("left.md", b"# Left\n"), purpose="assistants")
    with team.session() as session:
        session.journal.open(Journalled("k", "left.md", 7, "0" * 64, "assistants", team.time.now, left.id))
    assert carry_out(team) == []
    assert [live_id for live_id, _ in deleted(team)] == [left.id]


def test_many_files_are_all_named(team: Team) -> None:
    """However many there are, and whether they are replaced, removed or go with their store."""
    team.write("kb.yaml", "vector_stores:\n  kb: {name: KB, files: [kb/*.md]}\n")
    for number in range(60):
        team.write(f"kb/{number}.md", f"# Number {number}\n")
    team.apply()
    for number in range(30):
        team.write(f"kb/{number}.md", f"# Number {number}, changed\n")
    for number in range(31, 60):
        (team.root / f"kb/{number}.md").unlink()
    known = names(team)
    made = to_document(team.plan())
    text = render("plan", made, "text")
    paths = {path for each in known.values() for path in each if path.startswith("kb/")}
    assert {path for path in paths if path in text} == paths - {"kb/30.md"}
    assert carry_out(team) == []
    team.write("kb.yaml", OTHER)
    assert carry_out(team) == []
