"""Hostile programs are contained: under each confinement this machine offers.

Each attempt is a piece of code that must fail. Those that hurt nobody are also made without a confinement, where they
must succeed: an attempt that fails everywhere would prove nothing.
"""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retinue.emulator.sandbox import Session, UnsafeFileError, read_written, written_files
from retinue.emulator.sandbox.confinements import Name
from retinue.emulator.sandbox.syscall_filter import ARCHITECTURES
from retinue.emulator.sandbox.written_files import LONGEST_NAME, changed_files
from tests.emulator.confined import NAMES, confined, require, run

ROOT = Path(__file__).parents[2]
PREAMBLE = """
import ctypes, errno, fcntl, multiprocessing, os, resource, signal, socket, struct, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def syscall(number, *arguments):
    values = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = libc.syscall(ctypes.c_long(number), *values)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
FILE = os.open('f', os.O_CREAT | os.O_RDWR)
def attempt(action):
    try:
        result = action()
    except (OSError, ValueError, RuntimeError) as error:
        print("refused:", type(error).__name__, getattr(error, "errno", ""))
    else:
        print("succeeded:", repr(result)[:200])
"""


class Host:
    """A machine with something to steal, to break and to talk to."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.files = place / "files"
        self.files.mkdir()
        self.secret = place / "secret"
        self.secret.write_text("the host's own\n", encoding="utf-8")
        self.database = place / "account.sqlite3"
        self.database.write_bytes(b"SQLite format 3\0")
        (self.files / "link").symlink_to(self.secret)
        (self.files / "up").symlink_to(place)
        self.victim = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.path = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened = os.open(self.files, os.O_RDONLY)
        self.path.bind(f"/proc/self/fd/{opened}/s")  # the path itself may be too long for a socket
        os.close(opened)
        self.path.listen()
        self.abstract = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.abstract.bind(abstract := f"\0retinue-{os.getpid()}-{id(self)}")
        self.names = {
            "SECRET": str(self.secret),
            "DATABASE": str(self.database),
            "PLACE": str(place),
            "PROJECT": str(ROOT),
            "HOME": str(Path.home()),
            "SHARED": f"/dev/shm/retinue-test-{os.getpid()}",
            "HOST": os.getpid(),
            "VICTIM": self.victim.pid,
            "TCP": self.tcp.getsockname(),
            "UDP": self.udp.getsockname(),
            "ABSTRACT": abstract,
        }

    def preamble(self) -> str:
        return PREAMBLE + "".join(f"{name} = {value!r}\n" for name, value in self.names.items())

    def close(self) -> None:
        for each in (self.tcp, self.udp, self.path, self.abstract):
            each.close()
        assert self.victim.poll() is None, "somebody ended it"
        self.victim.communicate(b"\n")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    made = Host(tmp_path_factory.mktemp("host"))
    yield made
    made.close()


@pytest.fixture(scope="module", params=NAMES)
def shared(request: pytest.FixtureRequest, host: Host) -> Iterator[Session]:
    with confined(request.param, host.files) as session:
        assert run(session, host.preamble()).error is None
        yield session


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> Name:
    require(request.param)
    found: Name = request.param
    return found


HARMLESS = {
    "read a file": "open(SECRET).read()",
    "read it by another way": "open('../secret').read()",
    "read it through a link": "open('link').read()",
    "read it through a directory's link": "open('up/secret').read()",
    "read it through a link of its own": "(os.symlink(SECRET, 'own'), open('own').read())",
    "read the database": "open(DATABASE, 'rb').read()",
    "list a directory": "os.listdir(PLACE)",
    "list it through a link": "os.listdir('up')",
    "list home": "os.listdir(HOME)",
    "read the project": "open(PROJECT + '/pyproject.toml').read()",
    "read /etc/passwd": "open('/etc/passwd').read()",
    "read a process's environment": "open(f'/proc/{VICTIM}/environ').read()",
    "read the environment of the host": "open(f'/proc/{HOST}/environ').read()",
    "see processes": "open(f'/proc/{VICTIM}/cmdline').read()",
    "see mounts": "open('/proc/self/mountinfo').read()",
    "open a pipe of another": "open(f'/proc/{VICTIM}/fd/0', 'w')",
    "write a file": "open(PLACE + '/new', 'w')",
    "change a file": "open(SECRET, 'a')",
    "make a directory": "os.mkdir(PLACE + '/directory') or os.rmdir(PLACE + '/directory')",
    "write into shared memory": "open(SHARED, 'w').close() or os.remove(SHARED)",
    "connect over TCP": "socket.create_connection(TCP, timeout=1)",
    "send over UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', UDP)",
    "listen": "socket.create_server(('127.0.0.1', 0))",
    "ask the kernel of networks": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "connect to a socket among its files": "socket.socket(socket.AF_UNIX).connect('s')",
    "connect to an abstract socket": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect(ABSTRACT)",
    "send from a pair": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', ABSTRACT)",
    "start a process": "subprocess.run(['/bin/true'], check=True)",
    "spawn a process": "os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)",
    "signal a process": "os.kill(VICTIM, 0)",
    "signal the host": "os.kill(HOST, 0)",
    "signal itself": "os.kill(os.getpid(), 0)",
    "open a process": "os.pidfd_open(VICTIM)",
    "have a file's owner signalled": "fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())",
    "hear of changes": "fcntl.fcntl(os.open('.', 0), fcntl.F_NOTIFY, 0)",
    "make a pipe with a name": "os.mkfifo('pipe') or os.remove('pipe')",
    "make a file in memory": "os.memfd_create('memory')",
    "make a hard link": "(open('a', 'w').close(), os.link('a', 'b'), os.remove('a'), os.remove('b'))",
    "make a set-user-id file": "os.close(os.open('set', os.O_CREAT | os.O_WRONLY, 0o4755)) or os.remove('set')",
    "make a directory nobody can list": "os.mkdir('hidden', 0o300) or os.rmdir('hidden')",
    "set its user": "os.setuid(os.getuid())",
    "keep running": "syscall(SYSCALLS['prctl'], 1, 0)",
    "hide": "syscall(SYSCALLS['prctl'], 4, 0)",
    "use the shared memory of System V": "syscall(SYSCALLS['shmget'], 0, 4096, 0o1600)",
    "set up asynchronous requests": "os.close(syscall(425, 8, bytes(120)))",
    "look at pages of others": "os.close(syscall(SYSCALLS['inotify_init1'], 0))",
}
"""Everybody may do this to what is their own, outside."""

SYSCALLS = {
    "x86_64": {
        "bpf": 321, "clone": 56, "fallocate": 285, "inotify_init1": 294, "keyctl": 250, "kexec_load": 246, "mount": 165,
        "open_by_handle_at": 304, "perf_event_open": 298, "personality": 135, "prctl": 157, "prlimit64": 302,
        "process_vm_readv": 310, "ptrace": 101, "setns": 308, "shmget": 29, "tgkill": 234, "unshare": 272,
        "userfaultfd": 323, "chroot": 161, "rt_sigqueueinfo": 129,
    },
    "aarch64": {
        "bpf": 280, "clone": 220, "fallocate": 47, "inotify_init1": 26, "keyctl": 219, "kexec_load": 104, "mount": 40,
        "open_by_handle_at": 265, "perf_event_open": 241, "personality": 92, "prctl": 167, "prlimit64": 261,
        "process_vm_readv": 270, "ptrace": 117, "setns": 268, "shmget": 194, "tgkill": 131, "unshare": 97,
        "userfaultfd": 282, "chroot": 51, "rt_sigqueueinfo": 138,
    },
}  # fmt: skip

HARMFUL = {
    "fork": "os.fork()",
    "fork as the C library does": "syscall(SYSCALLS['clone'], 17, 0, 0, 0, 0)",
    "fork with the newer request": "syscall(435, bytes(88), 88)",
    "share its memory with another process": "syscall(SYSCALLS['clone'], 0x100 | 17, 0, 0, 0, 0)",
    "multiprocessing": "multiprocessing.get_context('fork').Process(target=print).start()",
    "become another program": "os.execv('/bin/true', ['true'])",
    "become one that is open": "os.execve(os.open(sys.executable, os.O_RDONLY), ['python'], {})",
    "end the host": "os.kill(HOST, 9)",
    "end its parent": "os.kill(os.getppid() or 1, 9)",
    "end all": "os.kill(-1, 9)",
    "end its group": "os.killpg(0, 9)",
    "end a thread of another": "syscall(SYSCALLS['tgkill'], VICTIM, VICTIM, 9)",
    "queue a signal": "syscall(SYSCALLS['rt_sigqueueinfo'], VICTIM, 9, bytes(128))",
    "trace another": "syscall(SYSCALLS['ptrace'], 16, VICTIM, 0, 0)",
    "be traced": "syscall(SYSCALLS['ptrace'], 0, 0, 0, 0)",
    "read the memory of another": "syscall(SYSCALLS['process_vm_readv'], VICTIM, bytes(16), 1, bytes(16), 1, 0)",
    "limit another": "syscall(SYSCALLS['prlimit64'], VICTIM, 7, struct.pack('QQ', 3, 3), 0)",
    "lift its own limit": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "slow others down": "os.setpriority(os.PRIO_PROCESS, 0, -20)",
    "be another user": "os.setresuid(0, 0, 0)",
    "be in another group": "os.setgroups([0])",
    "make namespaces": "syscall(SYSCALLS['unshare'], 0x10000000)",
    "make namespaces with a thread": "syscall(SYSCALLS['clone'], 0x10000000 | 0x10f00, 0, 0, 0, 0)",
    "join namespaces": "syscall(SYSCALLS['setns'], 0, 0)",
    "mount": "syscall(SYSCALLS['mount'], b'none', b'/mnt/data', b'tmpfs', 0, 0)",
    "change the root": "syscall(SYSCALLS['chroot'], b'.')",
    "open by handle": "syscall(SYSCALLS['open_by_handle_at'], -100, bytes(16), 0)",
    "load a program into the kernel": "syscall(SYSCALLS['bpf'], 5, bytes(128), 128)",
    "load a kernel": "syscall(SYSCALLS['kexec_load'], 0, 0, 0, 0)",
    "use the kernel's keys": "syscall(SYSCALLS['keyctl'], 0, -3, 1)",
    "measure others": "syscall(SYSCALLS['perf_event_open'], bytes(128), 0, -1, -1, 0)",
    "handle faults of pages": "syscall(SYSCALLS['userfaultfd'], 1)",
    "be of another personality": "syscall(SYSCALLS['personality'], 0x0040000)",
    "make a device": "os.mknod('device', 0o20600, os.makedev(1, 1))",
    "reserve space that no limit sees": "syscall(SYSCALLS['fallocate'], FILE, 1, 0, 2**40)",
    "make a huge file": "os.truncate(FILE, 2**40)",
    "empty a file": "os.truncate(SECRET, 0)",
    "remove a file": "os.remove(SECRET)",
    "take a file away": "os.rename(SECRET, 'taken')",
    "put a file in its place": "(open('f', 'w').close(), os.rename('f', SECRET))",
    "link to a file": "os.link(SECRET, 'hard')",
    "change Python": "open(os.__file__, 'a')",
    "remove a library": "os.remove(os.__file__)",
    "change the kernel's settings": "open('/proc/sys/kernel/core_pattern', 'w')",
    "read the disk": "open('/dev/vda', 'rb')",
    "read /etc/shadow": "open('/etc/shadow').read()",
    "read the kernel's memory": "open('/dev/mem', 'rb')",
    "have somebody wait for a lease": "fcntl.fcntl(FILE, fcntl.F_SETLEASE, fcntl.F_WRLCK)",
    "type into a terminal": "fcntl.ioctl(0, 0x5412, b'x')",
}  # fmt: skip
"""Nobody makes these attempts outside."""


def _attempts(host: Host, attempts: dict[str, str]) -> str:
    numbers = f"SYSCALLS = {SYSCALLS[platform.machine()]}\n" if platform.machine() in SYSCALLS else ""
    return numbers + "".join(f"attempt(lambda: {each})\n" for each in attempts.values())


@pytest.mark.skipif(platform.machine() not in ARCHITECTURES, reason="nothing can be confined here")
@pytest.mark.parametrize("attempts", [HARMLESS, HARMFUL], ids=["harmless", "harmful"])
def test_attempts_to_get_out_fail(shared: Session, host: Host, attempts: dict[str, str]) -> None:
    outcome = run(shared, _attempts(host, attempts))
    assert outcome.error is None
    answers = dict(zip(attempts, outcome.logs.splitlines(), strict=True))
    assert not {tried: answer for tried, answer in answers.items() if not answer.startswith("refused: ")}
    assert host.secret.read_text(encoding="utf-8") == "the host's own\n"
    assert sorted(each.name for each in host.place.iterdir()) == ["account.sqlite3", "files", "secret"]


@pytest.mark.skipif(sys.platform != "linux", reason="the attempts are those of Linux")
def test_the_same_attempts_succeed_outside(tmp_path: Path) -> None:
    host = Host(tmp_path)
    program = host.preamble() + _attempts(host, HARMLESS)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=host.files, capture_output=True, text=True, check=True, timeout=60
    )
    host.close()
    answers = dict(zip(HARMLESS, done.stdout.splitlines(), strict=True))
    refused = {tried for tried, answer in answers.items() if not answer.startswith("succeeded: ")}
    # A machine may forbid some to everybody; that is no fault of the others.
    assert refused <= {"set up asynchronous requests", "use the shared memory of System V", "list home"}, answers


def test_modes_and_times_of_the_hosts_files_stay(shared: Session, host: Host) -> None:
    before = host.secret.stat()
    code = (
        "os.chmod(SECRET, 0o777); os.chown(SECRET, 1, 1, follow_symlinks=False); os.utime(SECRET, (1, 1))\n"
        "os.umask(0o777); os.mkdir('plain')\n"
        "f = os.open('mode', os.O_CREAT | os.O_RDWR); os.fchmod(f, 0o4777)"
    )
    run(shared, code)
    after = host.secret.stat()
    assert (after.st_mode, after.st_uid, after.st_mtime_ns) == (before.st_mode, before.st_uid, before.st_mtime_ns)
    assert (host.files / "plain").stat().st_mode & 0o7777 == 0o700
    (host.files / "plain").rmdir()
    assert (host.files / "mode").stat().st_mode & 0o7777 in (0o700, 0o600)


def test_nothing_of_the_environment_is_seen(name: Name, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-host")
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "start.py"))
    with confined(name, tmp_path / "files") as session:
        outcome = run(session, "import os; dict(os.environ)")
    assert "sk-of-the-host" not in outcome.logs
    assert "PYTHON" not in outcome.logs
    assert str(Path.home()) + "'" not in outcome.logs


def test_it_has_no_capabilities(shared: Session) -> None:
    """Whoever started it: in a container, that is often root."""
    code = (
        "header, sets = struct.pack('=Ii', 0x20080522, 0), ctypes.create_string_buffer(24)\n"
        "libc.capget(header, sets), sets.raw == bytes(24)"
    )
    assert run(shared, code).logs == "(0, True)\n"


def test_no_descriptor_of_the_host_is_open_inside(shared: Session) -> None:
    code = (
        "import stat\nkinds = []\n"
        "for i in range(64):\n"
        "    try: kinds.append((i, stat.S_IFMT(os.fstat(i).st_mode) in (stat.S_IFIFO, stat.S_IFCHR)))\n"
        "    except OSError: pass\n"
        "all(kind for _, kind in kinds if _ < 20)"
    )
    with confined("landlock" if shared.confinement == "landlock" else "bubblewrap", shared._data) as fresh:
        assert run(fresh, "import os\n" + code).logs == "True\n"


# ── the conversation with it ──────────────────────────────────────────────────────────────────────────────────────────

EVERY = "import os, struct, sys, threading\nfor fd in range(3, 64):\n    try: {0}\n    except OSError: pass\n"
FORGED = (
    "import sys\nframe = sys._getframe()\nwhile 'message' not in frame.f_locals: frame = frame.f_back\n"
    "word = frame.f_locals['message']['word'].encode()\n" + EVERY.format("os.write(fd, {0})")
)
"""An answer in the place of the interpreter's, with the word that it should have."""


