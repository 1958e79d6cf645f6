"""A new object in a few lines: what identifies it, its model, short values, how long its texts are, what its tools
and files are. Everything that it holds is named; how it reads in full is another detail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from retinue.kinds import all_kinds
from retinue.report.plan.file_text import file_counts
from retinue.report.plan.folding import Fold, kind_of, new_fields
from retinue.report.plan.step_groups import Step
from retinue.report.text.change_text import is_file, show_key, show_place, show_size, show_value
from retinue.report.text.ink import Line, cells_of, count, line

_PLAIN = 40
"""Characters of a value that is shown as it is."""
_OPENING = 48
"""Characters of the beginning of a text, by which one knows which it is."""
_ROWS = 3
"""Lines for the entries of one field."""
_MEMBERS = 10
"""New objects that differ little and are shown one by one."""


def created_lines(step: Step, *, width: int) -> list[Line]:
    """What is told of a new object, not indented."""
    fields = new_fields(step)
    owners, taken = _owners(step, fields)
    short = [f"{show_key(name)}: {show_value(value)}" for name, value in fields.items() if _is_short(value)]
    lines = _added(_wrapped(short, width - 2), "")
    for name, value in fields.items():
        if not _is_short(value) and name not in taken:
            lines += _field(name, value, owners, width)
    return [*lines, *_attached(step, width)]


def created_folds(fold: Fold, *, width: int, everything: bool) -> list[Line]:
    """What several new objects have in common, and what is of each alone."""
    lines = created_lines(fold.shown, width=width)
    few = everything or len(fold.steps) <= _MEMBERS + 2
    shown = fold.steps if few else fold.steps[:_MEMBERS]
    for each in shown:
        place = _own_place(each, fold)
        room = width - cells_of(each["address"]) - len(place or "") - 4
        lines.append(line(("+ ", "added"), each["address"], own_text(each, fold, room=room), place=place))
    if len(shown) < len(fold.steps):
        more = f"… {len(fold.steps) - len(shown):,} more (--detail full shows every one)"
        lines.append(line(("+ ", "added"), (more, "faint")))
    return lines


def _own_place(step: Step, fold: Fold) -> str | None:
    place = show_place(step["position"])
    return None if place == fold.place else place


def own_text(step: Step, fold: Fold, *, room: int) -> str:
    """What a new object has of its own, on one line that begins with two blanks; without the beginnings of texts where
    there is no room for them."""
    fields = new_fields(step)
    own = {show_key(name): fields[name] for name in fold.own if name in fields}
    files = [f"files: {file_counts(step['files'])}"] if "files" in fold.own and step["files"] else []
    for opening in (True, False):
        text = ", ".join([*(f"{name}: {_brief(value, opening=opening)}" for name, value in own.items()), *files])
        if cells_of(text) <= room:
            break
    return f"  {text}" if text else ""


# ── fields ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_short(value: Any) -> bool:
    if isinstance(value, str):
        return "\n" not in value and len(value) <= _PLAIN
    return not isinstance(value, Mapping | list)


def _field(name: str, value: Any, owners: Mapping[str, Sequence[str]], width: int) -> Iterator[Line]:
    label = f"{show_key(name)}: "
    if isinstance(value, Mapping) and not any(key.startswith("retinue.") for key in value):
        if value and all(map(is_file, value.values())):
            entries = _files(list(value.values()))
        elif len(show_value(value)) <= _PLAIN and not any(isinstance(each, Mapping | list) for each in value.values()):
            entries = [show_value(value)]
        else:
            entries = [_entry(key, each, owners.get(key, ())) for key, each in value.items()]
    elif isinstance(value, list):
        entries = [show_value(each) if len(show_value(each)) <= _PLAIN else _brief(each) for each in value]
    else:
        entries = [_brief(value)]
    yield from _added(_wrapped(entries, width - 2 - len(label), rows=_ROWS), label)


def _entry(key: str, value: Any, targets: Iterable[str]) -> str:
    """An entry of a map by its key, with a short value, and with what it refers to."""
    found = [*targets, *_references(value)]
    if found:
        return f"{show_key(key)} → {', '.join(found)}"
    shown = show_value(value)
    plain = not isinstance(value, Mapping | list)
    return f"{show_key(key)}: {shown}" if plain and len(shown) <= _PLAIN else show_key(key)


def _brief(value: Any, *, opening: bool = True) -> str:
    """A value in a few words; a text by its size and, with `opening`, by how it begins."""
    if isinstance(value, str) and not _is_short(value):
        lines = value.removesuffix("\n").split("\n")
        size = count(len(lines), "line") if len(lines) > 1 else count(len(value), "character")
        return f"{size}, {_opening(lines)}" if opening else size
    if isinstance(value, Mapping) and value and all(map(is_file, value.values())):
        return ", ".join(_files(list(value.values())))
    shown = show_value(value)
    if len(shown) <= _PLAIN or not isinstance(value, Mapping | list):
        return shown
    return ", ".join(map(show_key, value)) if isinstance(value, Mapping) else count(len(value), "item")


def _opening(lines: Sequence[str]) -> str:
    """How a text begins: its first line that is no heading, or the first words of it."""
    said = [each for each in lines if each.strip()]
    first = next((each for each in said if not each.startswith("#")), said[0] if said else "")
    if len(first) > _OPENING:
        return show_value(f"{first[:_OPENING].rpartition(' ')[0] or first[:_OPENING]}…")
    return show_value(first) + (" …" if len(lines) > 1 else "")


def _files(files: Sequence[Mapping[str, Any]]) -> list[str]:
    size = sum(each["size"] for each in files)
    total = count(len(files), "file") + (f" ({show_size(size)})" if size else "")
    return [total] if len(files) > 1 else [f"{files[0]['retinue.file']} ({show_size(size)})"]


def _attached(step: Step, width: int) -> Iterator[Line]:
    files = step["files"]
    if not files:
        return
    label = f"files: {file_counts(files)}"
    names = ", ".join(each["path"] for each in files)
    text = f"{label}: {names}" if len(label) + cells_of(names) + 4 <= width else label
    places = {show_place(each["position"]) for each in files}
    yield line(("+ ", "added"), text, place=places.pop() if len(places) == 1 else None)


# ── what refers to what ───────────────────────────────────────────────────────────────────────────────────────────────


def _owners(step: Step, fields: Mapping[str, Any]) -> tuple[dict[str, list[str]], set[str]]:
    """What entries of maps refer to in a field of their own, as tools do whose resources stand elsewhere in the body:
    by the entry's key; and the names of those fields, which need not be said again."""
    kind = all_kinds().get(kind_of(step))
    at = kind.at(step.get("home")) if kind else None
    keys = {key for value in fields.values() if isinstance(value, Mapping) for key in value}
    owners: dict[str, list[str]] = {}
    taken: set[str] = set()
    for name, value in fields.items():
        path = at.field(name).body_path if at and at.has(name) and at.field(name).refs else ()
        found = list(_references(value))
        for key in [
            each for each in path[:-1] if each in keys and isinstance(value, list) and len(found) == len(value)
        ]:
            owners[str(key)] = found
            taken.add(name)
    return owners, taken


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and "retinue.ref" in value:
        yield str(value["retinue.ref"])
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _references(each)


