"""A conversation at a terminal: what a person types and sees, Ctrl-C, and the same lines through a pipe."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from retinue.emulator.server.transport import LocalTransport
from tests.support.serving import serving
from tests.support.team import Team
from tests.support.terminal import Ended, command, environment, in_terminal, next_piece, seen

pytest.importorskip("pty")

TEAM = """\
assistants:
  tutor:
    name: Tutor
    model: gpt-4o
    tools:
      - function: get_weather
      - file_search: {vector_store: handbook}
  echo: {model: gpt-4o}
functions:
  get_weather:
    handler: weather_of_the_chat:today
    parameters: {type: object, properties: {city: {type: string}}, required: [city]}
vector_stores:
  handbook: {name: Handbook, files: ['*.md']}
"""


@pytest.fixture
def team(tmp_path: Path) -> Team:
    made = Team(tmp_path / "project")
    made.write("team.yaml", TEAM)
    made.write("refunds.md", "# Refunds\n\nMoney comes back within thirty days.\n")
    made.write("weather_of_the_chat.py", "def today(city):\n    return f'mild in {city}'\n")
    made.apply()
    return made


def chat(team: Team, who: str = "tutor") -> list[str]:
    return command("chat", who, "-C", str(team.root))


def typed(team: Team, *lines: str, who: str = "tutor", size: tuple[int, int] = (80, 24), plain: bool = True) -> Ended:
    """A conversation in which each line is typed once the prompt for it is there."""
    waiting = iter(lines)
    environ = {"TERM": "dumb"} if plain else {}
    return talked(chat(team, who), lambda _: next(waiting, "\x04"), size=size, environ=environ)


def talked(
    args: list[str],
    answers: Callable[[str], str],
    *,
    size: tuple[int, int],
    environ: dict[str, str],
    begun: Callable[[int], object] = lambda terminal: None,
) -> Ended:
    """Run a command in a terminal; whenever it shows a prompt at the start of a line, what is typed is asked for: what
    is typed before that may get lost. `begun` is called with a file descriptor to type into."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    with subprocess.Popen(
        args,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(environ),
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as process:
        os.close(theirs)
        begun(ours)
        written, looked = b"", 0
        try:
            while piece := next_piece(process, ours, written):
                written += piece
                if PROMPT.search(written[looked:]):
                    looked = len(written)
                    text = answers(written.decode("utf-8", "replace"))
                    os.write(ours, text.encode() if text in ("\x04", "\x03") else f"{text}\r".encode())
        except OSError:
            pass
        process.wait()
    os.close(ours)
    return Ended(process.returncode, written)


PROMPT = re.compile(rb"(^|\n|\r|h|l|\x1b\[\?2004h)[>.] $|output, as JSON or text: $|Run it\? \[y/N\]: $")


@pytest.mark.parametrize("size", [(80, 24), (160, 24)])
def test_a_conversation(team: Team, size: tuple[int, int]) -> None:
    """Answers with footnotes, tools, functions by Python of the project once a person agrees, and leaving by Ctrl-D."""
    ended = typed(team, "When does money come back?", 'call get_weather {"city": "Oslo"}', "y", size=size)
    text = "\n".join(seen(ended.written, *size))
    assert ended.code == 0, text
    assert "assistant.tutor: /help lists commands, Ctrl-D leaves" in text
    assert "* file_search: 1 passage of refunds.md" in text
    assert "\n[1] refunds.md\n" in text
    assert "Python of this project: weather_of_the_chat:today" in text.replace("\n", "")
    assert "  = mild in Oslo\n[rehearsal] get_weather gave: mild in Oslo" in text
    assert "\x1b[" not in ended.written.decode().replace("\x1b[?2004h", "").replace("\x1b[?2004l", "")


def test_lines_are_broken_between_words(team: Team) -> None:
    ended = typed(team, f"Say it: {'marvellous ' * 18}", who="echo")
    lines = ended.written.decode().replace("\r", "").partition("[rehearsal]")[2].split("\n")[2:-2]
    assert len(lines) == 2, lines
    assert {word for each in lines for word in each.split()} == {"marvellous", "marv…"}
    assert max(map(len, lines)) <= 80


