"""Sees to it that a signal is heard at once, whatever the main thread waits for.

Python runs the handler of a signal in the main thread, between two steps of it. A signal that comes when that thread
has just decided to wait for a lock, and does not wait yet, ends no wait: Ctrl-C would be answered when the request
under way is over, which may take minutes. So another thread, which the system tells of each signal, wakes the main
thread again.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

HEARD = frozenset({signal.SIGINT, signal.SIGTERM})
NUDGES, PAUSE = 20, 0.05
"""How often the main thread is woken after a signal, and how many seconds apart: long enough for a busy machine."""


def stay_wakeful() -> None:
    """Begin with it, for the rest of the process; nothing where the system has no such signals."""
    nudge = getattr(signal, "SIGURG", None)
    if nudge is None or not hasattr(signal, "pthread_kill"):
        return
    heard, told = os.pipe()
    os.set_blocking(told, False)

    def nothing(number: int, frame: FrameType | None) -> None:
        """What has come before is handled, too, when a handler is."""

    def wake() -> None:
        main = threading.main_thread().ident
        while main is not None and (numbers := os.read(heard, 64)):
            for _ in range(NUDGES if HEARD & set(numbers) else 0):
                time.sleep(PAUSE)
                signal.pthread_kill(main, nudge)

    signal.signal(nudge, nothing)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    threading.Thread(target=wake, name="retinue-wake", daemon=True).start()
