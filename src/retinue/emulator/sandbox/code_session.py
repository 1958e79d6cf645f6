"""A confined interpreter and the one who watches it. Nothing that comes from inside is believed.

The process within is looked at again and again while it runs, and stands still between two runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import stat
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from retinue.emulator.sandbox import confined_python as inside
from retinue.emulator.sandbox.confinements import Start, UnavailableError, Way
from retinue.emulator.sandbox.limits import Limits
from retinue.emulator.sandbox.temporary_directories import TemporaryDirectory, scratch_directory
from retinue.emulator.sandbox.written_files import (
    TooManyError,
    Usage,
    WrittenFile,
    changed_files,
    marks,
    measure,
    take_back,
)

EndedBy = Literal["done", "error", "time", "memory", "output", "disk", "threads", "stopped"]

START_SECONDS = 20.0
"""Until an interpreter must have started; it takes a tenth of one where nothing else runs."""
_LOOK = 0.02
"""Seconds between two looks at what a program takes: it may take so much more than its limit as fits into one."""
_PIECE = 64 * 1024
_MOST_ENTRIES = 10_000
"""Files and directories of a thread that a program is run beside; all of them are looked at again and again."""
_END_SECONDS = 10.0
_STOPPED = "The run was stopped."
_HEADER = 1 + inside.WORD + 4
"""Bytes before an answer's text: its letter, our word, and its length."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a piece of code. Its texts are the program's: they may hold anything but half a character."""

    logs: str
    """What it printed, errors included, and the value of its last expression as a notebook shows it."""
    error: str | None
    """Why it did not end well, as a traceback or a sentence."""
    files: tuple[WrittenFile, ...]
    """Written or changed, by name. `read_written` reads one."""
    left_out: tuple[str, ...]
    """What else it wrote, each with the reason why nobody should read it."""
    ended_by: EndedBy


class _EndedError(Exception):
    """The interpreter is to be ended, or has; says by what and why."""

    def __init__(self, ended_by: EndedBy, why: str) -> None:
        super().__init__(why)
        self.ended_by = ended_by


@dataclass(slots=True)
class _Process:
    """A started interpreter, and our ends of what leads to it."""

    popen: subprocess.Popen[bytes]
    requests: int
    answers: int
    output: int
    pid: int
    handle: int
    """The process as a descriptor, which never means another one."""
    received: bytes = b""
    logs: bytearray = field(default_factory=bytearray)
    sent: bytes = b""
    word: str = ""

    def send(self, message: dict[str, object]) -> None:
        """Have it sent, with a word that only the answer to it bears."""
        self.word = os.urandom(inside.WORD // 2).hex()
        data = json.dumps({**message, "word": self.word}).encode()
        self.sent = struct.pack("=I", len(data)) + data


class Session:
    """One confined interpreter, whose variables last until it is ended. For one caller at a time.

    The interpreter starts with the first run, and anew with the next one after it was ended.
    """

    def __init__(self, way: Way, directory: Path, limits: Limits) -> None:
        self._way, self._limits = way, limits
        self._data = directory.resolve(strict=True)
        self._process: _Process | None = None
        self._temporary: TemporaryDirectory | None = None
        self._is_lost = False
        self._allowed: Usage | None = None
        """What was there before the first run, which does not count."""

    @property
    def confinement(self) -> str:
        return self._way.name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the interpreter, with all that it started, and remove its temporary files."""
        self._end()

    def start(self, stop: threading.Event | None = None) -> None:
        """Start the interpreter, if there is none.

        Raises UnavailableError when it cannot be confined in this way, or is stopped meanwhile.
        """
        if self._process is None:
            self._temporary = scratch_directory()
            try:
                self._process = _launch(self._way, self._data, self._temporary.path, self._limits)
            except UnavailableError:
                self._end()
                raise
            try:
                letter, text = self._wait_for_answer(time.monotonic() + START_SECONDS, stop or threading.Event())
            except _EndedError as error:
                said = self._logs()
                self._end()
                raise UnavailableError(said.strip() or str(error)) from error
            if letter != inside.READY:
                self._end()
                raise UnavailableError(text)

    def run(self, code: str, stop: threading.Event) -> Outcome:
        """Run it to its end, to a limit, or until `stop`. Raises UnavailableError when it cannot be confined any more.

        After anything but `done` and an `error` of the code's own, the variables are gone.
        """
        limits = self._limits
        if len(code.encode("utf-8", "surrogatepass")) > limits.code:
            return Outcome("", f"The code has more than {limits.code:,} bytes.", (), (), "error")
        try:
            before = marks(self._data, _MOST_ENTRIES)
            if self._allowed is None:
                self._allowed = measure(self._data, _MOST_ENTRIES)
        except TooManyError:
            why = f"There are more than {_MOST_ENTRIES:,} files already, or directories nested too deeply."
            return Outcome("", why, (), (), "disk")
        lost, self._is_lost = self._is_lost, False
        try:
            self.start(stop)
        except UnavailableError:
            if stop.is_set():
                return Outcome("", _STOPPED, (), (), "stopped")
            raise
        ended_by: EndedBy
        must_end = False
        try:
            ended_by, error = self._run(code, stop)
        except _EndedError as ended:
            ended_by, error, must_end = ended.ended_by, str(ended), True
        except BaseException:
            self._end()
            raise
        logs = self._logs()
        if must_end or self._is_broken():
            self._end()
            self._is_lost = True
        if lost and ended_by == "error":
            error = f"{error}\n(The interpreter was started anew: what was defined before is gone.)"
        if must_end and (ended_by == "disk" or self._is_full()):
            take_back(self._data, before)  # or there is no room for the next one
        files, left_out = changed_files(self._data, before, 2 * _MOST_ENTRIES)
        return Outcome(logs, self._shown(error) or None, files, left_out, ended_by)

    # ── one run ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self, code: str, stop: threading.Event) -> tuple[EndedBy, str]:
        process = self._running()
        if process.received or _is_readable(process.answers):
            raise _EndedError("error", "The interpreter answered without being asked.")
        process.logs.clear()
        process.send({"code": code})
        _signal(process, signal.SIGCONT)
        cpu = _cpu_seconds(process.pid)
        deadline = time.monotonic() + self._limits.wall_seconds
        try:
            letter, text = self._wait_for_answer(deadline, stop, lambda: self._check(process, cpu))
        finally:
            _signal(process, signal.SIGSTOP)
        self._drain(process)
        self._check(process, cpu)  # it may have taken too much since the last look
        if letter == inside.OUT_OF_MEMORY:
            return "memory", f"{text}\nThe limit of memory is {self._limits.memory:,} bytes."
        return ("done", "") if letter == inside.DONE else ("error", text or "The code failed.")

    def _wait_for_answer(
        self, deadline: float, stop: threading.Event, check: Callable[[], None] = lambda: None
    ) -> tuple[bytes, str]:
        process = self._running()
        output_is_open, look_at = True, 0.0
        while True:
            if stop.is_set():
                raise _EndedError("stopped", _STOPPED)
            now = time.monotonic()
            if now >= deadline:
                raise _EndedError("time", f"The code ran for more than {self._limits.wall_seconds:g} seconds.")
            if now >= look_at:
                check()
                # Looking at many files takes its time; let it be a small part of all.
                look_at = time.monotonic() + max(_LOOK, 4 * (time.monotonic() - now))
            reading = [process.answers, *([process.output] if output_is_open else [])]
            readable, writable, _ = select_ready(reading, [process.requests] if process.sent else [], _LOOK)
            if process.output in readable:
                output_is_open = self._take_output(process)
            if writable:
                self._send(process)
            if process.answers in readable and (answer := self._take_answer(process)):
                return answer

    def _send(self, process: _Process) -> None:
        try:
            process.sent = process.sent[os.write(process.requests, process.sent[: select.PIPE_BUF]) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            process.sent = b""  # the end of its answers says what happened

    def _take_answer(self, process: _Process) -> tuple[bytes, str] | None:
        piece = os.read(process.answers, _HEADER + inside.MOST_TEXT)
        if not piece:
            raise _EndedError("error", _last_words(process))
        process.received += piece
        if len(process.received) < _HEADER:
            return None
        letter, word = process.received[:1], process.received[1 : 1 + inside.WORD]
        (size,) = struct.unpack("=I", process.received[1 + inside.WORD : _HEADER])
        known = (inside.READY, inside.DONE, inside.FAILED, inside.OUT_OF_MEMORY)
        if (
            letter not in known
            or word != process.word.encode()
            or size > inside.MOST_TEXT
            or len(process.received) > _HEADER + size
        ):
            raise _EndedError("error", "The interpreter answered what it never does.")
        if len(process.received) < _HEADER + size:
            return None
        text, process.received = process.received[_HEADER:].decode("utf-8", "replace"), b""
        return letter, text

    def _take_output(self, process: _Process) -> bool:
        """Whether there may be more. Raises _EndedError beyond the limit."""
        try:
            piece = os.read(process.output, _PIECE)
        except BlockingIOError:
            return True
        process.logs += piece
        if len(process.logs) > self._limits.output:
            del process.logs[self._limits.output :]
            raise _EndedError("output", f"The code printed more than {self._limits.output:,} bytes.")
        return bool(piece)

    def _drain(self, process: _Process) -> None:
        """What was printed before the answer; it is in the pipe by now."""
        while _is_readable(process.output) and self._take_output(process):
            pass

    # ── what it takes ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _check(self, process: _Process, cpu_before: float) -> None:
        limits = self._limits
        if _cpu_seconds(process.pid) - cpu_before > limits.cpu_seconds:
            raise _EndedError("time", f"The code took more than {limits.cpu_seconds:g} seconds of processor time.")
        if _threads(process.pid) > limits.threads:
            raise _EndedError("threads", f"The code started more than {limits.threads} threads.")
        self._check_disk(_deleted_size(process.pid))

    def _check_disk(self, deleted: int) -> None:
        limits, allowed = self._limits, self._allowed or Usage(0, 0)
        try:
            taken = self._taken(allowed.entries + limits.files)
        except TooManyError:
            why = f"The code wrote more than {limits.files:,} files, or directories nested too deeply."
            raise _EndedError("disk", why) from None
        if taken.size + deleted - allowed.size > limits.disk:
            raise _EndedError("disk", f"The code wrote more than {limits.disk:,} bytes.")

    def _is_full(self) -> bool:
        """Whether it took too much since the last look, whatever else it was ended by."""
        try:
            self._check_disk(0)
        except _EndedError:
            return True
        return False

    def _taken(self, most: int) -> Usage:
        data = measure(self._data, most)
        temporary = measure(self._temporary.path, most - data.entries) if self._temporary else Usage(0, 0)
        return Usage(data.entries + temporary.entries, data.size + temporary.size)

    # ── its end ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _running(self) -> _Process:
        if self._process is None:
            raise RuntimeError("there is no interpreter")
        return self._process

    def _is_broken(self) -> bool:
        process = self._running()
        return bool(process.sent) or process.popen.poll() is not None or _is_readable(process.answers)

    def _logs(self) -> str:
        return self._shown(bytes(self._running().logs).decode("utf-8", "replace"))

    def _shown(self, text: str) -> str:
        shown = self._way.shown(self._data, text)
        return shown.encode("utf-8", "replace").decode("utf-8")

    def _end(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            _end(process)
        if self._temporary is not None:
            temporary, self._temporary = self._temporary, None
            temporary.close()


# ── processes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def select_ready(reading: list[int], writing: list[int], seconds: float) -> tuple[list[int], list[int], list[int]]:
    """Like `select`, for descriptors of any number. One whose other end is gone counts as ready."""
    poll = select.poll()
    for each in reading:
        poll.register(each, select.POLLIN)
    for each in writing:
        poll.register(each, select.POLLOUT)
    ready = {each for each, _ in poll.poll(seconds * 1000)}
    return [each for each in reading if each in ready], [each for each in writing if each in ready], []


def _is_readable(descriptor: int) -> bool:
    return bool(select_ready([descriptor], [], 0)[0])


def _launch(way: Way, data: Path, temporary: Path, limits: Limits) -> _Process:
    """Start an interpreter and send it what to lock. Raises UnavailableError."""
    pipes = [os.pipe() for _ in range(4)]
    (their_requests, requests), (answers, their_answers), (output, their_output), (child, their_child) = pipes
    ours, theirs = [requests, answers, output, child], [their_requests, their_answers, their_output, their_child]
    try:
        start = way.start(data, temporary, limits, answers=their_answers, child=their_child)
        popen = _spawn(start, their_requests, their_output, (their_answers, their_child))
    except (OSError, UnavailableError) as error:
        for each in (*ours, *theirs):
            os.close(each)
        raise UnavailableError(str(error)) from error
    for each in theirs:
        os.close(each)
    pid = _reported_child(child) if way.reports_child else popen.pid
    os.close(child)
    for each in ours[:3]:
        os.set_blocking(each, False)
    process = _Process(popen, requests, answers, output, pid or popen.pid, -1)
    process.send(start.message)
    # A process that has ended already has no handle; its answers say so.
    with contextlib.suppress(OSError):
        process.handle = os.pidfd_open(process.pid)
    return process


def _spawn(start: Start, requests: int, output: int, others: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Start it from a thread that lives as long as it does: when that thread ends, the kernel ends the process."""
    started: list[subprocess.Popen[bytes] | OSError] = []
    is_started = threading.Event()

    def keep() -> None:
        try:
            popen = subprocess.Popen(  # noqa: S603 - the interpreter, or bwrap with it
                start.command,
                stdin=requests,
                stdout=output,
                stderr=output,
                pass_fds=others,
                env=start.environment,
                start_new_session=True,
            )
        except OSError as error:
            started.append(error)
            is_started.set()
            return
        started.append(popen)
        is_started.set()
        popen.wait()

    threading.Thread(target=keep, name="sandbox", daemon=True).start()
    is_started.wait()
    if isinstance(started[0], OSError):
        raise started[0]
    return started[0]


def _reported_child(descriptor: int) -> int | None:
    """Which process bwrap says that it started, before that runs anything; None when it started none."""
    said = b""
    while b"}" not in said and (select_ready([descriptor], [], START_SECONDS)[0]):
        piece = os.read(descriptor, 4096)
        if not piece:
            break
        said += piece
    found = re.search(rb'"child-pid":\s*(\d+)', said)
    return int(found[1]) if found else None


def _signal(process: _Process, number: signal.Signals) -> None:
    if process.handle >= 0:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process.handle, number)


def _end(process: _Process) -> None:
    """End it; whatever was inside is gone when this returns."""
    _signal(process, signal.SIGKILL)
    if process.pid == process.popen.pid or process.handle < 0:
        process.popen.kill()
    try:
        process.popen.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.popen.kill()
        process.popen.wait()
    if process.handle >= 0:
        select_ready([process.handle], [], _END_SECONDS)  # ready once it has ended
        os.close(process.handle)
    for each in (process.requests, process.answers, process.output):
        os.close(each)


def _last_words(process: _Process) -> str:
    try:
        code = process.popen.wait(1)
    except subprocess.TimeoutExpired:
        return "The interpreter ended the conversation."
    return f"The interpreter ended by itself (exit code {code}): what was defined is gone."


# What the kernel says of a process; 0 of one that is gone, whose end is seen otherwise.


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")


def _threads(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[17])
    except OSError:
        return 0


def _deleted_size(pid: int) -> int:
    """Bytes of files that have no name any more, and are kept because they are open."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as opened:
        for each in opened:
            with contextlib.suppress(OSError):
                status = each.stat()
                if stat.S_ISREG(status.st_mode) and not status.st_nlink:
                    total += max(status.st_blocks * 512, status.st_size)
    return total