@pytest.mark.parametrize(
    ("code", "ended_by"),
    [
        (EVERY.format("os.close(fd)"), {"error"}),
        ("import os; os._exit(0)", {"error"}),
        ("import os; os.abort()", {"error"}),
        ("import ctypes; ctypes.string_at(0)", {"error"}),
        (FORGED.format("b'D' + word + struct.pack('=I', 0)") + "while True: pass", {"done"}),
        (FORGED.format("b'D' + word + struct.pack('=I', 4) + bytes([255] * 4)"), {"done", "error"}),
        (FORGED.format("b'E' + word + struct.pack('=I', 2**32 - 1)") + "while True: pass", {"error"}),
        (FORGED.format("b'D' + bytes(20)") + "while True: pass", {"error"}),
        (FORGED.format("b'?' * 100") + "while True: pass", {"error"}),
        (FORGED.format("b'D'") + "while True: pass", {"time"}),
        (
            "import signal\nfor n in (1, 2, 15):\n    signal.signal(n, signal.SIG_IGN)\n"
            "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
            {"time"},
        ),
    ],
)  # fmt: skip
def test_whatever_it_answers_the_next_run_is_served(name: Name, tmp_path: Path, code: str, ended_by: set[str]) -> None:
    seconds = 0.3 if ended_by == {"time"} else 1.5 if ended_by == {"done"} else 60.0
    with confined(name, tmp_path, wall_seconds=seconds) as session:
        assert run(session, code).ended_by in ended_by
        for _ in range(20):  # what was forged is noticed by the next run at the latest, and the interpreter ended
            again = run(session, "40 + 2")
            if again.ended_by == "done":
                break
        assert again.logs == "42\n"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86_64 has these")
