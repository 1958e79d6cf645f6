"""What a run puts before the model: its thread as it is, what it did itself so far, and its tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retinue.emulator.files.stored_files import FILES
from retinue.emulator.language_models.language_model import (
    Image,
    Item,
    Message,
    Prompt,
    Tool,
    ToolCall,
    ToolOutput,
    Usage,
)
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.threads.thread_objects import MESSAGES, THREADS, steps_of
from retinue.emulator.turns.prompt_fit import most_recent
from retinue.emulator.turns.turn import Limits
from retinue.emulator.turns.turn_events import Source


@dataclass(frozen=True, slots=True)
class RunPrompt:
    """What ``take_turn`` needs to know of a run."""

    prompt: Prompt
    limits: Limits
    sources: Mapping[str, Source]
    begun: int
    store_ids: tuple[str, ...]
    """The stores of the assistant and of the thread."""
    file_ids: tuple[str, ...]
    """The files for code."""


def read_prompt(call: Call, run: Stored) -> RunPrompt:
    """Everything that a run depends on, read in one transaction."""
    body = run.body
    said = call.storage.select(MESSAGES.object, parent=run.parent)
    before: tuple[Item, ...] = tuple(_message(call, each.body) for each in said if each.facet != run.id)
    strategy = body["truncation_strategy"]
    if strategy["type"] == "last_messages" and strategy.get("last_messages"):
        before = most_recent(before, strategy["last_messages"])
    done, sources = _done(call, run)
    spent = run.hidden.get("usage")
    return RunPrompt(
        Prompt(
            model=body["model"],
            instructions=body["instructions"],
            items=(*before, *done),
            tools=tuple(_function(each["function"]) for each in body["tools"] if each["type"] == "function"),
            tool_choice="auto" if done and body["tool_choice"] != "none" else _choice(body["tool_choice"]),
            parallel_tool_calls=body["parallel_tool_calls"],
            temperature=body["temperature"],
            top_p=body["top_p"],
            reasoning_effort=run.hidden.get("reasoning_effort"),
            response_format={"type": "text"} if body["response_format"] == "auto" else body["response_format"],
        ),
        Limits(
            body["max_prompt_tokens"],
            body["max_completion_tokens"],
            Usage(spent["prompt_tokens"], spent["completion_tokens"]) if spent else Usage(0, 0),
        ),
        sources,
        len(done) + 1 if done else 0,
        _resources(call, run, "file_search", "vector_store_ids"),
        _resources(call, run, "code_interpreter", "file_ids"),
    )


def _message(call: Call, body: JsonObject) -> Message:
    texts, images = [], []
    for part in body["content"]:
        match part["type"]:
            case "text":
                texts.append(part["text"]["value"])
            case "refusal":
                texts.append(part["refusal"])
            case "image_url":
                images.append(Image(url=part["image_url"]["url"], detail=part["image_url"]["detail"]))
            case "image_file":
                image = part["image_file"]
                images.append(_picture(call, image["file_id"], image.get("detail", "auto")))
    return Message(body["role"], "\n".join(texts), tuple(images))


def _picture(call: Call, file_id: str, detail: str) -> Image:
    file = call.storage.find(FILES.object, file_id)
    filename = file.body["filename"] if file else ""  # it may be deleted since
    return Image(file_id=file_id, filename=filename, path=call.storage.blob(file_id) if file else None, detail=detail)


def _done(call: Call, run: Stored) -> tuple[Sequence[Item], dict[str, Source]]:
    """What the run did before it was continued, and what it may name because of that."""
    items: list[Item] = []
    sources: dict[str, Source] = {}
    for step in steps_of(call, run.id):
        details = step.body["step_details"]
        if details["type"] == "message_creation":
            message = call.storage.find(MESSAGES.object, details["message_creation"]["message_id"], parent=run.parent)
            if message is not None:
                items.append(_message(call, message.body))
            continue
        items += [ToolCall(*each) for each in step.hidden["calls"]]
        outputs = {**step.hidden["outputs"], **_given(details["tool_calls"])}
        items += [ToolOutput(each, outputs.get(each, "")) for each, _, _ in step.hidden["calls"]]
        sources |= {mark: Source(*source) for mark, source in step.hidden["sources"].items()}
    return items, sources


def _given(calls: Sequence[Any]) -> dict[str, str]:
    """What the application said came of its functions."""
    return {each["id"]: each["function"]["output"] or "" for each in calls if each["type"] == "function"}


def _function(function: JsonObject) -> Tool:
    return Tool(
        function["name"],
        function.get("description", ""),
        function.get("parameters") or {},
        strict=bool(function.get("strict")),
    )


def _choice(choice: Any) -> str:
    if isinstance(choice, dict):
        return f"={choice['function']['name'] if choice['type'] == 'function' else choice['type']}"
    return str(choice)


def _resources(call: Call, run: Stored, tool: str, ids: str) -> tuple[str, ...]:
    thread = call.storage.find(THREADS.object, run.parent)
    own = thread.body["tool_resources"] if thread else {}
    found = [each for of in (run.hidden["resources"], own) for each in of.get(tool, {}).get(ids, [])]
    return tuple(dict.fromkeys(found))
