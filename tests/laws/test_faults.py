"""A failure at any request of an apply, then another apply: no duplicate, no orphan, nobody else's object touched."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retinue.errors import RetinueError
from tests.laws.conftest import Sample
from tests.laws.test_laws import orphans
from tests.support.faults import MODES, Faulty, Mode
from tests.support.team import FakeTime, Team


def someone_else(team: Team) -> None:
    """Objects of other people, some of which look like ours."""
    with team.client() as client:
        file = client.files.create(file=("one.md", b"# Theirs"), purpose="assistants")
        store = client.vector_stores.create(
            name="Sample store", metadata={"retinue": "1;s=other;a=vector_store.sample;f="}
        )
        client.vector_stores.files.create(vector_store_id=store.id, file_id=file.id)
    team.send("post", "/assistants", {"model": "gpt-4o", "name": "Sample"})


def meaning(state: dict[str, Any]) -> dict[str, Any]:
    """The state without ids and times: two applies that end alike mean the same."""
    names = {each["id"]: each["filename"] for each in state["files"]}
    labels = {each["id"]: path for path, listed in state.items() if path != "attached" for each in listed} | names
    times = ("created_at", "updated_at", "last_active_at", "expires_at")
    skip = ("id", "vector_store_id", "file_counts", "usage_bytes", *times)

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items() if key not in skip}
        if isinstance(value, list):
            return sorted((plain(each) for each in value), key=repr)
        if isinstance(value, str):
            if value.startswith("/workspace/.retinue/"):  # a tag, cut into the parts of a path
                value = value.replace("/", "")
            for live_id, label in labels.items():
                value = value.replace(live_id, label)
        return value

    attached = [[names[each["id"]] for each in files] for files in state["attached"].values()]
    objects = {name: plain(each) for name, each in state.items() if name not in ("files", "attached")}
    return {**objects, "files": sorted(names.values()), "attached": plain(attached)}


def prepare(sample: Sample, root: Path, before: str | None, variant: str) -> Team:
    team = sample.team(root, before or variant, checked=False)
    someone_else(team)
    if before:
        team.apply()
        sample.declare(team, variant)
    return team


def copied(team: Team, root: Path) -> Team:
    """The same project with the same account, to be broken in another way."""
    shutil.copytree(team.root, root)
    return replace(team, root=root, calls=[], time=FakeTime(team.time.now))


CHANGES = [(None, "full"), ("full", "edited"), ("edited", "full"), ("full", "replaced"), ("full", "minimal")]


@pytest.mark.parametrize(("before", "variant"), CHANGES, ids=lambda each: str(each))
@pytest.mark.parametrize("mode", MODES)
def test_a_failure_at_any_request_is_repaired(
    sample: Sample, tmp_path: Path, mode: Mode, before: str | None, variant: str
) -> None:
    prepared = prepare(sample, tmp_path / "prepared", before, variant)
    whole = copied(prepared, tmp_path / "whole")
    assert whole.apply(parallelism=1).converged
    wanted = meaning(whole.state())
    number = 0
    while True:
        number += 1
        team = copied(prepared, tmp_path / str(number))
        faults: list[Faulty] = []

        def break_at(inner: Any, at: int = number, faults: list[Faulty] = faults) -> Faulty:
            faults.append(Faulty(inner, at, mode))
            return faults[0]

        with suppress(RetinueError):  # it may strike while the account is read, before anything is decided
            team.apply(break_at, parallelism=1)
        if not faults[0].struck:
            return
        applied = team.apply()
        where = f"{mode} at request {number}: {team.calls}"
        assert applied.converged, where
        assert not applied.plan.reverts, where
        state = team.state()
        assert orphans(state) == [], where
        assert meaning(state) == wanted, where
        assert len(team.markers()) == 1, where
