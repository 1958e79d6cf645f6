"""The changes of the files attached to one object as lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from retinue.report.change_text import WHOLE, Detail
from retinue.report.ink import Line, Role, indent, line, visible
from retinue.report.values import count, show_place, show_size, show_value

_WORDS: dict[str, tuple[str, Role, str]] = {
    "add": ("+", "added", "added"),
    "attach": ("+", "added", "attached by id"),
    "replace": ("~", "changed", "replaced"),
    "attributes": ("~", "changed", "with new attributes"),
    "remove": ("-", "removed", "removed"),
    "wait": ("…", "faint", "waited for"),
}
_CHANGED: tuple[str, Role] = ("~", "changed")
_MARKS: dict[str, tuple[str, Role]] = {"create": ("+", "added"), "delete": ("-", "removed")}
_MANY = 20
_EXAMPLES = 3
_WIDEST_PATH = 40


def file_lines(
    files: Sequence[Mapping[str, Any]], step: Mapping[str, Any], *, detail: Detail, outside: bool = False
) -> list[Line]:
    """A heading with the counts, then one line for each file; of very many only some, unless all are asked for.

    `outside` marks them as changes that somebody else made.
    """
    if not files:
        return []
    places = {show_place(each["position"]) for each in files if each["position"]}
    shared = places.pop() if len(places) == 1 else None
    mark = _MARKS.get(step["action"], _CHANGED)
    if outside:
        mark = ("!~" if any(each["cause"] == "conflict" for each in files) else "!", "drift")
    heading = line(mark, f" files: {_counts(files)}", place=shared)
    column = min(max(cell_len(visible(each["path"])) for each in files), _WIDEST_PATH)
    lines: list[Line] = []
    for action in _WORDS:
        group = [each for each in files if each["action"] == action]
        few = detail in WHOLE or len(files) <= _MANY or len(group) <= _EXAMPLES + 2
        named = group if few else group[:_EXAMPLES]
        lines += [_file_line(each, step, column, place=shared is None) for each in named]
        if len(named) < len(group):
            sign, role, _ = _WORDS[action]
            more = f"{count(len(group) - len(named), 'more file')} (--detail full names every one)"
            lines.append(line((sign, role), " ", (f"… {more}", "faint")))
    return [heading, *indent(lines, 4)]


def _counts(files: Iterable[Mapping[str, Any]]) -> str:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for each in files:
        groups.setdefault(each["action"], []).append(each)
    texts = []
    for action, (_, _, word) in _WORDS.items():
        if action in groups:
            size = sum(each["after"]["size"] for each in groups[action] if each["after"])
            uploaded = f" ({show_size(size)})" if action in ("add", "replace") else ""
            texts.append(f"{len(groups[action]):,} {word}{uploaded}")
    return ", ".join(texts)


def _file_line(each: Mapping[str, Any], step: Mapping[str, Any], column: int, *, place: bool) -> Line:
    sign, role, _ = _WORDS[each["action"]]
    path = visible(each["path"])
    what = _what(each, step)
    if each["reason"]:
        what += ("  " if what else "") + f"({each['reason']})"
    gap = " " * (max(column - cell_len(path), 0) + 2) if what else ""
    return line((f"{sign} ", role), path, gap, what, place=show_place(each["position"]) if place else None)


def _what(each: Mapping[str, Any], step: Mapping[str, Any]) -> str:
    before, after = each["before"], each["after"]
    match each["action"]:
        case "add":
            return show_size(after["size"]) if after else ""
        case "replace" if before and after and before["sha256"] != after["sha256"]:
            # An account does not tell the size of an attached file, only what it came to once indexed.
            old, new = show_size(before["size"]), show_size(after["size"])
            sizes = _arrow(old, new) if before["size"] else new
            return f"content changed  sha256 {before['sha256'][:8]}… -> {after['sha256'][:8]}…  {sizes}"
        case "attributes":
            return "attributes " + _arrow(show_value(_live_attributes(each, step)), show_value(each["attributes"]))
    return ""


def _arrow(before: str, after: str) -> str:
    return after if before == after else f"{before} -> {after}"


def _live_attributes(each: Mapping[str, Any], step: Mapping[str, Any]) -> Any:
    """The file's attributes before: they stand in the object's live specification, under the file's path."""
    for value in (step["before"] or {}).values():
        entry = value.get(each["path"]) if isinstance(value, Mapping) else None
        if isinstance(entry, Mapping) and "attributes" in entry:
            return entry["attributes"]
    return {}
