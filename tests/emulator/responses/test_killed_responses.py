"""A server that is killed while responses are made leaves none of them in progress."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx2
import pytest

from retinue.emulator.responses import _AT_ONCE
from tests.emulator.conftest import Clock, OpenAccount
from tests.emulator.responses.conftest import Caller
from tests.emulator.threads.conftest import strict_client
from tests.emulator.threads.test_many_runs import killed_server

KILLED = {"code": "server_error", "message": "The local account ended while the response was in progress."}


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
