"""Machines that refuse something: commands that run where the superuser may not write either, or on a full disk."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.terminal import command, environment

_POWERS = "-dac_override,-dac_read_search"


def as_anybody() -> list[str]:
    """What to put before a command so that permissions count: the superuser passes over them."""
    if os.getuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("permissions do not count for the superuser, and there is no setpriv")
    return [setpriv, f"--bounding-set={_POWERS}", f"--inh-caps={_POWERS}"]


def run(
    *args: str, at: Path, environ: Mapping[str, str] | None = None, most: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Retinue as anybody in a directory; `most` is how many bytes a file may have there."""

    def limit() -> None:
        if most is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    given = environment({"RETINUE_TODAY": "2026-11-22", "PYTHONDONTWRITEBYTECODE": "1", **(environ or {})})
    return subprocess.run(
        [*as_anybody(), *command(*args)],
        cwd=at,
        env=given,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        preexec_fn=limit,
    )


@contextmanager
def shut(path: Path, mode: int) -> Iterator[None]:
    """While open, a directory, and in it each one and each file, may be used only so far."""
    before = {each: each.stat().st_mode for each in (path, *path.rglob("*"))}
    for each in sorted(before, reverse=True):
        each.chmod(before[each] & mode)
    try:
        yield
    finally:
        for each in sorted(before):
            each.chmod(before[each])
