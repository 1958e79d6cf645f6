"""The directories of code go with its session, and those of a process that was killed with the next one, or when an
account is served; never those of one that lives."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from retinue.emulator.sandbox.temporary_directories import TemporaryDirectory, code_directory, scratch_directory
from retinue.emulator.server.app import create_app
from tests.emulator.confined import NAMES, require

HELD = """\
import sys, time
from retinue.emulator.sandbox import temporary_directories as made
with made.code_directory() as code, made.scratch_directory() as scratch:
    for each in (code, scratch):
        (each / "inner").mkdir()
        (each / "inner" / "people.csv").write_text("secret")
        (each / "inner").chmod(0)
        print(each, flush=True)
    time.sleep(600)
"""
RUNNING = """\
import sys, threading
from pathlib import Path
from retinue.emulator.sandbox import DEFAULT, open_session
with open_session(Path(sys.argv[1]), DEFAULT, confined_by=sys.argv[2]) as session:
    session.run("import os; open(os.environ['TMPDIR'] + '/scratch', 'w').write('x')", threading.Event())
    print("written", flush=True)
    session.run("while True: pass", threading.Event())
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no code runs elsewhere")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setenv("TMPDIR", str(made))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return made


@contextmanager
def elsewhere(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def serve(directory: Path) -> None:
    with TestClient(create_app(directory / "account"), base_url="http://127.0.0.1"):
        pass


def next_session(_directory: Path) -> None:
    scratch_directory().close()


@pytest.mark.parametrize("make", [code_directory, scratch_directory])
def test_it_is_gone_afterwards(temporary: Path, make: Callable[[], TemporaryDirectory]) -> None:
    with make() as first, make() as second:
        assert first != second
        assert sorted(temporary.iterdir()) == sorted((first, second))
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("begin", [serve, next_session])
def test_those_of_a_process_that_was_killed_go_and_those_of_a_live_one_stay(
    temporary: Path, tmp_path: Path, begin: Callable[[Path], None]
) -> None:
    other = temporary / "retinue-code-of-nobody"
    other.symlink_to("/etc")
    with elsewhere(HELD) as process:
        left = {Path(said(process)), Path(said(process))}
        begin(tmp_path)
        assert set(temporary.iterdir()) == {*left, other}, "they are in use"
    assert set(temporary.iterdir()) == {*left, other}
    begin(tmp_path)
    assert list(temporary.iterdir()) == [other]


@pytest.mark.parametrize("name", NAMES)
def test_what_confined_code_wrote_goes_with_its_killed_server(temporary: Path, tmp_path: Path, name: str) -> None:
    require(name)  # type: ignore[arg-type]
    (tmp_path / "data").mkdir()
    with elsewhere(RUNNING, str(tmp_path / "data"), name) as process:
        assert said(process) == "written"
        serve(tmp_path)
        assert list(temporary.glob("*/scratch")), "it is in use"
    assert list(temporary.glob("*/scratch"))
    serve(tmp_path)
    assert list(temporary.iterdir()) == []
