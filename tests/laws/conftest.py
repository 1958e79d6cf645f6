"""The laws hold for every kind with live objects: its sample is all that a new kind has to bring."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from retinue.kinds import all_kinds
from tests.support.team import Team

SAMPLES = Path(__file__).parent / "samples"
LIVE_KINDS = sorted(kind.name for kind in all_kinds().values() if kind.api is not None)


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
        self.declare(team, variant)
        return team

    def declare(self, team: Team, variant: str) -> None:
        team.write("sample.yaml", self.data[variant])


@pytest.fixture(params=LIVE_KINDS)
def sample(request: pytest.FixtureRequest) -> Sample:
    return Sample(request.param)
