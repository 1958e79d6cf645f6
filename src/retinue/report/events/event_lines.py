"""What happens during an apply → lines of JSON for programs; `schemas/events.schema.json` is made of `EventLine`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from retinue.errors import RetinueError
from retinue.model.printable import json_text
from retinue.model.steps import Action, Event
from retinue.planning.documents.document_types import (
    Count,
    DiagnosticDocument,
    FieldChangeDocument,
    FormatVersion,
    PlanDocument,
)
from retinue.planning.documents.plan_document import change_document, diagnostic_document
from retinue.report.events.event_text import last_events, steps_by_status, synced, tally
from retinue.report.events.sync_counts import in_all

FORMAT_VERSION = "1.0"
Outcome = Literal["done", "stale", "blocked", "partial", "interrupted", "failed"]
_OUTCOMES: dict[int, Outcome] = {0: "done", 3: "stale", 4: "blocked", 5: "partial", 130: "interrupted"}


class PlanLine(TypedDict):
    """The plan that is about to be carried out."""

    format_version: FormatVersion
    type: Literal["plan"]
    plan: Annotated[PlanDocument, "The document of plan.schema.json."]


class FileCounts(TypedDict):
    """What became of the files that a vector store declares, and of those that it declares no more."""

    scanned: Annotated[Count, "Files that are declared."]
    new: Annotated[Count, "Brought in."]
    content_changed: Annotated[Count, "With new content, or cut in another way."]
    attributes_changed: Annotated[Count, "With new attributes."]
    moved: Annotated[Count, "With the same content under another path."]
    deleted: Annotated[Count, "Declared no more, and taken out."]
    failed: Annotated[Count, "Not brought in; `failures` says why."]
    skipped: Annotated[Count, "As they were."]


class _StepLine(TypedDict):
    """What every line about a step says."""

    format_version: FormatVersion
    key: Annotated[str, "Names the step in the plan."]
    action: Annotated[Action, "What is done."]
    address: Annotated[str, "The object it is done to: kind.name."]
    seconds: Annotated[float, ("minimum", 0), "The time since the step began."]


class StepLine(_StepLine):
    """A step began or came to an end."""

    type: Literal["step"]
    status: Annotated[
        Literal["started", "done", "incomplete", "failed", "interrupted", "skipped", "pending"],
        "`incomplete`: done, but for some files. `interrupted`: begun, and somebody asked to stop before its end. "
        "`skipped`: another step had to succeed. `pending`: not begun before somebody asked to stop.",
    ]
    id: Annotated[str | None, "The live id, as far as it is known. With one, an object to be created is there."]
    error: Annotated[str | None, "Why it did not come to its end."]
    hint: Annotated[str | None, "What to do about it."]
    failures: Annotated[dict[str, str], "Why a file could not be brought in, by its path."]
    files: NotRequired[Annotated[FileCounts, "What became of its files, of a step that ended and was about some."]]
    unkept: NotRequired[
        Annotated[
            list[FieldChangeDocument],
            "What the account did not keep as it was given: `before` as it was written, `after` as it came back. Left "
            "out when it kept everything.",
        ]
    ]


class ProgressLine(_StepLine):
    """Some of the files of a step are done."""

    type: Literal["progress"]
    done: Annotated[Count, "Files that are done."]
    total: Annotated[Count, "Files in all."]
    detail: Annotated[str | None, "What is done with them."]


class EndedSteps(TypedDict):
    """How many steps ended in which way."""

    done: Annotated[Count, "How many."]
    incomplete: Annotated[Count, "How many."]
    failed: Annotated[Count, "How many."]
    interrupted: Annotated[Count, "Begun, and not finished."]
    skipped: Annotated[Count, "How many."]
    pending: Annotated[Count, "Not begun."]


class ResultLine(TypedDict):
    """The end."""

    format_version: FormatVersion
    type: Literal["result"]
    outcome: Annotated[Outcome, "The exit code as a word."]
    exit_code: Annotated[Count, "What the command ends with."]
    added: Annotated[Count, "Objects created, also those whose step did not come to its end."]
    changed: Annotated[Count, "Objects changed."]
    destroyed: Annotated[Count, "Objects deleted."]
    adopted: NotRequired[Annotated[Count, "Objects adopted or taken over; left out when there are none."]]
    moved: NotRequired[Annotated[Count, "Objects that got another address; left out when there are none."]]
    released: NotRequired[Annotated[Count, "Objects let go; left out when there are none."]]
    removed: NotRequired[
        Annotated[
            dict[str, Annotated[Count, "How many."]],
            "What went from objects that stay, by what it is: `file`, `version`; left out when there is nothing.",
        ]
    ]
    files: NotRequired[Annotated[FileCounts, "The files of all steps; left out when no step was about any."]]
    steps: EndedSteps
    message: Annotated[str | None, "What went wrong."]
    hint: Annotated[str | None, "What to do about it."]
    diagnostics: Annotated[
        list[DiagnosticDocument], "The mistakes in the declarations, when it was they that stopped it."
    ]


EventLine = Annotated[
    PlanLine | StepLine | ProgressLine | ResultLine,
    "One line of `retinue apply --json`. The plan comes first, the result last.",
]


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
    unkept = {"unkept": [change_document(each) for each in event.unkept]} if event.unkept else {}
    counts = synced(event)
    files = {"files": counts._asdict()} if counts else {}
    return _line("step", {**timed, **ended, "failures": dict(event.failures), **files, **unkept})


def result_line(events: Sequence[Event], failure: RetinueError | None) -> str:
    """The last line: how it ended, what was done, and what went wrong."""
    code = failure.exit_code if failure else 0
    counts = [each for each in map(synced, last_events(events)) if each]
    said = {
        "message": failure.message if failure else None,
        "hint": failure.hint if failure else None,
        "diagnostics": [diagnostic_document(each) for each in failure.diagnostics] if failure else [],
    }
    return _line(
        "result",
        {
            "outcome": _OUTCOMES.get(code, "failed"),
            "exit_code": code,
            **tally(events),
            **({"files": in_all(counts)._asdict()} if counts else {}),
            "steps": steps_by_status(events),
            **said,
        },
    )


def _line(kind: str, content: Mapping[str, Any]) -> str:
    # In ASCII, a line is a line for every program, whatever separators of lines Unicode has.
    return json_text({"format_version": FORMAT_VERSION, "type": kind, **content}, indent=None, ascii_only=True)
