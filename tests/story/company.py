"""A company that keeps its assistants in a repository: its git server, the checkouts on its machines, and its account.

git is real, the account is the local one behind a key on loopback, and every command is the one a person would type.
What anything printed is kept, so that in the end it can be searched for what nobody may ever print.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import httpx2
import openai

from retinue.cli import main
from retinue.emulator.server.app import LocalAccount, create_app
from retinue.emulator.server.loopback import running_server
from retinue.kinds import all_kinds
from tests.support.forms import beta
from tests.support.team import is_marker, listed, objects

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

KEY, OTHER_KEY = "sk-canary-the-key-of-the-account", "sk-canary-the-key-of-another-account"
SECRETS = {"staging": "canary-crm-of-staging", "production": "canary-crm-of-production"}
ROTATED = "canary-crm-of-production-after-the-rotation"
CANARIES = (KEY, OTHER_KEY, *SECRETS.values(), ROTATED)
SECOND_OF_NOVEMBER = 1_793_606_400.0
DAY = 24 * 3600.0
_DIGEST = re.compile(r"\bpd1:[0-9a-f]{4}(?:-[0-9a-f]{4}){3}")


@dataclass(frozen=True)
class Result:
    """How a command ended and what it printed."""

    command: str
    code: int
    out: str
    err: str

    @property
    def digest(self) -> str:
        """That of the plan that was shown."""
        return str(_DIGEST.findall(self.out)[-1])


@dataclass
class Watched:
    """What stands between the account and its clients: it notes their requests, and lets things happen at one."""

    app: LocalAccount
    other: LocalAccount
    """Whom the other key opens."""
    calls: list[str] = field(default_factory=list)
    sent: bytearray = field(default_factory=bytearray)
    """Every body that was sent: the account itself keeps no secret."""
    moments: list[tuple[re.Pattern[str], Callable[[], object]]] = field(default_factory=list)

    def once(self, pattern: str, act: Callable[[], object]) -> None:
        """At the first request that matches ("METHOD /path"): after the account has done it, before it answers."""
        self.moments.append((re.compile(pattern), act))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            self.other.close()
            return
        if f"Bearer {OTHER_KEY}".encode() in dict(scope["headers"]).get(b"authorization", b""):
            await self.other(scope, receive, send)
            return
        call = f"{scope['method']} {scope['path'].removeprefix('/v1')}"
        self.calls.append(call)
        moment = next((each for each in self.moments if each[0].fullmatch(call)), None)

        async def heard() -> Message:
            message = await receive()
            self.sent += message.get("body", b"")
            return message

        if moment is None:
            await self.app(scope, heard, send)
            return
        self.moments.remove(moment)
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self.app(scope, heard, keep)
        await asyncio.to_thread(moment[1])
        for message in answer:
            await send(message)


@dataclass
class Checkout:
    """A clone of a repository on some machine, with what that machine remembers."""

    company: Company
    path: Path
    environ: Mapping[str, str]

    def git(self, *args: str) -> str:
        return self.company.git(*args, cwd=self.path)

    def __call__(self, *args: str) -> Result:
        """A command of Retinue, run in the checkout without a terminal, with the secrets of its environment."""
        out, err = io.StringIO(), io.StringIO()
        given = mock.patch.dict(os.environ, self._environ(args), clear=True)
        with given, chdir(self.path), redirect_stdout(out), redirect_stderr(err):
            code = main(args)
        result = Result(" ".join(args), code, out.getvalue(), err.getvalue())
        self.company.printed.append(f"$ retinue {result.command}\n{result.out}{result.err}")
        return result

    def start(self, *args: str) -> subprocess.Popen[str]:
        """The same in a process of its own, which can die."""
        return subprocess.Popen(
            [sys.executable, "-m", "retinue", *args],
            cwd=self.path,
            env={**self._environ(args), "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ended(self, process: subprocess.Popen[str]) -> Result:
        out, _ = process.communicate(timeout=60)
        self.company.printed.append(out)
        return Result("", process.returncode, out, "")

    def _environ(self, args: tuple[str, ...]) -> dict[str, str]:
        found = {"PATH": os.environ["PATH"], "HOME": str(self.company.home), **self.environ}
        tokens = [token for stage, token in self.company.secrets.items() if stage in args]
        return {**found, "CRM_TOKEN": tokens[0]} if tokens else found

    def read(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.read(name)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def begin(self, branch: str) -> None:
        """A branch of today's main."""
        self.git("fetch", "--quiet", "origin")
        self.git("checkout", "--quiet", "-B", branch, "origin/main")

    def propose(self, title: str) -> Checkout:
        """Commit, push, and open a pull request: gives the checkout that its pipeline works in."""
        branch = self.git("rev-parse", "--abbrev-ref", "HEAD")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", title)
        self.git("push", "--quiet", "--force", "origin", branch)
        return self.company.runner(branch, repository=self.company.repository_of(self.path))

    def merge(self) -> Checkout:
        """Merge the branch that is checked out: gives the checkout that the pipeline of main works in."""
        branch = self.git("rev-parse", "--abbrev-ref", "HEAD")
        self.git("fetch", "--quiet", "origin")
        self.git("checkout", "--quiet", "-B", "main", "origin/main")
        self.git("merge", "--quiet", "--no-ff", "--message", f"Merge {branch}", branch)
        self.git("push", "--quiet", "origin", "main")
        return self.company.runner(repository=self.company.repository_of(self.path))


