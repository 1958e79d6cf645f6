"""The command that looks for what somebody changed elsewhere, and takes it over: into the files, or into a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from retinue.cli.options import (
    Parsed,
    detail_option,
    fail_on_option,
    pager_option,
    parallelism_option,
    project_options,
    shown_options,
)
from retinue.cli.terminal import Terminal
from retinue.errors import CHANGES, BlockedError, PartialError, UsageError

if TYPE_CHECKING:
    from retinue.commands.drift import Accepted, Wanted
    from retinue.commands.drift_request import Place, Requested
    from retinue.model.selector import Selection
    from retinue.planning.drift_detection import Drift
    from retinue.planning.policy import FailOn
    from retinue.report import Form
    from retinue.report.text.change_text import Detail
    from retinue.session import Session, Where


def _wanted(text: str) -> Wanted:
    """`all`, a selector, or one of addresses with the way to a field behind it."""
    from retinue.commands.drift import Wanted

    try:
        return Wanted.parse(text)
    except ValueError as error:
        places = (
            "all, assistant.math-tutor, assistant.math-tutor.instructions, 'assistant.billing-*', label:team=support"
        )
        raise ValueError(f"'{text}' is none of: {places}") from error


@click.command()
@project_options
@shown_options
@detail_option
@parallelism_option
@fail_on_option(BlockedError.exit_code)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown", "github", "junit"]),
    default="text",
    help="For a terminal, a program (schemas/drift.schema.json), a page, an issue on GitHub, or a list of tests.",
)
@click.option(
    "--accept",
    "wanted",
    type=Parsed("address", _wanted),
    multiple=True,
    metavar="SELECTOR[.FIELD]",
    help="Write what is there now into the declarations, or 'all' of it; may be repeated.",
)
@click.option(
    "--pull-request",
    is_flag=True,
    help="Commit what is accepted (without --accept: all) to a branch of its own, and open or update a request to "
    "merge it, by gh or glab. The files here stay as they are.",
)
@click.option(
    "--base", metavar="BRANCH", help="The branch that the request is for (default: the one that is checked out)."
)
@pager_option
@click.option("--unowned", is_flag=True, help="Name the objects without an owner, too.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is drift.")
def drift(
    place: Where,
    selection: Selection,
    detail: Detail,
    parallelism: int,
    fail_on: tuple[FailOn, ...],
    form: Form,
    wanted: tuple[Wanted, ...],
    pull_request: bool,
    base: str | None,
    pager: bool,
    unowned: bool,
    detailed_exitcode: bool,
) -> int:
    """Show what somebody changed in the account since the last apply.

    Fields that no longer hold what was applied, objects that are gone, files that were swapped. Changes of the
    declarations that are not applied yet are no drift. Changes nothing in the account; with --accept, it changes the
    declarations, and leaves comments and layout as they are.

    \b
    Example:
      retinue drift
      retinue drift -e production --detailed-exitcode --format github > drift.md
      retinue drift --target label:team=support
      retinue drift --accept assistant.math-tutor.instructions
      retinue drift -e production --pull-request --base main
    """
    from retinue import engine
    from retinue.cli.audience import note_unlisted, watch_pauses
    from retinue.cli.display import show_document
    from retinue.commands import drift as drifting

    terminal = Terminal.detect()
    if base is not None and not pull_request:
        raise UsageError("--base is the branch of a request", hint="add --pull-request")
    with engine.open_session(place, parallelism=parallelism) as session:
        watch_pauses(session, terminal)
        where = _request_place(session, base) if pull_request else None
        found = drifting.look_for_drift(session, selection)
        if where is not None:
            return _request(place, session, found, wanted or (drifting.Wanted(),), where, terminal)
        if wanted:
            return _accept(place, session, found, wanted, terminal)
        document = drifting.describe(session, found, selection=selection, fail_on=fail_on, unowned=unowned)
        note_unlisted(session, terminal, fail_on)
    show_document(document, terminal, subject="drift", form=form, detail=detail, pager=pager)
    if document["blocks"]:
        return BlockedError.exit_code
    return CHANGES if detailed_exitcode and found.found else 0


def _accept(place: Where, session: Session, found: Drift, wanted: tuple[Wanted, ...], terminal: Terminal) -> int:
    from retinue.commands.drift import accept, write_accepted
    from retinue.report.drift.drift_text import render_accepted

    accepted = accept(place, session, found, wanted)
    write_accepted(accepted, session.project.root)
    terminal.print(render_accepted(accepted.changes, sorted(accepted.files), accepted.affected, accepted.left))
    if accepted.files:
        terminal.say("Next: commit it like any other change; it changes nothing in the account")
    return _ended(accepted)


def _ended(accepted: Accepted) -> int:
    if accepted.refused:
        message = "some changes could not be accepted; the others were"
        raise PartialError(message, diagnostics=accepted.refused)
    return 0


# ── as a request ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _request_place(session: Session, base: str | None) -> Place:
    from retinue.commands.drift_request import open_place

    return open_place(session.project, base)


def _request(
    place: Where, session: Session, found: Drift, wanted: tuple[Wanted, ...], where: Place, terminal: Terminal
) -> int:
    from retinue.commands.drift import accept, describe
    from retinue.commands.drift_request import request_merge
    from retinue.model.printable import masked
    from retinue.report.drift.drift_markdown import render_request
    from retinue.report.drift.drift_text import render_accepted

    accepted = accept(place, session, found, wanted)

    def body() -> str:
        document = describe(session, found)
        refused = [each.message for each in accepted.refused]
        return masked(render_request(document, accepted.changes, accepted.affected, [*accepted.left, *refused]))

    made = request_merge(where, session.project, accepted, body)
    if accepted.changes or accepted.left:
        terminal.print(render_accepted(accepted.changes, (), accepted.affected, accepted.left))
    terminal.print("\n".join(_told(made)))
    return _ended(accepted)


def _told(made: Requested) -> list[str]:
    if made.outcome == "nothing":
        left = [f"left     {made.what} {made.request.url}: merge it or close it"] if made.request else []
        return ["nothing to accept: no request is opened, and none is closed", *left]
    url = made.request.url if made.request else ""
    return [f"{made.outcome:<8} {made.what} {url} ({made.branch} into {made.base})"]
