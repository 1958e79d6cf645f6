"""Plan documents on stdout and as pages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retinue.cli.terminal import Terminal
from retinue.errors import RetinueError

if TYPE_CHECKING:
    from retinue.report.change_text import Detail
    from retinue.report.rendering import Format


def show_document(document: Mapping[str, Any], terminal: Terminal, *, form: Format = "text", detail: Detail) -> None:
    """A plan document on stdout, in one of the formats that are rendered from it."""
    from retinue.report.rendering import render

    terminal.print(render(document, form, detail=detail, width=terminal.width, color=terminal.color))


def write_page(document: Mapping[str, Any], path: Path, terminal: Terminal) -> None:
    """A plan document as a page of HTML. Raises RetinueError when it cannot be written."""
    from retinue.report.page import render_page

    try:
        path.write_text(render_page(document), encoding="utf-8", newline="\n")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RetinueError(f"cannot write '{path}': {reason}", hint="choose another file for --html") from error
    terminal.say(f"wrote {path}")
