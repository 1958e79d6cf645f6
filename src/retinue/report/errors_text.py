"""An error → what went wrong and what to do about it. Diagnostics are rendered on their own."""

from __future__ import annotations

from retinue.errors import AccountError, RetinueError
from retinue.report.ink import line, paint


def render_error(error: RetinueError, *, color: bool = False) -> str:
    """The message, the server's name for the request, and the hint."""
    first, *more = error.message.split("\n")
    lines = [line(("error: ", "error"), first), *(line("  ", each) for each in more)]
    if isinstance(error, AccountError) and error.request_id:
        lines.append(line(("  request: ", "faint"), error.request_id))
    if error.hint:
        lines.append(line(("  hint: ", "faint"), error.hint))
    return paint(lines, color=color)
