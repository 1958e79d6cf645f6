"""The command that opens the console of the local account."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import click

from retinue.cli.account_commands import serve
from retinue.cli.options import account_option, served_environment
from retinue.cli.terminal import Terminal
from retinue.errors import RetinueError


@click.command()
@account_option("show")
@served_environment
@click.option("--port", type=click.IntRange(0, 65535), default=8765, help="The port; 0 picks a free one.")
@click.option("--no-browser", is_flag=True, help="Print the address, and open nothing.")
@click.pass_context
def console(
    ctx: click.Context,
    directory: Path,
    environment: str | None,
    port: int,
    no_browser: bool,
    page: str = "",
) -> int:
    """Look at the local account in a browser.

    Prints the address of the page, and opens it for a person at a terminal. The page shows what the account holds,
    searches in stores and talks to assistants. When `retinue serve` runs already on the port, it is used; otherwise
    this command serves until Ctrl-C.

    \b
    Example:
      retinue console
      retinue console --port 0 --no-browser
    """
    from retinue import engine
    from retinue.emulator.server.served_account import who_answers
    from retinue.emulator.server.storage import LayoutError, StorageError
    from retinue.providers.openai.connect import local_setting
    from retinue.session import served_project

    terminal = Terminal.detect()

    def show(base_url: str) -> None:
        show_page(base_url.removesuffix("v1") + page, terminal, no_browser=no_browser)

    project = served_project(engine.Where(directory, environment))
    stored, _ = local_setting(project.account if project else "local", project.root if project else directory)
    try:
        answering = who_answers(port, stored) if port else "nobody"
    except LayoutError as error:
        raise RetinueError(str(error)) from error
    except StorageError as error:
        raise RetinueError(str(error), hint=error.hint) from error
    if answering == "another":
        raise RetinueError(
            f"something else than this account's console answers on 127.0.0.1:{port}",
            hint="choose another --port; 0 picks a free one",
        )
    if answering == "this":
        show(f"http://127.0.0.1:{port}/v1")
        return 0
    return int(ctx.invoke(serve, directory=directory, environment=environment, port=port, opened=show))


def show_page(address: str, terminal: Terminal, *, no_browser: bool) -> None:
    """Print the address of a page, and open it for a person at a terminal where there is a browser."""
    import webbrowser

    terminal.print(address)
    if terminal.interactive and not no_browser and _has_browser():
        # Some browsers are waited for until they are closed.
        threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()


def _has_browser() -> bool:
    """Whether a browser has somewhere to show itself: one for text would take the terminal away."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
