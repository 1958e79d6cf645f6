"""The command that validates and plans whenever a file is saved."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinue.cli.display import error_text, show_document
from retinue.cli.options import detail_option, parallelism_option, project_options
from retinue.cli.terminal import Terminal
from retinue.errors import RetinueError

if TYPE_CHECKING:
    from retinue.commands.watch import Round
    from retinue.report.text.change_text import Detail
    from retinue.session import Where

_CLEAR = "\x1b[2J\x1b[3J\x1b[H"
"""Everything on the screen, what scrolled away, and to the corner (ECMA-48; the second is xterm's)."""
MOST_NAMES = 3


@click.command()
@project_options
@detail_option
@parallelism_option
@click.option("--validate-only", is_flag=True, help="Only check the declarations: no account is asked anything.")
def watch(place: Where, detail: Detail, parallelism: int, validate_only: bool) -> int:
    """Validate and plan now, and again whenever a file of the project is saved.

    Never applies anything. On a terminal, each round takes the screen; elsewhere a line with the time and the files
    that changed stands above it. Ctrl-C ends it.

    \b
    Example:
      retinue watch
      retinue watch --validate-only
      retinue watch -e staging --detail summary
    """
    from retinue.commands.watch import INTERVAL, Round, changes, written_to
    from retinue.config.project import find, shared_directories

    root = find(place.start)
    folder = root.parent if root else Path(place.start)
    shared = (folder / each for each in shared_directories(root)) if root else ()
    # Looked at before the first round, so that what is saved during it is seen.
    seen = changes(folder, (*place.var_files, *shared), lambda: time.sleep(INTERVAL), written_to((1, 2)))
    changed: tuple[str, ...] = ()
    read = replace(place, offline=validate_only)
    now = Round.of(read)
    while True:
        _tell(now, place, detail, parallelism, changed, validate_only=validate_only)
        try:
            Terminal.detect().say("\nwaiting for changes (Ctrl-C stops)")
            before = now
            while True:
                changed = next(seen)
                now = Round.of(read)
                if now.concerned(changed, before):
                    break
        except KeyboardInterrupt:  # the way to end it; in the middle of a round it is an interruption, as elsewhere
            Terminal.detect().say("\nstopped")
            return 0


def _tell(
    now: Round, place: Where, detail: Detail, parallelism: int, changed: tuple[str, ...], *, validate_only: bool
) -> None:
    """What a round came to; what goes wrong is told, and the next save is waited for."""
    from retinue.report.diagnostics.diagnostic_text import render_diagnostics

    terminal = Terminal.detect()
    _begin(terminal, changed)
    try:
        if now.error is not None:
            raise now.error
        terminal.say(render_diagnostics(now.found, width=terminal.error_width, color=terminal.error_color))
        if now.reading is not None and validate_only:
            count = len(now.reading.declared)
            terminal.print(f"Valid: {count} {'object' if count == 1 else 'objects'} declared.")
        elif now.reading is not None:
            _plan(place, detail, parallelism, terminal)
    except RetinueError as error:
        terminal.say(error_text(error, width=terminal.error_width, color=terminal.error_color))
    sys.stdout.flush()


def _plan(place: Where, detail: Detail, parallelism: int, terminal: Terminal) -> None:
    from retinue import engine
    from retinue.planning.documents.plan_document import to_document

    with engine.open_session(place, parallelism=parallelism) as session:
        made = engine.plan(session)
    show_document(to_document(made), terminal, detail=detail)


def _begin(terminal: Terminal, changed: tuple[str, ...]) -> None:
    more = len(changed) - MOST_NAMES
    names = ", ".join(changed[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    told = f"{time.strftime('%H:%M:%S')}  {names or 'all files'}"
    if terminal.shared and terminal.live:
        sys.stdout.write(_CLEAR)
        sys.stdout.flush()
        terminal.say(told)
    else:
        terminal.say(f"── {told} {'─' * max(4, min(terminal.error_width, 100) - len(told) - 4)}")
