"""The command that begins a project: it asks what is not told, and asks nobody where nobody is."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinue.cli.terminal import Terminal
from retinue.errors import CredentialError, RetinueError, UsageError

if TYPE_CHECKING:
    from retinue.commands.init import Choices, Host, Outcome

LIVE = "assistants"
"""What `--from` is told for the account's own assistants."""
HOMES = ("responses", "assistants-v2")


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option(
    "--account",
    metavar="local|openai|URL",
    help="Where the objects live: in the project's own directory, at OpenAI, or on a server that speaks its API.",
)
@click.option(
    "--api",
    type=click.Choice(HOMES),
    help="What becomes of assistants: arguments of the Responses API, or objects of the Assistants API.",
)
@click.option("--stack", metavar="NAME", help="The name of the stack (default: the directory's).")
@click.option(
    "--from",
    "source",
    metavar=LIVE,
    help="Declare what the account has and nobody owns, instead of an example.",
)
@click.option("--yes", is_flag=True, help="Ask nothing: what is not told is as usual.")
@click.option("--ci", "host", type=click.Choice(["github", "gitlab"]), help="Write pipelines for this host, too.")
@click.option("--install-from", metavar="REQUIREMENT", help="What pip installs Retinue from in pipelines.")
@click.option("--force", is_flag=True, help="Replace pipelines that exist already.")
def init(
    directory: Path,
    account: str | None,
    api: str | None,
    stack: str | None,
    source: str | None,
    yes: bool,
    host: Host | None,
    install_from: str | None,
    force: bool,
) -> int:
    """Write a small, commented, working project into DIRECTORY.

    On a terminal it asks where the assistants are to live; options answer beforehand, and with --yes or without a
    terminal nothing is asked. Files that exist already are left as they are; a .gitignore gets the line it lacks. A
    directory that is a project already gets no example assistants. With --ci, it gets pipelines that plan pull
    requests, apply what was approved and look for drift.

    \b
    Example:
      retinue init my-assistants
      retinue init my-assistants --account openai --api responses
      retinue init my-assistants --account https://assistants.example.com/v1 --from assistants
      retinue init --ci github
    """
    from retinue.commands.init import Choices, write_starter
    from retinue.config.project import PROJECT_FILE

    terminal = Terminal.detect()
    if source not in (None, LIVE):  # what --install-from was called once
        source, install_from = None, source
    if host is None and (install_from or force):
        option = "--install-from" if install_from else "--force"
        raise UsageError(
            f"{option} is about pipelines", hint="add --ci github or --ci gitlab; --from takes 'assistants'"
        )
    begun = (directory / PROJECT_FILE).exists()
    told = Choices(account or "local", api, stack, example=source is None)
    if begun and (account or api or stack or source):
        message = f"'{directory / PROJECT_FILE}' is there already, and says where its objects live"
        raise UsageError(message, hint="edit it; 'retinue import --all' declares what its account has")
    if not begun:
        told = _checked(told)
        if terminal.interactive and not yes:
            told = _asked(directory, told, account=account is None, source=source is None)
        if not told.example:
            _check_key(told)
    if host is None or not begun:
        for path, outcome in write_starter(directory, told):
            terminal.say(f"{outcome:<8} {path}")
    if not told.example:
        _import(directory, told, terminal)
    if host is not None:
        return _write_pipelines(terminal, directory, host, install_from, force=force)
    if told.example:
        terminal.say(f"\nNext: {_next(directory, told)}")
    return 0


def _checked(told: Choices) -> Choices:
    """Raises UsageError for what no project file could say."""
    from retinue.commands.init import LOCAL, OPENAI, address_of
    from retinue.model.values import NAME

    if told.stack is not None and not NAME.fullmatch(told.stack):
        raise UsageError(f"the stack cannot be called '{told.stack}'", hint="use a-z, 0-9, _ and -, at most 63 of them")
    if told.account in (LOCAL, OPENAI):
        return told
    try:
        return replace(told, account=address_of(told.account))
    except ValueError as error:
        raise UsageError(
            f"'{told.account}' is no account: {error}", hint="say local, openai, or https://host/v1"
        ) from error


# ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _asked(directory: Path, told: Choices, *, account: bool, source: bool) -> Choices:
    """What is not told, by a person. Return takes what is usual."""
    from retinue.commands.init import LOCAL, stack_name, usual_api

    if told.stack is None:
        told = _ask_for(told, "stack", "What is the stack called?", stack_name(directory))
    if account:
        told = _ask_for(told, "account", "Where do its assistants live? local, openai, or a URL", LOCAL)
    if told.account == LOCAL:
        return told
    if told.api is None:
        choices = click.Choice(HOMES)
        said = "Which API do your programs use?"
        told = replace(told, api=click.prompt(said, default=usual_api(told.account), type=choices, err=True))
    if source:
        said = "Declare what the account has, instead of an example?"
        told = replace(told, example=not click.confirm(said, default=False, err=True))
    return told


def _ask_for(told: Choices, name: str, question: str, usual: str) -> Choices:
    """Ask until the answer can be used."""
    while True:
        answer = str(click.prompt(question, default=usual, err=True)).strip()
        try:
            return _checked(replace(told, stack=answer) if name == "stack" else replace(told, account=answer))
        except UsageError as error:
            Terminal.detect().say(f"{error.message}; {error.hint}")


# ── what is there ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _check_key(told: Choices) -> None:
    """Raises CredentialError before anything is written, where the account cannot be asked."""
    from retinue.providers.openai.key_source import key_source

    source = key_source(told.setting, os.environ)
    if source.present is False:
        raise CredentialError(
            f"what the account has cannot be asked: the environment variable '{source.name}' is not set",
            hint=f"export {source.name}=…, or leave --from out and run 'retinue import --all' later",
        )


def _import(directory: Path, told: Choices, terminal: Terminal) -> None:
    """Declare everything that nobody owns. The project is there already: what fails can be done again."""
    from retinue import engine
    from retinue.cli.import_commands import tell_import
    from retinue.commands import import_ as importing

    try:
        with engine.open_session(engine.Where(directory)) as session:
            chosen = importing.choose_all(session, importing.scan(session))
            prepared = importing.prepare(session, chosen) if chosen else None
            written = importing.write(prepared) if prepared else ()
            found_again = bool(written) and prepared is not None and importing.included(session, prepared)
    except RetinueError as error:
        error.hint = f"{error.hint + '; ' if error.hint else ''}the project is written: 'retinue import --all' goes on"
        raise
    if prepared is None:
        terminal.say("\nThe account has nothing without an owner: declare something in assistants/")
    else:
        onward = f"'{_next(directory, told)}' adopts what is declared, and changes nothing else"
        tell_import(terminal, prepared, written, found_again=found_again, onward=onward)


def _next(directory: Path, told: Choices) -> str:
    from retinue.providers.openai.key_source import key_source

    key = key_source(told.setting, os.environ)
    steps = [] if directory == Path() else [f"cd {shlex.quote(str(directory))}"]
    steps += [] if key.form == "none" or key.present else [f"export {key.name}=…"]
    return " && ".join([*steps, "retinue apply"])


def _write_pipelines(terminal: Terminal, directory: Path, host: Host, source: str | None, *, force: bool) -> int:
    from retinue.commands.init import advice, read_pipelines, write_pipelines

    found = read_pipelines(directory, os.environ, source=source)
    written: dict[Path, Outcome] = {}
    for path, outcome in write_pipelines(found, host, force=force):
        written[path] = outcome
        terminal.say(f"{outcome:<8} {path.relative_to(found.root)}")
    terminal.say("\nNext:" if (left := list(advice(found, host, written))) else "")
    for each in left:
        terminal.say(f"  {each}")
    return 0
