"""What this machine noted of a large store after an apply stands for a list of its files, as long as tag and counts say
the same. Where they do not, where the notes are damaged or missing, and where a look at what changes tells otherwise,
all files are listed."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from retinue import engine
from retinue.errors import RetinueError
from retinue.planning.policy import Approval
from tests.support.faults import Faulty
from tests.support.team import Team

MANY, PAGES = 120, 2
STORE = "vector_stores:\n  kb:\n    files:\n      - kb/*.md\n"
SOME = range(40, 50)


def text(number: int, word: str = "Text") -> str:
    return f"# {number}\n\n{word} of file {number}.\n"


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    team = Team(tmp_path_factory.mktemp("applied"), checked=False)
    team.write("s.yaml", STORE)
    for number in range(MANY):
        team.write(f"kb/{number:04}.md", text(number))
    assert team.apply().converged
    return team.root


@pytest.fixture
def team(applied: Path, tmp_path: Path) -> Team:
    return Team(shutil.copytree(applied, tmp_path, dirs_exist_ok=True), checked=False)


def edit(team: Team, word: str, numbers: range = SOME) -> None:
    for number in numbers:
        team.write(f"kb/{number:04}.md", text(number, word))


def lists(team: Team) -> int:
    """How many pages of the store's files the last session asked for."""
    return sum(bool(re.fullmatch(r"GET /vector_stores/[^/]+/files", each)) for each in team.calls)


def notes(team: Team) -> list[Path]:
    return sorted((team.root / ".retinue").glob("attached.*.json"))


def the_store(team: Team) -> str:
    (store,) = team.listed("/vector_stores")
    return str(store["id"])


def attached(team: Team) -> dict[str, dict[str, Any]]:
    """Path → the attached file, raw; every one of them must be as it is declared."""
    return {each["attributes"]["retinue.path"]: each for each in team.listed(f"/vector_stores/{the_store(team)}/files")}


def assert_in_place(team: Team) -> None:
    """The store holds what is declared and nothing else, whatever was noted."""
    assert len(team.listed(f"/vector_stores/{the_store(team)}/files")) == MANY == len(team.listed("/files"))
    team.full_refresh = True
    assert team.plan().empty
    team.full_refresh = False


def test_a_change_costs_what_it_changes_and_no_list(team: Team) -> None:
    for word in ("New", "Newer"):
        edit(team, word)
        assert team.apply().converged
        found = Counter(each.split(" ")[0] for each in team.calls)
        assert lists(team) == 2, "ten files that stand side by side: one look for the plan, and one before the writes"
        assert found["DELETE"] == 2 * len(SOME)
        assert found["POST"] == len(SOME) + 6, "and a batch, the lease, what is let go, its return, and the tag twice"
        assert found["GET"] <= 7 + 2 + 7
    assert_in_place(team)


def test_nothing_of_it_grows_with_what_stays(tmp_path: Path) -> None:
    """Twice as many files in the store, and just as many requests for the same change."""
    counts = []
    for size in (110, 220):
        team = Team(tmp_path / str(size), checked=False)
        team.write("s.yaml", STORE)
        for number in range(size):
            team.write(f"kb/{number:04}.md", text(number))
        assert team.apply().converged
        edit(team, "New")
        assert team.apply().converged
        counts.append(len(team.calls))
    assert counts[0] == counts[1]


def test_a_change_of_attributes_needs_no_list_either(team: Team) -> None:
    team.write("s.yaml", f"{STORE}      - {{path: kb/004?.md, attributes: {{year: 2026}}}}\n")
    assert team.apply().converged
    assert lists(team) <= 3
    edit(team, "New")
    assert team.apply().converged
    assert lists(team) == 2
    assert_in_place(team)


def forget(team: Team) -> None:
    for each in notes(team):
        each.unlink()


def damage(team: Team) -> None:
    for each in notes(team):
        each.write_bytes(each.read_bytes()[:-100])


def falsify(team: Team) -> None:
    """Of another content than the tag tells, in the same form."""
    (path,) = notes(team)
    noted = json.loads(path.read_text())
    noted["files"][0][2] = "0" * 64
    path.write_text(json.dumps(noted))


def refresh(team: Team) -> None:
    team.full_refresh = True


