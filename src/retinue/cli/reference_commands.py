"""Commands about the program itself, which need no project: explain, version, help."""

from __future__ import annotations

from typing import Any

import click

from retinue.cli.completion import completing
from retinue.cli.terminal import Terminal
from retinue.errors import UsageError


@click.command()
@click.argument("code", required=False, shell_complete=completing("code"))
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def explain(code: str | None, as_json: bool) -> int:
    """Say what the CODE of a mistake, of a warning or of what blocks a plan means.

    With an example that raises it, and how to mend it. Without CODE, all of them are listed.

    \b
    Example:
      retinue explain
      retinue explain unknown-field
    """
    from retinue.commands.explanations import explanations
    from retinue.config.problems import did_you_mean
    from retinue.model.printable import json_text
    from retinue.report.diagnostics.explanation_text import render_codes, render_explanation

    terminal, every = Terminal.detect(), explanations()
    if code is None:
        rows = [(each.code, each.meaning) for each in every.values()]
        listed = json_text({each.code: {"sort": each.sort, "meaning": each.meaning} for each in every.values()})
        terminal.print(listed if as_json else render_codes(rows, width=terminal.width))
        return 0
    found = every.get(code.rpartition("[")[2].rstrip("]:").lower())
    if found is None:
        hint = did_you_mean(code, every, otherwise="'retinue explain' lists them")
        raise UsageError(f"there is no code '{code}'", hint=hint)
    parts: dict[str, Any] = {
        "code": found.code,
        "sort": found.sort,
        "meaning": found.meaning,
        "example": found.example,
        "mend": found.mend,
    }
    text = render_explanation(**parts, width=terminal.width, color=terminal.color)
    terminal.print(json_text(parts) if as_json else text)
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def version(as_json: bool) -> int:
    """Show the versions of Retinue and of what it runs on.

    \b
    Example:
      retinue version
      retinue version --json | jq -r .version
    """
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    from retinue import __version__
    from retinue.model.printable import json_text

    try:
        sdk = installed("openai")
    except PackageNotFoundError:  # taken apart by hand: whatever else is wrong then, this is no place to say so
        sdk = None
    found = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "openai": sdk,
    }
    terminal = Terminal.detect()
    if as_json:
        terminal.print(json_text(found))
        return 0
    terminal.print(f"retinue {__version__}")
    terminal.print(f"Python {found['python']}, openai {sdk or 'not installed'}, {found['platform']}")
    return 0


def _commands(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    root = ctx.find_root().command
    return (
        [each for each in root.list_commands(ctx) if each.startswith(incomplete)]
        if isinstance(root, click.Group)
        else []
    )


@click.command("help")
@click.argument("command", required=False, shell_complete=_commands)
@click.pass_context
def help_(ctx: click.Context, command: str | None) -> int:
    """Show what there is, or what COMMAND does and takes.

    \b
    Example:
      retinue help
      retinue help plan
    """
    from retinue.config.problems import did_you_mean

    root = ctx.find_root()
    group = root.command
    if command is None or not isinstance(group, click.Group):
        Terminal.detect().print(root.get_help())
        return 0
    found = group.get_command(root, command)
    if found is None:
        hint = did_you_mean(command, group.list_commands(root), otherwise="'retinue help' lists them")
        raise UsageError(f"there is no command '{command}'", hint=hint)
    about = found.context_class(found, parent=root, info_name=command, **group.context_settings)
    Terminal.detect().print(found.get_help(about))
    return 0
