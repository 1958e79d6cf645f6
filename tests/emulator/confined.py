"""What the tests of confined programs share."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from retinue.emulator.sandbox import DEFAULT, Limits, Outcome, Session, open_session, why_not
from retinue.emulator.sandbox.confinements import Name

NAMES: tuple[Name, ...] = get_args(Name)
NEVER = threading.Event()


def require(name: Name) -> None:
    """Skip the test, with the reason, where this confinement cannot be had."""
    if (reason := why_not(name)) is not None:
        pytest.skip(f"{name}: {reason}")


@contextlib.contextmanager
def confined(name: Name, directory: Path, **limits: Any) -> Iterator[Session]:
    require(name)
    directory.mkdir(exist_ok=True)
    with open_session(directory, replace(DEFAULT, **limits), confined_by=name) as session:
        yield session


def run(session: Session, code: str) -> Outcome:
    return session.run(code, NEVER)


def limits(**values: Any) -> Limits:
    return replace(DEFAULT, **values)
