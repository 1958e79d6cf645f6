"""A local account to talk to with plain HTTP, its clock in the test's hands, every exchange checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue.emulator.server.quirks import NONE, Quirks
from retinue.emulator.server.transport import LocalTransport
from tests.support.description import CheckedTransport, find_description

HEADERS = {"openai-beta": "assistants=v2, agents=v1", "authorization": "Bearer key"}


@dataclass
class Clock:
    """Seconds that pass only when told to."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, *, days: float = 0, seconds: float = 0) -> None:
        self.now += days * 86_400 + seconds


@dataclass
class Account:
    """The few requests most tests need, in one line each."""

    http: httpx2.Client
    clock: Clock

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(path, params=query).raise_for_status().json()

    def post(self, path: str, **body: Any) -> Any:
        return self.http.post(path, json=body).raise_for_status().json()

    def delete(self, path: str) -> Any:
        return self.http.delete(path).raise_for_status().json()

    def add_file(self, name: str = "notes.txt", content: bytes = b"some words", purpose: str = "assistants") -> str:
        sent = self.http.post("/files", files={"file": (name, content)}, data={"purpose": purpose})
        return str(sent.raise_for_status().json()["id"])

    def add_store(self, *contents: tuple[str, bytes], **more: Any) -> str:
        ids = [self.add_file(name, content) for name, content in contents]
        return str(self.post("/vector_stores", file_ids=ids, **more)["id"])

    def add_skill(self, name: str = "basic-math") -> str:
        manifest = f"---\nname: {name}\ndescription: Numbers.\n---\n".encode()
        sent = self.http.post("/skills", files={"files[]": (f"{name}/SKILL.md", manifest)})
        return str(sent.raise_for_status().json()["id"])

    def ids(self, path: str, **query: Any) -> list[str]:
        return [each["id"] for each in self.get(path, **query)["data"]]


OpenAccount = Callable[..., Account]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_account(tmp_path: Path, clock: Clock) -> Iterator[OpenAccount]:
    """Open the account of this test; opened twice, it is the same directory through two transports."""
    opened: list[httpx2.Client] = []
    judges: list[CheckedTransport] = []
    description = find_description()

    def open_one(quirks: Quirks = NONE, **options: Any) -> Account:
        transport: httpx2.BaseTransport = LocalTransport(tmp_path / "account", quirks=quirks, clock=clock, **options)
        if description is not None and "services" not in options:  # those of a test are not described
            transport = CheckedTransport(transport, description)
            judges.append(transport)
        opened.append(httpx2.Client(transport=transport, base_url="http://local.invalid/v1", headers=HEADERS))
        return Account(opened[-1], clock)

    yield open_one
    for http in opened:
        http.close()
    for judge in judges:
        judge.check()


@pytest.fixture
def account(open_account: OpenAccount) -> Account:
    return open_account()
