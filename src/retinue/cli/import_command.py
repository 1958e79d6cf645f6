"""The command that writes declarations for what lives in the account already."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from retinue.cli.options import ADDRESS, parallelism_option, project_options
from retinue.cli.terminal import Terminal
from retinue.errors import RetinueError, UsageError

if TYPE_CHECKING:
    from retinue.commands.import_ import Prepared
    from retinue.engine import Where
    from retinue.model.values import Address


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
    from retinue.report.import_text import render_found, render_import

    _check(address, live_id, scan=scan, everything=everything, from_stack=from_stack)
    terminal = Terminal.detect()
    with engine.open_session(place, parallelism=parallelism) as session:
        found = importing.scan(session)
        if scan:
            rows = importing.to_document(found, session)
            as_text = json.dumps(rows, indent=2, ensure_ascii=False) if as_json else None
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
    rows = _document(prepared)
    as_text = json.dumps(rows, indent=2, ensure_ascii=False) if as_json else None
    terminal.print(as_text or render_import(rows, color=terminal.color))
    for path in written:
        terminal.say(f"wrote {os.path.relpath(path)}")
    if written:
        first = os.path.relpath(written[0])
        terminal.say("" if found_again else f"\nhave 'include:' of retinue.yaml match {first}")
        if prepared.secrets:
            terminal.say("Next: set the secrets, which cannot be read; applying writes them anew")
            terminal.say("Then 'retinue plan' shows what is adopted; nothing else changes")
        else:
            terminal.say("Next: 'retinue plan' shows what is adopted; nothing else changes")
    if prepared.skipped and address is not None:
        raise RetinueError(f"{address} cannot be declared: {prepared.skipped[address][1]}")
    return 0


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


def _document(prepared: Prepared) -> list[dict[str, Any]]:
    """What was imported, as JSON data."""
    imported = [
        {
            "address": str(address),
            "id": live.id,
            "imported": True,
            "not_declared": [{"field": each.key, "reason": each.why} for each in prepared.kept.get(address, ())],
            "never_shown": list(prepared.unseen.get(address, ())),
            "secrets": list(prepared.secrets.get(address, ())),
        }
        for address, live in prepared.adopted.items()
    ]
    skipped = [
        {"address": str(address), "id": live.id, "imported": False, "reason": why}
        for address, (live, why) in prepared.skipped.items()
    ]
    return [*imported, *skipped]


COMMANDS = (import_,)