@pytest.mark.parametrize(
    "code",
    [
        "ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 | 39))",  # x32
        # mov eax, 20; int 0x80; ret: a request of the 32-bit kind
        "import mmap\npage = mmap.mmap(-1, 4096, prot=7)\npage.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()",
    ],
)
def test_requests_of_another_kind_end_it(name: Name, tmp_path: Path, code: str) -> None:
    """They have numbers of their own, by which a filter would take one for another."""
    with confined(name, tmp_path) as session:
        outcome = run(session, "import ctypes\n" + code + "\nprint('answered')")
    assert (outcome.ended_by, outcome.logs) == ("error", "")
    assert outcome.error is not None
    assert "ended by itself" in outcome.error


def test_nothing_runs_between_two_runs(name: Name, tmp_path: Path) -> None:
    with confined(name, tmp_path) as session:
        code = "import threading, time\ndef on():\n while True: pass\nthreading.Thread(target=on, daemon=True).start()"
        assert run(session, code).ended_by == "done"
        assert session._process is not None
        status = Path(f"/proc/{session._process.pid}/stat")

        def states() -> set[bytes]:
            tasks = Path(f"/proc/{session._process.pid}/task") if session._process else status
            return {(each / "stat").read_bytes().rpartition(b")")[2].split()[0] for each in tasks.iterdir()}

        for _ in range(10_000):  # the kernel stops each thread as soon as it runs
            if states() == {b"T"}:
                break
        assert states() == {b"T"}
        assert run(session, "'on'").logs == "'on'\n"


