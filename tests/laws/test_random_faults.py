"""Three of ten requests fail, processes die, colleagues apply and edit meanwhile: then one calm apply must be enough.

`--chaos` plays two hundred seeds, otherwise a few. What a seed does can be had again: one request at a time.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue import engine
from retinue.emulator.server.quirks import Quirks
from retinue.errors import RetinueError
from retinue.kinds import all_kinds
from retinue.planning.documents.plan_document import to_document
from retinue.planning.policy import Approval
from tests.laws.test_laws import orphans
from tests.support.breaking import meaning
from tests.support.faults import At
from tests.support.forms import collection_name, form, is_versioned
from tests.support.random_faults import LONGEST_LAG, RandomFaults
from tests.support.tally import TRIED
from tests.support.team import Team, Wrap, colleague, stack_of

SEEDS, CHAOS_SEEDS = 12, 200
TRIES = 4
"""Applies in the storm, of each version of the project."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        seeds = CHAOS_SEEDS if metafunc.config.getoption("--chaos") else SEEDS
        metafunc.parametrize("seed", range(seeds))


# ── a project, drawn by lot ───────────────────────────────────────────────────────────────────────────────────────────

TOPICS = ("billing", "returns", "shipping", "warranty")


def write_project(team: Team, chance: random.Random) -> None:
    """One of some thousand versions of the project: every kind of change can be between two of them."""
    for number, topic in enumerate(TOPICS, start=1):
        for name in ("rules", "prices"):
            folder = team.root / "handbook" / topic
            for path in folder.rglob(f"{name}.md"):
                path.unlink()
            path = folder / chance.choice((".", "old")) / f"{name}.md"
            if name == "rules" or chance.random() < 0.5:
                # What a fresh clone knows of a file that was left is its name and size: no two contents have the same.
                text = chance.choice((f"# {topic}: {name}{'.' * 10 * number}", "# The same everywhere"))
                team.write(str(path.relative_to(team.root)), f"{text}\n\nEdition {'I' * chance.randint(1, 3)}.\n")
    team.write("skill/SKILL.md", f"---\nname: charts\ndescription: Draws, {chance.randrange(2)}.\n---\n\nDraw.\n")
    stores = {
        topic: {
            "name": f"Handbook of {topic}",
            "files": [
                {"path": f"handbook/{topic}/**/*.md", "attributes": {"edition": chance.randrange(2)}},
                *([{"path": "handbook/billing/**/*.md"}] if topic == "returns" else []),
            ],
            **({"expires_after": {"days": 30}} if chance.random() < 0.3 else {}),
        }
        for topic in TOPICS
        if chance.random() < 0.8
    }
    assistants = {
        f"{topic}-{number}": {
            "name": f"{topic} {number}",
            "description": "As declared.",
            "model": "gpt-4o",
            "instructions": f"Version {chance.randrange(3)}.",
            "tools": [{"file_search": {"vector_store": topic}}] if topic in stores else [],
        }
        for topic in TOPICS
        for number in range(3)
        if chance.random() < 0.7
    }
    agents = {"clerk": {"model": "gpt-6-luna", "instructions": f"Version {chance.randrange(3)}."}}
    vaults = {"keys": {"name": "Keys", "metadata": {"edition": str(chance.randrange(2))}}}
    declared: dict[str, Any] = {"vector_stores": stores, "assistants": assistants}
    declared |= {"agents": agents} if chance.random() < 0.7 else {}
    declared |= {"vaults": vaults} if chance.random() < 0.7 else {}
    declared |= {"skills": {"charts": {"folder": "skill"}}} if chance.random() < 0.7 else {}
    team.write("all.yaml", json.dumps(declared))


def add_others(team: Team) -> dict[str, Any]:
    """Objects of nobody's stack that look like ours, and a file."""
    made = {}
    for name in ("billing 0", "returns 1"):
        raw = team.send("post", "/assistants", {"model": "gpt-4o", "name": name, "instructions": "Version 1."})
        made[f"/assistants/{raw['id']}"] = raw
    raw = team.send("post", "/vector_stores", {"name": "Handbook of billing"})
    made[f"/vector_stores/{raw['id']}"] = raw
    with team.client() as client:
        kept = client.files.create(file=("rules.md", b"# theirs"), purpose="assistants")
        made[f"/files/{kept.id}"] = client.get(f"/files/{kept.id}", cast_to=httpx2.Response).json()
    return made


def as_they_are(team: Team, paths: list[str]) -> dict[str, Any]:
    collections = {path.rpartition("/")[0] for path in paths}
    return {
        path: raw
        for collection in sorted(collections)
        for raw in team.listed(collection)
        if (path := f"{collection}/{raw['id']}") in paths
    }


# ── the storm ─────────────────────────────────────────────────────────────────────────────────────────────────────────


WORDS = {
    "plain": "in a storm: an apply",
    "killed": "in a storm: the process is killed",
    "killed_elsewhere": "in a storm: the process is killed, and its machine thrown away",
    "raced": "in a storm: a colleague applies another version meanwhile",
    "edited": "in a storm: somebody edits an object meanwhile",
}