# ── lines ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _added(texts: Iterable[str], label: str) -> list[Line]:
    """The texts below each other, the sign and the label before the first."""
    return [
        line(("+ ", "added"), f"{label}{text}") if not index else line("  ", " " * len(label), text)
        for index, text in enumerate(texts)
    ]


def _wrapped(entries: Sequence[str], width: int, *, rows: int | None = None) -> list[str]:
    """The entries with commas between them, on lines as long as there is room; of more than so many rows the rest is
    counted."""
    lines: list[str] = []
    used = 0
    for index, each in enumerate(entries):
        size = cells_of(each) + 2
        if lines and used + size + 1 <= width:
            lines[-1] += f", {each}"
            used += size
            continue
        if rows is not None and len(lines) == rows:
            lines[-1] += f", … {len(entries) - index:,} more"
            break
        if lines:
            lines[-1] += ","
        lines.append(each)
        used = size - 2
    return lines


def listed(names: Sequence[str], width: int, *, rows: int | None = None) -> list[Line]:
    """Names one after the other; of more than so many lines the rest is counted in one more."""
    texts = _wrapped(names, width)
    if rows is None or len(texts) <= rows + 1:
        return [line((each, "faint")) for each in texts]
    left = len(names) - sum(each.rstrip(",").count(", ") + 1 for each in texts[:rows])
    return [line((each, "faint")) for each in (*texts[:rows], f"… {left:,} more (--detail full names every one)")]