def test_a_person_carries_a_function_out(team: Team) -> None:
    ended = typed(team, 'call get_weather {"city": "Oslo"}', "n", '{"sky": ', '{"sky": "clear"}')
    text = "\n".join(seen(ended.written, 160, 24))
    assert ended.code == 0, text
    assert "that begins like JSON and is none: try again" in text
    assert '[rehearsal] get_weather gave: {"sky": "clear"}' in text


def test_several_lines_and_what_commands_show(team: Team) -> None:
    (team.root / "notes.txt").write_text("Parcels leave on weekdays.\n", encoding="utf-8")
    saved = team.root / "said.md"
    ended = typed(
        team,
        *("first line\\", "second line"),
        *('"""', "third", "fourth", '"""'),
        *("/steps", f"/file {team.root / 'notes.txt'}", "When do parcels leave?", "/files"),
        *(f"/save {saved}", f"/save {saved}", "/new", "/steps", "/help", "/nonsense", "/quit"),
        size=(160, 50),
    )
    text = "\n".join(seen(ended.written, 160, 50))
    assert ended.code == 0, text
    assert re.search(r"\d+ prompt tokens, \d+ completion tokens", text)
    assert re.search(r"attached  notes.txt \(file-\w+\)\ncited     notes.txt", text)
    assert "is there already" in text
    assert "a new conversation\n> /steps\nnothing was asked yet" in text
    assert "Ctrl-C stops an answer" in text
    assert "there is no /nonsense" in text
    page = saved.read_text(encoding="utf-8")
    assert "## Question\n\nfirst line\nsecond line\n" in page
    assert "## Question\n\nthird\nfourth\n" in page
    assert "\n### file_search\n" in page
    assert "- \\[1\\] notes.txt" in page


def test_earlier_questions_come_back_with_the_arrow_keys(team: Team) -> None:
    pytest.importorskip("readline")
    typed(team, "Where is Oslo?", plain=False)
    ended = typed(team, "\x1b[A", who="echo", plain=False)
    said = " ".join(" ".join(seen(ended.written, 80, 24)).split())
    assert "Message 1 of this conversation was: Where is Oslo?" in said
    history = team.root / ".retinue" / "chat_history"
    assert history.read_text(encoding="utf-8").count("Where is Oslo?") >= 1
    assert history.stat().st_mode & 0o077 == 0


# ── after an apply ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_apply_at_a_terminal_says_how_to_try_it(team: Team) -> None:
    def applied(*args: str) -> str:
        ended = in_terminal(command("apply", "--yes", "-C", str(team.root), *args), environ={"TERM": "dumb"})
        assert ended.code == 0
        return "\n".join(seen(ended.written, 80, 50))

    assert "try it" not in applied()
    team.write("refunds.md", "Money comes back at once.\n")
    assert "try it" not in applied(), "a store answers nobody"
    team.write("more.yaml", "assistants:\n  guide: {model: gpt-4o}\n")
    assert "try it" not in applied("--json")
    team.write("more.yaml", "assistants:\n  guide: {model: gpt-4o, name: Guide}\n")
    assert applied().endswith('try it: retinue ask guide "…"')
    team.write("more.yaml", "assistants:\n  guide: {model: gpt-4o, name: The guide}\n")
    args = command("apply", "--yes", "-C", str(team.root))
    piped = subprocess.run(args, capture_output=True, text=True, check=True, env=environment({}))
    assert "try it" not in piped.stdout + piped.stderr


