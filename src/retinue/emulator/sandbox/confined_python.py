"""The program that runs inside: it locks itself in, then runs the pieces of code that it is sent, keeping variables.

    python -I -S -B confined_python.py

Each message on stdin is a length of four bytes and so much JSON: a word to answer with, and first what to lock, then
code. It answers on the descriptor that the first one names: a letter, the word, a length of four bytes and so much
text. Nothing that it answers is to be believed: the code may answer in its place. The word only keeps the answer to a
message from being taken for that to a later one. It imports the standard library only.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import ctypes
import json
import linecache
import os
import struct
import sys
import traceback
import types
from typing import Any, NoReturn

READY, DONE, FAILED, OUT_OF_MEMORY = b"R", b"D", b"E", b"M"
"""The letters that an answer begins with."""
WORD = 16
"""Bytes of it."""
MOST_TEXT = 16 * 1024
"""Bytes of an answer's text: the lines of a mistake, of which a model needs the last."""
DATA = "/mnt/data"
"""Where the files are, for the code."""

# ── locking itself in ─────────────────────────────────────────────────────────────────────────────────────────────────

_SET_DEATH_SIGNAL, _SET_SECCOMP, _DROP_BOUNDING, _SET_NO_NEW_PRIVILEGES = 1, 22, 24, 38
_AMBIENT, _CLEAR_AMBIENT, _FILTER_MODE, _SIGKILL = 47, 4, 2, 9
_CAPABILITIES_3 = 0x20080522
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # on every architecture
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIRECTORY = 1, 2, 4, 8
_REMOVE_DIRECTORY, _REMOVE_FILE, _MAKE_DIRECTORY, _MAKE_FILE, _MAKE_SYMLINK = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_READ = _READ_FILE | _READ_DIRECTORY
_WRITE = (
    _WRITE_FILE | _REMOVE_DIRECTORY | _REMOVE_FILE | _MAKE_DIRECTORY | _MAKE_FILE | _MAKE_SYMLINK | _REFER | _TRUNCATE
)

LANDLOCK_NEEDED = 3
"""Version of Landlock. Before it, a program could empty files that it may not open (Linux 6.2)."""


