"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from retinue.model.selector import Selector
    from retinue.model.values import Address
    from retinue.planning.policy import FailOn

Command = Callable[..., Any]
T = TypeVar("T")
Variables = tuple[tuple[str, str], ...]


LOOKING = ("show", "output", "render", "open", "graph")
"""The commands whose argument may be the beginning of an address."""


class Parsed(click.ParamType[T]):
    """What a function makes of a text; it raises ValueError with what is wrong about it."""

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self.parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        if not isinstance(value, str):
            parsed: T = value  # a default
            return parsed
        if self.name in ("address", "selector") and isinstance(param, click.Argument) and ctx is not None:
            value = self._finished(value, param, ctx)
        try:
            return self.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def _finished(self, text: str, param: click.Parameter, ctx: click.Context) -> str:
        """The address that a text is the name or the beginning of, where only one is, for commands that only look. A
        person may stop in the middle; a script has to write names out: tomorrow another one may begin like this."""
        if ctx.info_name not in LOOKING or ":" in text or any(each in text for each in "*?["):
            return text
        from retinue.cli.completion import beginning
        from retinue.cli.terminal import Terminal

        found, terminal = beginning(text, ctx), Terminal.detect()
        if text in found or not found or ("." in text and not terminal.interactive):
            return text
        if len(found) > 1:
            self.fail(f"'{text}' may be any of {', '.join(found[:8])}{', …' if len(found) > 8 else ''}", param, ctx)
        if not terminal.interactive and found[0].partition(".")[2] != text:
            self.fail(f"'{text}' is not an address: did you mean {found[0]}?", param, ctx)
        terminal.say(f"{text} → {found[0]}")
        return found[0]

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:  # noqa: ARG002 - the signature of click
        from retinue.cli.completion import values

        return values(self.name, ctx, incomplete)


def _address(text: str) -> Address:
    # `--help` and `--version` need no address, and its module costs as much as click itself.
    from retinue.model.values import Address

    try:
        return Address.parse(text)
    except ValueError as error:
        raise ValueError(f"{error}, such as assistant.math-tutor") from error


def _selector(text: str) -> Selector:
    from retinue.model.selector import Selector

    return Selector.parse(text)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(f"'{text}' is not of the form NAME=VALUE")
    return name, value


def _digest(text: str) -> str:
    from retinue.planning.documents.plan_digest import DIGEST

    digest = text.strip().lower()
    if not DIGEST.fullmatch(digest):
        raise ValueError(f"'{text}' is not the digest of a plan, such as pd1:7c41-d2f0-93be-aa18")
    return digest


def _duration(text: str) -> float:
    from retinue.model.values import duration

    return duration(text)


def _fail_on(text: str) -> FailOn:
    """CODE or CODE=90d."""
    from retinue.config.problems import WARNINGS
    from retinue.planning.policy import FailOn

    chosen = FailOn.parse(text)
    if chosen.code not in WARNINGS:
        raise ValueError(f"'{chosen.code}' is not the code of a warning; there are: {', '.join(WARNINGS)}")
    return chosen


ADDRESS = Parsed("address", _address)
ENVIRONMENT = Parsed("environment", str)
SELECTOR = Parsed("selector", _selector)
VARIABLE = Parsed("name=value", _variable)


def served_environment(command: Command) -> Command:
    """Which environment's account: the command gets it as `environment`."""
    about = "Take the account of this environment of retinue.yaml."
    return click.option("-e", "--environment", type=ENVIRONMENT, metavar="NAME", help=about)(command)


def project_options(command: Command) -> Command:
    """Which project, in which environment, with which variables: the command gets them together, as `place`."""

    @wraps(command)
    def located(*args: Any, environment: str | None, **rest: Any) -> Any:
        return _located(command, args, environment, rest)

    chosen = click.option(
        "-e",
        "--environment",
        type=ENVIRONMENT,
        metavar="NAME",
        is_eager=True,
        help="Use this environment of retinue.yaml.",
    )
    return _place_options(located, chosen)


def several_environments(command: Command) -> Command:
    """The same, for a command that compares: it gets the environments on their own, as `environments`."""

    @wraps(command)
    def located(*args: Any, **rest: Any) -> Any:
        return _located(command, args, None, rest)

    chosen = click.option(
        "-e",
        "--environment",
        "environments",
        type=ENVIRONMENT,
        multiple=True,
        metavar="NAME",
        help="An environment of retinue.yaml; two are compared with each other.",
    )
    return _place_options(located, chosen)


def _located(command: Command, args: tuple[Any, ...], environment: str | None, rest: dict[str, Any]) -> Any:
    from retinue.session import Where

    start, variables, files = (rest.pop(name) for name in ("directory", "variables", "var_files"))
    return command(*args, place=Where(start, environment, dict(variables), var_files=files), **rest)


def _place_options(command: Command, environment: Callable[[Command], Command]) -> Command:
    for option in reversed(
        (
            click.option(
                "-C",
                "--directory",
                type=click.Path(exists=True, path_type=Path),
                default=".",
                show_default=False,
                is_eager=True,  # where an address is looked for that is not finished
                help="Work on the project of this directory (default: the current one, or the nearest above).",
            ),
            environment,
            click.option(
                "--var",
                "variables",
                type=VARIABLE,
                multiple=True,
                metavar="NAME=VALUE",
                help="Set a variable; may be repeated.",
            ),
            click.option(
                "--var-file",
                "var_files",
                type=click.Path(dir_okay=False, path_type=Path),
                multiple=True,
                metavar="FILE",
                help="Take variables from a YAML or JSON file; may be repeated, the last wins.",
            ),
        )
    ):
        command = option(command)
    return command


