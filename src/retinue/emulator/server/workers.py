"""Work that takes time, done in threads of the process that serves, and finished even when that process dies.

A job is stored by the transaction that asks for it, and taken away by the transaction that writes its result: however
often it is begun, its result is written once. A worker claims a job under a name whose lock file it holds as long as it
lives. Whoever opens the account, or has it open, frees the jobs of workers that do not live any more, and does them.

    workers/<name>      an empty SQLite database, locked by the process of that name until it ends, in whatever way
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from retinue.emulator.server.service import Call, Job, StoppedError, Work
from retinue.emulator.server.storage import Claimed, JsonObject, Storage

_ATTEMPTS = 3
"""How often a job is begun before it fails: one that takes its process down with it must not do so for ever."""
_PATIENCE = 5.0
"""Seconds that closing waits for a job that does not stop. What it would write later is written once, or not at all."""

_LOOK = 0.25
"""Seconds between two looks whether somebody has ended what a job is for: another process cannot tell this one."""

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pool:
    """The threads that do work of one kind."""

    threads: list[threading.Thread] = field(default_factory=list)
    lock: threading.Condition = field(default_factory=threading.Condition)
    idle: int = 0
    wanted: int = 0
    """How often somebody called since a thread looked."""


class Workers:
    """The workers of one open account, started by the first job there is."""

    def __init__(
        self,
        directory: Path,
        works: Mapping[str, Work],
        *,
        storage: Callable[[], Storage],
        call: Callable[[Storage, JsonObject], Call],
    ) -> None:
        self._directory = directory / "workers"
        self._works = works
        self._open_storage = storage
        self._call = call
        self._name = secrets.token_hex(8)
        self._lock: sqlite3.Connection | None = None
        self._pools = {kind: _Pool() for kind in works}
        self._stopping = threading.Event()
        self._watched: list[Claimed] = []
        self._watching = threading.Condition()
        self._watcher: threading.Thread | None = None

    def notice(self, storage: Storage) -> None:
        """Begin with what nobody does, also with what was left undone by those that are no more."""
        owners = storage.job_owners()
        left = [name for name in owners if name not in ("", self._name) and not _lives(self._directory / name)]
        if left:
            with storage.transaction(write=True):
                for name in left:
                    storage.free_jobs(name)
        if owners:
            for kind in storage.waiting_kinds(self._name, self._works):
                self._wake(kind)

    def reserve(self) -> str:
        """The name under which this process does work, from now on locked."""
        if self._lock is None:
            self._lock = _hold(self._directory / self._name)
        return self._name

    def _wake(self, kind: str) -> None:
        """There is work of this kind to do: one more thread for it, unless one has nothing to do or there are many."""
        if self._stopping.is_set():
            return
        self.reserve()
        pool = self._pools[kind]
        with pool.lock:
            pool.wanted = min(pool.wanted + 1, self._works[kind].threads)
            if pool.idle:
                pool.lock.notify()
            elif len(pool.threads) < self._works[kind].threads:
                name = f"local-account-{kind}-{len(pool.threads)}"
                thread = threading.Thread(target=self._run, args=(kind, pool), name=name, daemon=True)
                pool.threads.append(thread)
                thread.start()

    def stop(self) -> None:
        """Begin nothing any more, and ask the jobs under way to stop."""
        self._stopping.set()
        with self._watching:
            self._watching.notify_all()
        for pool in self._pools.values():
            with pool.lock:
                pool.lock.notify_all()

    def close(self) -> None:
        """As ``stop``, and wait for them. What is not done is left to whoever opens the account next."""
        self.stop()
        deadline = time.monotonic() + _PATIENCE
        watchers = [self._watcher] if self._watcher else []
        for thread in [*(each for pool in self._pools.values() for each in pool.threads), *watchers]:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._lock is not None:
            self._lock.close()
            (self._directory / self._name).unlink(missing_ok=True)

    def _run(self, kind: str, pool: _Pool) -> None:
        with contextlib.closing(self._open_storage()) as storage:
            while self._is_wanted(pool):
                try:
                    while not self._stopping.is_set() and (claimed := storage.claim_job(self._name, kind)):
                        if storage.waiting_kinds(self._name, [kind]):
                            self._wake(kind)
                        self._do(storage, claimed)
                except Exception:
                    _logger.exception("a worker could not go on")

    def _is_wanted(self, pool: _Pool) -> bool:
        """Wait until there is something to do; whether there is, or the account closes."""
        with pool.lock:
            pool.idle += 1
            while not pool.wanted and not self._stopping.is_set():
                pool.lock.wait()
            pool.idle -= 1
            pool.wanted = max(0, pool.wanted - 1)
        return not self._stopping.is_set()

    def _do(self, storage: Storage, claimed: Claimed) -> None:
        work = self._works[claimed.kind]
        read = partial(self._read, storage, claimed.body)
        job = Job(claimed.body, self._stopping, partial(self._write, storage, claimed), read)
        try:
            with self._watch(claimed):
                finish = work.perform(job) if claimed.attempts <= _ATTEMPTS else work.fail
        except StoppedError:
            storage.return_job(claimed)
            return
        except Exception:
            _logger.exception("a job of '%s' failed", claimed.kind)
            finish = work.fail
        for write in (finish, work.fail, _nothing):
            try:
                with contextlib.suppress(StoppedError), self._write(storage, claimed) as call:
                    write(call)
                    storage.remove_job(claimed)
                return
            except Exception:
                _logger.exception("the result of a job of '%s' could not be written", claimed.kind)

    @contextlib.contextmanager
    def _watch(self, claimed: Claimed) -> Iterator[None]:
        """While this lasts, somebody else may end what the job is for."""
        if self._works[claimed.kind].over is None:
            yield
            return
        with self._watching:
            self._watched.append(claimed)
            self._watching.notify_all()
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._look, name="local-account-watch", daemon=True)
                self._watcher.start()
        try:
            yield
        finally:
            with self._watching:
                self._watched.remove(claimed)

    def _look(self) -> None:
        with contextlib.closing(self._open_storage()) as storage:
            while not self._stopping.wait(_LOOK):
                with self._watching:
                    while not self._watched and not self._stopping.is_set():
                        self._watching.wait()
                    watched = list(self._watched)
                try:
                    self._stop_those_over(storage, watched)
                except Exception:
                    _logger.exception("whether somebody has ended work is not known")

    def _stop_those_over(self, storage: Storage, watched: Sequence[Claimed]) -> None:
        for each in watched:
            with self._read(storage, each.body) as call:
                over = self._works[each.kind].over
                if over is not None and (channel := over(call)) is not None:
                    call.live.stop(channel)

    @contextlib.contextmanager
    def _read(self, storage: Storage, body: JsonObject) -> Iterator[Call]:
        with storage.transaction(write=False):
            yield replace(self._call(storage, body), writes=False)

    @contextlib.contextmanager
    def _write(self, storage: Storage, claimed: Claimed) -> Iterator[Call]:
        """A transaction of a job, as long as the job is still this worker's."""
        with storage.transaction(write=True):
            if not storage.owns_job(claimed):
                raise StoppedError
            yield self._call(storage, claimed.body)


def _nothing(_call: Call) -> None:
    pass


def _hold(path: Path) -> sqlite3.Connection:
    """Lock a file of SQLite's, which any system lets go of when the process ends."""
    path.parent.mkdir(exist_ok=True)
    lock = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN EXCLUSIVE")
    return lock


def _lives(path: Path) -> bool:
    """Whether somebody holds this lock; when nobody does, the file goes."""
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
    path.unlink(missing_ok=True)
    return False
