"""A team with a project and a local account: writes files, plans, applies, and looks around with a plain client.

Nothing here knows how the engine works inside; the account's traffic can be watched, judged and broken.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import openai

from retinue import engine
from retinue.commands import show as looking
from retinue.emulator.server.quirks import Quirks
from retinue.emulator.server.transport import LocalTransport
from retinue.kinds import all_kinds
from retinue.kinds.kind import Kind
from retinue.kinds.stores import Nested
from retinue.model.steps import AccountInfo, Event, Plan
from retinue.model.values import Address
from retinue.planning.policy import Approval
from retinue.providers.openai.client import Account
from retinue.providers.openai.http_client import BoundedClient
from retinue.state.cache import Cache
from retinue.state.upload_journal import UploadJournal
from tests.support.description import CheckedTransport, find_description
from tests.support.forms import beta, collection_name, form, forms, forms_with_files

BASE_URL = "http://local.invalid/v1"
Wrap = Callable[[httpx2.BaseTransport], httpx2.BaseTransport]


class Recorder(httpx2.BaseTransport):
    """Passes exchanges on and notes their methods and paths."""

    def __init__(self, inner: httpx2.BaseTransport, calls: list[str]) -> None:
        self.inner = inner
        self.calls = calls

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.calls.append(f"{request.method} {request.url.path.removeprefix('/v1')}")
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


@dataclass
class FakeTime:
    """A clock that only moves when somebody sleeps, starting at a time the local account would also name."""

    now: float = 1_795_000_000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> float:
        return self.now


@dataclass
class Team:
    """One project directory with its local account. `calls` collects what the engine sent in the last session."""

    root: Path
    quirks: Quirks = field(default_factory=Quirks)
    calls: list[str] = field(default_factory=list)
    time: FakeTime = field(default_factory=FakeTime)
    checked: bool = True
    retries: int = 4
    full_refresh: bool = False
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (self.root / "retinue.yaml").exists():
            self.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\n")

    # ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    @property
    def account_directory(self) -> Path:
        return self.root / ".retinue" / "local"

    def forget_memory(self) -> None:
        """What a fresh clone on a fresh runner does not have."""
        for path in (self.root / ".retinue").glob("*.json*"):
            path.unlink()

    # ── the engine ────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def session(self, wrap: Wrap = lambda inner: inner) -> Iterator[engine.Session]:
        reading = engine.read(engine.Where(self.root, environ=self.environ))
        local = LocalTransport(self.account_directory, quirks=self.quirks, clock=self.time.clock)
        description = find_description() if self.checked else None
        judged = CheckedTransport(local, description) if description else None
        self.calls.clear()
        http = BoundedClient(transport=wrap(Recorder(judged or local, self.calls)))
        client = openai.OpenAI(base_url=BASE_URL, api_key="local", http_client=http, max_retries=0)
        info = AccountInfo("local")
        account = Account(client, info, retries=self.retries, sleep=self.time.sleep, clock=self.time.clock)
        try:
            known = (self.root / ".retinue", info, reading.project.stack)
            known_here = Cache.load(*known), UploadJournal.load(*known)
            yield engine.Session(reading, account, *known_here, all_kinds(), full_refresh=self.full_refresh)
            if judged:
                judged.check()
        finally:
            account.close()

    def plan(self, targets: Sequence[Address] = ()) -> Plan:
        with self.session() as session:
            return engine.plan(session, targets=targets)

    def apply(self, wrap: Wrap = lambda inner: inner, *, parallelism: int = 4) -> engine.Applied:
        """What a person does who looks at the plan and agrees."""
        with self.session(wrap) as session:
            session.parallelism = parallelism
            return engine.apply(session, engine.plan(session), approval=Approval(person=True))

    def destroy(self, wrap: Wrap = lambda inner: inner) -> engine.Applied:
        with self.session(wrap) as session:
            return engine.destroy(session, approval=Approval(destroy=True))

    # ── the account, as anybody else sees it ──────────────────────────────────────────────────────────────────────────

    @contextmanager
    def client(self) -> Iterator[openai.OpenAI]:
        transport = LocalTransport(self.account_directory, clock=self.time.clock)
        with openai.OpenAI(
            base_url=BASE_URL, api_key="local", http_client=httpx2.Client(transport=transport), max_retries=0
        ) as client:
            yield client

    def listed(self, path: str) -> list[dict[str, Any]]:
        """Every object of a collection but the markers of stacks, raw, sorted by id."""
        with self.client() as client:
            return [each for each in listed(client, path) if not is_marker(each)]

    def markers(self) -> list[dict[str, Any]]:
        """The markers of stacks, raw, sorted by id."""
        with self.client() as client:
            return [each for _, each in _markers(client)]

    def delete_markers(self) -> None:
        with self.client() as client:
            paths = [f"{path}/{each['id']}" for path, each in _markers(client)]
        for path in paths:
            self.send("delete", path)

    def objects(self, kind: Kind) -> list[dict[str, Any]]:
        with self.client() as client:
            return [each for each in objects(client, kind) if not is_marker(each)]

    def path(self, kind: Kind, raw: Mapping[str, Any]) -> str:
        """Where one live object stands."""
        return f"{form(kind).collection(form(kind).within_of(raw))}/{raw['id']}"

    def outputs(self) -> dict[str, str]:
        """Address → live id, as an application asks for them."""
        with self.session() as session:
            return {str(address): live_id for address, live_id in looking.outputs(session).items()}

    def copy_version(self, path: str) -> None:
        """Make another object with the files of an object that is kept in versions."""
        with self.client() as client:
            content = client.get(f"{path}/content", cast_to=httpx2.Response).content
            _upload(client, path.rpartition("/")[0], {"files": ("bundle.zip", content, "application/zip")})

    def versions(self, path: str) -> list[str]:
        """The numbers of the versions of an object."""
        return [str(each["version"]) for each in self.listed(f"{path}/versions")]

    def version_files(self, path: str) -> dict[str, str]:
        """The files of the default version of an object, path below their top folder → text."""
        with self.client() as client:
            content = client.get(f"{path}/content", cast_to=httpx2.Response).content
        archive = zipfile.ZipFile(io.BytesIO(content))
        return {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist()}

    def add_version(self, path: str, files: Mapping[str, str], *, default: bool = False) -> str:
        """A version uploaded by hand; gives its number."""
        with self.client() as client:
            sent = [("files[]", (f"by-hand/{name}", text.encode(), "text/plain")) for name, text in files.items()]
            made = _upload(client, f"{path}/versions", sent, default="true" if default else "false")
            return str(made["version"])

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """An edit such as a dashboard makes."""
        with self.client() as client:
            options: Any = {"headers": beta(path)}
            if method == "delete":
                answer = client.delete(path, cast_to=httpx2.Response, options=options)
            else:
                answer = client.post(path, cast_to=httpx2.Response, body=body, options=options)
            result: dict[str, Any] = answer.json()
            return result

    def state(self) -> dict[str, Any]:
        """All that is in the account but the markers of stacks: objects, files, and what is attached where."""
        with self.client() as client:
            everything = {
                collection_name(form(kind)): [each for each in objects(client, kind) if not is_marker(each)]
                for kind in all_kinds().values()
                if kind.stored
            }
            attached = {
                each["id"]: listed(client, store.files_path.format(id=each["id"]))
                for store in forms_with_files()
                for each in everything[collection_name(store)]
            }
            return {**everything, "files": listed(client, "/files"), "attached": attached}


def colleague(team: Team, name: str = "two") -> Team:
    """Somebody else with the same files, on another machine, in the same account."""
    root = team.root.parent / name
    shutil.copytree(team.root, root, ignore=lambda path, names: {".retinue"} & set(names))
    other = replace(team, root=root, calls=[])
    (root / ".retinue").mkdir()
    (root / ".retinue" / "local").symlink_to(team.account_directory)
    return other


def _markers(client: openai.OpenAI) -> list[tuple[str, dict[str, Any]]]:
    """The markers of stacks, each with the path of its collection."""
    paths = [each.path for each in forms() if each.marker]
    return [(path, each) for path in paths for each in listed(client, path) if is_marker(each)]


def _upload(client: openai.OpenAI, path: str, files: Any, **fields: str) -> dict[str, Any]:
    options: Any = {"headers": {"Content-Type": "multipart/form-data", **beta(path)}}
    answer = client.post(path, cast_to=httpx2.Response, body=fields, files=files, options=options)
    made: dict[str, Any] = answer.json()
    return made


def objects(client: openai.OpenAI, kind: Kind) -> list[dict[str, Any]]:
    """Every live object of a kind, raw, sorted by id; where they stand within others, of all of those."""
    if not kind.stored:
        return []
    if not isinstance(kind.store, Nested):
        return listed(client, form(kind).path)
    holders = objects(client, all_kinds()[kind.store.parent])
    found = [each for holder in holders for each in listed(client, form(kind).collection(holder["id"]))]
    return sorted(found, key=lambda each: str(each["id"]))


def listed(client: openai.OpenAI, path: str) -> list[dict[str, Any]]:
    """Every object of a collection, raw, sorted by id."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        options: Any = {"params": {"limit": 100, **({"after": after} if after else {})}, "headers": beta(path)}
        page = client.get(path, cast_to=httpx2.Response, options=options).json()
        found += page["data"]
        if not page["has_more"]:
            return sorted(found, key=lambda each: str(each["id"]))
        after = page["data"][-1]["id"]


def is_marker(raw: dict[str, Any]) -> bool:
    return "retinue.marker" in (raw.get("metadata") or {})


def stack_of(marker: Mapping[str, Any]) -> str:
    """The stack that a marker is of."""
    return str(marker["metadata"]["retinue.marker"]).partition("s=")[2]


def ended(events: Sequence[Event]) -> dict[str, str]:
    """How each step ended, by its key."""
    return {event.step.key: event.status for event in events if event.status not in ("started", "progress")}
