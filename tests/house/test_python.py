"""Which Python it takes is said once, and everywhere the same: pip refuses an older one by it."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_oldest_python_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    oldest = project["project"]["requires-python"].removeprefix(">=")
    assert re.fullmatch(r"3\.\d+", oldest)
    assert metadata.metadata("retinue")["Requires-Python"] == f">={oldest}"
    listed = [each.rpartition(" ")[2] for each in project["project"]["classifiers"] if ":: Python :: 3." in each]
    assert min(listed, key=lambda each: int(each.partition(".")[2])) == oldest
    assert project["tool"]["mypy"]["python_version"] == oldest
    assert project["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    for name in ("Makefile", "CONTRIBUTING.md"):
        assert f"Python {oldest}" in (ROOT / name).read_text(encoding="utf-8"), name
