"""What holds for every kind: the promises of plan and apply that have no exceptions."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from retinue import engine
from retinue.kinds import all_kinds
from retinue.kinds.fields import PolicyField
from retinue.model.canonical import same
from retinue.planning.documents.plan_document import from_document, to_document
from retinue.planning.planner import make_plan
from tests.laws.conftest import LIVE_KINDS, SAMPLES, Sample
from tests.support.forms import collection_name, form, held_files, is_versioned
from tests.support.team import Team, ended, stack_of

VARIANTS = ("full", "minimal", "edited", "replaced")


def test_every_kind_has_a_sample() -> None:
    """A kind without a sample would pass every law by not being asked."""
    assert {path.stem for path in SAMPLES.glob("*.yaml")} == set(LIVE_KINDS)


def test_the_full_sample_declares_every_field(sample: Sample, tmp_path: Path) -> None:
    """A law about fields says nothing of a field that no sample has."""
    team = sample.team(tmp_path)
    declared: set[str] = set()
    for variant in ("full", "replaced"):
        sample.declare(team, variant)
        reading = engine.read(engine.Where(team.root, environ={}))
        declared |= {name for each in reading.declared if each.address.kind == sample.kind for name in each.spec}
    # What nobody knows yet no account of today takes: tests/account/test_unknown.py plays one of next year.
    assert declared == {each.name for each in all_kinds()[sample.kind].fields if not each.rest}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_plan_after_apply_is_empty(sample: Sample, tmp_path: Path, variant: str) -> None:
    team = sample.team(tmp_path, variant)
    applied = team.apply()
    assert set(ended(applied.events).values()) == {"done"}
    assert applied.converged
    assert team.plan().empty


def test_a_fresh_clone_plans_the_same(sample: Sample, tmp_path: Path) -> None:
    """The account is the state: nothing on this machine is needed."""
    team = sample.team(tmp_path)
    team.apply()
    team.forget_memory()
    assert team.plan().empty


def test_planning_writes_nothing(sample: Sample, tmp_path: Path) -> None:
    team = sample.team(tmp_path)
    team.plan()
    assert {call.split()[0] for call in team.calls} == {"GET"}
    team.apply()
    before = team.state()
    sample.declare(team, "edited")
    team.plan()
    assert {call.split()[0] for call in team.calls} == {"GET"}
    assert team.state() == before


@pytest.mark.parametrize(
    ("first", "second"), [("full", "edited"), ("edited", "full"), ("full", "minimal"), ("minimal", "full")]
)
def test_every_change_converges(sample: Sample, tmp_path: Path, first: str, second: str) -> None:
    """From any declaration to any other: one apply, nothing left, no file left behind."""
    team = sample.team(tmp_path, first)
    team.apply()
    sample.declare(team, second)
    assert not team.plan().empty
    assert team.apply().converged
    assert orphans(team.state()) == []


def test_a_change_that_needs_replacement_converges(sample: Sample, tmp_path: Path) -> None:
    team = sample.team(tmp_path, "edited")
    team.apply()
    sample.declare(team, "replaced")
    applied = team.apply()
    assert applied.converged
    fixed = [each.name for each in all_kinds()[sample.kind].fields if not each.mutable]
    assert not fixed or any(step.replaces for step in applied.plan.steps)
    assert orphans(team.state()) == []


def test_a_plan_is_deterministic(sample: Sample, tmp_path: Path) -> None:
    """The order in which declarations and live objects are read does not matter."""
    team = sample.team(tmp_path)
    team.apply()
    sample.declare(team, "edited")
    with team.session() as session:
        first = engine.plan(session)
        declared, live = list(session.reading.declared), list(session.live)
        for seed in range(5):
            random.Random(seed).shuffle(declared)
            random.Random(seed).shuffle(live)
            again = make_plan(declared, live, session.kinds, stack="test", account=first.account)
            assert to_document(again) == to_document(replace(first, warnings=again.warnings))


def test_a_plan_survives_its_document(sample: Sample, tmp_path: Path) -> None:
    team = sample.team(tmp_path)
    for variant in VARIANTS:
        sample.declare(team, variant)
        document = to_document(team.plan())
        assert to_document(from_document(document)) == document
        team.apply()


def test_write_then_read_is_identity(sample: Sample, tmp_path: Path) -> None:
    """What a kind writes into the API's body, it reads back as the same canonical value."""
    kind = all_kinds()[sample.kind]
    team = sample.team(tmp_path)
    uploads = {each.name for each in kind.uploads}
    elsewhere = uploads | {each.name for each in kind.fields if each.content or isinstance(each, PolicyField)}
    for each in engine.read(engine.Where(team.root, environ={})).declared:
        if each.address.kind != sample.kind:
            continue
        spec = {name: value for name, value in each.spec.items() if name not in elsewhere}
        back = kind.read(kind.write(spec))
        assert all(same(back[name], value) for name, value in spec.items())


