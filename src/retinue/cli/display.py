"""Plan documents on stdout and as pages, and why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retinue.cli.terminal import Terminal
from retinue.errors import RetinueError, cannot_write
from retinue.model.printable import masked

if TYPE_CHECKING:
    from retinue.config import Project
    from retinue.report import Form, Subject
    from retinue.report.text.change_text import Detail
    from retinue.session import Where


def show_document(
    document: Mapping[str, Any],
    terminal: Terminal,
    *,
    subject: Subject = "plan",
    form: Form = "text",
    detail: Detail,
    pager: bool = False,
) -> None:
    """A document on stdout, in one of the formats that are rendered from it; with `pager`, through one where it is
    longer than the screen."""
    from retinue.cli.pager import page_pieces
    from retinue.report import render_pieces

    pieces = render_pieces(subject, document, form, detail=detail, width=terminal.width, color=terminal.color)
    page_pieces(pieces, terminal, wanted=pager)


def write_page(document: Mapping[str, Any], path: Path, terminal: Terminal) -> None:
    """A plan document as a page of HTML. Raises RetinueError when it cannot be written."""
    from retinue.report.plan.plan_page import page_pieces

    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(map(masked, page_pieces(document)))
    except OSError as error:
        raise cannot_write(path, error, hint="choose another file for --html") from error
    terminal.say(f"wrote {path}")


def note_environment(project: Project | None, terminal: Terminal) -> None:
    """Which environment is in force, on stderr, where nobody named it on the command line and no head says it."""
    from retinue.model.declared import HOW_CHOSEN

    how = HOW_CHOSEN.get(project.chosen_by or "") if project is not None else None
    if project is not None and how:
        terminal.say(f"environment {project.environment}{how}")


def error_text(error: RetinueError, *, width: int = 80, color: bool = False) -> str:
    """What went wrong, in words, every mistake of it."""
    from retinue.report.diagnostics.diagnostic_text import render_error

    return render_error(error, width=width, color=color)


@contextmanager
def comment_on_failure(place: Where, form: Form, terminal: Terminal) -> Iterator[None]:
    """Where a comment is asked for and no plan can be made, print one that says so, to take the place of an older plan.
    Without a project nobody knows whose it would be."""
    try:
        yield
    except RetinueError as error:
        if form == "github":
            from retinue.report.plan.plan_markdown import render_no_plan
            from retinue.session import load_from

            with suppress(RetinueError):
                project = load_from(place).project
                if project is not None:
                    terminal.print(render_no_plan(project.stack, project.environment, error_text(error)))
        raise
