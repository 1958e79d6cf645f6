"""What an account answers is read once, at the door: from then on there are values, and no raw answers."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from retinue.kinds import all_kinds
from retinue.kinds.kind import Kind
from tests.laws.conftest import LIVE_KINDS, Sample
from tests.support.team import Team


def one_of_each(root: Path) -> Team:
    """A project with the full sample of every kind, each in a folder of its own."""
    team = Team(root)
    team.write("retinue.yaml", "stack: test\ninclude: ['*/*.yaml']\n")
    there: set[tuple[str, str]] = set()
    for name in LIVE_KINDS:
        sample = Sample(name)
        sample.team(root / name)
        (root / name / "retinue.yaml").unlink()
        declared: dict[str, dict[str, Any]] = yaml.safe_load(sample.data["full"])
        own = {
            section: {each: spec for each, spec in entries.items() if (section, each) not in there}
            for section, entries in declared.items()
        }
        there |= {(section, each) for section, entries in own.items() for each in entries}
        left = {section: entries for section, entries in own.items() if entries}
        team.write(f"{name}/sample.yaml", yaml.safe_dump(left, sort_keys=False, allow_unicode=True))
    return team


def test_a_plan_reads_every_object_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody reads one but who asked for it."""
    team = one_of_each(tmp_path)
    assert team.apply().converged
    times: Counter[str] = Counter()
    readers: set[str] = set()
    read = Kind.read

    def counted(kind: Kind, raw: Mapping[str, Any]) -> dict[str, Any]:
        times[raw["id"]] += 1
        readers.add(sys._getframe(1).f_globals["__name__"])
        return read(kind, raw)

    monkeypatch.setattr(Kind, "read", counted)
    assert team.plan().empty
    monkeypatch.undo()
    there = {each["id"] for kind in all_kinds().values() for each in team.objects(kind)}
    assert len(there) >= len(LIVE_KINDS)
    assert times == dict.fromkeys(there, 1)
    assert all(each.startswith("retinue.providers.") for each in readers), readers
