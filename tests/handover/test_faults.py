"""A failure at any request of an apply that only hands over, then another apply: everything is where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from retinue.emulator.server.quirks import Quirks
from tests.handover.test_handover import TAKEOVER, by_hand, other_stack, tutor
from tests.laws.test_laws import orphans
from tests.support.breaking import Breaking, meaning
from tests.support.faults import MODES, Mode
from tests.support.team import Team


def moved(team: Team) -> None:
    entries = "[{from: assistant.tutor, to: assistant.coach}, {from: vector_store.handbook, to: vector_store.rules}]"
    team.write("all.yaml", tutor("coach", "rules").replace("gpt-4o", "gpt-6-luna") + f"moved: {entries}\n")


def released(team: Team) -> None:
    team.write("all.yaml", "release: [assistant.tutor, vector_store.handbook]\n")


def taken_over(team: Team) -> None:
    other_stack(team)
    team.write("takeover.yaml", TAKEOVER)


def adopted(team: Team) -> None:
    entry = f"adopt: [{{address: assistant.critic, id: {by_hand(team)}}}]"
    team.write("critic.yaml", f"assistants: {{critic: {{model: gpt-6-luna}}}}\n{entry}\n")


MERGING = Quirks(merge_metadata=True)
CASES = [(moved, Quirks()), (released, Quirks()), (released, MERGING), (taken_over, Quirks()), (adopted, Quirks())]


@pytest.mark.parametrize(("hand_over", "quirks"), CASES)
@pytest.mark.parametrize("mode", MODES)
def test_a_failure_at_any_request_is_repaired(
    tmp_path: Path, mode: Mode, hand_over: Callable[[Team], None], quirks: Quirks, chaos: bool
) -> None:
    prepared = Team(tmp_path / "prepared", checked=False, quirks=quirks)
    prepared.write("handbook.md", "# Handbook\n\nRules.\n")
    prepared.write("data.csv", "x,y\n1,2\n")
    prepared.write("all.yaml", tutor())
    # A stack that owns nothing any more has no marker, and whoever is cut off right before it goes leaves it behind.
    prepared.write("rest.yaml", "vaults: {rest: {name: Rest}}\n")
    prepared.apply()
    hand_over(prepared)
    breaking = Breaking(prepared, tmp_path, mode, chaos=chaos)
    wanted = meaning(breaking.whole.state())
    for team, where in breaking:
        applied = team.apply()
        assert applied.converged, where
        assert not applied.plan.reverts, where
        state = team.state()
        assert orphans(state) == [], where
        assert meaning(state) == wanted, where