class _Filter(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _must(what: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(what: str, option: int, *arguments: Any) -> None:
    given = [ctypes.c_ulong(each) if isinstance(each, int) else each for each in (*arguments, 0, 0, 0, 0)[:4]]
    _must(what, _libc().prctl(option, *given))


def landlock_version() -> int:
    """Of this kernel; 0 without Landlock."""
    return max(0, int(_libc().syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)))


def _landlock(version: int, readable: list[str], writable: list[str], devices: list[str]) -> None:
    files = (1 << (16 if version >= 5 else 15)) - 1  # version 5 adds what is asked of devices
    network = 3 if version >= 4 else 0  # version 4 adds TCP
    scopes = 3 if version >= 6 else 0  # version 6 adds abstract sockets and signals
    attributes = struct.pack("=QQQ", files, network, scopes)[: 24 if scopes else 16 if network else 8]
    ruleset = _must(
        "Landlock", _libc().syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    )
    for paths, rights in ((readable, _READ), (writable, _READ | _WRITE), (devices, _READ_FILE | _WRITE_FILE)):
        for path in paths:
            if not os.path.exists(path):  # noqa: PTH110 - what is imported here takes time at each start
                continue
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            given = rights if os.path.isdir(path) else rights & (_READ_FILE | _WRITE_FILE)  # noqa: PTH112
            rule = struct.pack("=Qi", given, opened)
            _must(f"Landlock, {path}", _libc().syscall(_LANDLOCK_ADD, ruleset, 1, rule, ctypes.c_uint(0)))
            os.close(opened)
    _must("Landlock", _libc().syscall(_LANDLOCK_RESTRICT, ruleset, ctypes.c_uint(0)))
    os.close(ruleset)


def _drop_capabilities() -> None:
    _prctl("capabilities", _AMBIENT, _CLEAR_AMBIENT)
    capability = 0
    while _libc().prctl(_DROP_BOUNDING, ctypes.c_ulong(capability), 0, 0, 0) == 0:
        capability += 1  # until there are no more, or none may be dropped because there are none
    header = struct.pack("=Ii", _CAPABILITIES_3, 0)
    _must("capabilities", _libc().capset(header, struct.pack("=6I", *[0] * 6)))


def _limit(limits: dict[str, int]) -> None:
    import resource  # this module is imported on Windows, too, for its names

    for name, most in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _lock_in(asked: dict[str, Any]) -> None:
    """Raises OSError when anything that is asked for cannot be had."""
    if asked["parent"]:
        _prctl("death signal", _SET_DEATH_SIGNAL, _SIGKILL)
        if os.getppid() != asked["parent"]:
            os._exit(1)
    os.umask(0o077)
    os.nice(10)  # the server goes first
    _prctl("no new privileges", _SET_NO_NEW_PRIVILEGES, 1)
    version = landlock_version()
    if version >= LANDLOCK_NEEDED:
        _landlock(version, asked["readable"], asked["writable"], asked["devices"])
    elif asked["needs_landlock"]:
        raise OSError(0, f"Landlock is of version {version}, and {LANDLOCK_NEEDED} is needed")
    _drop_capabilities()
    _limit(asked["limits"])
    program = base64.b64decode(asked["filter"])
    filtering = _Filter(len(program) // 8, program)
    _prctl("seccomp", _SET_SECCOMP, _FILTER_MODE, ctypes.byref(filtering))


# ── names of files, where nothing is mounted at /mnt/data ─────────────────────────────────────────────────────────────

_WITH_A_PATH = (
    *("access", "chdir", "listdir", "lstat", "mkdir", "open", "readlink", "remove", "rename", "replace", "rmdir"),
    *("scandir", "stat", "statvfs", "symlink", "truncate", "unlink", "utime"),
)


def _name_data(real: str) -> None:
    """Let Python's own functions know the directory as /mnt/data. It guards nothing; it is so that programs run."""

    def there(path: Any) -> Any:
        text = os.fspath(path) if isinstance(path, os.PathLike) else path
        if isinstance(text, str) and (text == DATA or text.startswith(DATA + "/")):
            return real + text[len(DATA) :]
        return path

    def knowing(function: Any) -> Any:
        def called(*arguments: Any, **options: Any) -> Any:
            return function(*map(there, arguments), **{name: there(value) for name, value in options.items()})

        called.__name__ = function.__name__
        return called

    import builtins
    import io

    builtins.open = io.open = knowing(io.open)
    for name in _WITH_A_PATH:
        setattr(os, name, knowing(getattr(os, name)))
    asked_where = os.getcwd

    def where() -> str:
        found = asked_where()
        return DATA + found[len(real) :] if found == real or found.startswith(real + "/") else found

    os.getcwd = where


# ── running code ──────────────────────────────────────────────────────────────────────────────────────────────────────


_read, _write = os.read, os.write
"""By names of our own: the code may put anything in the place of others."""


def _message(descriptor: int) -> Any:
    def exactly(size: int) -> bytes:
        got = b""
        while len(got) < size:
            piece = _read(descriptor, size - len(got))
            if not piece:
                os._exit(0)  # whoever asked is gone
            got += piece
        return got

    (size,) = struct.unpack("=I", exactly(4))
    return json.loads(exactly(size))


def _answer(descriptor: int, letter: bytes, word: str, text: str) -> None:
    data = text.encode("utf-8", "replace")
    if len(data) > MOST_TEXT:
        data = data[-MOST_TEXT:].decode("utf-8", "ignore").encode()
    data = letter + word.encode() + struct.pack("=I", len(data)) + data
    while data:
        data = data[_write(descriptor, data) :]


def _show(code: str, name: str, variables: dict[str, Any]) -> None:
    """Run it as a notebook does: the value of a last expression is printed, unless it is None."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    parsed = ast.parse(code, name)
    last = parsed.body.pop() if parsed.body and isinstance(parsed.body[-1], ast.Expr) else None
    exec(compile(parsed, name, "exec"), variables)  # noqa: S102 - it is what this process is for
    if isinstance(last, ast.Expr):
        sys.__displayhook__(eval(compile(ast.Expression(last.value), name, "eval"), variables))  # noqa: S307


def _fresh_output() -> None:
    """Whatever the code before did to it."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = os.fdopen(os.dup(descriptor), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
        setattr(sys, name, stream)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the code may have put anything in its place
            stream.flush()


def _outcome(code: str, name: str, variables: dict[str, Any]) -> tuple[bytes, str]:
    letter, text = DONE, ""
    try:
        try:
            _fresh_output()
            _show(code, name, variables)
        finally:
            _flush()
    except MemoryError as error:
        letter, text = OUT_OF_MEMORY, f"{type(error).__name__}: {error}".rstrip(": ")
    except SystemExit as error:
        if error.code:
            letter, text = FAILED, f"SystemExit: {error.code}"
    except BaseException as error:  # noqa: BLE001 - the code of a stranger raises anything
        letter = FAILED
        error.__traceback__ = _own_part(error.__traceback__)
        text = "".join(traceback.format_exception(error, limit=-20)).rstrip()
    return letter, text


def _own_part(trace: types.TracebackType | None) -> types.TracebackType | None:
    """Of a traceback: from the code on."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def main() -> NoReturn:
    requests = os.dup(0)
    asked = _message(requests)
    answers = asked["answers"]
    try:
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.chdir(asked["data"])
        sys.path += asked["packages"]
        _lock_in(asked)
    except (OSError, AttributeError) as error:
        _answer(answers, FAILED, asked["word"], str(error))
        os._exit(1)
    if asked["data"] != DATA:
        _name_data(asked["data"])
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = [""]
    sys.path.insert(0, DATA if asked["data"] == DATA else asked["data"])
    _answer(answers, READY, asked["word"], "")
    count = 0
    while True:
        message = _message(requests)
        count += 1
        letter, text = _outcome(message["code"], f"<run {count}>", module.__dict__)
        _answer(answers, letter, message["word"], text)


if __name__ == "__main__":
    main()
