"""Projects on disk, made of a few lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from retinue.config import Loaded, load
from retinue.kinds import all_kinds

Files = dict[str, str | bytes]
Write = Callable[[Files], Path]
Load = Callable[..., Loaded]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files into a project whose retinue.yaml need not be given."""

    def write(files: Files) -> Path:
        for name, content in {"retinue.yaml": "stack: demo\n", **files}.items():
            path = tmp_path / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / "project"

    return write


@pytest.fixture
def loaded(write: Write) -> Load:
    """Writes files, then loads the project with the given options and no environment variables."""

    def loaded(files: Files, **options: object) -> Loaded:
        return load(write(files), **{"environ": {}, "kinds": all_kinds(), **options})  # type: ignore[arg-type]

    return loaded
