"""Commands that show declarations without an account: render, diff."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from retinue.cli.options import ADDRESS, detail_option, project_options, several_environments
from retinue.cli.terminal import Terminal
from retinue.errors import UsageError

if TYPE_CHECKING:
    from retinue.engine import Where
    from retinue.model.values import Address
    from retinue.report import Form
    from retinue.report.text.change_text import Detail

CHANGES = 2


@click.command()
@click.argument("address", type=ADDRESS, required=False)
@project_options
@click.option("--explain", is_flag=True, help="Say which file and line set each value.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def render(address: Address | None, place: Where, explain: bool, as_json: bool) -> int:
    """Print what the declarations come to: variables filled in, overlays merged, files read.

    The outcome is a file of declarations itself. Offline: no account, no key.

    \b
    Example:
      retinue render assistant.math-tutor -e production
      retinue render --explain
    """
    from retinue.commands import diff as comparing

    terminal = Terminal.detect()
    rendered = comparing.render(place, address)
    if as_json:
        terminal.print(json.dumps(rendered.document(explain=explain), indent=2, ensure_ascii=False))
    else:
        terminal.print(rendered.yaml(explain=explain).removesuffix("\n"))
    return 0


@click.command()
@several_environments
@click.option("--base", metavar="REV", help="Compare the working tree with this git revision, such as origin/main.")
@detail_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    help="For a terminal, a program (schemas/diff.schema.json), or a page.",
)
@click.option("--json", "form", flag_value="json", help="Short for --format json.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are differences.")
def diff(
    place: Where, environments: tuple[str, ...], base: str | None, detail: Detail, form: Form, detailed_exitcode: bool
) -> int:
    """Show how declarations differ: between two environments, or from a git revision.

    Offline: no account, no key. What the account holds is not looked at; that is what `plan` does.

    \b
    Example:
      retinue diff -e staging -e production
      retinue diff --base origin/main
      retinue diff --base HEAD~1 -e production --format markdown
    """
    from retinue import report
    from retinue.commands import diff as comparing
    from retinue.planning.declaration_diff import contrast_document

    terminal = Terminal.detect()
    if base is not None and len(environments) <= 1:
        place = replace(place, environment=environments[0] if environments else None)
        made = comparing.diff_base(place, base)
    elif base is None and len(environments) == 2:
        made = comparing.diff_environments(place, *environments)
    else:
        raise UsageError("what to compare is not clear", hint="say -e A -e B, or --base REV with at most one -e")
    document = contrast_document(made)
    text = report.render("diff", document, form, detail=detail, width=terminal.width, color=terminal.color)
    terminal.print(text.removesuffix("\n"))
    return CHANGES if detailed_exitcode and not made.empty else 0


COMMANDS = (render, diff)
