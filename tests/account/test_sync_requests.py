"""What bringing files in costs, in counted requests: a list of the whole store once for a plan, where nothing is noted
of it, and otherwise only what concerns the files that change."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from retinue.emulator.server.quirks import Quirks
from tests.support.team import Team

MANY, PAGES = 250, 3
STORE = "vector_stores:\n  kb:\n    files:\n      - kb/*.md\n"


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
    team = Team(shutil.copytree(applied, tmp_path, dirs_exist_ok=True), checked=False)
    team.forget_memory()
    return team


def requests(team: Team) -> Counter[str]:
    """The requests of the last session by their kind: `GET /vector_stores/vs/files`."""
    return Counter(re.sub(r"(vs|file|vsfb)[-_][A-Za-z0-9]{20,}", r"\1", each) for each in team.calls)


def apply(team: Team) -> Counter[str]:
    """The requests of an apply, without those of the plan that it makes first; the last one reads no files."""
    assert team.apply().converged
    found = requests(team)
    found["GET /vector_stores/vs/files"] -= PAGES
    return found


def test_a_first_apply_asks_for_what_it_brings_in_and_for_nothing_twice(team: Team) -> None:
    team.write("s.yaml", STORE + STORE.partition("\n")[2].replace("kb:", "more:"))
    assert team.apply().converged
    found = requests(team)
    assert found["POST /files"] == MANY
    assert found["POST /vector_stores/vs/file_batches"] == 1
    assert found["GET /vector_stores/vs/files"] == 0
    assert found["GET /vector_stores/vs/file_batches/vsfb"] == 1
    assert found["GET /vector_stores/vs/file_batches/vsfb/files"] == PAGES


def test_new_content_costs_its_own_requests_and_no_list(team: Team) -> None:
    for number in range(100, 110):
        team.write(f"kb/{number:04}.md", text(number, "New text"))
    found = apply(team)
    assert found["POST /files"] == found["DELETE /files/file"] == found["DELETE /vector_stores/vs/files/file"] == 10
    assert found["POST /vector_stores/vs/file_batches"] == 1
    assert found["GET /vector_stores/vs/files"] == 2, "ten files that stand side by side are two looks at one page"
    assert found["GET /vector_stores/vs/files/file"] == 0


def test_new_attributes_are_one_update_in_place_each(team: Team) -> None:
    team.write("s.yaml", f"{STORE}      - {{path: kb/010?.md, attributes: {{year: 2026}}}}\n")
    found = apply(team)
    assert found["POST /vector_stores/vs/files/file"] == 10
    assert found["POST /files"] == found["DELETE /files/file"] == found["POST /vector_stores/vs/file_batches"] == 0
    assert found["GET /vector_stores/vs/files"] == 3


def test_files_far_apart_are_asked_for_one_by_one(team: Team) -> None:
    for number in (5, 150):
        team.write(f"kb/{number:04}.md", text(number, "New text"))
    found = apply(team)
    assert found["GET /vector_stores/vs/files"] == 0
    # Both twice before anything is written, and what came in their place.
    assert found["GET /vector_stores/vs/files/file"] == 6


def test_a_long_wait_asks_for_the_batch(team: Team) -> None:
    team.quirks = Quirks(indexing_polls=4)
    for number in range(20):
        team.write(f"kb/{number:04}.md", text(number, "New text"))
    found = apply(team)
    assert found["GET /vector_stores/vs/file_batches/vsfb/files"] > 3
    assert found["GET /vector_stores/vs/file_batches/vsfb"] == 0, "one page tells all of a small batch"
    assert found["GET /vector_stores/vs/files"] == 2


def test_somebody_who_attached_a_file_meanwhile_is_noticed(team: Team) -> None:
    """Another number of files than were listed is a reason to list them again."""
    team.write("kb/0000.md", text(0, "New text"))
    (store,) = team.listed("/vector_stores")
    with team.session() as session:
        from retinue import engine
        from retinue.planning.policy import Approval

        made = engine.plan(session)
        with team.client() as client:
            other = client.files.create(file=("theirs.md", b"Theirs."), purpose="assistants")
            client.vector_stores.files.create(store["id"], file_id=other.id)
        assert engine.apply(session, made, approval=Approval(person=True)).converged
        assert requests(team)["GET /vector_stores/vs/files"] >= 2 * PAGES
