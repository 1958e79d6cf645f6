"""Speed, side by side: Retinue, a script as most people would write it, and the fewest requests that would do.

Every program is a process of its own, against the local account on loopback, where each request waits as if the account
were far away. Seconds are of this machine at this moment; the ratios are what to look at. What a script does one by one
is measured for a part of a large job and worked out for the rest: such figures are marked with ~.
"""

from __future__ import annotations

import argparse
import compileall
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.jobs import JOBS, Bench, Figures, Goal, Job
from benchmarks.measure import Cost, FailedError

LATENCY = 0.05
HEAD = f"{'':<44}{'requests':>10}{'wall s':>10}{'CPU s':>9}{'peak MB':>9}{'× script':>10}{'× floor':>9}  goal"


def arguments() -> argparse.Namespace:
    names = ", ".join(job.name for job in JOBS)
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"what to measure, of {names} (default: all)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="small sizes: about two minutes")
    how.add_argument("--whole", action="store_true", help="every size, up to 10,000 assistants and 100,000 files")
    parser.add_argument("--size", type=int, help="this size instead, for the jobs that are named")
    parser.add_argument("--latency", type=float, default=LATENCY, help="seconds that each request waits")
    parser.add_argument("--no-script", action="store_true", help="leave the script out, which takes longest")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures down, too")
    chosen = parser.parse_args()
    unknown = set(chosen.jobs) - {job.name for job in JOBS}
    if unknown:
        parser.error(f"there is no job '{sorted(unknown)[0]}': choose of {names}")
    return chosen


def sizes(job: Job, chosen: argparse.Namespace) -> list[int]:
    quick, usual, whole = job.sizes
    if chosen.size:
        return [chosen.size]
    if chosen.quick:
        return [quick]
    return list(dict.fromkeys((quick, usual, whole) if chosen.whole else (usual,)))


def rows(name: str, figures: Figures, goal: Goal | None) -> Iterator[str]:
    met = "" if goal is None else f"{goal.words}: {'met' if goal.met(figures) else 'MISSED'}"
    ratios = f"{times(figures, figures.script):>10}{times(figures, figures.floor):>9}"
    yield f"{name:<44}{line(figures.retinue)}{ratios}  {met}"
    for who in ("script", "floor"):
        cost: Cost | None = getattr(figures, who)
        if cost is not None:
            yield f"{'  ' + who:<44}{line(cost)}"


def line(cost: Cost) -> str:
    about = "~" if cost.share < 1 else ""
    requests, wall = f"{about}{cost.requests:,}", f"{about}{cost.wall:.2f}"
    return f"{requests:>10}{wall:>10}{cost.cpu:>9.2f}{cost.peak:>9.0f}"


def times(figures: Figures, rival: Cost | None) -> str:
    ratio = figures.times("wall", rival)
    return "" if ratio is None else f"{ratio:.2f}"


def main() -> int:
    chosen = arguments()
    measured: list[dict[str, object]] = []
    missed = 0
    print(
        f"{chosen.latency * 1000:.0f} ms a request; Python {platform.python_version()}, {platform.system()}\n\n{HEAD}"
    )
    # As pip does with what it installs: a working copy may have been told to keep no bytecode.
    compileall.compile_dir(Path(__file__).resolve().parents[1] / "src", quiet=2)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="retinue-bench-") as scratch:
        bench = Bench(Path(scratch), chosen.latency, scripts=not chosen.no_script)
        for job in JOBS:
            for size in sizes(job, chosen) if job.name in (chosen.jobs or [each.name for each in JOBS]) else ():
                print(f"\n{size:,} {job.about}" if size > 1 else f"\n{job.about}", flush=True)
                for name, figures, goal in job.measure(bench, size):
                    print("\n".join(rows(name, figures, goal)), flush=True)
                    met = goal.met(figures) if goal else None
                    missed += met is False
                    told = {
                        "job": job.name,
                        "size": size,
                        "what": name,
                        "goal": goal.words if goal else None,
                        "met": met,
                    }
                    measured.append({**told, **asdict(figures)})
    print(f"\n{time.perf_counter() - begun:.0f} s in all; {missed} goal{'s' * (missed != 1)} missed")
    if chosen.json:
        chosen.json.write_text(json.dumps({"latency": chosen.latency, "figures": measured}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FailedError as error:
        sys.exit(str(error))
