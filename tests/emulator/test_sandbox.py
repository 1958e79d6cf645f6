"""A confined interpreter works like a notebook, and ends at its limits: under each confinement this machine offers."""

from __future__ import annotations

import ctypes
import os
import platform
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from retinue.emulator.sandbox import (
    DEFAULT,
    NoConfinementError,
    Session,
    confined_python,
    confinement,
    detection,
    open_session,
    why_not,
)
from retinue.emulator.sandbox import syscall_filter as table
from retinue.emulator.sandbox.confinements import WAYS, Bubblewrap, Landlock, Name, UnavailableError, Way
from tests.emulator.confined import NAMES, NEVER, confined, require, run


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> Name:
    require(request.param)
    found: Name = request.param
    return found


@pytest.fixture(scope="module", params=NAMES)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """For programs that end well. Its directory holds `data.csv`."""
    directory = tmp_path_factory.mktemp("files")
    (directory / "data.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with confined(request.param, directory) as session:
        yield session


# ── like a notebook ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "logs"),
    [
        ("1 + 1", "2\n"),
        ("x = 1", ""),
        ("None", ""),
        ("", ""),
        ("print('a'); 'b'", "a\n'b'\n"),
        ("import sys; _ = sys.stderr.write('late\\n'); print('out')", "late\nout\n"),
        ("print('ü\\ud800')", "ü\\ud800\n"),
        ("import os; os.write(1, b'\\xff\\n'); None", "�\n"),
        ("import os; os.getcwd()", "'/mnt/data'\n"),
        ("open('/mnt/data/data.csv').read()", "'a,b\\n1,2\\n'\n"),
        ("open('data.csv').read()", "'a,b\\n1,2\\n'\n"),
        ("import pathlib; [each.name for each in pathlib.Path('/mnt/data').glob('*.csv')]", "['data.csv']\n"),
        ("import os.path; os.path.exists('/mnt/data/none'), os.path.isfile('/mnt/data/data.csv')", "(False, True)\n"),
        ("import tempfile; f = tempfile.NamedTemporaryFile(); f.write(b'x'); f.flush(); f.close()", ""),
        ("import asyncio; asyncio.run(asyncio.sleep(0, 'awake'))", "'awake'\n"),
        ("import threading; t = threading.Thread(target=print, args=('beside',)); t.start(); t.join()", "beside\n"),
        (
            "import threading\ne = threading.Event()\nmany = [threading.Thread(target=e.wait) for _ in range(50)]\n"
            "for each in many: each.start()\ne.set(); [each.join() for each in many].count(None)",
            "50\n",
        ),
        ("import pickle\nclass A: pass\ntype(pickle.loads(pickle.dumps(A()))) is A", "True\n"),
        ("import sys; sys.exit(0)", ""),
        ("import shutil; shutil.copy2('data.csv', '/mnt/data/copy.csv'); shutil.rmtree", None),
    ],
)
def test_a_program_runs_as_in_a_notebook(shared: Session, code: str, logs: str | None) -> None:
    outcome = run(shared, code)
    assert (outcome.error, outcome.ended_by) == (None, "done")
    assert logs is None or outcome.logs == logs


def test_variables_last_from_run_to_run(shared: Session) -> None:
    assert run(shared, "kept = 41\ndef more(): return kept + 1").ended_by == "done"
    assert run(shared, "more()").logs == "42\n"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("print('before')\n1/0", "ZeroDivisionError: division by zero"),
        ("x = (", "SyntaxError: '(' was never closed"),
        ("def f():\n    raise KeyError('k')\nf()", "KeyError: 'k'"),
        ("import sys; sys.exit('why')", "SystemExit: why"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd", "Odd: <exception str() failed>"),
    ],
)
def test_a_mistake_is_told_with_its_place(shared: Session, code: str, line: str) -> None:
    outcome = run(shared, code)
    assert outcome.ended_by == "error"
    assert outcome.error is not None
    assert outcome.error.rpartition("\n")[2].startswith(line)
    assert "confined_python" not in outcome.error
    if "1/0" in code:
        assert outcome.logs == "before\n"
        assert "1/0" in outcome.error
    assert run(shared, "'well'").logs == "'well'\n"


