"""What becomes of an object that is declared no more is said in its tag: deleted, retired, or kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from retinue.errors import DeclarationError
from retinue.kinds import all_kinds
from tests.laws.conftest import Sample
from tests.support.forms import form
from tests.support.team import Team, ended

STORE = "vector_stores:\n  kb:\n    name: KB\n    files: [kb/*.md]\n    lifecycle: {{on_delete: {}}}\n"
BOT = "assistants:\n  bot: {model: gpt-4o}\n"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path)
    team.write("kb/one.md", "# One\n")
    team.write("bot.yaml", BOT)
    return team


def test_what_is_kept_stays_without_an_owner(sample: Sample, tmp_path: Path) -> None:
    """For every kind: the object is there as it was, and nobody's."""
    kind = all_kinds()[sample.kind]
    team = sample.team(tmp_path)
    declared = yaml.safe_load(sample.data["full"])
    declared[kind.section]["sample"]["lifecycle"] = {"on_delete": "keep"}
    declared.setdefault("assistants", {}).setdefault("other", {"model": "gpt-4o"})
    team.write("sample.yaml", yaml.safe_dump(declared, sort_keys=False, allow_unicode=True))
    assert team.apply().converged
    before = [kind.read(each) for each in team.objects(kind)]
    del declared[kind.section]["sample"]
    declared = {section: entries for section, entries in declared.items() if entries}
    team.write("sample.yaml", yaml.safe_dump(declared, sort_keys=False, allow_unicode=True))
    made = team.plan()
    assert [step.action for step in made.steps if step.address.name == "sample"] == ["release"]
    assert team.apply().converged
    after = [each for each in team.objects(kind) if "retinue" not in form(kind).marks_of(each)]
    assert len(after) >= 1
    assert len(team.objects(kind)) == len(before)
    assert team.plan().unowned.get(kind.name, 0) >= 1


def test_a_retired_store_expires_instead_of_being_deleted(team: Team) -> None:
    team.write("kb.yaml", STORE.format("retire"))
    team.apply()
    team.write("kb.yaml", "{}\n")
    made = team.plan()
    (step,) = made.steps
    assert step.action == "update"
    assert step.reason is not None
    assert "retired" in step.reason
    assert team.apply().converged
    (store,) = team.listed("/vector_stores")
    assert store["expires_after"] == {"anchor": "last_active_at", "days": 30}
    assert len(team.listed(f"/vector_stores/{store['id']}/files")) == 1  # it answers until it ends
    made = team.plan()
    assert made.empty
    assert (made.retired, made.unowned) == ({"vector_store": 1}, {})
    team.time.now += 31 * 86_400
    assert team.plan().empty
    assert team.listed("/vector_stores")[0]["status"] == "expired"


def test_a_store_that_ends_sooner_anyway_is_not_given_more_time(team: Team) -> None:
    team.write("kb.yaml", STORE.format("retire") + "    expires_after: {days: 3}\n")
    team.apply()
    team.write("kb.yaml", "{}\n")
    team.apply()
    assert team.listed("/vector_stores")[0]["expires_after"]["days"] == 3
    assert team.plan().retired == {"vector_store": 1}


def test_declaring_a_retired_address_again_makes_a_new_object(team: Team) -> None:
    """Its end is decided: whoever wants the old one back adopts it by its id."""
    team.write("kb.yaml", STORE.format("retire"))
    team.apply()
    (old,) = team.listed("/vector_stores")
    team.write("kb.yaml", "{}\n")
    team.apply()
    team.write("kb.yaml", STORE.format("delete"))
    assert [step.action for step in team.plan().steps] == ["create"]
    assert team.apply().converged
    team.forget_memory()
    assert team.plan().empty
    assert team.plan().retired == {"vector_store": 1}
    assert len(team.listed("/vector_stores")) == 2
    team.destroy()
    assert [each["id"] for each in team.listed("/vector_stores")] == [old["id"]]


def test_the_old_object_of_a_replacement_is_let_go_in_the_same_way(team: Team) -> None:
    store = STORE.format("retire")
    team.write("kb.yaml", store + "    description: Old\n")
    team.apply()
    team.write("kb.yaml", store + "    description: New\n")
    applied = team.apply()
    assert applied.converged
    assert set(ended(applied.events).values()) == {"done"}
    assert {each["description"] for each in team.listed("/vector_stores")} == {"Old", "New"}
    assert team.plan().retired == {"vector_store": 1}


def test_what_was_said_last_counts_when_the_declaration_is_gone(team: Team) -> None:
    """The tag remembers it, and changing it is an apply of its own."""
    team.write("kb.yaml", STORE.format("keep"))
    team.apply()
    team.write("kb.yaml", STORE.format("delete"))
    (step,) = team.plan().steps
    assert [(change.path, change.before, change.after) for change in step.changes] == [
        (("lifecycle", "on_delete"), "keep", "delete")
    ]
    team.apply()
    team.write("kb.yaml", "{}\n")
    assert [step.action for step in team.plan().steps] == ["delete"]


def test_destroy_lets_go_what_is_not_to_be_deleted(team: Team) -> None:
    team.write("kb.yaml", STORE.format("keep"))
    team.apply()
    team.destroy()
    (store,) = team.listed("/vector_stores")
    assert "retinue" not in store["metadata"]
    assert team.markers() == []
    assert team.listed("/assistants") == []


def test_a_protected_object_is_not_retired(team: Team) -> None:
    text = STORE.format("retire").replace("on_delete", "protect: true, on_delete")
    team.write("kb.yaml", text)
    team.apply()
    team.write("kb.yaml", "{}\n")
    (block,) = team.plan().blocks
    assert "is protected and would be retired" in block.message


def test_what_cannot_end_by_itself_cannot_be_retired(team: Team) -> None:
    team.write("bot.yaml", "assistants:\n  bot: {model: gpt-4o, lifecycle: {on_delete: retire}}\n")
    with pytest.raises(DeclarationError) as caught:
        team.plan()
    assert [each.code for each in caught.value.diagnostics] == ["not-allowed-value"]
