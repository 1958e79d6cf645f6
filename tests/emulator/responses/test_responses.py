"""What a response is, what it continues, and how it is looked up, called off and deleted."""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any

import httpx2
import openai
import pydantic
import pytest

from retinue.emulator.language_models.language_model import Finish, Image, Message, ModelError, TextDelta, Usage
from retinue.emulator.language_models.language_model import ToolCall as Called
from retinue.emulator.language_models.language_model import ToolOutput as Output
from retinue.emulator.server.transport import LocalTransport
from tests.emulator.conftest import HEADERS
from tests.emulator.responses.conftest import FUNCTION, Caller, OpenCaller, names, text_of
from tests.emulator.threads.conftest import strict_client
from tests.support.scripted_model import UNTIL_STOPPED, Gate, Scripted, ScriptedModel, calls, says


def test_a_response_is_what_was_asked_and_what_was_said(open_caller: OpenCaller) -> None:
    caller = open_caller(language_model=ScriptedModel(says("Good", " day.", usage=Usage(11, 3, 1, 2))))
    made = caller.ask(
        "Hello.", instructions="Be brief.", metadata={"a": "b"}, reasoning={"effort": "low"}, prompt_cache_key="k"
    )
    (message,) = made["output"]
    assert made == {
        "id": made["id"],
        "object": "response",
        "created_at": caller.account.clock.now,
        "status": "completed",
        "background": False,
        "completed_at": caller.account.clock.now,
        "error": None,
        "incomplete_details": None,
        "instructions": "Be brief.",
        "max_output_tokens": None,
        "max_tool_calls": None,
        "model": "gpt-4o",
        "output": [
            {
                "id": message["id"],
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Good day.", "annotations": [], "logprobs": []}],
            }
        ],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": "k",
        "reasoning": {"effort": "low", "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 11,
            "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 1},
            "total_tokens": 14,
        },
        "user": None,
        "metadata": {"a": "b"},
    }
    assert caller.account.get(f"/responses/{made['id']}") == made


def test_the_model_is_asked_what_the_request_says(open_caller: OpenCaller) -> None:
    model = ScriptedModel(says("Yes."))
    schema = {"type": "object", "additionalProperties": False}
    shape = {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}
    open_caller(language_model=model).ask(
        "Hello.", instructions="Be brief.", temperature=0.5, top_p=0.9, text={"format": shape}, max_output_tokens=100
    )
    (prompt,) = model.prompts
    assert (prompt.model, prompt.instructions, prompt.temperature, prompt.top_p) == ("gpt-4o", "Be brief.", 0.5, 0.9)
    assert prompt.response_format["json_schema"] == {"name": "answer", "schema": schema, "strict": True}
    assert prompt.items == (Message("user", "Hello."),)
    assert prompt.max_tokens == 100


def test_input_comes_in_every_form(open_caller: OpenCaller) -> None:
    model = ScriptedModel(says("Yes."))
    caller = open_caller(language_model=model)
    file = caller.account.add_file("notes.txt", b"words of a file", purpose="user_data")
    data = "data:text/plain;base64," + base64.b64encode(b"words that were sent").decode()
    empty = {"type": "output_text", "annotations": [], "logprobs": []}
    said_before = {"type": "message", "role": "assistant", "status": "completed"}
    said: list[Any] = [
        {"role": "developer", "content": "Mind the gap."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "First."}]},
        {**said_before, "id": "msg_1", "content": [{**empty, "text": "Second."}]},
        {**said_before, "id": "msg_2", "content": [{"type": "refusal", "refusal": "No."}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "found"}]},
        {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["q"], "results": [{"text": "t"}]},
        {
            "role": "user",
            "content": [
                {"type": "input_file", "file_id": file},
                {"type": "input_file", "filename": "sent.txt", "file_data": data},
                {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
                {"type": "input_image", "file_id": file, "detail": "auto"},
            ],
        },
    ]
    made = caller.ask(said)
    (prompt,) = model.prompts
    # The bytes of pictures that are files come along.
    blob = prompt.items[-1].images[1].path  # type: ignore[union-attr]
    assert blob is not None
    assert blob.read_bytes() == b"words of a file"
    images = (
        Image(url="https://example.com/a.png", detail="low"),
        Image(file_id=file, filename="notes.txt", path=blob, detail="auto"),
    )
    assert prompt.items == (
        Message("developer", "Mind the gap."),
        Message("user", "First."),
        Message("assistant", "Second."),
        Message("assistant", "No."),
        Called("call_1", "look_up", "{}"),
        Output("call_1", "found"),
        Called("fs_1", "file_search", '{"queries": ["q"]}'),
        Output("fs_1", "t"),
        Message("user", "File notes.txt:\nwords of a file\nFile sent.txt:\nwords that were sent", images),
    )
    listed = caller.account.get(f"/responses/{made['id']}/input_items", order="asc")["data"]
    assert [each["type"] for each in listed] == [each.get("type", "message") for each in said]
    assert len(list(caller.client.responses.input_items.list(made["id"], limit=2))) == len(said)


