"""What a process costs: seconds on the wall and of the processor, and its peak of memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.far_account import Account

RETINUE = (sys.executable, "-m", "retinue")


class FailedError(RuntimeError):
    """A measured program did not do its job."""


@dataclass(frozen=True)
class Cost:
    """`wall` and `cpu` in seconds, `peak` in MB. `share` is the part of the job that was measured: the figures are
    multiplied with its inverse, but for the peak."""

    requests: int
    wall: float
    cpu: float
    peak: float
    share: float = 1.0


def run(
    command: Sequence[str],
    cwd: Path,
    account: Account | None = None,
    *,
    share: float = 1.0,
    codes: Sequence[int] = (0,),
) -> Cost:
    """Run a program to its end. Raises FailedError when its exit code is none of `codes`."""
    here = Path(__file__).resolve().parents[1]
    environ = {**os.environ, "BENCH_KEY": "bench", "OPENAI_API_KEY": "bench", "PYTHONPATH": str(here)}
    if account:
        environ["OPENAI_BASE_URL"] = account.base_url
        account.ask("counts")
    begun = time.perf_counter()
    with (cwd / "said.txt").open("w+b") as said:
        process = subprocess.Popen(command, cwd=cwd, env=environ, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)  # it is known, so nobody has to wait again
        if process.returncode not in codes:
            said.seek(0)
            text = said.read()[-2000:].decode(errors="replace")
            raise FailedError(f"{' '.join(command)} ended with {process.returncode}:\n{text}")
    requests = account.ask("counts") if account else 0
    scale = 1 / share
    cpu = (used.ru_utime + used.ru_stime) * scale
    per_mb = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Cost(round(requests * scale), wall * scale, cpu, used.ru_maxrss / per_mb, share)


def retinue(root: Path, *arguments: str, account: Account | None = None, codes: Sequence[int] = (0,)) -> Cost:
    return run((*RETINUE, *arguments), root, account, codes=codes)