def add_file(team: Team) -> None:
    """Somebody attaches one of their own: the counts tell."""
    with team.client() as client:
        file = client.files.create(file=("theirs.md", b"Theirs."), purpose="assistants")
        client.vector_stores.files.create_and_poll(file.id, vector_store_id=the_store(team))


@pytest.mark.parametrize("doubt", [forget, damage, falsify, refresh, add_file])
def test_a_doubt_lists_all(team: Team, doubt: Callable[[Team], None]) -> None:
    edit(team, "New")
    doubt(team)
    (step,) = team.plan().steps
    assert lists(team) >= PAGES
    assert len(step.files) == len(SOME)
    assert team.apply().converged


def edit_attributes(team: Team) -> None:
    """Of a file that is about to be replaced."""
    file = attached(team)["kb/0045.md"]
    body = {"attributes": {**file["attributes"], "reviewed": "yes"}}
    team.send("post", f"/vector_stores/{the_store(team)}/files/{file['id']}", body)


def swap(team: Team) -> None:
    """Another machine replaces one and puts it back: as many files with the same contents, and another id."""
    file = attached(team)["kb/0045.md"]
    with team.client() as client:
        made = client.files.create(file=("0045.md", text(45).encode()), purpose="assistants")
        client.vector_stores.files.create_and_poll(
            made.id, vector_store_id=the_store(team), attributes=file["attributes"]
        )
    team.send("delete", f"/vector_stores/{the_store(team)}/files/{file['id']}")
    team.send("delete", f"/files/{file['id']}")


@pytest.mark.parametrize("meddle", [edit_attributes, swap])
def test_a_plan_looks_at_what_it_is_about(team: Team, meddle: Callable[[Team], None]) -> None:
    """So that it shows what somebody did to the files that it changes, and its apply takes out the right ones."""
    meddle(team)
    edit(team, "New")
    made = team.plan()
    assert lists(team) >= PAGES
    team.full_refresh = True
    assert team.plan().steps == made.steps
    team.full_refresh = False
    assert team.apply().converged
    assert_in_place(team)


@pytest.mark.parametrize("meddle", [edit_attributes, swap])
def test_what_changes_after_the_plan_is_not_overwritten(team: Team, meddle: Callable[[Team], None]) -> None:
    """However soon after: it is noticed before the first file is sent."""
    edit(team, "New")
    with team.session() as session:
        made = engine.plan(session)
        meddle(team)
        before = attached(team)
        applied = engine.apply(session, made, approval=Approval(person=True))
        assert not applied.succeeded
    assert attached(team) == before
    assert not any(each.startswith("POST /files") for each in team.calls)
    assert team.apply().converged
    assert_in_place(team)


def test_later_it_is_noticed_before_anything_is_written(team: Team) -> None:
    edit(team, "New")
    with team.session() as session:
        made = engine.plan(session)
        edit_attributes(team)
        team.time.now += 60
        with pytest.raises(RetinueError, match=r"kb/0045\.md"):
            engine.apply(session, made, approval=Approval(person=True))


def test_a_swapped_file_elsewhere_is_found_by_whoever_looks(team: Team) -> None:
    """Whoever changes others keeps what is noted of it, and the next change of it looks."""
    swap(team)
    edit(team, "New", range(3))
    assert team.apply().converged
    assert lists(team) == 2
    edit(team, "New")
    assert team.apply().converged
    assert_in_place(team)


@pytest.mark.parametrize("after", [14, 17, 25, 30, 40])
def test_an_apply_that_was_cut_off_leaves_nothing_to_believe(team: Team, after: int) -> None:
    edit(team, "New")
    with suppress(RetinueError):
        team.apply(lambda inner: Faulty(inner, after, "dead"))
    assert team.apply().converged
    assert_in_place(team)


def test_destroying_reads_all_that_goes_and_leaves_no_note(team: Team) -> None:
    assert notes(team)
    assert team.destroy().converged
    assert lists(team) >= PAGES
    assert notes(team) == []
    assert team.listed("/files") == []


def test_a_store_that_one_page_shows_is_not_noted(tmp_path: Path) -> None:
    team = Team(tmp_path, checked=False)
    team.write("s.yaml", STORE)
    for number in range(100):
        team.write(f"kb/{number:04}.md", text(number))
    assert team.apply().converged
    assert notes(team) == []
