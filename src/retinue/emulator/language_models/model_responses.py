"""Responses: a prompt as the body of a request, and the events of an answer as pieces.

As published for ``POST /responses``. Nothing is kept at the endpoint (``store`` is false), so the whole conversation is
sent each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retinue.emulator.language_models.chat_completions import (
    NO_PARAMETERS,
    AnswerError,
    error_text,
    finish_reason,
    read_usage,
)
from retinue.emulator.language_models.image_data import image_name, image_url
from retinue.emulator.language_models.language_model import (
    CallDelta,
    Finish,
    Image,
    Item,
    Message,
    Piece,
    Prompt,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Tool,
    ToolCall,
    Usage,
)

PATH = "responses"


# The request


def request_body(prompt: Prompt, model: str) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "input": _input(prompt.items), "stream": True, "store": False}
    if prompt.tools:
        body["tools"] = [_tool(each) for each in prompt.tools]
        body["tool_choice"] = _choice(prompt.tool_choice)
        if not prompt.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    form = prompt.response_format
    if form.get("type") == "json_schema":
        body["text"] = {"format": {"type": "json_schema", **form["json_schema"]}}
    elif form.get("type") != "text":
        body["text"] = {"format": dict(form)}
    told = {
        "instructions": prompt.instructions or None,
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
        "reasoning": {"effort": prompt.reasoning_effort} if prompt.reasoning_effort else None,
        "max_output_tokens": prompt.max_tokens,
    }
    return {**body, **{name: value for name, value in told.items() if value is not None}}


def _input(items: Sequence[Item]) -> list[dict[str, Any]]:
    return [_item(each) for each in items]


def _item(item: Item) -> dict[str, Any]:
    if isinstance(item, Message):
        return {"type": "message", "role": item.role, "content": _content(item)}
    if isinstance(item, ToolCall):
        return {"type": "function_call", "call_id": item.id, "name": item.name, "arguments": item.arguments}
    return {"type": "function_call_output", "call_id": item.call_id, "output": item.output}


def _content(message: Message) -> list[dict[str, Any]]:
    kind = "output_text" if message.role == "assistant" else "input_text"
    text = [{"type": kind, "text": message.text}] if message.text or not message.images else []
    if message.role == "assistant":
        return [*text, *({"type": kind, "text": image_name(each)} for each in message.images)]
    return [*text, *(_image(each) for each in message.images)]


def _image(image: Image) -> dict[str, Any]:
    if not (url := image_url(image)):
        return {"type": "input_text", "text": image_name(image)}
    return {"type": "input_image", "image_url": url, "detail": image.detail}


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description or None,
        "parameters": dict(tool.parameters or NO_PARAMETERS),
        "strict": tool.strict,
    }


def _choice(choice: str) -> Any:
    return {"type": "function", "name": choice[1:]} if choice.startswith("=") else choice


# The answer


class ResponsesAnswer:
    """Reads the events of one answer."""

    def __init__(self) -> None:
        self._ids: dict[Any, Any] = {}
        self._calls: dict[Any, int] = {}
        self._with_text: set[Any] = set()
        self._with_arguments: set[int] = set()
        self._reason: str | None = None
        self._usage: Usage | None = None

    @property
    def is_complete(self) -> bool:
        return self._reason is not None

    def read(self, event: Any) -> Iterator[Piece]:
        """Raises AnswerError."""
        if not isinstance(event, dict):
            raise AnswerError("answered what is no event of a response")
        at = self._place(event)
        match event.get("type"):
            case "response.output_text.delta":
                self._with_text.add(at)
                yield TextDelta(str(event.get("delta") or ""))
            case "response.refusal.delta":
                self._with_text.add(at)
                yield RefusalDelta(str(event.get("delta") or ""))
            case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
                yield ReasoningDelta(str(event.get("delta") or ""))
            case "response.output_item.added":
                yield from self._begin_call(at, _dict(event.get("item")))
            case "response.function_call_arguments.delta":
                yield from self._grow_call(at, str(event.get("delta") or ""))
            case "response.output_item.done":
                yield from self._whole_item(at, _dict(event.get("item")))
            case "response.completed" | "response.incomplete" | "response.failed":
                yield from self._end(_dict(event.get("response")))
            case "error":
                raise AnswerError(f"reported an error: {error_text(event.get('error') or event)}")
            case None if event.get("object") == "response" or "error" in event:
                yield from self._whole(event)
            case _:
                pass  # what only frames the others, or is of tools that were not offered

    def end(self, *, is_done: bool) -> Iterator[Piece]:
        """The last piece. Raises AnswerError."""
        if self._reason is None and not is_done:
            raise AnswerError("broke off in the middle of its answer")
        yield Finish(finish_reason(self._reason, has_calls=bool(self._calls)), self._usage)

    def _place(self, event: Mapping[str, Any]) -> Any:
        """Which item an event is about. Some name it by its id, some by its index, some by either."""
        index, item_id = event.get("output_index"), event.get("item_id") or _dict(event.get("item")).get("id")
        index, item_id = (each if isinstance(each, str | int) else None for each in (index, item_id))
        if index is not None and item_id:
            self._ids.setdefault(index, item_id)
        return item_id or self._ids.get(index, index)

    def _begin_call(self, at: Any, item: Mapping[str, Any]) -> Iterator[Piece]:
        if item.get("type") == "function_call" and at not in self._calls:
            self._calls[at] = index = len(self._calls)
            name = str(item.get("name") or "")
            if not name:
                raise AnswerError("called a tool without saying which")
            yield CallDelta(index, id=str(item.get("call_id") or ""), name=name)

    def _grow_call(self, at: Any, arguments: str) -> Iterator[Piece]:
        if at in self._calls and arguments:
            self._with_arguments.add(self._calls[at])
            yield CallDelta(self._calls[at], arguments)

    def _whole_item(self, at: Any, item: Mapping[str, Any]) -> Iterator[Piece]:
        """What of an item did not come in parts."""
        yield from self._begin_call(at, item)
        if at in self._calls and self._calls[at] not in self._with_arguments:
            yield from self._grow_call(at, str(item.get("arguments") or ""))
        if item.get("type") == "message" and at not in self._with_text:
            self._with_text.add(at)
            for part in map(_dict, _list(item.get("content"))):
                if part.get("type") == "output_text":
                    yield TextDelta(str(part.get("text") or ""))
                elif part.get("type") == "refusal":
                    yield RefusalDelta(str(part.get("refusal") or ""))

    def _whole(self, response: Mapping[str, Any]) -> Iterator[Piece]:
        """An answer in one piece."""
        for at, item in enumerate(_list(response.get("output"))):
            yield from self._whole_item(at, _dict(item))
        yield from self._end(response)

    def _end(self, response: Mapping[str, Any]) -> Iterator[Piece]:
        if response.get("status") == "failed" or response.get("error"):
            raise AnswerError(f"reported an error: {error_text(response.get('error') or 'the response failed')}")
        self._usage = read_usage(response.get("usage"), "input", "output")
        why = _dict(response.get("incomplete_details")).get("reason")
        cuts = {"max_output_tokens": "length", "content_filter": "content_filter"}
        self._reason = cuts.get(str(why), "stop")
        yield from ()


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