def test_a_file_that_has_no_text_fails_the_response(caller: Caller) -> None:
    file = caller.account.add_file("picture.bin", b"\xff\xfe\xfd\x00", purpose="user_data")
    made = caller.ask([{"role": "user", "content": [{"type": "input_file", "file_id": file}]}])
    message = "The file 'picture.bin' cannot be read. It is not text."
    assert (made["status"], made["error"]) == ("failed", {"code": "invalid_prompt", "message": message})


def test_a_response_continues_the_one_before(open_caller: OpenCaller) -> None:
    """Instructions are not carried over."""
    model = ScriptedModel(says("One."), says("Two."), says("Three."))
    caller = open_caller(language_model=model)
    first = caller.ask("a", instructions="Be brief.")
    second = caller.ask("b", previous_response_id=first["id"])
    caller.ask("c", previous_response_id=second["id"])
    said = [("user", "a"), ("assistant", "One."), ("user", "b"), ("assistant", "Two."), ("user", "c")]
    assert model.prompts[2].items == tuple(Message(role, text) for role, text in said)  # type: ignore[arg-type]
    assert [each.instructions for each in model.prompts] == ["Be brief.", "", ""]


def test_functions_are_handed_back_and_their_outputs_taken(open_caller: OpenCaller) -> None:
    model = ScriptedModel(calls(("look_up", '{"word": "a"}'), ("look_up", "{}")), says("Found."))
    caller = open_caller(language_model=model)
    made = caller.ask("Look it up.", tools=[FUNCTION])
    assert made["status"] == "completed"
    assert [(each["type"], each["call_id"], each["arguments"]) for each in made["output"]] == [
        ("function_call", "call_0", '{"word": "a"}'),
        ("function_call", "call_1", "{}"),
    ]
    outputs = [{"type": "function_call_output", "call_id": f"call_{index}", "output": str(index)} for index in (0, 1)]
    assert caller.text(outputs, previous_response_id=made["id"], tools=[FUNCTION]) == "Found."
    assert model.prompts[1].items[-2:] == (Output("call_0", "0"), Output("call_1", "1"))
    # The same without anything stored: the application sends back what it was given.
    model = ScriptedModel(says("Found."))
    assert open_caller(language_model=model).text([{"role": "user", "content": "x"}, *made["output"], *outputs])
    assert [type(each) for each in model.prompts[0].items] == [Message, Called, Called, Output, Output]


def test_an_item_is_named_instead_of_said_again(caller: Caller) -> None:
    first = caller.ask("Remember me.")
    said = caller.account.get(f"/responses/{first['id']}/input_items")["data"][0]
    second = caller.ask([{"type": "item_reference", "id": said["id"]}])
    assert "Remember me." in text_of(second)
    assert caller.account.get(f"/responses/{second['id']}/input_items")["data"] == [said]


def test_what_is_not_stored_is_there_for_nobody(tmp_path: Path) -> None:
    """Not while it is made, and nothing of it afterwards."""
    gate = Gate()
    transport = LocalTransport(tmp_path, language_model=ScriptedModel((TextDelta("One"), gate, *says(" two"))))
    with httpx2.Client(transport=transport, base_url="http://local.invalid/v1", headers=HEADERS) as http:
        client = strict_client(http)
        with client.responses.stream(model="gpt-4o", input="Hello.", store=False) as stream:
            made = next(iter(stream)).response.id  # type: ignore[union-attr]
            gate.wait()
            assert http.get(f"/responses/{made}").status_code == 404
            gate.open()
            said = stream.get_final_response().output[0].id  # type: ignore[union-attr]
        assert http.get(f"/responses/{made}").status_code == 404
        for more in ({"previous_response_id": made}, {"input": [{"type": "item_reference", "id": said}]}):
            assert http.post("/responses", json={"model": "gpt-4o", "input": "x", **more}).is_client_error


