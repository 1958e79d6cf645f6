"""Tools that the account carries out during a run: what they give the model, and what is shown of them."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from retinue.emulator.language_models.language_model import TextDelta, ToolOutput
from retinue.emulator.sandbox import confinement
from retinue.emulator.server.quirks import Quirks
from tests.emulator.threads.conftest import Desk, OpenDesk, names
from tests.support.scripted_model import NoSandbox, Ran, ScriptedModel, ScriptedSandbox, Written, calls, says

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

REFUNDS = b"# Refunds\n\nA refund takes five days. Ask for it by mail.\n"
SHIPPING = b"# Shipping\n\nA parcel takes two days.\n"
SEARCH = {"type": "file_search"}
CODE = {"type": "code_interpreter"}
CONTENT: Final = "step_details.tool_calls[*].file_search.results[*].content"


def searching(desk: Desk, **more: Any) -> tuple[str, str]:
    """An assistant with two files to search; the first one's id."""
    refunds = desk.account.add_file("refunds.md", REFUNDS)
    store = desk.account.post("/vector_stores", file_ids=[refunds, desk.account.add_file("shipping.md", SHIPPING)])
    resources = {"file_search": {"vector_store_ids": [store["id"]]}}
    return desk.add_assistant(tools=[{**SEARCH, **more}], tool_resources=resources), refunds


def test_what_was_found_is_cited(desk: Desk) -> None:
    """By the rehearsal model: the mark in the text, and where in the text it stands."""
    assistant, refunds = searching(desk)
    thread = desk.add_thread("How long does a refund take?")
    run = desk.run(thread, assistant)
    assert run["status"] == "completed"
    (part,) = desk.account.get(f"/threads/{thread}/messages")["data"][0]["content"]
    value, annotations = part["text"]["value"], part["text"]["annotations"]
    assert value.startswith("[rehearsal] ")
    assert "“A refund takes five days.” 【1:0†refunds.md】" in value
    first = annotations[0]
    assert first["text"] == "【1:0†refunds.md】"
    assert first["file_citation"] == {"file_id": refunds}
    for each in annotations:
        assert value[each["start_index"] : each["end_index"]] == each["text"]


def test_what_was_found_is_a_step(desk: Desk) -> None:
    assistant, refunds = searching(desk)
    thread = desk.add_thread("refund")
    run = desk.run(thread, assistant)
    search, message = desk.steps(thread, run["id"])
    assert (search["type"], message["type"]) == ("tool_calls", "message_creation")
    (call,) = search["step_details"]["tool_calls"]
    found = call["file_search"]
    assert found["ranking_options"] == {"ranker": "default_2024_08_21", "score_threshold": 0.0}
    (result,) = found["results"]
    assert (result["file_id"], result["file_name"]) == (refunds, "refunds.md")
    assert 0 < result["score"] <= 1
    assert "content" not in result


def test_the_text_that_was_found_is_told_who_asks_for_it(desk: Desk) -> None:
    assistant, _ = searching(desk)
    thread = desk.add_thread("refund")
    run = desk.run(thread, assistant)["id"]
    step = desk.client.beta.threads.runs.steps.list(run, thread_id=thread, order="asc", include=[CONTENT]).data[0]
    (call,) = step.to_dict()["step_details"]["tool_calls"]  # type: ignore[index]
    assert call["file_search"]["results"][0]["content"] == [{"type": "text", "text": REFUNDS.decode()}]
    query = {"include[]": CONTENT}
    again = desk.account.get(f"/threads/{thread}/runs/{run}/steps/{step.id}", **query)
    assert again == step.to_dict()
    events = desk.stream(f"/threads/{thread}/runs?include[]={CONTENT}", assistant_id=assistant)
    told = next(data for name, data in events if name == "thread.run.step.completed")
    assert told["step_details"]["tool_calls"][0]["file_search"]["results"][0]["content"]
    refused = desk.account.http.get(f"/threads/{thread}/runs/{run}/steps", params={"include[]": "everything"})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ["refunds.md", "shipping.md"]),
        ({"max_num_results": 1}, ["refunds.md"]),
        ({"ranking_options": {"score_threshold": 0.8}}, ["refunds.md"]),
        ({"ranking_options": {"score_threshold": 1.0}}, []),
    ],
)
def test_how_much_is_found_is_declared(desk: Desk, options: Any, found: list[str]) -> None:
    assistant, _ = searching(desk, file_search=options)
    thread = desk.add_thread("A refund takes days.")
    step = desk.steps(thread, desk.run(thread, assistant)["id"])[0]
    results = step["step_details"]["tool_calls"][0]["file_search"]["results"]
    assert [each["file_name"] for each in results] == found


