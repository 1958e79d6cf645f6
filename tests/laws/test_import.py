"""What lives in an account without an owner is declared as it is: adopting it changes nothing but tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retinue import importing
from retinue.kinds import all_kinds
from tests.handover.test_handover import without_marks
from tests.laws.conftest import Sample
from tests.support.team import Team


def disown(team: Team) -> None:
    """Take our marks off every object, as somebody with another client may."""
    for kind in all_kinds().values():
        if kind.api is None:
            continue
        for each in team.listed(kind.api.path):
            others = {key: value for key, value in each["metadata"].items() if not key.startswith("retinue")}
            team.send("post", f"{kind.api.path}/{each['id']}", {"metadata": others})
    team.forget_memory()


def import_all(team: Team) -> importing.Prepared:
    with team.session() as session:
        chosen = importing.choose_all(session, importing.scan(session))
        prepared = importing.prepare(session, chosen)
        assert {call.split()[0] for call in team.calls} == {"GET"}
    importing.write(prepared)
    return prepared


@pytest.mark.parametrize("variant", ["full", "minimal", "edited", "replaced"])
def test_importing_adopts_everything_and_changes_nothing_but_tags(sample: Sample, tmp_path: Path, variant: str) -> None:
    team = sample.team(tmp_path, variant)
    assert team.apply().converged
    (tmp_path / "sample.yaml").unlink()
    disown(team)
    before = team.state()
    prepared = import_all(team)
    assert not prepared.kept
    assert not prepared.skipped
    made = team.plan()
    assert {step.action for step in made.steps} == {"adopt"}
    assert len(made.steps) == len(prepared.adopted) == objects(before)
    applied = team.apply()
    assert applied.converged
    assert without_marks(team.state()) == without_marks(before)
    again = team.plan()
    assert again.empty
    assert again.in_sync == objects(before)
    assert not again.unowned
    # Nothing of it is ours to delete but the objects themselves.
    team.destroy()
    left = team.state()
    assert [each["id"] for each in left["files"]] == [each["id"] for each in before["files"]]
    assert objects(left) == 0


def objects(state: dict[str, Any]) -> int:
    return sum(len(found) for name, found in state.items() if name not in ("files", "attached"))