def test_a_response_is_gone_after_thirty_days(caller: Caller) -> None:
    made = caller.ask("Hello.")
    caller.account.clock.advance(days=30, seconds=-1)
    assert caller.account.http.get(f"/responses/{made['id']}").status_code == 200
    caller.account.clock.advance(seconds=1)
    assert caller.account.http.get(f"/responses/{made['id']}").status_code == 404


def test_a_response_is_deleted(caller: Caller) -> None:
    made = caller.ask("Hello.")
    assert caller.account.delete(f"/responses/{made['id']}") == {
        "id": made["id"],
        "object": "response",
        "deleted": True,
    }
    status, error = caller.refuse("/responses", model="gpt-4o", input="x", previous_response_id=made["id"])
    assert (status, error["code"]) == (400, "previous_response_not_found")
    assert caller.account.http.get(f"/responses/{made['id']}/input_items").status_code == 404


# ── how it ends ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_that_is_too_long_is_incomplete(caller: Caller) -> None:
    made = caller.ask("Say a lot.", max_output_tokens=16)
    assert (made["status"], made["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert made["output"][0]["status"] == "incomplete"
    assert (made["completed_at"], made["usage"]["output_tokens"]) == (None, 16)


def test_calls_that_are_cut_off_are_incomplete_and_belong_to_no_conversation(open_caller: OpenCaller) -> None:
    cut = (*calls(("look_up", '{"a"'))[:-1], Finish("length"))
    caller = open_caller(language_model=ScriptedModel(cut, says("Well.")))
    made = caller.ask("Look.", tools=[FUNCTION])
    assert (made["status"], made["output"][0]["status"]) == ("incomplete", "incomplete")
    assert caller.text("Go on.", previous_response_id=made["id"]) == "Well."


def test_a_filtered_answer_is_incomplete(open_caller: OpenCaller) -> None:
    caller = open_caller(language_model=ScriptedModel((TextDelta("No"), Finish("content_filter"))))
    assert caller.ask("Hello.")["incomplete_details"] == {"reason": "content_filter"}


def test_a_model_that_fails_says_why(open_caller: OpenCaller) -> None:
    error = ModelError("too many questions", code="rate_limit_exceeded")
    caller = open_caller(language_model=ScriptedModel((TextDelta("Wel"), error), (ValueError("a bug"),)))
    made = caller.ask("Hello.")
    assert (made["status"], made["error"]) == (
        "failed",
        {"code": "rate_limit_exceeded", "message": "too many questions"},
    )
    assert made["output"][0]["content"][0]["text"] == "Wel"
    events = caller.stream("Hello.")
    assert names(events)[-1] == "failed"
    assert events[-1]["response"]["error"] == {"code": "server_error", "message": "Sorry, something went wrong."}


# ── in the background ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_response_in_the_background_is_looked_up(open_caller: OpenCaller) -> None:
    gate = Gate()
    caller = open_caller(language_model=ScriptedModel((gate, *says("Done."))))
    made = caller.ask("Hello.", background=True)
    assert (made["status"], made["output"], made["usage"]) == ("queued", [], None)
    gate.wait()
    assert caller.account.get(f"/responses/{made['id']}")["status"] == "in_progress"
    gate.open()
    assert text_of(caller.finish(made["id"])) == "Done."


def test_a_response_in_the_background_is_cancelled(open_caller: OpenCaller) -> None:
    """Once more changes nothing."""
    gate = Gate()
    caller = open_caller(language_model=ScriptedModel((TextDelta("Wel"), gate, UNTIL_STOPPED)))
    made = caller.ask("Hello.", background=True)
    gate.wait()
    gate.open()
    cancelled = caller.account.post(f"/responses/{made['id']}/cancel")
    assert (cancelled["status"], cancelled["completed_at"]) == ("cancelled", None)
    assert caller.account.post(f"/responses/{made['id']}/cancel")["status"] == "cancelled"
    while not (output := caller.account.get(f"/responses/{made['id']}")["output"]):
        pass
    assert (output[0]["status"], output[0]["content"][0]["text"]) == ("in_progress", "Wel")


def test_a_response_hears_that_another_process_cancelled_it(open_caller: OpenCaller) -> None:
    """What was said until then is there."""
    waiting = threading.Event()
    script: list[Scripted] = [TextDelta("Well, "), waiting.set, UNTIL_STOPPED]
    caller = open_caller(language_model=ScriptedModel(script))
    made = caller.ask("Go on.", background=True)
    assert waiting.wait(30)
    other = open_caller()
    assert other.account.post(f"/responses/{made['id']}/cancel")["status"] == "cancelled"
    for _ in range(5000):
        if found := other.account.get(f"/responses/{made['id']}")["output"]:
            break
    assert [each["content"][0]["text"] for each in found] == ["Well, "]


def test_only_a_response_in_the_background_is_cancelled(caller: Caller) -> None:
    made = caller.ask("Hello.")
    status, error = caller.refuse(f"/responses/{made['id']}/cancel")
    assert (status, error["message"]) == (400, "Cannot cancel a synchronous response.")


def test_a_response_that_is_deleted_while_it_is_made_comes_to_nothing(open_caller: OpenCaller) -> None:
    gate = Gate()
    caller = open_caller(language_model=ScriptedModel((gate, UNTIL_STOPPED), says("Next.")))
    made = caller.ask("Hello.", background=True)
    gate.wait()
    gate.open()
    caller.account.delete(f"/responses/{made['id']}")
    assert caller.account.http.get(f"/responses/{made['id']}").status_code == 404
    assert caller.text("Hello.") == "Next."


def test_a_response_that_was_under_way_when_the_account_was_closed_has_failed(tmp_path: Path) -> None:
    gate = Gate()
    transport = LocalTransport(tmp_path, language_model=ScriptedModel((gate, UNTIL_STOPPED)))
    with httpx2.Client(transport=transport, base_url="http://local.invalid/v1", headers=HEADERS) as http:
        made = http.post("/responses", json={"model": "gpt-4o", "input": "x", "background": True}).json()
        gate.wait()
        gate.open()
    with httpx2.Client(transport=LocalTransport(tmp_path), base_url="http://local.invalid/v1") as http:
        found = http.get(f"/responses/{made['id']}").json()
    message = "The local account was closed while the response was in progress."
    assert (found["status"], found["error"]) == ("failed", {"code": "server_error", "message": message})


# ── with the SDK ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Answer(pydantic.BaseModel):
    city: str
    warm: bool


def test_the_sdk_parses_what_it_asked_for(caller: Caller) -> None:
    parsed = caller.client.responses.parse(model="gpt-4o", input="Where?", text_format=Answer)
    assert parsed.output_parsed == Answer(city="[rehearsal]", warm=False)


def test_the_sdk_lists_and_retrieves_and_deletes(caller: Caller) -> None:
    client = caller.client
    made = client.responses.create(model="gpt-4o", input="Hello.")
    assert client.responses.retrieve(made.id, include=["file_search_call.results"]) == made
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError, match=f"Response with id '{made.id}' not found"):
        client.responses.retrieve(made.id)


def test_tokens_are_counted_before_anything_is_asked(caller: Caller) -> None:
    counted = caller.client.responses.input_tokens.count(model="gpt-4o", input="Hello.", instructions="Be brief.")
    made = caller.ask("Hello.", instructions="Be brief.")
    assert counted.input_tokens == made["usage"]["input_tokens"]


def test_a_conversation_that_is_too_long_is_refused_or_truncated(open_caller: OpenCaller) -> None:
    model = ScriptedModel(says("Yes."), window=100)
    caller = open_caller(language_model=model)
    said = [{"role": "user", "content": f"{index} " + "x" * 100} for index in range(8)]
    status, error = caller.refuse("/responses", model="gpt-4o", input=said)
    assert (status, error["code"], error["param"]) == (400, "context_length_exceeded", "input")
    assert caller.text(said[-3:], truncation="auto") == "Yes."
    assert [each.text[0] for each in model.prompts[0].items if isinstance(each, Message)] == ["6", "7"]
