"""A local account with an assistant to set to work, talked to with the SDK in strict mode."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
import pytest

from tests.emulator.conftest import Account, OpenAccount

Event = tuple[str, Any]


@dataclass
class Desk:
    """An account, the SDK's client for it, and the requests that tests of threads need in one line each."""

    account: Account
    client: openai.OpenAI

    def add_assistant(self, **more: Any) -> str:
        return str(self.account.post("/assistants", **{"model": "gpt-4o", **more})["id"])

    def add_thread(self, *messages: str, **more: Any) -> str:
        said = [{"role": "user", "content": each} for each in messages]
        return str(self.account.post("/threads", messages=said, **more)["id"])

    def start(self, thread: str, assistant: str, **more: Any) -> str:
        return str(self.account.post(f"/threads/{thread}/runs", assistant_id=assistant, **more)["id"])

    def run(self, thread: str, assistant: str, **more: Any) -> Any:
        """A run that is over, or waits for the application."""
        return self.finish(thread, self.start(thread, assistant, **more))

    def finish(self, thread: str, run: str) -> Any:
        found = self.client.beta.threads.runs.poll(run, thread_id=thread, poll_interval_ms=2)
        return self.account.get(f"/threads/{thread}/runs/{found.id}")

    def ask(self, question: str, **assistant: Any) -> str:
        """What an assistant says."""
        thread = self.add_thread(question)
        assert self.run(thread, self.add_assistant(**assistant))["status"] == "completed"
        return self.said(thread)[0]

    def said(self, thread: str) -> list[str]:
        """The texts of a thread, the newest first."""
        found = self.account.get(f"/threads/{thread}/messages")["data"]
        return [part["text"]["value"] for each in found for part in each["content"] if part["type"] == "text"]

    def steps(self, thread: str, run: str, **query: Any) -> list[Any]:
        found: list[Any] = self.account.get(f"/threads/{thread}/runs/{run}/steps", order="asc", **query)["data"]
        return found

    def stream(self, path: str, **body: Any) -> list[Event]:
        """The events of a stream, to its end."""
        return read_events(self.account.http.post(path, json={**body, "stream": True}).raise_for_status().text)

    def refuse(self, path: str, **body: Any) -> tuple[int, str]:
        answer = self.account.http.post(path, json=body)
        return answer.status_code, answer.json()["error"]["message"]


def read_events(text: str) -> list[Event]:
    events = []
    for block in text.strip().split("\n\n"):
        name, _, data = block.partition("\n")
        content = data.removeprefix("data: ")
        events.append((name.removeprefix("event: "), content if content == "[DONE]" else json.loads(content)))
    return events


def names(events: list[Event]) -> list[str]:
    """What happened; deltas that follow each other are told once."""
    shown: list[str] = []
    for name, _ in events:
        if not (name.endswith(".delta") and shown and shown[-1] == name):
            shown.append(name)
    return shown


OpenDesk = Callable[..., Desk]


@pytest.fixture
def open_desk(open_account: OpenAccount) -> OpenDesk:
    def open_one(**options: Any) -> Desk:
        account = open_account(**options)
        return Desk(account, strict_client(account.http))

    return open_one


def strict_client(http: httpx2.Client) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=str(http.base_url), api_key="key", http_client=http, max_retries=0, _strict_response_validation=True
    )


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    return open_desk()
