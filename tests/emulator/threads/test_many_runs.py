"""Many runs at once, and a server that is killed in the middle of them."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue.emulator.language_models.language_model import TextDelta
from retinue.emulator.server.loopback import running_server
from retinue.emulator.threads import _AT_ONCE
from tests.emulator.conftest import HEADERS, Clock, OpenAccount
from tests.emulator.threads.conftest import read_events
from tests.support.scripted_model import UNTIL_STOPPED, Scripted, ScriptedModel

SERVER = """
import sys, time
from pathlib import Path
from retinue.emulator.language_models.rehearsal import Rehearsal
from retinue.emulator.server.loopback import running_server

class Slow(Rehearsal):
    def answer(self, prompt, stop):
        for number, piece in enumerate(super().answer(prompt, stop)):
            yield piece
            if number == int(sys.argv[2]):
                stop.wait()

with running_server(Path(sys.argv[1]), language_model=Slow()) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
"""Every answer stands still after so many words, for ever."""

KILLED = "The local account ended while the run was in progress."


@pytest.mark.slow
def test_two_hundred_runs_at_once(tmp_path: Path) -> None:
    """All of them come to an end, and each has answered its own question; half of them are followed."""

    async def ask(http: httpx2.AsyncClient, assistant: str, number: int) -> tuple[str, list[str]]:
        said = {"messages": [{"role": "user", "content": f"question <{number}>"}]}
        is_followed = number % 2 == 0
        body = {"assistant_id": assistant, "thread": said, "stream": is_followed}
        answer = await http.post("/threads/runs", json=body)
        run: dict[str, Any] = read_events(answer.text)[-2][1] if is_followed else answer.json()
        while run["status"] in ("queued", "in_progress"):
            await asyncio.sleep(0.02)
            run = (await http.get(f"/threads/{run['thread_id']}/runs/{run['id']}")).json()
        listed = (await http.get(f"/threads/{run['thread_id']}/messages")).json()["data"]
        return run["status"], [each["content"][0]["text"]["value"].rpartition(" ")[2] for each in listed]

    async def ask_all(base_url: str) -> list[tuple[str, list[str]]]:
        limits = httpx2.Limits(max_connections=200)
        async with httpx2.AsyncClient(
            base_url=base_url, headers=HEADERS, timeout=120, limits=limits, verify=False
        ) as http:
            assistant = (await http.post("/assistants", json={"model": "gpt-4o"})).json()["id"]
            return await asyncio.gather(*(ask(http, assistant, number) for number in range(200)))

    with running_server(tmp_path) as base_url:
        ended = asyncio.run(ask_all(base_url))
    assert ended == [("completed", [f"<{number}>"] * 2) for number in range(200)]


