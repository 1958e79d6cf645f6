"""Runs Python that a model wrote, confined: no network, no files but the thread's own, bounded in all that it takes.

Where this machine has nothing that confines, it is not run. docs/sandbox.md says what confines, and what is left.
"""

from retinue.emulator.sandbox.code_session import EndedBy, Outcome, Session
from retinue.emulator.sandbox.confinements import UnavailableError
from retinue.emulator.sandbox.detection import Confinement, NoConfinementError, confinement, open_session, why_not
from retinue.emulator.sandbox.limits import DEFAULT, Limits
from retinue.emulator.sandbox.written_files import UnsafeFileError, WrittenFile, read_written

__all__ = [
    "DEFAULT",
    "Confinement",
    "EndedBy",
    "Limits",
    "NoConfinementError",
    "Outcome",
    "Session",
    "UnavailableError",
    "UnsafeFileError",
    "WrittenFile",
    "confinement",
    "open_session",
    "read_written",
    "why_not",
]
