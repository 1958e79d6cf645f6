"""The commands about a stack as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from retinue.cli.carrying_out import carry_out
from retinue.cli.options import parallelism_option, project_options
from retinue.cli.telling import InWords
from retinue.cli.terminal import Terminal

if TYPE_CHECKING:
    from retinue.core.changes import Plan
    from retinue.workflow import Session, Where


@click.group()
def stack() -> None:
    """Rename a stack with everything it owns.

    \b
    Example:
      retinue stack rename classroom school
    """


@stack.command()
@click.argument("old")
@click.argument("new")
@project_options
@parallelism_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask. For pipelines.")
def rename(old: str, new: str, place: Where, parallelism: int, yes: bool) -> int:
    """Give everything of the stack OLD to the stack NEW.

    Names are complete: with an environment, the stack is called STACK-ENVIRONMENT unless it names its own. One tag is
    written for each object, and nothing else. When it is interrupted, run it again. In the end, retinue.yaml has to say
    the new name.

    \b
    Example:
      retinue stack rename classroom school
      retinue stack rename classroom-production school-production -e production
    """
    from retinue import workflow
    from retinue.core.approval import Approval
    from retinue.operations import restacking

    terminal = Terminal.detect()

    def make(session: Session) -> Plan:
        return restacking.plan_rename(session, old, new, parallelism=parallelism)

    with workflow.open_session(place) as opened:
        session = restacking.begin(opened, old, new)
        told = InWords(terminal, "hunks", f"Everything of the stack '{old}' belongs to '{new}' now.")
        code = carry_out(
            session, make, parallelism, told, question="Rename the stack?", approval=Approval(person=not yes)
        )
        if code == 0:
            restacking.finish(session, old, new)
        called = opened.project.stack
    if code == 0 and called != new:
        where = f"the environment '{place.environment}' of retinue.yaml" if place.environment else "retinue.yaml"
        terminal.say(f"Next: have {where} say 'stack: {new}'; until then, it looks for what it has no more")
    return code


COMMANDS: tuple[Any, ...] = (stack,)
