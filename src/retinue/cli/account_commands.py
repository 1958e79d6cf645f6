"""Commands that look at the account, or serve the local one: show, output, models, gc, serve, doctor."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinue.cli.display import note_environment
from retinue.cli.options import (
    SELECTOR,
    VARIABLE,
    Variables,
    account_option,
    parallelism_option,
    project_options,
    served_environment,
)
from retinue.cli.terminal import Terminal
from retinue.errors import CHANGES, PartialError, RetinueError, UsageError, reason_of
from retinue.model.printable import json_text

if TYPE_CHECKING:
    from retinue.model.selector import Selector
    from retinue.session import Where


@click.command()
@click.argument("selector", type=SELECTOR, metavar="[SELECTOR]", required=False)
@project_options
@parallelism_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(selector: Selector | None, place: Where, parallelism: int, as_json: bool) -> int:
    """Show this stack's live objects, or one in full.

    SELECTOR is the address or the name of one, or means several: a pattern, label:NAME=VALUE or file:GLOB.

    \b
    Example:
      retinue show
      retinue show assistant.math-tutor
      retinue show label:team=support
    """
    from retinue import engine
    from retinue.commands import show as looking
    from retinue.report.account.account_text import render_object, render_objects

    terminal = Terminal.detect()
    with engine.open_session(place, parallelism=parallelism) as session:
        found = looking.inventory(session)
        selector = looking.whole(session, selector)
        if selector is not None and not selector.exact:
            found = looking.selected(session, found, selector)
        declared = {each.address: each for each in session.reading.declared}
        note_environment(session.project, terminal)
    if selector is None or not selector.exact:
        document = looking.to_document(found, declared)
        if as_json:
            terminal.print(json_text(document))
        else:
            terminal.print(render_objects(document, width=terminal.width, color=terminal.color))
        return 0
    for live in looking.owned(session, found, selector.address):
        shown = looking.full(session, live)
        as_text = json_text(shown) if as_json else None
        terminal.print(as_text or render_object(shown, color=terminal.color))
    return 0


@click.command()
@click.argument("selector", type=SELECTOR, metavar="[SELECTOR]", required=False)
@project_options
@parallelism_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option("--format", "form", type=click.Choice(["table", "json", "env"]), default="table", help="The form.")
def output(selector: Selector | None, place: Where, parallelism: int, as_json: bool, form: str) -> int:
    """Print the live ids by address, for applications.

    With the address or the name of one, its bare id; with a pattern, label:NAME=VALUE or file:GLOB, those it means. An
    assistant with `api: responses` has no id: its place in the lock file stands for it, and with --json the arguments
    of `responses.create` are printed.

    \b
    Example:
      export ASSISTANT_ID="$(retinue output assistant.math-tutor)"
      retinue output --format env > .env.assistants
      retinue output 'assistant.billing-*' --json
      retinue output assistant.math-tutor --json
    """
    from retinue import engine
    from retinue.commands import show as looking

    terminal = Terminal.detect()
    with engine.open_session(place, parallelism=parallelism) as session:
        found = looking.inventory(session)
        selector = looking.whole(session, selector)
        if selector is not None and not selector.exact:
            found = looking.selected(session, found, selector)
        note_environment(session.project, terminal)
    if selector is not None and selector.exact:
        live = looking.owned(session, found, selector.address)[0]
        as_text = json_text(looking.handed_out(session, live))
        terminal.print(as_text if as_json or form == "json" else live.id)
        return 0
    ids = {str(each): live[0].id for each, live in found.owned.items()}
    terminal.print(_outputs(ids, "json" if as_json else form, terminal))
    return 0


def _outputs(ids: Mapping[str, str], form: str, terminal: Terminal) -> str:
    from retinue.planning.documents.account_types import VERSION
    from retinue.report.account.account_text import render_env, render_outputs

    if form == "json":
        return json_text({"format_version": VERSION, **ids})
    if form == "env":
        try:
            return render_env(ids)
        except ValueError as error:
            raise RetinueError(str(error), hint="use --json, or rename one of the two") from error
    return render_outputs(ids, width=terminal.width, color=terminal.color)


@click.command()
@project_options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def models(place: Where, as_json: bool) -> int:
    """List the account's models, when they shut down, and who uses them.

    Models that are used and not offered come first, then the others in use, then what else there is to choose.

    \b
    Example:
      retinue models
      retinue models --json | jq '.models[] | select(.used_by != [])'
    """
    from retinue import engine
    from retinue.planning.documents.account_types import VERSION, ModelsDocument
    from retinue.planning.model_catalog import standing_document
    from retinue.report.account.account_text import render_models
    from retinue.session import models as standing

    terminal = Terminal.detect()
    with engine.open_session(place) as session:
        rows = [standing_document(each, session.day) for each in standing(session)]
        listed = bool(session.models_listed)
        note_environment(session.project, terminal)
    if not listed:
        terminal.say("the account does not say which models it has")
    if as_json:
        document: ModelsDocument = {"format_version": VERSION, "listed": listed, "models": rows}
        terminal.print(json_text(document))
    else:
        terminal.print(render_models(rows, width=terminal.width, color=terminal.color))
    return 0


@click.command()
@project_options
@parallelism_option
@click.option("--delete", is_flag=True, help="Delete those that this machine noted as uploads of this stack.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are files that could be deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def gc(place: Where, parallelism: int, delete: bool, detailed_exitcode: bool, as_json: bool) -> int:
    """List the files that this stack uploaded and that nothing uses.

    Such files are what is left of an apply that was killed, or were detached by somebody. Each is shown with what says
    whose it is: `ours` is noted on this machine, `likely` and `alike` only look like it and are never deleted.

    \b
    Example:
      retinue gc
      retinue gc --delete
      retinue gc -e production --json | jq '.files[].id'
    """
    from retinue import engine
    from retinue.commands import gc as collecting
    from retinue.report.account.orphan_text import render_orphans

    terminal = Terminal.detect()
    with engine.open_session(place, parallelism=parallelism) as session:
        note_environment(session.project, terminal)
        found = collecting.collect(session, delete=delete)
    document = collecting.to_document(found)
    if as_json:
        terminal.print(json_text(document))
    else:
        terminal.print(render_orphans(document, delete=delete, color=terminal.color))
    if found.failures:
        left, of = len(found.failures), len(found.failures) + len(found.deleted)
        raise PartialError(f"{left} of {of} files could not be deleted", hint="run the same command again")
    waiting = any(each.certainty == "ours" and each.id not in found.deleted for each in found.orphans)
    return CHANGES if detailed_exitcode and waiting else 0


LOCAL_KEY = "RETINUE_LOCAL_API_KEY"


@click.command()
@account_option("serve")
@served_environment
@click.option("--host", default="127.0.0.1", help="The address to listen on; another than loopback needs a key.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, help="The port; 0 picks a free one.")
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="HOST",
    help="Also answer requests for this name or address, such as that of a proxy; may be repeated.",
)
@click.option(
    "--api-key",
    metavar="KEY",
    help=f"Ask clients for this key. Others on this machine can see it in the list of processes: prefer the variable "
    f"{LOCAL_KEY} or --api-key-file.",
    show_default=False,
)
@click.option(
    "--api-key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Ask clients for the key in this file.",
    show_default=False,
)
@click.option(
    "--quirk",
    "quirks",
    type=VARIABLE,
    multiple=True,
    metavar="NAME=VALUE",
    help="Switch an awkward behaviour of the real service on, such as list-lag=3; may be repeated.",
)
@click.option(
    "--model-url",
    metavar="URL",
    help="Let this endpoint answer, such as http://127.0.0.1:11434/v1, instead of what retinue.yaml says.",
    show_default=False,
)
@click.option(
    "--model-name",
    "model_names",
    multiple=True,
    metavar="[NAME=]NAME",
    help="What a model is called there, such as gpt-4o=llama3.2; llama3.2 alone is for all. May be repeated.",
)
@click.option("--model-key-env", metavar="VARIABLE", help="The variable with the endpoint's key.", show_default=False)
@click.option("--model-api", type=click.Choice(["chat", "responses"]), help="Which API it is asked by.")
def serve(
    directory: Path,
    environment: str | None,
    host: str,
    port: int,
    allowed_hosts: tuple[str, ...],
    api_key: str | None,
    api_key_file: Path | None,
    quirks: Variables,
    model_url: str | None,
    model_names: tuple[str, ...],
    model_key_env: str | None,
    model_api: str | None,
    opened: Callable[[str], None] | None = None,
) -> int:
    """Serve the local account for any OpenAI client.

    \b
    Example:
      retinue serve --port 8765
      retinue serve --model-url http://127.0.0.1:11434/v1 --model-name gpt-4o=llama3.2
      OPENAI_BASE_URL=http://127.0.0.1:8765/v1 OPENAI_API_KEY=local python app.py
    """
    # The local account is a program of its own; only the place that opens it and this command know of it.
    from retinue import engine
    from retinue.commands.declared_places import declared_places
    from retinue.emulator.model_settings import read_models
    from retinue.emulator.server.loopback import serve as run
    from retinue.emulator.server.quirks import Quirks
    from retinue.emulator.server.storage import LayoutError, StorageError
    from retinue.providers.openai.connect import local_setting
    from retinue.session import served_project

    terminal = Terminal.detect()
    key = _local_key(api_key, api_key_file)
    # Declarations may hold mistakes: where the account is stands in the project file.
    project = served_project(engine.Where(directory, environment))
    note_environment(project, terminal)
    root = project.root if project else directory
    account = project.account if project else "local"
    stored, configured = local_setting(account, root)
    model = _model_setting(model_url, model_names, model_key_env, model_api)

    def ready(base_url: str) -> None:
        (opened or terminal.print)(base_url)
        terminal.say(f"serving the local account of {root.resolve()} (Ctrl-C stops)")
        if opened is None:
            terminal.say(f"  in a browser: {base_url.removesuffix('v1')}")
        terminal.say(f"  export OPENAI_BASE_URL={base_url} OPENAI_API_KEY={'…' if key else 'local'}")
        for line in answering.told():
            terminal.say(line)

    try:
        chosen = Quirks.parse({**configured, **dict(quirks)})
        answering = read_models({**(account if isinstance(account, Mapping) else {}), **model}, os.environ, root=root)
        answering.check_keys()
        run(
            stored,
            host=host,
            port=port,
            api_key=key,
            quirks=chosen,
            allowed_hosts=allowed_hosts,
            language_model=answering.language_model,
            embedder=answering.embedder,
            declared=partial(declared_places, engine.Where(directory, environment)) if project else None,
            on_ready=ready,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    except LayoutError as error:
        raise RetinueError(str(error)) from error
    except StorageError as error:
        raise RetinueError(str(error), hint=error.hint) from error
    except OSError as error:
        raise RetinueError(
            f"cannot listen on {host}:{port}: {reason_of(error)}", hint="choose another --port"
        ) from error
    return 0


def _model_setting(
    url: str | None, names: tuple[str, ...], key_env: str | None, api: str | None
) -> dict[str, dict[str, object]]:
    """The options as a project file would say it; nothing when there is no URL. Raises UsageError."""
    told = {"--model-name": names, "--model-key-env": key_env, "--model-api": api}
    if url is None:
        for option, value in told.items():
            if value:
                raise UsageError(f"{option} goes with --model-url")
        return {}
    pairs = [each.partition("=") for each in names]
    if any(not (name and (to or not equals)) for name, equals, to in pairs):
        raise UsageError("--model-name is of the form NAME or NAME=NAME")
    called = {name if equals else "*": to if equals else name for name, equals, to in pairs}
    setting = {"base_url": url, "names": called, "api_key_env": key_env, "api": api}
    return {"model": {name: value for name, value in setting.items() if value}}


def _local_key(given: str | None, file: Path | None) -> str | None:
    """The key that clients must have: of the command line, of a file, or else of the environment.

    Raises UsageError for two of the former and for what is no key, without showing it.
    """
    if given is not None and file is not None:
        raise UsageError("--api-key and --api-key-file are given, and there is only one key")
    where, key = "--api-key", given
    if file is not None:
        try:
            where, key = f"'{file}'", file.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise UsageError(f"the key file '{file}' cannot be read: {reason}") from error
    elif given is None:
        # One that is set and empty was meant to hold a key, which whoever sets it relies on.
        where, key = f"the variable {LOCAL_KEY}", os.environ.get(LOCAL_KEY)
        key = key.strip() if key is not None else None
    if key is not None and (not key or not key.isascii() or not key.isprintable() or " " in key):
        raise UsageError(f"{where} does not hold a key: one line of letters, digits and signs")
    return key


NOT_USABLE = 1
VARIABLES = ("CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS")


@click.command()
@project_options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def doctor(place: Where, as_json: bool) -> int:
    """Find out what Retinue needs and does not have.

    Looks at the project, the key, the account and its collections, the cache and the versions; changes nothing. What it
    prints holds no key and no secret. Ends with 1 when something keeps Retinue from working.

    \b
    Example:
      retinue doctor
      retinue doctor -e production --json
    """
    from retinue.commands import doctor as checkup
    from retinue.report.account.doctor_text import render_checkup

    terminal = Terminal.detect()
    about_terminal = {
        "color": terminal.color,
        "width": terminal.width,
        "interactive": terminal.interactive,
        "variables": [name for name in VARIABLES if os.environ.get(name)],
    }
    found = checkup.examine(place)
    if as_json:
        terminal.print(json_text({**found, "terminal": about_terminal}))
    else:
        terminal.print(render_checkup(found, about_terminal, color=terminal.color))
    return 0 if found["usable"] else NOT_USABLE