def test_a_program_may_break_its_own_tools_but_not_the_next_run(shared: Session) -> None:
    breaking = (
        "import builtins, sys, os, io\n"
        "sys.stdout.close(); sys.stderr = None; sys.stdout = io.StringIO()\n"
        "builtins.print = None; sys.displayhook = None; os.write = None; sys.modules['traceback'] = None\n"
    )
    assert run(shared, breaking).ended_by == "done"
    assert run(shared, "'again'").logs == "'again'\n"
    assert run(shared, "1/0").ended_by == "error"


def test_files_that_it_writes_are_told(shared: Session) -> None:
    code = (
        "import os\n"
        "os.makedirs('/mnt/data/out', exist_ok=True)\n"
        "open('/mnt/data/out/chart.dat', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n...')\n"
        "open('data.csv', 'a').write('3,4\\n')\n"
        "open('gone.txt', 'w').write('x'); os.remove('gone.txt')\n"
        "open(os.environ['TMPDIR'] + '/scratch', 'w').write('x'); None\n"
    )
    outcome = run(shared, code)
    assert [(each.name, each.size, each.image) for each in outcome.files] == [
        ("data.csv", 12, None),
        ("out/chart.dat", 11, "image/png"),
    ]
    assert run(shared, "open('data.csv').read(); None").files == ()


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "ended_by", "limits"),
    [
        ("while True: pass", "time", {"wall_seconds": 0.2}),
        ("import time; time.sleep(1000)", "time", {"wall_seconds": 0.2}),
        ("while True: pass", "time", {"cpu_seconds": 0.1}),
        ("while True: print('x' * 1000)", "output", {"output": 10_000}),
        ("import os\nwhile True: os.write(2, b'x' * 1000)", "output", {"output": 10_000}),
        ("'x' * 10 ** 9", "memory", {"memory": 200 * 2**20}),
        ("a = []\nwhile True: a.append(bytes(10 ** 6))", "memory", {"memory": 200 * 2**20}),
        ("f = open('big', 'wb')\nwhile True: f.write(bytes(10 ** 6))", "disk", {"disk": 10**6}),
        ("for i in range(100): open(f'f{i}', 'wb').write(bytes(10 ** 5))", "disk", {"disk": 10**6}),
        ("import os\nfor i in range(100): os.mkdir(f'f{i}')", "disk", {"files": 50}),
        ("import os\nfor i in range(40): os.mkdir('d'); os.chdir('d')", "disk", {}),
        (
            "import os\nkept = []\n"
            "for i in range(30):\n"
            "    f = open('x', 'wb'); kept.append(f); f.write(bytes(10 ** 5)); f.flush(); os.remove('x')",
            "disk",
            {"disk": 10**6},
        ),
        (
            "import os\nd = os.environ['TMPDIR']\nfor i in range(100): open(f'{d}/{i}', 'wb').write(bytes(10 ** 5))",
            "disk",
            {"disk": 10**6},
        ),
        (
            "import threading\ne = threading.Event()\n"
            "for i in range(30): threading.Thread(target=e.wait, daemon=True).start()",
            "threads",
            {"threads": 20},
        ),
    ],
)
def test_a_limit_ends_it(name: Name, tmp_path: Path, code: str, ended_by: str, limits: dict[str, float]) -> None:
    with confined(name, tmp_path, **limits) as session:
        outcome = run(session, code)
        assert outcome.ended_by == ended_by, outcome
        assert outcome.error
        assert "cpu_seconds" not in limits or "processor" in outcome.error
        assert len(outcome.logs) <= session._limits.output
        # What it wrote beyond the limit is in the way of no later run.
        assert ended_by != "disk" or [each.name for each in tmp_path.iterdir()] == []


def test_what_there_was_before_does_not_count(name: Name, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}").write_bytes(bytes(10_000))
    with confined(name, tmp_path, files=10, disk=100_000) as session:
        assert run(session, "open('one more', 'w').write('x'); None").ended_by == "done"


