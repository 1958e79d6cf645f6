"""Which requests a confined interpreter may make of the kernel: a seccomp filter, as the bytes the kernel takes.

What is not listed is refused. Numbers are those of Linux (`asm/unistd.h`), the same on every distribution; the test
compares them with libseccomp's. Architectures that have no numbers here cannot be confined.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable, Mapping

# From linux/audit.h, linux/seccomp.h, linux/bpf_common.h.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN, _AND = 0x20, 0x15, 0x35, 0x45, 0x06, 0x54
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_NEWER = 454
"""The first number that neither table lists. Whatever came since is said not to exist, so that the C library does
without it, as it does on an older kernel."""

Table = Mapping[str, tuple[int | None, int | None]]
"""Numbers by name: on x86_64 and on aarch64, None where an architecture never had it."""


def _table(*groups: str) -> Table:
    """Of `name=number/number …`, with a dash for None."""
    rows = [row.replace("=", "/").split("/") for group in groups for row in group.split()]
    return {name: (_number(first), _number(second)) for name, first, second in rows}


def _number(text: str) -> int | None:
    return None if text == "-" else int(text)


ALLOWED = _table(
    # Files: which of them is decided by what is mounted, and by Landlock.
    "access=21/- chdir=80/49 close=3/57 close_range=436/436 dup=32/23 dup2=33/- dup3=292/24 faccessat=269/48 "
    "faccessat2=439/439 fadvise64=221/223 fchdir=81/50 fdatasync=75/83 flock=73/32 fstat=5/80 fstatfs=138/44 "
    "fsync=74/82 ftruncate=77/46 getcwd=79/17 getdents=78/- getdents64=217/61 lseek=8/62 lstat=6/- "
    "newfstatat=262/79 pipe=22/- pipe2=293/59 pread64=17/67 preadv=295/69 preadv2=327/286 pwrite64=18/68 "
    "pwritev=296/70 pwritev2=328/287 read=0/63 readahead=187/213 readlink=89/- readlinkat=267/78 readv=19/65 "
    "rename=82/- renameat=264/38 renameat2=316/276 rmdir=84/- sendfile=40/71 stat=4/- statfs=137/43 statx=332/291 "
    "symlink=88/- symlinkat=266/36 sync_file_range=277/84 truncate=76/45 unlink=87/- unlinkat=263/35 "
    "write=1/64 writev=20/66",
    # Memory, bounded by a limit of the process.
    "brk=12/214 madvise=28/233 mmap=9/222 mprotect=10/226 mremap=25/216 msync=26/227 munmap=11/215",
    # Waiting.
    "epoll_create=213/- epoll_create1=291/20 epoll_ctl=233/21 epoll_pwait=281/22 epoll_pwait2=441/441 "
    "epoll_wait=232/- eventfd=284/- eventfd2=290/19 poll=7/- ppoll=271/73 pselect6=270/72 select=23/- "
    "signalfd=282/- signalfd4=289/74 timerfd_create=283/85 timerfd_gettime=287/87 timerfd_settime=286/86",
    # Ends of a pair of sockets.
    "getpeername=52/205 getsockname=51/204 getsockopt=55/209 recvfrom=45/207 shutdown=48/210",
    # Threads, and what the C library needs for itself.
    "arch_prctl=158/- exit=60/93 exit_group=231/94 futex=202/98 futex_waitv=449/449 get_robust_list=274/100 "
    "getcpu=309/168 membarrier=324/283 restart_syscall=219/128 rseq=334/293 sched_get_priority_max=146/125 "
    "sched_get_priority_min=147/126 sched_getaffinity=204/123 sched_getparam=143/121 sched_getscheduler=145/120 "
    "sched_yield=24/124 set_robust_list=273/99 set_tid_address=218/96 wait4=61/260 waitid=247/95",
    # Signals that it gets; it sends none, not even to itself.
    "alarm=37/- getitimer=36/102 pause=34/- rt_sigaction=13/134 rt_sigpending=127/136 rt_sigprocmask=14/135 "
    "rt_sigreturn=15/139 rt_sigsuspend=130/133 rt_sigtimedwait=128/137 setitimer=38/103 sigaltstack=131/132 "
    "timer_create=222/107 timer_delete=226/111 timer_getoverrun=225/109 timer_gettime=224/108 "
    "timer_settime=223/110",
    # Time, chance, and who and where it is.
    "capget=125/90 clock_getres=229/114 clock_gettime=228/113 clock_nanosleep=230/115 getegid=108/177 "
    "geteuid=107/175 getgid=104/176 getgroups=115/158 getpgid=121/155 getpgrp=111/- getpid=39/172 getppid=110/173 "
    "getpriority=140/141 getrandom=318/278 getresgid=120/150 getresuid=118/148 getrlimit=97/163 getrusage=98/165 "
    "getsid=124/156 gettid=186/178 gettimeofday=96/169 getuid=102/174 nanosleep=35/101 setrlimit=160/164 "
    "sysinfo=99/179 time=201/- times=100/153 uname=63/160",
)

PRETENDED = _table(
    # Landlock watches none of these, so a program could change files it may not even read; and a set-user-id program
    # among the files would be a door for others on the machine. Copying and unpacking asks for them all the time. The
    # mask of modes stays, too, or a program could make directories that it may fill and we may not list.
    "chmod=90/- chown=92/- fchmod=91/52 fchmodat=268/53 fchmodat2=452/452 fchown=93/55 fchownat=260/54 "
    "futimesat=261/- lchown=94/- umask=95/166 utime=132/- utimensat=280/88 utimes=235/-",
)
"""Nothing happens, and success is reported."""

UNSUPPORTED = _table(
    # Reserves space beyond the end of a file, which no limit of its size sees; and attributes of files that are not
    # the program's. Both are missing on some file systems, so that programs do without.
    "fallocate=285/47 fgetxattr=193/10 flistxattr=196/13 fremovexattr=199/16 fsetxattr=190/7 getxattr=191/8 "
    "lgetxattr=192/9 listxattr=194/11 llistxattr=195/12 lremovexattr=198/15 lsetxattr=189/6 removexattr=197/14 "
    "setxattr=188/5",
)
"""Said to be missing on this file system."""

ABSENT = _table(
    # Their arguments stand in memory, where a filter cannot look; what they do can be asked for otherwise.
    "clone3=435/435 openat2=437/437",
)
"""Said not to exist in this kernel."""

# Those whose arguments decide.
CHECKED = _table(
    "clone=56/220 creat=85/- fcntl=72/25 ioctl=16/29 mkdir=83/- mkdirat=258/34 open=2/- openat=257/56 "
    "prctl=157/167 prlimit64=302/261 sched_setaffinity=203/122 sendto=44/206 socketpair=53/199",
)

_CLONE_THREAD = 0x00010000
_CLONE_NEW = 0x7E020000
"""Every namespace that `clone` can make."""
_SET_ID_BITS = 0o6000
_OWNERS_BITS = 0o700
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)
"""Copies and flags of descriptors, locks, the size of a pipe. Not: signals to an owner, leases, larger pipes."""
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""Is it a terminal, and how large; how much is there to read; whether to wait; whether to close at exec."""
_PRCTL = (15, 16)
"""The name of a thread."""
_SOCK_KIND, _STREAM, _UNIX = 0xF, 1, 1


