"""What a service is written in: its endpoints, how each request is read and answered, and what ends by the clock.

Handlers take a Call, return values and raise ApiError; only ``app`` writes HTTP. Every package beside ``server`` that
has a ``SERVICE`` is one that the account hosts; there is nothing else to register.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from retinue.emulator.embeddings.embedder import Embedder
from retinue.emulator.language_models.language_model import LanguageModel
from retinue.emulator.language_models.rehearsal import Rehearsal
from retinue.emulator.server.live_events import LiveEvents
from retinue.emulator.server.quirks import Quirks
from retinue.emulator.server.request_checks import Check
from retinue.emulator.server.storage import JsonObject, Storage, Stored


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a multipart request, already on disk."""

    name: str
    """The name of its part, such as ``file`` or ``files[]``."""
    filename: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Call:
    """One request, inside one transaction of the storage."""

    storage: Storage
    quirks: Quirks
    now: int
    writes: bool
    """Whether the transaction may write. A read that finds nothing to settle runs without the write lock."""
    new_id: Callable[[str], str]
    services: Hosted
    live: LiveEvents
    """What is told of work while it is done."""
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    """What was asked for after ``?``; of a name given more than once, the last value."""
    body: JsonObject = field(default_factory=dict)
    files: tuple[SentFile, ...] = ()
    prepared: Any = None
    """What the endpoint's ``prepare`` gave."""
    asked: tuple[tuple[str, str], ...] = ()
    """The whole query in the order it was sent, for names given more than once."""

    def file(self, name: str) -> SentFile | None:
        """The file sent under this name, the last one if there are several."""
        return next((each for each in reversed(self.files) if each.name == name), None)

    def enqueue(self, kind: str, body: JsonObject, *, here: bool = False) -> None:
        """Have a worker do this once the transaction is over. ``kind`` is that of a service's ``work``.

        ``here`` is for what somebody follows: it is done by this process, as long as that lives.
        """
        if kind not in self.services.work:
            raise LookupError(f"no service does work of kind '{kind}'")
        self.storage.add_job(kind, body, owner=self.services.reserve() if here else "")

    def publish(self, channel: str, *pieces: bytes) -> None:
        """Tell those who follow, once the transaction is over: what they look at then is as they were told."""
        self._tell([(channel, each) for each in pieces])

    def end(self, channel: str) -> None:
        """As ``publish``: nothing more comes."""
        self._tell([(channel, None)])

    def _tell(self, news: Sequence[tuple[str, bytes | None]]) -> None:
        """All that one transaction tells is told at once."""
        gathered = self.storage.news
        if not gathered:
            self.storage.after_commit(lambda: self.live.tell(gathered))
        gathered += news

    def stop(self, channel: str) -> None:
        """Ask whoever works on this to leave off, once the transaction is over."""
        self.storage.after_commit(lambda: self.live.stop(channel))

    def remove(self, stored: Stored) -> None:
        """Remove an object, after the services that hold on to objects of its collection have let go of it."""
        for let_go in self.services.removals.get(stored.collection, ()):
            let_go(self, stored)
        self.storage.remove(stored)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer that is bytes already: a page of stored JSON, or the content of a file."""

    content: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer that is sent piece by piece, each as soon as it is there, after the transaction of the request.

    An asynchronous iterator runs on the event loop, and may open transactions of its own as long as it awaits nothing
    inside. A synchronous one runs in a thread, and must not touch the storage. When the client goes away the first is
    cancelled where it waits and the second closed after the piece it is at; if it fails the connection breaks.
    """

    pieces: AsyncIterator[bytes] | Iterator[bytes]
    media_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


def server_sent_event(data: JsonObject | str, *, event: str | None = None) -> bytes:
    """One event of a ``text/event-stream``; ``[DONE]``, which ends most of the API's streams, is data that is text."""
    content = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {event}\ndata: {content}\n\n".encode() if event else f"data: {content}\n\n".encode()


@dataclass(frozen=True, slots=True)
class StaticFile:
    """What a browser gets to see without a key: there is nothing of the account in it."""

    path: Path
    media_type: str


Answer: TypeAlias = JsonObject | Rendered | Streamed
Declared: TypeAlias = Callable[[], Mapping[str, Mapping[str, str]]]
"""Gives, by stack and address, the places of declarations, such as ``assistants/tutor.yaml:3``."""
Handler: TypeAlias = Callable[[Call], Answer]
OnStored: TypeAlias = Callable[[Call, Stored], None]


class Sandbox(Protocol):
    """What runs the code of a model, and nothing but that: the package ``sandbox``, or another one of its shape."""

    def open_session(self, directory: Path) -> AbstractContextManager[CodeSession]:
        """A confined interpreter that knows the directory as ``/mnt/data``. Raises with the reason where nothing
        confines it: code never runs unconfined."""

    def read_written(self, directory: Path, name: str, most: int) -> bytes:
        """The content of a file that code wrote there. Raises when it is not to be read, or longer than ``most``."""


class CodeSession(Protocol):
    """A confined interpreter that keeps its variables."""

    def run(self, code: str, stop: threading.Event) -> CodeOutcome:
        """Raises when it cannot be confined any more."""


class CodeOutcome(Protocol):
    """What came of a piece of code."""

    @property
    def logs(self) -> str:
        """What it printed."""

    @property
    def error(self) -> str | None:
        """Why it did not end well."""

    @property
    def files(self) -> Sequence[WrittenByCode]:
        """What it wrote or changed."""

    @property
    def left_out(self) -> Sequence[str]:
        """What else it wrote, each with the reason why nobody is given it."""


