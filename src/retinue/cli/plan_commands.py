"""Commands that compare with the account and change it: plan, apply, destroy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinue.cli.apply_output import AsEvents, InWords
from retinue.cli.completion import completing
from retinue.cli.display import comment_on_failure, show_document, write_page
from retinue.cli.options import (
    allow_missing_option,
    destroyed_options,
    detail_option,
    expect_option,
    fail_on_option,
    format_options,
    pager_option,
    parallelism_option,
    planned_options,
    project_options,
    refresh_option,
    wait_lease_option,
    wait_timeout_option,
    yes_option,
)
from retinue.cli.terminal import Terminal
from retinue.errors import CHANGES, BlockedError, UsageError

if TYPE_CHECKING:
    from retinue.cli.apply_output import Telling
    from retinue.engine import Applied
    from retinue.model.selector import Selection
    from retinue.model.steps import Plan
    from retinue.planning.policy import Approval, FailOn
    from retinue.report import Form
    from retinue.report.text.change_text import Detail
    from retinue.session import Session, Where

SAVED = click.Path(dir_okay=False, path_type=Path)
DESTROYED = "Nothing of this stack is left."


@click.command()
@project_options
@planned_options
@detail_option
@parallelism_option
@refresh_option
@fail_on_option(BlockedError.exit_code)
@format_options
@pager_option
@allow_missing_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
@click.option("--out", type=SAVED, metavar="FILE", help="Save the plan: 'retinue apply FILE' does exactly this.")
@click.option("--destroy", is_flag=True, help="Plan what 'retinue destroy' would do instead.")
def plan(
    place: Where,
    selection: Selection,
    detail: Detail,
    parallelism: int,
    refresh: str,
    fail_on: tuple[FailOn, ...],
    form: Form,
    page: Path | None,
    pager: bool,
    allow_missing: bool,
    detailed_exitcode: bool,
    out: Path | None,
    destroy: bool,
) -> int:
    """Show what apply would do. Changes nothing.

    \b
    Example:
      retinue plan
      retinue plan --target assistant.math-tutor --detail full
      retinue plan --target label:team=support --exclude 'assistant.*-draft'
      retinue plan --json --detailed-exitcode > plan.json
      retinue plan --format github > comment.md
      retinue plan --html plan.html
      retinue plan --out plan.json
    """
    from retinue import engine
    from retinue.cli.audience import note_holder, note_unlisted, watch_pauses
    from retinue.planning.documents.plan_document import to_document

    for option, path, instead in (("--out", out, "--json"), ("--html", page, "--format")):
        if path == Path("-"):
            raise UsageError(f"{option} takes the name of a file", hint=f"{instead} is for stdout")
    if out is not None and page is not None and out.resolve() == page.resolve():
        raise UsageError(f"--out and --html both name '{out}'", hint="give the page another name, such as plan.html")
    terminal = Terminal.detect()
    with comment_on_failure(place, form, terminal), engine.open_session(place, parallelism=parallelism) as session:
        session.full_refresh = refresh == "full"
        watch_pauses(session, terminal)
        if destroy:
            made = engine.plan_destroy(session, selection=selection)
        else:
            made = engine.plan(session, selection=selection, fail_on=fail_on, allow_missing=allow_missing)
        note_unlisted(session, terminal, fail_on)
        note_holder(session.lock.holder(), terminal)
    document = to_document(made)
    if out is not None:
        _save(document, out, terminal)
    show_document(document, terminal, form=form, detail=detail, pager=pager)
    if page is not None:
        write_page(document, page, terminal)
    if made.blocks:
        return BlockedError.exit_code  # the plan says what and why
    return CHANGES if detailed_exitcode and not made.empty else 0


def _save(document: Mapping[str, Any], path: Path, terminal: Terminal) -> None:
    from retinue.commands.saved_plan import save_plan

    save_plan(document, path)
    terminal.say(f"saved the plan to {path}")


@click.command("show-plan")
@click.argument("file", type=SAVED, metavar="FILE", shell_complete=completing("plan"))
@detail_option
@format_options
@pager_option
def show_saved_plan(file: Path, detail: Detail, form: Form, page: Path | None, pager: bool) -> int:
    """Show a plan that was saved by 'retinue plan --out FILE'.

    Needs neither the project nor the account.

    \b
    Example:
      retinue show-plan plan.json
      retinue show-plan plan.json --detail full
      retinue show-plan plan.json --format github > comment.md
    """
    from retinue.commands.saved_plan import read_document

    terminal = Terminal.detect()
    document, _ = read_document(file)
    show_document(document, terminal, form=form, detail=detail, pager=pager)
    if page is not None:
        write_page(document, page, terminal)
    return 0


@click.command()
@click.argument("file", type=SAVED, metavar="[FILE]", required=False, shell_complete=completing("plan"))
@project_options
@planned_options
@detail_option
@parallelism_option
@refresh_option
@fail_on_option(BlockedError.exit_code)
@expect_option
@yes_option
@click.option("--revert-drift", is_flag=True, help="With --yes: overwrite changes made outside of retinue, too.")
@click.option(
    "--allow-deletes", type=click.IntRange(min=0), metavar="N", help="With --yes: make up to so many deletions, too."
)
@click.option(
    "--new-stack", is_flag=True, help="With --yes: make a stack beside one of another environment without asking, too."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print events, one JSON object a line (schemas/events.schema.json)."
)
@click.option(
    "--summary",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Add how it went to FILE, as Markdown, with what became of the files of each vector store in numbers.",
)
@allow_missing_option
@wait_lease_option
@wait_timeout_option
def apply(
    place: Where,
    file: Path | None,
    selection: Selection,
    detail: Detail,
    parallelism: int,
    refresh: str,
    fail_on: tuple[FailOn, ...],
    expected: str | None,
    yes: bool,
    revert_drift: bool,
    allow_deletes: int | None,
    new_stack: bool,
    as_json: bool,
    summary: Path | None,
    allow_missing: bool,
    wait_lease: float,
    wait_timeout: float | None,
    no_wait: bool,
) -> int:
    """Make the account match the declarations.

    Plans, shows the plan, asks, carries it out, and plans again to see that nothing is left. With the FILE of a plan
    that was saved, or the digest of one that was seen, it plans as well, and goes on without asking if that comes to
    the same plan; it ends with 3 if not.

    \b
    Example:
      retinue apply
      retinue apply plan.json
      retinue apply --expect pd1:7c41-d2f0-93be-aa18
      retinue apply --yes --revert-drift -e production
      retinue apply --yes --allow-deletes 2
      retinue apply --yes --json | jq -r 'select(.type == "step").address'
    """
    from retinue import engine
    from retinue.cli.audience import CommandLine, watch_pauses

    if file is not None and selection:
        raise UsageError("a saved plan has its own targets", hint="leave --target and --exclude out")
    approval = _approval(file, expected, yes=yes)
    place = _planned_for(approval, place)
    approval = replace(approval, revert_drift=revert_drift, allow_deletes=allow_deletes, new_stack=new_stack)
    settled = DESTROYED if approval.plan and approval.plan.destroy else "The account matches the declarations."
    telling = AsEvents(Terminal.detect()) if as_json else InWords(Terminal.detect(), detail, settled)

    def work() -> int:
        with engine.open_session(place, parallelism=parallelism) as session:
            session.full_refresh = refresh == "full"
            watch_pauses(session, Terminal.detect())
            audience = CommandLine(session, telling, "Apply these changes?", fail_on, new_stack)
            if approval.plan is not None:
                applied = engine.resume(
                    session,
                    approval,
                    audience=audience,
                    fail_on=fail_on,
                    allow_missing=allow_missing,
                    wait_lease=wait_lease,
                    wait_timeout=0.0 if no_wait else wait_timeout,
                )
                return _ended(session, applied, telling, place, summary)

            def make() -> Plan:
                return engine.plan(session, selection=selection, fail_on=fail_on, allow_missing=allow_missing)

            applied = engine.apply(
                session,
                make(),
                approval=approval,
                audience=audience,
                replan=make,
                wait_lease=wait_lease,
                wait_timeout=0.0 if no_wait else wait_timeout,
            )
            return _ended(session, applied, telling, place, summary)

    return telling.run(work) if isinstance(telling, AsEvents) else work()


def _ended(session: Session, applied: Applied, telling: Telling, place: Where, summary: Path | None) -> int:
    """The exit code; a person at a terminal is told how to try what is there now."""
    from retinue.cli.audience import ended
    from retinue.commands.ask import to_try

    code, terminal = ended(applied, telling, summary), Terminal.detect()
    who = to_try(session, applied) if terminal.shared and not telling.streams else None
    if who is not None:
        where = f" -e {place.environment}" if place.environment else ""
        terminal.say(f'try it: retinue ask{where} {who} "…"')
    return code


def _approval(file: Path | None, expected: str | None, *, yes: bool) -> Approval:
    """What the command line says was approved: a saved plan, a digest, or both; or that nobody is asked."""
    from retinue.commands.saved_plan import read_approved
    from retinue.planning.policy import Approval

    if file is not None:
        return read_approved(file, expected)
    return Approval(person=not yes and expected is None, digest=expected)


def _planned_for(approval: Approval, place: Where) -> Where:
    """The environment that a saved plan is for, where nobody names one: to leave -e out is no reason to take another
    one, or the default, and to name another one is a mistake that is told."""
    from retinue.config.environment_choice import VARIABLE

    saved = approval.plan.environment if approval.plan is not None else None
    named = place.environment is not None or place.environ.get(VARIABLE)
    return place if saved is None or named else replace(place, environment=saved)


@click.command()
@project_options
@destroyed_options
@detail_option
@parallelism_option
@expect_option
@yes_option
@wait_lease_option
def destroy(
    place: Where,
    selection: Selection,
    detail: Detail,
    parallelism: int,
    expected: str | None,
    yes: bool,
    wait_lease: float,
) -> int:
    """Delete everything this stack owns in the account, or a part of it.

    What others made, and what was never declared, stays. With --target or --exclude, nothing is deleted that something
    needs which stays.

    \b
    Example:
      retinue destroy
      retinue destroy --yes -e review-42
      retinue destroy --target 'assistant.billing-*'
      retinue plan --destroy --out plan.json && retinue apply plan.json
    """
    from retinue import engine
    from retinue.cli.audience import CommandLine, ended, watch_pauses

    terminal = Terminal.detect()
    approval = replace(_approval(None, expected, yes=yes), revert_drift=True, destroy=True)
    telling = InWords(terminal, detail, DESTROYED)
    with engine.open_session(place, parallelism=parallelism) as session:
        watch_pauses(session, terminal)
        audience = CommandLine(session, telling, "Delete all of this?")
        applied = engine.destroy(
            session, selection=selection, approval=approval, audience=audience, wait_lease=wait_lease
        )
    return ended(applied, telling)
