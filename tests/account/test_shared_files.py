"""The same content in several stores of a stack is one file of the account, as long as one of them holds it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from retinue.errors import AccountError
from tests.support.faults import Faulty
from tests.support.team import Team

SOME = range(17, 41, 8)
STORES = """\
vector_stores:
  one: {name: one, files: [terms.md, one.md]}
  two: {name: two, files: [terms.md, copy/terms.md, two.md]}
"""


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    team = Team(tmp_path_factory.mktemp("applied"), checked=False)
    team.write("s.yaml", STORES)
    for name in ("terms", "copy/terms"):
        team.write(f"{name}.md", "# Terms\n")
    for name in ("one", "two"):
        team.write(f"{name}.md", f"# {name}\n")
    assert team.apply().converged
    assert team.plan().empty
    return team.root


@pytest.fixture
def team(applied: Path, tmp_path: Path) -> Team:
    return Team(shutil.copytree(applied, tmp_path, dirs_exist_ok=True), checked=False)


def attached(team: Team) -> dict[str, dict[str, str]]:
    """Store → path → the id of the file that can be searched."""
    stores = {each["name"]: each["id"] for each in team.listed("/vector_stores")}
    return {
        name: {
            each["attributes"]["retinue.path"]: each["id"]
            for each in team.listed(f"/vector_stores/{store}/files")
            if each["status"] == "completed"
        }
        for name, store in stores.items()
    }


def files(team: Team) -> set[str]:
    return {each["id"] for each in team.listed("/files")}


def held(team: Team) -> set[str]:
    return {file_id for each in attached(team).values() for file_id in each.values()}


def test_it_is_uploaded_once(team: Team) -> None:
    """A store can hold a file once, so that a second path in it takes a second file."""
    found = attached(team)
    assert found["one"]["terms.md"] in (found["two"]["terms.md"], found["two"]["copy/terms.md"])
    assert found["two"]["terms.md"] != found["two"]["copy/terms.md"]
    assert len(files(team)) == 4


def test_another_name_is_another_file(team: Team) -> None:
    """Searches tell the name of a file, and it cannot be changed."""
    for name in ("some", "other"):
        team.write(f"{name}.md", "# Same\n")
    declare(team, "[some.md]", "[other.md]")
    assert team.apply().converged
    assert len(files(team)) == 2


def declare(team: Team, one: str, two: str = "[terms.md, copy/terms.md, two.md]") -> None:
    stores = {"one": one, "two": two}
    lines = [f"  {name}: {{name: {name}, files: {listed}}}" for name, listed in stores.items() if listed]
    team.write("s.yaml", "\n".join(["vector_stores:", *lines, ""]))


def change_both(team: Team) -> None:
    team.write("terms.md", "# New terms\n")


def change_one(team: Team) -> None:
    team.write("new/terms.md", "# New terms\n")
    declare(team, "[new/terms.md, one.md]")


CHANGES: dict[str, Callable[[Team], None]] = {
    "taken out of one": lambda team: declare(team, "[one.md]"),
    "taken out of both": lambda team: declare(team, "[one.md]", "[two.md]"),
    "one store goes": lambda team: declare(team, ""),
    "new content in both": change_both,
    "new content in one": change_one,
    "other attributes": lambda team: declare(team, "[{path: terms.md, attributes: {year: 2026}}, one.md]"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_one_lets_go_stays_with_the_other(team: Team, change: str) -> None:
    """Also for a fresh clone, which knows nothing of what was shared."""
    CHANGES[change](team)
    team.forget_memory()
    assert team.apply().converged
    assert files(team) == held(team)
    declare(team, "[one.md]", "[terms.md]")
    assert team.apply().converged
    assert files(team) == held(team)
    team.destroy()
    assert files(team) == set()


@pytest.mark.parametrize("change", ["taken out of both", "one store goes", "new content in both"])
@pytest.mark.parametrize("number", SOME)
def test_whatever_request_is_the_last_nothing_is_missing_afterwards(team: Team, change: str, number: int) -> None:
    CHANGES[change](team)
    with suppress(AccountError):
        team.apply(lambda inner: Faulty(inner, number, "dead"))
    assert team.apply().converged
    assert files(team) == held(team)
    assert team.plan().empty
    assert "two.md" in attached(team)["two"]


@pytest.mark.parametrize("first", ["written over", "attached again"])
def test_what_has_no_room_for_the_mark_is_a_file_of_its_own(team: Team, first: str) -> None:
    """With fourteen attributes of the author's, nothing would tell a fresh clone that another store has the file."""
    if first == "attached again":
        stores = {each["name"]: each["id"] for each in team.listed("/vector_stores")}
        team.send("delete", f"/vector_stores/{stores['one']}/files/{attached(team)['one']['terms.md']}")
    full = ", ".join(f"k{number}: {number}" for number in range(14))
    declare(team, f"[{{path: terms.md, attributes: {{{full}}}}}, one.md]")
    assert team.apply().converged
    declare(team, "[one.md]")
    team.forget_memory()
    assert team.apply().converged
    assert attached(team).keys() == {"one", "two"}
    assert attached(team)["two"].keys() == {"terms.md", "copy/terms.md", "two.md"}
    assert files(team) == held(team)
