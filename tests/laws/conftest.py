"""The laws hold for every kind with live objects: its sample is all that a new kind has to bring."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from retinue.kinds import all_kinds
from retinue.kinds.kind import Kind
from retinue.model.canonical import same
from tests.support.forms import form, is_versioned
from tests.support.team import Team

SAMPLES = Path(__file__).parent / "samples"
LIVE_KINDS = sorted(kind.name for kind in all_kinds().values() if kind.stored)


def recorded() -> dict[str, list[str]]:
    """What the service was recorded to answer otherwise than the types of its SDK say, by the path it stands under."""
    found: dict[str, list[str]] = {}
    for name in LIVE_KINDS:
        found |= Sample(name).data.get("recorded", {})
    return found


class Sample:
    """A kind's declarations for the laws, and a team that has its files."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.data = yaml.safe_load((SAMPLES / f"{kind}.yaml").read_text(encoding="utf-8"))

    def team(self, root: Path, variant: str = "full", **options: object) -> Team:
        root.mkdir(parents=True, exist_ok=True)
        team = Team(root, **options)  # type: ignore[arg-type]
        for name, text in self.data["files"].items():
            team.write(name, text)
        for name, members in self.data.get("archives", {}).items():
            with zipfile.ZipFile(team.root / name, "w") as archive:
                for member, text in members.items():
                    archive.writestr(zipfile.ZipInfo(member), text)
        self.declare(team, variant)
        return team

    def declare(self, team: Team, variant: str) -> None:
        team.write("sample.yaml", self.data[variant])

    def twin(self, kind: Kind, original: dict[str, Any], *, marked: bool = True) -> dict[str, Any]:
        """The body of a second creation of the same object, as far as the account tells; with our marks, or without."""
        spec = kind.read(original)
        above = kind.store.fixed_field
        chosen = {
            each.name
            for each in kind.fields
            if each.in_body and not each.rest and each.name != above and not same(spec[each.name], each.default)
        }
        body = kind.write({name: spec[name] for name in chosen})
        marks = form(kind).marks
        pairs = form(kind).marks_of(original) if marked else {}
        body[marks.field] = marks.write(body.get(marks.field), pairs)
        return {**body, **self.data.get("twin", {})}

    def others(self, team: Team) -> None:
        """Objects of other people that look like ours: those of another stack, and the same again without an owner."""
        kept = {name: (team.root / name).read_text(encoding="utf-8") for name in ("retinue.yaml", "sample.yaml")}
        team.write("retinue.yaml", kept["retinue.yaml"].replace("stack: test", "stack: other"))
        self.declare(team, "full")
        assert team.apply().converged
        kind = all_kinds()[self.kind]
        for original in team.objects(kind):
            if not is_versioned(kind):
                collection = form(kind).collection(form(kind).within_of(original))
                team.send("post", collection, self.twin(kind, original, marked=False))
        for name, text in kept.items():
            team.write(name, text)
        team.forget_memory()
        team.time.now += 3600  # a file that was lost is known by its name, size and time


@pytest.fixture(params=LIVE_KINDS)
def sample(request: pytest.FixtureRequest) -> Sample:
    return Sample(request.param)
