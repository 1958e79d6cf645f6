"""Threads, messages, runs and run steps (``/threads``, Assistants API v2)."""

from __future__ import annotations

from retinue.emulator.server.service import Service, Work
from retinue.emulator.threads import message_endpoints, run_endpoints, run_step_endpoints, thread_endpoints
from retinue.emulator.threads.run_states import expire_run
from retinue.emulator.threads.run_work import RUNNING, fail_run, perform_run, run_over
from retinue.emulator.threads.thread_objects import RUNS

_AT_ONCE = 32
"""Runs that one process works on side by side: they wait for a model most of the time."""

SERVICE = Service(
    (
        *run_endpoints.ENDPOINTS,
        *thread_endpoints.ENDPOINTS,
        *message_endpoints.ENDPOINTS,
        *run_step_endpoints.ENDPOINTS,
    ),
    expiry={RUNS.object: expire_run},
    work={RUNNING: Work(perform_run, fail_run, over=run_over, threads=_AT_ONCE)},
)

__all__ = ["SERVICE"]
