"""The jobs that are measured, each at some sizes, with the goal that its figures are held against."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.far_account import Account, account
from benchmarks.measure import Cost, retinue, run
from benchmarks.projects import WORDS, write_assistants, write_matrix, write_settings, write_store

ONE_BY_ONE = 100
"""Objects that a script writes one by one until the rest is worked out from them: it takes the same for each."""
SEARCHES = 5
TURNS = 7
MEMORY = 250
"""MB that a plan of 10,000 assistants may take."""
LARGE = 10_000
"""Objects from which on the time to start counts for little."""


@dataclass(frozen=True)
class Figures:
    """Who needed how much. A rival that there is not for a job is left out."""

    retinue: Cost
    script: Cost | None = None
    floor: Cost | None = None

    def times(self, what: str, rival: Cost | None) -> float | None:
        theirs = getattr(rival, what) if rival else 0
        return getattr(self.retinue, what) / theirs if theirs else None


@dataclass(frozen=True)
class Goal:
    """What is promised, in words, and whether figures keep it."""

    words: str
    met: Callable[[Figures], bool]


@dataclass(frozen=True)
class Job:
    """`sizes` are those of a quick run, a usual one and a whole one. `measure` gives figures with what they are about;
    one that is prepared once may be measured several times."""

    name: str
    about: str
    sizes: tuple[int, int, int]
    measure: Callable[[Bench, int], Iterator[tuple[str, Figures, Goal | None]]]


@dataclass
class Bench:
    """Where jobs are measured. `latency` is what each request waits, in seconds."""

    scratch: Path
    latency: float
    scripts: bool = True
    _places: int = field(default=0)

    @contextlib.contextmanager
    def place(self) -> Iterator[tuple[Path, Account]]:
        """An empty project, and an account of its own for it."""
        self._places += 1
        root = self.scratch / f"place-{self._places}"
        try:
            with account(root / "account", self.latency) as served:
                write_settings(root / "project", served.base_url)
                yield root / "project", served
        finally:
            shutil.rmtree(root, ignore_errors=True)

    @cached_property
    def change_of_one(self) -> Figures:
        """What it takes to change the only assistant of an account."""
        with self.place() as (root, served):
            for edition in (0, 1):
                write_assistants(root, 1, files=1, changed=edition)
                cost = retinue(root, "apply", "--yes", account=served)
            return Figures(cost, None, self.rival("floor", "assistants", root, served, 1, 1))

    def rival(
        self, who: str, job: str, root: Path, served: Account, count: int, changed: int = 0, part: int = 0
    ) -> Cost:
        """`part` is how many objects are really dealt with, when it is not all of them."""
        done = min(part or count, count)
        command = (sys.executable, "-m", "benchmarks.rivals", who, job, str(done), str(min(changed, done)))
        return run(command, root, served, share=done / count)


def ratio(what: str, most: float) -> Callable[[Figures], bool]:
    return lambda figures: (figures.times(what, figures.floor) or 0) <= most


def above(least: Figures, most: float) -> Callable[[Figures], bool]:
    """A ratio of what is added to the `least` that there can be of the same job: to start, and to take the lease, takes
    as long for one object as for many."""

    def met(figures: Figures) -> bool:
        ours = figures.retinue.wall - least.retinue.wall
        theirs = (figures.floor.wall if figures.floor else 0) - (least.floor.wall if least.floor else 0)
        return ours <= most * theirs

    return met


def promised(count: int, goal: Goal, least: int = 1000) -> Goal | None:
    """The goals are for a size: far below it, most of the time goes into starting."""
    return goal if count >= least else None


def alike(limit: Callable[[Figures], bool], *others: Callable[[Figures], bool]) -> Callable[[Figures], bool]:
    return lambda figures: all(each(figures) for each in (limit, *others))


# ── assistants ────────────────────────────────────────────────────────────────────────────────────────────────────────

CONSTANT = 7
"""Requests of any plan, whatever its size."""


def assistants(bench: Bench, count: int) -> Iterator[tuple[str, Figures, Goal | None]]:
    """Apply new ones, plan them unchanged, change one in a hundred."""
    changed = max(1, count // 100)
    with bench.place() as (root, served), bench.place() as (other, rival), bench.place() as (third, raw):
        write_assistants(root, count, files=max(1, count // 100))
        few = count <= 1000
        with contextlib.nullcontext() if few else served.near(bench.latency):
            cost = retinue(root, "apply", "--yes", account=served)
        if few:
            script = (
                bench.rival("script", "new-assistants", other, rival, count, part=ONE_BY_ONE) if bench.scripts else None
            )
            floor = bench.rival("floor", "new-assistants", third, raw, count)
            yield "apply new", Figures(cost, script, floor), promised(count, Goal("≤ 1.3 × wall", ratio("wall", 1.3)))

        unchanged = retinue(root, "plan", "--detailed-exitcode", account=served)
        script = bench.rival("script", "assistants", root, served, count) if bench.scripts else None
        floor = bench.rival("floor", "assistants", root, served, count)
        goal = Goal(
            f"≤ 1.5 × requests + {CONSTANT}, ≤ 2 × wall, ≤ {MEMORY} MB",
            alike(
                ratio("wall", 2),
                lambda each: each.retinue.requests <= 1.5 * count / 100 + CONSTANT,
                lambda each: each.retinue.peak <= MEMORY,
            ),
        )
        yield "plan unchanged", Figures(unchanged, script, floor), promised(count, goal)

        write_assistants(root, count, files=max(1, count // 100), changed=changed)
        cost = retinue(root, "apply", "--yes", account=served)
        write_assistants(root, count, files=max(1, count // 100))
        retinue(root, "apply", "--yes")
        floor = bench.rival("floor", "assistants", root, served, count, changed)
        # Ten pages twice, ten reads, ten writes and a handful, for ten of a thousand (decision 33).
        most = 2 * (count // 100 + changed) + 5
        least = bench.change_of_one if 1000 <= count < LARGE else None
        if least:
            yield "change the only one", least, None
        words = f", above the {least.retinue.wall:.2f} s of the only one" if least else ""
        goal = Goal(
            f"≤ {most} requests, ≤ 2 × wall{words}",
            alike(above(least, 2) if least else ratio("wall", 2), lambda each: each.retinue.requests <= most),
        )
        yield f"change {changed}", Figures(cost, None, floor), promised(count, goal)


def nothing(bench: Bench, _count: int) -> Iterator[tuple[str, Figures, Goal | None]]:
    with bench.place() as (root, served):
        write_assistants(root, 1, files=1)
        retinue(root, "apply", "--yes")
        cost = retinue(root, "plan", account=served)
        script = bench.rival("script", "nothing", root, served, 1)
        floor = bench.rival("floor", "nothing", root, served, 1)
        goal = Goal("≤ 0.8 s CPU", lambda each: each.retinue.cpu <= 0.8)
        yield "plan of one assistant", Figures(cost, script, floor), goal


def validate(bench: Bench, count: int) -> Iterator[tuple[str, Figures, Goal | None]]:
    for files in (100, 1):
        with bench.place() as (root, served):
            write_assistants(root, count, files=files)
            cost = retinue(root, "validate")
            script = bench.rival("script", "validate", root, served, count)
            floor = bench.rival("floor", "validate", root, served, count)
            most = 5.0 * count / 10_000
            goal = Goal(f"≤ {most:g} s CPU", lambda each, most=most: each.retinue.cpu <= most)  # type: ignore[misc]
            yield f"in {files} file{'s' * (files > 1)}", Figures(cost, script, floor), promised(count, goal, 10_000)
    with bench.place() as (root, _):
        write_matrix(root, count)
        cost = retinue(root, "validate")
        most = 5.0 * count / 10_000
        goal = Goal(f"≤ {most:g} s CPU", lambda each: each.retinue.cpu <= most)
        yield "of one matrix", Figures(cost), promised(count, goal, 10_000)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def files(bench: Bench, count: int) -> Iterator[tuple[str, Figures, Goal | None]]:
    """Apply a new store, plan it unchanged, change one file in a hundred."""
    changed = max(1, count // 100)
    with bench.place() as (root, served), bench.place() as (other, rival), bench.place() as (third, raw):
        write_store(root, count)
        few = count <= 5000
        with contextlib.nullcontext() if few else served.near(bench.latency):
            cost = retinue(root, "apply", "--yes", account=served)
        if few:
            write_store(other, min(count, ONE_BY_ONE))
            write_store(third, count)
            script = bench.rival("script", "new-files", other, rival, count, part=ONE_BY_ONE) if bench.scripts else None
            floor = bench.rival("floor", "new-files", third, raw, count)
            yield "apply new", Figures(cost, script, floor), promised(count, Goal("≤ 1.3 × wall", ratio("wall", 1.3)))

        for said in ("plan unchanged, cold", "plan unchanged, warm"):
            if said.endswith("cold"):
                forget(root)
            unchanged = retinue(root, "plan", "--detailed-exitcode", account=served)
            script = bench.rival("script", "files", root, served, count) if bench.scripts else None
            floor = bench.rival("floor", "files", root, served, count)
            most = max(3.0 * count / 10_000, 1.5)
            goal = Goal(
                f"≤ {CONSTANT + 3} requests, ≤ {most:g} s",
                lambda each, most=most: each.retinue.requests <= CONSTANT + 3 and each.retinue.wall <= most,  # type: ignore[misc]
            )
            yield said, Figures(unchanged, script, floor), promised(count, goal) if said.endswith("warm") else None

        # Without the notes of an earlier apply the store is listed, once; the second time they are there. Its files
        # came in batches of one second each, which the two readers pass before they know that they have met.
        for said, edition, listing in ((", fresh clone", "second", count // 100 + 5), ("", "third", 0)):
            write_store(root, count, changed=changed, edition=edition)
            cost = retinue(root, "apply", "--yes", account=served)
            floor = bench.rival("floor", "files", root, served, count, changed)
            most = round(3.2 * changed) + 2 * CONSTANT + listing
            goal = Goal(f"≤ {most} requests", lambda each, most=most: each.retinue.requests <= most)  # type: ignore[misc]
            yield f"change {changed}{said}", Figures(cost, None, floor), promised(count, goal)


def forget(root: Path) -> None:
    """What a fresh clone does not have."""
    shutil.rmtree(root / ".retinue", ignore_errors=True)


def scan(bench: Bench, count: int) -> Iterator[tuple[str, Figures, Goal | None]]:
    """How long it takes to see that no file of the project changed, against `git status`."""
    with bench.place() as (root, served), bench.place() as (bare, _):
        write_store(root, count)
        git = ("git", "-c", "user.name=bench", "-c", "user.email=bench@example.org")
        for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all"), ("status", "--short")):
            subprocess.run((*git, *command), cwd=root, check=True, stdout=subprocess.DEVNULL)
        forget(root)
        cold = retinue(root, "validate")
        script = bench.rival("script", "scan", root, served, count)
        status = ("git", "status", "--short")
        yield "cold", Figures(cold, script, run(status, root)), None
        retinue(root, "validate")
        write_store(bare, 1)
        # All are short, so each is the median of several, taken in turns.
        several = [(retinue(root, "validate"), retinue(bare, "validate"), run(status, root)) for _ in range(TURNS)]
        warm, start, floor = (
            sorted(each, key=lambda cost: cost.wall)[TURNS // 2] for each in zip(*several, strict=True)
        )
        scanned = replace(warm, wall=warm.wall - start.wall, cpu=warm.cpu - start.cpu)
        goal = Goal("≤ 3 × wall", ratio("wall", 3))
        yield f"warm, less {start.wall:.2f} s to start", Figures(scanned, script, floor), promised(count, goal, 100_000)


def search(bench: Bench, count: int) -> Iterator[tuple[str, Figures, Goal | None]]:
    """Five words that stand in every document, while somebody else lists models all the time."""
    with bench.place() as (root, served):
        write_store(root, count)
        served.ask("latency?0")
        retinue(root, "apply", "--yes")
        store = next(each["id"] for each in sent(served, "GET", "/vector_stores")["data"] if each["name"] == "Pages")
        slowest, stop = [0.0], threading.Event()

        def others() -> None:
            while not stop.is_set():
                begun = time.perf_counter()
                sent(served, "GET", "/models")
                slowest[0] = max(slowest[0], time.perf_counter() - begun)

        watcher = threading.Thread(target=others)
        watcher.start()
        try:
            took = []
            for _ in range(SEARCHES):
                begun = time.perf_counter()
                sent(served, "POST", f"/vector_stores/{store}/search", {"query": " ".join(WORDS[:5])})
                took.append(time.perf_counter() - begun)
        finally:
            stop.set()
            watcher.join()
        told = f"five common words; others waited ≤ {slowest[0]:.2f} s"
        cost = Cost(1, statistics.median(took), 0.0, 0.0)
        yield told, Figures(cost), promised(count, Goal("≤ 0.1 s", lambda each: each.retinue.wall <= 0.1), 10_000)


def sent(served: Account, method: str, path: str, data: object = None) -> Any:
    url = urllib.parse.urlsplit(served.base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    try:
        headers = {"Content-Type": "application/json", "OpenAI-Beta": "assistants=v2"}
        connection.request(method, url.path + path, json.dumps(data) if data else None, headers)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


JOBS = (
    Job("nothing", "a plan of next to nothing", (1, 1, 1), nothing),
    Job("validate", "declarations of assistants", (1000, 10_000, 10_000), validate),
    Job("assistants", "assistants of an account", (100, 1000, 10_000), assistants),
    Job("files", "documents of a store", (500, 5000, 100_000), files),
    Job("scan", "documents on disk", (5000, 100_000, 100_000), scan),
    Job("search", "chunks of a store", (1000, 10_000, 10_000), search),
)