def test_files_of_the_thread_are_searched_too(desk: Desk) -> None:
    assistant, _ = searching(desk)
    file = desk.account.add_file("weather.md", b"It rains on refund days.")
    attachments = [{"file_id": file, "tools": [SEARCH]}]
    thread = desk.add_thread()
    desk.account.post(f"/threads/{thread}/messages", role="user", content="refund", attachments=attachments)
    step = desk.steps(thread, desk.run(thread, assistant)["id"])[0]
    results = step["step_details"]["tool_calls"][0]["file_search"]["results"]
    assert {each["file_name"] for each in results} == {"weather.md", "refunds.md"}


def test_a_search_waits_for_files_that_are_in_progress(open_desk: OpenDesk) -> None:
    desk = open_desk(quirks=Quirks(indexing_polls=2))
    assistant, _ = searching(desk)
    thread = desk.add_thread("refund")
    desk.run(thread, assistant)
    assert "refunds.md" in desk.said(thread)[0]


def test_a_search_without_files_finds_nothing(desk: Desk) -> None:
    assert "No passage" in desk.ask("refund", tools=[SEARCH])


def test_a_run_on_a_store_that_is_gone_fails_with_the_reason(desk: Desk) -> None:
    assistant, _ = searching(desk)
    store = desk.account.get(f"/assistants/{assistant}")["tool_resources"]["file_search"]["vector_store_ids"][0]
    desk.account.delete(f"/vector_stores/{store}")
    run = desk.run(desk.add_thread("refund"), assistant)
    assert run["status"] == "failed"
    assert run["last_error"]["message"].startswith("file_search could not be carried out: No vector store found")


def test_a_mark_that_comes_in_pieces_is_one_annotation(open_desk: OpenDesk) -> None:
    """It reaches who follows as one piece; a mark that stands for nothing stays text."""
    said = says("Five days 【1", ":0†refunds", ".md", "】, not 【9:9†x】", "two.")
    desk = open_desk(language_model=ScriptedModel(calls(("file_search", '{"queries":["refund"]}')), said))
    assistant, refunds = searching(desk)
    thread = desk.add_thread("refund")
    events = desk.stream(f"/threads/{thread}/runs", assistant_id=assistant)
    texts = [data["delta"]["content"][0]["text"] for name, data in events if name == "thread.message.delta"]
    assert [each["value"] for each in texts] == ["Five days ", "【1:0†refunds.md】", ", not 【9:9†x】", "two."]
    annotation = {
        "index": 0,
        "type": "file_citation",
        "text": "【1:0†refunds.md】",
        "start_index": 10,
        "end_index": 26,
        "file_citation": {"file_id": refunds},
    }
    assert texts[1]["annotations"] == [annotation]
    del annotation["index"]
    (part,) = desk.account.get(f"/threads/{thread}/messages")["data"][0]["content"]
    assert part["text"] == {"value": "Five days 【1:0†refunds.md】, not 【9:9†x】two.", "annotations": [annotation]}


def test_the_model_is_given_the_passages_with_their_marks(open_desk: OpenDesk) -> None:
    model = ScriptedModel(calls(("file_search", '{"queries":["refund"]}')), says("Five."))
    desk = open_desk(language_model=model)
    assistant, _ = searching(desk)
    twice = {"tools": [SEARCH, SEARCH]}
    desk.run(desk.add_thread("refund"), assistant, tool_choice={"type": "file_search"}, **twice)
    first, second = model.prompts
    assert [each.kind for each in first.tools] == ["file_search"]
    assert [first.tool_choice, second.tool_choice] == ["=file_search", "auto"]
    output = second.items[-1]
    assert isinstance(output, ToolOutput)
    assert output.output == f"【1:0†refunds.md】\n{REFUNDS.decode()}"


PASS = ("code_interpreter", '{"code":"pass"}')
PLOT = Ran("42\n", (Written("plot.png", b"\x89PNG", "image/png"), Written("out/sums.csv", b"1,2")))


