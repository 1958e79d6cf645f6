"""A plan reads what is attached to an object only where its tag and the account's counts leave a doubt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from retinue import engine
from retinue.planning.policy import Approval
from tests.support.forms import forms_with_files
from tests.support.team import Team

STORE = "vector_stores:\n  kb: {{name: KB, files: [{}]}}\n"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """A store with three files, as it was applied."""
    team = Team(tmp_path)
    for name in "abcd":
        team.write(f"{name}.md", f"About {name}.\n")
    declare(team, "a.md", "b.md", "c.md")
    assert team.apply().converged
    return team


def declare(team: Team, *files: str) -> None:
    team.write("kb.yaml", STORE.format(", ".join(files)))


def about_files(team: Team) -> list[str]:
    """The requests about attached files that the last session sent."""
    ends = [form.files_path.partition("{id}")[2] for form in forms_with_files()]
    return [each for each in team.calls if any(f"{end}/" in f"{each}/" for end in ends)]


def the_store(team: Team) -> str:
    (store,) = team.listed("/vector_stores")
    return str(store["id"])


def files_of(team: Team) -> list[str]:
    return [str(each["id"]) for each in team.listed(f"/vector_stores/{the_store(team)}/files")]


def test_nothing_is_asked_of_files_that_are_in_place(team: Team) -> None:
    assert team.plan().empty
    assert about_files(team) == []
    team.forget_memory()
    assert team.plan().empty
    assert about_files(team) == []


def test_nor_after_an_apply(team: Team) -> None:
    team.write("a.md", "About a, at length.\n")
    with team.session() as session:
        applied = engine.apply(session, engine.plan(session), approval=Approval(person=True))
        assert applied.converged
    listed = [each for each in about_files(team) if each.startswith("GET") and each.endswith("/files")]
    assert team.plan().empty
    assert about_files(team) == []
    assert listed


def test_a_full_refresh_asks(team: Team) -> None:
    team.full_refresh = True
    assert team.plan().empty
    assert about_files(team)


def add_file(team: Team) -> None:
    """Somebody attaches one of their own."""
    with team.client() as client:
        file = client.files.create(file=("theirs.md", b"Theirs."), purpose="assistants")
        client.vector_stores.files.create_and_poll(file.id, vector_store_id=the_store(team))


def take_file(team: Team) -> None:
    """Somebody detaches one of ours."""
    attached = team.listed(f"/vector_stores/{the_store(team)}/files")
    ours = [each["id"] for each in attached if "retinue.path" in each["attributes"]]
    team.send("delete", f"/vector_stores/{the_store(team)}/files/{ours[0]}")


def break_tag(team: Team) -> None:
    store = team.listed("/vector_stores")[0]
    damaged = store["metadata"]["retinue"].replace(";n=3", ";n=three")
    assert damaged != store["metadata"]["retinue"]
    team.send("post", f"/vector_stores/{store['id']}", {"metadata": {**store["metadata"], "retinue": damaged}})


def declare_more(team: Team) -> None:
    declare(team, "a.md", "b.md", "c.md", "d.md")


def declare_attributes(team: Team) -> None:
    declare(team, "{path: a.md, attributes: {topic: a}}", "b.md", "c.md")


@pytest.mark.parametrize("doubt", [add_file, take_file, break_tag, declare_more, declare_attributes])
def test_a_doubt_is_looked_into(team: Team, doubt: Callable[[Team], None]) -> None:
    doubt(team)
    team.plan()
    assert about_files(team)
    assert team.apply().converged
    assert team.plan().empty


def test_what_somebody_added_is_counted_from_the_next_apply_of_files_on(team: Team) -> None:
    add_file(team)
    declare_more(team)
    assert team.apply().converged
    assert team.plan().empty
    assert about_files(team) == []
    assert len(files_of(team)) == 5


def test_a_swap_is_seen_by_a_full_refresh_and_by_drift(team: Team) -> None:
    """One is taken and another one is attached: the counts tell nothing."""
    add_file(team)
    take_file(team)
    team.full_refresh = True
    (step,) = team.plan().steps
    assert [change.action for change in step.files] == ["add"]
    assert step.causes == {"drift"}
    team.full_refresh = False
    with team.session() as session:
        assert engine.decide(session).steps == (step,)


def test_a_saved_plan_that_saw_more_is_carried_out(team: Team) -> None:
    """Whoever applies it looks as closely as whoever made it, or it would seem to be done."""
    add_file(team)
    take_file(team)
    team.full_refresh = True
    saved = team.plan()
    team.full_refresh = False
    with team.session() as session:
        applied = engine.resume(session, Approval(plan=saved))
    assert [event.status for event in applied.events if event.status != "progress"] == ["started", "done"]
    assert len(files_of(team)) == 4


@pytest.mark.parametrize("fresh", [False, True])
def test_what_goes_with_a_store_is_named_and_goes(team: Team, fresh: bool) -> None:
    """The description can only be set on creation: the store is made anew, and the old one goes with its files."""
    if fresh:
        team.forget_memory()
    team.write("kb.yaml", STORE.format("a.md, b.md, c.md").replace("name: KB", "name: KB, description: New"))
    made = team.plan()
    (gone,) = [each for each in made.steps if each.action == "delete"]
    assert sorted(each.path for each in gone.files) == ["a.md", "b.md", "c.md"]
    assert team.apply().converged
    assert len(team.listed("/files")) == 3
    assert [each["id"] for each in team.listed("/files")] == files_of(team)


def test_files_that_are_not_read_count_for_the_guards(team: Team) -> None:
    """One file of four goes: that many are the stack's, whether or not they were looked at."""
    team.write("other.yaml", "vector_stores:\n  other: {files: [d.md]}\n")
    assert team.apply().converged
    team.write("other.yaml", "vector_stores:\n  other: {files: []}\n")
    made = team.plan()
    assert (made.parts, len(made.losses)) == (4, 1)


def test_a_store_that_expired_is_no_store_in_place(team: Team) -> None:
    declare(team, "a.md", "b.md", "c.md", "d.md")
    team.write("kb.yaml", STORE.format("a.md").replace("name: KB", "name: KB, expires_after: {days: 1}"))
    assert team.apply().converged
    team.time.now += 2 * 86_400
    assert [each.action for each in team.plan().steps] == ["create", "delete"]