def test_what_goes_beyond_the_disk_is_taken_back(name: Name, tmp_path: Path) -> None:
    """Or no later run would have room. What it had written before stays."""
    (tmp_path / "kept").write_bytes(b"mine")
    with confined(name, tmp_path, disk=100_000) as session:
        assert run(session, "open('first', 'wb').write(bytes(10_000)); None").ended_by == "done"
        code = (
            "import os\nos.makedirs('a/b')\n"
            "for each in ('kept', 'a/new', 'a/b/new'): open(each, 'ab').write(bytes(60_000))"
        )
        assert run(session, code).ended_by == "disk"
        assert {each.name: each.stat().st_size for each in tmp_path.iterdir()} == {"kept": 4, "first": 10_000}
        assert run(session, "open('kept', 'rb').read()").logs == "b'mine'\n"


class _Later(threading.Event):
    """Set once it was asked for some times."""

    left = 20

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_it_ends_when_somebody_stops_it_while_it_runs(name: Name, tmp_path: Path) -> None:
    with confined(name, tmp_path) as session:
        assert run(session, "x = 1").ended_by == "done"
        outcome = session.run("print('begun', flush=True)\nwhile True: pass", _Later())
        assert (outcome.ended_by, outcome.logs) == ("stopped", "begun\n")
        assert run(session, "'x' in globals()").logs == "False\n"


def test_it_ends_when_somebody_stops_it(name: Name, tmp_path: Path) -> None:
    with confined(name, tmp_path) as session:
        stop = threading.Event()
        stop.set()
        assert session.run("while True: pass", stop).ended_by == "stopped"
        assert run(session, "'alive'").logs == "'alive'\n"
        assert session.run("while True: pass", stop).ended_by == "stopped"
        lost = run(session, "1/0")
        assert lost.error is not None
        assert "started anew" in lost.error


def test_code_that_is_too_long_is_not_run(name: Name, tmp_path: Path) -> None:
    with confined(name, tmp_path, code=100) as session:
        assert run(session, "#" * 101).ended_by == "error"


def test_a_program_of_many_bytes_arrives_whole(shared: Session) -> None:
    assert run(shared, f"len({'x' * 500_000!r})").logs == "500000\n"


# ── which confinement there is ────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_machine_offers_is_the_best_that_holds() -> None:
    held = [name for name in NAMES if why_not(name) is None]
    offered = confinement()
    assert offered.name == (held[0] if held else None)
    assert bool(offered.reason) == (offered.name != NAMES[0])


@pytest.mark.skipif(platform.machine() not in table.ARCHITECTURES, reason="nothing can be confined here")
@pytest.mark.skipif(sys.platform != "linux", reason="nothing can be confined here")
def test_what_the_kernel_offers_is_used() -> None:
    """Or all other tests would be skipped, and nobody would see."""
    if confined_python.landlock_version() >= confined_python.LANDLOCK_NEEDED:
        assert why_not("landlock") is None
    bwrap = shutil.which("bwrap")
    command = [str(bwrap), "--unshare-all", "--unshare-user", "--ro-bind", "/", "/", sys.executable, "-c", ""]
    if bwrap is not None and subprocess.run(command, check=False, capture_output=True).returncode == 0:
        assert why_not("bubblewrap") is None


class _Open(Landlock):
    """One that starts the interpreter and locks nothing but what every one locks."""

    def start(self, *arguments: object, **options: object) -> object:  # type: ignore[override]
        start = super().start(*arguments, **options)  # type: ignore[arg-type]
        start.message["readable"].append("/")
        return start


def test_a_confinement_that_does_not_hold_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    require("landlock")
    way = _Open()
    reason = detection._why_not(way)
    assert reason is not None
    assert "can read the machine's files" in reason


class _Failing(Bubblewrap):
    def start(self, *arguments: object, **options: object) -> object:  # type: ignore[override]
        raise UnavailableError("namespaces are forbidden")


