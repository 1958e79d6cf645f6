"""One conversation at the command line: prints what comes, has functions carried out, keeps the turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from retinue.cli.terminal import Terminal
from retinue.commands.function_calls import FunctionCalls, reads_as_output
from retinue.model.talk import AnswerEnded, FileUnread, FunctionCall, TalkEvent, TextEnded, TextGrew, ToolEnded
from retinue.report.talk.answer_text import AnswerText, Footnotes
from retinue.report.talk.tool_text import render_done
from retinue.report.talk.transcript import Turn

if TYPE_CHECKING:
    from retinue.commands.ask import Talk


@dataclass(slots=True)
class Talking:
    """Answers to stdout, and to stderr what tools do. With `silent`, an answer is only kept.

    `given` are outputs of functions by name; with `allow_handlers`, Python of the project carries functions out without
    a question; a person is asked only where there is a terminal, and `person` says so.
    """

    talk: Talk
    terminal: Terminal
    given: Mapping[str, str] = field(default_factory=dict)
    allow_handlers: bool = False
    person: bool = True
    silent: bool = False
    turns: list[Turn] = field(default_factory=list)
    _asked_for: str = ""
    _text: AnswerText = field(init=False)
    _footnotes: Footnotes = field(init=False)
    _functions: FunctionCalls = field(init=False)

    def __post_init__(self) -> None:
        self._text = AnswerText(self.terminal.width if self.terminal.shared else None)
        self._footnotes = Footnotes(self.talk.file_name)
        self._functions = FunctionCalls(
            self.talk.root, self.given, self.talk.handlers, self._may_run, self._ask_person, self._called
        )

    def ask(self, question: str, files: tuple[str, ...] = ()) -> AnswerEnded:
        """One turn. However it ends, what has come of it stands in `turns`."""
        from retinue.commands.ask import exchange

        turn = Turn(question)
        self.turns.append(turn)
        self._footnotes = Footnotes(self.talk.file_name)
        try:
            turn.ended = exchange(self.talk, question, files, carry_out=self._functions.carry_out, told=self._told)
        finally:
            self._end_line()
            turn.footnotes = [(each, self._footnotes.title(each)) for each in self._footnotes.marks]
        if turn.footnotes and not self.silent:
            self.terminal.write(self._footnotes.text(color=self.terminal.color), before="\n")
        if turn.ended.status == "completed" and not turn.text.strip() and not turn.footnotes:
            self.terminal.say("note: the answer is empty")
        return turn.ended

    def _told(self, event: TalkEvent) -> None:
        turn = self.turns[-1]
        match event:
            case TextGrew(text, marks):
                text = self._footnotes.placed(text, marks)
                turn.text += text
                if not self.silent:
                    self.terminal.write(self._text.add(text))
            case TextEnded():
                self._end_line()
                turn.text = f"{turn.text.rstrip()}\n" if turn.text else ""
            case ToolEnded():
                self._end_line()
                turn.done.append(event)
                self.terminal.say(render_done(event, color=self.terminal.error_color))
            case FileUnread(tool, file_id, reason):
                self._end_line()
                because = f": {reason.rstrip('.')}" if reason else ""
                self.terminal.say(f"note: {tool} could not read {self.talk.file_name(file_id)}{because}")

    def _end_line(self) -> None:
        rest = self._text.end()
        if not self.silent:
            self.terminal.write(rest)

    # ── functions ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _called(self, call: FunctionCall, output: str) -> None:
        self.turns[-1].done.append((call, output))
        if call.id == self._asked_for:  # who wrote it has both before their eyes
            return
        self.terminal.say(render_done((call, output), color=self.terminal.error_color))

    def _can_ask(self) -> bool:
        return self.person and self.terminal.interactive

    def _may_run(self, handlers: Mapping[str, str]) -> bool:
        if self.allow_handlers or not self._can_ask():
            return self.allow_handlers
        named = ", ".join(sorted(set(handlers.values())))
        self.terminal.say(f"{self.talk.address} has its functions carried out by Python of this project: {named}")
        with _interrupts():
            return click.confirm("Run it?", default=False, err=True)

    def _ask_person(self, call: FunctionCall) -> str | None:
        if not self._can_ask():
            return None
        self._asked_for = call.id
        self.terminal.say(render_done((call, None), color=self.terminal.error_color))
        while True:
            with _interrupts():
                told: str = click.prompt("  its output, as JSON or text", default="", show_default=False, err=True)
            if reads_as_output(told):
                return told
            self.terminal.say("  that begins like JSON and is none: try again")


@contextmanager
def _interrupts() -> Iterator[None]:
    """Ctrl-C, or the end of what is typed, in the middle of an answer stops the answer."""
    try:
        yield
    except click.Abort:
        raise KeyboardInterrupt from None
