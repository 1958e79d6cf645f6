"""What an account holds that is not ours, and what was imported of it, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from retinue.report.ink import Line, Role, line, paint, visible
from retinue.report.show_text import table


def render_found(rows: Sequence[Mapping[str, Any]], *, width: int = 80, color: bool = False) -> str:
    """A table of kind, id, day of creation (UTC), owner and name; names fold into the width that is left."""
    if not rows:
        return "Everything in the account is this stack's."
    cells = [
        [row["kind"], visible(row["id"]), _day(row["created_at"]), visible(_owner(row)), visible(row["name"] or "")]
        for row in rows
    ]
    return paint(table(["KIND", "ID", "CREATED", "OWNER", "NAME"], cells, fold=4, width=width), color=color)


def _day(created_at: Any) -> str:
    return datetime.fromtimestamp(created_at, UTC).date().isoformat() if isinstance(created_at, int | float) else ""


def _owner(row: Mapping[str, Any]) -> str:
    if row["problem"]:
        return "unreadable tag"
    if row["adopted_as"]:
        return f"soon {row['adopted_as']}"
    return f"stack {row['owner']['stack']}" if row["owner"] else "nobody"


def render_import(rows: Sequence[Mapping[str, Any]], *, color: bool = False) -> str:
    """One line for each object, and below it what is not declared of it."""
    lines: list[Line] = []
    for row in rows:
        if not row["imported"]:
            lines.append(_line("-", "removed", row))
            lines.append(line(f"    it cannot be declared: {row['reason']}"))
            continue
        lines.append(_line("=", "changed", row))
        lines += [line(f"    {each['field']} is not declared: {each['reason']}") for each in row["not_declared"]]
        if row["never_shown"]:
            lines.append(line(f"    never shown, and left as it is: {', '.join(row['never_shown'])}"))
        if row["secrets"]:
            lines.append(line(f"    to be set, since secrets are never shown: {', '.join(row['secrets'])}"))
    return paint(lines, color=color)


def _line(sign: str, role: Role, row: Mapping[str, Any]) -> Line:
    return line((f"{sign} ", role), (row["address"], "strong"), f" ({row['id']})")