def test_where_nothing_confines_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ways: tuple[Way, ...] = (_Failing(),)
    monkeypatch.setattr(detection, "WAYS", ways)
    assert confinement() == detection.Confinement(None, "bubblewrap: namespaces are forbidden")
    with pytest.raises(NoConfinementError, match="namespaces are forbidden"):
        open_session(tmp_path)
    assert ways != WAYS


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_on_other_systems_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert confinement().name is None
    for name in (None, *NAMES):
        with pytest.raises(NoConfinementError, match="Linux container"):
            open_session(tmp_path, confined_by=name)


def test_files_among_those_that_code_may_read_are_refused() -> None:
    if confinement().name is None:
        pytest.skip(confinement().reason)
    with pytest.raises(NoConfinementError, match="Python's own files"):
        open_session(Path(os.__file__).parent)


def test_it_ends_with_the_program_that_opened_it(name: Name, tmp_path: Path) -> None:
    """Also when that is killed, and nobody can tidy up."""
    program = (
        "import os, pathlib, sys, threading\n"
        "from retinue.emulator.sandbox import open_session, DEFAULT\n"
        "session = open_session(pathlib.Path(sys.argv[1]), DEFAULT, confined_by=sys.argv[2])\n"
        "class Looks(threading.Event):\n"
        "    count = 0\n"
        "    def is_set(self):\n"
        "        self.count += 1\n"
        "        if self.count == 20: print(session._process.pid, flush=True)\n"  # it has been sent the code by now
        "        return False\n"
        "session.start()\n"
        "session.run('while True: pass', Looks())\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), name]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as host:
        assert host.stdout is not None
        ended = os.pidfd_open(int(host.stdout.readline()))
        host.kill()
    assert select.select([ended], [], [], 10)[0], "the interpreter runs on"
    os.close(ended)


def test_a_session_outlives_the_thread_that_opened_it(name: Name, tmp_path: Path) -> None:
    with confined(name, tmp_path) as session:
        thread = threading.Thread(target=run, args=(session, "x = 1"))
        thread.start()
        thread.join()
        assert run(session, "x").logs == "1\n"


def _descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the names only


def test_nothing_is_left_of_it(name: Name, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = _descriptors()
    with confined(name, tmp_path / "files") as session:
        deep = (
            "import os\nos.chdir(os.environ['TMPDIR'])\nfor i in range(14):\n"
            "    os.mkdir('d'); os.mkdir('e'); os.chdir('e')"
        )
        assert run(session, deep).ended_by == "done"
        assert session._process is not None
        handle = os.pidfd_open(session._process.pid)
    assert select.select([handle], [], [], 0)[0], "the interpreter runs on"
    os.close(handle)
    assert _descriptors() == before
    assert [each.name for each in tmp_path.iterdir()] == ["files"]


def test_the_numbers_of_requests_are_those_of_libseccomp() -> None:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("libseccomp is not installed")
    tables = (table.ALLOWED, table.PRETENDED, table.UNSUPPORTED, table.ABSENT, table.CHECKED)
    seen: set[str] = set()
    for names in tables:
        assert not seen & names.keys(), "one request, two answers"
        seen |= names.keys()
        for called, row in names.items():
            for architecture, number in zip(table.ARCHITECTURES.values(), row, strict=True):
                found = library.seccomp_syscall_resolve_name_arch(ctypes.c_uint32(architecture), called.encode())
                if found == -1 and number is not None:
                    continue  # newer than this library
                assert (number if number is not None else -1) == max(found, -1), called
    assert table.CHECKED.keys() == table._rules().keys()
    assert platform.machine() not in table.ARCHITECTURES or table.syscall_filter()
    assert table.syscall_filter("sparc") is None


def test_defaults_leave_room(name: Name, tmp_path: Path) -> None:
    with confined(name, tmp_path) as session:
        assert session.run("import sqlite3, json, decimal, csv; len(bytes(200 * 2**20))", NEVER).logs == "209715200\n"
    assert DEFAULT.wall_seconds <= 600
