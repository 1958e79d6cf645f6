"""The rehearsal model: always the same answer, always labelled, and exactly what was told."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.emulator.language_models.language_model import (
    CallDelta,
    Finish,
    Item,
    Message,
    Piece,
    Prompt,
    TextDelta,
    Tool,
    ToolCall,
    ToolOutput,
    Usage,
)
from retinue.emulator.language_models.rehearsal import LABEL, Rehearsal
from retinue.emulator.language_models.schema_instance import make_instance

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "Current weather.", CITY)
CLOCK = Tool("get_time")
SEARCH = Tool("file_search", kind="file_search")
CODE = Tool("code_interpreter", kind="code_interpreter")


def prompt(*items: Item | str, tools: Sequence[Tool] = (), **more: Any) -> Prompt:
    said = tuple(Message("user", each) if isinstance(each, str) else each for each in items)
    return Prompt("gpt-4o", "", said, tools=tuple(tools), **more)


def pieces(asked: Prompt) -> list[Piece]:
    return list(Rehearsal().answer(asked, threading.Event()))


def text(asked: Prompt) -> str:
    return "".join(each.text for each in pieces(asked) if isinstance(each, TextDelta))


def called(asked: Prompt) -> list[tuple[str, Any]]:
    found: list[list[str]] = []
    for each in pieces(asked):
        if isinstance(each, CallDelta):
            if each.name:
                found.append([each.name, ""])
            found[each.index][1] += each.arguments
    return [(name, json.loads(arguments)) for name, arguments in found]


@given(st.text())
def test_every_answer_is_labelled_and_the_same_again(question: str) -> None:
    asked = prompt(question)
    assert text(asked).startswith(f"{LABEL} ")
    assert pieces(asked) == pieces(asked)


@given(st.text(min_size=1))
def test_an_answer_comes_in_pieces_that_are_counted(question: str) -> None:
    *words, finish = pieces(prompt(question))
    assert isinstance(finish, Finish)
    assert finish.reason == "stop"
    assert len(words) > 5
    assert finish.usage is not None
    assert finish.usage.completion_tokens >= len(words)
    assert finish.usage.prompt_tokens >= len(question) // 4


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Hello", []),
        ('call get_weather {"city": "Oslo"}', [("get_weather", {"city": "Oslo"})]),
        (
            'Please:\ncall get_weather {"city": "Oslo"}\ncall get_time',
            [("get_weather", {"city": "Oslo"}), ("get_time", {})],
        ),
        ("call get_weather", [("get_weather", {"city": LABEL})]),
        ("call nobody {}", []),
        ("Do not call get_weather now", []),
    ],
)
def test_functions_are_called_when_told(question: str, wanted: list[tuple[str, Any]]) -> None:
    assert called(prompt(question, tools=[WEATHER, CLOCK])) == wanted


def test_arguments_are_passed_on_as_they_were_written() -> None:
    """Also when they are no JSON: an application has to bear that of any model."""
    deltas = [each for each in pieces(prompt("call get_time {oops", tools=[CLOCK])) if isinstance(each, CallDelta)]
    assert "".join(each.arguments for each in deltas) == "{oops"


def test_one_call_after_the_other_where_they_may_not_be_made_at_once() -> None:
    asked = prompt(
        'call get_weather {"city": "Oslo"}\ncall get_time', tools=[WEATHER, CLOCK], parallel_tool_calls=False
    )
    assert called(asked) == [("get_weather", {"city": "Oslo"})]
    done = (ToolCall("1", "get_weather", "{}"), ToolOutput("1", "rain"))
    then = replace(asked, items=(*asked.items, *done))
    assert called(then) == [("get_time", {})]
    after = replace(then, items=(*then.items, ToolCall("2", "get_time", "{}"), ToolOutput("2", "noon")))
    assert text(after) == f"{LABEL} get_weather gave: rain\n\nget_time gave: noon"


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("none", []),
        ("required", [("get_weather", {"city": LABEL})]),
        ("=get_time", [("get_time", {})]),
        ("=file_search", [("file_search", {"queries": ["Hello"]})]),
        ("auto", [("file_search", {"queries": ["Hello"]})]),
    ],
)
def test_calls_are_forced_as_of_any_model(choice: str, wanted: list[tuple[str, Any]]) -> None:
    assert called(prompt("Hello", tools=[WEATHER, CLOCK, SEARCH], tool_choice=choice)) == wanted


def test_code_is_run_when_it_is_given() -> None:
    question = "Run\n```python\nprint('a')\n```\nand\n```python\nprint('b')\n```"
    assert called(prompt(question, tools=[CODE, SEARCH])) == [
        ("code_interpreter", {"code": "print('a')\n"}),
        ("code_interpreter", {"code": "print('b')\n"}),
    ]
    assert called(prompt(question)) == []


def test_passages_are_repeated_with_their_marks() -> None:
    found = "【1:0†a.md】\nIt rains. A refund takes five days.\n【1:1†b.md】\nNothing else."
    asked = prompt("refund days", ToolCall("1", "file_search", "{}"), ToolOutput("1", found), tools=[SEARCH])
    told = f"{LABEL} Passages that have words of the message: "
    assert text(asked) == told + "“A refund takes five days.” 【1:0†a.md】 “Nothing else.” 【1:1†b.md】"


def test_an_answer_is_no_longer_than_it_may_be() -> None:
    *words, finish = pieces(prompt("word " * 100, max_tokens=7))
    assert isinstance(finish, Finish)
    assert finish.reason == "length"
    assert finish.usage is not None
    assert 0 < finish.usage.completion_tokens <= 7
    assert 0 < len(words) <= 7


def test_it_stops_when_it_is_told_to() -> None:
    stop = threading.Event()
    answer = Rehearsal().answer(prompt("Hello"), stop)
    next(answer)
    stop.set()
    assert [type(each) for each in answer] == [Finish]


SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False},
    {"type": "array", "items": {"type": "number", "exclusiveMinimum": 3, "maximum": 4}, "minItems": 2},
    {"enum": ["x", "y"]},
    {"const": 7},
    {"type": ["null", "string"]},
    {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
    {"type": "string", "minLength": 30, "maxLength": 31},
    {"type": "string", "maxLength": 3},
    {"type": "string", "format": "date"},
    {"type": "integer", "minimum": 10, "multipleOf": 7},
    {"allOf": [{"type": "object", "properties": {"a": {"type": "null"}}}, {"required": ["a"]}]},
    {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
                "required": ["next"],
            }
        },
        "$ref": "#/$defs/node",
    },
    {
        "type": "object",
        "properties": {
            "steps": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"explanation": {"type": "string"}, "output": {"type": "string"}},
                    "required": ["explanation", "output"],
                    "additionalProperties": False,
                },
            },
            "final_answer": {"type": "string"},
        },
        "required": ["steps", "final_answer"],
        "additionalProperties": False,
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_answer_in_a_declared_shape_has_it(schema: dict[str, Any]) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    jsonschema.validate(json.loads(text(prompt("Hello", response_format=form))), schema)
    jsonschema.validate(make_instance(schema, LABEL), schema)


def test_a_json_object_is_one_and_is_labelled() -> None:
    answer = json.loads(text(prompt("Hello", response_format={"type": "json_object"})))
    assert answer["rehearsal"].startswith(LABEL)


def test_usage_adds_up() -> None:
    assert Usage(1, 2, 3, 4) + Usage(10, 20, 30, 40) == Usage(11, 22, 33, 44)
    assert Usage(1, 2).total_tokens == 3
