"""A failure at any request of an apply, then another apply: no duplicate, no orphan, nobody else's object touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retinue import engine
from retinue.engine import plan
from retinue.model.steps import Plan
from retinue.planning.documents.plan_document import from_document, to_document
from retinue.planning.policy import Approval, is_approved
from tests.laws.conftest import Sample
from tests.laws.test_laws import orphans
from tests.support.breaking import Breaking, copied, meaning
from tests.support.faults import MODES, Mode
from tests.support.tally import TRIED
from tests.support.team import Team, Wrap, stack_of


def prepare(sample: Sample, root: Path, before: str | None, variant: str) -> Team:
    team = sample.team(root, before or variant, checked=False)
    sample.others(team)
    if before:
        team.apply()
        sample.declare(team, variant)
    return team


def saved(made: Plan) -> Approval:
    """A plan that went through a file, as an approval."""
    document = json.loads(json.dumps(to_document(made)))
    return Approval(plan=from_document(document))


CHANGES = [(None, "full"), ("full", "edited"), ("edited", "full"), ("full", "replaced"), ("full", "minimal")]


@pytest.mark.parametrize(("before", "variant"), CHANGES, ids=lambda each: str(each))
@pytest.mark.parametrize("mode", MODES)
def test_a_failure_at_any_request_is_repaired(
    sample: Sample, tmp_path: Path, mode: Mode, before: str | None, variant: str, chaos: bool
) -> None:
    prepared = prepare(sample, tmp_path / "prepared", before, variant)
    approved = saved(copied(prepared, tmp_path / "approved").plan())
    breaking = Breaking(prepared, tmp_path, mode, chaos=chaos)
    wanted = meaning(breaking.whole.state())
    for team, where in breaking:
        if mode == "dead":
            # What is left of an approved plan is approved.
            with team.session() as session:
                assert is_approved(approved, plan(session), session.live), where
        applied = team.apply()
        assert applied.converged, where
        assert not applied.plan.reverts, where
        state = team.state()
        assert orphans(state) == [], where
        assert meaning(state) == wanted, where
        assert sorted(map(stack_of, team.markers())) == ["other", "test"], where


def fresh(team: Team) -> None:
    """Another machine, once the lease of the one that died has ended."""
    team.forget_memory()
    team.time.now += 3600


@pytest.mark.slow
@pytest.mark.parametrize(("before", "variant"), [(None, "full"), ("full", "edited")], ids=lambda each: str(each))
def test_a_run_that_died_is_continued_from_a_fresh_clone(
    sample: Sample, tmp_path: Path, before: str | None, variant: str, chaos: bool
) -> None:
    """What it left in the middle is nobody's edit."""
    for team, where in Breaking(prepare(sample, tmp_path / "prepared", before, variant), tmp_path, "dead", chaos=chaos):
        fresh(team)
        TRIED["… and its machine is thrown away"] += 1
        applied = team.apply()
        assert applied.converged, where
        assert not applied.plan.reverts, where
        assert orphans(team.state()) == [], where
        assert sorted(map(stack_of, team.markers())) == ["other", "test"], where


@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "fresh clone"])
def test_a_destroy_that_died_leaves_nothing(sample: Sample, tmp_path: Path, elsewhere: bool, chaos: bool) -> None:
    prepared = prepare(sample, tmp_path / "prepared", "full", "full")

    def destroy(team: Team, wrap: Wrap) -> object:
        return team.destroy(wrap)

    for team, where in Breaking(prepared, tmp_path, "dead", destroy, chaos=chaos):
        if elsewhere:
            fresh(team)
        assert engine.outcome(team.destroy()) is None, where
        assert list(map(stack_of, team.markers())) == ["other"], where
        assert orphans(team.state()) == [], where
        assert team.destroy().plan.owned == 0, where
