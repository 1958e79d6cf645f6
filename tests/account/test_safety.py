"""Nothing is lost and nobody is overwritten: when files fail, when others are faster, when something vanished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retinue import engine
from retinue.commands import show as looking
from retinue.emulator.server.quirks import Quirks
from retinue.errors import BlockedError, LeaseError
from retinue.model.values import Address
from retinue.planning.policy import Approval
from retinue.state.process_lock import process_lock
from tests.support.faults import CutAfter
from tests.support.team import Team, ended

STORE = "vector_stores:\n  kb:\n    name: KB\n    files: [kb/*.md]\n"
ASSISTANT = "assistants:\n  bot:\n    model: gpt-4o\n    name: Bot\n"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path)
    for name in ("one", "two", "three"):
        team.write(f"kb/{name}.md", f"# {name}\n\nAll about {name}.")
    return team


def attached(team: Team) -> list[str]:
    return sorted(
        each["attributes"]["retinue.path"]
        for store in team.listed("/vector_stores")
        for each in team.listed(f"/vector_stores/{store['id']}/files")
        if each["status"] == "completed"
    )


# ── old knowledge stays until new knowledge is there ──────────────────────────────────────────────────────────────────


def test_a_replaced_store_stays_while_its_successor_lacks_a_file(team: Team) -> None:
    team.write("s.yaml", STORE)
    team.apply()
    team.write("s.yaml", STORE + "    description: New\n")
    team.quirks = Quirks(fail_files=("two*",))
    statuses = ended(team.apply().events)
    assert sorted(statuses.values()) == ["incomplete", "skipped"]
    assert "kb/two.md" in attached(team)
    team.quirks = Quirks()
    assert team.apply().converged
    assert attached(team) == ["kb/one.md", "kb/three.md", "kb/two.md"]
    assert len(team.listed("/files")) == 3


def test_a_leftover_store_stays_while_the_kept_one_is_not_filled(team: Team) -> None:
    """The replacement was created and the process killed: the old store has all the files, the new one none."""
    team.write("s.yaml", STORE)
    team.apply()
    team.write("s.yaml", STORE + "    description: New\n")
    team.apply(lambda inner: CutAfter(inner, "POST /vector_stores"), parallelism=1)
    assert len(team.listed("/vector_stores")) == 2
    team.quirks = Quirks(fail_files=("*",))
    team.apply()
    assert attached(team) == ["kb/one.md", "kb/three.md", "kb/two.md"]
    team.quirks = Quirks()
    assert team.apply().converged
    assert len(team.listed("/vector_stores")) == 1


def test_an_apply_that_was_killed_while_indexing_is_finished_by_the_next(team: Team) -> None:
    """The new file was attached beside the old one and was still being indexed."""
    team.write("s.yaml", STORE)
    team.apply()
    team.write("kb/two.md", "# two\n\nAll about two, rewritten.")
    team.quirks = Quirks(indexing_polls=3)
    team.apply(lambda inner: CutAfter(inner, "POST .*/file_batches"), parallelism=1)
    store = team.listed("/vector_stores")[0]["id"]
    assert len(team.listed(f"/vector_stores/{store}/files")) == 4
    assert team.apply().converged
    assert attached(team) == ["kb/one.md", "kb/three.md", "kb/two.md"]
    assert len(team.listed("/files")) == 3


# ── others are faster ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_edit_of_something_else_does_not_stand_in_the_way(team: Team) -> None:
    team.write("a.yaml", ASSISTANT)
    team.apply()
    team.write("a.yaml", ASSISTANT.replace("Bot", "Robot"))
    with team.session() as session:
        made = engine.plan(session)
        live_id = team.listed("/assistants")[0]["id"]
        team.send("post", f"/assistants/{live_id}", {"description": "Theirs"})
        assert engine.apply(session, made).converged
    assert team.listed("/assistants")[0]["description"] == "Theirs"


@pytest.mark.parametrize(
    ("declared", "edit"),
    [("    temperature: 0.2\n", {"temperature": 0.9}), ("    metadata: {team: x}\n", {"metadata": {"team": "theirs"}})],
)
def test_dropping_what_somebody_edited_is_a_conflict(team: Team, declared: str, edit: dict[str, Any]) -> None:
    team.write("a.yaml", ASSISTANT + declared)
    team.apply()
    live = team.listed("/assistants")[0]
    if "metadata" in edit:
        edit = {"metadata": {**live["metadata"], **edit["metadata"]}}
    team.send("post", f"/assistants/{live['id']}", edit)
    team.write("a.yaml", ASSISTANT)
    made = team.plan()
    assert {change.cause for step in made.steps for change in step.changes} == {"conflict"}
    with pytest.raises(BlockedError):
        engine.guard(made, Approval())


def test_an_edit_that_was_taken_into_the_files_is_ours_from_then_on(team: Team) -> None:
    """The way to accept drift: write it down. What comes after is configuration again."""
    team.write("a.yaml", ASSISTANT)
    team.apply()
    live_id = team.listed("/assistants")[0]["id"]
    team.send("post", f"/assistants/{live_id}", {"name": "Theirs"})
    team.write("a.yaml", ASSISTANT.replace("Bot", "Theirs"))
    applied = team.apply()
    assert applied.plan.empty
    assert applied.events == ()
    team.write("a.yaml", ASSISTANT.replace("Bot", "Next"))
    made = team.plan()
    assert {change.cause for step in made.steps for change in step.changes} == {"config"}


def test_planning_does_not_touch_tags(team: Team) -> None:
    team.write("a.yaml", ASSISTANT)
    team.apply()
    live_id = team.listed("/assistants")[0]["id"]
    team.send("post", f"/assistants/{live_id}", {"name": "Theirs"})
    team.write("a.yaml", ASSISTANT.replace("Bot", "Theirs"))
    before = team.state()
    team.plan()
    assert team.state() == before


def test_two_applies_at_once_do_not_mix(team: Team) -> None:
    team.write("a.yaml", ASSISTANT)
    with team.session() as session:
        made = engine.plan(session)
        with process_lock(session.cache.directory), pytest.raises(LeaseError, match="another apply"):
            engine.apply(session, made)
    assert team.listed("/assistants") == []


# ── something vanished ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_code_interpreter_file_that_was_deleted_is_missed_and_brought_back(team: Team) -> None:
    team.write("data.csv", "a,b\n1,2\n")
    team.write("a.yaml", ASSISTANT + "    tools: [{code_interpreter: {files: [data.csv]}}]\n")
    team.apply()
    (file,) = team.listed("/files")
    team.send("delete", f"/files/{file['id']}")
    assert not team.plan().empty
    assert team.apply().converged
    (again,) = team.listed("/files")
    assert team.listed("/assistants")[0]["tool_resources"]["code_interpreter"]["file_ids"] == [again["id"]]


def test_the_files_of_a_store_that_was_deleted_by_hand_are_used_again(team: Team) -> None:
    team.write("s.yaml", STORE)
    team.apply()
    files = {each["id"] for each in team.listed("/files")}
    team.send("delete", f"/vector_stores/{team.listed('/vector_stores')[0]['id']}")
    team.plan()
    assert team.apply().converged
    assert {each["id"] for each in team.listed("/files")} == files


def test_an_account_that_is_slow_to_know_its_own_objects(team: Team) -> None:
    team.write("s.yaml", STORE)
    team.quirks = Quirks(read_after_create_404=2)
    assert team.apply().converged


# ── addresses ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_id_of_our_own_store_means_its_address(team: Team) -> None:
    team.write("s.yaml", STORE)
    team.apply()
    store = team.listed("/vector_stores")[0]["id"]
    team.write("a.yaml", ASSISTANT + f"    tools: [{{file_search: {{vector_store: {{id: {store}}}}}}}]\n")
    assert team.apply().converged


def test_the_id_of_somebody_elses_store_stays_an_id(team: Team) -> None:
    with team.client() as client:
        theirs = client.vector_stores.create(name="Theirs").id
    team.write("a.yaml", ASSISTANT + f"    tools: [{{file_search: {{vector_store: {{id: {theirs}}}}}}}]\n")
    assert team.apply().converged


def test_targets_are_not_blocked_by_what_they_leave_alone(team: Team) -> None:
    team.write("s.yaml", STORE + "    lifecycle: {protect: true}\n")
    team.write("a.yaml", ASSISTANT)
    team.apply()
    team.write("s.yaml", "vector_stores: {}\n")
    assert team.plan().blocks
    assert not team.plan(targets=[Address("assistant", "bot")]).blocks


def test_output_gives_the_object_that_stays(team: Team) -> None:
    team.write("a.yaml", ASSISTANT)
    team.apply()
    original = team.listed("/assistants")[0]
    team.time.now += 10
    for _ in range(5):
        team.send("post", "/assistants", {"model": "gpt-4o", "name": "Bot", "metadata": original["metadata"]})
    with team.session() as session:
        assert looking.outputs(session) == {Address("assistant", "bot"): original["id"]}


def test_too_many_metadata_pairs_are_seen_before_anything_is_sent(team: Team) -> None:
    pairs = ", ".join(f"k{number}: v" for number in range(15))
    team.write("a.yaml", ASSISTANT + f"    metadata: {{{pairs}}}\n")
    team.apply()
    live = team.listed("/assistants")[0]
    dropped = {key: value for key, value in live["metadata"].items() if key != "k0"}
    team.send("post", f"/assistants/{live['id']}", {"metadata": {**dropped, "theirs": "x"}})
    (block,) = team.plan().blocks
    assert block.code == "too-many-metadata"
    assert "theirs" in block.message
