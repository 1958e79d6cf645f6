"""A local account to ask for responses, with the SDK in strict mode."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from tests.emulator.conftest import Account, OpenAccount
from tests.emulator.threads.conftest import strict_client

Event = dict[str, Any]

FUNCTION: dict[str, Any] = {
    "type": "function",
    "name": "look_up",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    "strict": False,
}


@dataclass
class Caller:
    """An account, the SDK's client for it, and the requests that tests of responses need in one line each."""

    account: Account
    client: openai.OpenAI

    def ask(self, said: Any, **more: Any) -> Any:
        return self.account.post("/responses", **{"model": "gpt-4o", "input": said, **more})

    def text(self, said: Any, **more: Any) -> str:
        """What the model says."""
        return text_of(self.ask(said, **more))

    def stream(self, said: Any, **more: Any) -> list[Event]:
        """The events of a stream, to its end."""
        body = {"model": "gpt-4o", "input": said, "stream": True, **more}
        return read_events(self.account.http.post("/responses", json=body).raise_for_status().text)

    def finish(self, response_id: str) -> Any:
        """A response in the background, once it is over."""
        found = self.account.get(f"/responses/{response_id}")
        while found["status"] in ("queued", "in_progress"):
            found = self.account.get(f"/responses/{response_id}")
        return found

    def refuse(self, path: str, **body: Any) -> tuple[int, Any]:
        answer = self.account.http.post(path, json=body)
        return answer.status_code, answer.json()["error"]

    def items(self, conversation: str) -> list[Any]:
        found: list[Any] = self.account.get(f"/conversations/{conversation}/items", order="asc")["data"]
        return found


def text_of(response: Any) -> str:
    messages = (each for each in response["output"] if each["type"] == "message")
    return "".join(part.get("text", "") for each in messages for part in each["content"])


def read_events(text: str) -> list[Event]:
    """Each of them is called what it says it is, and they are numbered without a gap."""
    events: list[Event] = []
    for block in text.strip().split("\n\n"):
        name, _, data = block.partition("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    first = events[0]["sequence_number"]
    assert [each["sequence_number"] for each in events] == list(range(first, first + len(events)))
    return events


def names(events: list[Event]) -> list[str]:
    """What happened; deltas that follow each other are told once."""
    shown: list[str] = []
    for each in events:
        name = each["type"].removeprefix("response.")
        if not (name.endswith(".delta") and shown and shown[-1] == name):
            shown.append(name)
    return shown


OpenCaller = Callable[..., Caller]


@pytest.fixture
def open_caller(open_account: OpenAccount) -> OpenCaller:
    def open_one(**options: Any) -> Caller:
        account = open_account(**options)
        return Caller(account, strict_client(account.http))

    return open_one


@pytest.fixture
def caller(open_caller: OpenCaller) -> Caller:
    return open_caller()
