"""The command for schedules: what somebody changed in the account since the last apply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from retinue.cli.options import detail_option, fail_on_option, parallelism_option, project_options
from retinue.cli.terminal import Terminal
from retinue.errors import BlockedError

if TYPE_CHECKING:
    from retinue.commands.accept import Wanted
    from retinue.engine import Session, Where
    from retinue.planning.drift_detection import Drift
    from retinue.planning.policy import FailOn
    from retinue.report.change_text import Detail
    from retinue.report.drift_rendering import DriftFormat

DRIFT = 2


class WantedType(click.ParamType["Wanted"]):
    """`all`, kind.name or kind.name.field."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Wanted:
        from retinue.commands.accept import Wanted

        if isinstance(value, Wanted):
            return value
        try:
            return Wanted.parse(str(value))
        except ValueError:
            self.fail(f"'{value}' is none of: all, assistant.math-tutor, assistant.math-tutor.instructions", param, ctx)


@click.command()
@project_options
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
    type=WantedType(),
    multiple=True,
    metavar="ADDRESS[.FIELD]",
    help="Write what is there now into the declarations, or 'all' of it; may be repeated.",
)
@click.option("--unowned", is_flag=True, help="Name the objects without an owner, too.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is drift.")
def drift(
    place: Where,
    detail: Detail,
    parallelism: int,
    fail_on: tuple[FailOn, ...],
    form: DriftFormat,
    wanted: tuple[Wanted, ...],
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
      retinue drift --accept assistant.math-tutor.instructions
    """
    from retinue import engine
    from retinue.cli.audience import note_unlisted, watch_pauses
    from retinue.commands import drift as drifting
    from retinue.report.drift_rendering import render

    terminal = Terminal.detect()
    with engine.open_session(place, parallelism=parallelism) as session:
        watch_pauses(session, terminal)
        found = drifting.look_for_drift(session)
        if wanted:
            return _accept(place, session, found, wanted, terminal)
        document = drifting.describe(session, found, fail_on=fail_on, unowned=unowned)
        note_unlisted(session, terminal, fail_on)
    terminal.print(render(document, form, detail=detail, width=terminal.width, color=terminal.color))
    if document["blocks"]:
        return BlockedError.exit_code
    return DRIFT if detailed_exitcode and found.found else 0


def _accept(place: Where, session: Session, found: Drift, wanted: tuple[Wanted, ...], terminal: Terminal) -> int:
    from retinue.commands import accept as accepting
    from retinue.report.drift_text import render_accepted

    accepted = accepting.accept(place, session, found, wanted)
    accepting.write(accepted, session.project.root)
    terminal.print(render_accepted(accepted.changes, sorted(accepted.files), accepted.affected, accepted.left))
    return 0


COMMANDS = (drift,)