class WrittenByCode(Protocol):
    @property
    def name(self) -> str:
        """Relative to the directory."""

    @property
    def size(self) -> int: ...

    @property
    def image(self) -> str | None:
        """Its media type, if it is a picture."""


Reading: TypeAlias = Callable[[], AbstractContextManager[Call]]
"""A transaction that reads, and keeps nobody from writing meanwhile."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What an endpoint may need before it answers."""

    services: Hosted
    path: Mapping[str, str]
    body: JsonObject
    reading: Reading


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    body: Check | None = None
    """How a JSON body (or the fields of a form) is checked; None when the endpoint takes none."""
    form: bool = False
    beta: str | None = None
    """The value of ``OpenAI-Beta`` without which the endpoint refuses."""
    status: int = 200
    """The status of an answer that is no refusal."""
    prepare: Callable[[Preparation], Any] | None = None
    """What others have to be asked, or what has to be worked out, before the transaction and in a thread, so that
    nobody else waits."""
    reserved: tuple[str, ...] = ()
    """What the ``{id}`` of the path never is, because the API has a collection of that name there."""


class StoppedError(Exception):
    """The account closes, or somebody else has the job by now: leave it."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker was asked to do. It is begun anew when its process ends before it does."""

    body: JsonObject
    """What was given to ``Call.enqueue``."""
    stopping: threading.Event
    """Set when the account closes. Who waits for something should wait for this as well."""
    transaction: Callable[[], AbstractContextManager[Call]]
    """A short transaction, for what the work needs to know and for what is to be seen of it meanwhile. Raises
    StoppedError when the job is not this worker's any more."""
    reading: Reading

    def check(self) -> None:
        """To be called between the steps of the work: raises StoppedError when it is to be left to the next start."""
        if self.stopping.is_set():
            raise StoppedError


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work that takes time."""

    perform: Callable[[Job], Callable[[Call], None]]
    """Does it, outside any transaction and in a thread; gives what writes the result, which happens exactly once."""
    fail: Callable[[Call], None]
    """What is written instead when ``perform`` raised, or was begun too often without coming to an end."""
    patience: float = 0.0
    """Seconds that the answer to whoever asked for it waits for its end, so that what is quick is there right after."""
    over: Callable[[Call], str | None] | None = None
    """Of work that somebody may end, whichever process they ask: the channel to stop on, once somebody has."""
    threads: int = 4
    """How many of its jobs are done side by side by one process."""


@dataclass(frozen=True, slots=True)
class Service:
    """A part of the API that the account hosts. Collections are named by what objects of theirs have as ``object``."""

    endpoints: tuple[Endpoint, ...]
    expiry: Mapping[str, OnStored] = field(default_factory=dict)
    """What becomes of an object of a collection of this service when the clock passes its ``expires_at``."""
    removals: Mapping[str, OnStored] = field(default_factory=dict)
    """What this service does before an object of another service's collection is removed."""
    work: Mapping[str, Work] = field(default_factory=dict)
    """What its workers do, by the kind that ``Call.enqueue`` is given."""
    internal: tuple[Endpoint, ...] = ()
    """What is no part of the API, by whole paths that begin with ``/_internal``."""
    static: Mapping[str, StaticFile] = field(default_factory=dict)
    """What is the same for everybody, by whole paths."""


class Hosted:
    """The services of one account, put together. Raises ValueError when two lay claim to one collection or work."""

    def __init__(
        self,
        services: Sequence[Service],
        *,
        language_model: LanguageModel | None = None,
        embedder: Embedder | None = None,
        sandbox: Sandbox | None = None,
        declared: Declared | None = None,
    ) -> None:
        self.declared = declared
        """Says where objects are declared; None where nobody knows."""
        self.language_model: LanguageModel = language_model or Rehearsal()
        """What answers."""
        self.embedder = embedder
        """What gives texts their vectors; None where stores are searched by words."""
        self._sandbox = sandbox
        self.reserve: Callable[[], str] = str
        """Gives the name under which this process does work; what it is given to do, no other one takes."""
        self.endpoints = tuple(endpoint for service in services for endpoint in service.endpoints)
        self.internal = tuple(endpoint for service in services for endpoint in service.internal)
        self.static = {path: file for service in services for path, file in service.static.items()}
        self.expiry: dict[str, OnStored] = {}
        self.work: dict[str, Work] = {}
        self.removals: dict[str, list[OnStored]] = {}
        for service in services:
            if both := (self.expiry.keys() & service.expiry.keys()) | (self.work.keys() & service.work.keys()):
                raise ValueError(f"two services lay claim to {', '.join(sorted(both))}")
            self.expiry.update(service.expiry)
            self.work.update(service.work)
            for collection, let_go in service.removals.items():
                self.removals.setdefault(collection, []).append(let_go)

    @property
    def sandbox(self) -> Sandbox:
        """What runs the code of models; unless one was given, in whatever this machine has that confines it."""
        if self._sandbox is None:
            from retinue.emulator import sandbox  # only who runs code pays for it

            self._sandbox = sandbox
        return self._sandbox

    def clear_sandbox(self) -> None:
        """Remove the files of code that ran in processes which were killed."""
        if sys.platform == "linux":  # elsewhere no code runs
            from retinue.emulator.sandbox.temporary_directories import remove_abandoned

            remove_abandoned()


@cache
def find_services() -> tuple[Service, ...]:
    """Every service of this package, in the order of their names."""
    emulator = importlib.import_module(__name__.rpartition(".server")[0])
    found = pkgutil.iter_modules(emulator.__path__, f"{emulator.__name__}.")
    packages = [importlib.import_module(each.name) for each in found if each.ispkg]
    return tuple(package.SERVICE for package in packages if hasattr(package, "SERVICE"))
