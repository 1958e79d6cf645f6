"""How an apply is told: in words for people, or as events for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from retinue.cli.display import show_document
from retinue.cli.terminal import Terminal
from retinue.errors import RetinueError

if TYPE_CHECKING:
    from retinue.engine import Applied
    from retinue.model.steps import Event
    from retinue.report.text.change_text import Detail


class Telling(Protocol):
    """What goes to stdout while a plan is carried out. `streams`: there is something to print for each event."""

    @property
    def streams(self) -> bool: ...

    def plan(self, document: Mapping[str, Any]) -> None:
        """The plan, before anybody is asked."""

    def other_plan(self, comparison: Mapping[str, Any], document: Mapping[str, Any]) -> None:
        """How the plan differs from the approved one; it is not carried out."""

    def event(self, event: Event) -> None:
        """Something that happened to a step."""

    def result(self, applied: Applied, failure: RetinueError | None, *, stopped: bool) -> None:
        """How it went."""


@dataclass(frozen=True, slots=True)
class InWords:
    """For people. `settled` is said when nothing is left to do."""

    terminal: Terminal
    detail: Detail
    settled: str
    streams: ClassVar[bool] = False

    def plan(self, document: Mapping[str, Any]) -> None:
        show_document(document, self.terminal, detail=self.detail)

    def other_plan(self, comparison: Mapping[str, Any], document: Mapping[str, Any]) -> None:  # noqa: ARG002 - what differs says more
        from retinue.report.plan.diff_text import render_comparison

        width, color = self.terminal.width, self.terminal.color
        self.terminal.print(render_comparison(comparison, detail=self.detail, width=width, color=color))

    def event(self, event: Event) -> None:
        """The progress on stderr shows it."""

    def result(self, applied: Applied, failure: RetinueError | None, *, stopped: bool) -> None:  # noqa: ARG002 - said by the steps
        if not applied.events:
            return
        from retinue.report.events.event_text import render_result
        from retinue.report.events.unkept_text import render_unkept

        text = render_result(applied.events, interrupted=stopped, color=self.terminal.color)
        self.terminal.print("\n")
        self.terminal.print(text)
        unkept = render_unkept(applied.events, color=self.terminal.color)
        if unkept:
            self.terminal.print(unkept)
        if applied.converged and not applied.plan.targets:
            self.terminal.print(self.settled)


@dataclass(slots=True)
class AsEvents:
    """For programs: a line of JSON for each event as it comes. The last one is written when all is over."""

    terminal: Terminal
    applied: Applied | None = None
    failure: RetinueError | None = None
    streams: ClassVar[bool] = True

    def plan(self, document: Mapping[str, Any]) -> None:
        from retinue.report.events.event_lines import plan_line

        self.terminal.print(plan_line(document))

    def other_plan(self, comparison: Mapping[str, Any], document: Mapping[str, Any]) -> None:  # noqa: ARG002 - a program can compare
        self.plan(document)

    def event(self, event: Event) -> None:
        from retinue.report.events.event_lines import event_line

        self.terminal.print(event_line(event))

    def result(self, applied: Applied, failure: RetinueError | None, *, stopped: bool) -> None:  # noqa: ARG002 - the failure says it
        self.applied, self.failure = applied, failure

    def run(self, work: Callable[[], int]) -> int:
        """Do the work and end with the result: gives its exit code or raises what it raised. A bug has no result."""
        try:
            code = work()
        except RetinueError as error:
            self.failure = error
            self._end()
            raise
        self._end()
        return code

    def _end(self) -> None:
        from retinue.report.events.event_lines import result_line

        self.terminal.print(result_line(self.applied.events if self.applied else (), self.failure))


def append_summary(applied: Applied, failure: RetinueError | None, path: Path) -> None:
    """Add how an apply went to a file, as Markdown. What was applied is applied: a file that cannot be written is said,
    and changes nothing about that."""
    from retinue.errors import cannot_write
    from retinue.report.events.event_markdown import render_result_markdown

    made, said = applied.plan, failure.message if failure else None
    text = render_result_markdown(made.stack, made.environment, applied.events, said, interrupted=applied.stopped)
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        Terminal.detect().say(cannot_write(path, error, hint="").message)