# ── Ctrl-C ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Hanging(httpx2.BaseTransport):
    """The account, but that the first run tells nothing until it is cancelled."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.inner = inner
        self.hangs = True
        self.calls: list[str] = []
        self.at: Callable[[], object] = lambda: None
        self.over = threading.Event()
        self.serves_conversations = True

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.removeprefix("/v1")
        if path.startswith("/conversations") and not self.serves_conversations:
            return httpx2.Response(404, json={"error": {"message": "Not found"}}, request=request)
        self.calls.append(f"{request.method} {re.sub('_[A-Za-z0-9]+', '', path)}")
        if self.hangs and request.method == "POST" and path.endswith(("/runs", "/responses")):
            self.hangs = False
            self.at()
            self.over.wait()
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


def at_account(team: Team, url: str) -> dict[str, str]:
    team.write("retinue.yaml", f"stack: test\ninclude: ['*.yaml']\naccount: {{base_url: '{url}'}}\n")
    return {"OPENAI_API_KEY": "sk-test", "TERM": "dumb"}


def test_ctrl_c_stops_the_answer_and_the_conversation_goes_on(team: Team) -> None:
    account = Hanging(LocalTransport(team.account_directory))
    with serving(account) as url:
        environ = at_account(team, url)

        def begun(terminal: int) -> None:
            account.at = lambda: os.write(terminal, b"\x03")

        waiting = iter(["Hello?", "Are you there?"])
        ended = talked(
            chat(team, "echo"), lambda _: next(waiting, "\x04"), size=(160, 24), environ=environ, begun=begun
        )
        account.over.set()
    text = "\n".join(seen(ended.written, 160, 24))
    assert ended.code == 0, text
    assert "(Ctrl-C again, Ctrl-D or /quit leaves)" in text
    assert "was: Are you there?" in text
    assert [each for each in account.calls if each.startswith("DELETE /threads")]


@pytest.mark.parametrize("keeps", [True, False], ids=["conversations", "no conversations"])
def test_ctrl_c_stops_the_answer_of_a_bundle(team: Team, keeps: bool) -> None:
    """While its model says nothing yet, whether or not the account keeps conversations."""
    account = Hanging(LocalTransport(team.account_directory))
    account.serves_conversations = keeps
    team.write("more.yaml", "assistants:\n  bundle: {model: gpt-4o, api: responses}\n")
    with serving(account) as url:
        environ = at_account(team, url)
        args = command("apply", "--yes", "-C", str(team.root))
        subprocess.run(args, capture_output=True, check=True, env=environment(environ))

        def begun(terminal: int) -> None:
            account.at = lambda: os.write(terminal, b"\x03")

        waiting = iter(["Hello?", "Are you there?"])
        ended = talked(
            chat(team, "bundle"), lambda _: next(waiting, "\x04"), size=(160, 24), environ=environ, begun=begun
        )
        account.over.set()
    text = "\n".join(seen(ended.written, 160, 24))
    assert ended.code == 0, text
    assert "(Ctrl-C again, Ctrl-D or /quit leaves)" in text
    assert "was: Are you there?" in text
    assert "DELETE /responses/resp" in account.calls
    assert ("DELETE /conversations/conv" in account.calls) == keeps


def test_ctrl_c_while_a_function_waits_stops_the_run(team: Team) -> None:
    """The thread is free for the next question, and everything is removed in the end."""
    account = Hanging(LocalTransport(team.account_directory))
    account.hangs = False
    with serving(account) as url:
        environ = at_account(team, url)
        waiting = iter(['call get_weather {"city": "Oslo"}', "\x03", "Hello?", "\x04"])
        ended = talked(chat(team), lambda _: next(waiting, "\x04"), size=(160, 24), environ=environ)
    text = "\n".join(seen(ended.written, 160, 24))
    assert ended.code == 0, text
    assert "(Ctrl-C again, Ctrl-D or /quit leaves)" in text
    assert "No passage of the files" in text
    assert account.calls.count("POST /threads/thread/runs/run/cancel") == 1
    assert account.calls.count("DELETE /threads/thread") == 1


def test_ctrl_c_stops_one_question(team: Team) -> None:
    account = Hanging(LocalTransport(team.account_directory))
    with serving(account) as url:
        environ = at_account(team, url)

        def begun(terminal: int) -> None:
            account.at = lambda: os.write(terminal, b"\x03")

        asked = command("ask", "echo", "Hello?", "-C", str(team.root))
        ended = in_terminal(asked, environ=environ, begun=begun)
        account.over.set()
    assert ended.code == 130
    assert "DELETE /threads/thread" in account.calls


def test_ctrl_c_twice_leaves(team: Team) -> None:
    then = {b"> ": b"\x03", b"leaves)\r\n> ": b"\x03"}
    ended = in_terminal(chat(team), environ={"TERM": "dumb"}, then=then)
    assert ended.code == 130


# ── without a terminal ────────────────────────────────────────────────────────────────────────────────────────────────


def test_lines_through_a_pipe(team: Team) -> None:
    """Answers only on stdout, no prompts, no colour, no line breaks of ours."""
    done = subprocess.run(
        chat(team, "echo"),
        input=f"Where are we?\nSay it: {'marvellous ' * 18}\n",
        capture_output=True,
        text=True,
        check=False,
        env=environment({"TERM": "xterm-256color"}),
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stdout.count("[rehearsal]") == 2
    assert "> " not in done.stdout
    assert "marvellous " * 10 in done.stdout
