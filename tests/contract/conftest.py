"""The backends the contract is checked on: the local account in-process and over a socket, and a real account.

The real one takes part only when asked for (``--live`` or ``RETINUE_LIVE=1``, with ``OPENAI_API_KEY``): it creates and
deletes objects there. On it, tests that rely on a list showing what was just created are skipped, because lists lag.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types import FileObject, Skill, VectorStore
from openai.types.beta import Agent, Assistant

from retinue.emulator.server.loopback import running_server
from retinue.emulator.server.transport import LocalTransport
from tests.support.description import CheckedTransport, find_description

COLLECTIONS = (
    "assistants",
    "agents/automations",
    "agents/environments/templates",
    "agents",
    "vaults",
    "skills",
    "vector_stores",
    "files",
)
MANIFEST = "---\nname: basic-math\ndescription: Add or multiply numbers.\n---\n\nUse this for sums.\n"


@dataclass(frozen=True)
class Backend:
    """An empty account and ways to talk to it; retries are off, so that every answer is seen."""

    name: str
    client: openai.OpenAI
    """Parses responses with the SDK's own types, strictly."""
    lenient: openai.OpenAI
    """The same without strictness, for the deviations named in test_deviations.py."""
    http: httpx2.Client
    """Plain HTTP, with the key, for what the SDK would not send."""

    @property
    def is_real(self) -> bool:
        return self.name == "real"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        is_live = metafunc.config.getoption("--live", default=False) or os.environ.get("RETINUE_LIVE") == "1"
        real = [pytest.param("real", marks=pytest.mark.live)] if is_live else []
        metafunc.parametrize("backend", ["in-process", "socket", *real], indirect=True)


@pytest.fixture
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    match request.param:
        case "in-process":
            yield from _talk(request.param, "http://local.invalid/v1", "local", LocalTransport(tmp_path / "account"))
        case "socket":
            base_url = request.getfixturevalue("served")
            yield from _talk(request.param, base_url, "local", httpx2.HTTPTransport(verify=False))
            _empty(base_url)
        case _:
            key = os.environ.get("OPENAI_API_KEY")
            if not key:
                pytest.skip("a real account needs OPENAI_API_KEY")
            base_url = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
            yield from _talk(request.param, base_url, key, httpx2.HTTPTransport())


def _talk(name: str, base_url: str, key: str, transport: httpx2.BaseTransport) -> Iterator[Backend]:
    description = find_description()
    checked = CheckedTransport(transport, description) if description and name != "real" else None
    headers = {"authorization": f"Bearer {key}"}
    with httpx2.Client(transport=checked or transport, base_url=base_url, headers=headers, timeout=60) as http:
        strict, lenient = (
            openai.OpenAI(
                base_url=base_url, api_key=key, http_client=http, max_retries=0, _strict_response_validation=strictly
            )
            for strictly in (True, False)
        )
        yield Backend(name, strict, lenient, http)
    if checked is not None:
        checked.check()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all tests of a run: starting and stopping one takes longer than most tests."""
    with running_server(tmp_path_factory.mktemp("served")) as base_url:
        yield base_url


def _empty(base_url: str) -> None:
    # verify=False: plain HTTP on loopback, and loading certificates takes longer than the requests.
    with httpx2.Client(base_url=base_url, headers={"openai-beta": "assistants=v2, agents=v1"}, verify=False) as http:
        for collection in COLLECTIONS:
            for each in http.get(f"/{collection}", params={"limit": 100}).json()["data"]:
                http.delete(f"/{collection}/{each['id']}").raise_for_status()


@pytest.fixture
def client(backend: Backend) -> openai.OpenAI:
    return backend.client


@pytest.fixture
def lists_at_once(backend: Backend) -> None:
    """For tests that list what they just created."""
    if backend.is_real:
        pytest.skip("lists of a real account lag behind creation")


@pytest.fixture
def has_assistants(backend: Backend) -> None:
    if backend.is_real and backend.http.get("/assistants").status_code == 404:
        pytest.skip("this account has no Assistants API")


@pytest.fixture
def has_agents(backend: Backend) -> None:
    if backend.is_real and backend.http.get("/agents", headers={"openai-beta": "agents=v1"}).status_code == 404:
        pytest.skip("this account has no Agents API")


@pytest.fixture
def make_file(client: openai.OpenAI) -> Iterator[Callable[..., FileObject]]:
    made: list[FileObject] = []

    def make(name: str = "notes.txt", content: bytes = b"The quick brown fox.", **more: Any) -> FileObject:
        made.append(client.files.create(file=(name, content), **{"purpose": "assistants", **more}))
        return made[-1]

    yield make
    for file in made:
        with contextlib.suppress(openai.NotFoundError):
            client.files.delete(file.id)


@pytest.fixture
def make_store(client: openai.OpenAI) -> Iterator[Callable[..., VectorStore]]:
    made: list[VectorStore] = []

    def make(name: str = "contract", **more: Any) -> VectorStore:
        made.append(client.vector_stores.create(name=name, **more))
        return made[-1]

    yield make
    for store in made:
        with contextlib.suppress(openai.NotFoundError):
            client.vector_stores.delete(store.id)


@pytest.fixture
def make_assistant(client: openai.OpenAI, has_assistants: None) -> Iterator[Callable[..., Assistant]]:
    made: list[Assistant] = []

    def make(model: str = "gpt-4o", **more: Any) -> Assistant:
        made.append(client.beta.assistants.create(model=model, **more))
        return made[-1]

    yield make
    for assistant in made:
        with contextlib.suppress(openai.NotFoundError):
            client.beta.assistants.delete(assistant.id)


@pytest.fixture
def make_agent(client: openai.OpenAI, has_agents: None) -> Iterator[Callable[..., Agent]]:
    made: list[Agent] = []

    def make(model: str = "gpt-6-astra", **more: Any) -> Agent:
        made.append(client.beta.agents.create(model=model, **more))
        return made[-1]

    yield make
    for agent in made:
        with contextlib.suppress(openai.NotFoundError):
            client.beta.agents.delete(agent.id)


@pytest.fixture
def make_skill(client: openai.OpenAI) -> Iterator[Callable[..., Skill]]:
    made: list[Skill] = []

    def make(manifest: str = MANIFEST, **others: bytes) -> Skill:
        made.append(client.skills.create(files=skill_files(manifest, **others)))
        return made[-1]

    yield make
    for skill in made:
        with contextlib.suppress(openai.NotFoundError):
            client.skills.delete(skill.id)


def skill_files(manifest: str = MANIFEST, **others: bytes) -> list[tuple[str, bytes, str]]:
    """A skill as a directory upload: its SKILL.md and files named by keyword, ``run_py`` for ``run.py``."""
    named = [(f"basic_math/{name.replace('_', '.')}", content, "text/plain") for name, content in others.items()]
    return [("basic_math/SKILL.md", manifest.encode(), "text/markdown"), *named]


@pytest.fixture
def refusal() -> Callable[..., openai.APIStatusError]:
    """Call something and give the refusal, whose body is checked to be the API's one error shape."""

    def refuse(status: int, call: Callable[..., object], *args: Any, **kwargs: Any) -> openai.APIStatusError:
        with pytest.raises(openai.APIStatusError) as caught:
            call(*args, **kwargs)
        error = caught.value
        assert error.status_code == status, error
        assert isinstance(error.body, dict)
        assert set(error.body) >= {"message", "type", "param", "code"}
        assert error.request_id
        return error

    return refuse
