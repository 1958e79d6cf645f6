"""The events of an apply → the closing report: what was done, what was not, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from retinue.model.steps import Event
from retinue.report.events import DOING, DONE, FINAL, TAG_ONLY, reasons
from retinue.report.ink import BLANK, Line, Role, line, paint

_AGAIN = "Run the same command again to continue."


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
