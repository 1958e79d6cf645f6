"""What is under way while a plan is carried out: line by line, or live on a terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
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
MOST_ROWS = 10
"""The lines of the table for steps that are running; further ones are counted."""
FEW = 20
"""Steps of a plan that is small enough for each to keep a line on a terminal, once it is done."""
MANY_FILES = 100
"""Files of a step from which on a log hears of them before the step is done."""
LONG = 10.0
"""Seconds of a step after which it does so anyway."""
_BELOW = 3
"""The lines of a terminal that no step takes: the sum, the one where the cursor stands, and one above."""
_FIRST_RATE = 1.0
"""Seconds before which a rate would be a guess."""


@dataclass(slots=True)
class _Running:
    """A step that is not over: what was heard of it last, when it began, and its work with files: when that began, and
    how many were done then."""

    event: Event
    since: float
    work: str | None = None
    work_since: float = 0.0
    done_before: int = 0

    def hear(self, event: Event, now: float) -> None:
        self.event = event
        if event.total and event.detail != self.work:
            self.work, self.work_since, self.done_before = event.detail, now, event.done

    def rate(self, now: float) -> float:
        """Files a second; 0 while that cannot be said."""
        passed = now - self.work_since
        done = self.event.done - self.done_before
        return done / passed if self.event.total and passed >= _FIRST_RATE else 0.0


class Progress:
    """Shows events as they come, from one thread. A context manager: leaving it puts the terminal back in order.

    With `live`, there is one table that is drawn over and over: a line for each step that is running, with the rate and
    the time left of its files, and below how many of the `total` are done, running, waiting and failed. What did not go
    well stands above, and so does every finished step of a plan of few. Otherwise every step is a line once it is over,
    and one that takes long, or has many files, tells of each kind of work on them ten times at most. `size` gives the
    columns and lines of the terminal at any time. What was not begun is told at the end.
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
        reflows: bool = True,
    ) -> None:
        self._stream = stream
        self._color = color
        self._total = total
        self._size = size
        self._clock = clock
        self._stopping = False
        self._ended: Counter[str] = Counter()
        self._tenths: dict[str, int] = {}
        self._running: dict[str, _Running] = {}
        moving = MovingLines(stream, self._rows, width=lambda: self._size()[0], reflows=reflows)
        self._moving = moving if live else None

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
            if event.status in OVER or (event.status == "progress" and self._is_worth_a_line(event)):
                with suppress(OSError):  # nobody reads it: no reason to stop working
                    self._stream.write(self._line(event))
                    self._stream.flush()
            return
        key, now = event.step.key, self._clock()
        if event.status in OVER:
            self._ended[event.status] += 1
            self._running.pop(key, None)
            self._moving.print(self._line(event) if event.status != "done" or self._total <= FEW else "")
        else:
            running = self._running.setdefault(key, _Running(event, now - event.seconds))
            running.hear(event, now)

    def stopping(self) -> None:
        """Somebody asked to stop: what is under way is the last."""
        self._stopping = True

    def _line(self, event: Event) -> str:
        role = _ROLES.get(event.status, "plain")
        first, *more = describe(event)
        lines = [line((str(event.step.address), "strong"), ": ", (first, role))]
        return masked(paint([*lines, *(line("    ", each) for each in more)], color=self._color))

    def _is_worth_a_line(self, event: Event) -> bool:
        if not event.total or (event.total < MANY_FILES and event.seconds < LONG):
            return False
        tenth = event.done * _TENTHS // event.total
        work = f"{event.step.key} {event.detail}"
        known = self._tenths.get(work, 0)
        self._tenths[work] = max(tenth, known)
        return tenth > known

    # ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _rows(self) -> list[str]:
        """The moving lines; asked for by any thread. None is as long as the terminal is wide: it would be broken into
        two there, of which one stayed behind."""
        width, height = self._size()
        now = self._clock()
        running = list(self._running.values())
        room = max(min(height - _BELOW, MOST_ROWS), 0)
        shown = running if len(running) <= room else running[: max(room - 1, 0)]
        rows = self._columns([self._cells(each, now) for each in shown], width - 1)
        if len(shown) < len(running) and room:
            rows.append(line((_cropped(f"  … and {len(running) - len(shown)} more running", width - 1), "faint")))
        rows.append(self._sum(len(running), width - 1))
        return [paint([each], color=self._color).rstrip("\n") for each in rows[: height - 1]]

    def _cells(self, running: _Running, now: float) -> list[str]:
        """What a line says, the most important first; the last is the time it takes so far."""
        event, rate = running.event, running.rate(now)
        left = seconds((event.total - event.done) / rate) if rate else ""
        return [
            f"{event.step.address}",
            DOING[event.step.action],
            visible(amount(event)),
            f"{rate:,.1f}/s" if rate else "",
            f"{left} left" if left else "",
            seconds(now - running.since),
        ]

    def _columns(self, table: list[list[str]], width: int) -> list[Line]:
        """The cells one below the other; where there is no room for all columns, the first ones and the time."""
        frame = _SPINNER[int(self._clock() * len(_SPINNER)) % len(_SPINNER)]
        widths = [max((cell_len(cells[column]) for cells in table), default=0) for column in range(_CELLS)]
        used = [column for column in range(_CELLS - 1) if widths[column]]
        lines = []
        for cells in table:
            said = "  ".join(set_cell_size(cells[column], widths[column]) for column in used)
            passed = f" {cells[-1].rjust(widths[-1])}"
            room = width - cell_len(passed)
            if room < _LEAST:
                lines.append(line(_cropped(f"{frame} {said}", width)))
            else:
                lines.append(line(_cropped(f"{frame} {said}", room), (passed, "faint")))
        return lines

    def _sum(self, running: int, width: int) -> Line:
        """How far all is. Where there is no room for everything, the end is left out, and never a part of a number."""
        ended = self._ended.total()
        waiting = self._total - ended - running
        parts = [f"{'stopping: ' if self._stopping else ''}{self._ended['done']:,}/{self._total:,} done"]
        parts += [f"{self._ended[each]:,} {each}" for each in _ROLES if each != "done" and self._ended[each]]
        parts += [f"{running:,} running"] if running else []
        parts += [f"{waiting:,} waiting"] if waiting > 0 else []
        while len(parts) > 1 and cell_len(", ".join(parts)) > width:
            parts.pop()
        return line((_cropped(", ".join(parts), width), "faint"))


_CELLS = 6
"""Of a line of the table."""
_LEAST = 12
"""Columns that a line needs before the time it takes has a place beside it."""


def _cropped(text: str, width: int) -> str:
    """The text in so many columns, with a mark where something is left out."""
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1).rstrip()}…" if width > 1 else "…"[: max(width, 0)]