@contextmanager
def killed_server(directory: Path, words: int) -> Iterator[httpx2.Client]:
    """A server of its own process, killed at the end."""
    command = [sys.executable, "-c", SERVER, str(directory), str(words)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            base_url = process.stdout.readline().strip()
            with httpx2.Client(base_url=base_url, headers=HEADERS, timeout=60, verify=False) as http:
                yield http
        finally:
            process.send_signal(signal.SIGKILL)


def test_a_server_that_is_told_to_stop_ends_its_runs_first(tmp_path: Path) -> None:
    """Who follows one hears how it ended."""
    waiting = threading.Event()
    script: list[Scripted] = [TextDelta("Well, "), waiting.set, UNTIL_STOPPED]
    told: list[str] = []

    def listen(base_url: str) -> None:
        with httpx2.Client(base_url=base_url, headers=HEADERS, timeout=60, verify=False) as http:
            assistant = http.post("/assistants", json={"model": "gpt-4o"}).json()["id"]
            told.append(http.post("/threads/runs", json={"assistant_id": assistant, "stream": True}).text)

    with running_server(tmp_path, language_model=ScriptedModel(script)) as base_url:
        listener = threading.Thread(target=listen, args=(base_url,))
        listener.start()
        assert waiting.wait(30)
    listener.join(30)
    events = read_events(told[0])
    assert [name for name, _ in events[-2:]] == ["thread.run.failed", "done"]
    assert events[-2][1]["last_error"]["message"] == "The local account was closed while the run was in progress."


def follow(http: httpx2.Client, assistant: str, words: int) -> str:
    """The id of a new run that has said so many words."""
    said = {"messages": [{"role": "user", "content": "Go on."}]}
    body = {"assistant_id": assistant, "thread": said, "stream": True}
    run = ""
    with http.stream("POST", "/threads/runs", json=body) as response:
        lines = response.iter_lines()
        while words >= 0:
            line = next(lines)
            words -= line == "event: thread.message.delta"
            if not run and line.startswith('data: {"id":"run_'):
                run = line.split('"')[3]
    return run


def in_state(http: httpx2.Client, threads: list[str], status: str) -> int:
    found = [http.get(f"/threads/{each}/runs").json()["data"][0]["status"] for each in threads]
    return found.count(status)


def test_what_a_killed_server_left_comes_to_an_end(open_account: OpenAccount, clock: Clock, tmp_path: Path) -> None:
    """What was begun has failed, with the reason, and is not begun anew; what was not begun is done."""
    directory = tmp_path / "account"
    with killed_server(directory, 2) as http:
        assistant = http.post("/assistants", json={"model": "gpt-4o"}).json()["id"]
        follow(http, assistant, 2)
        threads: list[str] = []
        for number in range(_AT_ONCE + 2):
            said = {"messages": [{"role": "user", "content": f"<{number}>"}]}
            run = http.post("/threads/runs", json={"assistant_id": assistant, "thread": said}).json()
            threads.append(run["thread_id"])
        while in_state(http, threads, "in_progress") < _AT_ONCE - 1:
            pass
    clock.now = time.time()
    account = open_account()
    ended: list[str] = []
    for number, thread in enumerate(threads):
        (run,) = account.get(f"/threads/{thread}/runs")["data"]
        while run["status"] in ("queued", "in_progress"):
            (run,) = account.get(f"/threads/{thread}/runs")["data"]
        ended.append(run["status"])
        messages = account.get(f"/threads/{thread}/messages", order="asc")["data"]
        assert [each["role"] for each in messages] == ["user", "assistant"]
        assert messages[0]["content"][0]["text"]["value"] == f"<{number}>"
        steps = account.get(f"/threads/{thread}/runs/{run['id']}/steps")["data"]
        assert [each["status"] for each in steps] == [run["status"]]
        if run["status"] == "failed":
            assert run["last_error"] == {"code": "server_error", "message": KILLED}
            assert messages[1]["incomplete_details"] == {"reason": "run_failed"}
        account.post(f"/threads/{thread}/messages", role="user", content="The thread is free again.")
    assert (ended.count("failed"), ended.count("completed")) == (_AT_ONCE - 1, 3)


@pytest.mark.slow
@pytest.mark.parametrize("words", range(20))
def test_a_server_may_be_killed_at_any_word(
    open_account: OpenAccount, clock: Clock, tmp_path: Path, words: int
) -> None:
    with killed_server(tmp_path / "account", words) as http:
        assistant = http.post("/assistants", json={"model": "gpt-4o"}).json()["id"]
        run = follow(http, assistant, min(words, 8))
    clock.now = time.time()
    account = open_account()
    found = account.http.get("/assistants").json()["data"]
    assert [each["id"] for each in found] == [assistant]
    thread = thread_of(tmp_path / "account", run)
    for _ in range(1000):
        state = account.get(f"/threads/{thread}/runs/{run}")
        if state["status"] not in ("queued", "in_progress"):
            break
    assert state["status"] in ("failed", "completed")
    assert len(account.get(f"/threads/{thread}/messages")["data"]) == 2


def thread_of(directory: Path, run: str) -> str:
    with closing(sqlite3.connect(directory / "account.sqlite3")) as db:
        return str(db.execute("SELECT parent FROM objects WHERE id = ?", [run]).fetchone()[0])
