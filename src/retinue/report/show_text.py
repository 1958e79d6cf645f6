"""Live objects and their ids for people, and ids for programs: tables, one object in full, environment variables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from rich.cells import cell_len, chop_cells

from retinue.report.ink import BLANK, Line, line, paint, visible
from retinue.report.plan_text import unmanaged_lines
from retinue.report.values import count
from retinue.report.yaml_text import yaml_lines

_COLUMNS = ("address", "id", "state", "name")
_NARROWEST_NAME = 16


def render_objects(
    rows: Sequence[Mapping[str, str | None]],
    *,
    foreign: Mapping[str, int] | None = None,
    unowned: Mapping[str, int] | None = None,
    marker: Mapping[str, Any] | None = None,
    applying: str | None = None,
    width: int = 80,
    color: bool = False,
) -> str:
    """A table of address, id, name and state, the marker of the stack with who is `applying` it, and the counts of what
    is not managed here.

    Addresses, ids and states are never cut; names fold into the width that is left.
    """
    cells = [[visible(row.get(each) or "") for each in _COLUMNS] for row in rows]
    lines = table([each.upper() for each in _COLUMNS], cells, fold=3, width=width)
    if not rows:
        lines = [line("Nothing of this stack is in the account.")]
    below = [line((f"Marker of the stack: {visible(marker['id'])}.", "faint"))] if marker else []
    if marker and marker["as_left"] is False:
        left = count(marker["objects"], "object")
        below.append(line((f"These are not the objects that the last apply left ({left}).", "warning")))
    below += [line((f"It is being applied: {visible(applying)}.", "warning"))] if applying else []
    below += unmanaged_lines({"foreign": foreign or {}, "unowned": unowned or {}})
    return paint([*lines, *([BLANK] if below else []), *below], color=color)


def render_outputs(ids: Mapping[str, str], *, width: int = 80, color: bool = False) -> str:
    """A table of addresses and ids."""
    cells = [[visible(address), visible(live_id)] for address, live_id in ids.items()]
    return paint(table(["ADDRESS", "ID"], cells, fold=None, width=width), color=color) if cells else ""


def render_object(document: Mapping[str, Any], *, color: bool = False) -> str:
    """One object in full, unknown fields included, as YAML."""
    return paint(yaml_lines(document), color=color)


def render_env(ids: Mapping[str, str], *, prefix: str = "RETINUE") -> str:
    """`RETINUE_ASSISTANT_MATH_TUTOR=asst_…` for each address, for shells and env files.

    Raises ValueError when two addresses would get the same variable.
    """
    variables: dict[str, str] = {}
    for address in ids:
        variable = re.sub(r"[^A-Z0-9_]", "_", f"{prefix}_{address}".upper())
        if variable in variables:
            raise ValueError(f"'{variables[variable]}' and '{address}' would both be called {variable}")
        variables[variable] = address
    return "".join(f"{variable}={shlex.quote(ids[address])}\n" for variable, address in variables.items())


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, fold: int | None, width: int) -> list[Line]:
    """Columns two blanks apart, as wide as their widest cell; the column `fold` takes the room that is left."""
    widths = [max(cell_len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    if fold is not None:
        others = sum(widths) - widths[fold] + 2 * (len(head) - 1)
        widths[fold] = min(widths[fold], max(width - others, _NARROWEST_NAME))
    lines = [_row(head, widths, strong=True)]
    for row in rows:
        folded = [chop_cells(cell, widths[index]) if index == fold else [cell] for index, cell in enumerate(row)]
        lines += [_row(parts, widths, strong=False) for parts in zip_longest(*folded, fillvalue="")]
    return lines


def _row(cells: Sequence[str], widths: Sequence[int], *, strong: bool) -> Line:
    padded = [cell + " " * (size - cell_len(cell)) for cell, size in zip(cells, widths, strict=True)]
    return line(("  ".join(padded).rstrip(" "), "strong" if strong else "plain"))
