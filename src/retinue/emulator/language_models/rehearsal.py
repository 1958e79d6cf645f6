"""The rehearsal model: stands in where no language model is configured, so that everything around one can be tried.

It understands nothing, and says so in every answer. What it does is decided by a few signs in the last message:

- a line ``call NAME {…}`` calls that function with these arguments, or with the smallest its schema allows
- a block of Python (three backticks and ``python``) goes to code_interpreter
- without either, file_search is asked for the words of the message
- with a ``reasoning_effort`` other than none it begins with a thought
- ``tool_choice`` forces a call as it forces any model; a JSON Schema as response format is answered with the smallest
  value that it allows

Then it repeats what came of it: passages with their marks, what code printed, what functions gave.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

from retinue.emulator.language_models.language_model import (
    CallDelta,
    Finish,
    Message,
    Piece,
    Prompt,
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCall,
    ToolOutput,
    Usage,
)
from retinue.emulator.language_models.schema_instance import make_instance
from retinue.emulator.language_models.token_count import count_prompt, count_tokens

LABEL = "[rehearsal]"

_CALL = re.compile(r"^[ \t]*call[ \t]+([A-Za-z0-9_-]+)[ \t]*(\S.*)?$", re.MULTILINE)
_PYTHON = re.compile(r"```(?:python|py)[ \t]*\n(.*?)```", re.DOTALL)
_PASSAGE = re.compile(r"(【\d+:\d+†[^】]*】)[^\n]*\n(.*?)(?=\n【\d+:\d+†|\Z)", re.DOTALL)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
_WORD = re.compile(r"\w+")
_PORTION = re.compile(r"\s*\S+|\s+$")
"""What one delta carries: a word with the blanks before it."""

_MOST_QUOTED = 3
_LONGEST_QUOTE = 200


class Rehearsal:
    """The model. Two answers to one prompt are the same."""

    def window(self, model: str) -> int | None:  # noqa: ARG002 - whatever the model is called
        return None

    def answer(self, prompt: Prompt, stop: threading.Event) -> Iterator[Piece]:
        calls = _calls(prompt)
        portions = _call_portions(calls) if calls else _text_portions(_text(prompt))
        spent, thought, reason = 0, 0, "tool_calls" if calls else "stop"
        for tokens, piece in (*_thought_portions(prompt), *portions):
            if stop.is_set():
                break
            if prompt.max_tokens is not None and spent + tokens > prompt.max_tokens:
                reason = "length"
                break
            spent += tokens
            thought += tokens if isinstance(piece, ReasoningDelta) else 0
            yield piece
        yield Finish(reason, Usage(count_prompt(prompt), spent, thought))  # type: ignore[arg-type]


def _thought_portions(prompt: Prompt) -> Iterator[tuple[int, Piece]]:
    if prompt.reasoning_effort not in (None, "none"):
        for found in _PORTION.finditer(f"{LABEL} Nothing is thought here."):
            yield count_tokens(found[0]), ReasoningDelta(found[0])


def _text_portions(text: str) -> Iterator[tuple[int, Piece]]:
    for found in _PORTION.finditer(text):
        yield count_tokens(found[0]), TextDelta(found[0])


def _call_portions(calls: list[tuple[Tool, str]]) -> Iterator[tuple[int, Piece]]:
    for index, (tool, arguments) in enumerate(calls):
        yield count_tokens(tool.name), CallDelta(index, name=tool.name)
        for found in _PORTION.finditer(arguments):
            yield count_tokens(found[0]), CallDelta(index, found[0])


# What to call


def _calls(prompt: Prompt) -> list[tuple[Tool, str]]:
    """The calls of this answer: those that were told and have not been made since."""
    question, made = _question(prompt), _outputs(prompt)
    if prompt.tool_choice == "none" or not prompt.tools:
        return []
    told = _told(prompt, question)
    if prompt.tool_choice.startswith("="):
        named = [each for each in prompt.tools if each.name == prompt.tool_choice[1:]]
        told = [each for each in told if each[0] in named] or [(each, _default(each, question)) for each in named]
    elif prompt.tool_choice == "required":
        told = told or [(prompt.tools[0], _default(prompt.tools[0], question))]
    elif not told and not made:
        searches = [each for each in prompt.tools if each.kind == "file_search"]
        told = [(each, _default(each, question)) for each in searches if question]
    left = told[len(made) :] if prompt.tool_choice == "auto" else told
    return left if prompt.parallel_tool_calls else left[:1]


def _told(prompt: Prompt, question: str) -> list[tuple[Tool, str]]:
    functions = {each.name: each for each in prompt.tools if each.kind == "function"}
    told: list[tuple[Tool, str]] = []
    for name, arguments in _CALL.findall(_PYTHON.sub("", question)):
        if name in functions:
            told.append((functions[name], arguments.strip() or _default(functions[name], question)))
    for tool in prompt.tools:
        if tool.kind == "code_interpreter":
            told += [(tool, json.dumps({"code": code}, ensure_ascii=False)) for code in _PYTHON.findall(question)]
    return told


def _default(tool: Tool, question: str) -> str:
    """Arguments where none were told."""
    if tool.kind == "file_search":
        arguments: dict[str, Any] = {"queries": [question or LABEL]}
    elif tool.kind == "code_interpreter":
        arguments = {"code": f'print("{LABEL} no code was given")'}
    else:
        made = make_instance(tool.parameters, LABEL) if tool.parameters else {}
        arguments = made if isinstance(made, dict) else {}
    return json.dumps(arguments, ensure_ascii=False)


# What to say


def _text(prompt: Prompt) -> str:
    form = prompt.response_format
    if form.get("type") == "json_schema":
        return json.dumps(make_instance(form["json_schema"].get("schema", {}), LABEL), ensure_ascii=False)
    said = _said(prompt)
    if form.get("type") == "json_object":
        return json.dumps({"rehearsal": said}, ensure_ascii=False)
    return said


def _said(prompt: Prompt) -> str:
    question, made = _question(prompt), _outputs(prompt)
    if not made:
        asked = sum(isinstance(each, Message) and each.role == "user" for each in prompt.items)
        shown = question if len(question) <= _LONGEST_QUOTE else question[: _LONGEST_QUOTE - 1] + "…"
        return f"{LABEL} No language model is configured. Message {asked} of this conversation was: {shown}"
    parts = [_said_of(call, output, prompt, question) for call, output in made]
    return f"{LABEL} " + "\n\n".join(parts)


def _said_of(call: ToolCall | None, output: str, prompt: Prompt, question: str) -> str:
    name = call.name if call else "a tool"
    kind = next((each.kind for each in prompt.tools if each.name == name), "function")
    if kind != "file_search":
        return f"{name} gave: {output}"
    passages = _PASSAGE.findall(output)[:_MOST_QUOTED]
    if not passages:
        return "No passage of the files has words of the message."
    quotes = [f"“{_quote(text, question)}” {mark}" for mark, text in passages]
    return "Passages that have words of the message: " + " ".join(quotes)


def _quote(passage: str, question: str) -> str:
    """The sentence with most of the words of the question."""
    words = {each.lower() for each in _WORD.findall(question)}
    sentences = [found[0].strip() for found in _SENTENCE.finditer(passage) if found[0].strip()] or [passage.strip()]
    best = max(sentences, key=lambda each: len(words & {word.lower() for word in _WORD.findall(each)}))
    return best[:_LONGEST_QUOTE].strip("#*-| ")


# What was asked


def _question(prompt: Prompt) -> str:
    asked = [each.text for each in prompt.items if isinstance(each, Message) and each.role == "user"]
    return asked[-1] if asked else ""


def _outputs(prompt: Prompt) -> list[tuple[ToolCall | None, str]]:
    """What came of the calls since the last message of the user."""
    items = prompt.items
    last = max((at for at, each in enumerate(items) if isinstance(each, Message) and each.role == "user"), default=-1)
    calls = {each.id: each for each in items[last + 1 :] if isinstance(each, ToolCall)}
    return [(calls.get(each.call_id), each.output) for each in items[last + 1 :] if isinstance(each, ToolOutput)]
