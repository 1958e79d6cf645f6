"""What the tools of an answer do, in lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from retinue.model.printable import Printable, masked
from retinue.model.talk import Done, FunctionCall, ToolEnded
from retinue.report.text.ink import Line, count, line, paint

_MOST_LINES = 12
"""Of what a tool was given, and of what came of it, unless all is asked for."""


def render_done(done: Done, *, color: bool, whole: bool = False) -> Printable:
    """A tool that was called: what it was given, and what came of it, unless that is not known yet."""
    return paint(_tool(done, whole=whole) if isinstance(done, ToolEnded) else _call(*done, whole=whole), color=color)


def _call(call: FunctionCall, output: str | None, *, whole: bool) -> Iterator[Line]:
    yield _head(call.name, f"({call.arguments})")
    if output is not None:
        yield from _quoted("= ", output, whole=whole)


def _head(tool: str, rest: str = "") -> Line:
    return line(("* ", "faint"), (tool, "place"), (masked(" ".join(rest.split())), "faint"))


def _tool(ended: ToolEnded, *, whole: bool) -> Iterator[Line]:
    if ended.tool == "file_search":
        files = list(dict.fromkeys(ended.found))
        told = f"{count(len(ended.found), 'passage')} of {', '.join(files)}" if files else "nothing found"
        yield _head(ended.tool, f": {told}")
        yield from _quoted("| ", ended.given, whole=whole)
        return
    yield _head(ended.tool)
    yield from _quoted("| ", ended.given, whole=whole)
    for each in ended.outputs:
        yield from _quoted("= ", each, whole=whole)
    for each in ended.images:
        yield from _quoted("= ", f"image {each}", whole=whole)


def _quoted(sign: str, text: str, *, whole: bool) -> Iterator[Line]:
    lines = masked(text).expandtabs(4).rstrip("\n").split("\n") if text.strip() else []
    shown = lines if whole or len(lines) <= _MOST_LINES else lines[: _MOST_LINES - 1]
    for each in shown:
        yield line((f"  {sign}{each}", "faint"))
    if len(shown) < len(lines):
        yield line((f"  {sign}… {count(len(lines) - len(shown), 'line')} more", "faint"))


def render_usage(usage: Iterable[tuple[str, int]], *, color: bool) -> Printable:
    """What an answer took."""
    told = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in usage)
    return paint([line((f"  {told}", "faint"))] if told else [], color=color)
