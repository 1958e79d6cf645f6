"""One change of a prepared account, broken at one request after the other, each time in a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2

from retinue.errors import RetinueError
from tests.support.faults import Faulty, Mode
from tests.support.tally import TRIED
from tests.support.team import FakeTime, Team, Wrap

BROKEN: Mapping[Mode, str] = {
    "refused": "one request finds no connection",
    "server_error": "one request is answered 500",
    "lost": "the answer to one request is lost, after the account carried it out",
    "cut": "half of an answer arrives",
    "dead": "the process is killed at one request, after the account carried it out",
}
TURNS: tuple[Mode, ...] = ("refused", "server_error", "cut")
Change = Callable[[Team, Wrap], object]


def apply_alone(team: Team, wrap: Wrap) -> object:
    """Apply with one request at a time, so that the same request has the same number each time."""
    return team.apply(wrap, parallelism=1)


def copied(team: Team, root: Path) -> Team:
    """The same project with the same account, to be broken in another way."""
    shutil.copytree(team.root, root)
    return replace(team, root=root, calls=[], time=FakeTime(team.time.now))


@dataclass
class Breaking:
    """Gives each broken team, and where it was broken. `whole` is a team whose change was not broken.

    With `chaos` every request is broken in every mode; otherwise the first, each that writes, and each that follows
    one: whatever else is read comes before anything was done, or after everything was. At each of those the process
    dies and the answer is lost; the other modes take turns, of which one strikes at each.
    """

    prepared: Team
    root: Path
    mode: Mode
    change: Change = apply_alone
    chaos: bool = False
    whole: Team = field(init=False)

    def __post_init__(self) -> None:
        self.whole = copied(self.prepared, self.root / "whole")
        self.change(self.whole, lambda inner: inner)
        self.requests = list(self.whole.calls)

    def __iter__(self) -> Iterator[tuple[Team, str]]:
        assert any(_writes(each) for each in self.requests), "nothing is written"
        for number in range(1, len(self.requests) + 1) if self.chaos else in_turn(telling(self.requests), self.mode):
            team = copied(self.prepared, self.root / str(number))
            fault: list[Faulty] = []

            def break_at(inner: httpx2.BaseTransport, at: int = number, fault: list[Faulty] = fault) -> Faulty:
                fault.append(Faulty(inner, at, self.mode))
                return fault[0]

            with suppress(RetinueError):  # it may strike while the account is read, before anything is decided
                self.change(team, break_at)
            assert fault[0].struck
            TRIED[BROKEN[self.mode]] += 1
            yield team, f"{self.mode} at request {number}: {self.requests[number - 1]}"


def _writes(request: str) -> bool:
    return not request.startswith("GET ")


def telling(requests: Sequence[str]) -> list[int]:
    """The numbers of the requests that tell most when they are broken, from 1."""
    writes = {number for number, request in enumerate(requests, 1) if _writes(request)}
    after = {number + 1 for number in writes if number < len(requests)}
    return sorted({1, *writes, *after})


def in_turn(numbers: Sequence[int], mode: Mode) -> list[int]:
    """Those of the numbers that are the mode's turn; at least one, and for a mode that takes no turns all."""
    if mode not in TURNS:
        return list(numbers)
    return [each for turn, each in enumerate(numbers) if turn % len(TURNS) == TURNS.index(mode)] or [numbers[0]]


def meaning(state: dict[str, Any]) -> dict[str, Any]:
    """The state without ids and times: two applies that end alike mean the same."""
    names = {each["id"]: each["filename"] for each in state["files"]}
    labels = {each["id"]: path for path, listed in state.items() if path != "attached" for each in listed} | names
    times = ("created_at", "updated_at", "last_active_at", "expires_at")
    skip = ("id", "file_counts", "usage_bytes", *times)

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
