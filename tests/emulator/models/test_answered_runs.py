"""Runs of the account, answered by a model behind an endpoint: configured as people do, asked by the SDK."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.beta.threads import Run

from retinue.cli import main
from retinue.emulator.server.loopback import running_server
from tests.support.model_server import DONE, HANG, HEAD, ModelServer, delta, serving_models, usage, whole

# The SDK says that the Assistants API is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

KEY = "sk-a-key-that-nobody-may-see"
PNG = b"\x89PNG\r\n\x1a\n"
SUM = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving_models() as served:
        yield served


@pytest.fixture
def client(server: ModelServer, tmp_path: Path) -> Iterator[openai.OpenAI]:
    from retinue.emulator.model_settings import read_models

    setting = {"model": {"base_url": server.url, "api_key_env": "THE_KEY", "names": {"gpt-4o": "llama3.2"}}}
    model = read_models(setting, {"THE_KEY": KEY}).language_model
    with running_server(tmp_path, language_model=model) as url, openai.OpenAI(base_url=url, api_key="local") as client:
        yield client


def ask(client: openai.OpenAI, text: Any = "Hello", **assistant: Any) -> Run:
    made = client.beta.assistants.create(model="gpt-4o", **assistant)
    thread = {"messages": [{"role": "user", "content": text}]}
    return client.beta.threads.create_and_run_poll(assistant_id=made.id, thread=thread, poll_interval_ms=20)  # type: ignore[arg-type]


def said(client: openai.OpenAI, run: Run) -> str:
    newest = client.beta.threads.messages.list(run.thread_id).data[0].content[0]
    assert newest.type == "text"
    return newest.text.value


def test_a_run_is_answered_by_the_model(server: ModelServer, client: openai.OpenAI) -> None:
    server.answer([HEAD, delta(content="Good"), delta("stop", content=" day"), usage(12, 3), DONE])
    run = ask(client)
    assert (run.status, said(client, run)) == ("completed", "Good day")
    assert run.usage is not None
    assert (run.usage.prompt_tokens, run.usage.completion_tokens) == (12, 3)
    assert server.asked[0].body["model"] == "llama3.2"


def test_halves_of_characters_do_not_reach_the_account(server: ModelServer, client: openai.OpenAI) -> None:
    """JSON can spell them; a run that heard one could not be stored."""
    spelt = [json.dumps({"choices": [{"delta": {"content": each}}]}) for each in ("a\ud83db", "c\U0001f600")]
    server.answer([HEAD, *(f"data: {each}\n\n".encode() for each in spelt), delta("stop"), DONE])
    run = ask(client)
    assert (run.status, said(client, run)) == ("completed", "a\ufffdbc\U0001f600")


def test_tokens_reach_the_reader_before_the_answer_is_complete(server: ModelServer, client: openai.OpenAI) -> None:
    heard = threading.Event()
    server.answer([HEAD, delta(content="Good"), lambda: heard.wait(10), delta("stop", content=" day"), DONE])
    made = client.beta.assistants.create(model="gpt-4o")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hello"}])
    deltas = []
    with client.beta.threads.runs.stream(thread_id=thread.id, assistant_id=made.id) as stream:
        for text in stream.text_deltas:
            deltas.append(text)
            heard.set()
    assert deltas == ["Good", " day"]


def test_functions_are_called_and_their_outputs_answered(server: ModelServer, client: openai.OpenAI) -> None:
    call = {"index": 0, "id": "", "function": {"name": "add", "arguments": "{}"}}
    server.answer([HEAD, delta("tool_calls", tool_calls=[call]), DONE], [HEAD, delta("stop", content="It is 4"), DONE])
    run = ask(client, tools=[SUM])
    assert run.required_action is not None
    made = run.required_action.submit_tool_outputs.tool_calls[0]
    outputs: Any = [{"tool_call_id": made.id, "output": "4"}]
    runs = client.beta.threads.runs
    run = runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=run.thread_id, tool_outputs=outputs, poll_interval_ms=20
    )
    assert said(client, run) == "It is 4"
    *_, called, output = server.asked[1].body["messages"]
    assert called["tool_calls"][0]["id"] == output["tool_call_id"] == made.id
    assert output["content"] == "4"


def test_a_picture_that_is_a_file_is_sent_with_its_bytes(server: ModelServer, client: openai.OpenAI) -> None:
    server.answer([HEAD, delta("stop", content="A dot"), DONE])
    file = client.files.create(file=("dot.png", PNG), purpose="vision")
    text, image = {"type": "text", "text": "What?"}, {"type": "image_file", "image_file": {"file_id": file.id}}
    assert ask(client, [text, image]).status == "completed"
    sent = server.asked[0].body["messages"][-1]["content"][1]
    assert sent == {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}}


def test_a_refusal_is_the_error_of_the_run(server: ModelServer, client: openai.OpenAI) -> None:
    server.answer(whole({"error": {"message": f"slow down, {KEY}"}}, "429 Too Many Requests"))
    run = ask(client)
    assert run.status == "failed"
    assert run.last_error is not None
    assert run.last_error.code == "rate_limit_exceeded"
    assert run.last_error.message == f"the model 'llama3.2' at {server.url} answered 429: slow down, …"


def test_cancelling_a_run_leaves_the_request(server: ModelServer, client: openai.OpenAI) -> None:
    server.answer([HEAD, delta(content="Good"), HANG])
    made = client.beta.assistants.create(model="gpt-4o")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hello"}])
    with client.beta.threads.runs.create(thread_id=thread.id, assistant_id=made.id, stream=True) as stream:
        for event in stream:
            if event.event == "thread.message.delta":
                run = client.beta.threads.runs.list(thread.id).data[0]
                client.beta.threads.runs.cancel(run.id, thread_id=thread.id)
    assert server.left.wait(5)
    assert client.beta.threads.runs.retrieve(run.id, thread_id=thread.id).status == "cancelled"


def test_nothing_of_the_key_is_kept(server: ModelServer, client: openai.OpenAI, tmp_path: Path) -> None:
    server.answer(whole({"error": {"message": f"who is {KEY}?"}}, "401 Unauthorized"))
    assert ask(client).status == "failed"
    for path in (each for each in tmp_path.rglob("*") if each.is_file()):
        assert KEY.encode() not in path.read_bytes()


@pytest.fixture
def project(server: ModelServer, tmp_path: Path) -> Path:
    account = (
        f"{{local: .retinue/local, model: {{base_url: '{server.url}', api_key_env: THE_KEY, names: {{'*': qwen}}}}}}"
    )
    (tmp_path / "retinue.yaml").write_text(f"stack: shop\naccount: {account}\n")
    return tmp_path


@contextlib.contextmanager
def serve(directory: Path, *options: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "retinue", "serve", "-C", str(directory), "--port", "0", *options]
    env = {**os.environ, **environ}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as served:
        try:
            yield served
        finally:
            served.terminate()


def test_the_project_file_says_what_answers(server: ModelServer, project: Path) -> None:
    server.answer([HEAD, delta("stop", content="Good day"), DONE])
    with serve(project, THE_KEY=KEY) as served:
        assert served.stdout is not None
        url = served.stdout.readline().strip()
        with openai.OpenAI(base_url=url, api_key="local") as client:
            assert said(client, ask(client)) == "Good day"
        served.terminate()
        told = served.communicate()[1]
    assert f"answers come from {server.url} (qwen for every model)" in told
    assert KEY not in told
    assert (server.asked[0].body["model"], server.asked[0].headers["authorization"]) == ("qwen", f"Bearer {KEY}")


def test_options_say_it_for_one_time(server: ModelServer, tmp_path: Path) -> None:
    with serve(
        tmp_path, "--model-url", server.url, "--model-name", "gpt-4o=llama3.2", "--model-name", "qwen"
    ) as served:
        assert served.stdout is not None
        with openai.OpenAI(base_url=served.stdout.readline().strip(), api_key="local") as client:
            client.models.list()  # it is up, and has said everything
        served.terminate()
        assert f"answers come from {server.url} (llama3.2 for gpt-4o, qwen for every model)" in served.communicate()[1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--model-url", "http://me:hidden@host/v1"], "it holds a name or a password"),
        (["--model-url", "http://host/v1", "--model-key-env", "NO_SUCH"], "the variable 'NO_SUCH' is not set"),
        (["--model-name", "qwen"], "--model-name goes with --model-url"),
    ],
)
def test_what_cannot_answer_is_not_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    assert main(["serve", "-C", str(tmp_path), "--port", "0", *options]) != 0
    output, error = capsys.readouterr()
    assert output == ""
    assert told in error
    assert "hidden" not in error
