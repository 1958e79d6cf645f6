"""file_search and code_interpreter within a response, and what limits tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.emulator.responses.conftest import FUNCTION, Caller, OpenCaller, names, text_of
from tests.support.scripted_model import Ran, ScriptedModel, ScriptedSandbox, Written, calls, says

SEARCHED = [
    "output_item.added",
    "file_search_call.in_progress",
    "file_search_call.searching",
    "file_search_call.completed",
    "output_item.done",
]
RAN = [
    "output_item.added",
    "code_interpreter_call.in_progress",
    "code_interpreter_call_code.delta",
    "code_interpreter_call_code.done",
    "code_interpreter_call.interpreting",
    "code_interpreter_call.completed",
    "output_item.done",
]
STOP = {"type": "function", "name": "stop"}
CODE: dict[str, Any] = {"type": "code_interpreter", "container": {"type": "auto"}}


@pytest.fixture
def search(caller: Caller) -> dict[str, Any]:
    """The tool with a store of two files."""
    store = caller.account.post("/vector_stores", name="Handbook")["id"]
    for name, text, team in (("refunds.md", "Refunds take five days.", "a"), ("fees.md", "Fees of refunds.", "b")):
        file = caller.account.add_file(name, text.encode())
        caller.account.post(f"/vector_stores/{store}/files", file_id=file, attributes={"team": team})
    return {"type": "file_search", "vector_store_ids": [store]}


def test_passages_are_cited(caller: Caller, search: dict[str, Any]) -> None:
    """A mark is no part of the text but an annotation where it stood, after what it is about."""
    events = caller.stream("refunds take days", tools=[search])
    told = [each for each in names(events) if not each.startswith(("output_text.d", "content_part"))]
    cited = "output_text.annotation.added"
    assert told == [
        "created",
        "in_progress",
        *SEARCHED,
        "output_item.added",
        cited,
        cited,
        "output_item.done",
        "completed",
    ]
    searched, said = events[-1]["response"]["output"]
    assert (searched["queries"], searched["results"], searched["status"]) == (["refunds take days"], None, "completed")
    (part,) = said["content"]
    assert "【" not in part["text"]
    assert [each["filename"] for each in part["annotations"]] == ["refunds.md", "fees.md"]
    for each in part["annotations"]:
        assert part["text"][: each["index"]].rstrip().endswith(("Fees of refunds.”", "Refunds take five days.”"))
    added = [each for each in events if each["type"].endswith("annotation.added")]
    assert [(each["annotation_index"], each["annotation"]) for each in added] == list(enumerate(part["annotations"]))


def test_results_are_shown_to_who_asks_for_them(caller: Caller, search: dict[str, Any]) -> None:
    """When the response is made, or later; with the options of the tool."""
    options = {"max_num_results": 1, "filters": {"type": "eq", "key": "team", "value": "a"}}
    made = caller.ask("refunds", tools=[{**search, **options}], include=["file_search_call.results"])
    (result,) = made["output"][0]["results"]
    assert result.pop("score") > 0
    assert result == {
        "file_id": result["file_id"],
        "filename": "refunds.md",
        "attributes": {"team": "a"},
        "text": "Refunds take five days.",
    }
    later = caller.ask("refunds take days", tools=[search])
    found = caller.account.http.get(
        f"/responses/{later['id']}", params={"include[]": "file_search_call.results"}
    ).json()
    assert [each["filename"] for each in found["output"][0]["results"]] == ["refunds.md", "fees.md"]
    threshold = {**search, "ranking_options": {"ranker": "auto", "score_threshold": 1.0}}
    assert caller.ask("refunds", tools=[threshold], include=["file_search_call.results"])["output"][0]["results"] == []


def test_what_was_found_is_still_known_in_the_next_response(caller: Caller, search: dict[str, Any]) -> None:
    made = caller.ask("refunds", tools=[search])
    passage = caller.ask("Cite it.", previous_response_id=made["id"], tool_choice="none", tools=[search])
    assert made["output"][0]["type"] == "file_search_call"
    assert passage["usage"]["input_tokens"] > made["usage"]["input_tokens"] / 2


def test_tools_are_shown_with_what_is_filled_in(caller: Caller, search: dict[str, Any]) -> None:
    """As recorded of the service."""
    made = caller.ask("x", tools=[search, {"type": "function", "name": "f", "parameters": {}, "strict": None}, CODE])
    assert made["tools"] == [
        {
            **search,
            "filters": None,
            "max_num_results": 20,
            "ranking_options": {"ranker": "auto", "score_threshold": 0.0},
        },
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": True},
        CODE,
    ]


def test_code_is_run_and_what_it_writes_is_cited(open_caller: OpenCaller) -> None:
    code, link = "draw()", "[plot](sandbox:/mnt/data/plot.png)"
    ran = Ran("drawn", (Written("plot.png", b"\x89PNG", "image/png"), Written("a.csv", b"1,2")))
    sandbox = ScriptedSandbox({code: ran})
    model = ScriptedModel(calls(("code_interpreter", json.dumps({"code": code}))), says(f"See {link}."))
    caller = open_caller(language_model=model, sandbox=sandbox)
    given = caller.account.add_file("prices.csv", b"1", purpose="user_data")
    tool = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [given]}}
    events = caller.stream("Draw.", tools=[tool], include=["code_interpreter_call.outputs"])
    assert names(events)[2 : 2 + len(RAN)] == RAN
    called, message = events[-1]["response"]["output"]
    assert (called["code"], called["status"]) == (code, "completed")
    assert called["outputs"] == [
        {"type": "logs", "logs": "drawn"},
        {"type": "image", "url": "data:image/png;base64,iVBORw=="},
    ]
    (part,) = message["content"]
    (cited,) = part["annotations"]
    assert part["text"] == f"See {link}."
    assert part["text"][cited["start_index"] : cited["end_index"]] == "sandbox:/mnt/data/plot.png"
    assert (cited["type"], cited["container_id"], cited["filename"]) == (
        "container_file_citation",
        called["container_id"],
        "plot.png",
    )
    assert caller.account.http.get(f"/files/{cited['file_id']}/content").content == b"\x89PNG"
    assert sandbox.seen == [["prices.csv"]]


def test_code_without_a_sandbox_fails_the_response(open_caller: OpenCaller) -> None:
    model = ScriptedModel(calls(("code_interpreter", '{"code": "1"}')))
    made = open_caller(language_model=model).ask("Run.", tools=[CODE])
    assert (made["status"], made["error"]["code"]) == ("failed", "server_error")
    assert "sandbox" in made["error"]["message"]


def test_calls_beyond_the_most_are_ignored(open_caller: OpenCaller) -> None:
    """Those of functions are not counted: the application carries them out."""
    model = ScriptedModel(
        calls(*[("file_search", '{"queries": ["a"]}')] * 2),
        calls(("file_search", '{"queries": ["b"]}')),
        calls(("look_up", "{}")),
    )
    caller = open_caller(language_model=model)
    search = {"type": "file_search", "vector_store_ids": [caller.account.add_store(name="Handbook")]}
    made = caller.ask("Look.", tools=[search, FUNCTION], max_tool_calls=1)
    assert [each["type"] for each in made["output"]] == ["file_search_call", "function_call"]
    assert made["output"][0]["queries"] == ["a"]


@pytest.mark.parametrize(
    ("chosen", "asked", "left"),
    [
        ("none", "none", ["look_up", "stop"]),
        ("required", "required", ["look_up", "stop"]),
        (STOP, "=stop", ["look_up", "stop"]),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "stop"}]},
            "required",
            ["stop"],
        ),
    ],
)
def test_a_choice_of_tools_is_the_models_choice(
    open_caller: OpenCaller, chosen: Any, asked: str, left: list[str]
) -> None:
    model = ScriptedModel(says("Yes."))
    made = open_caller(language_model=model).ask(
        "x", tools=[FUNCTION, {**FUNCTION, "name": "stop"}], tool_choice=chosen, parallel_tool_calls=False
    )
    (prompt,) = model.prompts
    assert (prompt.tool_choice, [each.name for each in prompt.tools]) == (asked, left)
    assert not prompt.parallel_tool_calls
    assert (made["tool_choice"], text_of(made)) == (chosen, "Yes.")
