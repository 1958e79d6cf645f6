"""Commands about files of declarations as such: fmt, graph."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinue.cli.options import SELECTOR, project_options
from retinue.cli.terminal import Terminal
from retinue.errors import RetinueError

if TYPE_CHECKING:
    from retinue.model.selector import Selector
    from retinue.session import Where

DIFFERENT = 1


@click.command()
@click.argument("paths", type=click.Path(path_type=Path, exists=True, allow_dash=True), nargs=-1)
@click.option(
    "-C",
    "--directory",
    type=click.Path(exists=True, path_type=Path),
    default=".",
    show_default=False,
    help="Work on the project of this directory (default: the current one, or the nearest above).",
)
@click.option("--check", is_flag=True, help="Write nothing, and exit with 1 if a file is not in its form.")
@click.option("--diff", is_flag=True, help="Write nothing, and print what would change.")
def fmt(paths: tuple[Path, ...], directory: Path, check: bool, diff: bool) -> int:
    """Bring files of declarations into their canonical form.

    Keys stand in the order of the schemas, the name first; indentation is by two; quotes stay where they are needed.
    Comments, anchors, block texts and expressions are kept, and what is declared is never changed. Without PATHS, all
    files of the project; with -, from stdin to stdout.

    \b
    Example:
      retinue fmt
      retinue fmt --check --diff
      retinue fmt assistants/team.yaml
    """
    from retinue.commands import fmt as formatting

    terminal = Terminal.detect()
    if paths == (Path("-"),):
        # To the character: what makes a text safe to print would change the file that this becomes.
        sys.stdout.write(formatting.format_text(sys.stdin.read()))
        return 0
    made = formatting.format_project(directory, paths)
    changed = [each for each in made if each.changed]
    if diff:
        terminal.print("".join(each.diff() for each in changed))
    else:
        terminal.print("\n".join(str(each.path) for each in changed))
    for line in formatting.told(made):
        terminal.say(line)
    if not (check or diff):
        formatting.write(changed)
    done = "would change" if check or diff else "changed"
    terminal.say(f"{len(changed)} of {len(made)} {'file' if len(made) == 1 else 'files'} {done}")
    if any(each.faulty for each in made):
        raise RetinueError("files with mistakes were left as they are", hint="run 'retinue validate'")
    return DIFFERENT if check and changed else 0


@click.command()
@click.argument("selector", type=SELECTOR, metavar="[SELECTOR]", required=False)
@project_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "dot"]),
    default="mermaid",
    help="For Markdown on GitHub and GitLab, or for Graphviz.",
)
def graph(selector: Selector | None, place: Where, form: str) -> int:
    """Draw what refers to what, as Mermaid or DOT.

    Assistants refer to functions, stores, skills; files are counted. From the declarations alone: no account, no key.
    With SELECTOR, an address, a name, a pattern, label:NAME=VALUE or file:GLOB, only what that refers to and what
    refers to it.

    \b
    Example:
      retinue graph
      retinue graph vector_store.handbook
      retinue graph label:team=support
      retinue graph --format dot | dot -Tsvg > stack.svg
    """
    from dataclasses import replace

    from retinue.commands import graph as drawing
    from retinue.report.text.graph_text import render_graph

    made = drawing.graph(replace(place, offline=True), selector)
    Terminal.detect().print(render_graph(made, form))
    return 0
