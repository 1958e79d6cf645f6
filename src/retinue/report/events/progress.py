"""What is under way while a plan is carried out: line by line, or live on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TextIO

from rich.cells import cell_len, set_cell_size

from retinue.model.printable import masked, visible
from retinue.model.steps import OVER, Event
from retinue.report.events.event_text import DOING, amount, describe, seconds
from retinue.report.events.moving_lines import MovingLines
from retinue.report.text.ink import Line, Role, line, paint

_ROLES: dict[str, Role] = {
    "done": "added",
    "incomplete": "warning",
    "failed": "error",
    "interrupted": "warning",
    "skipped": "warning",
}
_TENTHS = 10
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_BELOW = 3
"""The lines of a terminal that no step takes: the total, the one where the cursor stands, and one above."""


class Progress:
    """Shows events as they come, from one thread. A context manager: leaving it puts the terminal back in order.

    With `live`, steps under way have a line each that moves, with the `total` below, and finished ones stay above.
    Otherwise every event is a line, except that a step reports each kind of work on its files ten times at most. `size`
    gives the columns and lines of the terminal at any time. What was not begun is told at the end.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        live: bool,
        color: bool,
        total: int,
        size: Callable[[], tuple[int, int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._color = color
        self._total = total
        self._size = size
        self._clock = clock
        self._stopping = False
        self._ended = 0
        self._tenths: dict[str, int] = {}
        self._running: dict[str, tuple[Event, float]] = {}
        self._moving = MovingLines(stream, self._rows) if live else None

    def __enter__(self) -> Progress:
        if self._moving:
            self._moving.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._moving:
            self._moving.__exit__(kind, error, trace)

    def on_event(self, event: Event) -> None:
        """Show one event."""
        if event.status == "pending":
            return
        if self._moving is None:
            if event.status != "progress" or self._is_worth_a_line(event):
                with suppress(OSError):  # nobody reads it: no reason to stop working
                    self._stream.write(self._line(event))
                    self._stream.flush()
            return
        key = event.step.key
        if event.status in OVER:
            self._ended += 1
            self._running.pop(key, None)
            self._moving.print(self._line(event))
        else:
            _, started = self._running.get(key, (event, self._clock() - event.seconds))
            self._running[key] = (event, started)

    def stopping(self) -> None:
        """Somebody asked to stop: what is under way is the last."""
        self._stopping = True

    def _line(self, event: Event) -> str:
        role = _ROLES.get(event.status, "plain")
        first, *more = describe(event)
        lines = [line((str(event.step.address), "strong"), ": ", (first, role))]
        return masked(paint([*lines, *(line("    ", each) for each in more)], color=self._color))

    def _is_worth_a_line(self, event: Event) -> bool:
        tenth = event.done * _TENTHS // event.total if event.total else 0
        work = f"{event.step.key} {event.detail}"
        known = self._tenths.get(work, 0)
        self._tenths[work] = max(tenth, known)
        return tenth > known

    def _rows(self) -> list[str]:
        """The moving lines; asked for by any thread. None is as long as the terminal is wide: it would be broken into
        two there, of which one stayed behind."""
        width, height = self._size()
        now = self._clock()
        running = list(self._running.values())
        rows = [self._row(event, now - since, width - 1) for event, since in running[: max(height - _BELOW, 0)]]
        said = f"{self._ended:,}/{self._total:,} steps"
        if running:
            said += f", {'stopping: ' if self._stopping else ''}{len(running)} under way"
        rows.append(line((_cropped(said, width - 1), "faint")))
        return [paint([each], color=self._color).rstrip("\n") for each in rows[: height - 1]]

    def _row(self, event: Event, since: float, width: int) -> Line:
        time_ = f" {seconds(since)}"
        frame = _SPINNER[int(self._clock() * len(_SPINNER)) % len(_SPINNER)]
        text = f"{frame} {event.step.address}: {DOING[event.step.action]} {visible(amount(event))}".rstrip()
        return line(_cropped(text, width - cell_len(time_)), (time_, "faint"))


def _cropped(text: str, width: int) -> str:
    """The text in so many columns, with a mark where something is left out."""
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1).rstrip()}…" if width > 1 else "…"[:width]
