"""Commands that write declarations for what is elsewhere: import, migrate."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from retinue.cli.display import note_environment
from retinue.cli.options import ADDRESS, VARIABLE, Variables, parallelism_option, project_options
from retinue.cli.terminal import Terminal
from retinue.commands.migrate.rules import HOMES
from retinue.errors import RetinueError, UsageError
from retinue.model.printable import json_text

if TYPE_CHECKING:
    from retinue.commands.import_ import Prepared
    from retinue.model.values import Address
    from retinue.session import Where


@click.command("import")
@click.argument("address", type=ADDRESS, required=False)
@click.argument("live_id", metavar="[ID]", required=False)
@project_options
@parallelism_option
@click.option("--scan", is_flag=True, help="List what this stack does not own, and write nothing.")
@click.option("--all", "everything", is_flag=True, help="Import everything that nobody owns.")
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Write into this directory (default: where the project looks for declarations).",
)
@click.option("--from-stack", metavar="STACK", help="Take the object with this ID over from another stack.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def import_(
    address: Address | None,
    live_id: str | None,
    place: Where,
    parallelism: int,
    scan: bool,
    everything: bool,
    out: str | None,
    from_stack: str | None,
    as_json: bool,
) -> int:
    """Write declarations for live objects that nobody owns.

    With ADDRESS and ID, for one; with --all, for everything. Long texts get files of their own, and an entry of
    'adopt:' says which object each declaration is about. Nothing is overwritten, and nothing in the account changes:
    the next plan shows what is adopted, and applying it writes only ownership tags.

    \b
    Example:
      retinue import --scan
      retinue import assistant.critic asst_4xJ2vWq
      retinue import --all
    """
    from retinue import engine
    from retinue.commands import import_ as importing
    from retinue.report.account.account_text import render_found

    _check(address, live_id, scan=scan, everything=everything, from_stack=from_stack)
    terminal = Terminal.detect()
    with engine.open_session(place, parallelism=parallelism) as session:
        note_environment(session.project, terminal)
        found = importing.scan(session)
        if scan:
            rows = importing.found_document(found, session)
            as_text = json_text(rows) if as_json else None
            terminal.print(as_text or render_found(rows, width=terminal.width, color=terminal.color))
            return 0
        if address is not None and live_id is not None:
            chosen = importing.choose(session, found, address, live_id)
        else:
            chosen = importing.choose_all(session, found)
        if not chosen:
            terminal.print("[]" if as_json else "Everything in the account has an owner.")
            return 0
        prepared = importing.prepare(session, chosen, out=out, from_stack=from_stack)
        written = importing.write(prepared)
        found_again = bool(written) and importing.included(session, prepared)
    tell_import(terminal, prepared, written, as_json=as_json, found_again=found_again)
    if prepared.skipped and address is not None:
        raise RetinueError(f"{address} cannot be declared: {prepared.skipped[address][1]}")
    return 0


def tell_import(
    terminal: Terminal,
    prepared: Prepared,
    written: Sequence[Path],
    *,
    found_again: bool,
    as_json: bool = False,
    onward: str = "'retinue plan' shows what is adopted; nothing else changes",
) -> None:
    """What was imported and where to, and what is next. `found_again`: the project looks there for declarations."""
    from retinue.commands import import_ as importing
    from retinue.report.account.account_text import render_import

    rows = importing.prepared_document(prepared)
    as_text = json_text(rows) if as_json else None
    terminal.print(as_text or render_import(rows, color=terminal.color))
    for path in written:
        terminal.say(f"wrote {os.path.relpath(path)}")
    if written:
        first = os.path.relpath(written[0])
        terminal.say("" if found_again else f"\nhave 'include:' of retinue.yaml match {first}")
        if prepared.secrets:
            terminal.say("Next: set the secrets, which cannot be read; applying writes them anew")
        then = "Then" if prepared.secrets else "Next:"
        terminal.say(f"{then} {onward}")


def _check(
    address: Address | None, live_id: str | None, *, scan: bool, everything: bool, from_stack: str | None
) -> None:
    hint = "give ADDRESS and ID, --all, or --scan to see what there is"
    if address is not None and live_id is None:
        raise UsageError(f"which object is to become {address} is not said", hint=hint)
    if (address is not None) + scan + everything > 1:
        raise UsageError("ADDRESS and ID, --all and --scan do not go together", hint="choose one of them")
    if address is None and not scan and not everything:
        raise UsageError("there is nothing to import", hint=hint)
    if from_stack is not None and address is None:
        raise UsageError("--from-stack is for one object", hint="give its ADDRESS and ID")


@click.command()
@click.argument("sources", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True), metavar="[FILE]...")
@project_options
@click.option("--to", "home", type=click.Choice(HOMES), required=True, help="What to declare them for.")
@click.option("--live", is_flag=True, help="Read the assistants of the project's account.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write into this directory (default: 'migrated' in the project).",
)
@click.option("--model", metavar="NAME", help="The model of prompts that name none.")
@click.option(
    "--store",
    "stores",
    type=VARIABLE,
    multiple=True,
    metavar="ID=NAME",
    help="The declared vector store that an id stands for; may be repeated.",
)
@click.option("--strict", is_flag=True, help="Write nothing and end with 4 if anything is not carried over.")
@click.option("--dry-run", is_flag=True, help="Write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def migrate(
    sources: tuple[str, ...],
    place: Where,
    home: Literal["agents", "responses", "assistants-v2"],
    live: bool,
    out: Path | None,
    model: str | None,
    stores: Variables,
    strict: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Turn existing assistants into declarations.

    They come from FILEs: dumps of the API in JSON or YAML, or prompts in these, in Markdown or plain text. Without
    FILE, those that this project declares are taken, or with --live those of its account. The report says what carries
    over, what changes meaning, and what cannot be expressed. Nothing is overwritten.

    \b
    Example:
      retinue migrate dump.json --to responses
      retinue migrate --to agents --dry-run
      retinue migrate --live --to assistants-v2 --out assistants/adopted
    """
    from retinue.commands.migrate import migration
    from retinue.report.account.migration_text import render_migration

    terminal = Terminal.detect()
    if sources and live:
        raise UsageError("--live reads the account, and FILE a file", hint="choose one of the two")
    if sources:
        found = migration.read_files({each: _content(each) for each in sources})
    else:
        found = migration.read_live(place) if live else migration.read_declared(place, home)
    prepared = migration.prepare(place, found, home, out=out, stores=dict(stores), model=model)
    for warning in prepared.warnings:
        terminal.say(f"warning: {warning}")

    def report(*, written: bool) -> None:
        document = migration.to_document(prepared, written=written)
        if as_json:
            terminal.print(json_text(document))
        else:
            terminal.print(render_migration(document, width=terminal.width, color=terminal.color))

    try:
        migration.guard(prepared, strict=strict)
    except Exception:
        report(written=False)
        raise
    written = () if dry_run else migration.write(prepared)
    report(written=not dry_run)
    for path in written:
        terminal.say(f"wrote {_shown(path)}")
    if not dry_run:
        first = prepared.out / next(iter(prepared.files))
        terminal.say(f"\nNext: read the report, and have 'include:' of retinue.yaml match {_shown(first)}")
    return 0


def _content(path: str) -> bytes:
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()


def _shown(path: Path) -> str:
    return os.path.relpath(path)
