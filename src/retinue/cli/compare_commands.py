"""Commands that show declarations without an account: render, diff."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from retinue.cli.options import ADDRESS, project_options
from retinue.cli.terminal import Terminal

if TYPE_CHECKING:
    from retinue.core.model import Address
    from retinue.workflow import Where


@click.command()
@click.argument("address", type=ADDRESS, required=False)
@project_options
@click.option("--explain", is_flag=True, help="Say which file and line set each value.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def render(address: Address | None, place: Where, explain: bool, as_json: bool) -> int:
    """Print what the declarations come to: variables filled in, overlays merged, files read.

    The outcome is a file of declarations itself. Offline: no account, no key.

    \b
    Example:
      retinue render assistant.math-tutor -e production
      retinue render --explain
    """
    from retinue import comparing

    terminal = Terminal.detect()
    rendered = comparing.render(place, address)
    if as_json:
        terminal.print(json.dumps(rendered.document(explain=explain), indent=2, ensure_ascii=False))
    else:
        terminal.print(rendered.yaml(explain=explain).removesuffix("\n"))
    return 0


COMMANDS = (render,)
