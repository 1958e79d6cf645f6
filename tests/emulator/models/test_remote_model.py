"""A model behind an endpoint: what it is sent, how each sort of server is understood, and what goes wrong."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.emulator.language_models.chat_completions import AnswerError, ChatAnswer
from retinue.emulator.language_models.language_model import (
    CallDelta,
    Finish,
    Image,
    Message,
    ModelError,
    Piece,
    Prompt,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Tool,
    ToolCall,
    ToolOutput,
    Usage,
)
from retinue.emulator.language_models.model_responses import ResponsesAnswer
from retinue.emulator.language_models.remote_model import RemoteModel
from retinue.emulator.model_endpoints.remote_endpoint import Key, RemoteEndpoint, Timeouts
from tests.support.model_server import DONE, HANG, HEAD, ModelServer, delta, event, serving_models, usage, whole

KEY = "sk-a-key-that-nobody-may-see"
HELLO = Prompt("gpt-4o", "Be kind.", (Message("user", "Hello"),))
WEATHER = Tool("weather", "Tells it.", {"type": "object", "properties": {"city": {"type": "string"}}}, strict=True)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving_models() as served:
        yield served


def model_at(server: ModelServer, *, key: str | None = None, times: Timeouts | None = None, **more: Any) -> RemoteModel:
    known = Key("THE_KEY", {} if key == "" else {"THE_KEY": key}) if key is not None else None
    return RemoteModel(RemoteEndpoint(server.url, key=known, timeouts=times), {"gpt-4o": "llama3.2"}, **more)


def pieces(model: RemoteModel, prompt: Prompt = HELLO) -> list[Piece]:
    return list(model.answer(prompt, threading.Event()))


def failure(model: RemoteModel, prompt: Prompt = HELLO) -> ModelError:
    with pytest.raises(ModelError) as caught:
        pieces(model, prompt)
    return caught.value


# What is sent


def test_a_prompt_is_sent_as_the_api_has_it(server: ModelServer) -> None:
    server.answer([HEAD, delta("stop", content="Hi"), DONE])
    items = (
        Message("user", "Look", (Image(url="data:image/png;base64,AA==", detail="low"),)),
        Message("assistant", "I ask."),
        ToolCall("call_1", "weather", '{"city":"Paris"}'),
        ToolOutput("call_1", "rain"),
        Message("developer", "Hurry."),
    )
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}
    prompt = Prompt(
        "gpt-4o",
        "Be kind.",
        items,
        (WEATHER, Tool("now")),
        "=weather",
        parallel_tool_calls=False,
        temperature=0.5,
        top_p=0.9,
        max_tokens=7,
        response_format=schema,
    )
    pieces(model_at(server, key=KEY), prompt)
    asked = server.asked[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}
    function = {"name": "weather", "description": "Tells it.", "parameters": WEATHER.parameters, "strict": True}
    assert asked.body == {
        "model": "llama3.2",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Look"}, image]},
            {"role": "assistant", "content": "I ask.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
            {"role": "system", "content": "Hurry."},
        ],
        "tools": [
            {"type": "function", "function": function},
            {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 7,
        "response_format": schema,
    }


def test_no_key_is_sent_where_none_is_configured(server: ModelServer) -> None:
    server.answer([HEAD, delta("stop", content="Hi"), DONE])
    pieces(model_at(server))
    assert "authorization" not in server.asked[0].headers


def test_one_name_can_stand_for_every_model(server: ModelServer) -> None:
    model = replace(model_at(server), names={"*": "llama3.2", "o3": "qwen"})
    assert [model.served(each) for each in ("gpt-4o", "o3")] == ["llama3.2", "qwen"]
    assert replace(model, names={}).served("gpt-4o") == "gpt-4o"


# How answers come


def test_tokens_are_passed_on_before_the_answer_is_complete(server: ModelServer) -> None:
    heard = threading.Event()
    server.answer([HEAD, delta(content="Hel"), lambda: heard.wait(10), delta("stop", content="lo"), usage(5, 2), DONE])
    answer = model_at(server).answer(HELLO, threading.Event())
    assert next(answer) == TextDelta("Hel")
    heard.set()  # the server says nothing more before this
    assert list(answer) == [TextDelta("lo"), Finish("stop", Usage(5, 2))]


def test_words_thoughts_and_refusals_are_told_apart(server: ModelServer) -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 2}}
    server.answer(
        [
            HEAD,
            delta(role="assistant", content=""),
            delta(reasoning_content="Hm"),
            delta(reasoning=" so"),
            delta(content=[{"type": "text", "text": "No"}]),
            delta("stop", refusal="I must not"),
            usage(9, 4, **details),
            DONE,
        ]
    )
    assert pieces(model_at(server)) == [
        ReasoningDelta("Hm"),
        ReasoningDelta(" so"),
        TextDelta("No"),
        RefusalDelta("I must not"),
        Finish("stop", Usage(9, 4, 2, 3)),
    ]


def call(index: int | None, name: str = "", arguments: Any = None, call_id: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"function": {"name": name or None, "arguments": arguments}}
    return {**told, **({} if index is None else {"index": index}), **({} if call_id is None else {"id": call_id})}


FIRST, SECOND = '{"city": "Paris"}', '{"city": "Rome"}'
CALLS = {
    "openai: deltas of two calls": [
        [call(0, "weather", "", "call_a")],
        [call(0, arguments='{"city": ')],
        [call(0, arguments='"Paris"}')],
        [call(1, "weather", "", "call_b")],
        [call(1, arguments=SECOND)],
    ],
    "deltas of two calls by turns": [
        [call(0, "weather", "", "call_a"), call(1, "weather", "", "call_b")],
        [call(1, arguments='{"city": '), call(0, arguments='{"city": ')],
        [call(0, arguments='"Paris"}'), call(1, arguments='"Rome"}')],
    ],
    "the id before the name": [
        [call(0, call_id="call_a")],
        [call(0, "weather", FIRST)],
        [call(1, call_id="call_b")],
        [call(1, "weather"), call(1, arguments=SECOND)],
    ],
    "the id and the name again and again": [
        [call(0, "weather", '{"city": ', "call_a")],
        [call(0, "weather", '"Paris"}', "call_a")],
        [call(1, "weather", SECOND, "call_b")],
    ],
    "whole, all with one index": [[call(0, "weather", FIRST, "call_a")], [call(0, "weather", SECOND, "call_b")]],
    "whole, without an index": [[call(None, "weather", FIRST, "call_a"), call(None, "weather", SECOND, "call_b")]],
    "whole, without ids": [[call(0, "weather", FIRST, "")], [call(0, "weather", SECOND, "")]],
    "whole, arguments as an object": [[call(0, "weather", {"city": "Paris"}), call(1, "weather", {"city": "Rome"})]],
}


@pytest.mark.parametrize("deltas", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_calls_are_put_together_however_they_come(server: ModelServer, deltas: list[Any], finish: str) -> None:
    server.answer([HEAD, *(delta(tool_calls=each) for each in deltas), delta(finish), DONE])
    found = pieces(model_at(server), replace(HELLO, tools=(WEATHER,)))
    assert found.pop() == Finish("tool_calls")
    made: dict[int, list[str]] = {}
    for piece in found:
        assert isinstance(piece, CallDelta)
        assert bool(piece.name) == (piece.index not in made), "the first of a call has its name, no other one has"
        assert piece.index in made or piece.index == len(made), "calls begin in their order"
        made.setdefault(piece.index, [piece.id, ""])[1] += piece.arguments
    ids = [call_id for call_id, _ in made.values()]
    assert ids in (["call_a", "call_b"], ["", ""])
    assert [json.loads(arguments) for _, arguments in made.values()] == [{"city": "Paris"}, {"city": "Rome"}]


CHUNKS = b"".join([delta(content="ö"), delta("stop", content="\u2028x"), DONE])
STREAMS = {
    "without [DONE]": [HEAD, CHUNKS.replace(DONE, b"")],
    "without a last line end": [HEAD, CHUNKS.replace(DONE, b"").rstrip()],
    "[DONE] in place of a reason": [HEAD, delta(content="ö"), delta(content="\u2028x"), DONE],
    "comments and other fields": [HEAD, b": ping\n\nid: 1\nretry: 5\nevent: message\n", CHUNKS],
    "lines end as on Windows": [HEAD, CHUNKS.replace(b"\n", b"\r\n")],
    "no blank lines": [HEAD, CHUNKS.replace(b"\n\n", b"\n")],
    "no blank after the colon": [HEAD, CHUNKS.replace(b"data: ", b"data:")],
    "byte by byte": [HEAD, *(CHUNKS[at : at + 1] for at in range(len(CHUNKS)))],
    "in one piece": whole({"choices": [{"message": {"content": "ö\u2028x"}, "finish_reason": "stop"}]}),
    "with what nobody knows": [HEAD, event({"choices": None, "usage": None}), event({"timings": 1}), CHUNKS],
    "open after [DONE]": [HEAD, CHUNKS, HANG],
}


@pytest.mark.parametrize("answer", STREAMS.values(), ids=STREAMS)
def test_servers_that_write_otherwise_are_understood(server: ModelServer, answer: Any) -> None:
    server.answer(answer)
    *said, last = pieces(model_at(server))
    assert "".join(each.text for each in said if isinstance(each, TextDelta)) == "ö\u2028x"
    assert last == Finish("stop")


@pytest.mark.parametrize(
    ("told", "reason"), [("length", "length"), ("content_filter", "content_filter"), ("eos", "stop")]
)
def test_why_an_answer_ends_is_told(server: ModelServer, told: str, reason: str) -> None:
    server.answer([HEAD, delta(told, content="x"), DONE])
    assert pieces(model_at(server))[-1] == Finish(reason)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["stream_options", "temperature", "parallel_tool_calls"])
def test_what_a_server_refuses_by_name_is_left_out(server: ModelServer, name: str) -> None:
    answer = [HEAD, delta("stop", content="Hi"), DONE]
    server.answer(whole({"error": {"message": f"Unsupported parameter: '{name}'"}}, "400 Bad Request"), answer)
    model = model_at(server)
    prompt = replace(HELLO, temperature=1.0, tools=(WEATHER,), parallel_tool_calls=False)
    assert pieces(model, prompt)[0] == TextDelta("Hi")
    pieces(model, prompt)
    assert [name in each.body for each in server.asked] == [True, False, False], "once is enough"


def test_the_newer_name_of_a_limit_is_used_where_the_older_one_is_refused(server: ModelServer) -> None:
    told = {"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}
    server.answer(whole(told, "400 Bad Request"), [HEAD, delta("stop", content="Hi"), DONE])
    pieces(model_at(server), replace(HELLO, max_tokens=9))
    assert [each.body.get("max_completion_tokens") for each in server.asked] == [None, 9]


# What goes wrong

TOLD = {
    "openai": ({"error": {"message": "no such model", "code": "x"}}, "no such model"),
    "ollama": ({"error": "no such model"}, "no such model"),
    "vllm": ({"object": "error", "message": "no such model"}, "no such model"),
    "fastapi": ({"detail": [{"msg": "no such model"}]}, '[{"msg": "no such model"}]'),
}


@pytest.mark.parametrize(("body", "told"), TOLD.values(), ids=TOLD)
def test_a_refusal_is_told_with_the_model_and_the_endpoint(server: ModelServer, body: Any, told: str) -> None:
    server.answer(whole(body, "404 Not Found"))
    error = failure(model_at(server))
    assert (error.code, str(error)) == ("server_error", f"the model 'llama3.2' at {server.url} answered 404: {told}")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("400 X", "invalid_prompt"),
        ("401 X", "server_error"),
        ("429 X", "rate_limit_exceeded"),
        ("500 X", "server_error"),
    ],
)
def test_a_refusal_has_the_code_of_the_api(server: ModelServer, status: str, code: str) -> None:
    server.answer(whole({"error": "no"}, status))
    assert failure(model_at(server)).code == code


BROKEN = {
    "an error in the stream": ([HEAD, event({"error": {"message": "too hot"}})], "reported an error: too hot"),
    "no end": ([HEAD, delta(content="x")], "broke off in the middle of its answer"),
    "nothing": ([HEAD], "broke off in the middle of its answer"),
    "no JSON": ([HEAD, b"data: {nonsense\n\n"], "sent an event that is no JSON"),
    "no text": ([HEAD, b"data: \xff\n\n"], "sent what is no text"),
    "no chunk": ([HEAD, event([1])], "answered what is no chunk of a chat completion"),
    "a call of nothing": (
        [HEAD, delta("stop", tool_calls=[call(0, "", "{}")]), DONE],
        "called a tool without saying which",
    ),
    "a web page": (
        [b"HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n<h1>Oh\n</h1>"],
        "answered 502: <h1>Oh </h1>",
    ),
    "elsewhere": (
        [
            b"HTTP/1.1 302 X\r\nlocation: https://u:p@models.example/v2/chat/completions?token=secret\r\n"
            b"content-length: 5\r\nconnection: close\r\n\r\n<h1>x"
        ],
        "answered 302: it redirects to https://models.example/v2; redirects are not followed, so name the address that "
        "answers",
    ),
    "nobody knows where": (
        [b"HTTP/1.1 302 X\r\nlocation: http://[::\r\nconnection: close\r\n\r\n"],
        "answered 302: it redirects, and does not say where",
    ),
}


@pytest.mark.parametrize(("answer", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_no_answer(server: ModelServer, answer: Any, told: str) -> None:
    server.answer(answer)
    assert str(failure(model_at(server))) == f"the model 'llama3.2' at {server.url} {told}"


def test_a_connection_that_breaks_is_told(server: ModelServer) -> None:
    server.answer(
        [b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 999\r\n\r\n", delta(content="x")]
    )
    assert f"at {server.url} broke off: " in str(failure(model_at(server)))


def test_an_endpoint_that_is_not_there_is_told() -> None:
    with serving_models() as gone:
        pass
    assert str(failure(model_at(gone))) == f"the model 'llama3.2' at {gone.url} cannot be reached: connection refused"


def test_waiting_for_the_first_token_has_an_end(server: ModelServer) -> None:
    server.answer([HEAD, b": loading\n\n", HANG])
    error = failure(model_at(server, times=Timeouts(first=0.1)))
    assert str(error).endswith("did not begin to answer within 0.1 seconds")
    assert server.left.wait(5)


def test_waiting_for_the_next_token_has_an_end(server: ModelServer) -> None:
    server.answer([HEAD, delta(content="x"), HANG])
    assert str(failure(model_at(server, times=Timeouts(between=0.1)))).endswith("said nothing more for 0.1 seconds")


@pytest.mark.parametrize(
    "answer", [[HANG], [HEAD, HANG], [HEAD, delta(content="x"), HANG]], ids=["asked", "heard", "said"]
)
def test_a_stop_leaves_the_request(server: ModelServer, answer: Any) -> None:
    """Whatever it waits for; the server sees the connection go."""
    server.answer(answer)
    stop, found = threading.Event(), list[Piece]()
    asking = threading.Thread(target=lambda: found.extend(model_at(server).answer(HELLO, stop)))
    asking.start()
    stop.set()
    asking.join(5)
    assert not asking.is_alive()
    assert Finish not in {type(each) for each in found}


def test_an_answer_that_is_left_by_its_reader_is_left_at_the_server(server: ModelServer) -> None:
    server.answer([HEAD, delta(content="x"), HANG])
    answer = model_at(server).answer(HELLO, threading.Event())
    next(answer)
    answer.close()  # type: ignore[attr-defined]
    assert server.left.wait(5)


# The key


def test_a_key_that_is_not_there_is_asked_for_by_its_variable(server: ModelServer) -> None:
    told = failure(model_at(server, key=""))
    assert str(told).endswith("takes a key, and the variable 'THE_KEY' is not set")
    assert server.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        whole({"error": {"message": f"Incorrect API key provided: {KEY}. " + "x" * 400}}, "401 Unauthorized"),
        whole("x" * 290 + KEY, "500 X"),
        [HEAD, event({"error": f"who is {KEY}?"})],
    ],
    ids=["refused", "at the edge", "in the stream"],
)
def test_no_error_shows_the_key(server: ModelServer, answer: Any) -> None:
    server.answer(answer)
    model = model_at(server, key=KEY)
    error = failure(model)
    assert not any(KEY[:n] in str(error) for n in (8, len(KEY)))
    assert "…" in str(error)
    assert KEY not in repr(model)


@pytest.mark.parametrize("url", ["", "ftp://x/v1", "http://me:secret@host/v1", "http://host/v1?key=secret"])
def test_an_address_holds_no_secret(url: str) -> None:
    with pytest.raises(ValueError, match="it ") as caught:
        RemoteEndpoint(url)
    assert "secret" not in str(caught.value)


# Whatever comes

ODD = st.sampled_from(
    (None, True, 0, -1, "", "x", "function_call", "message", "output_text", [], {}, [None], ["x"], {"x": 1})
)


def shaped(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object that may have these, or something else in its place."""
    return st.fixed_dictionaries({}, optional=members) | ODD


