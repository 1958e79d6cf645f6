"""Chat completions: a prompt as the body of a request, and the chunks of an answer as pieces.

As published for ``POST /chat/completions``, and as other servers answer it: calls that come whole, without ids, without
an index or all with the same one; no usage, or in a chunk of its own; an answer in one piece although a stream was
asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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

PATH = "chat/completions"
NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


class AnswerError(Exception):
    """What was answered cannot be made sense of, or is an error. The message ends a sentence about the model."""


# The request


def request_body(prompt: Prompt, model: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": [*_instructions(prompt), *_messages(prompt.items)],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if prompt.tools:
        body["tools"] = [_tool(each) for each in prompt.tools]
        body["tool_choice"] = _choice(prompt.tool_choice)
        if not prompt.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    if prompt.response_format.get("type") != "text":
        body["response_format"] = dict(prompt.response_format)
    told = {
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
        "reasoning_effort": prompt.reasoning_effort,
        "max_tokens": prompt.max_tokens,
    }
    return {**body, **{name: value for name, value in told.items() if value is not None}}


def _instructions(prompt: Prompt) -> list[dict[str, Any]]:
    return [{"role": "system", "content": prompt.instructions}] if prompt.instructions else []


def _messages(items: Sequence[Item]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, Message):
            # "developer" is known to OpenAI's models only.
            role = "system" if item.role == "developer" else item.role
            messages.append({"role": role, "content": _content(item)})
        elif isinstance(item, ToolCall):
            call = {"id": item.id, "type": "function", "function": {"name": item.name, "arguments": item.arguments}}
            # What an assistant said and what it called in one answer is one message.
            if not messages or messages[-1]["role"] != "assistant":
                messages.append({"role": "assistant", "content": None})
            messages[-1].setdefault("tool_calls", []).append(call)
        else:
            messages.append({"role": "tool", "tool_call_id": item.call_id, "content": item.output})
    return messages


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.text
    if message.role != "user":  # the others take no pictures
        return "\n".join(filter(None, (message.text, *map(image_name, message.images))))
    text = [{"type": "text", "text": message.text}] if message.text else []
    return [*text, *(_image(each) for each in message.images)]


def _image(image: Image) -> dict[str, Any]:
    if not (url := image_url(image)):
        return {"type": "text", "text": image_name(image)}
    return {"type": "image_url", "image_url": {"url": url, "detail": image.detail}}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": dict(tool.parameters or NO_PARAMETERS)}
    if tool.description:
        function["description"] = tool.description
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _choice(choice: str) -> Any:
    return {"type": "function", "function": {"name": choice[1:]}} if choice.startswith("=") else choice


# The answer


class ChatAnswer:
    """Reads the chunks of one answer."""

    def __init__(self) -> None:
        self._calls = _Calls()
        self._reason: str | None = None
        self._usage: Usage | None = None

    @property
    def is_complete(self) -> bool:
        """Whether only the usage may still come."""
        return self._reason is not None

    def read(self, chunk: Any) -> Iterator[Piece]:
        """Raises AnswerError."""
        if not isinstance(chunk, dict):
            raise AnswerError("answered what is no chunk of a chat completion")
        if chunk.get("error"):
            raise AnswerError(f"reported an error: {error_text(chunk['error'])}")
        self._usage = read_usage(chunk.get("usage"), "prompt", "completion") or self._usage
        for choice in _dicts(chunk.get("choices")):
            # A message where there should be a delta is an answer in one piece.
            delta = choice.get("delta") or choice.get("message")
            yield from self._read_delta(delta if isinstance(delta, dict) else {})
            reason = choice.get("finish_reason")
            if reason == "error":
                raise AnswerError("reported an error")
            self._reason = str(reason) if reason else self._reason

    def _read_delta(self, delta: Mapping[str, Any]) -> Iterator[Piece]:
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            yield ReasoningDelta(str(thought))
        if text := _text(delta.get("content")):
            yield TextDelta(text)
        if refusal := delta.get("refusal"):
            yield RefusalDelta(str(refusal))
        for call in _dicts(delta.get("tool_calls")):
            yield from self._calls.read(call)

    def end(self, *, is_done: bool) -> Iterator[Piece]:
        """The last piece. ``is_done`` is whether the server said that there is no more. Raises AnswerError."""
        if self._reason is None and not is_done:
            raise AnswerError("broke off in the middle of its answer")
        yield from self._calls.end()
        yield Finish(finish_reason(self._reason, has_calls=self._calls.has_any), self._usage)


def finish_reason(reason: str | None, *, has_calls: bool) -> Any:
    if reason in ("length", "content_filter"):
        return reason
    return "tool_calls" if has_calls else "stop"


def error_text(error: Any) -> str:
    told = error.get("message", error) if isinstance(error, dict) else error
    text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
    return " ".join(text.split())[:300]


def read_usage(told: Any, sent: str, made: str) -> Usage | None:
    """Usage whose members are called so (``prompt_tokens``, or ``input_tokens``); None where there is none."""
    if not isinstance(told, dict) or not _count(told, f"{sent}_tokens"):
        return None
    thought, known = told.get(f"{made}_tokens_details"), told.get(f"{sent}_tokens_details")
    return Usage(
        _count(told, f"{sent}_tokens"),
        _count(told, f"{made}_tokens"),
        _count(thought, "reasoning_tokens"),
        _count(known, "cached_tokens"),
    )


def _count(told: Any, name: str) -> int:
    value = told.get(name) if isinstance(told, dict) else None
    return value if isinstance(value, int) and value > 0 else 0


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(each.get("text") or "") for each in _dicts(content))
    return content if isinstance(content, str) else ""


@dataclass(slots=True)
class _Call:
    """One call as far as it has come."""

    at: Any
    """The index that the server gives it, which it may give to others, too."""
    id: str = ""
    name: str = ""
    arguments: str = ""
    index: int | None = None
    """Ours, once the name is known and the caller has been told."""


@dataclass(slots=True)
class _Calls:
    made: list[_Call] = field(default_factory=list)
    _told: int = 0

    @property
    def has_any(self) -> bool:
        return bool(self.made)

    def read(self, delta: Mapping[str, Any]) -> Iterator[Piece]:
        function = delta.get("function")
        told = function if isinstance(function, dict) else {}
        name, call_id, arguments = str(told.get("name") or ""), str(delta.get("id") or ""), _arguments(told)
        call = self._of(delta.get("index"), call_id, name)
        call.id, call.name = call.id or call_id, call.name or name
        if call.name and call.index is None:
            call.index, self._told = self._told, self._told + 1
            arguments = call.arguments + arguments
            call.arguments = arguments
            yield CallDelta(call.index, arguments, call.id, call.name)
            return
        call.arguments += arguments
        if arguments and call.index is not None:
            yield CallDelta(call.index, arguments)

    def end(self) -> Iterator[Piece]:
        """Raises AnswerError for a call of nothing."""
        if any(each.index is None for each in self.made):
            raise AnswerError("called a tool without saying which")
        yield from ()

    def _of(self, at: Any, call_id: str, name: str) -> _Call:
        """The call that a delta goes on with, or a new one: what comes after a whole call under its index."""
        same = [each for each in self.made if each.at == at] if at is not None else self.made
        last = same[-1] if same else None
        if last is not None and not self._is_another(last, call_id, name):
            return last
        self.made.append(_Call(at))
        return self.made[-1]

    @staticmethod
    def _is_another(last: _Call, call_id: str, name: str) -> bool:
        if call_id and last.id:
            return call_id != last.id
        # Without ids, a name after the arguments begins the next.
        return bool(name and last.name and last.arguments)


def _arguments(function: Mapping[str, Any]) -> str:
    told = function.get("arguments")
    if told is None:
        return ""
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
