"""What an account holds, for people: objects, their ids, models, what is not ours and what was imported of it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from rich.cells import cell_len, chop_cells

from retinue.model.printable import visible
from retinue.planning.documents.account_types import ShowDocument
from retinue.planning.model_catalog import SOON, when
from retinue.report.plan.plan_text import unmanaged_lines
from retinue.report.text.ink import BLANK, Line, Role, align_places, count, indent, line, paint

_COLUMNS = ("address", "id", "state", "name")
_NARROWEST_NAME = 16
_HEAD = ("MODEL", "OWNER", "SHUTS DOWN")
_WIDEST_OWNER = 16
_MOST_USES = 10
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:[ ./-]?[A-Za-z0-9_])*")
_NOT_STRINGS = re.compile(r"(?i:y|n|yes|no|on|off|true|false|null)")


# ── objects of the stack ──────────────────────────────────────────────────────────────────────────────────────────────


def render_objects(
    document: ShowDocument,
    *,
    width: int = 80,
    color: bool = False,
) -> str:
    """A table of address, id, name and state, the marker of the stack with who is applying it, and the counts of what
    is not managed here.

    Addresses, ids and states are never cut; names fold into the width that is left.
    """
    rows, marker, applying = document["objects"], document["marker"], document["applying"]
    columns = (*_COLUMNS[:-1], "labels", _COLUMNS[-1]) if any(row.get("labels") for row in rows) else _COLUMNS
    told = [{**row, "labels": _labels(row.get("labels"))} for row in rows]
    cells = [[visible(str(row.get(each) or "")) for each in columns] for row in told]
    lines = _table([each.upper() for each in columns], cells, fold=len(columns) - 1, width=width)
    if not rows:
        lines = [line("Nothing of this stack is in the account.")]
    below = [line((f"Marker of the stack: {visible(marker['id'])}.", "faint"))] if marker else []
    if marker and marker["as_left"] is False:
        left = count(marker["objects"], "object")
        below.append(line((f"These are not the objects that the last apply left ({left}).", "warning")))
    below += [line((f"It is being applied: {visible(applying)}.", "warning"))] if applying else []
    below += unmanaged_lines({"foreign": document["foreign"], "unowned": document["unowned"]})
    return paint([*lines, *([BLANK] if below else []), *below], color=color)


def _labels(labels: Mapping[str, str] | None) -> str:
    """As selectors have them: `team=support, tier=2`."""
    return ", ".join(f"{name}={value}" for name, value in (labels or {}).items())


def render_outputs(ids: Mapping[str, str], *, width: int = 80, color: bool = False) -> str:
    """A table of addresses and ids."""
    cells = [[visible(address), visible(live_id)] for address, live_id in ids.items()]
    return paint(_table(["ADDRESS", "ID"], cells, fold=None, width=width), color=color) if cells else ""


def render_object(document: Mapping[str, Any], *, color: bool = False) -> str:
    """One object in full, unknown fields included, as YAML."""
    return paint(_yaml_lines(document), color=color)


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


# ── objects to import ─────────────────────────────────────────────────────────────────────────────────────────────────


def render_found(rows: Sequence[Mapping[str, Any]], *, width: int = 80, color: bool = False) -> str:
    """A table of kind, id, day of creation (UTC), owner and name; names fold into the width that is left."""
    if not rows:
        return "Everything in the account is this stack's."
    cells = [
        [row["kind"], visible(row["id"]), _day(row["created_at"]), visible(_owner(row)), visible(row["name"] or "")]
        for row in rows
    ]
    return paint(_table(["KIND", "ID", "CREATED", "OWNER", "NAME"], cells, fold=4, width=width), color=color)


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
            lines.append(_import_head("-", "removed", row))
            lines.append(line(f"    it cannot be declared: {row['reason']}"))
            continue
        lines.append(_import_head("=", "changed", row))
        lines += [line(f"    {each['field']} is not declared: {each['reason']}") for each in row["not_declared"]]
        if row["never_shown"]:
            lines.append(line(f"    never shown, and left as it is: {', '.join(row['never_shown'])}"))
        if row["secrets"]:
            lines.append(line(f"    to be set, since secrets are never shown: {', '.join(row['secrets'])}"))
    return paint(lines, color=color)


def _import_head(sign: str, role: Role, row: Mapping[str, Any]) -> Line:
    return line((f"{sign} ", role), (row["address"], "strong"), f" ({row['id']})")


# ── models ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def render_models(rows: Sequence[Mapping[str, Any]], *, width: int = 80, color: bool = False) -> str:
    """One line for each model, and below it one for each declaration that uses it with its place.

    `rows` are in the order to show them. Ids and dates are never cut; of many declarations the first ten are shown.
    """
    if not rows:
        return "No models.\n"
    ends = [_end(each) for each in rows]
    owners = [_cut_owner(visible(each["owned_by"] or "")) for each in rows]
    columns = _model_widths([visible(each["model"]) for each in rows], owners, ends, width)
    lines = [_model_row(_HEAD, columns, "strong", "strong")]
    for each, owner, (end, role) in zip(rows, owners, ends, strict=True):
        lines.append(
            _model_row((visible(each["model"]), owner, end), columns, "strong" if each["used_by"] else "plain", role)
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


def _cut_owner(owner: str) -> str:
    return owner if len(owner) <= _WIDEST_OWNER else f"{owner[: _WIDEST_OWNER - 1]}…"


def _model_widths(
    names: Sequence[str], owners: Sequence[str], ends: Sequence[tuple[str, Role]], width: int
) -> tuple[int, int]:
    """Of the first two columns. Ids that are too long for the terminal push their own line out, and no other."""
    owner = max(cell_len(each) for each in (_HEAD[1], *owners))
    room = max(width - owner - 4 - max(cell_len(end) for end, _ in ((_HEAD[2], "plain"), *ends)), len(_HEAD[0]))
    return max(cell_len(each) for each in (_HEAD[0], *names) if cell_len(each) <= room), owner


def _model_row(cells: tuple[str, str, str], columns: tuple[int, int], first: Role, last: Role) -> Line:
    name, owner = _padded(cells[:2], columns)
    return line((name, first), "  ", owner, *(("  ", (cells[2], last)) if cells[2] else ()))


def _uses(uses: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    for each in uses[:_MOST_USES]:
        yield line(f"  {each['address']}", place=f"{each['file']}:{each['line']}")
    if len(uses) > _MOST_USES:
        yield line((f"  and {len(uses) - _MOST_USES} more", "faint"))


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, fold: int | None, width: int) -> list[Line]:
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
    return line(("  ".join(_padded(cells, widths)).rstrip(" "), "strong" if strong else "plain"))


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell + " " * (size - cell_len(cell)) for cell, size in zip(cells, widths, strict=True)]


# ── YAML ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _yaml_lines(value: Any) -> list[Line]:
    """The lines of a value at the top of a document."""
    if isinstance(value, Mapping) and value:
        return [each for key, item in value.items() for each in _entry((f"{_scalar(str(key))}:", "place"), item)]
    if isinstance(value, list) and value:
        return [each for item in value for each in _list_item(item)]
    return [line(_scalar(value))]


def _entry(key: tuple[str, Any], value: Any) -> list[Line]:
    if isinstance(value, Mapping | list) and value:
        return [line(key), *indent(_yaml_lines(value), 2)]
    if isinstance(value, str) and _is_block(value):
        sign = "|" if value.endswith("\n") else "|-"
        block = value.removesuffix("\n").split("\n")
        return [line(key, f" {sign}"), *indent((line(each) for each in block), 2)]
    return [line(key, f" {_scalar(value)}")]


def _list_item(value: Any) -> list[Line]:
    if isinstance(value, Mapping | list) and value:
        first, *more = _yaml_lines(value)
        return [Line((("- ", "plain"), *first.parts)), *indent(more, 2)]
    return [line(f"- {_scalar(value)}")]


def _is_block(text: str) -> bool:
    """Whether a text of several lines survives being written as it is."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and bool(lines[0])
        and lines[0][0] != " "
        and bool(lines[-1])
        and all(visible(each) == each and each == each.rstrip(" ") and "\x85" not in each for each in lines)
    )


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value) and not _NOT_STRINGS.fullmatch(value):
        return value
    text = visible(json.dumps(value, ensure_ascii=False))
    # YAML 1.1 reads 5e-324 as a word; with a point it is a number.
    return text.replace("e", ".0e") if isinstance(value, float) and "." not in text else text