def several(each: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(each, max_size=2) | ODD


CALL = shaped(index=ODD, id=ODD, function=shaped(name=ODD, arguments=ODD))
DELTA = shaped(content=ODD, refusal=ODD, reasoning=ODD, tool_calls=several(CALL))
CHUNK = shaped(choices=several(shaped(delta=DELTA, message=DELTA, finish_reason=ODD)), usage=ODD, error=ODD)
ITEM = shaped(type=ODD, id=ODD, call_id=ODD, name=ODD, arguments=ODD, content=several(shaped(type=ODD, text=ODD)))
TYPES = ("output_item.added", "output_item.done", "output_text.delta", "function_call_arguments.delta", "completed")
RESPONSE = shaped(output=several(ITEM), usage=ODD, error=ODD, status=ODD, incomplete_details=ODD)
EVENT = shaped(
    type=st.sampled_from([f"response.{each}" for each in TYPES]),
    output_index=ODD,
    item_id=ODD,
    item=ITEM,
    delta=ODD,
    response=RESPONSE,
)


@given(st.lists(CHUNK, max_size=3))
def test_chunks_that_make_no_sense_are_an_answer_that_failed(chunks: list[Any]) -> None:
    """And never a fault of the account."""
    assert_understood_or_refused(ChatAnswer(), chunks)


@given(st.lists(EVENT, max_size=3))
def test_events_that_make_no_sense_are_an_answer_that_failed(events: list[Any]) -> None:
    assert_understood_or_refused(ResponsesAnswer(), events)


def assert_understood_or_refused(answer: ChatAnswer | ResponsesAnswer, events: list[Any]) -> None:
    with contextlib.suppress(AnswerError):
        for each in events:
            list(answer.read(each))
        assert isinstance(list(answer.end(is_done=True))[-1], Finish)


# Responses


def test_a_prompt_is_sent_as_responses_have_it(server: ModelServer) -> None:
    server.answer([HEAD, event({"type": "response.completed", "response": {}})])
    items = (
        Message("user", "Look", (Image(url="https://example.com/a.png"),)),
        Message("assistant", "I ask."),
        ToolCall("call_1", "weather", "{}"),
        ToolOutput("call_1", "rain"),
    )
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    prompt = Prompt(
        "o3", "Be kind.", items, (WEATHER,), "=weather", reasoning_effort="low", max_tokens=7, response_format=schema
    )
    pieces(model_at(server, api="responses"), prompt)
    assert server.asked[0].path == "/v1/responses"
    assert server.asked[0].body == {
        "model": "o3",
        "stream": True,
        "store": False,
        "instructions": "Be kind.",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Look"},
                    {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
                ],
            },
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I ask."}]},
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
        ],
        "tools": [
            {
                "type": "function",
                "name": "weather",
                "description": "Tells it.",
                "parameters": WEATHER.parameters,
                "strict": True,
            }
        ],
        "tool_choice": {"type": "function", "name": "weather"},
        "reasoning": {"effort": "low"},
        "max_output_tokens": 7,
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
    }


