"""Commands that talk to what was applied: ask, chat."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from retinue.cli.completion import completing
from retinue.cli.display import note_environment
from retinue.cli.options import Parsed, parallelism_option, project_options
from retinue.cli.terminal import Terminal
from retinue.errors import RetinueError, UsageError
from retinue.model.printable import json_text

if TYPE_CHECKING:
    from retinue.cli.talking import Talking
    from retinue.session import Session, Where

Command = Callable[..., Any]
FILE = click.Path(dir_okay=False, path_type=Path)


def _tool_output(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(f"'{text}' is not of the form NAME=JSON")
    from retinue.commands.function_calls import reads_as_output

    if not reads_as_output(value):
        raise ValueError(f"what '{name}' comes to begins like JSON and is none: {value}")
    return name, value


class _Options(TypedDict):
    """How a conversation is had, as the command line says."""

    draft: bool
    files: tuple[Path, ...]
    thread: str | None
    keep: bool
    allow_handlers: bool
    given: tuple[tuple[str, str], ...]


def talk_options(command: Command) -> Command:
    for option in reversed(
        (
            click.option("--draft", is_flag=True, help="Ask what the files say now, without applying it."),
            click.option(
                "--file", "files", type=FILE, multiple=True, metavar="FILE", help="Attach this file; may be repeated."
            ),
            click.option("--thread", metavar="ID", help="Go on with a conversation that --keep kept."),
            click.option("--keep", is_flag=True, help="Keep the conversation in the account, and print its id."),
            click.option(
                "--allow-handlers", is_flag=True, help="Run the Python that declarations name for their functions."
            ),
            click.option(
                "--tool-output",
                "given",
                type=Parsed("name=json", _tool_output),
                multiple=True,
                metavar="NAME=JSON",
                help="What this function comes to whenever it is called; may be repeated.",
            ),
        )
    ):
        command = option(command)
    return command


@contextmanager
def _talking(
    place: Where, address: str, options: _Options, parallelism: int, *, silent: bool = False
) -> Iterator[tuple[Session, Talking]]:
    """A conversation with what an address means, and the session it is had in."""
    from retinue import engine
    from retinue.cli.audience import watch_pauses
    from retinue.cli.talking import Talking
    from retinue.commands.ask import open_talk

    terminal = Terminal.detect()
    with engine.open_session(place, parallelism=parallelism) as session:
        watch_pauses(session, terminal)
        note_environment(session.project, terminal)
        draft, thread, keep = options["draft"], options["thread"], options["keep"]
        with open_talk(session, address, note=terminal.say, draft=draft, thread=thread, keep=keep) as talk:
            yield session, Talking(talk, terminal, dict(options["given"]), options["allow_handlers"], silent=silent)


@click.command()
@click.argument("address", metavar="ADDRESS", shell_complete=completing("talker"))
@click.argument("question", required=False)
@project_options
@talk_options
@parallelism_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def ask(
    address: str,
    question: str | None,
    place: Where,
    parallelism: int,
    as_json: bool,
    **options: Unpack[_Options],
) -> int:
    """Ask what was applied one question, and print the answer.

    ADDRESS may be a name that only one has, or a pattern or label:NAME=VALUE that fits only one. Without QUESTION, or
    with -, the question is read from stdin. The answer goes to stdout as it comes; what tools do goes to stderr. The
    conversation is removed in the end.

    \b
    Example:
      retinue ask math-tutor "What is 3x + 11 = 14?"
      git diff | retinue ask reviewer
      retinue ask support-desk "Where is order 7?" --tool-output 'look_up_order={"state": "sent"}'
      retinue ask support-desk "What do I owe?" --file invoice.pdf --json | jq -r .text

    \b
    Exit codes: 0 answered · 1 the answer failed · 7 it is not complete ·
    8 it expired · 9 nobody carried a function out · 130 interrupted.
    """
    from retinue.commands.ask import failure
    from retinue.report.talk.transcript import to_document

    asked = _question(question)
    terminal = Terminal.detect()
    with _talking(place, address, options, parallelism, silent=as_json) as (_, talking):
        talk = talking.talk
        attached = tuple(talk.conversation.attach(each) for each in options["files"])
        try:
            ended = talking.ask(asked, attached)
        finally:
            _say_where(talk.conversation.id, terminal, keep=options["keep"])
        kept = talk.conversation.id if options["keep"] or options["thread"] else None
        if as_json:
            terminal.print(json_text(to_document(talking.turns[-1], address=str(talk.address), talk_id=kept)))
    problem = failure(ended)
    if problem is not None:
        raise problem
    return 0


def _question(given: str | None) -> str:
    if given is not None and given != "-":
        text = given
    elif given is None and Terminal.detect().interactive:
        raise UsageError("there is no question", hint="write it behind the address, or 'retinue chat' for several")
    else:
        try:
            text = sys.stdin.read()
        except UnicodeDecodeError as error:
            raise RetinueError("the question on stdin is not text", hint="attach it with --file") from error
    if not text.strip():
        raise UsageError("the question is empty", hint="write it behind the address, or send it to stdin")
    return text.rstrip("\n")


def _say_where(talk_id: str | None, terminal: Terminal, *, keep: bool) -> None:
    if not keep:
        return
    if talk_id is None:
        terminal.say("this account keeps no conversations: there is nothing to go on with")
    else:
        terminal.say(f"kept: --thread {talk_id}")


@click.command()
@click.argument("address", metavar="ADDRESS", shell_complete=completing("talker"))
@project_options
@talk_options
@parallelism_option
def chat(
    address: str,
    place: Where,
    parallelism: int,
    **options: Unpack[_Options],
) -> int:
    """Talk with what was applied.

    ADDRESS may be a name that only one has, or a pattern or label:NAME=VALUE that fits only one. /help lists what there
    is to do; Ctrl-C stops an answer, twice it leaves, as do Ctrl-D and /quit. The conversation is removed in the end.

    \b
    Example:
      retinue chat math-tutor
      retinue chat support-desk --draft --allow-handlers
      retinue chat math-tutor --keep
    """
    from retinue.cli.chat_loop import ChatLoop
    from retinue.session import STATE

    with _talking(place, address, options, parallelism) as (session, talking):
        loop = ChatLoop(talking, session.project.root / STATE / "chat_history", keep=options["keep"])
        for each in options["files"]:
            loop.attach(each)
        try:
            return loop.run()
        finally:
            _say_where(talking.talk.conversation.id, Terminal.detect(), keep=options["keep"])
