"""What happens while a plan is carried out, in words: event by event, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from retinue.model.steps import OVER, Action, Event, Status
from retinue.report.events.sync_counts import SyncCounts, sync_counts
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
FIRST_PENDING = 10
"""How many of the steps that were not begun are named, where there are more of them."""

_AGAIN = "Run the same command again to continue."
_AFTER_FAILURE = "See to what failed, then run the same command again to continue."


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
        case "interrupted":
            return [f"interrupted: {_as_far_as_it_got(event)}"]
        case "pending":
            return [f"not begun (to be {DONE[event.step.action]})"]


def _as_far_as_it_got(event: Event) -> str:
    """What is known of a step that was begun and did not come to its end."""
    action = event.step.action
    if event.status not in OVER:
        return f"{DOING[action]}, and whether it was {DONE[action]} is not known"
    if action == "create":
        return f"created {event.id}, but not finished" if event.id else "before it was created"
    return f"{DOING[action]}, not finished"


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


def render_result(events: Iterable[Event], *, interrupted: bool = False, color: bool = False) -> str:
    """The closing sentence, and before it every step that did not come to its end, by address: what failed, what was
    begun, and what was not."""
    ended = last_events(events)
    lines, synced = unfinished_lines(ended), list(_synced(ended))
    lines += [*([BLANK] if lines and synced else []), *synced]
    if lines:
        lines.append(BLANK)
    return paint([*lines, closing_line(ended, interrupted=interrupted)], color=color)


def unfinished_lines(ended: Sequence[Event]) -> list[Line]:
    """Every step that did not come to its end, of the last events of all, and why."""
    lines = [
        *_listed(ended, "failed", "error"),
        *_listed(ended, "incomplete", "warning"),
        *_listed(ended, "skipped", "warning"),
    ]
    lines += [_item(each.step.address, f"interrupted: {_as_far_as_it_got(each)}", "warning") for each in _begun(ended)]
    return [*lines, *_not_begun([event for event in ended if event.status == "pending"])]


def closing_line(ended: Sequence[Event], *, interrupted: bool) -> Line:
    """The sentence about the last events of all steps."""
    return _sentence(ended, len(_begun(ended)), interrupted=interrupted)


def _begun(ended: Iterable[Event]) -> list[Event]:
    return [event for event in ended if event.status == "interrupted" or event.status not in OVER]


def synced(event: Event) -> SyncCounts | None:
    """What became of the files of a step that came to its end."""
    step = event.step
    if not step.files or step.after is None or event.status not in ("done", "incomplete"):
        return None
    return sync_counts(step.files, step.after.get("files", {}), event.failures)


def _synced(ended: Iterable[Event]) -> Iterator[Line]:
    for event in ended:
        counts = synced(event)
        if counts is not None:
            numbers = {name: number for name, number in counts._asdict().items() if number or name == "scanned"}
            texts = [f"{number:,} {name.replace('_', ' ')}" for name, number in numbers.items()]
            yield line("  ", (str(event.step.address), "strong"), f": files: {', '.join(texts)}")


def last_events(events: Iterable[Event]) -> list[Event]:
    """What was heard last of every step that was begun."""
    last: dict[str, Event] = {}
    for event in events:
        last[event.step.key] = event
    return list(last.values())


def tally(events: Iterable[Event]) -> dict[str, Any]:
    """How many objects were `added`, `changed` and `destroyed`, and where there are any, `adopted` and so on; `removed`
    counts what went from objects that stay, by what it is.

    An object that was created is there, whatever became of its files.
    """
    done = [event.step.action for event in last_events(events) if _happened(event)]
    counts = {"added": done.count("create"), "changed": done.count("update"), "destroyed": done.count("delete")}
    more: dict[str, Any] = {DONE[action]: done.count(action) for action in TAG_ONLY if action in done}
    whole = [event.step for event in last_events(events) if event.status == "done"]
    removed = Counter(each.what for step in whole for each in step.losses)
    return counts | more | ({"removed": dict(sorted(removed.items()))} if removed else {})


def _happened(event: Event) -> bool:
    if event.status in ("done", "incomplete"):
        return True
    return event.step.action == "create" and event.status in OVER and event.id is not None


def steps_by_status(events: Iterable[Event]) -> dict[Status, int]:
    """How many steps ended in which way. One that nobody waited for counts as interrupted."""
    ended = [event.status if event.status in OVER else "interrupted" for event in last_events(events)]
    statuses: tuple[Status, ...] = ("done", "incomplete", "failed", "interrupted", "skipped", "pending")
    return {status: ended.count(status) for status in statuses}


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


def _not_begun(pending: Sequence[Event]) -> list[Line]:
    named = pending if len(pending) <= FIRST_PENDING + 1 else pending[:FIRST_PENDING]
    lines = [
        line(
            "  ",
            (str(event.step.address), "strong"),
            ": ",
            ("not begun", "warning"),
            f" (to be {DONE[event.step.action]})",
        )
        for event in named
    ]
    left = len(pending) - len(named)
    return [*lines, line("  ", (f"… and {left:,} more not begun", "warning"))] if left else lines


def _sentence(ended: Sequence[Event], begun: int, *, interrupted: bool) -> Line:
    done = tally(ended)
    removed = done.pop("removed", {})
    done["destroyed"] += sum(removed.values())
    counts = ", ".join(f"{number} {verb}" for verb, number in done.items())
    counts += (
        f" ({', '.join(count(number, what) for what, number in removed.items())} of what stays)" if removed else ""
    )
    if all(event.status == "done" for event in ended):
        return line((f"Apply complete: {counts}.", "strong"))
    numbers = steps_by_status(ended)
    others = [f"{numbers[status]} {status}" for status in ("failed", "incomplete", "skipped") if numbers[status]]
    others += [f"{begun} begun and not finished"] if begun else []
    others += [f"{numbers['pending']} not begun"] if numbers["pending"] else []
    word = "interrupted" if interrupted else "incomplete"
    again = _AFTER_FAILURE if numbers["failed"] or numbers["incomplete"] else _AGAIN
    return line((f"Apply {word}: {counts}; {', '.join(others)}.", "strong"), f" {again}")