def test_order_does_not_matter(sample: Sample, tmp_path: Path) -> None:
    """Reordering fields, tools or files is no change."""
    team = sample.team(tmp_path)
    team.apply()
    team.write("sample.yaml", yaml.safe_dump(_reversed(yaml.safe_load(sample.data["full"])), sort_keys=False))
    assert team.plan().empty


def _reversed(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _reversed(each, name) for name, each in reversed(value.items())}
    if isinstance(value, list):
        items = [_reversed(each) for each in value]
        # The parts of a prompt are joined in their order, which therefore does mean something.
        # So do commands that run one after the other.
        return items if key in ("instructions", "setup_commands") else items[::-1]
    return value


def test_destroy_leaves_exactly_what_is_not_ours(sample: Sample, tmp_path: Path) -> None:
    team = sample.team(tmp_path)
    sample.others(team)
    theirs = team.state()
    team.apply()
    assert team.state() != theirs
    assert set(ended(team.destroy().events).values()) == {"done"}
    assert team.state() == theirs
    assert [stack_of(each) for each in team.markers()] == ["other"]


def test_drift_is_told_from_configuration_and_reverted(sample: Sample, tmp_path: Path) -> None:
    """Each edit somebody makes elsewhere is shown as drift, and one apply takes it back."""
    kind = all_kinds()[sample.kind]
    team = sample.team(tmp_path)
    for variant in sample.data.get("history", ["full"]):
        sample.declare(team, variant)
        team.apply()
    live_id = team.outputs()[f"{kind.name}.sample"]
    path = next(team.path(kind, each) for each in team.objects(kind) if each["id"] == live_id)
    for edit in sample.data["drift"]:
        team.send("post", path, edit)
        made = team.plan()
        assert {change.cause for step in made.steps for change in step.changes} == {"drift"}, edit
        assert team.apply().converged
        assert team.plan().empty


def test_a_field_nobody_declared_is_never_touched(sample: Sample, tmp_path: Path) -> None:
    """You own what you declare: edits to other fields are neither shown nor undone."""
    kind = all_kinds()[sample.kind]
    team = sample.team(tmp_path, "minimal")
    team.apply()
    path = team.path(kind, team.objects(kind)[0])
    for edit in sample.data["theirs"]:
        team.send("post", path, edit)
        assert team.plan().empty
    if not kind.has("metadata"):
        return
    metadata = {**team.objects(kind)[0]["metadata"], "theirs": "kept"}
    team.send("post", path, {"metadata": metadata})
    assert team.plan().empty
    sample.declare(team, "minimal-edited" if "minimal-edited" in sample.data else "edited")
    team.apply()
    edited = next(each for each in team.objects(kind) if team.path(kind, each) == path)
    assert edited["metadata"]["theirs"] == "kept"


def test_an_object_deleted_by_hand_comes_back(sample: Sample, tmp_path: Path) -> None:
    kind = all_kinds()[sample.kind]
    team = sample.team(tmp_path)
    team.apply()
    for each in team.objects(kind):
        team.send("delete", team.path(kind, each))
    applied = team.apply()
    assert applied.converged
    assert not applied.plan.reverts


def test_two_objects_with_one_address_become_one(sample: Sample, tmp_path: Path) -> None:
    """A creation that was repeated by accident is found and undone."""
    kind = all_kinds()[sample.kind]
    team = sample.team(tmp_path)
    team.apply()
    original = team.objects(kind)[0]
    if is_versioned(kind):
        team.copy_version(team.path(kind, original))
    else:
        team.send("post", form(kind).collection(form(kind).within_of(original)), sample.twin(kind, original))
    made = team.plan()
    assert [step.action for step in made.steps] == ["delete"]
    assert team.apply().converged


def orphans(state: dict[str, Any]) -> list[str]:
    """Files that are attached to nothing and carried by nothing."""
    held = {each["id"] for attached in state["attached"].values() for each in attached}
    for kind in all_kinds().values():
        if kind.stored:
            held.update(file for each in state[collection_name(form(kind))] for file in held_files(kind, each))
    return [f"{each['id']} {each['filename']}" for each in state["files"] if each["id"] not in held]


def test_quirks_do_not_matter(sample: Sample, tmp_path: Path) -> None:
    """Lists that lag, slow indexing, throttling, lost answers, merging metadata, foreign keys: all of them at once."""
    from retinue.emulator.server.quirks import Quirks

    quirks = Quirks(
        list_lag=2,
        indexing_polls=3,
        rate_limit_every=5,
        lose_response_every=7,
        merge_metadata=True,
        read_after_create_404=1,
        adds_metadata={"server": "own"},
    )
    team = sample.team(tmp_path, quirks=quirks)
    for variant in ("full", "edited", "minimal"):
        sample.declare(team, variant)
        for _ in range(3):
            if team.apply().converged:
                break
        assert Team(team.root, time=team.time).plan().empty
        for _ in range(quirks.list_lag):  # what was attached last may not have been listed by anybody yet
            team.state()
        assert orphans(team.state()) == []
