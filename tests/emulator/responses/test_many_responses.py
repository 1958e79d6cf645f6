"""Many responses at once, and a server that is killed while some are made, which leaves none of them in progress."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx2
import pytest

from retinue.emulator.responses import _AT_ONCE
from retinue.emulator.server.loopback import running_server
from tests.emulator.conftest import HEADERS, Clock, OpenAccount
from tests.emulator.responses.conftest import Caller, read_events, text_of
from tests.emulator.threads.conftest import strict_client
from tests.emulator.threads.test_many_runs import killed_server

KILLED = {"code": "server_error", "message": "The local account ended while the response was in progress."}


@pytest.mark.slow
def test_two_hundred_responses_at_once(tmp_path: Path) -> None:
    """All of them come to an end, and each has answered its own question: waited for, streamed or looked up."""

    async def ask(http: httpx2.AsyncClient, number: int) -> tuple[str, str]:
        body = {"model": "gpt-4o", "input": f"question <{number}>"}
        answer = await http.post("/responses", json={**body, "stream": number % 3 == 1, "background": number % 3 == 2})
        response = read_events(answer.text)[-1]["response"] if number % 3 == 1 else answer.json()
        while response["status"] in ("queued", "in_progress"):
            await asyncio.sleep(0.02)
            response = (await http.get(f"/responses/{response['id']}")).json()
        return response["status"], text_of(response).rpartition(" ")[2]

    async def ask_all(base_url: str) -> list[tuple[str, str]]:
        limits = httpx2.Limits(max_connections=200)
        async with httpx2.AsyncClient(
            base_url=base_url, headers=HEADERS, timeout=120, limits=limits, verify=False
        ) as http:
            return await asyncio.gather(*(ask(http, number) for number in range(200)))

    with running_server(tmp_path) as base_url:
        ended = asyncio.run(ask_all(base_url))
    assert ended == [("completed", f"<{number}>") for number in range(200)]


def follow(http: httpx2.Client, words: int, **body: object) -> str:
    """The id of a response that has said so many words."""
    made, asked = "", {"model": "gpt-4o", "input": "Go on.", "stream": True, **body}
    with http.stream("POST", "/responses", json=asked) as answer:
        for line in answer.iter_lines():
            if line.startswith('data: {"type":"response.created"'):
                made = json.loads(line.removeprefix("data: "))["response"]["id"]
            words -= line == "event: response.output_text.delta"
            if words < 0:
                return made
    raise AssertionError("it came to an end")


def test_what_a_killed_server_left_comes_to_an_end(open_account: OpenAccount, clock: Clock, tmp_path: Path) -> None:
    """What was begun has failed, with the reason, and is not begun anew; what was not begun is done."""
    with killed_server(tmp_path / "account", 2) as http:
        conversation = http.post("/conversations", json={}).json()["id"]
        body = {"model": "gpt-4o", "input": "Go on.", "background": True}
        made = [http.post("/responses", json={**body, "conversation": conversation}).json()["id"]]
        made += [http.post("/responses", json=body).json()["id"] for _ in range(_AT_ONCE + 1)]
        while [http.get(f"/responses/{each}").json()["status"] for each in made].count("in_progress") < _AT_ONCE:
            pass
    clock.now = time.time()
    account = open_account()
    caller = Caller(account, strict_client(account.http))
    ended = [caller.finish(each) for each in made]
    assert [each["status"] for each in ended].count("completed") == 2
    assert [each["error"] for each in ended].count(KILLED) == _AT_ONCE
    assert caller.ask("The conversation is free again.", conversation=conversation)["status"] == "completed"


@pytest.mark.parametrize("words", [0, 2])
def test_a_stream_that_was_cut_off_can_be_taken_up_again(
    open_account: OpenAccount, clock: Clock, tmp_path: Path, words: int
) -> None:
    """Every event that was sent is there, then the failure."""
    with killed_server(tmp_path / "account", words) as http:
        made = follow(http, words, background=True)
    clock.now = time.time()
    account = open_account()
    caller = Caller(account, strict_client(account.http))
    assert caller.finish(made)["error"] == KILLED
    events = list(caller.client.responses.retrieve(made, stream=True, starting_after=0))
    told = [each.type for each in events]
    assert told.count("response.output_text.delta") == words + 1
    assert told[-1] == "response.failed"
    assert [each.sequence_number for each in events] == list(range(1, len(events) + 1))