def account_option(what: str) -> Callable[[Command], Command]:
    """Of which project the local account is meant, for a command that does something to it, such as "show"; there need
    not be a project."""
    return click.option(
        "-C",
        "--directory",
        type=click.Path(file_okay=False, path_type=Path),
        default=".",
        show_default=False,
        help=f"The project whose local account to {what} (default: the current directory's).",
    )


def parallelism_option(command: Command) -> Command:
    return click.option(
        "--parallelism",
        type=click.IntRange(1, 64),
        default=8,
        metavar="N",
        help="How many requests may be under way at once.",
    )(command)


def refresh_option(command: Command) -> Command:
    return click.option(
        "--refresh",
        type=click.Choice(["auto", "full"]),
        default="auto",
        help="Read the files of a vector store where its tag and its counts differ from what is declared, or always.",
    )(command)


def detail_option(command: Command) -> Command:
    return click.option(
        "--detail",
        type=click.Choice(["summary", "hunks", "full"]),
        default="hunks",
        help="A line for each object, the changes with their context and new objects in a few lines, or everything.",
    )(command)


def pager_option(command: Command) -> Command:
    return click.option(
        "--pager/--no-pager",
        "pager",
        default=True,
        show_default=False,
        help="Show what is longer than the screen with $RETINUE_PAGER, $PAGER or less, or print it. Never in CI.",
    )(command)


def format_options(command: Command) -> Command:
    """In which forms a plan document is shown: the command gets them as `form` and `page`."""
    command = click.option(
        "--html",
        "page",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write a page for a browser, too: long texts side by side, to look through and fold.",
    )(command)
    command = click.option("--json", "form", flag_value="json", help="Short for --format json.")(command)
    return click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json", "markdown", "github"]),
        default="text",
        help="For a terminal, a program (schemas/plan.schema.json), a page, or a comment on GitHub.",
    )(command)


def selection_options(target: str, exclude: str) -> Callable[[Command], Command]:
    """Which objects, with help for both options: the command gets what they say as `selection`."""

    def narrowed(command: Command) -> Command:
        @wraps(command)
        def selecting(*args: Any, targets: tuple[Selector, ...], excluded: tuple[Selector, ...], **rest: Any) -> Any:
            from retinue.model.selector import Selection

            return command(*args, selection=Selection(targets, excluded), **rest)

        options = (("--target", "targets", target), ("--exclude", "excluded", exclude))
        chosen: Command = selecting
        for name, parameter, text in reversed(options):
            option = click.option(name, parameter, type=SELECTOR, multiple=True, metavar="SELECTOR", help=text)
            chosen = option(chosen)
        return chosen

    return narrowed


planned_options = selection_options(
    "Only these objects and what they depend on: an address, a name, a pattern such as 'assistant.billing-*', "
    "label:NAME=VALUE or file:GLOB; may be repeated. Nothing is deleted then.",
    "All but these objects; may be repeated. Nothing is deleted then.",
)
destroyed_options = selection_options(
    "Delete only these objects: an address, a name, a pattern, label:NAME=VALUE or file:GLOB; may be repeated.",
    "Keep these objects; may be repeated.",
)
shown_options = selection_options(
    "Only these objects: an address, a name, a pattern, label:NAME=VALUE or file:GLOB; may be repeated.",
    "All but these objects; may be repeated.",
)


def expect_option(command: Command) -> Command:
    return click.option(
        "--expect",
        "expected",
        type=Parsed("digest", _digest),
        metavar="DIGEST",
        help="Do it without asking if the plan has this digest, and only then.",
    )(command)


def wait_lease_option(command: Command) -> Command:
    return click.option(
        "--wait-lease",
        type=Parsed("duration", _duration),
        default=0.0,
        show_default=False,
        metavar="5m",
        help="Wait so long for somebody else's apply of the stack to end, instead of ending with 6.",
    )(command)


def wait_timeout_option(command: Command) -> Command:
    command = click.option(
        "--no-wait", is_flag=True, help="Do not wait for files to be indexed: the next apply goes on with them."
    )(command)
    return click.option(
        "--wait-timeout",
        type=Parsed("duration", _duration),
        default=None,
        metavar="30m",
        help="Wait so long for the files of each vector store to be indexed, whatever its 'wait_timeout' says; 30m "
        "where neither says anything. What is not ready then is left to the next apply.",
    )(command)


def allow_missing_option(command: Command) -> Command:
    return click.option(
        "--allow-missing", is_flag=True, help="Go on although most of the stack's objects are gone from the account."
    )(command)


def fail_on_option(exit_code: int) -> Callable[[Command], Command]:
    return click.option(
        "--fail-on",
        "fail_on",
        type=Parsed("warning", _fail_on),
        multiple=True,
        metavar="CODE[=90d]",
        help=f"Exit with {exit_code} on warnings of this code, such as model-shutdown=90d; may be repeated.",
    )


def yes_option(command: Command) -> Command:
    """Terraform's name for it is understood, too: it is what fingers know."""
    return click.option(
        "-y",
        "--yes",
        "--auto-approve",
        "yes",
        is_flag=True,
        help="Do not ask. For pipelines. Both names mean the same.",
    )(command)
