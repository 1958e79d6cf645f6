"""What happens while a plan is carried out, in words: line by line, live on a terminal, and how it ended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from retinue.model.printable import masked, visible
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


def tally(events: Iterable[Event]) -> dict[str, Any]:
    """How many objects were `added`, `changed` and `destroyed`, and where there are any, `adopted` and so on; `removed`
    counts what went from objects that stay, by what it is."""
    done = [event.step.action for event in last_events(events) if event.status in ("done", "incomplete")]
    counts = {"added": done.count("create"), "changed": done.count("update"), "destroyed": done.count("delete")}
    more: dict[str, Any] = {DONE[action]: done.count(action) for action in TAG_ONLY if action in done}
    whole = [event.step for event in last_events(events) if event.status == "done"]
    removed = Counter(each.what for step in whole for each in step.losses)
    return counts | more | ({"removed": dict(sorted(removed.items()))} if removed else {})


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
    done = tally(ended)
    removed = done.pop("removed", {})
    done["destroyed"] += sum(removed.values())
    counts = ", ".join(f"{number} {verb}" for verb, number in done.items())
    counts += (
        f" ({', '.join(count(number, what) for what, number in removed.items())} of what stays)" if removed else ""
    )
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


_ROLES: dict[str, Role] = {"done": "added", "incomplete": "warning", "failed": "error", "skipped": "warning"}
_TENTHS = 10


class Progress:
    """Shows events as they come, from one thread. A context manager: leaving it puts the terminal back in order.

    With `tty`, running steps have a line each that moves, and finished ones stay above. Otherwise every event is a
    line, except that a step reports each kind of work on its files ten times at most.
    """

    def __init__(
        self, stream: TextIO, *, tty: bool, color: bool, width: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._color = color
        self._clock = clock
        self._tenths: dict[str, int] = {}
        self._running: dict[str, tuple[Event, float, Spinner]] = {}
        self._console = Console(
            file=stream, force_terminal=True, no_color=not color, width=width, highlight=False, legacy_windows=False
        )
        self._live = self._make_live() if tty else None

    def _make_live(self) -> Live:
        # What else goes to stdout is data and must not come out here; messages on stderr stand above what moves.
        return Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=10,
            transient=True,
            redirect_stdout=False,
        )

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def on_event(self, event: Event) -> None:
        """Show one event."""
        if self._live is None:
            if event.status != "progress" or self._is_worth_a_line(event):
                self._stream.write(masked(self._line(event)))
                self._stream.flush()
            return
        key = event.step.key
        if event.status in FINAL:
            self._running.pop(key, None)
            self._console.print(Text.from_ansi(masked(self._line(event)).rstrip("\n")), soft_wrap=True)
        else:
            _, started, spinner = self._running.get(key, (event, self._clock() - event.seconds, Spinner("dots")))
            self._running[key] = (event, started, spinner)

    def _line(self, event: Event) -> str:
        role = _ROLES.get(event.status, "plain")
        first, *more = describe(event)
        lines = [line((str(event.step.address), "strong"), ": ", (first, role))]
        return paint([*lines, *(line("    ", each) for each in more)], color=self._color)

    def _is_worth_a_line(self, event: Event) -> bool:
        tenth = event.done * _TENTHS // event.total if event.total else 0
        work = f"{event.step.key} {event.detail}"
        known = self._tenths.get(work, 0)
        self._tenths[work] = max(tenth, known)
        return tenth > known

    def _render(self) -> RenderableType:
        """The moving lines; called by the display's own thread."""
        running = list(self._running.values())
        room = max(self._console.height - 2, 1)
        rows: list[RenderableType] = []
        for event, started, spinner in running[:room]:
            row = Table.grid(padding=(0, 1))
            text = f"{event.step.address}: {DOING[event.step.action]} {visible(amount(event))}".rstrip()
            row.add_row(spinner, Text(text), Text(seconds(self._clock() - started), style="dim"))
            rows.append(row)
        if len(running) > room:
            rows.append(Text(f"  … and {len(running) - room} more", style="dim"))
        return Group(*rows)
