"""The command that opens the page of one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from retinue.cli.console_command import console, show_page
from retinue.cli.options import ADDRESS, project_options
from retinue.cli.terminal import Terminal
from retinue.errors import RetinueError

if TYPE_CHECKING:
    from retinue.model.values import Address
    from retinue.session import Where


@click.command("open")
@click.argument("address", type=ADDRESS)
@project_options
@click.option("--port", type=click.IntRange(0, 65535), default=8765, help="The port of the local account's console.")
@click.option("--no-browser", is_flag=True, help="Print the address of the page, and open nothing.")
@click.pass_context
def open_(ctx: click.Context, address: Address, place: Where, port: int, no_browser: bool) -> int:
    """Open the page of one object in a browser.

    Of the local account it is that of the console, which is served until Ctrl-C where `retinue serve` does not run
    already; of OpenAI it is the dashboard's, as far as one is documented. The address is printed in any case. The
    beginning of an ADDRESS or of a name is enough where only one has it.

    \b
    Example:
      retinue open assistant.math-tutor
      retinue open vector_store.handbook -e production --no-browser
    """
    from retinue.commands.object_page import find_page

    page = find_page(place, address)
    terminal = Terminal.detect()
    if page.note:
        terminal.say(page.note)
    if page.console is not None:
        ctx.invoke(console, directory=place.start, port=port, no_browser=no_browser, page=page.console)
    elif page.url is not None:
        show_page(page.url, terminal, no_browser=no_browser)
    else:
        hint = f"'retinue show {address}' prints it"
        raise RetinueError(f"no page is known for {address} ({page.id})", hint=hint)
    return 0