@dataclass
class Company:
    """Everything. `printed` is what all commands printed, `calls` the requests since somebody cleared them."""

    home: Path
    url: str
    account: Watched
    client: openai.OpenAI
    printed: list[str] = field(default_factory=list)
    runs: int = 0
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    shift: list[float] = field(default_factory=lambda: [0.0])

    # ── machines ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def git(self, *args: str, cwd: Path) -> str:
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "advice.detachedHead=false"]
        environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = subprocess.run(
            ["git", *identity, *args], cwd=cwd, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"git {' '.join(args)}: {done.stderr}"
        return done.stdout.strip()

    def found(self, repository: str) -> None:
        """An empty repository on the company's git server."""
        self.git("init", "--quiet", "--bare", "--initial-branch=main", f"{repository}.git", cwd=self.home)

    def machine(self, name: str, repository: str = "helpdesk", **environ: str) -> Checkout:
        """A person's machine, which is kept."""
        path = self.home / f"{name}-{repository}"
        if not path.exists():
            self.git("clone", "--quiet", f"{repository}.git", path.name, cwd=self.home)
        return Checkout(self, path, self._environ(environ))

    def runner(self, branch: str = "main", *, repository: str = "helpdesk") -> Checkout:
        """A machine of the pipeline: new at every run, and it remembers nothing."""
        self.runs += 1
        name = f"run-{self.runs}"
        self.git("clone", "--quiet", "--branch", branch, f"{repository}.git", name, cwd=self.home)
        run = {"CI": "true", "GITHUB_REPOSITORY": f"acme/{repository}", "GITHUB_RUN_ID": str(self.runs)}
        return Checkout(self, self.home / name, self._environ(run))

    def repository_of(self, path: Path) -> str:
        return Path(self.git("remote", "get-url", "origin", cwd=path)).stem

    def _environ(self, more: Mapping[str, str]) -> dict[str, str]:
        return {"OPENAI_BASE_URL": self.url, "HELPDESK_KEY": KEY, **more}

    def kept(self, name: str) -> str:
        """Where an artifact of a pipeline is kept between its runs."""
        path = self.home / "artifacts" / name
        path.parent.mkdir(exist_ok=True)
        return str(path)

    def later(self, *, days: float = 0, minutes: float = 0) -> None:
        """Let time pass, by the account's clock."""
        self.shift[0] += days * DAY + minutes * 60

    # ── the account, as the dashboard shows it ────────────────────────────────────────────────────────────────────────

    def dashboard(self, path: str, **fields: Any) -> dict[str, Any]:
        """Create or edit an object by hand."""
        options: Any = {"headers": beta(path)}
        answer = self.client.post(path, cast_to=httpx2.Response, body=fields, options=options)
        made: dict[str, Any] = answer.json()
        return made

    def all(self, path: str) -> list[dict[str, Any]]:
        return [each for each in listed(self.client, path) if not is_marker(each)]

    def markers(self, stack: str) -> list[dict[str, Any]]:
        found = listed(self.client, "/vector_stores")
        return [each for each in found if is_marker(each) and each["name"].endswith(f" {stack}")]

    def assistant(self, name: str, stack: str | None = "helpdesk-production") -> dict[str, Any]:
        """The one assistant of a stack, or of nobody, that people call by this name."""
        owner = f"1;s={stack};" if stack else ""
        found = [
            each
            for each in self.all("/assistants")
            if each["name"] == name and each["metadata"].get("retinue", "").startswith(owner)
        ]
        (one,) = [each for each in found if stack or "retinue" not in each["metadata"]]
        return one

    def state(self) -> dict[str, Any]:
        """All that is in the account, by kind, and what is attached where."""
        kinds = [kind for kind in all_kinds().values() if kind.stored]
        everything: dict[str, Any] = {kind.name: objects(self.client, kind) for kind in kinds}
        everything["file"] = listed(self.client, "/files")
        stores = [each["id"] for each in everything["vector_store"]]
        everything["attached"] = {each: listed(self.client, f"/vector_stores/{each}/files") for each in stores}
        return everything

    @property
    def project(self) -> str:
        """What the account calls itself."""
        return str(self.client.get("/models", cast_to=httpx2.Response).headers["openai-project"])

    def writes(self) -> list[str]:
        """The requests that write, since the last time somebody asked."""
        written = [each for each in self.account.calls if not each.startswith("GET")]
        self.account.calls.clear()
        return written

    # ── what must hold whatever happened ──────────────────────────────────────────────────────────────────────────────

    def leaks(self) -> list[str]:
        """Where a secret or the key can be read: in what was printed, in files outside the account, in objects."""
        found = [text.partition("\n")[0] for text in self.printed if any(each in text for each in CANARIES)]
        files = [path for path in self.home.rglob("*") if path.is_file() and self.home / "account" not in path.parents]
        found += [str(path) for path in files if any(each.encode() in path.read_bytes() for each in CANARIES)]
        found += [kind for kind, held in self.state().items() if any(each in str(held) for each in CANARIES)]
        return found

    def orphans(self) -> list[str]:
        """Files that nothing in the account holds."""
        state = self.state()
        everything_else = str({kind: held for kind, held in state.items() if kind != "file"})
        return [each["filename"] for each in state["file"] if each["id"] not in everything_else]


@contextmanager
def found_company(home: Path) -> Iterator[Company]:
    """A company on its first day."""
    shift = [0.0]
    begun = time.monotonic()
    watched: list[Watched] = []

    def around(app: LocalAccount) -> Watched:
        watched.append(Watched(app, create_app(home / "account" / "other", api_key=OTHER_KEY)))
        return watched[0]

    def clock() -> float:
        return SECOND_OF_NOVEMBER + time.monotonic() - begun + shift[0]

    with (
        running_server(home / "account", api_key=KEY, around=around, clock=clock) as url,
        openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client,
    ):
        yield Company(home, url, watched[0], client, shift=shift)


@dataclass
class Pause:
    """A moment that lasts until somebody ends it."""

    reached: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> None:
        self.reached.set()
        assert self.over.wait(timeout=60)
