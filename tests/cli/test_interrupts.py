"""Ctrl-C and kill, as a person and a pipeline give them: what is told, and what a terminal looks like afterwards."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from retinue.emulator.server.transport import LocalTransport
from tests.support.serving import serving
from tests.support.team import Team
from tests.support.terminal import command, environment, in_terminal, seen

pytest.importorskip("pty")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

BOTS = 60
CREATED = re.compile(r"assistant\.(bot-\d+): created asst_")


class Watched(httpx2.BaseTransport):
    """Calls `at` for each creation of an assistant, with its number, before it is done."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.inner = inner
        self.at: Callable[[int], object] = lambda number: None
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if (
            request.method == "POST"
            and request.url.path == "/v1/assistants"
            and b"retinue.marker" not in request.content
        ):
            with self._lock:
                self.at(next(self._numbers))
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


@pytest.fixture
def team(tmp_path: Path) -> Team:
    made = Team(tmp_path / "project")
    bots = "".join(f"  bot-{number:03}: {{model: gpt-4o, name: Bot {number}}}\n" for number in range(BOTS))
    made.write("team.yaml", f"assistants:\n{bots}")
    return made


@pytest.fixture
def account(team: Team) -> Watched:
    return Watched(LocalTransport(team.account_directory))


def apply(team: Team, *args: str) -> list[str]:
    return command("apply", "--yes", "-C", str(team.root), *args)


def served(team: Team, url: str) -> dict[str, str]:
    team.write("retinue.yaml", f"stack: test\ninclude: ['*.yaml']\naccount: {{base_url: '{url}'}}\n")
    return {"OPENAI_API_KEY": "sk-test"}


def names(team: Team) -> set[str]:
    return {str(each["name"]).replace("Bot ", "") for each in team.listed("/assistants")}


@pytest.mark.parametrize(("size", "killed"), [((80, 24), False), ((160, 24), False), ((39, 12), True)])
def test_ctrl_c_in_a_terminal_is_answered_and_told_as_it_was(
    team: Team, account: Watched, size: tuple[int, int], killed: bool
) -> None:
    """The answer is on the screen, nothing that moved is, the cursor was never hidden, and the last line says what the
    account has."""
    answered = threading.Event()

    def stop(terminal: int) -> None:
        """Nothing else is created before the answer is there: on a busy machine, all the rest might be."""
        if killed:
            os.killpg(os.tcgetpgrp(terminal), signal.SIGTERM)
        else:
            os.write(terminal, b"\x03")
        assert answered.wait(30)

    with serving(account) as url:
        environ = served(team, url)

        def begun(terminal: int) -> None:
            account.at = lambda number: stop(terminal) if number == 20 else None

        args, then = apply(team, "--detail", "summary"), {b"stopping: finishing": answered.set}
        ended = in_terminal(args, size=size, environ=environ, begun=begun, then=then)
    assert ended.code == 130
    text = "\n".join(seen(ended.written, *size))
    made = names(team)
    assert 20 <= len(made) < BOTS
    assert "stopping: finishing the requests under way (Ctrl-C again to stop at once)" in " ".join(text.split())
    assert "creating" not in text
    assert "waiting" not in text
    assert b"\x1b[?25" not in ended.written
    said = f"Apply interrupted: {len(made)} added, 0 changed, 0 destroyed; {BOTS - len(made)} not begun."
    assert said in " ".join(text.split())


def test_a_terminal_that_is_resized_gets_lines_that_fit(team: Team, account: Watched) -> None:
    """What is drawn from then on is no longer than the terminal is wide, and it ends as if nothing had happened."""
    with serving(account) as url:
        environ = served(team, url)

        def begun(terminal: int) -> None:
            def resize(number: int) -> None:
                if number == 20:
                    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))

            account.at = resize

        ended = in_terminal(apply(team, "--detail", "summary"), environ=environ, begun=begun)
    assert ended.code == 0
    drawn = [each.partition("\x1b[?2026l")[0] for each in ended.written.decode().split("\x1b[?2026h")[1:]]
    last = [re.sub(r"\x1b\[\??[0-9;]*[A-Za-z]", "", each).split() for each in drawn[-1].splitlines()]
    assert max(len(" ".join(words)) for words in last) < 30
    assert f"Apply complete: {BOTS} added" in ended.written.decode()