def test_code_runs_in_the_sandbox(open_desk: OpenDesk) -> None:
    """What it prints is a step, its pictures are content, and the files that are named are annotations."""
    sandbox = ScriptedSandbox({"print(42)\n": PLOT})
    desk = open_desk(sandbox=sandbox)
    given = desk.account.add_file("numbers.csv", b"1\n2\n")
    assistant = desk.add_assistant(tools=[CODE], tool_resources={"code_interpreter": {"file_ids": [given]}})
    thread = desk.add_thread("Please run this:\n```python\nprint(42)\n```\n")
    run = desk.run(thread, assistant)
    assert run["status"] == "completed", run["last_error"]
    assert sandbox.seen == [["numbers.csv"]]
    step = desk.steps(thread, run["id"])[0]
    (call,) = step["step_details"]["tool_calls"]
    logs, image = call["code_interpreter"]["outputs"]
    assert call["code_interpreter"]["input"] == "print(42)\n"
    assert logs == {"type": "logs", "logs": "42\n"}
    picture, part = desk.account.get(f"/threads/{thread}/messages")["data"][0]["content"]
    assert picture["image_file"]["file_id"] == image["image"]["file_id"]
    value = part["text"]["value"]
    assert "code_interpreter gave: 42" in value
    table = part["text"]["annotations"][1]
    assert table["text"] == value[table["start_index"] : table["end_index"]] == "sandbox:/mnt/data/out/sums.csv"
    file = desk.account.get(f"/files/{table['file_path']['file_id']}")
    assert (file["filename"], file["purpose"]) == ("sums.csv", "assistants_output")
    assert desk.account.http.get(f"/files/{file['id']}/content").content == b"1,2"


def test_code_is_shown_as_it_comes(open_desk: OpenDesk) -> None:
    arguments = json.dumps({"code": 'print("a\tä")'})
    model = ScriptedModel(calls(("code_interpreter", arguments)), says("Done."))
    desk = open_desk(language_model=model, sandbox=ScriptedSandbox({'print("a\tä")': Ran("a\tä\n")}))
    thread = desk.add_thread("Go.")
    events = desk.stream(f"/threads/{thread}/runs", assistant_id=desk.add_assistant(tools=[CODE]))
    deltas = [data["delta"] for name, data in events if name == "thread.run.step.delta"]
    shown = [each["step_details"]["tool_calls"][0]["code_interpreter"] for each in deltas]
    assert len(shown) == 4
    assert "".join(each.get("input", "") for each in shown) == 'print("a\tä")'
    assert shown[-1] == {"outputs": [{"index": 0, "type": "logs", "logs": "a\tä\n"}]}


def test_without_a_sandbox_no_code_runs(open_desk: OpenDesk) -> None:
    """The run fails with the reason, and shows what it would have run."""
    model = ScriptedModel(calls(("code_interpreter", '{"code":"print(1)"}')))
    desk = open_desk(language_model=model, sandbox=NoSandbox())
    thread = desk.add_thread("Go.")
    run = desk.run(thread, desk.add_assistant(tools=[CODE]))
    reason = "code_interpreter cannot run code: nothing confines it"
    assert (run["status"], run["last_error"]) == ("failed", {"code": "server_error", "message": reason})
    (step,) = desk.steps(thread, run["id"])
    assert (step["status"], step["last_error"]["message"]) == ("failed", reason)
    assert step["step_details"]["tool_calls"][0]["code_interpreter"] == {"input": "print(1)", "outputs": []}


def test_files_attached_for_code_are_those_of_the_thread(open_desk: OpenDesk) -> None:
    sandbox = ScriptedSandbox({"pass": Ran("")})
    model = ScriptedModel(calls(("code_interpreter", '{"code":"pass"}')), says("Done."))
    desk = open_desk(language_model=model, sandbox=sandbox)
    first, second = desk.account.add_file("a.csv"), desk.account.add_file("a.csv")
    attachments = [{"file_id": each, "tools": [CODE]} for each in (first, second)]
    thread = desk.add_thread()
    desk.account.post(f"/threads/{thread}/messages", role="user", content="Go.", attachments=attachments)
    assert desk.run(thread, desk.add_assistant(tools=[CODE]))["status"] == "completed"
    assert sandbox.seen == [sorted(["a.csv", f"{second}-a.csv"])]


def test_tools_of_both_sides_are_called_at_once(open_desk: OpenDesk) -> None:
    """The account's own are carried out, the application's are waited for; then the model hears of all."""
    function = {"type": "function", "function": {"name": "look_up"}}
    model = ScriptedModel(
        [TextDelta("Let me see."), *calls(("file_search", '{"queries":["refund"]}'), ("look_up", "{}"))], says("So.")
    )
    desk = open_desk(language_model=model)
    assistant, _ = searching(desk)
    thread = desk.add_thread("refund")
    events = desk.stream(f"/threads/{thread}/runs", assistant_id=assistant, tools=[SEARCH, function])
    assert names(events)[-4:] == [
        "thread.run.step.in_progress",
        "thread.run.step.delta",
        "thread.run.requires_action",
        "done",
    ]
    run = events[-2][1]
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    outputs = [{"tool_call_id": call["id"], "output": "42"}]
    desk.account.post(f"/threads/{thread}/runs/{run['id']}/submit_tool_outputs", tool_outputs=outputs)
    assert desk.finish(thread, run["id"])["status"] == "completed"
    items = model.prompts[1].items
    assert [type(each).__name__ for each in items] == ["Message", "Message", *["ToolCall"] * 2, *["ToolOutput"] * 2]
    assert [each.output[:2] for each in items[-2:]] == ["【1", "42"]  # type: ignore[union-attr]
    assert desk.said(thread) == ["So.", "Let me see.", "refund"]


