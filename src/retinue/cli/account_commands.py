"""Commands that look at the account, and the one that serves the local one: show, output, models, serve."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinue.cli.options import ADDRESS, VariableType, parallelism_option, project_options
from retinue.cli.terminal import Terminal
from retinue.errors import RetinueError, UsageError

if TYPE_CHECKING:
    from retinue.commands.show import Inventory
    from retinue.engine import Where
    from retinue.model.live import Live
    from retinue.model.values import Address

Variables = tuple[tuple[str, str], ...]


@click.command()
@click.argument("address", type=ADDRESS, required=False)
@project_options
@parallelism_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(
    address: Address | None,
    place: Where,
    parallelism: int,
    as_json: bool,
) -> int:
    """Show this stack's live objects, or one in full.

    \b
    Example:
      retinue show
      retinue show assistant.math-tutor
    """
    from retinue import engine
    from retinue.commands import show as looking
    from retinue.report.show_text import render_object, render_objects

    terminal = Terminal.detect()
    with engine.open_session(place, parallelism=parallelism) as session:
        found = looking.inventory(session)
        declared = {each.address for each in session.reading.declared}
        hidden = session.reading.hidden
    if address is None:
        rows = [_row(each, live, declared) for each, several in found.owned.items() for live in several]
        rows += [
            {"address": "?", "id": live.id, "state": "unreadable tag", "name": live.raw.get("name")}
            for live in found.unreadable
        ]
        if as_json:
            document = {
                "objects": rows,
                "foreign": dict(found.foreign),
                "unowned": dict(found.unowned),
                "marker": _told(found),
                "applying": found.holder.owner if found.holder else None,
            }
            terminal.print(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            terminal.print(
                render_objects(
                    rows,
                    foreign=found.foreign,
                    unowned=found.unowned,
                    marker=_told(found),
                    applying=found.holder.owner if found.holder else None,
                    width=terminal.width,
                    color=terminal.color,
                )
            )
        return 0
    for live in _owned(found, address):
        document = looking.full(live, hidden)
        as_text = json.dumps(document, indent=2, ensure_ascii=False) if as_json else None
        terminal.print(as_text or render_object(document, color=terminal.color))
    return 0


def _told(found: Inventory) -> dict[str, Any] | None:
    """What the marker tells of the objects, as JSON data."""
    marker = found.marker
    return {"id": marker.id, "objects": marker.owned, "as_left": found.as_left} if marker else None


def _row(address: Address, live: Live, declared: set[Address]) -> dict[str, str | None]:
    state = str(live.raw.get("status") or "live") if address in declared else "no longer declared"
    name = live.raw.get("name")
    return {"address": str(address), "id": live.id, "name": str(name) if name else None, "state": state}


def _owned(found: Inventory, address: Address) -> tuple[Live, ...]:
    live = found.owned.get(address)
    if live is None:
        raise RetinueError(f"the account has no {address} of this stack", hint="'retinue show' lists what it has")
    return live


@click.command()
@click.argument("address", type=ADDRESS, required=False)
@project_options
@parallelism_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option("--format", "form", type=click.Choice(["table", "json", "env"]), default="table", help="The form.")
def output(
    address: Address | None,
    place: Where,
    parallelism: int,
    as_json: bool,
    form: str,
) -> int:
    """Print the live ids by address, for applications.

    With ADDRESS, the bare id of that one. An assistant with `api: responses` has no id: its place in the lock file
    stands for it, and with --json the arguments of `responses.create` are printed.

    \b
    Example:
      export ASSISTANT_ID="$(retinue output assistant.math-tutor)"
      retinue output --format env > .env.assistants
      retinue output assistant.math-tutor --json
    """
    from retinue import engine
    from retinue.commands import show as looking

    terminal = Terminal.detect()
    with engine.open_session(place, parallelism=parallelism) as session:
        found = looking.inventory(session)
    if address is not None:
        live = _owned(found, address)[0]
        as_text = json.dumps(looking.handed_out(live), indent=2, ensure_ascii=False)
        terminal.print(as_text if as_json or form == "json" else live.id)
        return 0
    ids = {str(each): live[0].id for each, live in found.owned.items()}
    terminal.print(_outputs(ids, "json" if as_json else form, terminal))
    return 0


def _outputs(ids: Mapping[str, str], form: str, terminal: Terminal) -> str:
    from retinue.report.show_text import render_env, render_outputs

    if form == "json":
        return json.dumps(ids, indent=2)
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
    from retinue.planning.model_catalog import standing_document
    from retinue.report.models_text import render_models
    from retinue.session import models as standing

    terminal = Terminal.detect()
    with engine.open_session(place) as session:
        rows = [standing_document(each, session.day) for each in standing(session)]
        listed = session.models_listed
    if not listed:
        terminal.say("the account does not say which models it has")
    if as_json:
        terminal.print(json.dumps({"listed": bool(listed), "models": rows}, indent=2, ensure_ascii=False))
    else:
        terminal.print(render_models(rows, width=terminal.width, color=terminal.color))
    return 0


@click.command()
@click.option(
    "-C",
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    show_default=False,
    help="The project whose local account to serve (default: the current directory's).",
)
@click.option("--host", default="127.0.0.1", help="The address to listen on; another than loopback needs --api-key.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, help="The port; 0 picks a free one.")
@click.option("--api-key", envvar="RETINUE_LOCAL_API_KEY", help="Ask clients for this key.", show_default=False)
@click.option(
    "--quirk",
    "quirks",
    type=VariableType(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Switch an awkward behaviour of the real service on, such as list-lag=3; may be repeated.",
)
def serve(directory: Path, host: str, port: int, api_key: str | None, quirks: Variables) -> int:
    """Serve the local account for any OpenAI client.

    \b
    Example:
      retinue serve --port 8765
      OPENAI_BASE_URL=http://127.0.0.1:8765/v1 OPENAI_API_KEY=local python app.py
    """
    # The local account is a program of its own; only the place that opens it and this command know of it.
    from retinue import engine
    from retinue.local.quirks import Quirks
    from retinue.local.server import serve as run
    from retinue.providers.openai.connect import local_setting

    terminal = Terminal.detect()
    reading, _ = engine.check(engine.Where(directory))
    root = reading.project.root if reading else directory
    stored, configured = local_setting(reading.project.account if reading else "local", root)

    def ready(base_url: str) -> None:
        terminal.print(base_url)
        terminal.say(f"serving the local account of {root.resolve()} (Ctrl-C stops)")
        terminal.say(f"  export OPENAI_BASE_URL={base_url} OPENAI_API_KEY={'…' if api_key else 'local'}")

    try:
        chosen = Quirks.parse({**configured, **dict(quirks)})
        run(stored, host=host, port=port, api_key=api_key, quirks=chosen, on_ready=ready)
    except ValueError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise RetinueError(f"cannot listen on {host}:{port}: {error.strerror}", hint="choose another --port") from error
    return 0


COMMANDS = (show, output, models, serve)
