"""Commands that compare with the account and change it: plan, apply, destroy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from retinue.cli.carrying_out import carry_out, note_unlisted, show_document, watch_pauses, write_page
from retinue.cli.options import (
    detail_option,
    fail_on_option,
    format_options,
    parallelism_option,
    project_options,
    target_option,
)
from retinue.cli.telling import AsEvents, InWords
from retinue.cli.terminal import Terminal
from retinue.errors import BlockedError

if TYPE_CHECKING:
    from pathlib import Path

    from retinue.core.changes import Plan
    from retinue.core.fail_on import FailOn
    from retinue.core.model import Address
    from retinue.report.change_text import Detail
    from retinue.report.rendering import Format
    from retinue.workflow import Session, Where

Variables = tuple[tuple[str, str], ...]
CHANGES = 2


@click.command()
@project_options
@target_option
@detail_option
@parallelism_option
@fail_on_option(BlockedError.exit_code)
@format_options
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
def plan(
    place: Where,
    targets: tuple[Address, ...],
    detail: Detail,
    parallelism: int,
    fail_on: tuple[FailOn, ...],
    form: Format,
    page: Path | None,
    detailed_exitcode: bool,
) -> int:
    """Show what apply would do. Changes nothing.

    \b
    Example:
      retinue plan
      retinue plan --target assistant.math-tutor --detail full
      retinue plan --json --detailed-exitcode > plan.json
      retinue plan --format github > comment.md
      retinue plan --html plan.html
    """
    from retinue import workflow
    from retinue.core.plan_file import to_document

    terminal = Terminal.detect()
    with workflow.open_session(place) as session:
        watch_pauses(session, terminal)
        made = workflow.plan(session, targets=targets, parallelism=parallelism, fail_on=fail_on)
        note_unlisted(session, terminal, fail_on)
    document = to_document(made)
    show_document(document, terminal, form=form, detail=detail)
    if page is not None:
        write_page(document, page, terminal)
    if made.blocks:
        return BlockedError.exit_code  # the plan says what and why
    return CHANGES if detailed_exitcode and not made.empty else 0


@click.command()
@project_options
@target_option
@detail_option
@parallelism_option
@fail_on_option(BlockedError.exit_code)
@click.option("-y", "--yes", is_flag=True, help="Do not ask. For pipelines.")
@click.option("--revert-drift", is_flag=True, help="With --yes: overwrite changes made outside of retinue, too.")
@click.option(
    "--allow-deletes", type=click.IntRange(min=0), metavar="N", help="With --yes: delete up to so many objects, too."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print events, one JSON object a line (schemas/events.schema.json)."
)
def apply(
    place: Where,
    targets: tuple[Address, ...],
    detail: Detail,
    parallelism: int,
    fail_on: tuple[FailOn, ...],
    yes: bool,
    revert_drift: bool,
    allow_deletes: int | None,
    as_json: bool,
) -> int:
    """Make the account match the declarations.

    Plans, shows the plan, asks, carries it out, and plans again to see that nothing is left.

    \b
    Example:
      retinue apply
      retinue apply --yes --revert-drift -e production
      retinue apply --yes --allow-deletes 2
      retinue apply --yes --json | jq -r 'select(.type == "step").address'
    """
    from retinue import workflow
    from retinue.core.approval import Approval

    terminal = Terminal.detect()
    telling = AsEvents(terminal) if as_json else InWords(terminal, detail, "The account matches the declarations.")

    def make(session: Session) -> Plan:
        return workflow.plan(session, targets=targets, parallelism=parallelism, fail_on=fail_on)

    def work() -> int:
        with workflow.open_session(place) as session:
            return carry_out(
                session,
                make,
                parallelism,
                telling,
                question="Apply these changes?",
                approval=Approval(person=not yes, revert_drift=revert_drift, allow_deletes=allow_deletes),
                fail_on=fail_on,
            )

    return telling.run(work) if isinstance(telling, AsEvents) else work()


@click.command()
@project_options
@detail_option
@parallelism_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask. For pipelines.")
def destroy(place: Where, detail: Detail, parallelism: int, yes: bool) -> int:
    """Delete everything this stack owns in the account.

    What others made, and what was never declared, stays.

    \b
    Example:
      retinue destroy
      retinue destroy --yes -e review-42
    """
    from retinue import workflow
    from retinue.core.approval import Approval

    def make(session: Session) -> Plan:
        return workflow.plan_destroy(session, parallelism=parallelism)

    with workflow.open_session(place) as session:
        return carry_out(
            session,
            make,
            parallelism,
            InWords(Terminal.detect(), detail, "Nothing of this stack is left."),
            question="Delete all of this?",
            approval=Approval(person=not yes, revert_drift=True, destroy=True),
        )


COMMANDS = (plan, apply, destroy)
