"""What happens during an apply → lines of JSON for programs, described by `schemas/events.schema.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from retinue.errors import RetinueError
from retinue.model.steps import Event
from retinue.planning.documents.plan_document import diagnostic_document
from retinue.report.events.event_text import last_events, tally

FORMAT_VERSION = "1.0"
OUTCOMES = {0: "done", 3: "stale", 4: "blocked", 5: "partial", 130: "interrupted"}
FAILED = "failed"


def plan_line(document: Mapping[str, Any]) -> str:
    """The plan that is about to be carried out."""
    return _line("plan", {"plan": document})


def event_line(event: Event) -> str:
    """Something that happened to a step: files under way, or a beginning or an end."""
    step = {"key": event.step.key, "action": event.step.action, "address": str(event.step.address)}
    timed = {**step, "seconds": round(event.seconds, 3)}
    if event.status == "progress":
        return _line("progress", {**timed, "done": event.done, "total": event.total, "detail": event.detail})
    ended = {"status": event.status, "id": event.id or event.step.id, "error": event.error, "hint": event.hint}
    return _line("step", {**timed, **ended, "failures": dict(event.failures)})


def result_line(events: Sequence[Event], failure: RetinueError | None) -> str:
    """The last line: how it ended, what was done, and what went wrong."""
    code = failure.exit_code if failure else 0
    ended = [event.status for event in last_events(events)]
    said = {
        "message": failure.message if failure else None,
        "hint": failure.hint if failure else None,
        "diagnostics": [diagnostic_document(each) for each in failure.diagnostics] if failure else [],
    }
    counts = {status: ended.count(status) for status in ("done", "incomplete", "failed", "skipped")}
    return _line(
        "result",
        {"outcome": OUTCOMES.get(code, FAILED), "exit_code": code, **tally(events), "steps": counts, **said},
    )


def _line(kind: str, content: Mapping[str, Any]) -> str:
    # In ASCII, a line is a line for every program, whatever separators of lines Unicode has.
    return json.dumps({"format_version": FORMAT_VERSION, "type": kind, **content})
