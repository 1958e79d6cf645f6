"""Writes down what happens in a turn as the steps and messages of a run, and tells those who follow it.

What is under way is stored at the beginning and the end of each step and message; what comes in between is only told.
"""

from __future__ import annotations

from typing import Any

from retinue.emulator.language_models.language_model import ToolCall, Usage
from retinue.emulator.server.collection import create, require
from retinue.emulator.server.service import Call, Job, server_sent_event
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.threads.run_states import end_message, end_step, find_run, tell
from retinue.emulator.threads.thread_objects import MESSAGES, STEPS, new_message
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
)
from retinue.emulator.turns.turn_work import TurnOverError


class RunRecord:
    """What becomes of one run, from the moment it is in progress."""

    def __init__(self, job: Job, call: Call, run: Stored) -> None:
        self._job = job
        self._live = call.live
        self._run_id = run.id
        self._thread_id = run.parent
        self._step_id = ""
        self._message_id = ""
        self._parts: list[JsonObject] = []
        """What the message says so far."""
        self._annotations = 0
        self._kinds: list[str] = []
        """The tools that the step has called so far."""
        self._calls: list[JsonObject] = []
        """Those of its calls that are not stored yet, as they are shown."""
        self._images: list[str] = []
        """The pictures that code made and no message shows yet."""

    def write(self, event: Event) -> None:
        """Raises TurnOverError, and StoppedError when the job is somebody else's by now."""
        match event:
            case TextBegun():
                self._begin_message()
            case TextGrew():
                self._grow_message(event)
            case TextEnded():
                self._end_message(event)
            case CallBegun():
                self._begin_call(event)
            case CallGrew(index, text):
                self._grow_call(index, text)
            case CallEnded():
                self._end_call(event)
            case CallsEnded(usage):
                self._end_calls(usage)
            case Thought() | TurnEnded():
                pass

    def keep_partial(self, call: Call) -> None:
        """Store what the message says so far, or what the step calls, since nothing more comes."""
        step = call.storage.find(STEPS.object, self._step_id, parent=self._run_id) if self._calls else None
        if step is not None and step.body["status"] != "completed":
            step.body["step_details"]["tool_calls"] += self._calls
            call.storage.save(step)
        if self._message_id and self._parts:
            message = call.storage.find(MESSAGES.object, self._message_id, parent=self._thread_id)
            if message is not None and message.body["status"] != "completed":  # it may have ended with the run
                message.body["content"] = self._parts
                call.storage.save(message)

    # Messages

    def _begin_message(self) -> None:
        self._parts, self._annotations = [], 0
        with self._job.transaction() as call:
            run = self._run(call)
            message = new_message(call, run.parent, role="assistant", content=[], status="in_progress", run=run)
            self._message_id = message["id"]
            details = {"type": "message_creation", "message_creation": {"message_id": message["id"]}}
            self._begin_step(call, run, details)
            create(call, MESSAGES, message, parent=run.parent, facet=run.id)
            stored = require(call, MESSAGES, message["id"], parent=run.parent)
            tell(call, run, stored, state="created")
            tell(call, run, stored)
        for index, file_id in enumerate(self._images):
            part = {"type": "image_file", "image_file": {"file_id": file_id}}
            self._parts.append({"type": "image_file", "image_file": {"file_id": file_id, "detail": "auto"}})
            self._tell("thread.message.delta", self._message_id, {"content": [{"index": index, **part}]})
        self._images = []

    def _grow_message(self, event: TextGrew) -> None:
        if event.is_refusal:
            part = self._part("refusal", {"type": "refusal", "refusal": ""})
            part["refusal"] += event.text
            delta: JsonObject = {"index": len(self._parts) - 1, "type": "refusal", "refusal": event.text}
        else:
            is_first = not self._parts or self._parts[-1]["type"] != "text"
            part = self._part("text", {"type": "text", "text": {"value": "", "annotations": []}})
            shown = [_shown_annotation(each) for each in event.annotations]
            part["text"]["value"] += event.text
            part["text"]["annotations"] += shown
            text: JsonObject = {"value": event.text}
            if shown or is_first:
                numbered = enumerate(shown, len(part["text"]["annotations"]) - len(shown))
                text["annotations"] = [{"index": number, **each} for number, each in numbered]
            delta = {"index": len(self._parts) - 1, "type": "text", "text": text}
        self._tell("thread.message.delta", self._message_id, {"content": [delta]})

    def _part(self, kind: str, empty: JsonObject) -> JsonObject:
        if not self._parts or self._parts[-1]["type"] != kind:
            self._parts.append(empty)
        return self._parts[-1]

    def _end_message(self, event: TextEnded) -> None:
        with self._job.transaction() as call:
            run = self._run(call)
            message = call.storage.find(MESSAGES.object, self._message_id, parent=run.parent)
            if message is not None:  # somebody may have deleted it, which does not undo the run
                message.body["content"] = self._parts or [{"type": "text", "text": {"value": "", "annotations": []}}]
                end_message(call, run, message, reason=event.cut)
            step = require(call, STEPS, self._step_id, parent=run.id)
            if event.usage is not None:
                self._note_usage(call, run, step, event.usage)
            end_step(call, run, step)
        self._message_id = self._step_id = ""

    # Calls

    def _begin_call(self, event: CallBegun) -> None:
        if not self._step_id:
            with self._job.transaction() as call:
                hidden: JsonObject = {"calls": [], "outputs": {}, "sources": {}, "content": {}}
                self._begin_step(call, self._run(call), {"type": "tool_calls", "tool_calls": []}, hidden)
            self._kinds, self._calls = [], []
        self._kinds.append(event.kind)
        empty: dict[str, JsonObject] = {
            "function": {"name": event.name, "arguments": "", "output": None},
            "code_interpreter": {"input": "", "outputs": []},
            "file_search": {},
        }
        self._calls.append({"id": event.id, "type": event.kind, event.kind: empty[event.kind]})
        self._tell_call(event.index, empty[event.kind], id=event.id)

    def _grow_call(self, index: int, text: str) -> None:
        kind = self._kinds[index]
        self._calls[index][kind][_GROWING[kind]] += text
        self._tell_call(index, {_GROWING[kind]: text})

    def _end_call(self, event: CallEnded) -> None:
        with self._job.transaction() as call:
            run = self._run(call)
            step = require(call, STEPS, self._step_id, parent=run.id)
            step.body["step_details"]["tool_calls"].append(_shown_call(event, run))
            step.hidden["calls"].append([event.call.id, event.call.name, event.call.arguments])
            _note_outcome(step, event)
            call.storage.save(step)
        self._calls.pop(0)
        if isinstance(event.outcome, Executed):
            self._images += [each.file_id for each in event.outcome.files if each.is_image]
            outputs = [{"index": number, **each} for number, each in enumerate(_shown_outputs(event.outcome))]
            self._tell_call(event.index, {"outputs": outputs})

    def _end_calls(self, usage: Usage) -> None:
        """The step is over, unless functions are to be carried out by the application."""
        with self._job.transaction() as call:
            run = self._run(call)
            step = require(call, STEPS, self._step_id, parent=run.id)
            # Those that the model did not bring to an end are shown as far as they came.
            step.body["step_details"]["tool_calls"] += self._calls
            self._calls = []
            self._note_usage(call, run, step, usage)
            if waiting_calls(step):
                return
            end_step(call, run, step)
        self._step_id = ""

    def _tell_call(self, index: int, members: JsonObject, **more: Any) -> None:
        kind = self._kinds[index]
        delta = {"index": index, **more, "type": kind, kind: members}
        self._tell(
            "thread.run.step.delta", self._step_id, {"step_details": {"type": "tool_calls", "tool_calls": [delta]}}
        )

    # What both have in common

    def _run(self, call: Call) -> Stored:
        run = find_run(call, self._thread_id, self._run_id)
        if run is None or run.facet != "in_progress":
            raise TurnOverError
        return run

    def _begin_step(self, call: Call, run: Stored, details: JsonObject, hidden: JsonObject | None = None) -> None:
        body: JsonObject = {
            "id": call.new_id(STEPS.prefix),
            "object": STEPS.object,
            "created_at": call.now,
            "run_id": run.id,
            "assistant_id": run.body["assistant_id"],
            "thread_id": run.parent,
            "type": details["type"],
            "status": "in_progress",
            "cancelled_at": None,
            "completed_at": None,
            "expired_at": None,
            "failed_at": None,
            "last_error": None,
            "step_details": details,
            "usage": None,
            "metadata": {},
        }
        self._step_id = body["id"]
        create(call, STEPS, body, parent=run.id, hidden=hidden)
        step = require(call, STEPS, body["id"], parent=run.id)
        tell(call, run, step, state="created")
        tell(call, run, step)

    def _note_usage(self, call: Call, run: Stored, step: Stored, usage: Usage) -> None:
        step.hidden["usage"] = _shown_usage(usage)
        call.storage.save(step)
        spent = run.hidden.get("usage") or _shown_usage(Usage(0, 0))
        run.hidden["usage"] = {name: spent[name] + more for name, more in step.hidden["usage"].items()}
        call.storage.save(run)

    def _tell(self, event: str, object_id: str, delta: JsonObject) -> None:
        if self._live.is_followed(self._run_id):
            body = {"id": object_id, "object": event, "delta": delta}
            self._live.publish(self._run_id, server_sent_event(body, event=event))