def test_a_tool_that_there_is_not_ends_the_run(open_desk: OpenDesk) -> None:
    desk = open_desk(language_model=ScriptedModel(calls(("fly", "{}"))))
    run = desk.run(desk.add_thread("Go."), desk.add_assistant())
    assert run["last_error"]["message"] == "the model called 'fly', which is none of its tools"


def test_a_model_that_never_stops_calling_is_stopped(open_desk: OpenDesk) -> None:
    model = ScriptedModel(*[calls(("file_search", "{}"))] * 60)
    desk = open_desk(language_model=model)
    run = desk.run(desk.add_thread("Go."), desk.add_assistant(tools=[SEARCH]))
    assert run["last_error"]["message"] == "the model called tools 50 times without coming to an end"


def test_the_model_hears_of_what_nobody_is_given(open_desk: OpenDesk) -> None:
    """Or it would promise files that there are not."""
    lost = tuple(f"link-{number}: it is a symbolic link." for number in range(101))
    model = ScriptedModel(calls(("code_interpreter", '{"code":"pass"}')), says("Done."))
    sandbox = ScriptedSandbox({"pass": Ran("1\n", left_out=lost)})
    desk = open_desk(language_model=model, sandbox=sandbox)
    thread = desk.add_thread("Go.")
    run = desk.run(thread, desk.add_assistant(tools=[CODE]))
    output = model.prompts[1].items[-1]
    assert isinstance(output, ToolOutput)
    shown = "\n".join(lost[:100])
    assert output.output == f"1\n\nWritten, but not given to anybody:\n{shown}\n… and 1 more"
    (call,) = desk.steps(thread, run["id"])[0]["step_details"]["tool_calls"]
    assert call["code_interpreter"]["outputs"] == [{"type": "logs", "logs": "1\n"}]


PICTURE = """\
import os, struct, zlib

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
dot = zlib.compress(bytes(2))
png = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", dot) + chunk(b"IEND", b"")
open("/mnt/data/dot.png", "wb").write(png)
os.symlink("/etc/passwd", "/mnt/data/passwd.txt")
print(open("/mnt/data/numbers.csv").read())
"""


def test_a_picture_comes_out_of_a_real_sandbox(desk: Desk) -> None:
    """As content of the message, as an output of the step, and as a file with the bytes that were written."""
    if (offered := confinement()).name is None:
        pytest.skip(str(offered))
    given = desk.account.add_file("numbers.csv", b"1,2")
    assistant = desk.add_assistant(tools=[CODE], tool_resources={"code_interpreter": {"file_ids": [given]}})
    thread = desk.add_thread(f"Please run this:\n```python\n{PICTURE}```\n")
    run = desk.run(thread, assistant)
    assert run["status"] == "completed", run["last_error"]
    picture, part = desk.account.get(f"/threads/{thread}/messages")["data"][0]["content"]
    file = picture["image_file"]["file_id"]
    (call,) = desk.steps(thread, run["id"])[0]["step_details"]["tool_calls"]
    logs, image = call["code_interpreter"]["outputs"]
    assert (logs["logs"], image) == ("1,2\n", {"type": "image", "image": {"file_id": file}})
    (annotation,) = part["text"]["annotations"]
    assert (annotation["text"], annotation["file_path"]) == ("sandbox:/mnt/data/dot.png", {"file_id": file})
    content = desk.account.http.get(f"/files/{file}/content").content
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")
    assert part["text"]["value"].endswith("Written, but not given to anybody:\n'passwd.txt': is a symbolic link")


@pytest.mark.parametrize("name", ["..", "x" * 255, "ä" * 127 + ".csv", "x" * 300 + ".csv"])
def test_a_file_with_a_name_that_no_directory_takes_gets_another(open_desk: OpenDesk, name: str) -> None:
    sandbox = ScriptedSandbox({"pass": Ran("")})
    desk = open_desk(language_model=ScriptedModel(calls(PASS), says("Done.")), sandbox=sandbox)
    files = [desk.account.add_file(name) for _ in range(2)]
    assistant = desk.add_assistant(tools=[CODE], tool_resources={"code_interpreter": {"file_ids": files}})
    run = desk.run(desk.add_thread("Go."), assistant)
    assert (run["status"], run["last_error"]) == ("completed", None)
    (seen,) = sandbox.seen
    assert len(seen) == 2
    assert all(each.endswith(".csv") for each in seen) == name.endswith(".csv")
