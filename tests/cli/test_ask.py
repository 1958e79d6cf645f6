"""One question from the command line: the answer on stdout, what tools do on stderr, and an exit code that says how it
ended."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from retinue.emulator.server.transport import LocalTransport
from tests.cli.conftest import Shell
from tests.cli.test_inert import HOSTILE, check_inert
from tests.support.serving import serving
from tests.support.team import Recorder

TUTOR = """\
assistants:
  tutor:
    name: Tutor
    model: gpt-4o
    instructions: Be kind.
    tools:
      - function: get_weather
      - file_search: {vector_store: handbook}
functions:
  get_weather:
    description: Current weather for a city.
    parameters: {type: object, properties: {city: {type: string}}, required: [city]}
vector_stores:
  handbook:
    name: Handbook
    files: [handbook/*.md]
"""
CALL = 'call get_weather {"city": "Oslo"}'


@pytest.fixture
def tutor(shell: Shell) -> Shell:
    shell.write("team.yaml", TUTOR)
    shell.write("handbook/refunds.md", "# Refunds\n\nMoney comes back within thirty days.\n")
    assert shell("apply", "--yes").code == 0
    return shell


def served(shell: Shell, inner: httpx2.BaseTransport, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The project's account at an address, behind something."""
    monkeypatch.setenv("KEY", "key-of-nobody")

    class Serving:
        def __enter__(self) -> None:
            self.context = serving(inner)
            url = self.context.__enter__()
            account = f"{{base_url: '{url}', api_key_env: KEY}}"
            shell.write("retinue.yaml", f"stack: test\ninclude: ['*.yaml']\naccount: {account}\n")

        def __exit__(self, *error: Any) -> None:
            self.context.__exit__(*error)

    return Serving()


def held(shell: Shell) -> list[str]:
    """The ids of the files and stores of the account."""
    return [each["id"] for path in ("/files", "/vector_stores") for each in shell.team.listed(path)]


# ── an answer ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_cites_files_by_name(tutor: Shell) -> None:
    told = tutor("ask", "tutor", "When does money come back?")
    assert told.code == 0
    text, _, notes = told.out.partition("\n\n")
    assert text.startswith("[rehearsal] ")
    assert text.endswith(" [1]")
    assert notes == "[1] refunds.md\n"
    assert told.err == "* file_search: 1 passage of refunds.md\n"


@pytest.mark.parametrize("address", ["tutor", "assistant.tutor"])
def test_a_name_that_only_one_has_needs_no_kind(tutor: Shell, address: str) -> None:
    assert tutor("ask", address, "Hello?").code == 0


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("tuter", "did you mean tutor?"),
        ("assistant.tuter", "did you mean assistant.tutor?"),
        ("handbook", "there are: assistant.tutor"),
        ("vector_store.handbook", "no vector store can\n  hint: there are: assistant.tutor"),
    ],
)
def test_a_wrong_name_suggests_one_and_asks_nobody(tutor: Shell, address: str, hint: str) -> None:
    told = tutor("ask", address, "Hello?")
    assert (told.code, told.out) == (64, "")
    assert hint in told.err


def test_a_question_on_stdin(tutor: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for args in ((), ("-",)):
        monkeypatch.setattr(sys, "stdin", io.StringIO("Refunds, when?\n"))
        assert "[1]" in tutor("ask", "tutor", *args).out
    monkeypatch.setattr(sys, "stdin", io.StringIO(" \n"))
    told = tutor("ask", "tutor")
    assert told.code == 64
    assert "hint: write it behind the address, or send it to stdin" in told.err


def test_as_json(tutor: Shell) -> None:
    answer = json.loads(tutor("ask", "tutor", "When does money come back?", "--json").out)
    assert answer["address"] == "assistant.tutor"
    assert answer["status"] == "completed"
    assert "[1]" in answer["text"]
    assert [each["title"] for each in answer["footnotes"]] == ["refunds.md"]
    assert [each["tool"] for each in answer["tools"]] == ["file_search"]
    assert answer["usage"]["total_tokens"] > 0
    assert answer["conversation"] is None


# ── what is asked ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_not_applied_is_not_asked(shell: Shell) -> None:
    shell.write("team.yaml", TUTOR)
    shell.write("handbook/refunds.md", "Money.\n")
    told = shell("ask", "tutor", "Hello?")
    assert (told.code, told.out) == (1, "")
    assert "assistant.tutor is not applied yet" in told.err
    assert "retinue apply" in told.err
    assert "--draft" in told.err


def test_a_draft_of_what_is_not_applied_leaves_nothing_behind(shell: Shell) -> None:
    shell.write("team.yaml", TUTOR)
    shell.write("handbook/refunds.md", "Money.\n")
    told = shell("ask", "tutor", "Hello?", "--draft")
    assert told.code == 0, told.err
    assert "goes without vector_store.handbook, which is not applied yet" in told.err
    assert shell.team.listed("/assistants") == []


def test_what_is_applied_answers_and_the_files_only_in_a_draft(tutor: Shell) -> None:
    tutor.write(
        "team.yaml", TUTOR.replace("- function: get_weather", "- function: get_time").replace("_weather:", "_time:")
    )
    asked = tutor("ask", "tutor", CALL, "--tool-output", "get_weather=mild")
    assert "get_weather gave: mild" in asked.out
    assert "answers as it is applied, and the files say something else" in asked.err
    drafted = tutor("ask", "tutor", CALL.replace("weather", "time"), "--draft", "--tool-output", "get_time=noon")
    assert "get_time gave: noon" in drafted.out
    assert "something else" not in drafted.err
    (live,) = tutor.team.listed("/assistants")
    assert [each["function"]["name"] for each in live["tools"] if each["type"] == "function"] == ["get_weather"]


def test_a_draft_says_which_stores_it_works_with_as_they_are(tutor: Shell) -> None:
    tutor.write("handbook/hours.md", "We open at nine.\n")
    told = tutor("ask", "tutor", "When do you open?", "--draft")
    assert told.code == 0
    assert "the draft works with vector_store.handbook as it is applied, and the files say something else" in told.err


# ── functions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_function_that_nobody_carries_out(tutor: Shell) -> None:
    told = tutor("ask", "tutor", CALL)
    assert (told.code, told.out) == (9, "")
    assert 'needs the function get_weather({"city": "Oslo"})' in told.err
    assert "--tool-output get_weather=JSON" in told.err


def test_an_output_that_is_given(tutor: Shell) -> None:
    told = tutor("ask", "tutor", CALL, "--tool-output", 'get_weather={"sky": "clear"}')
    assert told.code == 0
    assert told.out == '[rehearsal] get_weather gave: {"sky": "clear"}\n'
    assert told.err == '* get_weather({"city": "Oslo"})\n  = {"sky": "clear"}\n'


HANDLED = TUTOR.replace("    description: Current", "    handler: NAME:weather.today\n    description: Current")


@pytest.fixture
def handled(shell: Shell, request: pytest.FixtureRequest) -> Iterator[Shell]:
    """A handler in a module of its own name, as a process imports each once."""
    name = re.sub(r"\W", "_", f"handlers_of_{request.node.name}")
    shell.write("team.yaml", HANDLED.replace("NAME", name))
    shell.write("handbook/refunds.md", "Money.\n")
    shell.write(
        f"{name}.py",
        "import sys\n"
        "sys.stderr.write('imported\\n')\n"
        "class weather:\n"
        "    def today(city):\n"
        "        print('at work')\n"
        "        if city == 'Nowhere': raise KeyError(city)\n"
        "        return {'city': city, 'sky': 'grey'}\n",
    )
    yield shell
    sys.modules.pop(name, None)


def test_a_handler_is_never_sent_and_runs_only_when_allowed(handled: Shell) -> None:
    for command in (("apply", "--yes"), ("plan",), ("validate",)):
        assert "imported" not in handled(*command).err
    (live,) = handled.team.listed("/assistants")
    assert "handler" not in json.dumps(live)
    refused = handled("ask", "tutor", CALL)
    assert refused.code == 9
    assert "imported" not in refused.err
    assert "--allow-handlers" in refused.err
    told = handled("ask", "tutor", CALL, "--allow-handlers")
    assert told.out == '[rehearsal] get_weather gave: {"city": "Oslo", "sky": "grey"}\n'
    assert "at work" in told.err


def test_a_handler_of_an_agent_is_never_sent(handled: Shell) -> None:
    agent = "agents:\n  helper: {model: gpt-6-luna, tools: [{function: get_weather}]}\n"
    handled.write("agents.yaml", agent)
    assert handled("apply", "--yes").code == 0
    assert "handler" not in json.dumps(handled.team.listed("/agents"))


def test_the_model_hears_of_a_handler_that_fails(handled: Shell) -> None:
    handled("apply", "--yes")
    told = handled("ask", "tutor", CALL.replace("Oslo", "Nowhere"), "--allow-handlers")
    assert told.code == 0
    assert "KeyError: 'Nowhere'" in told.out
    told = handled("ask", "tutor", "call get_weather [1]", "--allow-handlers")
    assert "not an object in JSON" in told.out


@pytest.mark.parametrize(
    ("module", "comes_to"),
    [
        ("import sys\ndef today(city): sys.exit(2)\n", '{"error": "SystemExit: 2"}'),
        ("async def today(city): return city\n", "Oslo"),
    ],
    ids=["that exits", "that is awaited"],
)
def test_a_handler_may_do_what_it_likes(tutor: Shell, module: str, comes_to: str) -> None:
    name = f"handler_{len(module)}"
    tutor.write(f"{name}.py", module)
    handled = TUTOR.replace("    description: Current", f"    handler: {name}:today\n    description: Current")
    tutor.write("team.yaml", handled)
    told = tutor("ask", "tutor", CALL, "--allow-handlers")
    assert (told.code, told.out) == (0, f"[rehearsal] get_weather gave: {comes_to}\n")


def test_a_handler_whose_module_exits(tutor: Shell) -> None:
    tutor.write("exiting_handler.py", "import sys\nsys.exit(3)\n")
    handled = TUTOR.replace("    description: Current", "    handler: exiting_handler:it\n    description: Current")
    tutor.write("team.yaml", handled)
    told = tutor("ask", "tutor", CALL, "--allow-handlers")
    assert told.code == 1
    assert "'exiting_handler:it' of get_weather cannot be used: SystemExit: 3" in told.err


def test_an_output_that_begins_like_json_and_is_none(tutor: Shell) -> None:
    told = tutor("ask", "tutor", CALL, "--tool-output", "get_weather={sky")
    assert (told.code, told.out) == (64, "")
    assert "begins like JSON and is none: {sky" in told.err


def test_a_handler_that_is_not_there(handled: Shell) -> None:
    handled.write("team.yaml", HANDLED.replace("NAME", "no_such_module"))
    handled("apply", "--yes")
    told = handled("ask", "tutor", CALL, "--allow-handlers")
    assert told.code == 1
    assert "'no_such_module:weather.today' of get_weather cannot be used: ModuleNotFoundError" in told.err


def test_a_handler_has_a_form(shell: Shell) -> None:
    shell.write(
        "team.yaml", TUTOR.replace("    description: Current", "    handler: 'rm -rf'\n    description: Current")
    )
    told = shell("validate")
    assert told.code == 1
    assert "handler" in told.out + told.err


# ── conversations ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_conversation_is_removed_unless_it_is_kept(tutor: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    tutor.write("notes.txt", "Parcels leave on weekdays.\n")
    notes = str(tutor.team.root / "notes.txt")
    with served(tutor, Recorder(LocalTransport(tutor.team.account_directory), calls), monkeypatch):
        before = held(tutor)
        told = tutor("ask", "tutor", "When do parcels leave?", "--file", notes)
        assert told.code == 0, told.err
        assert "notes.txt" in told.out
        made = [each for each in calls if re.fullmatch(r"DELETE /threads/thread_\w+", each)]
        assert len(made) == 1
        assert held(tutor) == before
        calls.clear()
        kept = tutor("ask", "tutor", "One?", "--keep")
        (thread,) = re.findall(r"kept: --thread (thread_\w+)", kept.err)
        again = tutor("ask", "tutor", "call nothing", "--thread", thread, "--json")
        assert json.loads(again.out)["conversation"] == thread
        assert not [each for each in calls if each.startswith("DELETE /threads")]
    with tutor.team.client() as client:
        headers = {"OpenAI-Beta": "assistants=v2"}
        said = client.get(f"/threads/{thread}/messages", cast_to=httpx2.Response, options={"headers": headers}).json()
    assert [each["role"] for each in said["data"]].count("user") == 2


def test_a_conversation_that_is_not_there(tutor: Shell) -> None:
    told = tutor("ask", "tutor", "Hello?", "--thread", "thread_none")
    assert told.code == 1
    assert "the account has no thread 'thread_none'" in told.err


def test_files_need_a_tool_that_reads_them(shell: Shell) -> None:
    shell.write("team.yaml", "assistants:\n  plain: {model: gpt-4o}\n")
    shell.write("notes.txt", "Parcels.\n")
    shell("apply", "--yes")
    told = shell("ask", "plain", "Hello?", "--file", str(shell.team.root / "notes.txt"))
    assert told.code == 1
    assert "neither file_search nor code_interpreter" in told.err
    assert shell.team.listed("/files") == []
    assert "cannot be read" in shell("ask", "plain", "Hello?", "--file", "nowhere.txt").err


@pytest.mark.parametrize("asked", ["Hello?", CALL])
def test_a_file_that_the_search_cannot_read_is_told(tutor: Shell, asked: str) -> None:
    tutor.write("prices.csv", "tea,3\n")
    tutor.write("notes.txt", "Parcels.\n")
    files = [word for name in ("prices.csv", "notes.txt") for word in ("--file", str(tutor.team.root / name))]
    told = tutor("ask", "tutor", asked, *files, "--tool-output", "get_weather=mild")
    assert told.code == 0
    assert told.err.count("note: file_search could not read prices.csv: ") == 1
    assert "could not read notes.txt" not in told.err


# ── the Responses API ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def bundled(tutor: Shell) -> Shell:
    """The same, as arguments of the Responses API."""
    tutor.write("retinue.yaml", "stack: test\napi: responses\ninclude: ['*.yaml']\n")
    assert tutor("apply", "--yes", "--allow-deletes", "9").code == 0
    return tutor


def test_a_bundle_answers_alike(bundled: Shell) -> None:
    told = bundled("ask", "tutor", "When does money come back?")
    assert told.code == 0, told.err
    text, _, notes = told.out.partition("\n\n")
    assert text.startswith("[rehearsal] ")
    assert text.endswith(" [1]")
    assert notes == "[1] refunds.md\n"
    assert told.err == "* file_search: 1 passage of refunds.md\n  | When does money come back?\n"


def test_functions_of_a_bundle(bundled: Shell) -> None:
    told = bundled("ask", "tutor", CALL, "--tool-output", "get_weather=mild")
    assert (told.code, told.out) == (0, "[rehearsal] get_weather gave: mild\n")
    assert bundled("ask", "tutor", CALL).code == 9


def test_a_draft_of_a_bundle(bundled: Shell) -> None:
    changed = TUTOR.replace("get_weather", "get_time")
    bundled.write("team.yaml", changed)
    asked = CALL.replace("weather", "time")
    told = bundled("ask", "tutor", asked, "--draft", "--tool-output", "get_time=noon")
    assert told.out == "[rehearsal] get_time gave: noon\n"
    as_applied = bundled("ask", "tutor", asked, "--tool-output", "get_time=noon")
    assert "get_time gave" not in as_applied.out
    assert "the files say something else" in as_applied.err


def test_a_draft_of_a_bundle_whose_store_is_not_there_yet(shell: Shell) -> None:
    shell.write("retinue.yaml", "stack: test\napi: responses\ninclude: ['*.yaml']\n")
    shell.write("team.yaml", TUTOR)
    shell.write("handbook/refunds.md", "Money.\n")
    told = shell("ask", "tutor", CALL, "--draft", "--tool-output", "get_weather=mild")
    assert (told.code, told.out) == (0, "[rehearsal] get_weather gave: mild\n"), told.err
    assert "goes without vector_store.handbook, which is not applied yet" in told.err


class WithoutConversations(httpx2.BaseTransport):
    """An account that has responses, and no conversations."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if "/conversations" in request.url.path:
            error = {"message": "Invalid URL (POST /v1/conversations)", "type": "invalid_request_error"}
            return httpx2.Response(404, json={"error": error}, request=request)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


@pytest.mark.parametrize("keeps", [True, False], ids=["conversations", "none"])
def test_a_conversation_over_responses(bundled: Shell, monkeypatch: pytest.MonkeyPatch, keeps: bool) -> None:
    """Each question knows of those before it, and in the end nothing of it is left."""
    calls: list[str] = []
    account: httpx2.BaseTransport = Recorder(LocalTransport(bundled.team.account_directory), calls)
    bundled.write("notes.txt", "Parcels leave on weekdays.\n")
    before = held(bundled)
    bundled.write("plain.yaml", "assistants:\n  echo: {model: gpt-4o, api: responses}\n")
    with served(bundled, account if keeps else WithoutConversations(account), monkeypatch):
        assert bundled("apply", "--yes", "--target", "assistant.echo").code == 0
        lines = f"One?\n/file {bundled.team.root / 'notes.txt'}\nTwo?\nThree?\n"
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        calls.clear()
        told = bundled("chat", "echo")
    assert told.code == 0, told.err
    assert re.findall(r"Message (\d) of", told.out) == ["1", "2", "3"]
    sent = [each.partition("_")[0] for each in calls]
    assert sent.count("POST /responses") == sent.count("DELETE /responses/resp") == 3
    assert sent.count("POST /conversations") == sent.count("DELETE /conversations/conv") == keeps
    assert held(bundled) == before


# ── what an account does ──────────────────────────────────────────────────────────────────────────────────────────────


class Runs(httpx2.BaseTransport):
    """The account, but for runs: their events are those of the test."""

    def __init__(self, inner: httpx2.BaseTransport, *events: tuple[str, dict[str, Any]], status: int = 200) -> None:
        self.inner, self.status = inner, status
        told = [f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events]
        self.content = "".join(told)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST" and request.url.path.endswith("/runs"):
            return httpx2.Response(
                self.status, headers={"content-type": "text/event-stream"}, text=self.content, request=request
            )
        if request.method == "POST" and request.url.path.endswith("/threads") and self.status == 404:
            error = {"message": "Invalid URL (POST /v1/threads)", "type": "invalid_request_error"}
            return httpx2.Response(404, json={"error": error}, request=request)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


def run(status: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return f"thread.run.{status}", {"id": "run_1", "status": status, **more}


@pytest.mark.parametrize(
    ("event", "code", "said"),
    [
        (
            run("failed", last_error={"code": "rate_limit_exceeded", "message": "Rate limit reached."}),
            1,
            "the answer failed: Rate limit reached (rate_limit_exceeded)\n  hint: the account lets no more through",
        ),
        (
            run("failed", last_error={"code": "server_error", "message": "Oh."}),
            1,
            "the answer failed: Oh (server_error)\n  hint: ask again; if it stays so, see to the model",
        ),
        (
            run("incomplete", incomplete_details={"reason": "max_completion_tokens"}),
            7,
            "the answer is not complete: max_completion_tokens",
        ),
        (run("expired"), 8, "the answer expired"),
        (run("cancelled"), 130, "the answer was stopped"),
    ],
    ids=["rate limit", "failed", "incomplete", "expired", "cancelled"],
)
def test_how_an_answer_ends(
    tutor: Shell, monkeypatch: pytest.MonkeyPatch, event: tuple[str, dict[str, Any]], code: int, said: str
) -> None:
    part = {"delta": {"content": [{"type": "text", "text": {"value": "Half an ans"}}]}}
    account = Runs(LocalTransport(tutor.team.account_directory), ("thread.message.delta", part), event)
    with served(tutor, account, monkeypatch):
        told = tutor("ask", "tutor", "Hello?")
        as_json = tutor("ask", "tutor", "Hello?", "--json")
    assert (told.code, told.out) == (code, "Half an ans\n")
    assert said in told.err
    assert as_json.code == code
    assert json.loads(as_json.out)["status"] == event[1]["status"]


class Cut(httpx2.BaseTransport):
    """The account, but that nobody hears what it tells of a run after so many events."""

    def __init__(self, inner: httpx2.BaseTransport, events: int) -> None:
        self.inner, self.events = inner, events

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self.inner.handle_request(request)
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            return answer
        told = answer.read().split(b"\n\n")[: self.events]
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, content=b"".join(each + b"\n\n" for each in told), request=request)

    def close(self) -> None:
        self.inner.close()


@pytest.mark.parametrize("events", [0, 1, 8, 12, 20])
def test_a_run_that_is_told_of_no_more_is_looked_at(tutor: Shell, monkeypatch: pytest.MonkeyPatch, events: int) -> None:
    with served(tutor, Cut(LocalTransport(tutor.team.account_directory), events), monkeypatch):
        told = tutor("ask", "tutor", "When does money come back?")
        called = tutor("ask", "tutor", CALL, "--tool-output", "get_weather=mild")
    assert told.code == 0, told.err
    assert told.out.endswith(" [1]\n\n[1] refunds.md\n")
    assert told.err == "* file_search: 1 passage of refunds.md\n"
    assert (called.code, called.out) == (0, "[rehearsal] get_weather gave: mild\n")


def test_an_answer_that_says_nothing_is_told(tutor: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tutor, Runs(LocalTransport(tutor.team.account_directory), run("completed")), monkeypatch):
        told = tutor("ask", "tutor", "Hello?")
        as_json = tutor("ask", "tutor", "Hello?", "--json")
    assert (told.code, told.out, told.err) == (0, "", "note: the answer is empty\n")
    assert json.loads(as_json.out)["text"] == ""


def test_an_account_that_tells_nothing(tutor: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tutor, Runs(LocalTransport(tutor.team.account_directory)), monkeypatch):
        told = tutor("ask", "tutor", "Hello?")
    assert told.code == 1
    assert "stopped telling of the answer before it was over" in told.err


def test_an_account_without_runs(tutor: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tutor, Runs(LocalTransport(tutor.team.account_directory), status=404), monkeypatch):
        told = tutor("ask", "tutor", "Hello?")
    assert told.code == 1
    assert "the account serves no runs" in told.err
    assert "api: responses" in told.err


def test_whatever_a_model_says_is_text(tutor: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces of every size: no escape sequence, no command for a runner, no key."""
    text = f"{HOSTILE}\n::stop-commands::x\nthe key is sk-proj-abcdefghijklMNOPQRST0123456789 there"
    for size in (1, 3, 7, len(text)):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        events = [
            ("thread.message.delta", {"delta": {"content": [{"type": "text", "text": {"value": each}}]}})
            for each in pieces
        ]
        call = {
            "type": "code_interpreter",
            "code_interpreter": {"input": HOSTILE, "outputs": [{"type": "logs", "logs": HOSTILE}]},
        }
        step = ("thread.run.step.completed", {"step_details": {"tool_calls": [call]}})
        account = Runs(LocalTransport(tutor.team.account_directory), step, *events, run("completed"))
        with served(tutor, account, monkeypatch):
            told = tutor("ask", "tutor", "Hello?")
        assert told.code == 0
        check_inert(told.out)
        check_inert(told.err)
        assert "stop-commands" in told.out
        assert "MNOPQRST" not in told.out