def _numbers(table: Table, machine: str) -> dict[str, int]:
    column = list(ARCHITECTURES).index(machine)
    return {name: number for name, row in table.items() if (number := row[column]) is not None}


class _Program:
    """Instructions, one after the other: a code, how many to skip when true and when false, and an operand."""

    def __init__(self) -> None:
        self.instructions: list[tuple[int, int, int, int]] = []

    def add(self, code: int, operand: int, when_true: int = 0, when_false: int = 0) -> None:
        self.instructions.append((code, when_true, when_false, operand))

    def answer(self, numbers: Iterable[int], verdict: int) -> None:
        for number in numbers:
            self.add(_EQUAL, number, 0, 1)
            self.add(_RETURN, verdict)

    def when(self, number: int, body: _Program) -> None:
        """Only for that request; `body` must give an answer on every way through it."""
        self.add(_EQUAL, number, 0, len(body.instructions))
        self.instructions += body.instructions

    def argument(self, index: int, *, high: bool = False) -> None:
        """Load half of an argument; both architectures put the low half first."""
        self.add(_LOAD, _ARGUMENTS + 8 * index + (4 if high else 0))

    def packed(self) -> bytes:
        return b"".join(struct.pack("=HBBI", *each) for each in self.instructions)


def _refuse(number: int) -> int:
    return _ERRNO | number


