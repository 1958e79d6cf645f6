"""What is refused, in the words of the API where they are published."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.responses.conftest import Caller

INVALID = "invalid_value"
ROLES = "'assistant', 'system', 'developer', and 'user'"
CLOSED = {"type": "object", "additionalProperties": False}
LOOSE = {
    **CLOSED,
    "properties": {"b": {"type": "array", "items": {**CLOSED, "properties": {"c": {"type": "string"}}}}},
    "required": ["b"],
}
SAID = {"model": "gpt-4o", "input": "x"}


@pytest.mark.parametrize(
    ("body", "param", "code", "message"),
    [
        ({"model": None}, "model", "missing_required_parameter", "Missing required parameter: 'model'."),
        ({"model": "gpt-1"}, "model", "model_not_found", "The requested model 'gpt-1' does not exist."),
        ({"zzz": 1}, "zzz", "unknown_parameter", "Unknown parameter: 'zzz'."),
        (
            {"input": None},
            None,
            "missing_required_parameter",
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.",
        ),
        (
            {"input": 7},
            "input",
            "invalid_type",
            "Invalid type for 'input': expected one of a string or array of input items, but got an integer instead.",
        ),
        (
            {"input": [7]},
            "input[0]",
            "invalid_type",
            "Invalid type for 'input[0]': expected an input item, but got an integer instead.",
        ),
        (
            {"input": [{"role": "user"}]},
            "input[0].content",
            "missing_required_parameter",
            "Missing required parameter: 'input[0].content'.",
        ),
        (
            {"previous_response_id": "resp_x"},
            "previous_response_id",
            "previous_response_not_found",
            "Previous response with id 'resp_x' not found.",
        ),
        (
            {"previous_response_id": "resp_x", "conversation": "conv_x"},
            None,
            "mutually_exclusive_parameters",
            "Mutually exclusive parameters: ''. Ensure you are only providing one of: 'pre..._id' or 'conversation'.",
        ),
        (
            {"max_output_tokens": 15},
            "max_output_tokens",
            "integer_below_min_value",
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 15 instead.",
        ),
        (
            {"max_tool_calls": 0},
            "max_tool_calls",
            "integer_below_min_value",
            "Invalid 'max_tool_calls': integer below minimum value. Expected a value >= 1, but got 0 instead.",
        ),
        (
            {"truncation": "bogus"},
            "truncation",
            INVALID,
            "Invalid value: 'bogus'. Supported values are: 'auto' and 'disabled'.",
        ),
        (
            {"text": {"format": {"type": "json_schema"}}},
            "text.format.name",
            "missing_required_parameter",
            "Missing required parameter: 'text.format.name'.",
        ),
        (
            {"tools": [{}]},
            "tools[0].type",
            "missing_required_parameter",
            "Missing required parameter: 'tools[0].type'.",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            "tools[0].function",
            "unknown_parameter",
            "Unknown parameter: 'tools[0].function'.",
        ),
        (
            {"tool_choice": "required"},
            "tool_choice",
            None,
            "Tool choice 'required' must be specified with 'tools' parameter.",
        ),
        (
            {"tool_choice": {"type": "file_search"}},
            "tool_choice",
            None,
            "Tool choice 'file_search' not found in 'tools' parameter.",
        ),
        (
            {"input": [{"type": "function_call_output", "call_id": "call_x", "output": "1"}]},
            "input",
            None,
            "No tool call found for function call output with call_id call_x.",
        ),
        (
            {"input": [{"type": "function_call", "call_id": "call_x", "name": "f", "arguments": "{}"}]},
            "input",
            None,
            "No tool output found for function call call_x.",
        ),
        (
            {"input": [{"role": "user", "id": "msg_1", "content": "x"}] * 2},
            "input",
            None,
            "Duplicate item found with id msg_1. Remove duplicate items from your input and try again.",
        ),
        (
            {"tools": [{"type": "function", "name": "f", "strict": True, "parameters": {"type": "object"}}]},
            "tools[0].parameters",
            "invalid_function_parameters",
            "Invalid schema for function 'f': In context=(), 'additionalProperties' is required to be supplied and to "
            "be false.",
        ),
        (
            {"text": {"format": {"type": "json_schema", "name": "a", "strict": True, "schema": LOOSE}}},
            "text.format.schema",
            "invalid_json_schema",
            "Invalid schema for response_format 'a': In context=('properties', 'b', 'items'), 'required' is required "
            "to be supplied and to be an array including every key in properties. Missing 'c'.",
        ),
        ({"background": True, "store": False}, "store", None, "Background mode requires 'store' to be true."),
        (
            {"include": ["bogus"]},
            "include[0]",
            INVALID,
            "Invalid value: 'bogus'. Supported values are: 'file_search_call.results', 'web_search_call.results', "
            "'web_search_call.action.sources', 'message.input_image.image_url', "
            "'computer_call_output.output.image_url', 'code_interpreter_call.outputs', 'reasoning.encrypted_content' "
            "and 'message.output_text.logprobs'.",
        ),
    ],
)
def test_a_wrong_request_is_refused(
    caller: Caller, body: dict[str, Any], param: str | None, code: str | None, message: str
) -> None:
    sent = {key: value for key, value in {**SAID, **body}.items() if value is not None}
    status, error = caller.refuse("/responses", **sent)
    assert (status, error) == (
        400,
        {"message": message, "type": "invalid_request_error", "param": param, "code": code},
    )


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({"conversation": "conv_x"}, None, "Conversation with id 'conv_x' not found."),
        ({"prompt": {"id": "pmpt_x"}}, None, "Prompt with id 'pmpt_x' not found."),
        ({"input": [{"type": "item_reference", "id": "msg_x"}]}, "input", "Item with id 'msg_x' not found."),
        (
            {"tools": [{"type": "file_search", "vector_store_ids": ["vs_x"]}]},
            None,
            "No vector store found with id 'vs_x'.",
        ),
        (
            {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-x"]}}]},
            "tools[0].container.file_ids[0]",
            "No such File object: file-x",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-x"}]}]},
            "input",
            "No such File object: file-x",
        ),
    ],
)
def test_what_is_not_there_is_not_found(caller: Caller, body: dict[str, Any], param: str | None, message: str) -> None:
    status, error = caller.refuse("/responses", **{**SAID, **body})
    assert (status, error["message"], error["param"]) == (404, message, param)


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "mcp", "server_label": "x", "server_url": "https://example.com"},
        {"type": "web_search"},
        {"type": "web_search_preview"},
        {"type": "computer_use_preview", "display_width": 1, "display_height": 1, "environment": "browser"},
        {"type": "image_generation"},
        {"type": "shell"},
        {"type": "custom", "name": "x"},
    ],
    ids=lambda each: str(each["type"]),
)
def test_tools_that_need_another_service_are_refused(caller: Caller, tool: dict[str, Any]) -> None:
    status, error = caller.refuse("/responses", **SAID, tools=[tool])
    assert (status, error["param"], error["code"]) == (400, "tools[0].type", "unsupported_value")
    assert error["message"] == f"Tool of type '{tool['type']}' is not supported by the local account."


def test_nothing_is_downloaded(caller: Caller) -> None:
    part = {"type": "input_file", "file_url": "https://example.com/a.pdf"}
    status, error = caller.refuse("/responses", model="gpt-4o", input=[{"role": "user", "content": [part]}])
    assert (status, error["param"]) == (400, "input[0].content[0].file_url")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *[("GET", "/responses/resp_x"), ("DELETE", "/responses/resp_x"), ("POST", "/responses/resp_x/cancel")],
        ("GET", "/responses/resp_x/input_items"),
    ],
)
def test_a_response_that_is_not_there_is_not_found(caller: Caller, method: str, path: str) -> None:
    answer = caller.account.http.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "message": "Response with id 'resp_x' not found.",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def test_a_conversation_takes_twenty_items_at_once(caller: Caller) -> None:
    status, error = caller.refuse("/conversations", items=[{"role": "user", "content": "x"}] * 21)
    assert (status, error["code"], error["param"]) == (400, "array_above_max_length", "items")


def test_a_refused_response_leaves_nothing(caller: Caller) -> None:
    conversation = caller.account.post("/conversations")["id"]
    caller.refuse("/responses", **SAID, conversation=conversation, tools=[{"type": "mcp"}])
    caller.refuse("/responses", model="gpt-1", input="x", conversation=conversation)
    assert caller.items(conversation) == []
    assert caller.ask("x", conversation=conversation)["status"] == "completed"
