"""What can go wrong, as types, and the exit code each one means.

    RetinueError                 1  anything below; carries diagnostics
    ├── DeclarationError         1  the files are wrong; every mistake at once
    ├── AccountError             1  the account refused or could not be reached
    │   └── CredentialError      1  no key, or a key the account does not take
    ├── StaleError               3  the account moved on since the plan was made
    │   └── OvertakenError       3  somebody else applied the stack since then
    ├── BlockedError             4  a guard, a protection or ownership forbids it
    ├── PartialError             5  some steps were carried out, others were not
    ├── LeaseError               6  somebody else is applying the stack
    ├── UnfinishedError          7  an answer ended before it was complete
    ├── ExpiredError             8  an answer took longer than the account waits
    ├── UnansweredError          9  a function that an answer needs was carried out by nobody
    ├── UsageError              64  the command line is wrong
    └── Interrupted            130  the person pressed Ctrl-C

Anything else that escapes is our bug and exits 70.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from retinue.model.declared import Diagnostic


class RetinueError(Exception):
    """A failure that has an explanation. `diagnostics` say where, what and what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.diagnostics = tuple(diagnostics)


class DeclarationError(RetinueError):
    """The declarations hold mistakes. Nothing was sent."""

    @classmethod
    def of(cls, diagnostics: Sequence[Diagnostic]) -> DeclarationError:
        errors = sum(1 for each in diagnostics if each.severity == "error")
        return cls(f"{errors} {'error' if errors == 1 else 'errors'} in the declarations", diagnostics=diagnostics)


class AccountError(RetinueError):
    """The account answered with an error or could not be reached.

    `status` is the HTTP status (None when there was no answer), `request_id` the server's name for the request.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.request_id = request_id


class CredentialError(AccountError):
    """There is no key for the account, or the account does not take it."""


class StaleError(RetinueError):
    """The account is no longer as it was when the plan was made."""

    exit_code = 3


class OvertakenError(StaleError):
    """Somebody else applied the stack after the plan was made: a new plan settles it."""


class BlockedError(RetinueError):
    """A guard, a protection or somebody else's ownership forbids the plan."""

    exit_code = 4


class PartialError(RetinueError):
    """Some steps were carried out and others failed; the next apply continues."""

    exit_code = 5


class LeaseError(RetinueError):
    """Somebody else is applying the stack. `ends` is when their lease does unless they renew it, in Unix seconds by the
    account's clock; None when that is not known."""

    exit_code = 6

    def __init__(self, message: str, *, hint: str | None = None, ends: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.ends = ends


class UnfinishedError(RetinueError):
    """An answer ended before it was complete: at a limit of tokens, or because of its content."""

    exit_code = 7


class ExpiredError(RetinueError):
    """An answer took longer than the account waits for one."""

    exit_code = 8


class UnansweredError(RetinueError):
    """A function that an answer needs was carried out by nobody."""

    exit_code = 9


class UsageError(RetinueError):
    """The command line does not make sense."""

    exit_code = 64


class Interrupted(RetinueError):  # noqa: N818 - named for what happened; it is not a fault
    """The person asked to stop; what was under way was finished first."""

    exit_code = 130


OUR_BUG = 70
CHANGES = 2
"""With `--detailed-exitcode`: done, and there is something to do."""


def reason_of(error: OSError) -> str:
    """What the system says of a failure, as the end of a sentence."""
    return (error.strerror or str(error)).lower()


_FULL = "make room on the disk, or have more of it assigned to you, then run the command again"
_WAYS_OUT = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "let this process write larger files (ulimit -f), then run the command again",
    errno.EROFS: "choose a place that is not mounted read-only, or mount this one for writing",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "let this process open more files (ulimit -n), then run the command again",
    errno.ENFILE: "close programs that have many files open, then run the command again",
    errno.ELOOP: "correct the symbolic links on the way there: they lead in a circle",
}
_BY_REASON = {
    **_WAYS_OUT,
    errno.EACCES: "look at who may read and write there",
    errno.EPERM: "look at who may read and write there",
    errno.ENOENT: "look whether it is there, and its directory",
    errno.ENOTDIR: "name a path whose directories are directories: one of them is a file",
    errno.EISDIR: "name a file: this is a directory",
}


def way_out(error: OSError, otherwise: str) -> str:
    """What to do about a failure: `otherwise`, which is about who may do something and about what is there, unless the
    system gives another reason."""
    return _WAYS_OUT.get(error.errno or 0, otherwise)


def machine_error(error: OSError) -> RetinueError:
    """The error for something that this machine does not let us do, where nothing more is known of it."""
    path = error.filename
    if path is None and isinstance(error, FileNotFoundError) and not _is_somewhere():
        where = f" '{os.environ['PWD']}'" if os.environ.get("PWD") else ""
        return RetinueError(f"the working directory{where} is not there any more", hint="change to one that is: cd DIR")
    what = f"cannot use '{os.fsdecode(path)}'" if isinstance(path, str | bytes) else "this machine refuses something"
    hint = _BY_REASON.get(error.errno or 0, "look at who may read and write there, and whether the disk is full")
    return RetinueError(f"{what}: {reason_of(error)}", hint=hint)


def _is_somewhere() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - pathlib does the same, and more
    except OSError:
        return False
    return True


def cannot_write(path: object, error: OSError, *, hint: str) -> RetinueError:
    """The error for a file, or a directory, that cannot be written. `hint` is what to do unless the reason is one that
    is mended otherwise, such as a full disk."""
    return RetinueError(f"cannot write '{path}': {reason_of(error)}", hint=way_out(error, hint))