def _one_of(index: int, values: Iterable[int]) -> _Program:
    body = _Program()
    body.argument(index)
    body.answer(values, _ALLOW)
    body.add(_RETURN, _refuse(errno.EPERM))
    return body


def _without_bits(index: int, bits: int) -> _Program:
    body = _Program()
    body.argument(index)
    body.add(_ANY_BIT, bits, 0, 1)
    body.add(_RETURN, _refuse(errno.EPERM))
    body.add(_RETURN, _ALLOW)
    return body


def _directory_mode(index: int) -> _Program:
    """All that its owner may do, so that it can be looked into, and removed; and nobody's else identity."""
    body = _Program()
    body.argument(index)
    body.add(_AND, _SET_ID_BITS | _OWNERS_BITS)
    body.add(_EQUAL, _OWNERS_BITS, 1, 0)
    body.add(_RETURN, _refuse(errno.EPERM))
    body.add(_RETURN, _ALLOW)
    return body


def _is_null(index: int) -> _Program:
    body = _Program()
    for high in (False, True):
        body.argument(index, high=high)
        body.add(_EQUAL, 0, 1, 0)
        body.add(_RETURN, _refuse(errno.EPERM))
    body.add(_RETURN, _ALLOW)
    return body


def _thread_only() -> _Program:
    body = _Program()
    body.argument(0)
    body.add(_ANY_BIT, _CLONE_NEW, 1, 0)
    body.add(_ANY_BIT, _CLONE_THREAD, 1, 0)
    body.add(_RETURN, _refuse(errno.EPERM))
    body.add(_RETURN, _ALLOW)
    return body


def _stream_pair() -> _Program:
    """What asyncio wakes itself with. Another kind of pair could send to any socket that has a name."""
    body = _Program()
    body.argument(0)
    body.add(_EQUAL, _UNIX, 0, 3)
    body.argument(1)
    body.add(_AND, _SOCK_KIND)
    body.add(_EQUAL, _STREAM, 1, 0)
    body.add(_RETURN, _refuse(errno.EPERM))
    body.add(_RETURN, _ALLOW)
    return body


def _rules() -> dict[str, _Program]:
    return {
        "clone": _thread_only(),
        "fcntl": _one_of(1, _FCNTL),
        "ioctl": _one_of(1, _IOCTL),
        "prctl": _one_of(0, _PRCTL),
        "prlimit64": _one_of(0, (0,)),
        "sched_setaffinity": _one_of(0, (0,)),
        "socketpair": _stream_pair(),
        "sendto": _is_null(4),
        # A mode is given with every one of them, 0 where none is meant.
        "open": _without_bits(2, _SET_ID_BITS),
        "openat": _without_bits(3, _SET_ID_BITS),
        "creat": _without_bits(1, _SET_ID_BITS),
        "mkdir": _directory_mode(1),
        "mkdirat": _directory_mode(2),
    }


def syscall_filter(machine: str | None = None) -> bytes | None:
    """The filter for a machine as `platform.machine` names it, or for this one; None where there is none."""
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        return None
    program = _Program()
    program.add(_LOAD, _ARCHITECTURE)
    program.add(_EQUAL, ARCHITECTURES[machine], 1, 0)
    program.add(_RETURN, _KILL)
    program.add(_LOAD, _NUMBER)
    if machine == "x86_64":  # x32: the same requests under other numbers
        program.add(_AT_LEAST, 0x40000000, 0, 1)
        program.add(_RETURN, _KILL)
    program.answer(_numbers(ALLOWED, machine).values(), _ALLOW)
    program.answer(_numbers(PRETENDED, machine).values(), _refuse(0))
    program.answer(_numbers(UNSUPPORTED, machine).values(), _refuse(errno.ENOTSUP))
    program.answer(_numbers(ABSENT, machine).values(), _refuse(errno.ENOSYS))
    numbers, rules = _numbers(CHECKED, machine), _rules()
    for name, number in numbers.items():
        program.when(number, rules[name])
    program.add(_AT_LEAST, _NEWER, 0, 1)
    program.add(_RETURN, _refuse(errno.ENOSYS))
    program.add(_RETURN, _refuse(errno.EPERM))
    return program.packed()