CALLED = {"type": "function_call", "call_id": "call_a", "name": "weather", "arguments": FIRST}
SAID = {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}
ENDED = {"usage": {"input_tokens": 5, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 1}}}
RESPONSES = {
    "in parts": [
        {"type": "response.created", "response": {}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "Hel"},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "lo"},
        {"type": "response.output_item.done", "output_index": 0, "item": SAID},
        {"type": "response.output_item.added", "output_index": 1, "item": {**CALLED, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": FIRST[:5]},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": FIRST[5:]},
        {"type": "response.output_item.done", "output_index": 1, "item": CALLED},
        {"type": "response.completed", "response": ENDED},
    ],
    "items by their ids": [
        {"type": "response.output_item.added", "item": {"type": "message", "id": "msg_1"}},
        {"type": "response.output_text.delta", "item_id": "msg_1", "delta": "Hello"},
        {"type": "response.output_item.done", "item": {**SAID, "id": "msg_1"}},
        {"type": "response.output_item.added", "item": {**CALLED, "id": "fc_1", "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": FIRST},
        {"type": "response.output_item.done", "item": {**CALLED, "id": "fc_1"}},
        {"type": "response.completed", "response": ENDED},
    ],
    "items whole": [
        {"type": "response.output_item.done", "output_index": 0, "item": SAID},
        {"type": "response.output_item.done", "output_index": 1, "item": CALLED},
        {"type": "response.completed", "response": ENDED},
    ],
    "in one piece": [{"object": "response", "output": [SAID, CALLED], **ENDED}],
}


@pytest.mark.parametrize("events", RESPONSES.values(), ids=RESPONSES)
def test_responses_come_in_parts_or_whole(server: ModelServer, events: list[Any]) -> None:
    server.answer(whole(events[0]) if len(events) == 1 else [HEAD, *map(event, events)])
    found = pieces(model_at(server, api="responses"))
    assert "".join(each.text for each in found if isinstance(each, TextDelta)) == "Hello"
    calls = [each for each in found if isinstance(each, CallDelta)]
    assert (calls[0].id, calls[0].name, "".join(each.arguments for each in calls)) == ("call_a", "weather", FIRST)
    assert found[-1] == Finish("tool_calls", Usage(5, 2, 1))


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ({"type": "response.failed", "response": {"error": {"message": "too hot"}}}, "reported an error: too hot"),
        ({"type": "error", "message": "too hot"}, "reported an error: too hot"),
        ({"type": "response.created"}, "broke off in the middle of its answer"),
    ],
)
def test_a_response_that_fails_is_told(server: ModelServer, ending: Any, told: str) -> None:
    server.answer([HEAD, event(ending)])
    assert str(failure(model_at(server, api="responses"))).endswith(told)


def test_a_response_that_is_cut_is_told(server: ModelServer) -> None:
    cut = {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}}
    server.answer([HEAD, event(cut)])
    assert pieces(model_at(server, api="responses")) == [Finish("length")]