def test_ctrl_c_while_the_program_is_still_being_read(tmp_path: Path) -> None:
    """As if it was pressed in the middle of an import."""
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    args = [sys.executable, "-m", "retinue", "--version"]
    done = subprocess.run(args, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\ninterrupted\n")


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_pipeline_that_is_stopped_is_told_as_it_was(team: Team, account: Watched, which: signal.Signals) -> None:
    with serving(account) as url:
        environ = environment(served(team, url))
        with subprocess.Popen(
            apply(team, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, text=True
        ) as process:
            account.at = lambda number: process.send_signal(which) if number == 20 else None
            out, err = process.communicate()
    assert process.returncode == 130
    assert "\x1b" not in out + err
    lines = [json.loads(line) for line in out.splitlines()]
    result, made = lines[-1], names(team)
    last = {line["address"]: line["status"] for line in lines if line["type"] == "step"}
    assert (result["outcome"], result["added"]) == ("interrupted", len(made))
    assert result["steps"]["done"] == len(made) == list(last.values()).count("done")
    assert result["steps"]["pending"] == BOTS - len(made) == list(last.values()).count("pending")
    assert err.count("stopping") == 1


def test_the_second_ctrl_c_does_not_wait(team: Team, account: Watched) -> None:
    """The server hangs: whoever asks twice is told that nobody knows what became of the request."""
    released = threading.Event()
    with serving(account) as url:
        environ = served(team, url)

        def begun(terminal: int) -> None:
            def hang(number: int) -> None:
                if number == 3:
                    os.write(terminal, b"\x03")
                    released.wait()

            account.at = hang

        waiting = apply(team, "--parallelism", "1", "--detail", "summary")
        again = {b"Ctrl-C again to stop at once": b"\x03"}
        ended = in_terminal(waiting, size=(200, 24), environ=environ, begun=begun, then=again)
        released.set()
        # The lease was not given back, and this directory knows it for its own.
        assert subprocess.run(apply(team), env=environment(environ), check=False, capture_output=True).returncode == 0
    assert ended.code == 130
    text = " ".join(" ".join(seen(ended.written, 200, 24)).split())
    assert "assistant.bot-002: interrupted: creating, and whether it was created is not known" in text
    assert (
        f"Apply interrupted: 2 added, 0 changed, 0 destroyed; 1 begun and not finished, {BOTS - 3} not begun." in text
    )
    assert len(team.listed("/assistants")) == BOTS


def test_a_kill_before_anything_was_decided_is_an_interrupt(team: Team, account: Watched) -> None:
    first = threading.Lock()

    class Killing(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if first.acquire(blocking=False):
                process.send_signal(signal.SIGTERM)
            process.wait()
            return httpx2.Response(500, request=request)

    with serving(Killing()) as url:
        environ = environment(served(team, url))
        process = subprocess.Popen(apply(team), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, text=True)
        out, err = process.communicate()
    assert (process.returncode, out, err.strip()) == (130, "", "interrupted")


@pytest.mark.parametrize(
    "environ", [{"TERM": "dumb"}, {"CI": "true", "NO_COLOR": "1"}, {"TERM": "unknown"}], ids=lambda each: str(each)
)
def test_what_cannot_move_is_written_in_lines(team: Team, environ: dict[str, str]) -> None:
    ended = in_terminal(apply(team, "--detail", "summary"), environ=environ)
    assert ended.code == 0
    assert b"\x1b" not in ended.written
    assert len(CREATED.findall("\n".join(seen(ended.written, 200, 24)))) == BOTS


def test_events_in_a_terminal_are_not_drawn_over(team: Team) -> None:
    """Events go to the terminal where the progress would move: then nothing moves."""
    ended = in_terminal(apply(team, "--json"), environ={"NO_COLOR": "1"})
    assert b"\x1b" not in ended.written
    lines = [line for line in ended.written.decode().splitlines() if line.startswith("{")]
    assert len([line for line in lines if json.loads(line)["type"] == "step"]) == 2 * BOTS


class Hanging(httpx2.BaseTransport):
    """Answers everything but the request number `number` that matches: then `at` is called, and no answer comes."""

    def __init__(self, inner: httpx2.BaseTransport, pattern: str, number: int) -> None:
        self.inner, self.pattern, self.left = inner, re.compile(pattern), number
        self.at: Callable[[], object] = lambda: None
        self.over = threading.Event()
        self._lock = threading.Lock()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.pattern.fullmatch(f"{request.method} {request.url.path}"):
            with self._lock:
                self.left -= 1
                hangs = self.left == 0
            if hangs:
                self.at()
                self.over.wait()
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


def stopped(team: Team, hanging: Hanging, which: signal.Signals, *args: str) -> tuple[int, str, str]:
    """Run a command that is asked to stop, once, while a request hangs that never is answered."""
    with serving(hanging) as url:
        environ = environment(served(team, url))
        asked = command(*args, "-C", str(team.root))
        with subprocess.Popen(
            asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
            text=True,
            # What a shell starts in the background ignores it, and so would all that is started from there.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            hanging.at = lambda: process.send_signal(which)
            try:
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
                hanging.over.set()
    return process.returncode, out, err


LISTS = "GET /v1/assistants"


@pytest.mark.parametrize(
    ("args", "number", "which"),
    [
        (("plan",), 1, signal.SIGINT),
        (("drift",), 1, signal.SIGTERM),
        (("apply", "--yes"), 1, signal.SIGTERM),
        (("apply", "--yes"), 2, signal.SIGTERM),
        (("destroy", "--yes"), 2, signal.SIGINT),
    ],
    ids=["plan", "drift", "apply reads", "apply looks again", "destroy looks again"],
)
def test_nobody_waits_for_an_answer_where_nothing_is_written(
    team: Team, args: tuple[str, ...], number: int, which: signal.Signals
) -> None:
    few = "assistants:\n  a: {{model: gpt-4o, name: {0}}}\n  b: {{model: gpt-4o, name: {0}}}\n"
    team.write("team.yaml", few.format("Bot"))
    team.apply()
    team.write("team.yaml", few.format("Robot"))
    code, _, err = stopped(team, Hanging(LocalTransport(team.account_directory), LISTS, number), which, *args)
    assert code == 130, err
    assert {each["name"] for each in team.listed("/assistants")} == {"Bot"}


@pytest.mark.parametrize("which", [signal.SIGTERM])
def test_what_was_carried_out_and_not_looked_at_is_told_as_that(team: Team, which: signal.Signals) -> None:
    """Whoever stops the look at what came of an apply has applied everything, and gives the lease back."""
    hanging = Hanging(LocalTransport(team.account_directory), LISTS, 2)
    code, out, err = stopped(team, hanging, which, "apply", "--yes", "--detail", "summary")
    assert code == 130
    assert f"Apply complete: {BOTS} added, 0 changed, 0 destroyed." in out
    assert "every step was carried out, and the look at what came of it was stopped" in err
    assert "stopped:" not in err
    assert len(team.listed("/assistants")) == BOTS
    (marker,) = team.markers()
    assert marker["metadata"]["retinue.lease"] == ""
    assert team.plan().empty


def test_whoever_waits_for_a_lease_is_stopped_at_once(team: Team) -> None:
    team.write("team.yaml", "assistants:\n  bot-000: {model: gpt-4o}\n")
    team.apply()
    (marker,) = team.markers()
    lease = {**marker["metadata"], "retinue.lease": "alive 9999999999 them"}
    team.send("post", f"/vector_stores/{marker['id']}", {"metadata": lease})
    team.write("team.yaml", "assistants:\n  bot-000: {model: gpt-4o, name: Robot}\n")
    asked = apply(team, "--wait-lease", "15m")
    with subprocess.Popen(asked, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment({})) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        assert b"waiting up to" in told
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
