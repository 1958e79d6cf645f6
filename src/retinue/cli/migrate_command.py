"""The command that turns assistants from elsewhere into declarations."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from retinue.cli.options import VariableType, project_options
from retinue.cli.terminal import Terminal
from retinue.commands.migrate.rules import HOMES
from retinue.errors import UsageError

if TYPE_CHECKING:
    from retinue.engine import Where

Variables = tuple[tuple[str, str], ...]


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
    type=VariableType(),
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

    They come from FILEs: dumps of the API in JSON, or prompts in JSON, Markdown or plain text. Without FILE, those that
    this project declares are taken, or with --live those of its account. The report says what carries over, what
    changes meaning, and what cannot be expressed. Nothing is overwritten.

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
            terminal.print(json.dumps(document, indent=2, ensure_ascii=False))
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


COMMANDS: tuple[Any, ...] = (migrate,)
