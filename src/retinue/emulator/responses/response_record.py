"""Writes down what happens in a turn as the output of a response, and tells those who follow it.

An item is stored when it is done. What comes in between is told, each event under the next number; of a response in the
background that is streamed every event is stored as well, so that it can be asked for later.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinue.emulator.containers.container_endpoints import CONTAINERS, add_container, add_container_file
from retinue.emulator.language_models.language_model import ModelError, Usage
from retinue.emulator.responses.response_objects import (
    EVENTS,
    ID_PREFIXES,
    add_item,
    find_response,
    shown_item,
)
from retinue.emulator.server.service import Call, Job, server_sent_event
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.turns.turn_events import (
    Annotation,
    CallBegun,
    CallEnded,
    CallGrew,
    CallsEnded,
    Event,
    Executed,
    Searched,
    TextBegun,
    TextEnded,
    TextGrew,
    Thought,
    TurnEnded,
    WrittenFile,
)
from retinue.emulator.turns.turn_work import TurnOverError

_MOST_SHOWN = 5 * 1024 * 1024
"""Bytes of a picture that is shown within its URL."""


@dataclass(slots=True)
class _Called:
    """A call of the current answer."""

    kind: str
    item: JsonObject
    index: int
    is_ignored: bool = False
    is_begun: bool = False
    is_done: bool = False


def publish_event(call: Call, response: Stored, name: str, /, **members: Any) -> None:
    """Number an event, keep it where it may be asked for again, and tell it."""
    number = response.hidden["events"]
    response.hidden["events"] = number + 1
    event = {"type": name, "sequence_number": number, **members}
    if response.hidden["keeps_events"]:
        call.storage.insert(EVENTS, {"id": str(number), "event": event}, parent=response.id)
    call.publish(response.id, server_sent_event(event, event=name))


class ResponseRecord:
    """What becomes of one response, from the moment it is in progress."""

    def __init__(self, job: Job, call: Call, response: Stored) -> None:
        self._job = job
        self._live = call.live
        self._new_id = call.new_id
        self._id = response.id
        self._number: int = response.hidden["events"]
        self._keeps: bool = response.hidden["keeps_events"]
        self._include: list[str] = response.hidden["include"]
        self._most_calls: int | None = response.body["max_tool_calls"]
        self._summarises = any(response.body["reasoning"].get(each) for each in ("summary", "generate_summary"))
        self._container = ""
        self._items: list[JsonObject] = []
        self._message: JsonObject = {}
        """The message, or the reasoning, that grows."""
        self._calls: list[_Called] = []
        self._begun_calls = 0
        self._spent: Usage | None = None

    def write(self, event: Event) -> None:
        """Raises TurnOverError, and StoppedError when the job is somebody else's by now."""
        if not isinstance(event, Thought):
            self._end_reasoning()
        match event:
            case Thought(text) if text:
                self._grow_reasoning(text)
            case TextBegun():
                self._begin_message()
            case TextGrew():
                self._grow_message(event)
            case TextEnded():
                self._end_message(event)
            case CallBegun():
                self._begin_call(event)
            case CallGrew():
                self._grow_call(event)
            case CallEnded():
                self._end_call(event)
            case CallsEnded(usage):
                self._spend(usage)
                self._leave_open_calls()
            case Thought() | TurnEnded():
                pass

    def settle(self, response: Stored) -> None:
        """Put what there is into the response, which is about to end: what is not done never will be."""
        for each in self._items:
            if each["status"] == "in_progress" and response.facet != "cancelled":
                each["status"] = "incomplete"
        response.body["output"] = self._items
        response.hidden["events"] = self._number
        if self._spent is not None:
            response.body["usage"] = shown_usage(self._spent)

    def begin_tool(self) -> bool:
        """A tool of the account is about to be carried out; whether it may be."""
        called = next(each for each in self._calls if each.kind != "function" and not each.is_begun)
        called.is_begun = True
        if called.is_ignored:
            return False
        if called.kind == "file_search":
            self._tell_item("response.file_search_call.searching", called)
        else:
            self._tell_item("response.code_interpreter_call_code.done", called, code=called.item["code"])
            self._tell_item("response.code_interpreter_call.interpreting", called)
        return True

    # Messages

    def _begin_message(self) -> None:
        self._message = {
            "id": self._new_id(ID_PREFIXES["message"]),
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        self._begin_item(self._message)

    def _grow_message(self, event: TextGrew) -> None:
        if event.is_refusal:
            self._part("refusal")["refusal"] += event.text
            self._tell_part("response.refusal.delta", delta=event.text)
            return
        part = self._part("output_text")
        start = len(part["text"])
        # A mark of a passage is no text here, but an annotation at the place where it stood.
        is_cited = any(each.source.kind == "file_citation" for each in event.annotations)
        if not is_cited:
            part["text"] += event.text
            self._tell_part("response.output_text.delta", delta=event.text, logprobs=[])
        for each in event.annotations:
            shown = self._shown_annotation(each, start, len(part["text"]))
            part["annotations"].append(shown)
            self._tell_part(
                "response.output_text.annotation.added",
                annotation_index=len(part["annotations"]) - 1,
                annotation=shown,
            )

    def _part(self, kind: str) -> JsonObject:
        content: list[JsonObject] = self._message["content"]
        if not content or content[-1]["type"] != kind:
            if content:
                self._end_part()
            empty: JsonObject = (
                {"refusal": ""} if kind == "refusal" else {"text": "", "annotations": [], "logprobs": []}
            )
            content.append({"type": kind, **empty})
            self._tell_part("response.content_part.added", part=content[-1])
        return content[-1]

    def _end_part(self) -> None:
        part = self._message["content"][-1]
        if part["type"] == "refusal":
            self._tell_part("response.refusal.done", refusal=part["refusal"])
        else:
            self._tell_part("response.output_text.done", text=part["text"], logprobs=[])
        self._tell_part("response.content_part.done", part=part)

    def _end_message(self, event: TextEnded) -> None:
        if not self._message["content"]:
            self._part("output_text")
        self._end_part()
        self._message["status"] = "incomplete" if event.cut else "completed"
        self._end_item(self._message, {})
        if event.usage is not None:
            self._spend(event.usage)

    def _shown_annotation(self, annotation: Annotation, start: int, end: int) -> JsonObject:
        source = annotation.source
        if source.kind == "file_citation":
            return {"type": "file_citation", "index": end, "file_id": source.file_id, "filename": source.filename}
        return {
            "type": "container_file_citation",
            "container_id": self._container,
            "file_id": source.file_id,
            "filename": source.filename,
            "start_index": start,
            "end_index": end,
        }

    # Reasoning

    def _grow_reasoning(self, text: str) -> None:
        """What an endpoint shows of what its model thinks is the content of an item, or stands for a summary of it
        where one was asked for: none is written here."""
        if self._message.get("type") != "reasoning":
            thought = {"id": self._new_id(ID_PREFIXES["reasoning"]), "type": "reasoning", "status": "in_progress"}
            self._message = {**thought, "summary": [], **({} if self._summarises else {"content": []})}
            self._begin_item(self._message)
            self._thoughts().append({"type": f"{self._thought}_text", "text": ""})
            self._tell_thought("part.added", part=self._thoughts()[0])
        self._thoughts()[0]["text"] += text
        self._tell_thought("text.delta", delta=text)

    @property
    def _thought(self) -> str:
        return "summary" if self._summarises else "reasoning"

    def _thoughts(self) -> list[JsonObject]:
        parts: list[JsonObject] = self._message["summary" if self._summarises else "content"]
        return parts

    def _tell_thought(self, name: str, /, **members: Any) -> None:
        if self._summarises:
            index = self._items.index(self._message)
            place = {"item_id": self._message["id"], "output_index": index, "summary_index": 0}
            self._tell(f"response.reasoning_summary_{name}", **place, **members)
        else:
            self._tell_part(f"response.{'content' if name.startswith('part') else 'reasoning'}_{name}", **members)

    def _end_reasoning(self) -> None:
        if self._message.get("type") == "reasoning":
            part = self._thoughts()[0]
            self._tell_thought("text.done", text=part["text"])
            self._tell_thought("part.done", part=part)
            self._message["status"] = "completed"
            # There by default (published description). Nothing is secret here: it only looks like what is.
            self._message["encrypted_content"] = base64.b64encode(part["text"].encode()).decode()
            self._end_item(self._message, {})
            self._message = {}

    # Calls

    def _begin_call(self, event: CallBegun) -> None:
        if event.index == 0:
            self._calls = []
        self._end_functions()
        item: JsonObject
        match event.kind:
            case "function":
                item = {"type": "function_call", "call_id": event.id, "name": event.name, "arguments": ""}
            case "file_search":
                item = {"type": "file_search_call", "queries": [], "results": None}
            case "code_interpreter":
                self._open_container()
                item = {"type": "code_interpreter_call", "container_id": self._container, "code": "", "outputs": None}
        item = {"id": self._new_id(ID_PREFIXES[item["type"]]), **item, "status": "in_progress"}
        called = _Called(event.kind, item, len(self._items))
        self._calls.append(called)
        if event.kind == "function":
            self._begin_item(item)
            return
        if self._most_calls is not None and self._begun_calls >= self._most_calls:
            called.is_ignored = True
            return
        self._begun_calls += 1
        self._begin_item(item)
        self._tell_item(f"response.{item['type']}.in_progress", called)

    def _open_container(self) -> None:
        if not self._container:
            self._container = self._new_id(CONTAINERS.prefix)
            with self._job.transaction() as call:
                add_container(call, self._container)

    def _grow_call(self, event: CallGrew) -> None:
        called = self._calls[event.index]
        if called.is_done:
            raise ModelError("the model sent the parts of its calls in disorder")
        if called.is_ignored or called.kind == "file_search":
            return
        name, member = {
            "function": ("response.function_call_arguments.delta", "arguments"),
            "code_interpreter": ("response.code_interpreter_call_code.delta", "code"),
        }[called.kind]
        called.item[member] += event.text
        self._tell_item(name, called, delta=event.text)

    def _end_functions(self) -> None:
        """A function call is whole when something else begins."""
        for each in self._calls:
            if each.kind == "function" and not each.is_done:
                each.is_done = True
                arguments = each.item["arguments"]
                self._tell_item(
                    "response.function_call_arguments.done", each, name=each.item["name"], arguments=arguments
                )
                each.item["status"] = "completed"
                self._end_item(each.item, {})

    def _end_call(self, event: CallEnded) -> None:
        called = self._calls[event.index]
        if called.kind == "function":
            self._end_functions()
        if called.is_done or called.is_ignored:
            return
        called.is_done = True
        hidden: JsonObject = {
            "call": [event.call.id, event.call.name, event.call.arguments],
            "output": event.output,
        }
        match event.outcome:
            case Searched(queries, passages):
                called.item["queries"] = list(queries)
                hidden["sources"] = {each.mark: [each.file_id, each.filename] for each in passages}
                hidden["results"] = [
                    {
                        "file_id": each.file_id,
                        "filename": each.filename,
                        "score": each.score,
                        "attributes": dict(each.attributes),
                        "text": each.text,
                    }
                    for each in passages
                ]
            case Executed(code):
                called.item["code"] = code
                written = event.outcome.files
                hidden["sources"] = {
                    f"sandbox:{each.path}": [each.file_id, Path(each.path).name, "file_path"] for each in written
                }
                hidden["outputs"] = self._shown_outputs(event.outcome)
        self._tell_item(f"response.{called.item['type']}.completed", called)
        called.item["status"] = "completed"
        self._end_item(called.item, hidden)

    def _shown_outputs(self, outcome: Executed) -> list[JsonObject]:
        shown: list[JsonObject] = [{"type": "logs", "logs": outcome.logs}] if outcome.logs else []
        with self._job.transaction() as call:
            for each in outcome.files:
                add_container_file(call, self._container, each)
            pictures = [(each, call.storage.blob(each.file_id)) for each in outcome.files if each.is_image]
        return shown + [{"type": "image", "url": _picture_url(each, blob)} for each, blob in pictures]

    def _leave_open_calls(self) -> None:
        """Calls that the model did not bring to an end."""
        for each in self._calls:
            if not each.is_done and not each.is_ignored:
                each.is_done = True
                each.item["status"] = "incomplete"
                self._tell("response.output_item.done", output_index=each.index, item=each.item)
        self._calls = []

    # What both have in common

    def _spend(self, usage: Usage) -> None:
        self._spent = usage if self._spent is None else self._spent + usage

    def _begin_item(self, item: JsonObject) -> None:
        self._items.append(item)
        self._tell("response.output_item.added", output_index=len(self._items) - 1, item=item)

    def _end_item(self, item: JsonObject, hidden: JsonObject) -> None:
        shown = shown_item(item, hidden, self._include)
        index = self._items.index(item)
        self._items[index] = shown
        with self._job.transaction() as call:
            response = self._response(call)
            add_item(call, self._id, shown, hidden, facet="output")
            response.body["output"] = self._items
            self._publish(call, response, "response.output_item.done", output_index=index, item=shown)
            call.storage.save(response)

    def _response(self, call: Call) -> Stored:
        response = find_response(call, self._id)
        if response is None or response.facet != "in_progress":
            raise TurnOverError
        return response

    def _tell_part(self, name: str, /, **members: Any) -> None:
        index = self._items.index(self._message)
        self._tell(
            name,
            item_id=self._message["id"],
            output_index=index,
            content_index=len(self._message["content"]) - 1,
            **members,
        )

    def _tell_item(self, name: str, called: _Called, /, **members: Any) -> None:
        self._tell(name, item_id=called.item["id"], output_index=called.index, **members)

    def _tell(self, name: str, /, **members: Any) -> None:
        if self._keeps:
            with self._job.transaction() as call:
                response = self._response(call)
                self._publish(call, response, name, **members)
                call.storage.save(response)
            return
        if self._live.is_followed(self._id):
            event = {"type": name, "sequence_number": self._number, **members}
            self._live.publish(self._id, server_sent_event(event, event=name))
        self._number += 1

    def _publish(self, call: Call, response: Stored, name: str, /, **members: Any) -> None:
        response.hidden["events"] = self._number
        publish_event(call, response, name, **members)
        self._number = response.hidden["events"]


def _picture_url(written: WrittenFile, blob: Path) -> str:
    """The picture itself, where it is not too large: no URL of the account would be right for everybody."""
    suffix = Path(written.path).suffix.lower().lstrip(".").replace("jpg", "jpeg") or "png"
    content = blob.read_bytes() if blob.exists() and blob.stat().st_size <= _MOST_SHOWN else b""
    return f"data:image/{suffix};base64,{base64.b64encode(content).decode()}"


def shown_usage(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