_GROWING = {"function": "arguments", "code_interpreter": "input"}
"""Which member of a call grows while it comes."""


def waiting_calls(step: Stored) -> list[JsonObject]:
    """The functions of a step whose output is not known yet, as ``required_action`` shows them."""
    return [
        {
            "id": each["id"],
            "type": "function",
            "function": {key: each["function"][key] for key in ("name", "arguments")},
        }
        for each in step.body["step_details"].get("tool_calls", [])
        if each["type"] == "function" and each["function"]["output"] is None
    ]


def _shown_usage(usage: Usage) -> JsonObject:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def _shown_annotation(annotation: Annotation) -> JsonObject:
    kind = annotation.source.kind
    return {
        "type": kind,
        "text": annotation.text,
        "start_index": annotation.start,
        "end_index": annotation.end,
        kind: {"file_id": annotation.source.file_id},
    }


def _shown_call(event: CallEnded, run: Stored) -> JsonObject:
    call: ToolCall = event.call
    match event.outcome:
        case Searched(_, passages):
            results = [{"file_id": each.file_id, "file_name": each.filename, "score": each.score} for each in passages]
            shown: JsonObject = {"ranking_options": _ranking(run), "results": results}
        case Executed(code):
            shown = {"input": code, "outputs": _shown_outputs(event.outcome)}
        case None:
            shown = {"name": call.name, "arguments": call.arguments, "output": None}
    return {"id": call.id, "type": event.kind, event.kind: shown}


def _ranking(run: Stored) -> JsonObject:
    tool: JsonObject = next((each for each in run.body["tools"] if each["type"] == "file_search"), {})
    options = tool.get("file_search", {}).get("ranking_options", {})
    return {
        "ranker": options.get("ranker", "default_2024_08_21"),
        "score_threshold": options.get("score_threshold", 0.0),
    }


def _shown_outputs(outcome: Executed) -> list[JsonObject]:
    logs: list[JsonObject] = [{"type": "logs", "logs": outcome.logs}] if outcome.logs else []
    return logs + [{"type": "image", "image": {"file_id": each.file_id}} for each in outcome.files if each.is_image]


def _note_outcome(step: Stored, event: CallEnded) -> None:
    """What of an outcome is needed later, and not shown."""
    match event.outcome:
        case Searched(_, passages):
            sources = {each.mark: [each.file_id, each.filename] for each in passages}
            step.hidden["content"][event.call.id] = [each.text for each in passages]
        case Executed():
            sources = {f"sandbox:{each.path}": [each.file_id, each.path, "file_path"] for each in event.outcome.files}
        case None:
            return
    step.hidden["sources"].update(sources)
    step.hidden["outputs"][event.call.id] = event.output
