"""A conversation at a terminal: what is typed, the commands in it, and Ctrl-C."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from retinue.cli.talking import Talking
from retinue.errors import Interrupted, RetinueError, cannot_write
from retinue.report.talk.tool_text import render_done, render_usage
from retinue.report.talk.transcript import to_markdown

HELP = """\
/help             show this
/steps            what the last answer did, in full, and what it took
/files            files of this conversation: attached, cited, written
/file PATH        attach a file to the next question
/new              begin a new conversation
/save FILE.md     write the conversation down
/quit             leave, as Ctrl-D does

A line that ends with \\ goes on in the next one; \"\"\" alone on a line begins and ends a text of several lines.
Ctrl-C stops an answer; pressed twice, it leaves."""
PROMPT, MORE = "> ", ". "
LONGEST_HISTORY = 500
_COME = {"citation": "cited", "file": "written"}
AGAIN = "(Ctrl-C again, Ctrl-D or /quit leaves)"


@dataclass(slots=True)
class ChatLoop:
    """Reads from stdin until its end. `history` is where earlier questions are kept for the arrow keys."""

    talking: Talking
    history: Path
    keep: bool = False
    _attached: list[tuple[str, str]] = field(default_factory=list)
    _next: list[str] = field(default_factory=list)

    @property
    def _on_terminal(self) -> bool:
        return self.talking.terminal.interactive and self.talking.terminal.shared

    def run(self) -> int:
        """The exit code: that of Ctrl-C when it was left by it twice."""
        terminal, interrupted = self.talking.terminal, False
        if self._on_terminal:
            terminal.say(f"{self.talking.talk.address}: /help lists commands, Ctrl-D leaves")
        with _line_editing(self.history, wanted=self._on_terminal):
            while True:
                try:
                    text = self._read()
                    if text is None or not self._one(text):
                        if self._on_terminal and text is None:
                            terminal.say(" ")
                        return 0
                    interrupted = False
                except KeyboardInterrupt:
                    self.talking.talk.cancel()
                    if interrupted or not self._on_terminal:
                        return Interrupted.exit_code
                    interrupted = True
                    terminal.say(f"\n{AGAIN}")
                except RetinueError as error:
                    self.talking.talk.cancel()
                    if not self._on_terminal:
                        raise
                    self._complain(error)

    def _one(self, text: str) -> bool:
        """One thing that was typed; False when it was the last."""
        if not text.strip():
            return True
        if text.startswith("/") and "\n" not in text:
            return self._command(text)
        files, self._next = tuple(self._next), []
        from retinue.commands.ask import failure

        ended = self.talking.ask(text, files)
        problem = failure(ended)
        if problem is not None:
            raise problem
        return True

    def _complain(self, error: RetinueError) -> None:
        from retinue.cli.display import error_text

        terminal = self.talking.terminal
        terminal.say(error_text(error, width=terminal.error_width, color=terminal.error_color))

    # ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _command(self, text: str) -> bool:
        name, _, rest = text.strip().partition(" ")
        commands: dict[str, Callable[[str], object]] = {
            "/help": lambda _: self.talking.terminal.say(HELP),
            "/steps": self._steps,
            "/files": self._files,
            "/file": lambda path: self.attach(Path(_unquoted(path)).expanduser()),
            "/new": self._new,
            "/save": self._save,
        }
        if name in ("/quit", "/exit"):
            return False
        if name in commands:
            commands[name](rest.strip())
        else:
            self.talking.terminal.say(f"there is no {name}: /help lists what there is")
        return True

    def attach(self, path: Path) -> None:
        """Raises RetinueError for a file that cannot be read."""
        file_id = self.talking.talk.conversation.attach(path)
        self._next.append(file_id)
        self._attached.append((file_id, path.name))
        self.talking.terminal.say(f"attached to the next question: {path.name} ({file_id})")

    def _steps(self, _: str) -> None:
        terminal = self.talking.terminal
        if not self.talking.turns:
            terminal.say("nothing was asked yet")
            return
        turn = self.talking.turns[-1]
        for each in turn.done:
            terminal.say(render_done(each, color=terminal.error_color, whole=True))
        if not turn.done:
            terminal.say("the last answer used no tool")
        if turn.ended:
            terminal.say(render_usage(turn.ended.usage.items(), color=terminal.error_color))

    def _files(self, _: str) -> None:
        said = [f"attached  {name} ({file_id})" for file_id, name in self._attached]
        for turn in self.talking.turns:
            said += [f"{_COME[mark.kind]:8}  {title}" for mark, title in turn.footnotes]
        self.talking.terminal.say("\n".join(dict.fromkeys(said)) or "there are none")

    def _new(self, _: str) -> None:
        self.talking.talk.begin_anew(keep=self.keep)
        self.talking.turns.clear()
        self._attached.clear()
        self._next.clear()
        self.talking.terminal.say("a new conversation")

    def _save(self, name: str) -> None:
        """Raises RetinueError when it cannot be written; what is there is left alone."""
        if not name:
            self.talking.terminal.say("/save takes the name of a file, such as /save transcript.md")
            return
        path = Path(_unquoted(name)).expanduser()
        try:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(to_markdown(self.talking.turns, address=str(self.talking.talk.address)))
        except FileExistsError as error:
            raise RetinueError(f"'{path}' is there already", hint="choose another name") from error
        except OSError as error:
            raise cannot_write(path, error, hint="choose another file") from error
        self.talking.terminal.say(f"wrote {path}")

    # ── typing ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self) -> str | None:
        """What is typed next, several lines together; None at the end."""
        first = self._line(PROMPT)
        if first is None:
            return None
        if first.strip() == '"""':
            return "\n".join(self._until_quotes())
        lines = [first]
        while lines[-1].endswith("\\"):
            more = self._line(MORE)
            lines[-1] = lines[-1][:-1]
            if more is None:
                break
            lines.append(more)
        return "\n".join(lines)

    def _until_quotes(self) -> Iterator[str]:
        while (each := self._line(MORE)) is not None and each.strip() != '"""':
            yield each

    def _line(self, prompt: str) -> str | None:
        try:
            if self._on_terminal:
                return input(prompt)
            line = sys.stdin.readline()
            return line.rstrip("\n") if line else None
        except EOFError:
            return None
        except UnicodeDecodeError as error:
            raise RetinueError("what was typed is not text in the encoding of the terminal") from error


def _unquoted(text: str) -> str:
    """A path as a shell takes it."""
    try:
        parts = shlex.split(text)
    except ValueError:
        return text
    return parts[0] if len(parts) == 1 else text


@contextmanager
def _line_editing(history: Path, *, wanted: bool) -> Iterator[None]:
    """While open, lines can be edited, and earlier ones come back with the arrow keys; without, where Python has no
    such library."""
    try:
        import readline
    except ImportError:
        wanted = False
    if not wanted:
        yield
        return
    with suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(LONGEST_HISTORY)
    readline.set_auto_history(True)
    try:
        yield
    finally:
        with suppress(OSError):
            history.parent.mkdir(parents=True, exist_ok=True)
            history.touch(mode=0o600)
            readline.write_history_file(history)
