"""The command that says why Retinue does or does not work here."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from retinue.cli.options import project_options
from retinue.cli.terminal import Terminal

if TYPE_CHECKING:
    from retinue.engine import Where

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
        terminal.print(json.dumps({**found, "terminal": about_terminal}, indent=2, ensure_ascii=False))
    else:
        terminal.print(render_checkup(found, about_terminal, color=terminal.color))
    return 0 if found["usable"] else NOT_USABLE


COMMANDS = (doctor,)
