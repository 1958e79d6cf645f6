"""The files of one step as lines: counts first, then each file; and what goes with an object, in a few words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from retinue.model.printable import visible
from retinue.report.plan.step_groups import SIGNS, Step, losses
from retinue.report.text.change_text import WHOLE, Detail, show_place, show_size, show_value
from retinue.report.text.ink import Line, Role, count, indent, line
from retinue.report.text.lookalikes import alike, escaped, tell_apart

_FILE_SIGNS: dict[str, tuple[str, Role, str]] = {
    "add": ("+", "added", "added"),
    "attach": ("+", "added", "attached by id"),
    "replace": ("~", "changed", "replaced"),
    "attributes": ("~", "changed", "with new attributes"),
    "move": (">", "changed", "moved"),
    "remove": ("-", "removed", "removed"),
    "wait": ("…", "faint", "waited for"),
}
_TAKING = ("replace", "remove")
"""What takes a file away, and is always named."""
_MANY = 20
_EXAMPLES = 3
_FOLDERS = 6
_WIDEST_PATH = 40


def file_lines(files: Sequence[Mapping[str, Any]], step: Step, *, detail: Detail, outside: bool = False) -> list[Line]:
    """A heading with the counts, then one line for each file; of very many only some, unless all are asked for.

    `outside` marks them as changes that somebody else made.
    """
    if not files:
        return []
    places = {show_place(each["position"]) for each in files if each["position"]}
    shared = places.pop() if len(places) == 1 else None
    mark = SIGNS[step["action"] if step["action"] in ("create", "delete") else "update"]
    if outside:
        mark = ("!~" if any(each["cause"] == "conflict" for each in files) else "!", "drift")
    heading = line(mark, f" files: {file_counts(files)}", place=shared)
    # Names with accents differ between systems, and one path may come for another that looks the same.
    same = alike(each["path"] for each in files)
    files = [{**each, "path": escaped(each["path"])} if each["path"] in same else each for each in files]
    column = min(max(cell_len(visible(each["path"])) for each in files), _WIDEST_PATH)
    lines = [line((each, "faint")) for each in _cost(files)]
    for action in _FILE_SIGNS:
        group = [each for each in files if each["action"] == action]
        few = detail in WHOLE or len(files) <= _MANY or len(group) <= _EXAMPLES + 2 or action in _TAKING
        named = group if few else group[:_EXAMPLES]
        lines += [_file_line(each, step, column, place=shared is None) for each in named]
        if len(named) < len(group):
            sign, role, _ = _FILE_SIGNS[action]
            more = f"{count(len(group) - len(named), 'more file')} (--detail full names every one)"
            lines.append(line((sign, role), " ", (f"… {more}", "faint")))
    return [heading, *indent(lines, 4)]


def _cost(files: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What is sent and indexed, in a line where the counts do not say so: `re-index 214 files, 38.1 MB; upload 3 files,
    1.2 MB`. What is only cut in another way is sent again, too, so that a search finds it all the while."""
    sizes: dict[str, list[int]] = {}
    actions = set()
    for each in files:
        if each["action"] in ("add", "replace") and each["after"]:
            before = each["before"]["sha256"] if each["before"] else ""
            recut = bool(before) and each["after"]["sha256"].startswith(before)
            sizes.setdefault("re-index" if recut else "upload", []).append(each["after"]["size"])
            actions.add(each["action"])
    if "re-index" in sizes or len(actions) > 1:
        costs = sorted(sizes.items())
        yield "; ".join(f"{what} {count(len(each), 'file')}, {show_size(sum(each))}" for what, each in costs)


def file_counts(files: Iterable[Mapping[str, Any]]) -> str:
    """`2 added (2.4 MB), 1 removed`."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for each in files:
        groups.setdefault(each["action"], []).append(each)
    texts = []
    for action, (_, _, word) in _FILE_SIGNS.items():
        if action in groups:
            size = sum(each["after"]["size"] for each in groups[action] if each["after"])
            uploaded = f" ({show_size(size)})" if action in ("add", "replace") else ""
            texts.append(f"{len(groups[action]):,} {word}{uploaded}")
    return ", ".join(texts)


def _file_line(each: Mapping[str, Any], step: Mapping[str, Any], column: int, *, place: bool) -> Line:
    sign, role, _ = _FILE_SIGNS[each["action"]]
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
        case "move" if before:
            old = live_attributes({"path": before["retinue.file"]}, step)
            new = each["attributes"]
            return "" if old == new else "attributes " + _arrow(show_value(old), show_value(new))
        case "attributes":
            return "attributes " + _arrow(show_value(live_attributes(each, step)), show_value(each["attributes"]))
    return ""


def _arrow(before: str, after: str) -> str:
    return after if before == after else " -> ".join(tell_apart(before, after))


def gone_by_folder(step: Step) -> list[str]:
    """What goes from the account with a step: by name, and of very many files by folder, with how many there are."""
    lost = losses(step)
    paths = [each.removeprefix("file ") for each in lost if each.startswith("file ")]
    if len(paths) <= _MANY:
        return lost
    others = [each for each in lost if not each.startswith("file ")]
    folders = _folders(paths)
    shown = [f"{count(number, 'file')} in {name}" for name, number in folders[:_FOLDERS]]
    rest = folders[_FOLDERS:]
    if rest:
        more = f"{count(sum(number for _, number in rest), 'file')} in {count(len(rest), 'more folder')}"
        shown.append(more)
    return [*others, *shown]


def _folders(paths: Sequence[str]) -> list[tuple[str, int]]:
    """The folders at the greatest depth at which they are few, each with the number of files below it."""
    parts = [each.split("/")[:-1] for each in paths]
    found: Counter[str] = Counter()
    for depth in range(1, max(map(len, parts), default=0) + 1):
        deeper = Counter("/".join(each[:depth]) for each in parts)
        if found and (len(deeper) > _FOLDERS or len(deeper) == len(found)):
            break
        found = deeper
    found = found or Counter("" for _ in parts)
    return [(f"{name}/" if name else "./", number) for name, number in found.items()]


def live_attributes(each: Mapping[str, Any], step: Mapping[str, Any]) -> Any:
    """The file's attributes before: they stand in the object's live specification, under the file's path."""
    for value in (step["before"] or {}).values():
        entry = value.get(each["path"]) if isinstance(value, Mapping) else None
        if isinstance(entry, Mapping) and "attributes" in entry:
            return entry["attributes"]
    return {}
