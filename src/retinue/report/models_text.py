"""The models of an account as a table: what is used and gone first, with every declaration that uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from retinue.planning.model_catalog import SOON, when
from retinue.report.ink import Line, Role, align_places, line, paint, visible

_HEAD = ("MODEL", "OWNER", "SHUTS DOWN")
_WIDEST_OWNER = 16
_MOST_USES = 10


def render_models(rows: Sequence[Mapping[str, Any]], *, width: int = 80, color: bool = False) -> str:
    """One line for each model, and below it one for each declaration that uses it with its place.

    `rows` are in the order to show them. Ids and dates are never cut; of many declarations the first ten are shown.
    """
    if not rows:
        return "No models.\n"
    ends = [_end(each) for each in rows]
    owners = [_cut(visible(each["owned_by"] or "")) for each in rows]
    columns = _widths([visible(each["model"]) for each in rows], owners, ends, width)
    lines = [_row(_HEAD, columns, "strong", "strong")]
    for each, owner, (end, role) in zip(rows, owners, ends, strict=True):
        lines.append(
            _row((visible(each["model"]), owner, end), columns, "strong" if each["used_by"] else "plain", role)
        )
        lines += align_places(list(_uses(each["used_by"])), width)
    return paint(lines, color=color)


def _end(row: Mapping[str, Any]) -> tuple[str, Role]:
    days = row["days_left"]
    if row["listed"] is False:
        return "not offered by the account", "error"
    if days is None:
        return "", "plain"
    role: Role = "error" if days < 0 else "warning" if days <= SOON else "plain"
    return f"{row['shutdown_date']}, {when(days)}", role


def _cut(owner: str) -> str:
    return owner if len(owner) <= _WIDEST_OWNER else f"{owner[: _WIDEST_OWNER - 1]}…"


def _widths(
    names: Sequence[str], owners: Sequence[str], ends: Sequence[tuple[str, Role]], width: int
) -> tuple[int, int]:
    """Of the first two columns. Ids that are too long for the terminal push their own line out, and no other."""
    owner = max(cell_len(each) for each in (_HEAD[1], *owners))
    room = max(width - owner - 4 - max(cell_len(end) for end, _ in ((_HEAD[2], "plain"), *ends)), len(_HEAD[0]))
    return max(cell_len(each) for each in (_HEAD[0], *names) if cell_len(each) <= room), owner


def _row(cells: tuple[str, str, str], columns: tuple[int, int], first: Role, last: Role) -> Line:
    padded = [cell + " " * (size - cell_len(cell)) for cell, size in zip(cells, columns, strict=False)]
    return line((padded[0], first), "  ", padded[1], *(("  ", (cells[2], last)) if cells[2] else ()))


def _uses(uses: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    for each in uses[:_MOST_USES]:
        yield line(f"  {each['address']}", place=f"{each['file']}:{each['line']}")
    if len(uses) > _MOST_USES:
        yield line((f"  and {len(uses) - _MOST_USES} more", "faint"))
