"""What pages say that the program says itself: written anew by `make docs`, and compared by `test_written.py`.

Between `<!-- written: WHAT NAME -->` and `<!-- end -->`, a page holds what one of the writers below makes of NAME.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import click

from retinue.cli import retinue
from tests.docs.pages import PAGES, ROOT
from tests.docs.session import record

WIDTH = 98  # of a terminal of 100
OFTEN = 4
"""So many commands that have an option with the same words share it, and its words stand once."""

_REGION = re.compile(
    r"(?P<begin><!-- written: (?P<what>\w+)(?: (?P<name>[\w-]+))? -->\n).*?(?P<end><!-- end -->)", re.S
)
_HELP = "--help"

Records = dict[str, tuple[str, str]]


def _fenced(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```\n"


def _records(name: str) -> Records:
    """What the help says of the options of a command, by their long names."""
    context = _context(name)
    options = (each for each in context.command.get_params(context) if isinstance(each, click.Option))
    return {
        next(word for word in each.opts if word.startswith("--")): record
        for each in options
        if (record := each.get_help_record(context))
    }


def _context(name: str) -> click.Context:
    return click.Context(
        retinue.commands[name], info_name=f"retinue {name}", terminal_width=WIDTH, **retinue.context_settings
    )


@cache
def common() -> Mapping[str, tuple[str, str]]:
    """The options that many commands have with the same words."""
    seen = Counter((name, record) for command in retinue.commands for name, record in _records(command).items())
    return {name: record for (name, record), times in seen.items() if times >= OFTEN}


def write_common(_: str | None) -> str:
    """The options that many commands have, once."""
    formatter = click.HelpFormatter(width=WIDTH)
    formatter.write_dl([record for _, record in sorted(common().items())])
    return _fenced(formatter.getvalue())


def write_command(name: str | None) -> str:
    """The help of one command, but for the words of options that many have: these are named in its last line."""
    context = _context(str(name))
    command = context.command
    formatter = context.make_formatter()
    command.format_usage(context, formatter)
    command.format_help_text(context, formatter)
    records = _records(str(name))
    own = {each: record for each, record in records.items() if common().get(each) != record}
    if own:
        with formatter.section("Options"):
            formatter.write_dl(list(own.values()))
    shared = [each for each in records if each not in own and each != _HELP]
    command.format_epilog(context, formatter)
    also = f"\nAnd: {', '.join(shared)}" if shared else ""
    return _fenced(formatter.getvalue().rstrip() + ("\n" if also else "") + also)


def write_session(_: str | None) -> str:
    """A session at a terminal. It takes a few seconds: commands are run."""
    return _fenced(record())


WRITERS: Mapping[str, Callable[[str | None], str]] = {
    "options": write_common,
    "help": write_command,
    "session": write_session,
}


def written(text: str) -> str:
    """The page with all of it as it is now."""
    return _REGION.sub(lambda found: found["begin"] + WRITERS[found["what"]](found["name"]) + found["end"], text)


def write(pages: tuple[Path, ...] = PAGES) -> list[Path]:
    """Bring pages up to date. Gives those that changed."""
    changed = []
    for page in pages:
        before = page.read_text(encoding="utf-8")
        if (after := written(before)) != before:
            page.write_text(after, encoding="utf-8")
            changed.append(page)
    return changed


if __name__ == "__main__":
    for each in write():
        sys.stdout.write(f"{each.relative_to(ROOT)}\n")
