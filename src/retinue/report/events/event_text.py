"""The events of an apply in words: each as it comes, and the closing report of what was done and what is left to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from retinue.model.steps import Action, Event
from retinue.report.text.ink import BLANK, Line, Role, count, line, paint

DOING: dict[Action, str] = {
    "create": "creating",
    "update": "updating",
    "delete": "deleting",
    "adopt": "adopting",
    "move": "moving",
    "release": "releasing",
}
DONE: dict[Action, str] = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "adopt": "adopted",
    "move": "moved",
    "release": "released",
}
TAG_ONLY: tuple[Action, ...] = ("adopt", "move", "release")
"""What is counted only where there is any."""
FINAL = frozenset(["done", "incomplete", "failed", "skipped"])
"""The statuses after which nothing more happens to a step."""

_AGAIN = "Run the same command again to continue."


# ── one event ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def describe(event: Event) -> list[str]:
    """What an event says about its step: one line, and further ones with what went wrong."""
    match event.status:
        case "started":
            return [f"{DOING[event.step.action]} …"]
        case "progress":
            return [amount(event)]
        case "done":
            return [f"{_done(event)} ({seconds(event.seconds)})"]
        case "incomplete":
            first, *more = reasons(event)
            return [f"{_done(event)} ({seconds(event.seconds)}), but incomplete: {first}", *more]
        case "failed" | "skipped":
            first, *more = reasons(event)
            return [f"{event.status}: {first}", *more]


def _done(event: Event) -> str:
    live_id = event.id or event.step.id
    return f"{DONE[event.step.action]} {live_id}" if live_id else DONE[event.step.action]


def reasons(event: Event) -> list[str]:
    """Why a step did not come to its end, and below it each file that could not be brought in, and what to do."""
    files = [f"{path}: {reason}" for path, reason in event.failures.items()]
    if event.error:
        return [*event.error.split("\n"), *files, *([f"hint: {event.hint}"] if event.hint else [])]
    return [f"{count(len(files), 'file')} could not be brought in", *files] if files else ["no reason was given"]


def amount(event: Event) -> str:
    """How many of the files of a step are done: `12/40 files indexed`."""
    files = f"{event.done:,}/{event.total:,} files" if event.total else ""
    return " ".join(each for each in (files, event.detail) if each)


def seconds(duration: float) -> str:
    """A duration in the precision a person cares about: `0.3s`, `12s`, `3m 05s`."""
    if duration < 9.95:
        return f"{duration:.1f}s"
    whole = round(duration)
    return f"{whole}s" if whole < 60 else f"{whole // 60}m {whole % 60:02}s"


# ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def render_result(
    events: Iterable[Event],
    *,
    document: Mapping[str, Any] | None = None,
    interrupted: bool = False,
    color: bool = False,
) -> str:
    """The closing sentence, and before it every step that did not come to its end, by address.

    With the plan's `document`, the steps that were never begun are named too.
    """
    ended = last_events(events)
    lines = [
        *_listed(ended, "failed", "error"),
        *_listed(ended, "incomplete", "warning"),
        *_listed(ended, "skipped", "warning"),
    ]
    unfinished = [event for event in ended if event.status not in FINAL]
    lines += [_item(event.step.address, f"{DOING[event.step.action]}, not finished", "warning") for event in unfinished]
    begun = {event.step.key for event in ended}
    waiting = [each for each in (document["steps"] if document else ()) if each["key"] not in begun]
    if waiting and interrupted:
        lines += _not_begun(waiting)
    if lines:
        lines.append(BLANK)
    whole = all(event.status == "done" for event in ended) and not (interrupted and (waiting or not document))
    return paint([*lines, _sentence(ended, whole=whole, interrupted=interrupted)], color=color)


def last_events(events: Iterable[Event]) -> list[Event]:
    """What was heard last of every step that was begun."""
    last: dict[str, Event] = {}
    for event in events:
        last[event.step.key] = event
    return list(last.values())


def tally(events: Iterable[Event]) -> dict[str, int]:
    """How many objects were `added`, `changed` and `destroyed`, and where there are any, `adopted` and so on."""
    done = [event.step.action for event in last_events(events) if event.status in ("done", "incomplete")]
    counts = {"added": done.count("create"), "changed": done.count("update"), "destroyed": done.count("delete")}
    return counts | {DONE[action]: done.count(action) for action in TAG_ONLY if action in done}


def _listed(ended: Iterable[Event], status: str, role: Role) -> list[Line]:
    lines: list[Line] = []
    for event in ended:
        if event.status == status:
            first, *more = reasons(event)
            lines.append(_item(event.step.address, f"{status}: {first}", role))
            lines += [line("    ", each) for each in more]
    return lines


def _item(address: object, text: str, role: Role) -> Line:
    status, colon, rest = text.partition(": ")
    return line("  ", (str(address), "strong"), ": ", (status, role), colon, rest)


def _not_begun(steps: Sequence[Mapping[str, Any]]) -> list[Line]:
    return [
        line("  ", (each["address"], "strong"), ": ", ("not begun", "warning"), f" (to be {DONE[each['action']]})")
        for each in steps
    ]


def _sentence(ended: Sequence[Event], *, whole: bool, interrupted: bool) -> Line:
    counts = ", ".join(f"{number} {verb}" for verb, number in tally(ended).items())
    if whole:
        return line((f"Apply complete: {counts}.", "strong"))
    others = [
        f"{number} {status}"
        for status in ("failed", "incomplete", "skipped")
        if (number := sum(1 for event in ended if event.status == status))
    ]
    word = "interrupted" if interrupted else "incomplete"
    rest = f"; {', '.join(others)}" if others else ""
    return line((f"Apply {word}: {counts}{rest}.", "strong"), f" {_AGAIN}")
