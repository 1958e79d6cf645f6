"""Completion in shells: the values of options and arguments, from files only, and the scripts that ask for them.

A person waits for it with a finger on the key: nothing here may import what a glance at the files does not need.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from retinue.cli.terminal import Terminal
from retinue.errors import RetinueError

if TYPE_CHECKING:
    from retinue.commands.name_scan import NameScan

VARIABLE = "_RETINUE_COMPLETE"
"""Says that a shell asks, and which (the protocol of click)."""
SHELLS = ("bash", "zsh", "fish")
MOST = 100
"""Addresses up to which all are offered at once; of more, first their kinds."""
_OPEN = "open"
"""The type of an item that is not complete in itself: no blank follows it."""

Item = CompletionItem[str]


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def values(what: str, ctx: click.Context, incomplete: str) -> list[Item]:
    """What a value of this type may be; nothing where that is not known. Never raises: nobody could read why."""
    find = _VALUES.get(what)
    try:
        return list(find(ctx, incomplete)) if find else []
    except (OSError, ValueError):
        return []


def _scan(ctx: click.Context) -> NameScan:
    from retinue.commands.name_scan import NameScan

    given = ctx.params
    environment = given.get("environment") or next(iter(given.get("environments") or ()), None)
    return NameScan(Path(given.get("directory") or "."), environment or os.environ.get("RETINUE_ENVIRONMENT"))


def _addresses(ctx: click.Context, text: str) -> Iterator[Item]:
    names = list(_scan(ctx).names())
    fitting = [each for each in names if each.address.startswith(text)]
    if not fitting and "." not in text:  # the beginning of a name: a shell puts the address in its place, or ignores it
        fitting = [each for each in names if each.address.partition(".")[2].startswith(text)]
    kinds = dict.fromkeys(each.address.partition(".")[0] for each in fitting)
    if len(fitting) > MOST and "." not in text and len(kinds) > 1:
        yield from (Item(f"{each}.", type=_OPEN) for each in kinds)
        return
    yield from (Item(each.address, help=each.file) for each in fitting)


def beginning(text: str, ctx: click.Context) -> list[str]:
    """The declared addresses that a text is meant for: it itself, else those of this name, else those that begin with
    it, else those whose names do."""
    names = [each.address for each in _scan(ctx).names()]
    if text in names:
        return [text]
    if "." in text:
        return [each for each in names if each.startswith(text)]
    called = [each for each in names if each.partition(".")[2] == text]
    return called or [each for each in names if each.partition(".")[2].startswith(text)]


def _selectors(ctx: click.Context, text: str) -> Iterator[Item]:
    """Addresses, and what else selects declarations."""
    form, colon, rest = text.partition(":")
    if colon and form == "label":
        labels = _scan(ctx).labels()
        keys = [f"label:{name}" for name in dict.fromkeys(name for name, _ in labels)]
        pairs = [f"label:{name}={value}" for name, value in labels]
        yield from map(Item, _starting(text, pairs if "=" in rest else [*keys, *pairs]))
    elif colon and form == "file":
        files = _scan(ctx).files()
        folders = sorted({f"{each.rpartition('/')[0]}/**" for each in files if "/" in each})
        yield from map(Item, _starting(text, (f"file:{each}" for each in (*folders, *files))))
    else:
        yield from _addresses(ctx, text)
        yield from (Item(each, type=_OPEN) for each in _starting(text, ("label:", "file:")) if text)


def _talkers(ctx: click.Context, text: str) -> Iterator[Item]:
    """Addresses, and names alone."""
    names = {each.address.partition(".")[2]: each.file for each in _scan(ctx).names()}
    short = [name for name in names if name.startswith(text)] if text else []
    yield from (Item(each, help=names[each]) for each in short)
    if not short:
        yield from _addresses(ctx, text)


def _environments(ctx: click.Context, text: str) -> Iterator[Item]:
    yield from map(Item, _starting(text, _scan(ctx).environments()))


def _codes(_: click.Context, text: str) -> Iterator[Item]:
    from retinue.commands.explanations import headings

    yield from (Item(code, help=title) for code, title in headings() if code.startswith(text))


def _warnings(_: click.Context, text: str) -> Iterator[Item]:
    from retinue.commands.explanations import headings

    yield from (Item(code, help=title) for code, title in headings(warnings=True) if code.startswith(text))


def _kinds(_: click.Context, text: str) -> Iterator[Item]:
    from retinue.commands.name_scan import kinds

    yield from map(Item, _starting(text, (*kinds(), *_DOCUMENTS)))


def _plans(_: click.Context, text: str) -> Iterator[Item]:
    """Files that hold a saved plan, and the folders on the way; all files where there is none."""
    above, _slash, start = text.rpartition("/")
    found = []
    for each in sorted(Path(above or ("/" if text.startswith("/") else ".")).iterdir()):
        if each.name.startswith(start) and (start.startswith(".") or not each.name.startswith(".")):
            path = f"{above}/{each.name}" if above or text.startswith("/") else each.name
            if each.is_dir():
                found.append(Item(f"{path}/", type=_OPEN))
            elif each.suffix == ".json" and _is_plan(each):
                found.append(Item(path))
    yield from found if any(each.type == "plain" for each in found) else [Item(text, type="file")]


def _is_plan(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b'"format_version"' in file.read(200)
    except OSError:
        return False


def _starting(text: str, words: Iterable[str]) -> Iterator[str]:
    return (each for each in words if each.startswith(text))


_DOCUMENTS = (
    *("project", "overlay", "plan", "diff", "drift", "show", "output", "models", "validate", "doctor", "events"),
    "bundle",
)
"""What has a schema beside kinds."""

_VALUES: dict[str, Callable[[click.Context, str], Iterator[Item]]] = {
    "address": _addresses,
    "selector": _selectors,
    "talker": _talkers,
    "environment": _environments,
    "code": _codes,
    "warning": _warnings,
    "kind": _kinds,
    "plan": _plans,
}


def completing(what: str) -> Callable[[click.Context, click.Parameter, str], list[Any]]:
    """The same for a parameter whose type says nothing of it (the signature of click)."""
    return lambda ctx, _, incomplete: values(what, ctx, incomplete)


# ── shells ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Bash(BashComplete):
    """Bash takes a word apart at `:` and `=`, and replaces only what stands after the last of them: click's own script
    takes `label:team` for three words. This one hands the line on as it is."""

    name = "bash"
    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' type value
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            open) COMPREPLY+=("$value"); compopt -o nospace ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        if "COMP_CWORD" in os.environ:  # a script of click's, from before
            return super().get_completion_args()
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        incomplete = words.pop() if words and not line.endswith((" ", "\t")) else ""
        return words, incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        value = str(item.value)
        quoted = re.search(r"""(?:^|[\s=])["'][^"']*$""", os.environ.get("COMP_WORDS", ""))
        if item.type in ("plain", _OPEN) and not quoted:  # within quotes, bash takes a word as a whole
            word = self.get_completion_args()[1]
            breaks = [each for each in os.environ.get("COMP_BREAKS", "") if each in ":="]
            cut = max((word.rfind(each) for each in breaks), default=-1) + 1
            value = value.removeprefix(word[:cut])
        return f"{item.type},{value}"


def respond() -> None:
    """Let click answer a shell with what is known here."""
    add_completion_class(_Bash)
    for shell in ("zsh", "fish"):
        add_completion_class(_plain(get_completion_class(shell)), shell)


def _plain(parent: Any) -> type[ShellComplete]:
    """A shell of click's, which knows nothing of words that are not complete in themselves."""

    class Plain(parent):  # type: ignore[misc]
        def format_completion(self, item: CompletionItem[Any]) -> str:
            item.type = "plain" if item.type == _OPEN else item.type
            return str(super().format_completion(item))

    return Plain


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(shell: str | None) -> int:
    """Print the script that completes commands, options and values in a shell.

    Addresses, environments, labels, codes and files of plans are completed, too: from the files of the project, without
    an account or a key. SHELL is that of $SHELL where it is left out.

    \b
    Example:
      eval "$(retinue completion bash)"                                 # in ~/.bashrc
      eval "$(retinue completion zsh)"                                  # in ~/.zshrc
      retinue completion fish > ~/.config/fish/completions/retinue.fish
    """
    chosen = shell or Path(os.environ.get("SHELL", "")).name
    if chosen not in SHELLS:
        message = f"there is no completion for '{chosen}'" if chosen else "which shell it is for is not known"
        raise RetinueError(message, hint=f"name one: retinue completion {'|'.join(SHELLS)}")
    respond()
    root = click.get_current_context().find_root()
    made = get_completion_class(chosen)
    assert made is not None  # noqa: S101 - each of them is one of click's
    Terminal.detect().print(made(root.command, {}, "retinue", VARIABLE).source())
    return 0
