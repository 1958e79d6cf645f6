"""Shows what is under way: a live line for each running step on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from retinue.model.steps import Event
from retinue.report.events.event_text import DOING, FINAL, amount, describe, seconds
from retinue.report.text.ink import Role, line, paint, visible

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
                self._stream.write(self._line(event))
                self._stream.flush()
            return
        key = event.step.key
        if event.status in FINAL:
            self._running.pop(key, None)
            self._console.print(Text.from_ansi(self._line(event).rstrip("\n")), soft_wrap=True)
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
