"""The command line: options in, a call, a report, an exit code. Nothing slow is imported here."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from retinue import __version__
from retinue.cli.account_commands import doctor, gc, models, output, serve, show
from retinue.cli.completion import VARIABLE, completion, respond
from retinue.cli.console_command import console
from retinue.cli.declaration_commands import fmt, graph
from retinue.cli.drift_command import drift
from retinue.cli.import_commands import import_, migrate
from retinue.cli.init_command import init
from retinue.cli.kept import begin
from retinue.cli.open_command import open_
from retinue.cli.plan_commands import apply, destroy, plan, show_saved_plan
from retinue.cli.project_commands import diff, render, schema, validate
from retinue.cli.reference_commands import explain, help_, version
from retinue.cli.talk_commands import ask, chat
from retinue.cli.terminal import Terminal
from retinue.cli.wakeful import stay_wakeful
from retinue.cli.watch_command import watch
from retinue.errors import OUR_BUG, Interrupted, RetinueError, UsageError, machine_error

EPILOG = """\b
Exit codes: 0 done or no changes · 1 error · 2 changes, only with
--detailed-exitcode · 3 stale · 4 blocked · 5 applied in part ·
6 somebody else is applying · 7 an answer is not complete · 8 it expired ·
9 nobody carried its function out · 64 usage · 70 a bug in retinue ·
130 interrupted.

\b
Shell completion, for bash (zsh and fish alike):
  eval "$(retinue completion bash)"
"""


class InOrder(click.Group):
    """Lists its commands in the order a user meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature of click
        return list(self.commands)


@click.group(
    cls=InOrder,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
)
@click.version_option(__version__, prog_name="retinue", message="%(prog)s %(version)s")
def retinue() -> None:
    """Keep the assistants of an OpenAI-style account as code.

    YAML files declare assistants, tools and vector stores; `plan` shows how the live account differs; `apply` makes it
    match.

    \b
    Start here:
      retinue init my-assistants && cd my-assistants
      retinue apply
    """


COMMANDS = (
    *(init, validate, fmt, schema, render, graph, diff),
    *(plan, watch, show_saved_plan, apply, destroy, drift),
    *(ask, chat),
    *(show, output, open_, models, gc, serve, console),
    *(import_, migrate, doctor),
    *(explain, completion, version, help_),
)
for command in COMMANDS:
    retinue.add_command(command)


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code. Every failure ends here, in words."""
    begin()
    terminal = Terminal.detect()
    try:
        return int(retinue.main(args, prog_name="retinue", standalone_mode=False) or 0)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        _suggest_what_fits(error)
        said = io.StringIO()
        error.show(said)
        terminal.say(said.getvalue())
        return UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        terminal.say("\ninterrupted")
        return Interrupted.exit_code
    except RetinueError as error:
        show_error(terminal, error)
        return error.exit_code
    except OSError as error:  # whoever opens a file says more where there is more to say
        show_error(terminal, machine_error(error))
        return RetinueError.exit_code
    except Exception as error:  # noqa: BLE001 - the last net: a bug is reported as one, with what we need to mend it
        return show_bug(terminal, error)


def _suggest_what_fits(error: click.ClickException) -> None:
    """Of the names that click takes for near ones, leave those that may be meant: `plan` for `plann`, not `explain`."""
    from retinue.model.slips import is_slip

    # Which class tells of an unknown command differs among the versions of click; one of options always had these.
    written = str(getattr(error, "option_name", "") or getattr(error, "command_name", ""))
    offered = getattr(error, "possibilities", None)
    if isinstance(offered, list):
        offered[:] = [each for each in offered if is_slip(written.lstrip("-"), each.lstrip("-"))]


def show_error(terminal: Terminal, error: RetinueError) -> None:
    from retinue.cli.display import error_text

    terminal.say(error_text(error, width=terminal.error_width, color=terminal.error_color))


def show_bug(terminal: Terminal, error: Exception) -> int:
    import platform
    import traceback

    from retinue.planning.redaction import hide

    # What went wrong says which value it was about, which may be any, and secrets come from the environment.
    hidden = _environment()
    terminal.say(hide("".join(traceback.format_exception(error)), hidden))
    versions = f"retinue {__version__}, Python {platform.python_version()}, {platform.system()}"
    terminal.say(hide(f"error: this is a bug in retinue ({versions}): {type(error).__name__}: {error}", hidden))
    terminal.say("  hint: report it with the lines above; they hold no keys, but look through them first")
    return OUR_BUG


def _environment() -> set[str]:
    """The environment variables' values, but for short ones and for paths, of which the lines of a bug are full."""
    from retinue.planning.redaction import SHORTEST_PLAIN

    values = {each for each in os.environ.values() if len(each) >= SHORTEST_PLAIN}
    return {each for each in values if not any(map(_is_there, each.split(os.pathsep)))}


def _is_there(path: str) -> bool:
    """Whether a text is a path of this machine, as far as one may look."""
    from pathlib import Path

    with suppress(OSError, ValueError):
        return bool(path) and Path(path).exists()
    return False


def entry() -> None:
    """The console script."""
    if VARIABLE in os.environ:
        _answer_shell()
    with suppress(ValueError):  # elsewhere than in the main thread
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill is what Ctrl-C is
        stay_wakeful()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may be no text in the encoding of the terminal
            stream.reconfigure(errors="backslashreplace")
    code = _after_flushing(main())
    if code != Interrupted.exit_code and (sys.getprofile() or sys.gettrace()):
        sys.exit(code)  # whoever watches the program has something to write at its end
    # To take down in order what was read takes a tenth of the time that all else does. And a thread may be waiting for
    # an answer that never comes: who pressed Ctrl-C does not want to wait with it.
    os._exit(code)


def _answer_shell() -> None:
    """What a shell asks for, while somebody waits: whatever goes wrong, nothing is said in the middle of a line."""
    respond()
    with suppress(BaseException):
        retinue.main(prog_name="retinue", complete_var=VARIABLE)
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(0)  # to take everything down in order takes a tenth of the time there is


def _after_flushing(code: int) -> int:
    """The exit code, once everything is written. What cannot be is told, on stdout it is a failure."""
    for name in ("stderr", "stdout"):
        try:
            getattr(sys, name).flush()
        except AttributeError:  # there is none
            continue
        except OSError:
            setattr(sys, name, None)  # Python would try again at exit, and end with a code of its own
            code = code or (RetinueError.exit_code if name == "stdout" else 0)
    return code


__all__ = ["entry", "main", "retinue"]