class Storm:
    """What happens to one team, as its seed says."""

    def __init__(self, team: Team, seed: int) -> None:
        self.team = team
        self.others = add_others(team)
        self.chance = random.Random(seed)
        self.parallelism = 1 if seed % 2 else 4
        self.edits = 0
        self.made: dict[str, float] = {}
        self.story: list[str] = []
        """What happened, for whoever reads a failure."""

    def rage(self) -> None:
        """A version of the project and some applies of it, none of which has to get far."""
        write_project(self.team, self.chance)
        for _ in range(self.chance.randint(1, TRIES)):
            self.team.quirks = Quirks(
                indexing_polls=self.chance.choice((0, 0, 3, 8)),
                fail_files=self.chance.choice(((), ("prices.md",))),
            )
            event = self.chance.choice((self.plain, self.killed, self.killed_elsewhere, self.raced, self.edited))
            self.story.append(event.__name__)
            TRIED[WORDS[event.__name__]] += 1
            try:
                event()
            except RetinueError as error:
                self.story[-1] += f": {type(error).__name__}"
        self.team.quirks = Quirks()

    def plain(self) -> None:
        self._apply(self.team, self._faults())

    def killed(self) -> None:
        self._apply(self.team, self._faults(dies_at=self.chance.randint(5, 120)))

    def killed_elsewhere(self) -> None:
        """In a place of its own, of which nothing stays behind. The next apply of the same, in a fresh clone that is
        left in peace, finds what it left; what somebody declared otherwise meanwhile is for `retinue gc`."""
        self._settle(self.team)
        write_project(self.team, self.chance)
        if self.chance.random() < 0.5:
            with suppress(RetinueError):
                self.plain()
            self._continue_in_a_fresh_clone()
            write_project(self.team, self.chance)
        with suppress(RetinueError):
            self.killed()
        self._continue_in_a_fresh_clone()

    def _continue_in_a_fresh_clone(self) -> None:
        self.team.forget_memory()
        self.team.time.now += 3600
        self.team.quirks = Quirks()
        assert self.team.apply().converged
        assert orphans(without(self.team.state(), self.others)) == []

    def raced(self) -> None:
        """A colleague with another version applies while ours is under way."""
        other = colleague(self.team, f"colleague-{self.chance.random()}")
        write_project(other, self.chance)

        def apply_too() -> None:
            with suppress(RetinueError):
                self._apply(other, self._faults())

        with suppress(RetinueError):
            self._apply(self.team, self._at(self.chance.randint(1, 60), apply_too))
        self._settle(other)

    def _settle(self, team: Team) -> None:
        """Nobody goes and leaves something unfinished."""
        self.team.time.now += 3600
        self.team.quirks = team.quirks = Quirks()
        assert team.apply().converged

    def edited(self) -> None:
        """Somebody edits an assistant at any request. It stays, or was in the plan that was agreed to."""
        self.edits += 1
        mark = f"by hand {self.edits}"
        edited: list[str] = []

        def edit() -> None:
            """Unless it is the write of the one that was read just now: no API can tell these two apart."""
            found = [each for each in self.team.listed("/assistants") if each["metadata"]]
            if not found:
                return
            chosen = self.chance.choice(found)["id"]
            if not any(chosen in call for call in self.team.calls[-2 * self.parallelism :]):
                self.team.send("post", f"/assistants/{chosen}", {"description": mark})
                edited.append(chosen)

        shown = ""
        with suppress(RetinueError), self.team.session(self._at(self.chance.randint(1, 60), edit)) as session:
            session.parallelism = self.parallelism
            made = engine.plan(session)
            shown = json.dumps(to_document(made))  # what a person agreed to, however it went then
            engine.apply(session, made, approval=Approval(person=True))
        for chosen in edited:
            left = {each["id"]: each for each in self.team.listed("/assistants")}
            kept = left.get(chosen, {}).get("description") == mark
            assert kept or mark in shown, f"{mark} was lost without a word"

    def _apply(self, team: Team, wrap: Wrap) -> engine.Applied:
        return team.apply(wrap, parallelism=self.parallelism)

    def _faults(self, dies_at: int | None = None) -> Wrap:
        lag = self.chance.choice((0.0, 0.0, LONGEST_LAG))
        chance = random.Random(self.chance.random())
        return lambda inner: RandomFaults(inner, chance, self.team.time, lag, dies_at, self.made)

    def _at(self, number: int, act: Callable[[], None]) -> Wrap:
        count = iter(range(1, 1_000_000))
        faults = self._faults()
        return lambda inner: faults(At(inner, lambda _request: next(count) >= number, act))


@pytest.mark.slow
def test_after_a_storm_one_calm_apply_is_enough(seed: int, tmp_path: Path) -> None:
    team = Team(tmp_path / "ours")
    storm = Storm(team, seed)
    others = storm.others
    for _ in range(3):
        storm.rage()
    team.time.now += 3600  # a lease of somebody who died has ended

    applied = team.apply()

    assert applied.converged, storm.story
    calm = Team(tmp_path / "calm")
    _copy_project(team, calm)
    assert calm.apply().converged
    state = without(team.state(), others)
    assert orphans(state) == [], storm.story
    assert content(team, state) == content(calm, calm.state()), storm.story
    assert as_they_are(team, list(others)) == others
    assert list(map(stack_of, team.markers())) == ["test"]
    assert not team.plan().steps


def content(team: Team, state: dict[str, Any]) -> dict[str, Any]:
    """What the account means; of what is kept in versions the files of the default one, whatever its number. How many
    stores share a file is left to how it came about."""
    found = {name: each for name, each in meaning(state).items() if name != "files"}
    for name in (collection_name(form(kind)) for kind in all_kinds().values() if is_versioned(kind)):
        found[name] = [team.version_files(f"/{name}/{each['id']}") for each in state[name]]
    return found


def without(state: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    ids = {path.rpartition("/")[2] for path in others}
    listed = {
        name: [each for each in found if each["id"] not in ids] for name, found in state.items() if name != "attached"
    }
    return {**listed, "attached": {held: files for held, files in state["attached"].items() if held not in ids}}


def _copy_project(team: Team, other: Team) -> None:
    shutil.copytree(team.root, other.root, dirs_exist_ok=True, ignore=lambda _path, names: {".retinue"} & set(names))