def test_a_machine_full_of_processes_is_not_made(name: Name, tmp_path: Path) -> None:
    bomb = (
        "import os, threading\ncount = 0\n"
        "while True:\n"
        "    try: os.fork()\n"
        "    except OSError: count += 1\n"
        "    if count > 1000: break\n"
        "count"
    )
    with confined(name, tmp_path) as session:
        assert run(session, bomb).logs == "1001\n"


# ── files that it leaves ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_no_plain_file_is_not_handed_out(name: Name, tmp_path: Path) -> None:
    """The program is the host here for what no confinement lets it make."""
    directory = tmp_path / "files"
    secret = tmp_path / "secret"
    secret.write_text("the host's own", encoding="utf-8")
    with confined(name, directory) as session:
        session.start()
        before = session._data.stat()
        code = (
            "import os, shutil, tempfile\n"
            f"os.symlink({str(secret)!r}, 'link')\n"
            f"os.symlink({str(tmp_path)!r}, 'up')\n"
            "os.symlink('good', 'inner')\n"
            "os.symlink('loop', 'loop')\n"
            "open('good', 'w').write('good')\n"
            "for each in (b'new\\nline', b'\\xff\\xfe', 'turned\\u202e'.encode(), b'back\\\\slash', b'esc\\x1b[2J'):\n"
            "    open(each, 'w').write('x')\n"
            "os.makedirs('/'.join(['n' * 200] * 2)); open('/'.join(['n' * 200] * 2 + ['f']), 'w').close()\n"
            "os.close(os.open('shut', os.O_CREAT | os.O_WRONLY, 0)); None\n"
        )
        outcome = run(session, code)
        assert outcome.error is None
        assert before.st_ino == directory.stat().st_ino
    names = [each.name for each in outcome.files]
    assert names in (["good"], ["good", "shut"])  # root reads whatever its mode
    assert len(outcome.left_out) >= 10
    assert all(each.isascii() and each.isprintable() for each in outcome.left_out)
    for link in ("link", "up/secret", "inner", "loop"):
        with pytest.raises(UnsafeFileError):
            read_written(directory, link, 1000)
    assert read_written(directory, "good", 4) == b"good"


