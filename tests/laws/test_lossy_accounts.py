"""What holds for every kind on accounts that keep less, or something else, than they are given.

The quirks are those of compatible servers: descriptions and attributes dropped, numbers rounded, texts trimmed or with
other line ends, defaults written out, chunking not told.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue import engine
from retinue.emulator.server.quirks import Quirks
from retinue.kinds import all_kinds
from retinue.model.tag import read_tag
from retinue.planning.policy import Approval
from tests.laws.conftest import Sample
from tests.laws.test_laws import orphans
from tests.support.forms import form, is_versioned
from tests.support.team import Team, ended

ACCOUNTS = {
    "forgets": Quirks(drops=("description", "attributes", "top_p", "reasoning_effort")),
    "rounds": Quirks(decimals=1),
    "keeps-little": Quirks(drops=("attributes",), hides_chunking=True, decimals=1, trims=True),
    "keeps-32-bits": Quirks(float32=True),
    "rewrites-texts": Quirks(trims=True, line_ends=True, composes=True, attributes_as_text=True),
    "writes-defaults-out": Quirks(
        rewrites_tools=True, hides_chunking=True, fills_in={"response_format": "text", "description": "None."}
    ),
}


@pytest.fixture(params=list(ACCOUNTS.values()), ids=list(ACCOUNTS))
def team(request: pytest.FixtureRequest, sample: Sample, tmp_path: Path) -> Team:
    team = sample.team(tmp_path, quirks=request.param, checked=False)
    team.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\nguards: {max_delete_percent: 100}\n")
    return team


def apply_unasked(team: Team) -> engine.Applied:
    """An apply that nobody looks at: it would stop at what it takes for somebody's edit."""
    with team.session() as session:
        return engine.apply(session, engine.plan(session), approval=Approval(allow_deletes=99))


def test_the_second_plan_is_empty(sample: Sample, team: Team) -> None:
    for variant in ("full", "minimal", "edited", "full"):
        sample.declare(team, variant)
        applied = apply_unasked(team)
        assert set(ended(applied.events).values()) <= {"done"}
        assert applied.converged, variant
        team.forget_memory()
        assert team.plan().empty, variant
        assert orphans(team.state()) == []


def test_an_edit_by_hand_is_seen_and_reverted(sample: Sample, team: Team) -> None:
    kind = all_kinds()[sample.kind]
    for variant in sample.data.get("history", ["full"]):
        sample.declare(team, variant)
        team.apply()
    live_id = team.outputs()[f"{kind.name}.sample"]
    path = next(team.path(kind, each) for each in team.objects(kind) if each["id"] == live_id)
    for edit in sample.data["drift"]:
        if set(edit) & set(team.quirks.drops):
            continue  # nobody sees it
        team.send("post", path, edit)
        made = team.plan()
        assert {change.cause for step in made.steps for change in step.changes} == {"drift"}, edit
        assert team.apply().converged
        assert team.plan().empty


def test_nothing_is_left_when_all_is_destroyed(sample: Sample, team: Team) -> None:
    team.apply()
    team.forget_memory()
    assert engine.outcome(team.destroy()) is None
    assert orphans(team.state()) == []
    assert team.objects(all_kinds()[sample.kind]) == []


def test_an_account_that_keeps_all_has_nothing_of_it_in_its_tags(sample: Sample, tmp_path: Path) -> None:
    """What is noted for accounts that do not is never noted for those that do."""
    team = sample.team(tmp_path)
    kind = all_kinds()[sample.kind]
    for variant in ("full", "edited"):
        sample.declare(team, variant)
        applied = team.apply()
        assert not any(event.unkept for event in applied.events)
        for each in [] if is_versioned(kind) else team.objects(kind):
            tag = read_tag(form(kind).marks_of(each)["retinue"]) if form(kind).marks_of(each) else None
            assert tag is None or not (tag.returned or tag.returned_keys)
