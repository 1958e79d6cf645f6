"""What lives in an account without an owner is declared as it is: adopting it changes nothing but tags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from retinue.commands import import_ as importing
from retinue.kinds import all_kinds
from retinue.kinds.kind import Kind
from tests.handover.test_handover import without_marks
from tests.laws.conftest import Sample
from tests.support.forms import form, is_versioned
from tests.support.team import Team


def disown(team: Team) -> None:
    """Take our marks off every object, as somebody with another client may."""
    for kind, each in everything(team):
        if is_versioned(kind):
            without_mark(team, team.path(kind, each))
        elif kind.stored:
            field = form(kind).marks.field
            team.send("post", team.path(kind, each), {field: unmarked(kind, each)[field]})
    # The marker would tell that the stack has lost everything.
    team.delete_markers()
    team.forget_memory()


def without_mark(team: Team, path: str) -> None:
    """The only version is one that somebody uploaded by hand."""
    files, before = team.version_files(path), team.versions(path)
    team.add_version(path, {name: text for name, text in files.items() if name != ".retinue"}, default=True)
    for each in before:
        team.send("delete", f"{path}/versions/{each}")


def everything(team: Team) -> list[tuple[Kind, dict[str, Any]]]:
    return [(kind, each) for kind in all_kinds().values() if kind.stored for each in team.objects(kind)]


def unmarked(kind: Kind, raw: Mapping[str, Any]) -> dict[str, Any]:
    """An object without our marks and without the time of its last change."""
    value = raw[form(kind).marks.field]
    if form(kind).marks.shared:
        value = {key: each for key, each in value.items() if key.partition(".")[0] != "retinue"}
    bare = {key: each for key, each in raw.items() if key != "updated_at"}
    return {**bare, form(kind).marks.field: form(kind).marks.write(value, {})}


def unmarked_state(team: Team) -> list[dict[str, Any]]:
    attached = [without_marks(each) for files in team.state()["attached"].values() for each in files]
    return [*(unmarked(kind, each) for kind, each in everything(team) if not is_versioned(kind)), *attached]


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
    before, files = unmarked_state(team), [each["id"] for each in team.state()["files"]]
    prepared = import_all(team)
    kind = all_kinds()[sample.kind]
    hidden = {each.name for each in kind.fields if not each.shown and each.in_body}
    assert hidden or not prepared.kept
    assert not prepared.skipped
    # What the account never shows is neither lost in silence nor made up.
    said = {address for address in (*prepared.unseen, *prepared.secrets) if address.kind == kind.name}
    assert len(said) == (len(team.objects(kind)) if hidden else 0)
    team.environ = {name: "known to somebody" for names in prepared.secrets.values() for name in names}
    adopted = len(prepared.adopted)
    assert adopted == len(everything(team))
    made = team.plan()
    updates = [step for step in made.steps if step.action == "update"]
    assert {step.action for step in made.steps} <= {"adopt", "update"}
    assert {step.address for step in updates} == set(prepared.secrets)
    assert all(change.field in hidden for step in updates for change in step.changes)
    assert len(made.steps) == adopted + len(updates)
    applied = team.apply()
    assert applied.converged
    assert unmarked_state(team) == before
    again = team.plan()
    assert again.empty
    assert again.in_sync == adopted
    assert not any(again.unowned.values())
    # Nothing of it is ours to delete but the objects themselves.
    team.destroy()
    assert [each["id"] for each in team.state()["files"]] == files
