"""The words for what happens to a step, shared by the progress and the closing report."""

from __future__ import annotations

from retinue.model.steps import Action, Event
from retinue.report.values import count

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