def test_pipes_devices_and_hard_links_are_not_read(tmp_path: Path) -> None:
    directory = tmp_path / "files"
    directory.mkdir()
    (tmp_path / "secret").write_text("the host's own", encoding="utf-8")
    os.link(tmp_path / "secret", directory / "hard")
    os.mkfifo(directory / "pipe")
    opened = os.open(directory, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"/proc/self/fd/{opened}/socket")
    os.close(opened)
    made = ["hard", "pipe", "socket"]
    with contextlib.suppress(PermissionError):  # for root only
        os.mknod(directory / "zero", 0o20600, os.makedev(1, 5))
        made.append("zero")
    files, left_out = changed_files(directory, {}, 100)
    assert files == ()
    assert [each.partition(":")[0] for each in left_out] == [repr(each) for each in made]
    for each in made:
        with pytest.raises(UnsafeFileError):
            read_written(directory, each, 1000)


def _link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "secret")


@pytest.mark.parametrize("put", [_link, os.mkfifo, Path.mkdir])
def test_what_takes_a_files_place_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put: Callable[[Path], None]
) -> None:
    """After it was looked at, and before it is opened."""
    directory = tmp_path / "files"
    directory.mkdir()
    (tmp_path / "secret").write_text("the host's own", encoding="utf-8")
    (directory / "file").write_text("mine", encoding="utf-8")
    look = written_files._check_plain

    def look_and_swap(status: os.stat_result) -> None:
        look(status)
        (directory / "file").unlink()
        put(directory / "file")

    monkeypatch.setattr(written_files, "_check_plain", look_and_swap)
    with pytest.raises(UnsafeFileError):
        read_written(directory, "file", 1000)


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../secret", "a/../../secret", "a//b", "./a", "a/", "a\0b", "a\nb", "\ud800",
     "x" * (LONGEST_NAME + 1), "/".join("a" * 20)],
)  # fmt: skip
def test_no_name_leads_out(tmp_path: Path, name: str) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "secret").write_text("the host's own", encoding="utf-8")
    with pytest.raises(UnsafeFileError):
        read_written(tmp_path / "files", name, 1000)


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(11))
    assert read_written(tmp_path, "f", 11) == bytes(11)
    with pytest.raises(UnsafeFileError, match="more than 10 bytes"):
        read_written(tmp_path, "f", 10)


@pytest.mark.parametrize(
    ("head", "image"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<svg onload=alert(1)>", None),
        (b"", None),
    ],
)
def test_images_are_known_by_their_content(tmp_path: Path, head: bytes, image: str | None) -> None:
    (tmp_path / "file.png").write_bytes(head)
    ((written,), _) = changed_files(tmp_path, {}, 10)
    assert written.image == image


def test_two_sessions_do_not_see_each_other(name: Name, tmp_path: Path) -> None:
    with confined(name, tmp_path / "one") as one, confined(name, tmp_path / "two") as two:
        assert run(one, "open('mine', 'w').write('x'); import os; os.environ['TMPDIR']").ended_by == "done"
        seen = run(two, f"import os; print(os.listdir()); os.listdir({str(tmp_path / 'one')!r})")
        assert seen.logs == "[]\n"
        assert seen.ended_by == "error"
        threads = [threading.Thread(target=run, args=(each, "sum(range(10 ** 5))")) for each in (one, two)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
